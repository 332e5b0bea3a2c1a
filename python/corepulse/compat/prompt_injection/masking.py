"""Some words of a prompt read as others, and nothing else of it."""
from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import InvalidRequest
from .._blocks import BlockLike, PipelineLike
from .._prompts import EncodedPrompt
from .._tokens import token_indices
from .._windows import END, START
from .advanced import AdvancedPromptInjector
from .base import BasePromptInjector

CHUNK = 77  # tokens that a text encoder reads at once


class TokenMask:
    """Which positions of an encoded prompt are a phrase's."""

    def __init__(self, token_ids: npt.NDArray[Any] | None, mask: npt.NDArray[Any], target_phrase: str) -> None:
        self.token_ids, self.mask, self.target_phrase = token_ids, np.asarray(mask, dtype=bool), target_phrase

    @property
    def num_masked_tokens(self) -> int:
        """How many are the phrase's."""
        return int(self.mask.sum())

    def get_masked_positions(self) -> list[int]:
        """Which."""
        return [int(i) for i in np.flatnonzero(self.mask)]


class TokenAnalyzer:
    """Finds phrases by whole words, whatever their case: CLIP's tokens have none. tokenizer: the pipeline, whose encoders
    are asked. legacy: the first occurrence alone."""

    def __init__(self, tokenizer: Any, *, legacy: bool = False) -> None:
        self.tokenizer, self.legacy = tokenizer, legacy

    def create_phrase_mask(self, prompt: str, target_phrase: str, fuzzy_match: bool = True) -> TokenMask:
        """All occurrences; InvalidRequest if there are none. fuzzy_match changes nothing: whole words are exact tokens."""
        positions = token_indices(self.tokenizer, prompt, target_phrase, 1 if self.legacy else None)
        mask = np.zeros(CHUNK * (max(positions) // CHUNK + 1), dtype=bool)
        mask[positions] = True
        return TokenMask(None, mask, target_phrase)


def _fold(words: Sequence[str]) -> list[str]:
    return [word.lower().strip(".,;:!?") for word in words]


def words_for(base_prompt: str, injection_prompt: str, phrase: str) -> tuple[str, int | None] | None:
    """The words that the injection has where the base prompt has the phrase, and at which occurrence (None: at all);
    None if the prompts differ elsewhere, too."""
    base, target = _fold(base_prompt.split()), _fold(phrase.split())
    injected, n = " ".join(_fold(injection_prompt.split())), len(target)
    places = [i for i in range(len(base) - n + 1) if base[i : i + n] == target]
    for count, chosen in [(None, places), *((k, [place]) for k, place in enumerate(places, 1))]:
        pattern, end = [], 0
        for place in chosen:
            pattern += [*map(re.escape, base[end:place]), "(?P<words>.+)" if place == chosen[0] else "(?P=words)"]
            end = place + n
        found = re.fullmatch(" ".join([*pattern, *map(re.escape, base[end:])]), injected) if chosen else None
        if found:
            return found["words"], count
    return None


class MaskedPromptEncoder:
    """Two prompts as one reading: what add_injection of a patcher takes as conditioning."""

    def __init__(self, injector: BasePromptInjector) -> None:
        self.injector = injector

    def encode_masked_prompt(
        self, base_prompt: str, injection_prompt: str, token_mask: TokenMask, pipeline: PipelineLike
    ) -> EncodedPrompt:
        """The base prompt, aligned word by word, with other words for the masked ones; both encoders of SDXL."""
        found = words_for(base_prompt, injection_prompt, token_mask.target_phrase)
        if self.injector.legacy:
            found = _published(found, token_mask.target_phrase)
        return EncodedPrompt(base_prompt, token_mask.target_phrase, *(found or (injection_prompt, None)))


def _published(found: tuple[str, int | None] | None, phrase: str) -> tuple[str, int]:
    """Of the phrase's first occurrence alone, whatever became of others."""
    if found is None or found[1] not in (None, 1):
        raise InvalidRequest(
            "[injection_prompt] published maths copies embeddings from the positions where the phrase stands first, which says "
            f"something only where the prompts differ in {phrase!r} alone, and there; expected such a prompt, or legacy=False"
        )
    return found[0], 1


class MaskedPromptInjector(AdvancedPromptInjector):
    """A phrase of the base prompt is read as other words."""

    def __init__(self, pipeline: PipelineLike, *, legacy: bool = False) -> None:
        super().__init__(pipeline, legacy=legacy)
        self.token_analyzer = TokenAnalyzer(self.pipeline, legacy=legacy)
        self.masked_encoder = MaskedPromptEncoder(self)
        self._masked: list[dict[str, Any]] = []

    def add_masked_injection(
        self,
        block: BlockLike,
        base_prompt: str,
        injection_prompt: str,
        target_phrase: str,
        weight: float = 1.0,
        sigma_start: float = START,
        sigma_end: float = END,
        fuzzy_match: bool = True,
    ) -> None:
        """injection_prompt: the base prompt with other words for the phrase, or these words alone."""
        mask = self.token_analyzer.create_phrase_mask(base_prompt, target_phrase, fuzzy_match)
        read = self.masked_encoder.encode_masked_prompt(base_prompt, injection_prompt, mask, self.pipeline)
        self.patcher.add_injection(block, read, weight, sigma_start, sigma_end)
        one = self.patcher.injections[-1]
        start, end = one.window
        summary = {"config_id": f"masked_{len(self._masked)}", "block": ", ".join(one.blocks), "base_prompt": base_prompt,
                   "injection_prompt": injection_prompt, "target_phrase": target_phrase, "weight": one.weight,
                   "sigma_range": f"{start:.1f} - {end:.1f}", "fuzzy_match": fuzzy_match}
        self._masked.append({"injection": one, "summary": summary})

    def get_masking_summary(self) -> list[dict[str, Any]]:
        """Of the masked injections that are there."""
        there = {id(one) for one in self.patcher.injections}
        return [dict(entry["summary"]) for entry in self._masked if id(entry["injection"]) in there]
