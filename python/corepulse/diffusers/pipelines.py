"""Diffusers' pipelines of Stable Diffusion: their calls, arguments and defaults."""
from __future__ import annotations

import os
import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import PIL.Image

from .._names import check_arguments, listed
from ..controls import TimeIds
from ..errors import InvalidRequest
from ..pictures import mask_bytes, to_bytes, to_pil
from ..pipeline import Told, goes_on_after
from ..result import Result
from .ensemble import Unfinished, refined
from .loaded import Loaded, scaled

# As Diffusers 0.42 has them, in the order in which they may be given by position.
FIRST = ("prompt", "height", "width", "num_inference_steps", "timesteps", "sigmas", "guidance_scale", "negative_prompt")
FIRST_XL = ("prompt", "prompt_2", "height", "width", "num_inference_steps")
DEFAULTS: dict[str, Any] = dict.fromkeys(
    ("prompt", "prompt_2", "negative_prompt", "negative_prompt_2", "height", "width", "timesteps", "sigmas", "generator",
     "guidance_rescale", "clip_skip", "callback_on_step_end", "cross_attention_kwargs", "original_size", "target_size",
     "latents", "controls", "attention"))
DEFAULTS |= {"num_inference_steps": 50, "guidance_scale": 7.5, "num_images_per_prompt": 1, "eta": 0.0, "output_type": "pil",
             "return_dict": True, "callback_on_step_end_tensor_inputs": ["latents"], "crops_coords_top_left": (0, 0)}
# Known there and not here: anything but these values is an error.
ABSENT: dict[str, Any] = dict.fromkeys(
    ("prompt_embeds", "negative_prompt_embeds", "pooled_prompt_embeds", "negative_pooled_prompt_embeds",
     "ip_adapter_image", "ip_adapter_image_embeds", "denoising_start", "denoising_end", "masked_image_latents",
     "negative_original_size", "negative_target_size"))
ABSENT |= {"negative_crops_coords_top_left": (0, 0), "aesthetic_score": 6.0, "negative_aesthetic_score": 2.5}
OUTPUTS = {"pil": "pil", "np": "np", "latent": "latent", "pt": "np"}


class Output:
    """`images`, as `output_type` asked; nothing was checked for safety. `results`: the runs themselves."""

    def __init__(self, images: Any, results: list[Result]) -> None:
        self.images, self.nsfw_content_detected, self.results = images, None, results

    def __getitem__(self, index: int) -> Any:
        return (self.images, self.nsfw_content_detected)[index]


class DiffusionPipeline(Loaded):
    """Text to picture; every other class of this module differs in what it takes and in defaults."""

    _by_position: tuple[str, ...] = FIRST
    _own: dict[str, Any] = {}
    _interrupt = False

    @classmethod
    def from_pretrained(cls, model: str | os.PathLike[str], **given: Any) -> Any:
        """Of a refiner, which begins with a picture, that class."""
        made = super().from_pretrained(model, **given)
        return StableDiffusionXLImg2ImgPipeline.from_pretrained(model, **given) if cls is DiffusionPipeline and made._is_refiner() else made

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        given = self._given(arguments, named)
        calls = self._calls(given)
        if given.get("denoising_end") is not None:
            return self._output(Unfinished(self, given, calls), [], given)
        if given.get("denoising_start") is not None:
            results = refined(self, given, calls)
        else:
            results = [self.corepulse(**call, callback_on_step_end=self._callback(given["callback_on_step_end"], call)) for call in calls]
        return self._output(_joined(results, given["output_type"]), results, given)

    def _output(self, images: Any, results: list[Result], given: dict[str, Any]) -> Any:
        if not given["return_dict"]:
            return (images,) if self._is_xl() else (images, None)
        return Output(images, results)

    def _calls(self, given: dict[str, Any]) -> list[dict[str, Any]]:
        """Of corepulse.Pipeline, for each prompt."""
        prompts = _listed(given["prompt"])
        count = int(given["num_images_per_prompt"])
        generators = self._generators(given["generator"], len(prompts) * count)
        calls = []
        for i, prompt in enumerate(prompts):
            own = {n: _one_of(given[n], i, len(prompts), n) for n in ("prompt_2", "negative_prompt", "negative_prompt_2")}
            own = self._negatives(own)
            drawn = generators[i * count:(i + 1) * count]
            call = {"prompt": prompt, **own, "generator": drawn, "num_images_per_prompt": count, **self._rest(given)}
            if given["latents"] is not None:
                call["latents"] = self._latents(given["latents"], len(prompts) * count)[i * count:(i + 1) * count]
            calls.append(call)
        return calls

    def _latents(self, latents: Any, count: int) -> Any:
        """Noise, one for each picture."""
        if "image" in self._own:
            raise InvalidRequest("[latents] is not here; expected none, or a pipeline of text to picture")
        if len(latents) != count:
            raise InvalidRequest(f"[latents] {len(latents)} for {count} pictures; expected as many")
        return latents

    def _negatives(self, own: dict[str, Any]) -> dict[str, Any]:
        """Diffusers' SDXL reads zeros for None, and the text for "": a space is the same tokens, and is read."""
        if not self._is_xl():
            return own
        if own["negative_prompt"] is None:  # the second one is not read then, either
            return {**own, "negative_prompt_2": None}
        return {**own, "negative_prompt": own["negative_prompt"] or " "}

    def _given(self, arguments: Sequence[Any], named: dict[str, Any]) -> dict[str, Any]:
        valid = {**DEFAULTS, **({"guidance_scale": 5.0, "denoising_end": None} if self._is_xl() and "image" not in self._own else {}), **self._own}
        order = self._by_position if not (self._is_xl() and self._by_position is FIRST) else FIRST_XL
        if len(arguments) > len(order):
            raise InvalidRequest(f"[{type(self).__name__}] {len(arguments)} arguments by position; expected at most {len(order)}")
        given = {**dict(zip(order, arguments)), **named}
        check_arguments(type(self).__name__, given, [*valid, *ABSENT])
        for name in (given.keys() & ABSENT.keys()) - valid.keys():
            if given[name] is not None and given[name] != ABSENT[name]:
                raise InvalidRequest(f"[{name}] is not here; expected none, or another way: docs/python.md")
        told = given.get("callback_on_step_end_tensor_inputs")
        if told is not None and not set(listed("callback_on_step_end_tensor_inputs", told, "names")) <= {"latents"}:
            raise InvalidRequest(f"[callback_on_step_end_tensor_inputs] {told}: a callback is told of no arrays here; expected none")
        return {**valid, **given}

    def _rest(self, given: dict[str, Any]) -> dict[str, Any]:
        """What all prompts have in common, in the words of corepulse.Pipeline."""
        controls = [*(given["controls"] or ()), *self._lora_controls(given["cross_attention_kwargs"]), *self._sizes(given)]
        recipe = {n: given[n] for n in ("timesteps", "sigmas") if given[n] is not None}
        rest = {n: given[n] for n in ("height", "width", "num_inference_steps", "guidance_scale", "clip_skip")}
        output = OUTPUTS.get(given["output_type"], given["output_type"])
        return {**rest, **self._words_for(given), "guidance_rescale": given["guidance_rescale"] or None, "controls": controls,
                "attention": given["attention"] or (), "output_type": output, "recipe": {**self._words_left(), **recipe},
                **self._start(given)}

    def _words_for(self, given: dict[str, Any]) -> dict[str, Any]:
        words = {n: v for n, v in self._words.items() if n in ("sampler", "schedule")}
        takes = type(self.scheduler).__name__.startswith(("DDIM", "TCD"))  # as there, others are not told
        return {**words, "eta": given["eta"] if takes else None}

    def _words_left(self) -> dict[str, Any]:
        return {n: v for n, v in self._words.items() if n not in ("sampler", "schedule")}

    def _start(self, given: dict[str, Any]) -> dict[str, Any]:
        return {}

    def _lora_controls(self, cross_attention: Any) -> list[Any]:
        given = dict(cross_attention or {})
        check_arguments("cross_attention_kwargs", given, ["scale"])
        scale = 1.0 if given.get("scale") is None else float(given["scale"])
        return [*self._fused, *(scaled(lora, scale) for lora in self._loras.values())]

    def _sizes(self, given: dict[str, Any]) -> list[Any]:
        sizes = {n: given[f] for n, f in (("original", "original_size"), ("target", "target_size")) if given[f] is not None}
        if tuple(given["crops_coords_top_left"]) != (0, 0):
            sizes["crop"] = given["crops_coords_top_left"]
        return [TimeIds(**sizes)] if sizes else []

    def _callback(self, theirs: Any, call: dict[str, Any]) -> Any:
        if theirs is None:
            return None
        self._interrupt = False
        calls = self.corepulse.explain(**call).data["calls"]
        timesteps = [c["t"] for c in calls if c["first"]]

        def called(pipe: Any, step: int, sigma: float, told: Told) -> bool:
            return goes_on_after(theirs(self, step, timesteps[step], told), told) and not self._interrupt

        return called

    def _generators(self, generator: Any, count: int) -> list[Any]:
        if generator is None:
            return [random.getrandbits(32) for _ in range(count)]
        generators = list(generator) if isinstance(generator, (list, tuple)) else [generator]
        if len(generators) != count:
            raise InvalidRequest(
                f"[generator] {len(generators)} for {count} pictures; expected a list of one for each: of one generator the "
                "second picture would start from numbers in the middle of its stream")
        return generators


class StableDiffusionPipeline(DiffusionPipeline):
    """Stable Diffusion 1 and 2."""


class StableDiffusionXLPipeline(DiffusionPipeline):
    """Stable Diffusion XL."""

    _by_position: tuple[str, ...] = FIRST_XL
    _own = {"guidance_scale": 5.0}


class StableDiffusionImg2ImgPipeline(DiffusionPipeline):
    """From a picture, whose size the result has."""

    _by_position: tuple[str, ...] = ("prompt", "image", "strength", "num_inference_steps")
    _own = {"image": None, "strength": 0.8}

    def _start(self, given: dict[str, Any]) -> dict[str, Any]:
        if given["image"] is None:
            raise InvalidRequest("[image] is missing; expected a picture to start from")
        picture = _picture(given["image"])
        size = self._size(given, picture)
        return {**size, "image": _resized(picture, size), "strength": given["strength"], "init": {"fit": "stretch", "paste": False}}

    def _size(self, given: dict[str, Any], picture: PIL.Image.Image) -> dict[str, int]:
        if given["height"] is not None or given["width"] is not None:
            raise InvalidRequest("[height] the result has the picture's size, as in Diffusers; expected a picture of that size")
        return {"width": picture.width // 8 * 8, "height": picture.height // 8 * 8}


class StableDiffusionXLImg2ImgPipeline(StableDiffusionImg2ImgPipeline):
    """The same of Stable Diffusion XL."""

    _by_position: tuple[str, ...] = ("prompt", "prompt_2", "image", "strength", "num_inference_steps")
    _own = {"image": None, "strength": 0.3, "guidance_scale": 5.0, "denoising_start": None, "aesthetic_score": 6.0,
            "negative_aesthetic_score": 2.5}

    def _start(self, given: dict[str, Any]) -> dict[str, Any]:
        scores = {n: given[n] for n in ("aesthetic_score", "negative_aesthetic_score")} if self._is_refiner() else {}
        if given["denoising_start"] is None:
            if isinstance(given["image"], Unfinished):
                raise InvalidRequest("[denoising_start] is missing; expected the base's denoising_end")
            return {**super()._start(given), **scores}
        if given["height"] is not None or given["width"] is not None:
            raise InvalidRequest("[height] the result has the size of the run that is gone on with; expected none")
        return scores


class StableDiffusionInpaintPipeline(StableDiffusionImg2ImgPipeline):
    """What the mask shows white is drawn anew. The result has the model's size unless one is given."""

    _by_position: tuple[str, ...] = ("prompt", "image", "mask_image")
    _own = {"image": None, "mask_image": None, "strength": 1.0, "padding_mask_crop": None}

    def _start(self, given: dict[str, Any]) -> dict[str, Any]:
        if given["mask_image"] is None:
            raise InvalidRequest("[mask_image] is missing; expected a picture, white where it is drawn anew")
        start, mask = super()._start(given), _picture(given["mask_image"], mask_bytes).convert("L")
        if given["padding_mask_crop"] is not None:  # then the engine resizes what it cuts out
            start["image"] = _picture(given["image"])
            start["init"] = {**start["init"], "only_masked": int(given["padding_mask_crop"]), "paste": True}
        else:
            mask = _resized(mask, start)
        # Diffusers' masks are hard, and leave the latents outside to the decoder.
        mask = mask.point(lambda v: 255 if v >= 128 else 0)
        return {**start, "mask_image": mask}

    def _size(self, given: dict[str, Any], picture: PIL.Image.Image) -> dict[str, int]:
        return {n: given[n] or int(self.corepulse.info[n]) for n in ("width", "height")}


class StableDiffusionXLInpaintPipeline(StableDiffusionInpaintPipeline):
    """The same of Stable Diffusion XL."""

    _by_position: tuple[str, ...] = ("prompt", "prompt_2", "image", "mask_image")
    _own = {**StableDiffusionInpaintPipeline._own, "strength": 0.9999, "guidance_scale": 7.5}


class _Auto:
    """Makes the class that the model's family has."""

    _plain: type[DiffusionPipeline] = StableDiffusionPipeline
    _xl: type[DiffusionPipeline] = StableDiffusionXLPipeline

    def __init__(self) -> None:
        raise InvalidRequest(f"[{type(self).__name__}] makes others; expected from_pretrained")

    @classmethod
    def from_pretrained(cls, model: str | os.PathLike[str], **given: Any) -> DiffusionPipeline:
        """As that class's own."""
        made: DiffusionPipeline = cls._plain.from_pretrained(model, **given)  # reads no weights
        if made._is_xl():
            made = cls._xl.from_pretrained(model, **given)
        return made


class AutoPipelineForText2Image(_Auto):
    """Text to picture."""


class AutoPipelineForImage2Image(_Auto):
    """From a picture."""

    _plain, _xl = StableDiffusionImg2ImgPipeline, StableDiffusionXLImg2ImgPipeline


class AutoPipelineForInpainting(_Auto):
    """Parts of a picture."""

    _plain, _xl = StableDiffusionInpaintPipeline, StableDiffusionXLInpaintPipeline


def _picture(image: Any, bytes_of: Callable[[Any], Any] = to_bytes) -> PIL.Image.Image:
    """One, or a list of one; torch's [1, 3, h, w] of 0..1."""
    if isinstance(image, (list, tuple)):
        if len(image) != 1:
            raise InvalidRequest(f"[image] {len(image)} pictures; expected one")
        image = image[0]
    if isinstance(image, PIL.Image.Image):
        return image
    array = np.asarray(image.detach().cpu() if hasattr(image, "detach") else image)
    if array.ndim == 4 and len(array) == 1:
        array = array[0]
    if array.ndim == 3 and array.shape[0] in (1, 3):
        array = np.ascontiguousarray(array.transpose(1, 2, 0))
    return to_pil(bytes_of(array))


def _resized(picture: PIL.Image.Image, size: dict[str, Any]) -> PIL.Image.Image:
    """As Diffusers does it."""
    wanted = size["width"], size["height"]
    return picture if picture.size == wanted else picture.resize(wanted, PIL.Image.Resampling.LANCZOS)


def _listed(prompt: Any) -> list[str]:
    if isinstance(prompt, str):
        return [prompt]
    if not isinstance(prompt, (list, tuple)) or not prompt:
        raise InvalidRequest("[prompt] is missing; expected text, or a list of it")
    return list(prompt)


def _one_of(value: Any, i: int, count: int, name: str) -> Any:
    if value is None or isinstance(value, str):
        return value
    if len(value) != count:
        raise InvalidRequest(f"[{name}] {len(value)} for {count} prompts; expected as many")
    return value[i]


def _joined(results: list[Result], output: str) -> Any:
    if output == "pil":
        return [image for result in results for image in result.images]
    images = np.concatenate([np.asarray(result.images) for result in results])
    if output != "pt":
        return images
    import torch  # type: ignore[import-not-found,unused-ignore]

    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
