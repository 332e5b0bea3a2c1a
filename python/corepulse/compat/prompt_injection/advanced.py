"""Several prompts, each in its blocks."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...errors import InvalidRequest
from .._blocks import BlockLike, names_of
from .._masks import MaskLike
from .._windows import END, START, number
from .base import BasePromptInjector, PromptInjectionConfig, of_config

FIELDS = ("block", "prompt", "weight", "sigma_start", "sigma_end", "spatial_mask")


class AdvancedPromptInjector(BasePromptInjector):
    """Any number of injections, several in a block as well: docs/corepulse.md says how those compose."""

    @property
    def configs(self) -> list[PromptInjectionConfig]:
        """The injections, in order."""
        return [
            PromptInjectionConfig(one.block, one.prompt, one.weight, *one.window, one.region)
            for one in self.patcher.injections
        ]

    def configure_injections(self, injection_map: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> None:
        """In place of the injections so far: one mapping, or a list; fields as arguments of add_injection."""
        entries = [injection_map] if isinstance(injection_map, Mapping) else list(injection_map)
        before = list(self.patcher.injections)
        try:
            for entry in entries:
                self.add_injection(**of_config(dict(entry), FIELDS, ("block", "prompt"), "injection"))
        except Exception:
            self.patcher.forget(self.patcher.injections[len(before) :])
            raise
        self.patcher.forget(before)

    def add_injection(
        self,
        block: BlockLike,
        prompt: str,
        weight: float = 1.0,
        sigma_start: float = START,
        sigma_end: float = END,
        spatial_mask: MaskLike | None = None,
    ) -> None:
        """One more: weight 0 is off, 1 the prompt, above louder; the mask [height, width] says where."""
        self.patcher.add_injection(block, prompt, weight, sigma_start, sigma_end, spatial_mask)

    def remove_injection(self, block: BlockLike) -> None:
        """Of these blocks, "all" as well; InvalidRequest if none had any."""
        self.patcher.leave(block)

    def get_injection_summary(self) -> list[dict[str, Any]]:
        """One entry for each block of each injection."""
        return [
            {
                "block": block,
                "prompt": one.prompt,
                "weight": one.weight,
                "sigma_start": one.window[0],
                "sigma_end": one.window[1],
            }
            for one in self.patcher.injections
            for block in one.blocks
        ]


class LocationBasedInjector(AdvancedPromptInjector):
    """One prompt at places written down as the ComfyUI node has them."""

    def configure_from_locations(
        self, locations_str: str, prompt: str, sigma_start: float = START, sigma_end: float = END
    ) -> None:
        """Lines "output:0,1.0": a block and its weight, 1 without one; in place of the injections so far."""
        lines = [line.strip() for line in locations_str.strip().splitlines() if line.strip()]
        if not lines:
            raise InvalidRequest("[locations_str] no lines; expected some such as output:0,1.0")
        entries = []
        for line in lines:
            block, comma, weight = line.partition(",")
            found = number(weight.strip() if comma else 1.0, f"locations_str: {line!r}")
            entry = {"block": names_of(block)[0], "prompt": prompt, "weight": found}
            entries.append({**entry, "sigma_start": sigma_start, "sigma_end": sigma_end})
        self.configure_injections(entries)


class MultiPromptInjector(AdvancedPromptInjector):
    """Another prompt for each block."""

    def configure_block_prompts(
        self,
        block_prompts: Mapping[str, str],
        weights: Mapping[str, float] | None = None,
        sigma_ranges: Mapping[str, tuple[float, float]] | None = None,
    ) -> None:
        """In place of the injections so far; weights and windows by the same names of blocks."""
        for name in [*(weights or {}), *(sigma_ranges or {})]:
            if name not in block_prompts:
                raise InvalidRequest(f"[weights] {name!r} has no prompt; expected one of: {', '.join(block_prompts)}")
        entries = []
        for block, prompt in block_prompts.items():
            start, end = (sigma_ranges or {}).get(block, (START, END))
            entry = {"block": block, "prompt": prompt, "weight": (weights or {}).get(block, 1.0)}
            entries.append({**entry, "sigma_start": start, "sigma_end": end})
        self.configure_injections(entries)

    def add_content_style_split(
        self, content_prompt: str, style_prompt: str, content_weight: float = 1.0, style_weight: float = 1.0
    ) -> None:
        """Content for the middle block, style for all output blocks."""
        self.add_injection("content", content_prompt, content_weight)
        self.add_injection("style", style_prompt, style_weight)
