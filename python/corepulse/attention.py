"""Attention of your own: a Python function in place of the engine's, in chosen layers, at chosen moments.

    import mlx.core as mx

    def plain(q, k, v, site, step):
        return mx.softmax(q @ mx.swapaxes(k, 2, 3) / q.shape[3] ** 0.5, axis=-1) @ v

    pipe("a cat in a park", attention=[corepulse.replace_attention("output:1", plain)])

q [rows, heads, pixels, width] is not yet scaled; k and v are [rows, heads, tokens, width]. The function is called on the
engine's thread, while the network is built lazily; it must be pure. It is slow: nothing is fused, and what is written as
pixels x tokens numbers is held as such. An exception ends the run and comes out of the call.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import _core
from ._control import Window
from ._names import shown
from ._probe import ATTENTIONS, check_name, place_json
from .errors import InvalidRequest

AttentionSite = _core.AttentionSite
AttentionStep = _core.AttentionStep
AttentionFunction = Callable[[Any, Any, Any, AttentionSite, AttentionStep], Any]


def replace_attention(
    where: str,
    function: AttentionFunction,
    *,
    attention: str = "both",
    when: Window = "always",
    rows: str = "both",
    arrays: str = "mx",
) -> _core.AttentionReplacement:
    """`function` in the layers `where`; of several at one layer the last does.

    attention: cross (the picture reads the text), self, or both.
    arrays: what the function takes and gives: "mx", the engine's own without a copy, or "np", copies in float32.
    """
    import mlx.core  # noqa: F401  (the extension hands its arrays to this module's)

    check_name("arrays", arrays, ["mx", "np"])
    check_name("attention", attention, list(ATTENTIONS))
    if function is None or not callable(function):
        raise InvalidRequest(f"[attention] {shown(function)}; expected a function")
    chosen = _in_numpy(function) if arrays == "np" else function
    return _core.replace_attention(chosen, place_json(where, when, rows), attention)


def _in_numpy(function: AttentionFunction) -> AttentionFunction:
    import mlx.core as mx

    def called(q: Any, k: Any, v: Any, site: AttentionSite, step: AttentionStep) -> Any:
        numbers = [np.array(x.astype(mx.float32)) for x in (q, k, v)]
        answer = function(numbers[0], numbers[1], numbers[2], site, step)
        return mx.array(np.ascontiguousarray(answer)).astype(q.dtype)

    return called


# What a call's `attention` is a list of.
AttentionLike = _core.AttentionReplacement
