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

import json
from collections.abc import Callable
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from . import _core
from ._control import Window, _window

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

    place = {"kind": "smooth", "strength": 0.5, "where": where, "when": _window(when), "rows": rows}
    if arrays not in ("mx", "np"):
        raise ValueError(f"[attention] unknown arrays {arrays!r}; expected mx or np")
    chosen = _in_numpy(function) if arrays == "np" else function
    return _core.replace_attention(chosen, json.dumps([place]), attention)


def _in_numpy(function: AttentionFunction) -> AttentionFunction:
    import mlx.core as mx

    def called(q: Any, k: Any, v: Any, site: AttentionSite, step: AttentionStep) -> Any:
        numbers = [np.array(x.astype(mx.float32)) for x in (q, k, v)]
        answer = function(numbers[0], numbers[1], numbers[2], site, step)
        return mx.array(np.ascontiguousarray(answer)).astype(q.dtype)

    return called


class PerRun:
    """Makes a function for every run that it is given to."""

    def __init__(self, begin: Callable[[], _core.AttentionReplacement]) -> None:
        self.begin = begin


# What a call's `attention` is a list of.
AttentionLike = Union[_core.AttentionReplacement, PerRun]


def begun(function: AttentionLike) -> _core.AttentionReplacement:
    """That of a run which begins."""
    return function.begin() if isinstance(function, PerRun) else function


class AttentionMaps:
    """Keeps the whole attention of some layers: maps[path, step] is [rows, heads, pixels, tokens], float32, of the last run.

    seen = AttentionMaps("middle:0", attention="cross")
    pipe("a cat in a park", attention=[seen.replacement])

    Rows are pictures, and with rows="both" the negative prompt's, in the order in which the run computed them. The run
    computes these layers by the plain formula, so its bits may differ from a run without; memory is what the numbers take.
    """

    def __init__(self, where: str, *, attention: str = "cross", when: Window = "always", rows: str = "cond") -> None:
        self.maps: dict[tuple[str, int], npt.NDArray[np.float32]] = {}
        self.sites: dict[str, AttentionSite] = {}
        self._place: dict[str, Any] = {"attention": attention, "when": when, "rows": rows}
        self._where = where
        replace_attention(where, _plain, **self._place)  # what is wrong is said here
        self.replacement = PerRun(self._begin)

    def _begin(self) -> _core.AttentionReplacement:
        maps: dict[tuple[str, int], npt.NDArray[np.float32]] = {}
        self.maps = maps

        def attend(q: Any, k: Any, v: Any, site: AttentionSite, step: AttentionStep) -> Any:
            weights = _weights(q, k)
            if step.first_evaluation and not _asks_for_keys(v):
                place, rows = (site.path, step.index), np.array(weights)
                self.sites[site.path] = site
                # The engine may compute the rows of a step in several calls.
                maps[place] = np.concatenate([maps[place], rows]) if place in maps else rows
            return weights.astype(v.dtype) @ v

        return replace_attention(self._where, attend, **self._place)

    def grid(self, path: str, step: int, token: int, *, query: bool = False) -> npt.NDArray[np.float32]:
        """The mean over rows and heads as a picture [height, width]: attention to a token by every pixel, or, with
        `query` in self-attention, of the pixel number `token` to every other."""
        site, mean = self.sites[path], self.maps[path, step].mean(axis=(0, 1))
        found: npt.NDArray[np.float32] = (mean[token] if query else mean[:, token]).reshape(site.height, site.width)
        return found


def _weights(q: Any, k: Any) -> Any:
    import mlx.core as mx

    logits = (q * q.shape[3] ** -0.5) @ mx.swapaxes(k, 2, 3)
    return mx.softmax(logits.astype(mx.float32), axis=-1)


def _plain(q: Any, k: Any, v: Any, site: AttentionSite, step: AttentionStep) -> Any:
    return _weights(q, k).astype(v.dtype) @ v


def _asks_for_keys(v: Any) -> bool:
    """A capture at the same layer calls again, with 1 at its keys and 0 elsewhere."""
    import mlx.core as mx

    return bool(mx.all((v == 0) | (v == 1)).item())
