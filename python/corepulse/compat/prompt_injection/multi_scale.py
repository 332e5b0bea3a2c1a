"""Prompts by how fine a block's token grid is, or by its stage."""
from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...errors import InvalidRequest
from .._masks import MaskLike
from .._windows import END, EXTREME_END, LATE_START, START, number
from ..models.block_mapper import LEVELS, STAGES
from .advanced import AdvancedPromptInjector

HIERARCHY = {"structure": 3.0, "midlevel": 2.5, "detail": 2.2}


def weights_of(given: Mapping[str, float] | None, defaults: Mapping[str, float]) -> dict[str, float]:
    """The defaults with what is given; unknown names are errors."""
    for name in given or {}:
        if name not in defaults:
            raise InvalidRequest(f"[weights] unknown {name!r}; expected one of: {', '.join(defaults)}")
    return {**defaults, **(given or {})}


class ScaledInjector(AdvancedPromptInjector):
    """What the multi-scale and the unified injector share."""

    def _inject_at(
        self,
        prompt: str,
        levels: Sequence[str],
        weight: float,
        window: tuple[float, float],
        mask: MaskLike | None = None,
    ) -> None:
        """All blocks of some levels, as one injection."""
        mapper = self.patcher.block_mapper
        found = {block for level in levels for block in mapper.get_blocks_by_resolution(level)}
        blocks = [block for block in mapper.get_all_block_identifiers() if block in found]
        if not blocks:
            has = [level for level in LEVELS if mapper.get_blocks_by_resolution(level)]
            raise InvalidRequest(f"[resolution_levels] this model has no {', '.join(levels)}; it has {', '.join(has)}")
        self.patcher.add_injection(blocks, prompt, weight, *window, mask)

    def _hierarchy(
        self, prompts: Mapping[str, str | None], weights: Mapping[str, float] | None, window: tuple[float, float]
    ) -> None:
        levels = {"structure": ("low", "lowest"), "midlevel": ("medium", "high"), "detail": ("highest", "high")}
        chosen = weights_of(weights, HIERARCHY)
        for name, prompt in prompts.items():
            if prompt:
                self._inject_at(prompt, levels[name], chosen[name], window)

    def add_hierarchical_prompts(
        self,
        structure_prompt: str,
        detail_prompt: str,
        midlevel_prompt: str | None = None,
        weights: Mapping[str, float] | None = None,
        sigma_start: float = START,
        sigma_end: float = END,
    ) -> None:
        """A prompt for each level; where two levels are one grid, both are read there."""
        prompts = {"structure": structure_prompt, "midlevel": midlevel_prompt, "detail": detail_prompt}
        self._hierarchy(prompts, weights, (sigma_start, sigma_end))


class MultiScaleInjector(ScaledInjector):
    """Structure for the coarsest token grid, details for the finest."""

    def add_detail_injection(
        self,
        prompt: str,
        weight: float = 2.2,
        resolution_levels: Sequence[str] = ["highest", "high"],
        sigma_start: float = 3.0,
        sigma_end: float = 0.0,
        spatial_mask: MaskLike | None = None,
    ) -> None:
        """Textures and small things, late in the run."""
        self._inject_at(prompt, resolution_levels, weight, (sigma_start, sigma_end), spatial_mask)

    def add_structure_injection(
        self,
        prompt: str,
        weight: float = 2.5,
        resolution_levels: Sequence[str] = ["lowest"],
        sigma_start: float = 15.0,
        sigma_end: float = 0.5,
        spatial_mask: MaskLike | None = None,
    ) -> None:
        """The large shapes, early in the run."""
        self._inject_at(prompt, resolution_levels, weight, (sigma_start, sigma_end), spatial_mask)

    def add_midlevel_injection(
        self,
        prompt: str,
        weight: float = 1.0,
        resolution_levels: Sequence[str] = ["medium", "high"],
        sigma_start: float = START,
        sigma_end: float = END,
        spatial_mask: MaskLike | None = None,
    ) -> None:
        """What is between them."""
        self._inject_at(prompt, resolution_levels, weight, (sigma_start, sigma_end), spatial_mask)

    def add_stage_based_injection(
        self,
        downsample_prompt: str | None = None,
        bottleneck_prompt: str | None = None,
        upsample_prompt: str | None = None,
        weights: Mapping[str, float] | None = None,
        sigma_start: float = START,
        sigma_end: float = END,
    ) -> None:
        """For the input blocks, the middle, the output blocks."""
        prompts = {"downsample": downsample_prompt, "bottleneck": bottleneck_prompt, "upsample": upsample_prompt}
        chosen = weights_of(weights, dict.fromkeys(prompts, 1.0))
        for stage, prompt in prompts.items():
            if prompt:
                blocks = self.patcher.block_mapper.get_blocks_by_stage(stage)
                self.patcher.add_injection(blocks, prompt, chosen[stage], sigma_start, sigma_end)

    def add_extreme_multi_scale(
        self,
        base_prompt: str,
        structure_keywords: str = "massive, towering, imposing",
        detail_keywords: str = "intricate, ornate, weathered",
        weight_multiplier: float = 2.0,
    ) -> None:
        """Hierarchical prompts at weights 3.5 and 2.8 times the multiplier."""
        factor = number(weight_multiplier, "weight_multiplier")
        prompts = {
            "structure": f"{structure_keywords} {base_prompt}, dramatic imposing architecture",
            "detail": f"{detail_keywords} {base_prompt} details, elaborate craftsmanship",
        }
        self._hierarchy(prompts, {"structure": 3.5 * factor, "detail": 2.8 * factor}, (LATE_START, EXTREME_END))

    def get_resolution_summary(self) -> dict[str, list[str]]:
        """Ids by level, of the levels that the model has."""
        mapper = self.patcher.block_mapper
        return {level: blocks for level in LEVELS if (blocks := mapper.get_blocks_by_resolution(level))}

    def get_stage_summary(self) -> dict[str, list[str]]:
        """Ids by stage."""
        return {stage: self.patcher.block_mapper.get_blocks_by_stage(stage) for stage in STAGES.values()}
