"""Writes tests/golden/init.safetensors: what Diffusers draws from a picture, and what Pillow makes of one.

    python tests/golden/make_init_goldens.py   # torch 2.13, diffusers 0.42.1, transformers 5.23, pillow 13.0

README.md names the tensors. Float32 on one CPU thread, from the tiny models of make_models.py.
"""

import json
from pathlib import Path

import diffusers
import numpy as np
import PIL
import torch
import transformers
from diffusers import (AutoencoderKL, DDIMScheduler, DPMSolverMultistepScheduler, EulerAncestralDiscreteScheduler,
                       EulerDiscreteScheduler, HeunDiscreteScheduler, LCMScheduler, StableDiffusionImg2ImgPipeline,
                       StableDiffusionInpaintPipeline, StableDiffusionXLImg2ImgPipeline, UniPCMultistepScheduler)
from PIL import Image, ImageOps
from safetensors.torch import save_file

from families import PROMPTS

torch.set_num_threads(1)
torch.set_grad_enabled(False)
HERE = Path(__file__).resolve().parent
WIDTH, HEIGHT, SEED = 128, 64, 3
SCHEDULERS = {"ddim": DDIMScheduler, "euler": EulerDiscreteScheduler, "euler_a": EulerAncestralDiscreteScheduler,
              "heun": HeunDiscreteScheduler, "dpmpp_2m": DPMSolverMultistepScheduler, "unipc": UniPCMultistepScheduler,
              "lcm": LCMScheduler}
# name: family, sampler, steps, strength, what is repainted (left, top, right, bottom in pixels, or nothing)
RUNS = {
    "sd1_ddim": ("sd1", "ddim", 20, 0.6, None),
    "sd1_euler": ("sd1", "euler", 20, 0.6, None),
    "sd1_euler_a": ("sd1", "euler_a", 20, 0.45, None),
    "sd1_heun": ("sd1", "heun", 10, 0.55, None),
    "sd1_dpmpp_2m": ("sd1", "dpmpp_2m", 20, 0.6, None),
    "sd1_unipc": ("sd1", "unipc", 20, 0.5, None),
    "sd1_lcm": ("sd1", "lcm", 8, 0.5, None),
    "sd1_whole": ("sd1", "euler", 20, 1.0, None),
    "sd2v_euler": ("sd2v", "euler", 20, 0.6, None),
    "sdxl_euler": ("sdxl", "euler", 20, 0.6, None),
    "repaint_ddim": ("sd1", "ddim", 20, 0.6, (32, 0, 96, 48)),
    "repaint_euler": ("sd1", "euler", 20, 0.75, (32, 0, 96, 48)),
    "repaint_euler_a": ("sd1", "euler_a", 10, 0.8, (32, 0, 96, 48)),
    "repaint_whole": ("sd1", "euler", 20, 1.0, (0, 16, 64, 64)),
    "inpaint_euler": ("inpaint", "euler", 20, 0.6, (32, 0, 96, 48)),
    "inpaint_whole": ("inpaint", "ddim", 20, 1.0, (32, 0, 96, 48)),
}


def picture(width, height, seed):
    """Smooth colours with some noise: no value of it is where a mistake would not show."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / max(width, height)
    waves = [np.sin(2 * np.pi * (a * x + b * y + c)) for a, b, c in rng.uniform(0.3, 2, (3, 3))]
    noisy = 127 + 90 * np.stack(waves, -1) + rng.normal(0, 14, (height, width, 3))
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))


def load(family, sampler, repaint):
    kind = (StableDiffusionXLImg2ImgPipeline if family == "sdxl" else
            StableDiffusionInpaintPipeline if repaint else StableDiffusionImg2ImgPipeline)
    kwargs = {"add_watermarker": False} if family == "sdxl" else {"safety_checker": None}
    pipe = kind.from_pretrained(HERE / "models" / family, dtype=torch.float32, local_files_only=True, **kwargs)
    if not hasattr(pipe.text_encoder, "text_model"):  # see make_component_goldens.py
        object.__setattr__(pipe.text_encoder, "text_model", pipe.text_encoder)
    pipe.scheduler = SCHEDULERS[sampler].from_config(pipe.scheduler.config)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def run(family, sampler, steps, strength, repaint):
    pipe = load(family, sampler, repaint)
    extra = {}
    if repaint:
        mask = np.zeros((HEIGHT, WIDTH), np.uint8)
        mask[repaint[1]:repaint[3], repaint[0]:repaint[2]] = 255
        extra = {"mask_image": Image.fromarray(mask), "height": HEIGHT, "width": WIDTH}
    calls = []
    hook = pipe.unet.register_forward_pre_hook(lambda *_: calls.append(1))
    latents = pipe(prompt=PROMPTS[0], image=picture(WIDTH, HEIGHT, 7), strength=strength, num_inference_steps=steps,
                   guidance_scale=5.0, generator=torch.Generator().manual_seed(SEED), output_type="latent", **extra)
    hook.remove()
    return latents.images, len(calls)


def fitted():
    """A picture of 61 x 47 at 40 x 32 and 96 x 80."""
    source = picture(61, 47, 11)
    tensors = {"fit/source": source}
    for width, height in ((40, 32), (96, 80), (24, 64)):
        size = f"{width}x{height}"
        tensors[f"fit/stretch/{size}"] = source.resize((width, height), Image.Resampling.LANCZOS)
        tensors[f"fit/crop/{size}"] = ImageOps.fit(source, (width, height), Image.Resampling.LANCZOS)
        tensors[f"fit/pad/{size}"] = ImageOps.pad(source, (width, height), Image.Resampling.LANCZOS)
    return {k: torch.from_numpy(np.array(v)) for k, v in tensors.items()}


def tiled():
    """The encoder in tiles of 32 pixels, on a picture that they do not divide."""
    vae = AutoencoderKL.from_pretrained(HERE / "models" / "sd1" / "vae", local_files_only=True).float()
    image = torch.from_numpy(np.array(picture(88, 72, 5))).permute(2, 0, 1)[None].float() / 127.5 - 1
    vae.enable_tiling()
    vae.tile_sample_min_size, vae.tile_latent_min_size = 32, 4
    posterior = vae.encode(image).latent_dist
    return {"tiled/image": image, "tiled/mean": posterior.mean, "tiled/logvar": posterior.logvar}


def main():
    tensors, runs = {"picture": torch.from_numpy(np.array(picture(WIDTH, HEIGHT, 7)))} | fitted() | tiled(), {}
    for name, (family, sampler, steps, strength, repaint) in RUNS.items():
        latents, calls = run(family, sampler, steps, strength, repaint)
        assert torch.isfinite(latents).all(), name
        tensors[f"run/{name}"] = latents
        runs[name] = {"family": family, "sampler": sampler, "steps": steps, "strength": strength, "repaint": repaint,
                      "calls": calls, "prompt": PROMPTS[0], "seed": SEED, "guidance": 5}
        print(name, calls, float(latents.abs().max()))
    metadata = {"script": "tests/golden/make_init_goldens.py", "torch": torch.__version__,
                "diffusers": diffusers.__version__, "transformers": transformers.__version__,
                "pillow": PIL.__version__, "runs": json.dumps(runs)}
    save_file({k: v.contiguous() for k, v in tensors.items()}, HERE / "init.safetensors", metadata)


if __name__ == "__main__":
    main()
