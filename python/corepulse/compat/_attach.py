"""Controls that a pipeline has for a while: entries of its list, and nothing else of it."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._control import Control
from ..pipeline import Pipeline


class Attachment:
    """What one patcher has put into pipelines' lists."""

    def __init__(self) -> None:
        self._held: list[tuple[list[Any], list[Control]]] = []

    def has(self, pipeline: Pipeline) -> bool:
        """Whether its list has these."""
        return any(held is pipeline.controls for held, _ in self._held)

    def put(self, pipeline: Pipeline, controls: Sequence[Control]) -> None:
        """These, in place of those it has from here, at their place in the list."""
        self._put(pipeline.controls, controls)

    def update(self, controls: Sequence[Control]) -> None:
        """These everywhere."""
        for held in [held for held, _ in self._held]:
            self._put(held, controls)

    def remove(self, pipeline: Pipeline) -> None:
        """Its controls from here; none is fine."""
        self._take(pipeline.controls)

    def remove_all(self) -> None:
        """From all lists."""
        for held in [held for held, _ in self._held]:
            self._take(held)

    def _put(self, held: list[Any], controls: Sequence[Control]) -> None:
        place, given = self._take(held), list(controls)
        held[place:place] = given
        self._held.append((held, given))

    def _take(self, held: list[Any]) -> int:
        mine = {id(c) for other, given in self._held if other is held for c in given}
        places = [i for i, c in enumerate(held) if id(c) in mine]
        held[:] = [c for c in held if id(c) not in mine]
        self._held = [entry for entry in self._held if entry[0] is not held]
        return places[0] if places else len(held)
