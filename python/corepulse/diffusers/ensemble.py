"""Diffusers' ensemble of SDXL's base model and its refiner: two calls there, one run here, which the second one draws."""
from __future__ import annotations

import filecmp
import os
from typing import TYPE_CHECKING, Any

from ..errors import InvalidRequest
from ..pipeline import Pipeline
from ..result import Result
from .schedulers import recipe_words

if TYPE_CHECKING:
    from .pipelines import DiffusionPipeline

# What the calls of both pipelines must say alike: the refiner goes on with the same run.
ALIKE = ("prompt", "negative_prompt", "num_images_per_prompt", "num_inference_steps", "guidance_scale", "guidance_rescale",
         "clip_skip", "eta")


class Unfinished:
    """The `images` of a call with denoising_end: what a refiner goes on with, as its `image`. Nothing is drawn yet."""

    def __init__(self, pipe: DiffusionPipeline, given: dict[str, Any], calls: list[dict[str, Any]]) -> None:
        if given["output_type"] != "latent":
            raise InvalidRequest("[denoising_end] ends before the picture; expected output_type=\"latent\", and a refiner's call that "
                                 "goes on with its images")
        self._begun = pipe, given, calls

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"[denoising_end] {name} of a run that a refiner has yet to end; expected it as the refiner's image")


def refined(refiner: DiffusionPipeline, given: dict[str, Any], calls: list[dict[str, Any]]) -> list[Result]:
    """What a call with denoising_start draws of an unfinished one; `calls` are its own."""
    if not isinstance(given["image"], Unfinished):
        raise InvalidRequest("[denoising_start] goes on with a run; expected the images of a call with denoising_end as image")
    base, begun, first = given["image"]._begun
    if given["denoising_start"] != begun["denoising_end"]:
        raise InvalidRequest(f"[denoising_start] {given['denoising_start']}; expected the base's denoising_end, {begun['denoising_end']}")
    _check_alike(begun, first, given, calls, base, refiner)
    _check_steps(begun, given, base, refiner)
    _check_models(base, refiner)
    more = {"refiner": {"model": refiner._source["model"], "switch_at": given["denoising_start"]}}
    scores = ("aesthetic_score", "negative_aesthetic_score", "output_type")
    return [base.corepulse(**{**one, **{n: own[n] for n in scores if n in own}, **more}) for one, own in zip(first, calls)]


def _check_alike(begun: dict[str, Any], first: list[dict[str, Any]], given: dict[str, Any], calls: list[dict[str, Any]],
                 base: DiffusionPipeline, refiner: DiffusionPipeline) -> None:
    if len(calls) != len(first):
        raise InvalidRequest(f"[prompt] {len(calls)} of the refiner's call and {len(first)} of the base's; expected as many")
    # SDXL's refiner has no encoder for the second prompt; another model would read the base's.
    names = ALIKE if refiner._is_refiner() else (*ALIKE, "prompt_2", "negative_prompt_2")
    for own, one in zip(calls, first):
        for name in names:
            if own[name] != one[name]:
                raise InvalidRequest(f"[{name}] {own[name]!r} of the refiner's call, {one[name]!r} of the base's; expected the same")
        for name in ("timesteps", "sigmas"):
            if own["recipe"].get(name) != one["recipe"].get(name):
                raise InvalidRequest(f"[{name}] the refiner's call has others than the base's; expected the same")
    beside = [begun["callback_on_step_end"], given["callback_on_step_end"], *base._controls, *refiner._controls,
              *(one for call in (*calls, *first) for one in (*call["controls"], *call["attention"]))]
    if any(one is not None for one in beside):  # here it would act on both
        raise InvalidRequest("[controls] LoRAs, sizes, controls and callbacks of one of two pipelines are not here; expected none, or "
                             "a recipe's refiner: pipe.corepulse(..., refiner={\"model\": ...})")


def _check_steps(begun: dict[str, Any], given: dict[str, Any], base: DiffusionPipeline, refiner: DiffusionPipeline) -> None:
    """One sampler takes all steps, and draws its noise on from where the base's left it, as one generator of both calls does."""
    words, theirs = (recipe_words(pipe.scheduler, base._model_config)[0] for pipe in (base, refiner))
    if words != theirs:
        raise InvalidRequest(f"[scheduler] {theirs} of the refiner, {words} of the base; expected the same scheduler")
    sampler = str(words["sampler"])
    draws = sampler.endswith("_a") or "sde" in sampler or sampler in ("lcm", "tcd") or bool(begun["eta"])
    same = given["generator"] is None or given["generator"] is begun["generator"]
    if draws and not same:
        raise InvalidRequest(f"[generator] {sampler} draws noise in every step; expected the base's generator, or none")


def _check_models(base: DiffusionPipeline, refiner: DiffusionPipeline) -> None:
    if (base._dtype, base._device) != (refiner._dtype, refiner._device):
        raise InvalidRequest("[torch_dtype] the base and its refiner compute differently; expected the same numbers on the same device")
    others = refiner._source.keys() - {"model", "variant", "vae", "text_encoder_2"}
    if others or base._source.get("variant") != refiner._source.get("variant"):
        raise InvalidRequest(f"[{min(others, default='variant')}] a refiner's own; expected a refiner as it comes, of the base's variant")
    if not _same_files(_files(refiner.corepulse, "vae"), _files(base.corepulse, "vae")):
        raise InvalidRequest("[vae] the refiner's would draw another picture than the base's; expected vae=base.vae")
    if "text_encoder_2" in refiner._source:
        own = Pipeline.from_pretrained(**{n: v for n, v in refiner._source.items() if n != "text_encoder_2"}, lazy=True)
        if not _same_files(_files(own, "text_encoder_2"), _files(refiner.corepulse, "text_encoder_2")):
            raise InvalidRequest("[text_encoder_2] is not the refiner's; expected the one that it comes with")


def _files(pipe: Pipeline, part: str) -> list[str]:
    return [str(file) for c in pipe.info["components"] if c["name"] == part for file in c["files"]]


def _same_files(some: list[str], others: list[str]) -> bool:
    def same(one: str, other: str) -> bool:
        return os.path.samefile(one, other) or filecmp.cmp(one, other, shallow=False)

    return len(some) == len(others) and all(same(one, other) for one, other in zip(some, others))
