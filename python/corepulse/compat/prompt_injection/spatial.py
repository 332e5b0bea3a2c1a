"""Prompts for parts of the picture. The masks' own names are here as well, as they were."""
from __future__ import annotations

from ...errors import InvalidRequest
from .._blocks import BlockLike
from .._masks import MaskLike
from .._windows import END, START
from .masking import MaskedPromptInjector
from .mask_factory import MaskFactory
from .mask_shapes import (
    create_bottom_half_mask,
    create_bottom_left_quadrant_mask,
    create_bottom_right_quadrant_mask,
    create_center_circle_mask,
    create_center_square_mask,
    create_circle_mask,
    create_horizontal_strip_mask,
    create_left_half_mask,
    create_rectangle_mask,
    create_right_half_mask,
    create_top_half_mask,
    create_top_left_quadrant_mask,
    create_top_right_quadrant_mask,
    create_vertical_strip_mask,
)


class RegionalPromptInjector(MaskedPromptInjector):
    """Prompts for parts of the picture, any number of them in one block."""

    def add_regional_injection(
        self,
        block: BlockLike,
        prompt: str,
        mask: MaskLike,
        weight: float = 1.0,
        sigma_start: float = START,
        sigma_end: float = END,
    ) -> None:
        """mask [height, width] of 0..1, of any size: stretched over the picture, whose layers get their means of it."""
        if mask is None:
            raise InvalidRequest("[mask] None; expected a mask, or add_injection for the whole picture")
        self.patcher.add_injection(block, prompt, weight, sigma_start, sigma_end, mask)


__all__ = [
    "MaskFactory",
    "RegionalPromptInjector",
    "create_bottom_half_mask",
    "create_bottom_left_quadrant_mask",
    "create_bottom_right_quadrant_mask",
    "create_center_circle_mask",
    "create_center_square_mask",
    "create_circle_mask",
    "create_horizontal_strip_mask",
    "create_left_half_mask",
    "create_rectangle_mask",
    "create_right_half_mask",
    "create_top_half_mask",
    "create_top_left_quadrant_mask",
    "create_top_right_quadrant_mask",
    "create_vertical_strip_mask",
]
