"""What the network goes on with in the place of what it computed: to add, to replace, to scale, along a direction.

    clean = pipe("a cat in a park", record=["middle:0"]).recorded
    pipe("a dog in a park", patch=[Patch("middle:0", replace=clean, when=when.steps(2, 6))])
    pipe("a cat in a park", patch=[Patch("output:1", add=direction, strength=3, region="left half")])

A patch that changes nothing leaves every bit of the run as it is.
"""
from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from . import _core
from ._control import Window
from ._names import listed, number
from ._probe import Attention, Of, Row, RowCounter, Rows, check_indices, indices, numbered, place_json, probe
from .errors import InvalidRequest
from .pictures import as_array, float_array
from .recorded import AXES, Recorded, place_of
from .region import RegionLike, region_data

# What a patch puts in or adds: a recording (what it has of the same place and step), an array or number that broadcasts
# to [rows, ...] (a vector [channels] is a direction), or a function of the array and where it is seen.
PatchValue = Union[Recorded, npt.NDArray[Any], float, Callable[[Any, _core.ProbeView], Any], Any]
# Each side of a mask's picture, by the pixels of its grid.
FINER = 8


@dataclasses.dataclass(frozen=True, eq=False)
class Patch:
    """What is put in the place of what was computed. A call's `patch` is a list of these; they act in order.

    where, of, attention, when, rows: as Record's. One of:
    replace: what stands there instead. add: what is added. scale: what it is multiplied by.
    remove: a direction [channels] of which nothing is left.
    Then: strength (1: all of it, 0: nothing), region (a part of the picture), images (indices in the batch), and of maps
    heads and tokens: what changes, and where.
    """

    where: str = ""
    of: Of = "block_output"
    attention: Attention = "both"
    replace: PatchValue | None = dataclasses.field(default=None, kw_only=True)
    add: PatchValue | None = dataclasses.field(default=None, kw_only=True)
    scale: float | None = dataclasses.field(default=None, kw_only=True)
    remove: Any = dataclasses.field(default=None, kw_only=True)
    strength: float = dataclasses.field(default=1.0, kw_only=True)
    when: Window = dataclasses.field(default="always", kw_only=True)
    rows: Rows = dataclasses.field(default="both", kw_only=True)
    region: RegionLike | None = dataclasses.field(default=None, kw_only=True)
    images: Sequence[int] | None = dataclasses.field(default=None, kw_only=True)
    heads: Sequence[int] | None = dataclasses.field(default=None, kw_only=True)
    tokens: Sequence[int] | None = dataclasses.field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        given = [n for n in ("replace", "add", "scale", "remove") if getattr(self, n) is not None]
        if len(given) != 1:
            raise InvalidRequest(f"[patch] {' and '.join(given) or 'nothing'} given; expected one of replace, add, scale, remove")
        for name in ("strength", "scale"):
            if getattr(self, name) is not None or name == "strength":
                number(f"patch.{name}", getattr(self, name))
        for name in ("images", "heads", "tokens"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, indices(f"patch.{name}", getattr(self, name)))
        if self.of != "attention_map" and (self.heads is not None or self.tokens is not None):
            raise InvalidRequest(f"[patch] heads and tokens are a map's; {self.of} has none")
        if self.remove is not None and AXES.get(self.of, ("",))[-1] != "channel":
            raise InvalidRequest("[patch] remove is a direction of channels, and a map has none; expected replace, add or scale")
        if self.remove is not None and not (0 < np.linalg.norm(float_array("patch.remove", self.remove)) < math.inf):
            raise InvalidRequest("[patch] remove is 0, or no number; expected a direction [channels]")
        if self.region is not None:
            _check_region(region_data(self.region))
            place_json(self.where, self.when, self.rows, self.region)
        self._probe()  # what is wrong is said here

    def _neutral(self) -> bool:
        return self.strength == 0 or self.scale == 1

    def _probe(self) -> _core.Probe:
        return probe(_Acting(self), self.where, self.of, self.attention, self.when, self.rows)


def probes_of(patches: Sequence[Patch]) -> list[_core.Probe]:
    """As the extension takes them."""
    return [patch._probe() for patch in patches]


def check_patches(patches: Sequence[Patch], recipe: Mapping[str, Any]) -> None:
    """The images that they name are there, and their regions are of what is drawn."""
    count = len(listed("recipe.seeds", recipe.get("seeds"), "numbers")) or 1
    part = (recipe.get("init") or {}).get("only_masked") is not None
    for patch in patches:
        if part and patch.region is not None:
            raise InvalidRequest("[patch] a region, where init.only_masked draws a part of the picture; expected one of them: the "
                                 "network's grid is the part's")
        for image in patch.images or ():
            if not 0 <= image < count:
                raise InvalidRequest(f"[patch] image {image} of {count}; expected 0..{count - 1}")


class _Acting:
    """A patch during a run."""

    def __init__(self, patch: Patch) -> None:
        self._patch, self._masks, self._counter = patch, dict[tuple[int, int], npt.NDArray[np.float32]](), RowCounter()

    def __call__(self, x: Any, at: _core.ProbeView) -> Any:
        import mlx.core as mx

        if self._patch._neutral():
            return x
        numbers = x.astype(mx.float32)
        instead = self._instead(numbers, at)
        if instead.shape != x.shape:
            instead = mx.broadcast_to(instead, x.shape)
        if self._patch.strength != 1:
            instead = numbers + float(self._patch.strength) * (instead - numbers)
        mask = self._mask(x.shape, at)
        if mask is not None:  # where it is 0 or 1, not a bit of the other
            mixed = numbers + mask * (instead - numbers)
            instead = mx.where(mask == 0, numbers, mx.where(mask == 1, instead, mixed))
        return instead.astype(x.dtype)

    def _instead(self, x: Any, at: _core.ProbeView) -> Any:
        patch = self._patch
        if patch.replace is not None:
            return self._value(patch.replace, x, at)
        if patch.add is not None:
            return x + self._value(patch.add, x, at)
        if patch.scale is not None:
            return x * float(patch.scale)
        vector = np.ravel(as_array(patch.remove))
        if len(vector) != x.shape[-1]:
            raise InvalidRequest(f"[patch] remove has {len(vector)} numbers at {at.site.path or at.point}; expected {x.shape[-1]}")
        direction = self._value(vector, x, at)
        along = (x * direction).sum(axis=-1, keepdims=True) / (direction * direction).sum()
        return x - along * direction

    def _value(self, value: Any, x: Any, at: _core.ProbeView) -> Any:
        import mlx.core as mx

        if isinstance(value, Recorded) or callable(value):
            given = mx.array(_recorded_rows(value, at, self._counter.rows(at)) if isinstance(value, Recorded) else value(x, at))
            if given.shape != x.shape:
                raise InvalidRequest(f"[patch] {tuple(given.shape)} at {at.site.path or at.point}; expected {tuple(x.shape)}")
            return given
        array = float_array("patch", np.asarray(value) if np.isscalar(value) else value)
        try:
            np.broadcast_shapes(array.shape, x.shape)
        except ValueError:
            raise InvalidRequest(f"[patch] an array {array.shape} at {at.site.path or at.point}; expected one that broadcasts "
                                 f"to {tuple(x.shape)}") from None
        if array.ndim > len(x.shape) or np.broadcast_shapes(array.shape, x.shape) != tuple(x.shape):
            raise InvalidRequest(f"[patch] an array {array.shape} at {at.site.path or at.point}; expected at most {tuple(x.shape)}")
        return mx.array(array)

    def _mask(self, shape: Sequence[int], at: _core.ProbeView) -> Any:
        """What of the array changes, 0..1, by broadcasting; None: all."""
        import mlx.core as mx

        patch, parts = self._patch, []
        if patch.images is not None:
            chosen = [float(image in patch.images) for image, _ in at.rows]
            parts.append(np.reshape(np.array(chosen, np.float32), (-1, *[1] * (len(shape) - 1))))
        if patch.region is not None:
            parts.append(self._region(at.site.height, at.site.width).reshape(_mask_shape(at)))
        for axis, chosen_ones in ((1, patch.heads), (3, patch.tokens)):
            if chosen_ones is not None:
                parts.append(_chosen(chosen_ones, shape, axis, at))
        return mx.array(np.prod(np.broadcast_arrays(*parts), axis=0)) if parts else None

    def _region(self, height: int, width: int) -> npt.NDArray[np.float32]:
        """At a layer's grid: the mean over each of its pixels."""
        if (height, width) not in self._masks:
            region = self._patch.region
            assert region is not None
            fine = np.asarray(_core.region_mask(place_json("", "always", "both", region), width * FINER, height * FINER))
            means = fine.reshape(height, FINER, width, FINER).mean(axis=(1, 3))
            self._masks[height, width] = means.astype(np.float32)
        return self._masks[height, width]


def _mask_shape(at: _core.ProbeView) -> tuple[int, ...]:
    height, width = at.site.height, at.site.width
    if at.point == "attention_map":
        return (1, 1, height * width, 1)
    return (1, height * width, 1) if at.point.startswith("attention") else (1, height, width, 1)


def _chosen(indices: Sequence[int], shape: Sequence[int], axis: int, at: _core.ProbeView) -> npt.NDArray[np.float32]:
    check_indices("patch", indices, shape[axis], axis, at)
    mask = np.zeros(shape[axis], np.float32)
    mask[list(indices)] = 1
    return mask.reshape([shape[axis] if i == axis else 1 for i in range(4)])


def _check_region(data: Any) -> None:
    if data.get("unit") == "pixel":
        raise InvalidRequest("[patch] a region in pixels; expected fractions of the picture: a layer's grid knows no pixels")
    for part in data.get("parts", ()):
        _check_region(part)


def _recorded_rows(recorded: Recorded, at: _core.ProbeView, wanted: Sequence[Row]) -> npt.NDArray[np.float32]:
    """What was recorded of this place and step, for these rows: of its image, or of the only one there was."""
    seen = recorded.seen.get(place_of(at))
    if seen is None:
        raise InvalidRequest(f"[patch] the recording has no {at.point} of {at.site.path or 'the network'} at step {at.step.index}"
                             f"; it has {recorded!r}: record it there, or set `when`")
    images, there = {image for image, _ in seen.rows}, numbered(seen.rows)
    rows = []
    for image, side, number in wanted:
        own = (image if len(images) > 1 else next(iter(images)), side, number)
        if own not in there:
            raise InvalidRequest(f"[patch] the recording has no {side} row {number} of image {own[0]}; it has {seen.rows}: set `rows`")
        rows.append(seen.values[there.index(own)])
    return np.stack(rows)
