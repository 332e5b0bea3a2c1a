"""What the network computed on the way: outputs of blocks, inputs, outputs and maps of attention layers, predictions.

    result = pipe("a cat in a park", record=["middle:0", Record("output:1", "attention_map", attention="cross")])
    result.recorded["middle:0", 3]  # the block's output at step 3: [rows, height, width, channels]

Recording leaves every bit of the run as it is.
"""
from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Union

import numpy as np
import numpy.typing as npt

from . import _core
from ._control import Window
from ._names import shown
from ._probe import Attention, Of, Row, RowCounter, Rows, check_indices, indices, numbered, probe
from .errors import BadFile, InvalidRequest, Io, NotFound

Numbers = npt.NDArray[np.float32]
SIDES = ("negative", "prompt", "further")
# What the axes of an array are, behind the rows.
AXES: Mapping[str, tuple[str, ...]] = {
    "block_output": ("height", "width", "channel"),
    "attention_input": ("pixel", "channel"),
    "attention_output": ("pixel", "channel"),
    "attention_map": ("head", "pixel", "token"),
    "resnet_output": ("height", "width", "channel"),
    "prediction": ("height", "width", "channel"),
    "guided": ("height", "width", "channel"),
}


@dataclasses.dataclass(frozen=True, eq=False)
class Record:
    """What to keep. A call's `record` is a list of these, or of names of blocks.

    where: blocks ("middle:0", "output"), resnets ("output:1.1": what the second of that block adds), or attention layers as
    controls name them; of predictions nothing.
    of: block_output, attention_input, attention_map, attention_output, resnet_output, prediction (of every row), guided.
    attention: cross (the picture reads the text), self, or both. rows: cond, uncond, both. when: of corepulse.when.
    heads, tokens: of maps, those alone, in the order given.
    """

    where: str = ""
    of: Of = "block_output"
    attention: Attention = "both"
    when: Window = dataclasses.field(default="always", kw_only=True)
    rows: Rows = dataclasses.field(default="both", kw_only=True)
    heads: Sequence[int] | None = dataclasses.field(default=None, kw_only=True)
    tokens: Sequence[int] | None = dataclasses.field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if self.of != "attention_map" and (self.heads is not None or self.tokens is not None):
            raise InvalidRequest(f"[record] heads and tokens are a map's; {self.of} has none")
        for name in ("heads", "tokens"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, indices(name, getattr(self, name)))
        self._into(Recorded())  # what is wrong is said here

    def _into(self, recorded: Recorded) -> _core.Probe:
        """A probe that keeps what it sees."""
        counter = RowCounter()

        def keep(x: Any, at: _core.ProbeView) -> Any:
            import mlx.core as mx

            part = x
            for axis, chosen in ((1, self.heads), (3, self.tokens)):
                if chosen is not None:
                    check_indices("record", chosen, x.shape[axis], axis, at)
                    part = mx.take(part, mx.array(list(chosen)), axis=axis)
            recorded._add(at, counter.rows(at), np.array(part.astype(mx.float32)), self._chosen())
            return x

        return probe(keep, self.where, self.of, self.attention, self.when, self.rows)

    def _chosen(self) -> Chosen:
        return tuple(None if one is None else tuple(one) for one in (self.heads, self.tokens))


# Of a map: heads and tokens, or None: all.
Chosen = tuple[Union[tuple[int, ...], None], ...]
RecordLike = Union[Record, str]


def as_record(given: RecordLike) -> Record:
    """A name is that of blocks."""
    if not isinstance(given, (Record, str)):
        raise InvalidRequest(f"[record] {shown(given)}; expected a Record, or a name of blocks")
    return Record(given) if isinstance(given, str) else given


class Place(NamedTuple):
    """Where and when an array was seen."""

    of: str
    path: str  # "mid_block", "up_blocks.1.attentions.0.transformer_blocks.0.attn2"; of predictions ""
    step: int
    evaluation: int = 0  # 1: the second call of the model in a sampler's step
    run: int = 1  # 2: of a second pass
    reading: int = 0  # of maps: which text, where controls make a layer read several


def place_of(at: _core.ProbeView) -> Place:
    """Of what is seen."""
    return Place(at.point, at.site.path, at.step.index, 0 if at.step.first_evaluation else 1, at.run, at.reading)


@dataclasses.dataclass
class Seen:
    """An array and where it was seen. `values` [rows, ...], float32: negative prompts' rows, then prompts', by image, then
    those that controls add, as often in `rows` as there are."""

    place: Place
    block: str
    rows: list[tuple[int, str]]  # image; negative, prompt or further
    values: Numbers
    timestep: float
    sigma: float
    height: int
    width: int

    def _join(self, rows: list[Row], values: Numbers) -> None:
        """The engine may compute the rows of a step in several calls; those that are here already are the same ones."""
        own = numbered(self.rows)
        new = [i for i, row in enumerate(rows) if row not in own]
        if not new:
            return
        both, numbers = [*own, *(rows[i] for i in new)], np.concatenate([self.values, values[new]])
        order = sorted(range(len(both)), key=lambda i: (SIDES.index(both[i][1]), both[i][0], both[i][2]))
        self.rows, self.values = [both[i][:2] for i in order], numbers[order]


class Recorded(Mapping[Any, Numbers]):
    """All arrays of a run that were asked for. `recorded[block or path, step]` is one, of the first call of the step."""

    def __init__(self) -> None:
        self.seen: dict[Place, Seen] = {}
        self._chosen: dict[Place, Chosen] = {}

    def _add(self, at: _core.ProbeView, rows: list[Row], values: Numbers, chosen: Chosen) -> None:
        place = place_of(at)
        seen = self.seen.get(place)
        if seen is None:
            self._chosen[place] = chosen
            known = [(image, side) for image, side, _ in rows]
            self.seen[place] = Seen(place, at.block, known, values, at.step.t, at.step.sigma, at.site.height, at.site.width)
            return
        if self._chosen[place] != chosen:
            raise InvalidRequest(f"[record] {place.of} of {place.path} by two records, with other heads or tokens; expected one "
                                 "record of it, with all that both choose")
        if seen.values.shape[1:] != values.shape[1:]:
            raise InvalidRequest(f"[record] {place.of} of {place.path}: a row reads {values.shape[-1]} tokens and another one "
                                 f'{seen.values.shape[-1]}, which are no one array; expected rows="cond" or "uncond", or tokens=[...]')
        seen._join(rows, values)

    @property
    def places(self) -> list[Place]:
        """In the order in which they were first seen."""
        return list(self.seen)

    def find(self, where: str = "", step: int | None = None, of: str | None = None, evaluation: int = 0, run: int = 1,
             reading: int = 0) -> list[Seen]:
        """Those of a block or a path (or what begins with it), by step."""
        if not isinstance(where, str):
            raise InvalidRequest(f"[recorded] {shown(where)}; expected a block or a path")
        found = [
            s for p, s in self.seen.items()
            if (s.block == where or p.path == where or p.path.startswith(where + ".") or not where)
            and step in (None, p.step) and of in (None, p.of) and (p.evaluation, p.run, p.reading) == (evaluation, run, reading)
        ]
        return sorted(found, key=lambda s: s.place.step)

    def one(self, where: str = "", step: int | None = None, of: str | None = None, **more: int) -> Seen:
        """The only one; NotFound if there is none, InvalidRequest if there are several."""
        found = self.find(where, step, of, **more)
        if not found:
            raise NotFound(f"[recorded] nothing of {where!r} at step {step}; there are: {self._summary()}")
        if len(found) > 1:
            names = ", ".join(f"{s.place.of} of {s.place.path or 'the network'} at step {s.place.step}" for s in found[:6])
            raise InvalidRequest(f"[recorded] {len(found)} arrays of {where!r} at step {step}; expected one of: {names}")
        return found[0]

    def stack(self, where: str = "", of: str | None = None, **more: int) -> Numbers:
        """All steps of one place: [steps, rows, ...]."""
        found = self.find(where, None, of, **more)
        if not found or len({s.place._replace(step=0) for s in found}) > 1:
            raise InvalidRequest(f"[recorded] {where!r} is no one place; there are: {self._summary()}")
        if len({(s.values.shape, tuple(s.rows)) for s in found}) > 1:
            raise InvalidRequest(f"[recorded] {where!r} has other rows or shapes at some steps; expected the same at all: `find`")
        return np.stack([s.values for s in found])

    def look(self, where: str, step: int, token: int, heads: Sequence[int] | None = None) -> Numbers:
        """A map's attention of every pixel to one token, mean over rows and heads: [height, width]."""
        return self._picture(where, step, heads, lambda mean: mean[:, token])

    def look_from(self, where: str, step: int, x: float, y: float, heads: Sequence[int] | None = None) -> Numbers:
        """A self-attention map's query point: how much the pixel at (x, y), 0..1 from the left and from the top, looks at
        every other: [height, width]."""
        if not (0 <= x <= 1 and 0 <= y <= 1):
            raise InvalidRequest(f"[recorded] a point ({x}, {y}); expected 0..1 from the left and from the top")
        seen = self.one(where, step, "attention_map")
        column, row = min(int(x * seen.width), seen.width - 1), min(int(y * seen.height), seen.height - 1)
        return self._picture(where, step, heads, lambda mean: mean[row * seen.width + column])

    def _picture(self, where: str, step: int, heads: Sequence[int] | None, part: Any) -> Numbers:
        seen = self.one(where, step, "attention_map")
        chosen = seen.values if heads is None else seen.values[:, list(heads)]
        numbers: Numbers = part(chosen.mean(axis=(0, 1)))
        return numbers.reshape(seen.height, seen.width)

    def xarray(self, where: str = "", of: str | None = None, **more: int) -> dict[str, Any]:
        """All steps of one place as `xarray.DataArray.from_dict` takes it: dimensions, coordinates, data."""
        data, found = self.stack(where, of, **more), self.find(where, None, of, **more)
        place = found[0].place
        dims = ("step", "row", *AXES[place.of])
        coords = {
            "step": {"dims": ("step",), "data": [s.place.step for s in found]},
            "sigma": {"dims": ("step",), "data": [s.sigma for s in found]},
            "timestep": {"dims": ("step",), "data": [s.timestep for s in found]},
            "image": {"dims": ("row",), "data": [image for image, _ in found[0].rows]},
            "side": {"dims": ("row",), "data": [side for _, side in found[0].rows]},
        }
        attributes = {"of": place.of, "path": place.path, "block": found[0].block, "height": found[0].height, "width": found[0].width}
        return {"name": place.path or place.of, "dims": dims, "coords": coords, "attrs": attributes, "data": data}

    def save(self, file: str | os.PathLike[str]) -> None:
        """All arrays with what is known of them: .safetensors or .npz; .npy: the only one, without it."""
        kind = pathlib.Path(file).suffix
        if kind == ".npy" and len(self.seen) != 1:
            raise InvalidRequest(f"[save] {len(self.seen)} arrays; expected one for .npy, else .npz or .safetensors")
        if kind not in (".safetensors", ".npz", ".npy"):
            raise InvalidRequest(f"[save] {os.fspath(file)}; expected .safetensors, .npz or .npy")
        try:
            self._write(file, kind)
        except (OSError, RuntimeError) as error:
            raise Io(f"[save] {os.fspath(file)}: {error}") from None

    def _write(self, file: str | os.PathLike[str], kind: str) -> None:
        if kind == ".npy":
            np.save(file, next(iter(self.seen.values())).values)
            return
        arrays = {"/".join(map(str, place)): seen.values for place, seen in self.seen.items()}
        about = {name: {**dataclasses.asdict(s), "values": None} for name, s in zip(arrays, self.seen.values())}
        if kind == ".npz":
            np.savez(file, allow_pickle=False, about=np.array(json.dumps(about)), **arrays)
            return
        import mlx.core as mx

        mx.save_safetensors(os.fspath(file), {n: mx.array(a) for n, a in arrays.items()}, {"about": json.dumps(about)})

    @classmethod
    def load(cls, file: str | os.PathLike[str]) -> Recorded:
        """What save wrote as .safetensors or .npz."""
        name, recorded = os.fspath(file), cls()
        if not pathlib.Path(name).is_file():
            raise NotFound(f"[load] {name} is no file")
        try:
            arrays, about = _stored(name)
            for key, one in about.items():
                place, values = Place(*one.pop("place")), np.asarray(arrays[key], dtype=np.float32)
                rows = [(int(image), str(side)) for image, side in one["rows"]]
                if len(rows) != len(values) or values.ndim != 1 + len(AXES[place.of]):
                    raise ValueError(f"{key} is {values.shape}, with {len(rows)} rows")
                recorded.seen[place] = Seen(**{**one, "place": place, "rows": rows, "values": values})
        except (ValueError, KeyError, TypeError, RuntimeError, AttributeError, EOFError, OSError, zipfile.BadZipFile) as error:
            raise BadFile(f"[load] {name} is nothing that Recorded.save wrote: {error}") from None
        return recorded

    def __getitem__(self, key: Any) -> Numbers:
        if isinstance(key, Place):
            return self.seen[key].values
        where, step = key if isinstance(key, tuple) and len(key) == 2 else (key, None)
        if not isinstance(where, str):
            raise InvalidRequest(f"[recorded] {shown(key)}; expected a block or a path, and a step")
        return self.one(where, step).values

    def __iter__(self) -> Iterator[Place]:
        return iter(self.seen)

    def __len__(self) -> int:
        return len(self.seen)

    def _summary(self) -> str:
        names = dict.fromkeys(f"{p.of} of {s.block or 'the network'}" for p, s in self.seen.items())
        return ", ".join(names) or "none"

    def __repr__(self) -> str:
        size = sum(s.values.nbytes for s in self.seen.values()) / 1e6
        return f"<Recorded {len(self)} arrays, {size:.1f} MB: {self._summary()}>"


def _stored(name: str) -> tuple[Mapping[str, Any], dict[str, Any]]:
    if name.endswith(".npz"):
        with np.load(name, allow_pickle=False) as stored:
            arrays = {key: stored[key] for key in stored.files}
        return arrays, json.loads(str(arrays.pop("about")))
    if not name.endswith(".safetensors"):
        raise ValueError("expected .safetensors or .npz")
    import mlx.core as mx

    loaded: Any = mx.load(name, return_metadata=True)
    return {key: np.array(value) for key, value in loaded[0].items()}, json.loads(loaded[1]["about"])
