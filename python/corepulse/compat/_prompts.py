"""Prompts where CorePulse had embeddings: the engine encodes them, once each."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..errors import InvalidRequest


@dataclass(frozen=True)
class EncodedPrompt:
    """A text to read; with `phrase`, `words` stand in its place, and all other words keep their embeddings.

    occurrence: of the phrase, from 1; None: all.
    """

    text: str
    phrase: str | None = None
    words: str = ""
    occurrence: int | None = None

    @classmethod
    def of(cls, conditioning: Any) -> EncodedPrompt:
        """Of a text or another; embeddings have no place in a recipe."""
        if isinstance(conditioning, EncodedPrompt):
            return conditioning
        if isinstance(conditioning, str):
            return cls(conditioning)
        raise InvalidRequest(
            f"[conditioning] {type(conditioning).__name__} is no prompt: a recipe holds texts, no embeddings; expected the "
            "prompt's text, or what encode_prompt gives"
        )
