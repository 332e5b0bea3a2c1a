"""Where words stand in the encoded prompt."""
from __future__ import annotations

from typing import Any

from .._tokens import TokenIndices, token_indices


def find_token_indices(tokenizer: Any, prompt: str, target_phrase: str) -> TokenIndices:
    """Positions of all occurrences, one set for all encoders. tokenizer: the pipeline. InvalidRequest if there are none."""
    return token_indices(tokenizer, prompt, target_phrase)
