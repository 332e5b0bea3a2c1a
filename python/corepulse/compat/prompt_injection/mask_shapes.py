"""Masks by name. image_size is (width, height); the right and the bottom part take the pixel that halves leave over."""
from __future__ import annotations

from .._masks import Mask
from .mask_factory import MaskFactory, Size


def create_rectangle_mask(x: int, y: int, width: int, height: int, image_size: Size = (1024, 1024)) -> Mask:
    """From its left top corner, in pixels."""
    return MaskFactory.from_shape("rectangle", image_size, x=x, y=y, width=width, height=height)


def create_circle_mask(cx: int, cy: int, radius: int, image_size: Size = (1024, 1024)) -> Mask:
    """Around its centre, in pixels."""
    return MaskFactory.from_shape("circle", image_size, cx=cx, cy=cy, radius=radius)


def create_top_left_quadrant_mask(image_size: Size = (1024, 1024)) -> Mask:
    """A quarter."""
    w, h = image_size
    return create_rectangle_mask(0, 0, w // 2, h // 2, image_size)


def create_top_right_quadrant_mask(image_size: Size = (1024, 1024)) -> Mask:
    """A quarter."""
    w, h = image_size
    return create_rectangle_mask(w // 2, 0, w - w // 2, h // 2, image_size)


def create_bottom_left_quadrant_mask(image_size: Size = (1024, 1024)) -> Mask:
    """A quarter."""
    w, h = image_size
    return create_rectangle_mask(0, h // 2, w // 2, h - h // 2, image_size)


def create_bottom_right_quadrant_mask(image_size: Size = (1024, 1024)) -> Mask:
    """A quarter."""
    w, h = image_size
    return create_rectangle_mask(w // 2, h // 2, w - w // 2, h - h // 2, image_size)


def create_left_half_mask(image_size: Size = (1024, 1024)) -> Mask:
    """A half."""
    w, h = image_size
    return create_rectangle_mask(0, 0, w // 2, h, image_size)


def create_right_half_mask(image_size: Size = (1024, 1024)) -> Mask:
    """A half."""
    w, h = image_size
    return create_rectangle_mask(w // 2, 0, w - w // 2, h, image_size)


def create_top_half_mask(image_size: Size = (1024, 1024)) -> Mask:
    """A half."""
    w, h = image_size
    return create_rectangle_mask(0, 0, w, h // 2, image_size)


def create_bottom_half_mask(image_size: Size = (1024, 1024)) -> Mask:
    """A half."""
    w, h = image_size
    return create_rectangle_mask(0, h // 2, w, h - h // 2, image_size)


def create_center_square_mask(image_size: Size = (1024, 1024), size: int | None = None) -> Mask:
    """A square in the middle, a third of the shorter side wide unless told."""
    w, h = image_size
    side = min(w, h) // 3 if size is None else size
    return create_rectangle_mask((w - side) // 2, (h - side) // 2, side, side, image_size)


def create_center_circle_mask(image_size: Size = (1024, 1024), radius: int | None = None) -> Mask:
    """A circle in the middle, its radius a quarter of the shorter side unless told."""
    w, h = image_size
    return create_circle_mask(w // 2, h // 2, min(w, h) // 4 if radius is None else radius, image_size)


def create_horizontal_strip_mask(
    image_size: Size = (1024, 1024), y_start: int | None = None, height: int | None = None
) -> Mask:
    """From side to side; the middle third unless told."""
    w, h = image_size
    top, tall = h // 3 if y_start is None else y_start, h // 3 if height is None else height
    return create_rectangle_mask(0, top, w, tall, image_size)


def create_vertical_strip_mask(
    image_size: Size = (1024, 1024), x_start: int | None = None, width: int | None = None
) -> Mask:
    """From top to bottom; the middle third unless told."""
    w, h = image_size
    left, wide = w // 3 if x_start is None else x_start, w // 3 if width is None else width
    return create_rectangle_mask(left, 0, wide, h, image_size)
