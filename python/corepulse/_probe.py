"""What records and patches share: where in the network, when, in which rows."""
from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Literal

from . import _core
from ._control import Window, _window
from ._names import listed, shown, whole
from .errors import InvalidRequest
from .region import RegionLike, region_data

# What is seen: docs/python.md, "Looking inside".
Of = Literal["block_output", "attention_input", "attention_map", "attention_output", "resnet_output", "prediction", "guided"]
Attention = Literal["cross", "self", "both"]
Rows = Literal["cond", "uncond", "both"]
ProbeView = _core.ProbeView
ATTENTIONS = ("cross", "self", "both")
# Image; negative, prompt or further; which of several: controls may add more than one further row to an image.
Row = tuple[int, str, int]


def numbered(rows: Sequence[tuple[int, str]], before: Counter[tuple[int, str]] | None = None) -> list[Row]:
    """Which of several each row is, by order; `before` are those that came before, and is told of these."""
    count: Counter[tuple[int, str]] = Counter() if before is None else before
    result = []
    for image, side in rows:
        result.append((image, side, count[image, side]))
        count[image, side] += 1
    return result


class RowCounter:
    """Which of several a row is, as one record or patch is shown them in a run: maps come row by row."""

    def __init__(self) -> None:
        self._moment: tuple[int, int, bool] | None = None
        self._seen: dict[tuple[str, int], Counter[tuple[int, str]]] = {}

    def rows(self, at: _core.ProbeView) -> list[Row]:
        """Of what is seen now; each is asked for once."""
        moment = (at.run, at.step.index, at.step.first_evaluation)
        if moment != self._moment:
            self._moment, self._seen = moment, {}
        return numbered(at.rows, self._seen.setdefault((at.site.path, at.reading), Counter()))


def check_name(where: str, value: str, valid: list[str]) -> None:
    """Raises InvalidRequest, which names the nearest."""
    if not isinstance(value, str) or value not in valid:
        near = _core.nearest_name(str(value), valid) or ", ".join(valid)
        raise InvalidRequest(f"[{where}] unknown {value!r}; did you mean {near}?")


def said_of(error: InvalidRequest, patches: int) -> InvalidRequest:
    """What the engine says of probes by number, of the call's patches and records."""

    def name(found: re.Match[str]) -> str:
        number = int(found[1])
        return f"[patch[{number}]" if number < patches else f"[record[{number - patches}]"

    said = re.sub(r"^\[probes\[(\d+)\]", name, str(error))
    return error if said == str(error) else InvalidRequest(said)


def indices(where: str, given: Any) -> tuple[int, ...]:
    """Whole numbers, one after the other."""
    return tuple(whole(where, one) for one in listed(where, given, "whole numbers"))


def check_indices(where: str, chosen: Sequence[int], count: int, axis: int, at: _core.ProbeView) -> None:
    """Heads (axis 1) or tokens (axis 3) of a map."""
    for index in chosen:
        if not 0 <= index < count:
            raise InvalidRequest(f"[{where}] {'head' if axis == 1 else 'token'} {index} at {at.site.path}; expected 0..{count - 1}")


def place_json(where: str, when: Window, rows: str, region: RegionLike | None = None) -> str:
    """A control that says where, when and in which rows, as the extension takes it."""
    place = {"kind": "smooth", "strength": 0.5, "where": where, "when": _window(when), "rows": rows}
    if not isinstance(where, str) or not isinstance(rows, str):
        raise InvalidRequest(f"[where] {shown(where)}, rows {shown(rows)}; expected names")
    if region is not None:
        place["region"] = region_data(region)
    return json.dumps([place])


def probe(function: Callable[[Any, _core.ProbeView], Any], where: str, of: str, attention: str, when: Window,
          rows: str) -> _core.Probe:
    """A function that is shown arrays of MLX's, and gives what goes on in their place."""
    import mlx.core  # noqa: F401  (the extension hands its arrays to this module's)

    check_name("of", of, _core.probe_points())
    check_name("attention", attention, list(ATTENTIONS))
    return _core.probe(function, place_json(where, when, rows), of, attention)
