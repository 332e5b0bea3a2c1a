"""What a run gives: pictures, their recipe, heat maps, recordings. All of it shows itself in a notebook."""
from __future__ import annotations

import base64
import html
import json
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image

from . import _core
from ._names import whole
from .errors import InvalidRequest
from .pictures import Bytes, png, to_bytes, to_pil
from .recorded import Recorded

Floats = npt.NDArray[np.float32]


class HeatMap:
    """Where a picture looked at the words of one `capture`: values of 0 (not looked at) to 1 (nothing else is)."""

    def __init__(self, core: _core.HeatMap, picture: Bytes | None) -> None:
        self._core, self._picture = core, picture

    @property
    def name(self) -> str:
        """The capture's."""
        return self._core.name

    @property
    def image(self) -> int:
        """Index of its picture in the batch."""
        return self._core.image

    @property
    def values(self) -> Floats:
        """[height, width], read only: the engine's own memory."""
        return np.asarray(self._core.values)

    @property
    def part(self) -> tuple[int, int, int, int] | None:
        """left, top, width, height of the pixels it lies over, where only a part was drawn."""
        return self._core.part

    def overlay(self, picture: Any = None, opacity: float = 0.6) -> PIL.Image.Image:
        """The map in colours over a picture; without one over the run's own."""
        below = to_bytes(picture if picture is None or not isinstance(picture, PIL.Image.Image) else np.asarray(
            picture.convert("RGB"))) if picture is not None else self._picture
        if below is None:
            raise InvalidRequest("[heat map] the run drew no picture (output_type latent); expected one to lay it over")
        return PIL.Image.fromarray(np.asarray(self._core.overlay(np.ascontiguousarray(below), opacity)))

    def save(self, file: str | os.PathLike[str]) -> None:
        """Its values as NumPy's .npy."""
        self._core.save(os.fspath(file))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Floats:
        return np.array(self.values, dtype=dtype)

    def _repr_png_(self) -> bytes | None:
        return png(self.overlay()) if self._picture is not None else None

    def __repr__(self) -> str:
        height, width = self.values.shape
        return f"<HeatMap {self.name!r} of image {self.image}, {width} x {height}, {self.values.min():.4f}..{self.values.max():.4f}>"


class Result:
    """One run. `images` is as `output_type` asked: a list of PIL pictures, or an array of NumPy's or MLX's. `recorded`:
    what `record` asked for."""

    def __init__(self, core: _core.Result, output_type: str, recorded: Recorded, repeated: Mapping[str, Any] | None = None) -> None:
        self._core, self._output_type, self.recorded, self._repeated = core, output_type, recorded, repeated or {}
        self._pixels: list[Bytes] = [np.asarray(array) for array in core.images]
        self.images: Any = self._converted()

    @property
    def recipe(self) -> dict[str, Any]:
        """All that repeats the run, as docs/recipe.schema.json has it."""
        found: dict[str, Any] = json.loads(self._core.recipe)
        return found

    @property
    def notes(self) -> list[str]:
        """Words that were cut off, controls that were neutral, guesses made; what may differ from a picture that is repeated."""
        different = differences(self._repeated, self.recipe["made_with"])
        return [*self._core.notes, *([f"the picture may differ from the one repeated: {different}"] if different else [])]

    @property
    def heatmaps(self) -> list[HeatMap]:
        """Of the run's captures, in order, image by image."""
        pictures = self._pixels
        return [HeatMap(m, pictures[m.image] if m.image < len(pictures) else None) for m in self._core.heat_maps]

    @property
    def recordings(self) -> list[_core.Recording]:
        """Of captures of keys: `name`, `image`, `bytes`, and save(file) for a later run's `share`."""
        return list(self._core.recordings)

    @property
    def latents(self) -> Floats:
        """[images, 4, height / 8, width / 8], as the VAE reads them: torch's order."""
        flat = np.stack([np.asarray(numbers) for numbers in self._core.latents])
        return flat.reshape(len(flat), 4, *self._latent_size(flat.shape[1] // 4))

    @property
    def seconds(self) -> dict[str, float]:
        """What was spent on the text, the steps and the decoding."""
        return {"text": self._core.seconds_text, "steps": self._core.seconds_steps, "decode": self._core.seconds_decode}

    @property
    def model_calls(self) -> int:
        """Of the UNet."""
        return self._core.model_calls

    def save(self, file: str | os.PathLike[str], image: int = 0) -> None:
        """Writes a picture (.png, .jpg, .webp) with its recipe inside; load_recipe and the program read it again."""
        if not 0 <= whole("save", image) < len(self._pixels):
            raise InvalidRequest(f"[save] no picture {image}; the run has {len(self._pixels)}")
        folder = os.fspath(pathlib.Path(file).parent)
        _core.save_image(self._pixels[image], os.fspath(file), self._core.image_text(image, folder))

    def save_heatmaps(self, file: str | os.PathLike[str]) -> None:
        """Their values, by name, as safetensors."""
        _core.save_heat_maps(self._core.heat_maps, os.fspath(file))

    def _converted(self) -> Any:
        if self._output_type == "pil":
            return [PIL.Image.fromarray(pixels) for pixels in self._pixels]
        if self._output_type == "latent":
            return self.latents
        numbers = np.stack(self._pixels).astype(np.float32) / np.float32(255)
        if self._output_type == "np":
            return numbers
        import mlx.core as mx

        return mx.array(numbers)

    def _latent_size(self, cells: int) -> tuple[int, int]:
        """The run's size; of two passes, and of parts of a picture, the last one's."""
        recipe = self.recipe
        sizes = [(recipe["height"] // 8, recipe["width"] // 8)]
        sizes += [(p.shape[0] // 8, p.shape[1] // 8) for p in self._pixels]
        for height, width in sizes:
            if height * width == cells:
                return height, width
        second = recipe.get("second_pass", {})
        side = (cells * recipe["height"] / recipe["width"]) ** 0.5
        height = second.get("height", 0) // 8 or round(side)
        return (height, cells // height) if cells % height == 0 else (1, cells)

    def _repr_html_(self) -> str:
        pictures = [p for p in self._pixels] + [m.overlay() for m in self.heatmaps if self._pixels]
        names = [str(seed) for seed in seeds_of(self.recipe)] + [m.name for m in self.heatmaps]
        return "".join(figure(picture, name) for picture, name in zip(pictures, names)) or html.escape(repr(self))

    def __getitem__(self, index: int) -> Any:
        """As Diffusers' outputs: result[0] are the images."""
        return (self.images,)[index]

    def __repr__(self) -> str:
        what = f"{len(self._pixels)} pictures" if len(self._pixels) != 1 else "a picture"
        return f"<Result: {what}, {self.model_calls} model calls, {sum(self.seconds.values()):.1f} s>"


def differences(recipe: Mapping[str, Any], here: Mapping[str, Any]) -> str:
    """"dtype f32 there, bf16 here": what a recipe was drawn with, or asks for, and what computed it now."""
    made = recipe.get("made_with") or {}
    asked = {"dtype": recipe["dtype"]} if recipe.get("dtype", "auto") != "auto" else {}
    there = {**asked, **{name: value for name, value in made.items() if value}}
    names = ("program", "model", "backend", "dtype", "isa")
    return "; ".join(f"{name} {there[name]} there, {here.get(name)} here" for name in names if name in there and there[name] != here.get(name))


def seeds_of(recipe: dict[str, Any]) -> Sequence[int]:
    """One for each picture."""
    return list(recipe["seeds"]) if "seeds" in recipe else [recipe.get("seed", 0)]


def figure(picture: Any, caption: str) -> str:
    """A picture for a notebook."""
    data = base64.b64encode(png(to_pil(picture))).decode("ascii")
    return (
        '<figure style="display:inline-block;margin:0 8px 8px 0;text-align:center">'
        f'<img src="data:image/png;base64,{data}" alt="{html.escape(caption)}">'
        f'<figcaption style="font-size:small">{html.escape(caption)}</figcaption></figure>'
    )
