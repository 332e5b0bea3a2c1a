"""Masks from shapes, pictures and other masks. image_size is (width, height), a mask [height, width]."""
from __future__ import annotations

import operator
from typing import Any

import numpy as np
import PIL.Image

from ...errors import InvalidRequest
from ...region import picture
from .._masks import Floats, Mask, MaskLike, array_of, inverted
from .._windows import number

Size = tuple[int, int]


def _pixels(image_size: Size) -> tuple[int, int]:
    width, height = (operator.index(side) for side in image_size)
    if width < 1 or height < 1:
        raise InvalidRequest(f"[image_size] {width} x {height}; expected (width, height)")
    return width, height


def _taken(params: dict[str, Any], required: tuple[str, ...], optional: tuple[str, ...], what: str) -> dict[str, Any]:
    for name in params:
        if name not in required + optional:
            raise InvalidRequest(f"[{what}] unknown {name!r}; expected one of: {', '.join(required + optional)}")
    for name in required:
        if name not in params:
            raise InvalidRequest(f"[{what}] {name!r} is missing")
    return params


def _distances(width: int, height: int, cx: float, cy: float, rx: float, ry: float) -> Floats:
    """Of pixels from a centre, in radii."""
    x, y = (np.arange(width) - cx) / rx, (np.arange(height) - cy) / ry
    return np.sqrt(x[None, :] ** 2 + y[:, None] ** 2).astype(np.float32)


def _rectangle(width: int, height: int, p: dict[str, Any]) -> Mask:
    x, y, w, h = (operator.index(p[name]) for name in ("x", "y", "width", "height"))
    x1, y1 = max(0, x), max(0, y)
    x2, y2 = max(x1, min(width, x + w)), max(y1, min(height, y + h))
    values = np.zeros((height, width), np.float32)
    values[y1:y2, x1:x2] = 1
    box = [x1 / width, y1 / height, (x2 - x1) / width, (y2 - y1) / height]
    return Mask(values, {"shape": "rectangle", "box": box} if values.any() else None, hard=True)


def _round(width: int, height: int, cx: float, cy: float, rx: float, ry: float) -> Mask:
    """A pixel's number is its left top corner; the shape lies over its middle."""
    if not (rx > 0 and ry > 0):
        raise InvalidRequest(f"[from_shape] radii {rx:g} and {ry:g}; expected more than 0")
    values = _distances(width, height, cx, cy, rx, ry) <= 1
    center, radii = [(cx + 0.5) / width, (cy + 0.5) / height], [rx / width, ry / height]
    return Mask(values, {"shape": "ellipse", "center": center, "radii": radii} if values.any() else None, hard=True)


def _linear(width: int, height: int, p: dict[str, Any]) -> Mask:
    direction = p.get("direction", "horizontal")
    if direction not in ("horizontal", "vertical"):
        raise InvalidRequest(f"[gradient] unknown direction {direction!r}; expected horizontal or vertical")
    along = width if direction == "horizontal" else height
    first, last = number(p.get("start_val", 0.0), "start_val"), number(p.get("end_val", 1.0), "end_val")
    ramp = np.linspace(first, last, along, dtype=np.float32)
    values = np.tile(ramp, (height, 1)) if direction == "horizontal" else np.tile(ramp[:, None], (1, width))
    edge = 0.5 / along
    ends = [[edge, 0.5], [1 - edge, 0.5]] if direction == "horizontal" else [[0.5, edge], [0.5, 1 - edge]]
    region = {"shape": "linear", "from": ends[0], "to": ends[1], "values": [first, last]}
    return Mask(values, region if along > 1 and 0 <= min(first, last) and max(first, last) <= 1 else None)


def _radial(width: int, height: int, p: dict[str, Any]) -> Mask:
    cx, cy = number(p.get("cx", width // 2), "cx"), number(p.get("cy", height // 2), "cy")
    radius = number(p.get("radius", min(width, height) / 2), "radius")
    if radius <= 0:
        raise InvalidRequest(f"[gradient] radius {radius:g}; expected more than 0")
    first, last = number(p.get("start_val", 1.0), "start_val"), number(p.get("end_val", 0.0), "end_val")
    far = _distances(width, height, cx, cy, radius, radius).clip(0, 1)
    center = [(cx + 0.5) / width, (cy + 0.5) / height]
    region = {"shape": "radial", "center": center, "radius": radius / min(width, height), "values": [first, last]}
    inside = 0 <= min(first, last) and max(first, last) <= 1
    return Mask((first + (last - first) * far).clip(0, 1), region if inside else None)


def _blurred(values: Floats, radius: int, sigma: float) -> Floats:
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    for axis in (0, 1):
        padded = np.pad(values, [(radius, radius) if axis == i else (0, 0) for i in (0, 1)], mode="reflect")
        size = values.shape[axis]
        parts = (w * np.take(padded, range(i, i + size), axis=axis) for i, w in enumerate(kernel))
        values = np.asarray(sum(parts), dtype=np.float32)
    return values


def _both(first: Any, second: Any, shape: str) -> dict[str, Any] | None:
    """Two known shapes as one."""
    regions = [m.region if isinstance(m, Mask) else None for m in (first, second)]
    return {"shape": shape, "parts": regions} if None not in regions else None


class MaskFactory:
    """Masks are read-only arrays that also know their shape, so that a recipe holds the shape and no pixels."""

    @staticmethod
    def from_shape(shape_type: str, image_size: Size = (1024, 1024), **params: Any) -> Mask:
        """rectangle (x, y, width, height), circle (cx, cy, radius), ellipse (cx, cy, width, height), in pixels."""
        width, height = _pixels(image_size)
        kind = shape_type.lower()
        if kind == "rectangle":
            return _rectangle(width, height, _taken(params, ("x", "y", "width", "height"), (), kind))
        if kind == "circle":
            p = _taken(params, ("cx", "cy", "radius"), (), kind)
            return _round(width, height, p["cx"], p["cy"], p["radius"], p["radius"])
        if kind == "ellipse":
            p = _taken(params, ("cx", "cy", "width", "height"), (), kind)
            return _round(width, height, p["cx"], p["cy"], p["width"] / 2, p["height"] / 2)
        raise InvalidRequest(f"[shape_type] unknown {shape_type!r}; expected rectangle, circle or ellipse")

    @staticmethod
    def from_image(image_path: str, image_size: Size | None = None) -> Mask:
        """A picture file in grey, as it is or scaled; unscaled, the recipe names the file."""
        with PIL.Image.open(image_path) as opened:
            grey = opened.convert("L")
        if image_size is not None:
            grey = grey.resize(_pixels(image_size), PIL.Image.Resampling.LANCZOS)
        values = np.asarray(grey, dtype=np.float32) / np.float32(255)
        return Mask(values, picture(image_path).data() if image_size is None else None)

    @staticmethod
    def gaussian_blur(mask: MaskLike, kernel_size: int = 5, sigma: float = 1.0) -> Mask:
        """Softer edges; an even kernel is one larger. sigma in the mask's pixels."""
        values = array_of(mask)
        if kernel_size < 1 or not sigma > 0 or kernel_size // 2 >= min(values.shape):
            raise InvalidRequest(f"[gaussian_blur] kernel {kernel_size}, sigma {sigma:g}; expected 1 or more (less than the "
                                 "mask), and more than 0")
        radius, region = kernel_size // 2, mask.region if isinstance(mask, Mask) else None
        if region is not None and radius >= 2 * sigma:  # a shorter kernel is another blur than a region's
            side = min(values.shape)
            region = {**region, "blur": float(np.hypot(region.get("blur", 0.0), sigma / side))}
        else:
            region = None
        return Mask(_blurred(values, radius, sigma).clip(0, 1), region)

    @staticmethod
    def gradient(gradient_type: str, image_size: Size = (1024, 1024), **params: Any) -> Mask:
        """linear (start_val 0, end_val 1, direction horizontal), radial (cx, cy, radius, start_val 1, end_val 0)."""
        width, height = _pixels(image_size)
        kind = gradient_type.lower()
        if kind == "linear":
            return _linear(width, height, _taken(params, (), ("start_val", "end_val", "direction"), "gradient"))
        if kind == "radial":
            return _radial(width, height, _taken(params, (), ("cx", "cy", "radius", "start_val", "end_val"), "gradient"))
        raise InvalidRequest(f"[gradient_type] unknown {gradient_type!r}; expected linear or radial")

    @staticmethod
    def invert(mask: MaskLike) -> Mask:
        """1 - mask."""
        region = mask.region if isinstance(mask, Mask) else None
        hard = isinstance(mask, Mask) and mask.hard
        return Mask(1 - array_of(mask), inverted(region) if region is not None else None, hard)

    @staticmethod
    def combine(mask1: MaskLike, mask2: MaskLike, operation: str) -> Mask:
        """add: the larger; subtract: the first less the second, from 0; multiply: the smaller."""
        first, second = array_of(mask1, "mask1"), array_of(mask2, "mask2")
        if first.shape != second.shape:
            raise InvalidRequest(f"[mask2] sizes {first.shape} and {second.shape}; expected two masks of one size")
        kind = operation.lower()
        if kind not in ("add", "subtract", "multiply"):
            raise InvalidRequest(f"[operation] unknown {operation!r}; expected add, subtract or multiply")
        hard = isinstance(mask1, Mask) and mask1.hard and isinstance(mask2, Mask) and mask2.hard
        region = _both(mask1, mask2, kind) if hard or kind == "subtract" else None  # soft shapes add up otherwise
        values = (first - second).clip(0, 1)
        if kind != "subtract":
            values = np.maximum(first, second) if kind == "add" else np.minimum(first, second)
        return Mask(values, region if values.any() else None, hard)
