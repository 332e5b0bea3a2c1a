"""Writes tests/golden/inversion.safetensors: pictures that Diffusers inverts, and draws again from what it found.

    python tests/golden/make_inversion_goldens.py   # torch 2.13, diffusers 0.42.1, transformers 5.23, pillow 13.0

README.md names the tensors. Float32 on one CPU thread, from the tiny models of make_models.py: the VAE's mean, Diffusers'
DDIMInverseScheduler with one prompt and no guidance, then its pipeline with DDIMScheduler, another prompt and guidance 5.
"""

import json

import diffusers
import numpy as np
import torch
import transformers
from diffusers import DDIMInverseScheduler, DDIMScheduler, StableDiffusionPipeline, StableDiffusionXLPipeline
from safetensors.torch import save_file

from families import PROMPTS
from make_init_goldens import HEIGHT, HERE, WIDTH, picture

# name: family, steps
RUNS = {"sd1": ("sd1", 8), "sd2v": ("sd2v", 6), "sdxl": ("sdxl", 5)}


def load(family):
    kind = StableDiffusionXLPipeline if family == "sdxl" else StableDiffusionPipeline
    kwargs = {"add_watermarker": False} if family == "sdxl" else {"safety_checker": None}
    pipe = kind.from_pretrained(HERE / "models" / family, dtype=torch.float32, local_files_only=True, **kwargs)
    if not hasattr(pipe.text_encoder, "text_model"):  # see make_component_goldens.py
        object.__setattr__(pipe.text_encoder, "text_model", pipe.text_encoder)
    pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def conditioning(pipe, prompt):
    if not hasattr(pipe, "text_encoder_2"):
        return {"encoder_hidden_states": pipe.encode_prompt(prompt, "cpu", 1, False)[0]}
    text, _, pooled, _ = pipe.encode_prompt(prompt, device="cpu", do_classifier_free_guidance=False)
    ids = torch.tensor([[HEIGHT, WIDTH, 0, 0, HEIGHT, WIDTH]], dtype=torch.float32)
    return {"encoder_hidden_states": text, "added_cond_kwargs": {"text_embeds": pooled, "time_ids": ids}}


def inverted(pipe, steps):
    image = torch.from_numpy(np.array(picture(WIDTH, HEIGHT, 7))).permute(2, 0, 1)[None].float() / 127.5 - 1
    x = pipe.vae.encode(image).latent_dist.mean * pipe.vae.config.scaling_factor
    scheduler = DDIMInverseScheduler.from_config(pipe.scheduler.config)
    scheduler.set_timesteps(steps)
    given = conditioning(pipe, PROMPTS[0])
    for t in scheduler.timesteps:
        x = scheduler.step(pipe.unet(x, t, **given).sample, t, x).prev_sample
    return x


def main():
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    tensors, runs = {"picture": torch.from_numpy(np.array(picture(WIDTH, HEIGHT, 7)))}, {}
    for name, (family, steps) in RUNS.items():
        pipe = load(family)
        x = inverted(pipe, steps)
        drawn = pipe(prompt=PROMPTS[1], latents=x.clone(), num_inference_steps=steps, guidance_scale=5.0,
                     height=HEIGHT, width=WIDTH, output_type="latent").images
        assert torch.isfinite(drawn).all(), name
        tensors |= {f"inverted/{name}": x, f"run/{name}": drawn}
        runs[name] = {"family": family, "steps": steps, "invert": PROMPTS[0], "prompt": PROMPTS[1], "guidance": 5}
        print(name, float(x.std()), float(drawn.abs().max()))
    metadata = {"script": "tests/golden/make_inversion_goldens.py", "torch": torch.__version__,
                "diffusers": diffusers.__version__, "transformers": transformers.__version__, "runs": json.dumps(runs)}
    save_file({k: v.contiguous() for k, v in tensors.items()}, HERE / "inversion.safetensors", metadata)


if __name__ == "__main__":
    main()
