"""Everything in one injector."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._blocks import BlockLike
from .._masks import MaskLike
from .._windows import DETAIL_START, END, LATE_END, LATE_START, START, STRUCTURE_END, STRUCTURE_START
from .attention import AttentionInjector
from .base import of_config
from .multi_scale import ScaledInjector
from .self_attention import LookInjector

WORD_FIELDS = ("prompt", "block", "target_phrase", "attention_scale", "sigma_start", "sigma_end", "spatial_mask")
LOOK_FIELDS = ("block", "source_region", "target_region", "attention_scale", "interaction_type", "sigma_start", "sigma_end")


class UnifiedAdvancedInjector(AttentionInjector, LookInjector, ScaledInjector):
    """Injections, words, looks and levels, all of them lists. Windows are those of the injectors it unites."""

    def add_self_attention_manipulation(
        self,
        block: BlockLike,
        source_region: MaskLike | None = None,
        target_region: MaskLike | None = None,
        attention_scale: float = 1.0,
        interaction_type: str = "enhance",
        sigma_start: float = LATE_START,
        sigma_end: float = LATE_END,
    ) -> None:
        """As UNetPatcher's."""
        self.patcher.add_self_attention_manipulation(
            block, source_region, target_region, attention_scale, interaction_type, sigma_start, sigma_end
        )

    def add_detail_injection(
        self,
        prompt: str,
        weight: float = 2.2,
        resolution_levels: Sequence[str] = ["highest", "high"],
        sigma_start: float = DETAIL_START,
        sigma_end: float = 0.0,
        spatial_mask: MaskLike | None = None,
    ) -> None:
        """As MultiScaleInjector's."""
        self._inject_at(prompt, resolution_levels, weight, (sigma_start, sigma_end), spatial_mask)

    def add_structure_injection(
        self,
        prompt: str,
        weight: float = 2.5,
        resolution_levels: Sequence[str] = ["lowest"],
        sigma_start: float = STRUCTURE_START,
        sigma_end: float = STRUCTURE_END,
        spatial_mask: MaskLike | None = None,
    ) -> None:
        """As MultiScaleInjector's."""
        self._inject_at(prompt, resolution_levels, weight, (sigma_start, sigma_end), spatial_mask)

    def add_complete_control(
        self,
        base_prompt: str,
        structure_prompt: str | None = None,
        detail_prompt: str | None = None,
        midlevel_prompt: str | None = None,
        attention_targets: Sequence[Mapping[str, Any]] | None = None,
        self_attention_configs: Sequence[Mapping[str, Any]] | None = None,
        weights: Mapping[str, float] | None = None,
        sigma_start: float = START,
        sigma_end: float = END,
    ) -> None:
        """Prompts by level, words of base_prompt, and looks: entries have the fields of the methods for one."""
        common = {"block": "all", "sigma_start": sigma_start, "sigma_end": sigma_end}
        prompts = {"structure": structure_prompt, "midlevel": midlevel_prompt, "detail": detail_prompt}
        if structure_prompt or detail_prompt:
            prompts["structure"], prompts["detail"] = structure_prompt or base_prompt, detail_prompt or base_prompt
        self._hierarchy(prompts, weights, (sigma_start, sigma_end))
        for target in attention_targets or ():
            given = of_config(dict(target), WORD_FIELDS, ("target_phrase",), "attention_targets")
            self.add_attention_manipulation(**{"prompt": base_prompt, **common, **given})
        for config in self_attention_configs or ():
            given = of_config(dict(config), LOOK_FIELDS, (), "self_attention_configs")
            self.add_self_attention_manipulation(**{**common, **given})

    def get_control_summary(self) -> dict[str, Any]:
        """How many of each."""
        patcher = self.patcher
        counts = {
            "prompt_injections": len(patcher.injections),
            "attention_manipulations": len(patcher.attention_map_configs),
            "self_attention_manipulations": len(patcher.self_attention_configs),
        }
        return {**counts, "total_configurations": sum(counts.values())}


UnifiedInjector = UnifiedAdvancedInjector
