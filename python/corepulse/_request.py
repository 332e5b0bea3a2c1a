"""From the arguments of a call, in Diffusers' words, to a recipe."""
from __future__ import annotations

import functools
import itertools
import json
import os
import pathlib
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Union

import numpy as np
import numpy.typing as npt
import PIL.Image

from . import _core
from ._control import Control, control_data
from ._names import as_json, fields, listed, number, path, whole
from .errors import BadFile, InvalidRequest, Io, NotFound
from .pictures import Picture, as_array, float_array, named_or_encoded
from .region import Region, RegionLike, region_data

RecipeLike = Union[str, "os.PathLike[str]", Mapping[str, Any]]
ControlLike = Union[Control, Mapping[str, Any]]

# Arguments whose values a recipe takes as they are, under its own name.
RECIPE_NAMES = {
    "prompt": "prompt",
    "negative_prompt": "negative_prompt",
    "prompt_2": "prompt_2",
    "negative_prompt_2": "negative_prompt_2",
    "num_inference_steps": "steps",
    "guidance_rescale": "guidance_rescale",
    "height": "height",
    "width": "width",
    "eta": "eta",
    "clip_skip": "clip_skip",
    "sampler": "sampler",
    "schedule": "schedule",
    "syntax": "syntax",
    "compat": "compat",
    "rng": "rng",
    "second_pass": "second_pass",
    "refiner": "refiner",
    "aesthetic_score": "aesthetic_score",
    "negative_aesthetic_score": "negative_aesthetic_score",
    "timesteps": "timesteps",
    "sigmas": "sigmas",
    "few_steps": "few_steps",
    "zero_snr": "zero_snr",
    "image_guidance": "image_guidance",
    "embeddings": "embeddings",
    "loras": "loras",
}


def load_recipe(source: RecipeLike) -> dict[str, Any]:
    """A recipe from a JSON file, a picture that holds one (of this program or of others), a preset's name, or a mapping.

    Relative paths in files are then seen from the current folder. What another program's picture says and a recipe
    cannot, `corepulse inspect PICTURE` lists.
    """
    if isinstance(source, Mapping):
        return dict(source)
    found: dict[str, Any]
    name = path("recipe", source)
    if pathlib.Path(name).suffix.lower() in (".png", ".jpg", ".jpeg", ".webp"):
        found = json.loads(_core.recipe_in(name)[0])
    elif pathlib.Path(name).is_file():
        found = json.loads(_core.recipe_seen_from(text_of(name), os.fspath(pathlib.Path(name).parent)))
    else:
        found = json.loads(_core.preset_json(name))
    return found


def text_of(file: str | os.PathLike[str]) -> str:
    """What a file says."""
    try:
        return pathlib.Path(file).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BadFile(f"[file] {os.fspath(file)} is no text: {error}; expected JSON in UTF-8") from None
    except FileNotFoundError:
        raise NotFound(f"[file] {os.fspath(file)} is no file") from None
    except OSError as error:
        raise Io(f"[file] {os.fspath(file)}: {error}") from None


def several(seed: Any) -> bool:
    """Whether it is one for each picture."""
    return isinstance(seed, Iterable) and not isinstance(seed, (str, bytes)) and getattr(seed, "ndim", 1) > 0


def seeds_from(seed: Any, generator: Any, count: int, recipe: Mapping[str, Any]) -> dict[str, Any]:
    """`seeds` of the recipe, one per picture, and whose random numbers; empty: as `recipe` says."""
    if seed is not None and generator is not None:
        raise InvalidRequest("[seed] seed and generator were given; expected one of them")
    if generator is not None:
        return _generators(generator, count)
    if seed is None and count == 1:
        return {}
    if seed is None:
        stored = listed("recipe.seeds", recipe.get("seeds"), "numbers") or [recipe.get("seed", 0)]
        seed = stored if len(stored) > 1 else stored[0]
    if not several(seed):
        return {"seeds": [whole("seed", seed) + i for i in range(count)]}
    seeds = [whole("seed", one) for one in listed("seed", seed, "numbers, or one")]
    if count not in (1, len(seeds)):
        raise InvalidRequest(f"[num_images_per_prompt] {count} pictures and {len(seeds)} seeds; expected as many")
    return {"seeds": seeds}


def _generators(generator: Any, count: int) -> dict[str, Any]:
    """torch's, by its seed and device; a list has one for each picture."""
    generators = list(generator) if isinstance(generator, (list, tuple)) else [generator]
    if len(generators) != count and count != 1:
        raise InvalidRequest(
            f"[generator] {len(generators)} generators for {count} pictures; expected a list of one for each: the second "
            "picture of one generator would start from numbers in the middle of its stream"
        )
    if any(a is b and hasattr(a, "initial_seed") for a, b in itertools.combinations(generators, 2)):
        raise InvalidRequest("[generator] one generator for several pictures; expected one of its own for each: the next "
                             "picture would start from numbers in the middle of its stream")
    for one in generators:
        _check_fresh(one)
    devices = {getattr(getattr(g, "device", "cpu"), "type", "cpu") for g in generators}
    if not devices <= {"cpu", "cuda"} or len(devices) != 1:
        raise InvalidRequest(f"[generator] random numbers of {', '.join(sorted(devices))}; expected cpu or cuda")
    seeds = [int(g.initial_seed()) if hasattr(g, "initial_seed") else whole("generator", g) for g in generators]
    return {"seeds": seeds, "rng": devices.pop()}


def _check_fresh(generator: Any) -> None:
    """A seed says where a stream begins, and nothing of where it is."""
    if not hasattr(generator, "get_state"):
        return
    fresh = type(generator)(generator.device)
    fresh.manual_seed(generator.initial_seed())
    if not np.array_equal(as_array(generator.get_state()), as_array(fresh.get_state())):
        raise InvalidRequest("[generator] numbers of it were drawn before, by another call perhaps, and a recipe says only its "
                             "seed; expected a generator that is new, or seeded again by manual_seed")


def spend(generator: Any) -> None:
    """After a run its generators are no longer new, as if it had drawn from them."""
    torch = sys.modules.get("torch")
    for one in generator if isinstance(generator, (list, tuple)) else [generator]:
        if torch is not None and hasattr(one, "get_state"):
            torch.rand(1, generator=one, device=one.device)


def _mask(mask: Picture | RegionLike) -> dict[str, Any]:
    """White is drawn anew. Text that is no file is a region's short form."""
    if isinstance(mask, (Region, Mapping)):
        return region_data(mask)
    if isinstance(mask, str) and not pathlib.Path(mask).is_file():
        return region_data(mask)
    if isinstance(mask, PIL.Image.Image):
        mask = mask.convert("L")
    return {"shape": "picture", **named_or_encoded(mask, mask=True)}


def _init(given: Mapping[str, Any], recipe: Mapping[str, Any]) -> dict[str, Any] | None:
    image, strength, mask, more = (given.get(n) for n in ("image", "strength", "mask_image", "init"))
    init = {**fields("recipe.init", recipe.get("init")), **fields("init", more)}
    if image is not None:
        init = {k: v for k, v in init.items() if k not in ("file", "data", "sha256")}
        init.update(named_or_encoded(image.convert("RGB") if isinstance(image, PIL.Image.Image) else image))
    if strength is not None:
        init["strength"] = number("strength", strength)
    if mask is not None:
        init["mask"] = _mask(mask)
    if init and "file" not in init and "data" not in init:
        raise InvalidRequest("[image] strength, mask_image and init are of a picture to start from; expected image, too")
    return init or None


def _scale(guidance: Any) -> float:
    """Diffusers calls 0 what is 1 here: no guidance."""
    return max(1.0, number("guidance_scale", guidance))


def _count(given: Mapping[str, Any]) -> int:
    count = given.get("num_images_per_prompt")
    found = 1 if count is None else whole("num_images_per_prompt", count)
    if found < 1:
        raise InvalidRequest(f"[num_images_per_prompt] {found}; expected at least 1")
    return found


def latents_of(given: Mapping[str, Any]) -> npt.NDArray[np.float32] | None:
    """[n, 4, h, w]; of one picture without the first."""
    if given.get("latents") is None:
        return None
    array = float_array("latents", given["latents"])
    array = array[None] if array.ndim == 3 else array
    if array.ndim != 4 or array.shape[1] != 4:
        raise InvalidRequest(f"[latents] an array {array.shape}; expected [pictures, 4, height / 8, width / 8]")
    return array


def with_latents(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Size and number of pictures are those of the latents, unless they are given."""
    latents = latents_of(given)
    if latents is None:
        return given
    known = {"height": latents.shape[2] * 8, "width": latents.shape[3] * 8}
    own = {name: value for name, value in known.items() if given.get(name) is None}
    if given.get("generator") is None and not several(given.get("seed")) and _count(given) == 1:
        own["num_images_per_prompt"] = len(latents)
    return {**given, **own}


def in_run(controls: Sequence[ControlLike], levels: Callable[[], Sequence[float]]) -> list[ControlLike]:
    """What a run with these noise levels has of them; nobody asks for the levels unless a control does."""
    known = functools.cache(levels)
    found = [control.in_run(known) if isinstance(control, Control) else control for control in controls]
    return [control for control in found if control is not None]


def recipe_json(given: Mapping[str, Any], dtype: str) -> str:
    """The recipe of a call: what `recipe` says, then what the other arguments do; None leaves it as it is."""
    recipe = load_recipe(given["recipe"]) if given.get("recipe") is not None else {}
    recipe.pop("made_with", None)
    recipe["version"], recipe["dtype"] = 1, dtype  # a loaded model computes as it was loaded
    for name, field in RECIPE_NAMES.items():
        if given.get(name) is not None:
            recipe[field] = given[name]
    if given.get("guidance_scale") is not None:
        recipe["guidance"] = _scale(given["guidance_scale"])
    drawn = seeds_from(given.get("seed"), given.get("generator"), _count(given), recipe)
    if drawn:
        recipe.pop("seed", None)
        recipe.update(drawn)
    init = _init(given, recipe)
    if init:
        recipe["init"] = init
    controls = [control_data(c) for c in listed("controls", given.get("controls"), "controls")]
    if controls:
        recipe["controls"] = [*listed("recipe.controls", recipe.get("controls"), "controls"), *controls]
    return as_json("request", recipe)
