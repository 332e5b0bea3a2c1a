"""Words of the prompt read more or less."""
from __future__ import annotations

from .._blocks import BlockLike
from .._injections import Rows
from .._masks import MaskLike
from .._tokens import token_indices
from .._windows import LATE_END, LATE_START
from .advanced import AdvancedPromptInjector


class AttentionInjector(AdvancedPromptInjector):
    """What the attention map and the unified injector share."""

    def add_attention_manipulation(
        self,
        prompt: str,
        block: BlockLike,
        target_phrase: str,
        attention_scale: float = 1.0,
        sigma_start: float = LATE_START,
        sigma_end: float = LATE_END,
        spatial_mask: MaskLike | None = None,
        *,
        occurrence: int | None = None,
        rows: Rows | None = None,
    ) -> None:
        """Attention to the phrase times attention_scale, in the run's prompt's rows; 0: not read at all.

        prompt is where the phrase must stand: InvalidRequest if it does not. occurrence: the n-th only, from 1.
        """
        found = token_indices(self.pipeline, prompt, target_phrase, occurrence)
        self.patcher.add_attention_manipulation(
            block, found, attention_scale, sigma_start, sigma_end, spatial_mask, rows=rows
        )


class AttentionMapInjector(AttentionInjector):
    """Attention to words, beside injections."""
