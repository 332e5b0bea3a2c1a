"""Causal tracing: where and when is what a prompt says decided?

    trace = pipe.trace("a cat in a park", "a dog in a park", num_inference_steps=10, seed=3)
    trace                     # in a notebook: blocks by steps, the more colour, the more of the cat came back
    trace.save("trace.png")

The corrupt prompt's run is drawn again and again, each time with what one block (or what else `of` names) made in the
clean prompt's run, in one window of steps; a measure says how much of the clean run that brings back.
"""
from __future__ import annotations

import dataclasses
import html
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import PIL.Image
import PIL.ImageDraw

from . import when
from ._names import function, listed, number, whole
from ._probe import Attention, Of, Rows
from .errors import InvalidRequest, Io
from .patch import Patch
from .pictures import png
from .recorded import Numbers, Record
from .result import Result

if TYPE_CHECKING:
    from .pipeline import Pipeline

Measure = Callable[[Result], float]
Window = tuple[int, int]
# Of the picture, in pixels.
CELL, LABELS, LINE = 28, 96, 20


@dataclasses.dataclass
class Trace:
    """effects [places, windows]: 0 where the picture stays the corrupt run's, 1 where it is the clean one's by the measure;
    below 0 it went further away. measures: the same as the measure says it. Windows are steps, first and end."""

    places: list[str]
    windows: list[Window]
    effects: Numbers
    measures: Numbers
    clean: float
    corrupt: float
    clean_prompt: str
    corrupt_prompt: str
    of: str = "block_output"

    def xarray(self) -> dict[str, Any]:
        """As `xarray.DataArray.from_dict` takes it."""
        coords = {"place": {"dims": ("place",), "data": self.places},
                  "step": {"dims": ("step",), "data": [first for first, _ in self.windows]},
                  "end": {"dims": ("step",), "data": [end for _, end in self.windows]}}
        about = {n: getattr(self, n) for n in ("clean", "corrupt", "clean_prompt", "corrupt_prompt", "of")}
        return {"name": "effect", "dims": ("place", "step"), "coords": coords, "attrs": about, "data": self.effects}

    def picture(self) -> PIL.Image.Image:
        """The effects as colours: white 0, red the largest, blue below 0."""
        legend = f"{self.corrupt_prompt[:40]} -> {self.clean_prompt[:40]}: largest {self.effects.max():.2f}"
        width, height = max(LABELS + CELL * len(self.windows), 7 * len(legend)) + LINE, CELL * len(self.places) + 2 * LINE
        image = PIL.Image.new("RGB", (width, height), "white")
        draw = PIL.ImageDraw.Draw(image)
        for r, place in enumerate(self.places):
            draw.text((4, LINE + CELL * r + CELL // 3), _place(place)[-15:], fill="black")
            for c in range(len(self.windows)):
                left, top = LABELS + CELL * c, LINE + CELL * r
                draw.rectangle((left, top, left + CELL - 2, top + CELL - 2), fill=self._colour(self.effects[r, c]))
        for c, window in enumerate(self.windows):
            draw.text((LABELS + CELL * c + 2, 4), _name(window), fill="black")
        draw.text((4, height - LINE + 4), legend, fill="black")
        return image

    def save(self, file: str | os.PathLike[str]) -> None:
        """Writes the picture (.png), or the effects as .npy."""
        name = os.fspath(file)
        try:
            np.save(name, self.effects) if name.endswith(".npy") else self.picture().save(name)
        except OSError as error:
            raise Io(f"[save] {name}: {error}") from None
        except ValueError as error:  # PIL's, of an extension
            raise InvalidRequest(f"[save] {name}: {error}; expected .png or .npy") from None

    def _colour(self, effect: float) -> tuple[int, int, int]:
        share = min(1.0, abs(float(effect)) / max(1e-6, float(np.abs(self.effects).max())))
        away = tuple(round(255 - share * (255 - c)) for c in ((178, 24, 43) if effect >= 0 else (33, 102, 172)))
        return away[0], away[1], away[2]

    def _repr_html_(self) -> str:
        heads = "".join(f"<th>{_name(window)}</th>" for window in self.windows)
        body = "".join(self._row(r) for r in range(len(self.places)))
        return (f'<table style="border-collapse:collapse"><caption>{html.escape(self.corrupt_prompt)} &rarr; '
                f"{html.escape(self.clean_prompt)}: what each {html.escape(self.of)} brings back, by step</caption>"
                f"<tr><th></th>{heads}</tr>{body}</table>")

    def _row(self, r: int) -> str:
        cells = ""
        for window, effect in zip(self.windows, self.effects[r]):
            red, green, blue = self._colour(effect)
            ink = "#000" if red + green + blue > 380 else "#fff"
            cells += (f'<td style="background:rgb({red},{green},{blue});color:{ink};min-width:2.4em;text-align:center" '
                      f'title="{html.escape(_place(self.places[r]))}, steps {window[0]}..{window[1] - 1}">{effect:.2f}</td>')
        return f'<tr><th style="text-align:left">{html.escape(_place(self.places[r]))}</th>{cells}</tr>'

    def _repr_png_(self) -> bytes:
        return png(self.picture())

    def __repr__(self) -> str:
        r, c = np.unravel_index(int(self.effects.argmax()), self.effects.shape)
        return f"<Trace {self.effects.shape}: most ({self.effects[r, c]:.2f}) by {_place(self.places[r])} at {_name(self.windows[c])}>"


def _windows(windows: Any) -> list[Window]:
    ends = [listed("windows", one, "a first step and an end") for one in listed("windows", windows, "pairs of steps")]
    if any(len(one) != 2 for one in ends):
        raise InvalidRequest(f"[windows] {windows!r}; expected pairs: a first step and an end")
    return [(whole("windows", first), whole("windows", end)) for first, end in ends]


def _place(place: str) -> str:
    return place or "the network"


def _name(window: Window) -> str:
    first, end = window
    return str(first) if end == first + 1 else f"{first}-{end - 1}"


class _Near:
    """How near the latents are: 1 the clean run's, 0 as far as the corrupt one's."""

    def __init__(self, clean: Result, corrupt: Result) -> None:
        self._clean = clean.latents
        self._far = float(np.linalg.norm(corrupt.latents - self._clean))

    def __call__(self, result: Result) -> float:
        return 1 - float(np.linalg.norm(result.latents - self._clean)) / max(self._far, 1e-30)


@dataclasses.dataclass
class Sweep:
    """What is restored, and what is drawn."""

    pipe: Pipeline
    clean_prompt: str
    corrupt_prompt: str
    given: dict[str, Any]
    of: Of
    attention: Attention
    rows: Rows

    def places(self) -> list[str]:
        """All blocks that have some; of what is the whole network's the one place there is."""
        kinds = {"cross": ("cross_layers",), "self": ("self_layers",)}.get(self.attention, ("cross_layers", "self_layers"))
        blocks = self.pipe.info["blocks"]
        if self.of in ("prediction", "guided"):
            return [""]
        if self.of in ("block_output", "resnet_output"):
            return [str(b["id"]) for b in blocks]
        return [str(b["id"]) for b in blocks if any(b[kind] for kind in kinds)]

    def steps(self) -> int:
        """Of a run."""
        calls = self.pipe.explain(self.clean_prompt, **self.given).data["calls"]
        return 1 + max(int(call["step"]) for call in calls)

    def measured(self, place: str, windows: Sequence[Window], measure: Measure, done: Callable[[], None]) -> list[float]:
        """Of one place: its clean outputs are in memory for so long, and no others."""
        record = Record(place, self.of, self.attention, rows=self.rows)
        clean = self.pipe(self.clean_prompt, **{**self.given, "output_type": "latent"}, record=[record]).recorded
        measures = []
        for first, end in windows:
            patch = Patch(place, self.of, self.attention, replace=clean, when=when.steps(first, end), rows=self.rows)
            measures.append(number("measure", measure(self.pipe(self.corrupt_prompt, **self.given, patch=[patch]))))
            done()
        return measures


def trace(sweep: Sweep, measure: Measure | None, where: Sequence[str] | None, windows: Sequence[Window] | None,
          progress: Callable[[int, int], Any] | None) -> Trace:
    """Every place in every window. progress: (runs done, of how many)."""
    for name in ("record", "patch"):
        if name in sweep.given:
            raise InvalidRequest(f"[trace] {name} is what tracing does itself; expected a call without it")
    if sweep.given.get("generator") is not None:
        raise InvalidRequest("[trace] the first of many runs draws from a generator; expected a seed")
    function("measure", measure)
    function("progress", progress)
    sweep.given.setdefault("output_type", "latent" if measure is None else "pil")
    places = listed("where", where, "names") if where is not None else sweep.places()
    chosen = _windows(windows) if windows is not None else [(i, i + 1) for i in range(sweep.steps())]
    if not places or not chosen:
        raise InvalidRequest("[trace] no place or no window; expected at least one of each")
    clean, corrupt = sweep.pipe(sweep.clean_prompt, **sweep.given), sweep.pipe(sweep.corrupt_prompt, **sweep.given)
    how = measure or _Near(clean, corrupt)
    high, low = number("measure", how(clean)), number("measure", how(corrupt))
    if high == low:
        raise InvalidRequest(f"[trace] the measure says {high} of the clean run and {low} of the corrupt one; expected two numbers")
    runs = 0

    def done() -> None:
        nonlocal runs
        runs += 1
        if progress is not None:
            progress(runs, len(places) * len(chosen))

    measures = np.array([sweep.measured(place, chosen, how, done) for place in places], dtype=np.float32)
    effects = ((measures - low) / (high - low)).astype(np.float32)
    return Trace(places, chosen, effects, measures, high, low, sweep.clean_prompt, sweep.corrupt_prompt, sweep.of)
