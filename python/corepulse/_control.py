"""What all kinds of control have in common: from Python's values to a recipe's, checked on the way."""
from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Union

from . import _core
from ._names import check_arguments, listed, shown
from .errors import Error, InvalidRequest
from .region import Region, region_data

# A number, or one over the run's progress: points (progress, value), or {"ramp": [start, end, edge, height]}.
Curve = Union[float, Sequence[Sequence[float]], Mapping[str, Sequence[float]]]
# {"sigma": [15, 2]} and its kin, as corepulse.when makes them, or "always".
Window = Union[str, Mapping[str, Sequence[float]]]
# A region, the command line's short form ("left half feather 0.05"), or a recipe's own words.
RegionLike = Union[Region, str, Mapping[str, Any]]


def _number(value: float) -> float | int | str:
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        return value  # of no use as a number: the check says so
    if isinstance(value, int):
        return value
    return "inf" if math.isinf(value) and value > 0 else float(value)


def _curve(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: [_number(x) for x in points] for key, points in value.items()}
    if hasattr(value, "__float__"):
        return _number(value)
    if isinstance(value, str):
        return value
    return [[_number(x) for x in point] for point in value]


def _window(value: Any) -> Any:
    if not isinstance(value, (str, Mapping)):
        raise InvalidRequest(f"[when] {shown(value)}; expected \"always\", or what corepulse.when makes")
    return value if isinstance(value, str) else {key: [_number(x) for x in listed("when", ends, "numbers")] for key, ends in value.items()}


def _items(value: Any, names: Sequence[str]) -> list[Any]:
    """Mappings, or tuples in the order of the fields."""
    result = []
    for item in value:
        fields = dict(item) if isinstance(item, Mapping) else dict(zip(names, item))
        result.append({name: _plain(part, name if name in ("region",) else "") for name, part in fields.items()})
    return result


def _plain(value: Any, shape: str = "") -> Any:
    if shape == "region":
        return region_data(value)
    if shape == "curve":
        return _curve(value)
    if shape == "window":
        return _window(value)
    if shape.startswith("items "):
        return _items(value, shape[len("items "):].split(","))
    if isinstance(value, Region):
        return region_data(value)
    if isinstance(value, (str, bool, int)) or value is None:
        return value
    if hasattr(value, "__index__"):
        return value.__index__()
    if hasattr(value, "__float__"):
        return float(value)
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    return [_plain(part) for part in value]


@dataclasses.dataclass(frozen=True)
class Control:
    """One wish: an effect, and where, when, in what part of the picture it acts. See the module corepulse.controls."""

    kind: ClassVar[str] = ""
    _shapes: ClassVar[Mapping[str, str]] = {}

    def __new__(cls, *args: Any, **named: Any) -> Control:
        check_arguments(cls.kind or "Control", named, cls.fields())
        return super().__new__(cls)

    def __post_init__(self) -> None:
        try:
            _core.checked_controls(json.dumps([self.data()]))
        except InvalidRequest as error:  # it names the place in a list that nobody wrote
            raise InvalidRequest(str(error).replace("[[0]", f"[{self.kind}", 1)) from None

    @classmethod
    def fields(cls) -> list[str]:
        """Names of its arguments."""
        return [f.name for f in dataclasses.fields(cls)]

    def data(self) -> dict[str, Any]:
        """As a recipe says it, without what is as it is unless set."""
        result: dict[str, Any] = {"kind": self.kind}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value is not None:
                result[field.name.rstrip("_")] = self._said(field.name, value)
        return result

    def _said(self, name: str, value: Any) -> Any:
        try:
            said = _plain(value, self._shapes.get(name, ""))
            json.dumps(said)
            return said
        except Error:
            raise
        except (TypeError, ValueError, AttributeError, OverflowError):  # what is no number, no list, no mapping
            raise InvalidRequest(f"[{self.kind}.{name}] {shown(value)}; expected what docs/control.md has there") from None

    def in_run(self, levels: Callable[[], Sequence[float]]) -> Control | None:
        """What a run's recipe has of it; None: nothing. levels: noise levels of the run's calls of the UNet."""
        return self

    def __repr__(self) -> str:
        given = ((f.name, getattr(self, f.name)) for f in dataclasses.fields(self))
        return f"{self.kind}({', '.join(f'{name}={value!r}' for name, value in given if value is not None)})"


def control_data(control: Control | Mapping[str, Any]) -> dict[str, Any]:
    """A control's data, whoever made it."""
    if not isinstance(control, (Control, Mapping)):
        raise InvalidRequest(f"[controls] {shown(control)}; expected a control, or a recipe's words for one")
    return control.data() if isinstance(control, Control) else dict(control)


def controls_json(controls: Sequence[Control | Mapping[str, Any]]) -> str:
    """What the library reads."""
    return json.dumps([control_data(c) for c in listed("controls", controls, "controls")])
