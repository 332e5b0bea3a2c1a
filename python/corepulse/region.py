"""A part of the picture, as a value: shapes, gradients and pictures, combined like numbers.

    left = rectangle(0, 0, 0.5, 1).feather(0.05)
    ring = circle(0.5, 0.5, 0.3) - circle(0.5, 0.5, 0.2)
    sky = picture("sky.png").blur(0.01) * ~left

Every pixel gets a value of 0 (outside) to 1 (inside). x grows to the right, y down, (0, 0) is the top left corner; units
are fractions of the picture, or pixels of it after `.pixels()`. docs/control.md, "Regions".
"""
from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Union

from . import _core
from ._names import fields, listed, number
from .pictures import Picture, named_or_encoded

Point = Sequence[float]


class Region:
    """A part of the picture. Made by the functions of this module; its methods return changed copies."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._data = dict(data)

    @classmethod
    def parse(cls, text: str) -> Region:
        """The command line's short form: "left half", "rect 0,0,0.5,1 feather 0.05", "not circle 0.5,0.5,0.3"."""
        return cls(json.loads(_core.region_control(text))[0]["region"])

    def data(self) -> dict[str, Any]:
        """As a recipe says it."""
        return dict(self._data)

    def _with(self, **fields: Any) -> Region:
        return Region({**self._data, **fields})

    def feather(self, width: float) -> Region:
        """Edges become linear ramps this wide."""
        return self._with(feather=number("feather", width))

    def blur(self, sigma: float) -> Region:
        """Gaussian blur, after the feather."""
        return self._with(blur=number("blur", sigma))

    def pixels(self) -> Region:
        """All lengths of this shape and its parts are pixels."""
        parts = {"parts": [Region(p).pixels().data() for p in self._data["parts"]]} if "parts" in self._data else {}
        return self._with(unit="pixel", **parts)

    def __invert__(self) -> Region:
        return self._with(invert=not self._data.get("invert", False))

    def __add__(self, other: RegionLike) -> Region:
        return self._and("add", other)

    def __sub__(self, other: RegionLike) -> Region:
        return self._and("subtract", other)

    def __mul__(self, other: RegionLike) -> Region:
        return self._and("multiply", other)

    def _and(self, shape: str, other: RegionLike) -> Region:
        return Region({"shape": shape, "parts": [self.data(), region_data(other)]})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Region) and self._data == other._data

    def __hash__(self) -> int:
        return hash(json.dumps(self._data, sort_keys=True))

    def __repr__(self) -> str:
        return f"Region({self._data!r})"


RegionLike = Union[Region, str, Mapping[str, Any]]


def region_data(region: RegionLike) -> dict[str, Any]:
    """As a recipe says it, whoever made it."""
    if isinstance(region, str):
        region = Region.parse(region)
    return region.data() if isinstance(region, Region) else fields("region", region)


def _point(point: Point) -> list[float]:
    return [number("region", x) for x in listed("region", point, "numbers")]


def rectangle(x: float, y: float, width: float, height: float) -> Region:
    """From its left top corner."""
    return Region({"shape": "rectangle", "box": _point((x, y, width, height))})


def circle(x: float, y: float, radius: float) -> Region:
    """Around its centre; the radius is of the shorter side."""
    return Region({"shape": "circle", "center": _point((x, y)), "radius": number("radius", radius)})


def ellipse(x: float, y: float, x_radius: float, y_radius: float) -> Region:
    """Around its centre."""
    return Region({"shape": "ellipse", "center": _point((x, y)), "radii": _point((x_radius, y_radius))})


def polygon(corners: Sequence[Point]) -> Region:
    """Its edges may cross; windings add."""
    return Region({"shape": "polygon", "points": [_point(corner) for corner in listed("region", corners, "points")]})


def linear_gradient(start: Point, end: Point, first: float = 0, last: float = 1) -> Region:
    """From the value `first` at a point to `last` at another, constant beyond."""
    return Region({"shape": "linear", "from": _point(start), "to": _point(end), "values": _point((first, last))})


def radial_gradient(center: Point, radius: float, inner: float = 1, outer: float = 0) -> Region:
    """From the value `inner` at the centre to `outer` at the radius."""
    return Region({"shape": "radial", "center": _point(center), "radius": number("radius", radius), "values": _point((inner, outer))})


def looked_at(phrase: str, threshold: float = 0.3, where: str = "", image: int | None = None, occurrence: int = 0) -> Region:
    """Where the run's steps before looked at these words of the prompt: 1 where at least `threshold` times as much as where
    they did most; in the first step everywhere. `where`: cross-attention layers; `image`: of the batch, whose map it is."""
    given = {"where": where, "image": image, "occurrence": occurrence}
    said = {field: value for field, value in given.items() if value not in ("", None) and (field, value) != ("occurrence", 0)}
    return Region({"shape": "attention", "phrase": phrase, "threshold": number("threshold", threshold), **said})


def picture(source: Picture, channel: str = "luminance") -> Region:
    """A file by its path, a PIL picture or an array [height, width]: stretched over the whole picture."""
    return Region({"shape": "picture", **named_or_encoded(source, mask=True), "channel": channel})
