"""When a control acts, in CorePulse's words: sigma_start, sigma_end, and what their defaults were meant to be."""
from __future__ import annotations

import math
from typing import Any

from ..errors import InvalidRequest

Window = tuple[float, float]
WHOLE_RUN: Window = (math.inf, 0.0)


class Bound(float):
    """A default of CorePulse's signatures that did not do what it was there for, and what it does here.

    It equals the published number; `legacy=True` uses that number, unless the published pair was an empty window.
    """

    means: float
    empty: bool

    def __new__(cls, published: float, means: float, empty: bool = False) -> Bound:
        bound = super().__new__(cls, published)
        bound.means, bound.empty = means, empty
        return bound

    def __repr__(self) -> str:
        return f"{self.means} (published: {float(self)})"


# Published as 0.0..1.0, which no noise level is in: the node that it came from counts from 0 to 1 over the run.
START, END = Bound(0.0, math.inf, empty=True), Bound(1.0, 0.0, empty=True)
# Published as 1.0..0.0 (0.5, 0.1), and 14.0 of two dataclasses: misses the steps that decide the composition.
LATE_START, LATE_END = Bound(1.0, math.inf), Bound(0.0, 0.0)
COHERENCE_END, EXTREME_END, CONFIG_START = Bound(0.5, 0.0), Bound(0.1, 0.0), Bound(14.0, math.inf)
# The unified injector had other windows for the same methods.
DETAIL_START, STRUCTURE_START, STRUCTURE_END = Bound(0.7, 3.0), Bound(1.0, 15.0), Bound(0.3, 0.5)


def number(value: Any, name: str) -> float:
    """A finite or infinite number, or InvalidRequest."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        raise InvalidRequest(f"[{name}] {value!r} is no number") from None
    if math.isnan(found):
        raise InvalidRequest(f"[{name}] not a number")
    return found


def _bound(value: float, name: str, legacy: bool) -> float:
    if isinstance(value, Bound):
        return float(value) if legacy else value.means
    return number(value, name)


def window_of(start: float, end: float, legacy: bool = False) -> Window:
    """(start, end) in noise levels, both included, start >= end >= 0."""
    if isinstance(start, Bound) and isinstance(end, Bound) and start.empty and end.empty:
        return WHOLE_RUN
    first, last = _bound(start, "sigma_start", legacy), _bound(end, "sigma_end", legacy)
    if first < last:
        raise InvalidRequest(
            f"[sigma_start] the window from {first:g} to {last:g} is empty: noise falls during a run; expected "
            "sigma_start >= sigma_end, such as 15.0 and 0.0, or neither for the whole run"
        )
    if first < 0:
        raise InvalidRequest(f"[sigma_start] {first:g} is below 0, where no noise level is; expected 0 or more")
    return first, max(last, 0.0)


def when_of(window: Window) -> dict[str, list[float]] | None:
    """As a control has it; None for the whole run."""
    return None if window == WHOLE_RUN else {"sigma": list(window)}
