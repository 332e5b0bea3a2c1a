"""Where words stand in the encoded text: the library is asked, and no tokenizer is needed."""
from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from .. import controls
from ..errors import InvalidRequest
from ._blocks import explained, pipeline_of


class TokenIndices(list[int]):
    """Positions of a phrase's tokens, which remember the phrase: a control names words, not numbers."""

    phrase: str
    occurrence: int | None

    def __init__(self, positions: Sequence[int], phrase: str, occurrence: int | None = None) -> None:
        super().__init__(positions)
        self.phrase, self.occurrence = phrase, occurrence


def _positions(tokens: Sequence[dict[str, Any]]) -> list[int]:
    return sorted({p for found in tokens if found["text"] == 0 for p in found["positions"]})


def token_indices(owner: Any, prompt: str, phrase: str, occurrence: int | None = None) -> TokenIndices:
    """All occurrences, or the n-th from 1; InvalidRequest if the prompt has it not, or cuts it off."""
    wish = controls.reweight(phrase, scale=2.0, occurrence=occurrence)
    found = explained(pipeline_of(owner), prompt, [wish], steps=1).controls[0]
    return TokenIndices(_positions(found["tokens"]), phrase, occurrence)


def words_at(owner: Any, prompt: str, indices: Sequence[int]) -> list[tuple[str, int]]:
    """The (word, occurrence)s that have exactly these positions in the prompt; InvalidRequest where none have."""
    words = re.findall(r"\w[\w'’-]*|[^\w\s]", prompt)
    seen: dict[str, int] = {}
    numbered = []
    for word in words:
        seen[word.lower()] = seen.get(word.lower(), 0) + 1
        numbered.append((word, seen[word.lower()]))
    wishes = [controls.reweight(word, scale=2.0, occurrence=n) for word, n in numbered]
    found = explained(pipeline_of(owner), prompt, wishes, steps=1).controls if wishes else []
    wanted, taken = set(indices), set()
    chosen = []
    for word, control in zip(numbered, found):
        positions = set(_positions(control["tokens"]))
        if positions and positions <= wanted:
            chosen.append(word)
            taken |= positions
    if not wanted or taken != wanted:
        raise InvalidRequest(
            f"[target_token_indices] {sorted(wanted - taken) or 'none'} are no whole words of {prompt!r}; expected positions "
            "of words, as find_token_indices gives, or the words themselves"
        )
    return chosen
