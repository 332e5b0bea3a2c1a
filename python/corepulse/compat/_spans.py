"""Windows that differ: the parts of a run in which the same injections act, and what each has of every part."""
from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

from .. import controls
from .._control import Control
from ._windows import Window, when_of

Cut = tuple[float, int]  # minus a noise level, and 0 just above it or 1 just below: they sort from noisy to clean


class Span(controls.Inject):
    """An injection in a part of its own window.

    A run leaves out those that meet no step of it. Where the whole window meets none they stand for that, and the library
    refuses it by name.
    """

    _own: Window
    _whole: Window

    @classmethod
    def of(cls, made: Control, own: Window, whole: Window) -> Span:
        """The injection `made`, which acts in `own`, of one that was asked for in `whole`."""
        span = cls(**{field.name: getattr(made, field.name) for field in dataclasses.fields(made)})
        object.__setattr__(span, "_own", own)
        object.__setattr__(span, "_whole", whole)
        return span

    def in_run(self, levels: Callable[[], Sequence[float]]) -> Control | None:
        """None if it meets no step, and another part of the window does."""
        if _meets(self._own, levels()):
            return self
        return None if _meets(self._whole, levels()) else dataclasses.replace(self, when=when_of(self._whole))


def _meets(window: Window, levels: Sequence[float]) -> bool:
    return any(window[0] >= level >= window[1] for level in levels)


def layered(shares: Sequence[float]) -> list[float]:
    """Strengths of injections, one over the other, that leave each with its share, of a sum of at most 1."""
    total = max(1.0, sum(shares))
    strengths, above = [], 0.0
    for share in reversed([s / total for s in shares]):
        strengths.append(min(1.0, round(share / (1 - above), 12)) if above < 1 else 1.0)
        above += share
    return strengths[::-1]


def _cuts(window: Window, starts: set[float]) -> tuple[Cut, Cut]:
    """Both ends are inside; but where another window starts, the one that ends there leaves that level to it."""
    start, end = window
    return (-start, 0), (-end, 0 if end < start and end in starts else 1)


def _between(first: Cut, last: Cut) -> Window:
    start, end = -first[0], -last[0]
    return start if first[1] == 0 else math.nextafter(start, 0.0), end if last[1] == 1 else math.nextafter(end, math.inf)


def _parts(windows: Sequence[Window]) -> Iterator[tuple[Window, list[int]]]:
    """The run in parts, from noisy to clean, each with the numbers of the windows that are open there."""
    starts = {start for start, _ in windows}
    pairs = [_cuts(window, starts) for window in windows]
    bounds = sorted({cut for pair in pairs for cut in pair})
    for a, b in zip(bounds, bounds[1:]):
        yield _between(a, b), [i for i, (first, last) in enumerate(pairs) if first <= a and b <= last]


def widest_first(windows: Sequence[Window]) -> list[int]:
    """Numbers of the windows, each before those inside it: what lies below the others then seldom changes its strength."""
    return sorted(range(len(windows)), key=lambda i: (-windows[i][0], windows[i][1]))


def shared(windows: Sequence[Window], shares: Sequence[float]) -> list[list[tuple[Window, float]]]:
    """For each of some injections, the lowest first, when it acts at which strength: everywhere those that act share."""
    acting: list[list[tuple[Window, float]]] = [[] for _ in windows]
    for part, open_ in _parts(windows):
        for i, strength in zip(open_, layered([shares[j] for j in open_])):
            acting[i].append((part, strength))
    return [_joined(parts) for parts in acting]


def _joined(parts: Sequence[tuple[Window, float]]) -> list[tuple[Window, float]]:
    """Neighbours of one strength as one."""
    runs = [(strength, [part for part, _ in run]) for strength, run in groupby(parts, lambda part: part[1])]
    return [((run[0][0], run[-1][1]), strength) for strength, run in runs]
