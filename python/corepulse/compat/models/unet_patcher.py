"""The patcher under every injector: three lists of wishes, translated into corepulse's controls."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, TypeVar

from ..._control import Control
from ...errors import InvalidRequest
from .._attach import Attachment
from .._blocks import BlockLike, PipelineLike, blocks_of, pipeline_of, where_of
from .._injections import Injection, Rows, checked_weight, injection_controls
from .._looks import look_controls, word_control
from .._masks import MaskLike, region_of
from .._prompts import EncodedPrompt
from .._tokens import TokenIndices, words_at
from .._windows import CONFIG_START, END, LATE_END, LATE_START, START, when_of, window_of
from .base import BaseModelPatcher
from .block_mapper import UNetBlockMapper

P = TypeVar("P", bound="UNetPatcher")


@dataclass
class AttentionMapConfig:
    """Words, and how much they are read."""

    target_token_indices: str | Sequence[int]
    attention_scale: float
    spatial_mask: MaskLike | None = None
    sigma_start: float = CONFIG_START
    sigma_end: float = LATE_END


@dataclass
class SelfAttentionConfig:
    """Parts of the picture, and how much one looks at the other."""

    source_region: MaskLike | None = None
    target_region: MaskLike | None = None
    attention_scale: float = 1.0
    interaction_type: str = "enhance"
    sigma_start: float = CONFIG_START
    sigma_end: float = LATE_END


class PromptInjectionProcessor:
    """Was the attention of one layer. Here the engine computes it: this holds what it was given, and cannot be called."""

    def __init__(
        self,
        original_processor: Any,
        block_id: str,
        conditioning: str | EncodedPrompt | None = None,
        weight: float = 1.0,
        sigma_start: float = START,
        sigma_end: float = END,
        spatial_mask: MaskLike | None = None,
        attention_maps: list[AttentionMapConfig] | None = None,
        self_attention_configs: list[SelfAttentionConfig] | None = None,
        module_path: str | None = None,
    ) -> None:
        self.block_id, self.module_path = block_id, module_path
        self._given = (conditioning, weight, sigma_start, sigma_end, spatial_mask)
        self.attention_maps, self.self_attention_configs = attention_maps or [], self_attention_configs or []

    def add_to(self, patcher: UNetPatcher) -> None:
        """The same as wishes of a patcher."""
        where = self.module_path or self.block_id
        if self._given[0] is not None:
            patcher.add_injection(where, *self._given)
        for m in self.attention_maps:
            patcher.add_attention_manipulation(
                where, m.target_token_indices, m.attention_scale, m.sigma_start, m.sigma_end, m.spatial_mask
            )
        for c in self.self_attention_configs:
            patcher.add_self_attention_manipulation(where, **vars(c))

    def set_current_sigma(self, sigma: float) -> None:
        """Refused, as UNetPatcher.set_current_sigma."""
        _no_sigma()

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        raise InvalidRequest(
            "[PromptInjectionProcessor] attention is the engine's here; expected add_to(patcher), or "
            "corepulse.replace_attention for a function of your own"
        )


def _no_sigma() -> None:
    raise InvalidRequest("[set_current_sigma] the sampler gives every call its own noise level; leave it out")


class UNetPatcher(BaseModelPatcher):
    """Wishes of one `with` block, or until remove_patches; they may be added while it lasts, and stay for the next.

    unet: the pipeline. scheduler: of no use, since every sampler says the noise level itself. legacy: published maths
    (mode "corepulse" of docs/control.md). `controls` is what all of it comes to.
    """

    def __init__(self, unet: Any, scheduler: Any = None, *, legacy: bool = False) -> None:
        self.pipeline: PipelineLike = getattr(unet, "pipeline", unet)
        self.legacy = legacy
        self.block_mapper = UNetBlockMapper(self.pipeline, legacy=legacy)
        self.injections: list[Injection] = []
        self.attention_map_configs: list[Control] = []
        self.self_attention_configs: list[Control] = []
        self._attachment = Attachment()

    @property
    def controls(self) -> list[Control]:
        """Injections, then words, then looks, as a recipe has them."""
        injected = injection_controls(self.injections, self.block_mapper, self.legacy)
        return [*injected, *self.attention_map_configs, *self.self_attention_configs]

    def add_injection(
        self,
        block: BlockLike,
        conditioning: str | EncodedPrompt | None = None,
        weight: float = 1.0,
        sigma_start: float = LATE_START,
        sigma_end: float = LATE_END,
        spatial_mask: MaskLike | None = None,
        *,
        prompt: str | None = None,
        rows: Rows | None = None,
    ) -> None:
        """Blocks read another prompt: its text, or what encode_prompt gave. weight: 0 off, 1 the prompt, above louder."""
        if (conditioning is None) == (prompt is None):
            raise InvalidRequest("[prompt] conditioning and prompt say the same; expected one of them")
        read = EncodedPrompt.of(conditioning if prompt is None else prompt)
        blocks = tuple(blocks_of(block, self.block_mapper))
        checked = checked_weight(weight, self.legacy)
        window = window_of(sigma_start, sigma_end, self.legacy)
        replaced = (read.phrase, read.words, read.occurrence)
        one = Injection(block, blocks, read.text, checked, window, region_of(spatial_mask), rows, *replaced)
        injection_controls([one], self.block_mapper, self.legacy)  # wrong fields are told now
        self.injections.append(one)
        self._changed()

    def add_attention_manipulation(
        self,
        block: BlockLike,
        target_token_indices: str | Sequence[int],
        attention_scale: float = 1.0,
        sigma_start: float = LATE_START,
        sigma_end: float = LATE_END,
        spatial_mask: MaskLike | None = None,
        *,
        prompt: str | None = None,
        occurrence: int | None = None,
        rows: Rows | None = None,
    ) -> None:
        """Some words are read more or less: a phrase, what find_token_indices gave, or numbers and their prompt."""
        common = {**self._common(block, sigma_start, sigma_end), "region": region_of(spatial_mask), "rows": rows}
        for phrase, number_ in self._phrases(target_token_indices, prompt, occurrence):
            made = word_control(phrase, attention_scale, self.legacy, occurrence=number_, **common)
            self.attention_map_configs.append(made)
        self._changed()

    def add_self_attention_manipulation(
        self,
        block: BlockLike,
        source_region: MaskLike | None = None,
        target_region: MaskLike | None = None,
        attention_scale: float = 1.0,
        interaction_type: str = "enhance",
        sigma_start: float = LATE_START,
        sigma_end: float = LATE_END,
        *,
        rows: Rows | None = None,
    ) -> None:
        """Pixels of source_region look more or less at target_region; both rows, since pictures have no words."""
        source, target = region_of(source_region, "source_region"), region_of(target_region, "target_region")
        common = {**self._common(block, sigma_start, sigma_end, cross=False), "rows": rows}
        self.self_attention_configs += look_controls(interaction_type, source, target, attention_scale, self.legacy, **common)
        self._changed()

    def clear_injections(self) -> None:
        """All wishes, attention's as well."""
        for wishes in (self.injections, self.attention_map_configs, self.self_attention_configs):
            wishes.clear()
        self._changed()

    def forget(self, injections: Sequence[Injection]) -> None:
        """These no longer."""
        gone = {id(one) for one in injections}
        self.injections[:] = [one for one in self.injections if id(one) not in gone]
        self._changed()

    def leave(self, block: BlockLike) -> None:
        """No injections in these blocks; InvalidRequest if there were none."""
        gone = set(blocks_of(block, self.block_mapper))
        had = {name for one in self.injections for name in one.blocks}
        if not gone & had:
            raise InvalidRequest(f"[block] nothing is injected in {block}; there is in: {', '.join(sorted(had)) or 'none'}")
        kept = [replace(one, blocks=tuple(b for b in one.blocks if b not in gone)) for one in self.injections]
        self.injections[:] = [one for one in kept if one.blocks]
        self._changed()

    def apply_patches(self, unet: Any) -> Any:
        """From now on the pipeline's calls have these controls. Twice is once."""
        self._attachment.put(pipeline_of(unet), self.controls)
        return unet

    def remove_patches(self, unet: Any) -> Any:
        """No longer."""
        self._attachment.remove(pipeline_of(unet))
        return unet

    def applied_to(self, pipeline: PipelineLike) -> bool:
        """Whether its calls have these controls now."""
        return self._attachment.has(pipeline_of(pipeline))

    def set_current_sigma(self, sigma: float) -> None:
        """Refused: the sampler says the noise level of every call."""
        _no_sigma()

    def __enter__(self: P) -> P:
        self.apply_patches(self.pipeline)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._attachment.remove_all()

    def _common(self, block: BlockLike, start: float, end: float, cross: bool = True) -> dict[str, Any]:
        where = where_of(blocks_of(block, self.block_mapper, cross), self.block_mapper)
        return {"where": where, "when": when_of(window_of(start, end, self.legacy))}

    def _phrases(
        self, tokens: str | Sequence[int], prompt: str | None, occurrence: int | None
    ) -> list[tuple[str, int | None]]:
        if isinstance(tokens, str):
            return [(tokens, occurrence)]
        if isinstance(tokens, TokenIndices):
            return [(tokens.phrase, occurrence or tokens.occurrence)]
        if prompt is None:
            raise InvalidRequest(
                "[target_token_indices] numbers, of no prompt; expected a phrase, what find_token_indices gives, or prompt="
            )
        return [(word, number_) for word, number_ in words_at(self.pipeline, prompt, [int(i) for i in tokens])]

    def _changed(self) -> None:
        self._attachment.update(self.controls)
