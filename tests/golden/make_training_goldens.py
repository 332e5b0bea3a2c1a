"""Writes tests/golden/training.safetensors: runs of tiny models as if they had been trained otherwise: with EDM's noise
levels (Playground v2.5, CosXL), to say x0, or to start from pure noise.

    python tests/golden/make_training_goldens.py   # torch 2.13, diffusers 0.42.1, transformers 5.23

README.md names the tensors. Float32 on one CPU thread, from the tiny models of make_models.py.
"""

import json
import sys

import diffusers
import numpy as np
import torch
import transformers
from diffusers import (DDIMScheduler, DPMSolverMultistepScheduler, EDMDPMSolverMultistepScheduler, EDMEulerScheduler,
                       EulerAncestralDiscreteScheduler, EulerDiscreteScheduler)
from safetensors.torch import save_file

from families import BETAS, PROMPTS
from make_component_goldens import HERE, load, normal

SEED, HEIGHT, WIDTH = 3, 8, 16
SD = {k: v for k, v in BETAS.items() if k != "clip_sample"} | {"steps_offset": 1}
PLAYGROUND = {"latents_mean": [-1.6574, 1.886, -1.383, 2.5155], "latents_std": [8.4927, 5.9022, 6.5498, 5.2299],
              "scaling_factor": 0.5}
COSXL = {"sigma_min": 0.002, "sigma_max": 120.0, "sigma_data": 1.0, "prediction_type": "v_prediction",
         "sigma_schedule": "exponential"}
X0 = SD | {"prediction_type": "sample"}
PURE = SD | {"prediction_type": "v_prediction", "rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
# name: model, scheduler, its config, what the VAE's config says instead, steps
RUNS = {
    "playground": ("sdxl", EDMDPMSolverMultistepScheduler, {}, PLAYGROUND, 5),
    "playground_sde": ("sdxl", EDMDPMSolverMultistepScheduler,
                       {"algorithm_type": "sde-dpmsolver++", "solver_type": "heun"}, PLAYGROUND, 4),
    "playground_euler": ("sdxl", EDMEulerScheduler, {"sigma_max": 50.0}, PLAYGROUND, 4),
    "cosxl": ("sdxl", EDMEulerScheduler, COSXL, {}, 5),
    "x0_euler": ("sd1", EulerDiscreteScheduler, X0 | {"timestep_spacing": "leading"}, {}, 4),
    "x0_ddim": ("sd1", DDIMScheduler, X0 | {"clip_sample": False, "set_alpha_to_one": False}, {}, 4),
    "x0_dpmpp_2m": ("sd1", DPMSolverMultistepScheduler, X0 | {"timestep_spacing": "leading"}, {}, 4),
    "zero_euler": ("sd1", EulerDiscreteScheduler, PURE, {}, 4),
    "zero_euler_a": ("sd1", EulerAncestralDiscreteScheduler, PURE, {}, 4),
    "zero_dpmpp_2m": ("sd1", DPMSolverMultistepScheduler, PURE, {}, 4),
}


def run(model, scheduler, config, vae, steps):
    pipe = load(HERE / "models" / model)
    pipe.scheduler = scheduler(**config)
    pipe.vae.register_to_config(**vae)
    generator = torch.Generator().manual_seed(SEED)
    # As a pipeline draws them, so that samplers that draw again go on from there.
    noise = torch.randn(1, 4, HEIGHT, WIDTH, generator=generator)
    arguments = dict(prompt=PROMPTS[0], num_inference_steps=steps, guidance_scale=3.0, height=HEIGHT * 8,
                     width=WIDTH * 8, latents=noise, generator=generator)
    kept = {}

    def keep(pipe, i, t, values):
        kept["latents"] = values["latents"].clone()
        return values

    image = torch.from_numpy(np.array(
        pipe(**arguments, output_type="pil", callback_on_step_end=keep).images[0]))
    if vae:
        kept["image"] = image
    kept["sigmas"] = pipe.scheduler.sigmas.float() if hasattr(pipe.scheduler, "sigmas") else torch.zeros(0)
    assert torch.isfinite(kept["latents"]).all()
    return kept


def main():
    tensors, metadata = {}, {}
    for name, (model, scheduler, config, vae, steps) in RUNS.items():
        found = run(model, scheduler, config, vae, steps)
        print(f"  {name}: latents deviate by {found['latents'].std():.2f}")
        tensors |= {f"{name}/{k}": v.contiguous() for k, v in found.items()}
        metadata[name] = {"model": model, "class": scheduler.__name__, "config": config, "vae": vae, "steps": steps}
    save_file(tensors, HERE / "training.safetensors",
              {"script": "tests/golden/make_training_goldens.py", "torch": torch.__version__, "prompt": PROMPTS[0],
               "diffusers": diffusers.__version__, "transformers": transformers.__version__,
               "runs": json.dumps(metadata)})


if __name__ == "__main__":
    sys.exit(main())
