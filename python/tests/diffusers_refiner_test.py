"""Diffusers' ensemble of SDXL's base model and its refiner, as its documentation has it."""
import json
import pathlib
import sys

import mlx.core as mx
import numpy as np
import pytest
from torch_stand_in import Generator, module_torch

import corepulse
from corepulse import diffusers

GOLDEN = pathlib.Path(__file__).parents[2] / "tests" / "golden"
SCHEDULERS = {"euler": "EulerDiscreteScheduler", "euler_a": "EulerAncestralDiscreteScheduler", "dpmpp_2m": "DPMSolverMultistepScheduler"}
SMALL = dict(num_inference_steps=4, width=64, height=64)
BEHIND = dict(num_inference_steps=4, denoising_start=0.5)


@pytest.fixture
def folder(tmp_path):
    """Around the tiny UNet, as SDXL's refiner comes."""
    for part in ("vae", "text_encoder_2", "tokenizer_2", "scheduler"):
        (tmp_path / part).symlink_to(GOLDEN / "models" / "sdxl" / part)
    (tmp_path / "unet").symlink_to(GOLDEN / "refiner")
    (tmp_path / "model_index.json").write_text(json.dumps({
        "_class_name": "StableDiffusionXLImg2ImgPipeline", "force_zeros_for_empty_prompt": False, "requires_aesthetics_score": True,
        "scheduler": ["diffusers", "EulerDiscreteScheduler"], "text_encoder": [None, None], "tokenizer": [None, None],
        "text_encoder_2": ["transformers", "CLIPTextModelWithProjection"], "tokenizer_2": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"]}))
    return tmp_path


@pytest.fixture
def pair(folder):
    base = diffusers.DiffusionPipeline.from_pretrained(GOLDEN / "models" / "sdxl")
    return base, diffusers.DiffusionPipeline.from_pretrained(folder, text_encoder_2=base.text_encoder_2, vae=base.vae, use_safetensors=True)


def test_base_and_refiner_draw_what_diffusers_draws(pair, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", module_torch())
    golden, about = mx.load(str(GOLDEN / "refiner.safetensors"), return_metadata=True)
    base, refiner = pair
    assert isinstance(refiner, diffusers.StableDiffusionXLImg2ImgPipeline)
    runs = {name: run for name, run in json.loads(about["runs"]).items() if not run["alone"]}
    assert len(runs) == 5
    for name, run in runs.items():
        for pipe in pair:
            pipe.scheduler = getattr(diffusers, SCHEDULERS[run["sampler"]]).from_config(pipe.scheduler.config)
        given = dict(prompt=about["prompt"], num_inference_steps=run["steps"], guidance_scale=run["guidance"],
                     generator=Generator().manual_seed(3), output_type="latent") | ({"negative_prompt": run["negative"]} if run["negative"] else {})
        image = base(width=96, height=64, denoising_end=run["at"], **given).images
        ours = np.asarray(refiner(image=image, denoising_start=run["at"], **given, **run["scores"]).images)
        theirs = np.asarray(golden[f"run/{name}"])
        assert np.abs(ours - theirs).max() <= 1e-3 * np.abs(theirs).max(), name


def test_a_refiner_alone_is_told_scores(folder):
    refiner = diffusers.StableDiffusionXLImg2ImgPipeline.from_pretrained(folder)
    image = np.full((64, 64, 3), 90, np.uint8)
    given = dict(image=image, strength=0.5, generator=[3], num_inference_steps=2, output_type="latent")
    plain, scored = refiner("a cat", **given).images, refiner("a cat", aesthetic_score=9.0, **given).images
    assert not np.array_equal(plain, scored)
    xl = diffusers.StableDiffusionXLImg2ImgPipeline.from_pretrained(GOLDEN / "models" / "sdxl")
    assert np.array_equal(xl("a cat", **given).images, xl("a cat", aesthetic_score=9.0, **given).images)  # which does not ask


@pytest.mark.parametrize("first, second, said", [
    (dict(output_type="pil"), {}, "denoising_end"),
    ({}, dict(denoising_start=0.6), "denoising_end, 0.5"),
    ({}, dict(denoising_start=None), "denoising_start"),
    ({}, dict(image=np.zeros((64, 64, 3), np.uint8)), "denoising_start"),
    ({}, dict(prompt="a dog"), "prompt"),
    ({}, dict(prompt=["a cat", "a dog"]), "prompt"),
    ({}, dict(guidance_scale=3.0), "guidance_scale"),
    ({}, dict(num_inference_steps=5), "num_inference_steps"),
    ({}, dict(height=64), "height"),
    (dict(controls=[corepulse.inject("a dragon")]), {}, "controls"),
    (dict(original_size=(32, 32)), {}, "controls"),
    ({}, dict(callback_on_step_end=lambda *_: {}), "controls"),
])
def test_what_is_not_one_run_is_refused(pair, first, second, said):
    base, refiner = pair
    with pytest.raises(corepulse.InvalidRequest, match=said):
        image = base(**{"prompt": "a cat", **SMALL, "denoising_end": 0.5, "output_type": "latent", **first}).images
        refiner(**{"prompt": "a cat", "image": image, **BEHIND, **second})


def test_a_run_without_its_end_is_no_array(pair):
    base, refiner = pair
    image = base("a cat", denoising_end=0.5, output_type="latent", **SMALL).images
    with pytest.raises(AttributeError, match="refiner"):
        image.shape
    refiner.scheduler = diffusers.EulerAncestralDiscreteScheduler.from_config(refiner.scheduler.config)
    with pytest.raises(corepulse.InvalidRequest, match="scheduler"):
        refiner("a cat", image=image, **BEHIND)
    with pytest.raises(AttributeError, match="vae has no decode"):
        base.vae.decode(None)


def test_another_model_at_the_end_reads_the_second_prompt_that_both_are_given(pair):
    base, _ = pair
    other = diffusers.StableDiffusionXLImg2ImgPipeline.from_pretrained(GOLDEN / "models" / "sdxl")
    image = base("a cat", prompt_2="a dog", denoising_end=0.5, output_type="latent", **SMALL).images
    with pytest.raises(corepulse.InvalidRequest, match="prompt_2"):
        other("a cat", image=image, **BEHIND)
    assert other("a cat", prompt_2="a dog", image=image, **BEHIND).images[0].size == (64, 64)


def test_the_refiner_has_the_bases_vae_and_its_own_words(pair, folder, tmp_path):
    base, _ = pair
    other = tmp_path / "another_vae"
    other.mkdir()
    for file in (GOLDEN / "models" / "sdxl" / "vae").iterdir():
        data = bytearray(file.read_bytes())
        if file.suffix == ".safetensors":
            data[-1] ^= 1
        (other / file.name).write_bytes(data)
    image = base("a cat", denoising_end=0.5, output_type="latent", **SMALL).images
    refiner = diffusers.DiffusionPipeline.from_pretrained(folder, vae=other)
    with pytest.raises(corepulse.InvalidRequest, match="vae=base.vae"):
        refiner("a cat", image=image, **BEHIND)
    own = diffusers.DiffusionPipeline.from_pretrained(folder)  # whose own are the same files
    assert own("a cat", image=image, **BEHIND).images[0].size == (64, 64)
