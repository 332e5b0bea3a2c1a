"""A script for Diffusers, changed in its import line only."""
import pathlib
import sys

import numpy as np
import pytest
from torch_stand_in import Generator, module_torch, rand

import corepulse
from corepulse import diffusers

HERE = pathlib.Path(__file__).parent
MODELS = HERE.parents[1] / "tests" / "golden" / "models"


@pytest.fixture
def torch(monkeypatch):
    module = module_torch()
    monkeypatch.setitem(sys.modules, "torch", module)
    return module


def test_a_script_changed_in_its_import_line_draws_the_same(torch, monkeypatch, tmp_path):
    text = (HERE / "golden" / "diffusers_script.py").read_text()
    changed = text.replace("from diffusers import", "from corepulse.diffusers import")
    assert changed != text
    monkeypatch.setattr(sys, "argv", ["script", str(MODELS), str(tmp_path / "ours.npz")])
    exec(compile(changed, "diffusers_script.py", "exec"), {"__name__": "script"})
    ours, theirs = np.load(tmp_path / "ours.npz"), np.load(HERE / "golden" / "diffusers_script.npz")
    assert set(ours) == set(theirs) and len(set(ours)) == 10
    assert np.allclose(ours["timesteps"], theirs["timesteps"])
    for name in set(theirs) - {"timesteps"}:
        assert theirs[name].std() > 5, "a picture of nothing compares with everything"
        assert np.abs(ours[name].astype(int) - theirs[name]).max() <= 1, name


@pytest.fixture
def xl():
    return diffusers.StableDiffusionXLPipeline.from_pretrained(MODELS / "sdxl")


def test_lists_of_prompts_and_generators(torch, xl):
    small = dict(num_inference_steps=1, height=32, width=32)
    generators = [Generator().manual_seed(i) for i in range(2)]
    both = xl(["a cat", "a dog"], generator=generators, **small)
    alone = xl("a dog", generator=Generator().manual_seed(1), **small)
    assert len(both.images) == 2 and np.array_equal(np.asarray(both.images[1]), np.asarray(alone.images[0]))
    assert xl("a cat", return_dict=False, **small)[0][0].size == (32, 32)
    with pytest.raises(corepulse.InvalidRequest, match="one for each"):
        xl("a cat", num_images_per_prompt=2, generator=generators[0], **small)
    assert len(xl("a cat", num_images_per_prompt=2, **small).images) == 2


@pytest.mark.parametrize("wrong, said", [
    (dict(prompt_embeds=[1]), "prompt_embeds"),
    (dict(latents=np.zeros((2, 4, 4, 4))), "latents"),
    (dict(num_inference_stepz=1), "num_inference_steps"),
])
def test_what_is_not_here_is_said(xl, wrong, said):
    with pytest.raises(corepulse.InvalidRequest, match=said):
        xl("a cat", **wrong)


def test_latents_are_noise_one_for_each_picture(xl):
    noise = np.random.default_rng(0).standard_normal((2, 4, 4, 4)).astype(np.float32)
    small = dict(num_inference_steps=1, output_type="latent")
    both = xl(["a cat", "a dog"], latents=noise, **small).images
    assert np.array_equal(both[1:], xl("a dog", latents=noise[1:], **small).images)
    assert not np.array_equal(both[1:], xl("a dog", latents=noise[:1], **small).images)


def test_schedulers_become_samplers(xl):
    assert xl.scheduler.config.timestep_spacing == "leading" and xl.scheduler.config["steps_offset"] == 1
    multistep = diffusers.DPMSolverMultistepScheduler
    xl.scheduler = multistep.from_config(xl.scheduler.config, algorithm_type="sde-dpmsolver++", use_karras_sigmas=True)
    recipe = xl("a cat", num_inference_steps=2, height=32, width=32).results[0].recipe
    assert (recipe["sampler"], recipe["schedule"]) == ("dpmpp_2m_sde", "karras")
    with pytest.raises(corepulse.InvalidRequest, match="beta_end"):
        xl.scheduler = multistep.from_config(xl.scheduler.config, beta_end=0.02)
    with pytest.raises(AttributeError):
        diffusers.FlowMatchEulerDiscreteScheduler
    with pytest.raises(AttributeError, match="enable_freeu"):
        xl.enable_freeu(s1=0.9)
    xl.enable_vae_tiling(), xl.enable_model_cpu_offload()


def test_switches_do_nothing_and_know_what_they_take(xl):
    xl.enable_model_cpu_offload(gpu_id=0, device="cuda"), xl.enable_attention_slicing("max"), xl.disable_vae_slicing()
    xl.vae.enable_tiling(), xl.vae.enable_tiling(use_tiling=False), xl.vae.disable_tiling(), xl.vae.enable_slicing(), xl.vae.disable_slicing()
    with pytest.raises(corepulse.UnknownArgument, match="did you mean device"):
        xl.enable_model_cpu_offload(devcie="cuda")
    with pytest.raises(corepulse.UnknownArgument, match="nonsense; expected none"):
        xl.vae.enable_slicing(nonsense=3)
    with pytest.raises(corepulse.InvalidRequest, match="1 arguments by position"):
        xl.enable_vae_tiling(True)
    for nobody in (lambda: xl.text_encoder.enable_tiling, lambda: xl.vae.enable_tilings, lambda: xl.disable_model_cpu_offload):
        with pytest.raises(AttributeError):
            nobody()


def test_a_generator_is_read_from_its_beginning_or_not_at_all(torch, xl):
    small, generator = dict(num_inference_steps=1, height=32, width=32), Generator().manual_seed(3)
    first = xl("a cat", generator=generator, **small).images[0]
    with pytest.raises(corepulse.InvalidRequest, match="drawn before"):
        xl("a cat", generator=generator, **small)  # in Diffusers its stream goes on
    assert np.array_equal(np.asarray(xl("a cat", generator=generator.manual_seed(3), **small).images[0]), np.asarray(first))
    rand(1, generator.manual_seed(3), "cpu")
    with pytest.raises(corepulse.InvalidRequest, match="drawn before"):
        xl.corepulse("a cat", generator=generator, **small)
    with pytest.raises(corepulse.InvalidRequest, match="one of its own"):
        xl("a cat", num_images_per_prompt=2, generator=[generator.manual_seed(3)] * 2, **small)


def test_an_empty_negative_prompt_is_read_and_none_is_zeros(xl):
    small = dict(num_inference_steps=1, height=32, width=32)

    def drawn(**arguments):
        return xl("a cat", generator=Generator().manual_seed(3), **small, **arguments).results[0].latents

    assert not np.array_equal(drawn(negative_prompt=""), drawn())
    assert np.array_equal(drawn(negative_prompt_2="a dog"), drawn())
    assert not np.array_equal(drawn(negative_prompt="", negative_prompt_2="a dog"), drawn(negative_prompt=""))


def test_automatic_classes_are_the_models():
    kinds = {"sd1": diffusers.StableDiffusionImg2ImgPipeline, "sdxl": diffusers.StableDiffusionXLImg2ImgPipeline}
    for name, kind in kinds.items():
        pipe = diffusers.AutoPipelineForImage2Image.from_pretrained(MODELS / name)
        assert type(pipe) is kind
        drawn = pipe("a cat", image=np.zeros((32, 32, 3), np.uint8), num_inference_steps=4)
        assert drawn.results[0].recipe["init"]["strength"] == (0.8 if name == "sd1" else 0.3)
    filling = diffusers.AutoPipelineForInpainting.from_pretrained(MODELS / "sdxl")
    given = dict(image=np.zeros((32, 32, 3), np.uint8), mask_image=np.ones((32, 32), np.uint8), num_inference_steps=2)
    recipe = filling("a cat", **given).results[0].recipe
    assert (recipe["init"]["strength"], recipe["guidance"]) == (0.9999, 7.5)
    assert type(diffusers.AutoPipelineForText2Image.from_pretrained(MODELS / "sdxl")) is diffusers.StableDiffusionXLPipeline


def test_what_a_pipeline_cannot_follow_is_no_attribute(xl):
    for name in ("vae", "unet", "_guidance_scale", "safety_checker"):
        with pytest.raises(corepulse.InvalidRequest, match=f"{name} cannot be set"):
            setattr(xl, name, 0)
    xl.safety_checker, xl._interrupt = None, True


def test_words_for_attention_and_noise_are_those_there_are(xl):
    small = dict(num_inference_steps=1, height=32, width=32)
    with pytest.raises(corepulse.InvalidRequest, match="scale"):
        xl("a cat", cross_attention_kwargs={"sclae": 0.5}, **small)
    xl.scheduler = diffusers.EulerAncestralDiscreteScheduler.from_config(xl.scheduler.config)
    assert xl("a cat", eta=0.5, **small).results[0].recipe.get("eta") is None  # in Diffusers DDIM alone is told
    xl.scheduler = diffusers.DDIMScheduler.from_config(xl.scheduler.config)
    assert xl("a cat", eta=0.5, **small).results[0].recipe["eta"] == 0.5


def test_pictures_to_start_from_and_sizes():
    pipe = diffusers.StableDiffusionInpaintPipeline.from_pretrained("builtin")
    picture = np.zeros((64, 96, 3), np.uint8)
    mask = np.zeros((64, 96), np.uint8)
    mask[:, 48:] = 255
    drawn = pipe("a cat", image=picture, mask_image=mask, num_inference_steps=2, generator=Generator().manual_seed(1))
    assert drawn.images[0].size == (256, 256)  # the model's, as there
    small = dict(width=96, height=64, num_inference_steps=2)
    hard = [pipe("a cat", image=picture, mask_image=m, generator=Generator().manual_seed(1), **small) for m in (mask, mask // 255)]
    assert hard[0].images[0].size == (96, 64)
    assert np.array_equal(np.asarray(hard[0].images[0]), np.asarray(hard[1].images[0]))
    with pytest.raises(corepulse.InvalidRequest, match="mask_image"):
        pipe("a cat", image=picture)
    start = diffusers.AutoPipelineForImage2Image.from_pretrained("builtin")
    assert start("a cat", image=picture, num_inference_steps=4, generator=Generator().manual_seed(1)).images[0].size == (96, 64)
    with pytest.raises(corepulse.InvalidRequest, match="the picture's size"):
        start("a cat", image=picture, width=64)


def test_a_callback_gives_back_what_it_is_told_and_nothing_else(xl):
    small, seen = dict(num_inference_steps=2, height=32, width=32, generator=Generator().manual_seed(3)), []

    def followed(pipe, step, timestep, told):
        seen.append((step, float(timestep), told["preview"]().shape))
        return told

    plain = xl("a cat", **small).images[0]
    watched = xl("a cat", callback_on_step_end=followed, callback_on_step_end_tensor_inputs=["latents"], **small).images[0]
    assert np.array_equal(np.asarray(watched), np.asarray(plain)) and [s[0] for s in seen] == [0, 1] and seen[0][1] > seen[1][1]
    for pipe in (xl, xl.corepulse):
        for wrong, said in (({"latents": 0}, "gave latents"), ({"preview": 0}, "gave preview"), (3, "gave 3")):
            with pytest.raises(corepulse.InvalidRequest, match=said):
                pipe("a cat", callback_on_step_end=lambda *_, wrong=wrong: wrong, **small)
        with pytest.raises(corepulse.InvalidRequest, match="latents is not told"):
            pipe("a cat", callback_on_step_end=lambda pipe, step, t, told: {"latents": told["latents"] * 2}, **small)
        with pytest.raises(corepulse.Cancelled):
            pipe("a cat", callback_on_step_end=lambda *_: np.False_, **small)
    for wrong in (["nonsense"], ["latents", "prompt_embeds"], "latents"):
        with pytest.raises(corepulse.InvalidRequest, match="callback_on_step_end_tensor_inputs"):
            xl("a cat", callback_on_step_end=followed, callback_on_step_end_tensor_inputs=wrong, **small)
