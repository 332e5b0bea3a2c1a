"""Controls that a pipeline has for a while: entries of its list, and nothing else of it."""
from __future__ import annotations

import copy
import itertools
from collections.abc import Sequence
from typing import Any

from .._control import Control
from ..pipeline import Pipeline

# Places in lists, in the order in which they were taken: who comes later stands behind, and so lies above.
_places = itertools.count()


class Attachment:
    """What one patcher has put into pipelines' lists. Its place in a list is its own from put to remove, empty or not."""

    def __init__(self) -> None:
        self._held: list[tuple[list[Any], int]] = []

    def has(self, pipeline: Pipeline) -> bool:
        """Whether its list has these."""
        return any(held is pipeline.controls for held, _ in self._held)

    def put(self, pipeline: Pipeline, controls: Sequence[Control]) -> None:
        """These, in place of those it has from here."""
        if not self.has(pipeline):
            self._held.append((pipeline.controls, next(_places)))
        for held, place in self._held:
            if held is pipeline.controls:
                _fill(held, place, controls)

    def update(self, controls: Sequence[Control]) -> None:
        """These everywhere."""
        for held, place in self._held:
            _fill(held, place, controls)

    def remove(self, pipeline: Pipeline) -> None:
        """Its controls from here; none is fine."""
        self._leave([entry for entry in self._held if entry[0] is pipeline.controls])

    def remove_all(self) -> None:
        """From all lists."""
        self._leave(list(self._held))

    def _leave(self, entries: Sequence[tuple[list[Any], int]]) -> None:
        for held, place in entries:
            _fill(held, place, ())
        left = {place for _, place in entries}
        self._held = [entry for entry in self._held if entry[1] not in left]


def _fill(held: list[Any], place: int, controls: Sequence[Control]) -> None:
    """The place's controls are these: where its others stood, else before those of later places."""
    before = [i for i, control in enumerate(held) if _place_of(control) >= place]
    at = next((i for i in before if _place_of(held[i]) == place), before[0] if before else len(held))
    held[:] = [control for control in held if _place_of(control) != place]
    held[at:at] = [_at(control, place) for control in controls]


def _at(control: Control, place: int) -> Control:
    """The control, of that place: a copy, since it may stand in other lists, too."""
    placed = copy.copy(control)
    object.__setattr__(placed, "_place", place)
    return placed


def _place_of(control: Any) -> int:
    return int(getattr(control, "_place", -1))
