"""Schedulers under Diffusers' names: what a recipe says of them, and what it cannot."""
import pathlib
import shutil

import pytest

import corepulse
from corepulse import diffusers
from corepulse.diffusers.schedulers import recipe_words, trained_as

MODELS = pathlib.Path(__file__).parents[2] / "tests" / "golden" / "models"
SDXL = {"_class_name": "EulerDiscreteScheduler", "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
        "prediction_type": "epsilon", "steps_offset": 1, "timestep_spacing": "leading", "use_karras_sigmas": False,
        "clip_sample": False}
SD1 = {"_class_name": "PNDMScheduler", "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
       "steps_offset": 1, "clip_sample": False, "set_alpha_to_one": False, "skip_prk_steps": True}
PURE = {**SDXL, "prediction_type": "v_prediction", "rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
EULER, ANCESTRAL = "EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler"
DDIM, DPM, UNIPC = "DDIMScheduler", "DPMSolverMultistepScheduler", "UniPCMultistepScheduler"


def words(name, model, **changes):
    return recipe_words(getattr(diffusers, name).from_config(model, **changes), model)[0]


@pytest.mark.parametrize("name, model, changes, schedule", [
    (EULER, SDXL, {}, "model"),
    (EULER, SDXL, dict(timestep_spacing="trailing"), "trailing"),
    (EULER, SDXL, dict(use_karras_sigmas=True), "karras"),
    (DPM, SDXL, dict(timestep_spacing="trailing", use_karras_sigmas=True), "karras"),  # its curve knows no spacing
    (DPM, {**SDXL, "use_karras_sigmas": True}, {}, "karras"),
    (EULER, {**SDXL, "use_karras_sigmas": True}, dict(use_karras_sigmas=False), "leading"),
    (ANCESTRAL, SDXL, dict(use_karras_sigmas=True), "model"),  # Diffusers' has no such field
    (DDIM, SDXL, dict(use_karras_sigmas=True), "model"),
    (DDIM, SD1, {}, "model"),
    (EULER, {**SDXL, "algorithm_type": "sde-dpmsolver++"}, {}, "model"),  # of another class
    (UNIPC, {**SDXL, "solver_type": "midpoint"}, {}, "model"),
])
def test_what_a_recipe_says(name, model, changes, schedule):
    assert words(name, model, **changes)["schedule"] == schedule


@pytest.mark.parametrize("name, model, changes, said", [
    (EULER, SDXL, dict(timestep_spacing="trailing", use_karras_sigmas=True), "timestep_spacing"),
    (EULER, {**SDXL, "use_karras_sigmas": True}, dict(timestep_spacing="trailing"), "timestep_spacing"),
    (EULER, PURE, dict(rescale_betas_zero_snr=False), "rescale_betas_zero_snr"),
    ("HeunDiscreteScheduler", PURE, {}, "rescale_betas_zero_snr"),
    (EULER, SDXL, dict(beta_end=0.02), "beta_end"),
    (EULER, SDXL, dict(use_karas_sigmas=True), "use_karras_sigmas"),
    (DDIM, SDXL, dict(clip_sample=True), "clip_sample"),
    (DPM, SDXL, dict(algorithm_type="dpmsolver"), "algorithm_type"),
])
def test_what_a_recipe_cannot_say(name, model, changes, said):
    with pytest.raises(corepulse.InvalidRequest, match=said):
        words(name, model, **changes)


def test_pure_noise_keeps_the_spacing():
    assert words(EULER, SDXL, rescale_betas_zero_snr=True) == {"sampler": "euler", "schedule": "leading", "zero_snr": True}
    assert words(EULER, SDXL, rescale_betas_zero_snr=True, timestep_spacing="trailing")["schedule"] == "model"
    with pytest.raises(corepulse.InvalidRequest, match="timestep_spacing"):
        words(EULER, SDXL, rescale_betas_zero_snr=True, use_karras_sigmas=True)


def test_a_class_alone_has_diffusers_defaults():
    trained = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
    with pytest.raises(corepulse.InvalidRequest, match="beta_start=0.0001"):
        recipe_words(diffusers.EulerDiscreteScheduler(), SDXL)
    assert recipe_words(diffusers.EulerDiscreteScheduler(**trained), SDXL)[0]["schedule"] == "linspace"
    with pytest.raises(corepulse.InvalidRequest, match="steps_offset=0"):
        recipe_words(diffusers.EulerDiscreteScheduler(**trained, timestep_spacing="leading"), SDXL)
    with pytest.raises(corepulse.UnknownArgument):
        diffusers.EulerAncestralDiscreteScheduler(use_karras_sigmas=True)
    ddim = diffusers.DDIMScheduler(**trained, set_alpha_to_one=False)
    with pytest.raises(corepulse.InvalidRequest, match="clip_sample"):
        recipe_words(ddim, SD1)
    made = diffusers.StableDiffusionPipeline.from_pretrained(MODELS / "sd1", scheduler=ddim)  # is corrected there
    assert made.scheduler.config.steps_offset == 1 and made.scheduler.config.clip_sample is False


def test_a_model_without_the_file_is_as_the_engine_takes_it():
    info = {"family": "sdxl", "prediction": "v", "zero_snr": True}
    config = trained_as(info)
    assert (config.prediction_type, config.timestep_spacing, config.steps_offset) == ("v_prediction", "trailing", 1)
    assert words(EULER, config) == {"sampler": "euler", "schedule": "model"}
    assert "timestep_spacing" not in trained_as({"family": "sd1", "prediction": "epsilon", "zero_snr": False})


def test_a_prediction_is_the_last_schedulers():
    pipe = diffusers.StableDiffusionXLPipeline.from_pretrained(MODELS / "sdxl")
    config = pipe.scheduler.config
    for prediction, name in (("v_prediction", "v"), ("epsilon", "epsilon")):
        pipe.scheduler = diffusers.EulerDiscreteScheduler.from_config(config, prediction_type=prediction)
        assert pipe.corepulse.info["prediction"] == name


def test_the_models_own_is_found_beside_a_unet_from_elsewhere(tmp_path):
    shutil.copytree(MODELS / "sdxl" / "unet", tmp_path / "other" / "unet")
    pipe = diffusers.StableDiffusionXLPipeline.from_pretrained(MODELS / "sdxl", unet=tmp_path / "other" / "unet")
    assert pipe.scheduler.config.timestep_spacing == "leading" and pipe.scheduler.config._class_name == EULER
    assert pipe.scheduler.config.interpolation_type == "linear"  # of the file
