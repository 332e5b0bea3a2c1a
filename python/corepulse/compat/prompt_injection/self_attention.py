"""How parts of the picture look at each other."""
from __future__ import annotations

from collections.abc import Mapping

from ...errors import InvalidRequest
from ...region import Region
from .._blocks import BlockLike, PipelineLike
from .._masks import Mask, MaskLike, array_of, inverted, region_of
from .._sides import sides
from .._windows import COHERENCE_END, LATE_END, LATE_START, number
from .advanced import AdvancedPromptInjector
from .mask_shapes import create_bottom_half_mask, create_left_half_mask, create_right_half_mask, create_top_half_mask


class LookInjector(AdvancedPromptInjector):
    """What the self-attention and the unified injector share."""

    def enhance_region_interaction(
        self,
        source_region: MaskLike,
        target_region: MaskLike,
        attention_scale: float = 2.0,
        block: BlockLike = "all",
        sigma_start: float = LATE_START,
        sigma_end: float = LATE_END,
    ) -> None:
        """Pixels of the source look more at the target."""
        self.patcher.add_self_attention_manipulation(
            block, source_region, target_region, attention_scale, "enhance", sigma_start, sigma_end
        )

    def enhance_global_coherence(
        self,
        attention_scale: float = 1.5,
        block: BlockLike = "middle:0",
        sigma_start: float = LATE_START,
        sigma_end: float = COHERENCE_END,
    ) -> None:
        """Sharper attention of all pixels."""
        self.patcher.add_self_attention_manipulation(block, None, None, attention_scale, "enhance", sigma_start, sigma_end)


class SelfAttentionInjector(LookInjector):
    """Self-attention between parts of the picture, beside injections."""

    def suppress_region_interaction(
        self,
        source_region: MaskLike,
        target_region: MaskLike,
        attention_scale: float = 0.3,
        block: BlockLike = "all",
        sigma_start: float = LATE_START,
        sigma_end: float = LATE_END,
    ) -> None:
        """Pixels of the source look less at the target."""
        self.patcher.add_self_attention_manipulation(
            block, source_region, target_region, attention_scale, "suppress", sigma_start, sigma_end
        )

    def redirect_attention(
        self,
        source_region: MaskLike,
        old_target: MaskLike,
        new_target: MaskLike,
        attention_scale: float = 3.0,
        block: BlockLike = "all",
        sigma_start: float = LATE_START,
        sigma_end: float = LATE_END,
    ) -> None:
        """Pixels of the source look less at the old target (1 / scale) and more at the new one."""
        if not number(attention_scale, "attention_scale"):
            raise InvalidRequest("[attention_scale] 0; expected more than 0: the old target gets 1 / scale")
        self.suppress_region_interaction(source_region, old_target, 1 / attention_scale, block, sigma_start, sigma_end)
        self.enhance_region_interaction(source_region, new_target, attention_scale, block, sigma_start, sigma_end)

    def create_attention_barrier(
        self,
        barrier_region: MaskLike,
        attention_scale: float = 0.1,
        block: BlockLike = "all",
        sigma_start: float = LATE_START,
        sigma_end: float = LATE_END,
    ) -> None:
        """The region and the rest look less at each other, and so do the parts into which it cuts the rest.

        These are found in its pixels: a mask, no corepulse.Region.
        """
        region = region_of(barrier_region, "barrier_region")
        if region is None or (isinstance(barrier_region, (Region, str, Mapping)) and not self.legacy):
            raise InvalidRequest("[barrier_region] expected a mask [height, width]: what it parts is found in its pixels")
        pairs: list[tuple[MaskLike, MaskLike]] = [(region, inverted(region)), (inverted(region), region)]
        if not self.legacy:
            values = array_of(barrier_region, "barrier_region")
            parts = sides(values)
            free = values <= 0.5
            pairs += [(Mask(part, hard=True), Mask(free & ~part, hard=True)) for part in parts if len(parts) > 1]
        for source, target in pairs:
            self.suppress_region_interaction(source, target, attention_scale, block, sigma_start, sigma_end)


def _both_ways(pipeline: PipelineLike, one: Mask, other: Mask, scale: float) -> SelfAttentionInjector:
    injector = SelfAttentionInjector(pipeline)
    injector.enhance_region_interaction(one, other, scale)
    injector.enhance_region_interaction(other, one, scale)
    return injector


def enhance_left_right_interaction(
    pipeline: PipelineLike, attention_scale: float = 2.0, image_size: tuple[int, int] = (1024, 1024)
) -> SelfAttentionInjector:
    """An injector whose halves look more at each other; it is not applied yet."""
    return _both_ways(pipeline, create_left_half_mask(image_size), create_right_half_mask(image_size), attention_scale)


def enhance_top_bottom_interaction(
    pipeline: PipelineLike, attention_scale: float = 2.0, image_size: tuple[int, int] = (1024, 1024)
) -> SelfAttentionInjector:
    """An injector whose halves look more at each other; it is not applied yet."""
    return _both_ways(pipeline, create_top_half_mask(image_size), create_bottom_half_mask(image_size), attention_scale)


def improve_composition_coherence(pipeline: PipelineLike, coherence_scale: float = 1.8) -> SelfAttentionInjector:
    """An injector of sharper self-attention in the middle block; it is not applied yet."""
    injector = SelfAttentionInjector(pipeline)
    injector.enhance_global_coherence(coherence_scale)
    return injector
