"""Writes tests/golden/pix2pix.safetensors: pictures that Diffusers' instruct-pix2pix pipelines edit.

    python tests/golden/make_pix2pix_goldens.py   # torch 2.13, diffusers 0.42.1, transformers 5.23, pillow 13.0

README.md names the tensors. Float32 on one CPU thread. The models are sd1 and sdxl of make_models.py, whose conv_in reads
8 channels: it is kept here, and the tests put it into a copy of the model.
"""

import json

import diffusers
import numpy as np
import torch
import transformers
from diffusers import (DDIMScheduler, EulerDiscreteScheduler, StableDiffusionInstructPix2PixPipeline,
                       StableDiffusionPipeline, StableDiffusionXLInstructPix2PixPipeline, StableDiffusionXLPipeline)
from safetensors.torch import save_file

from families import PROMPTS
from make_init_goldens import HEIGHT, HERE, SEED, WIDTH, picture

SCHEDULERS = {"ddim": DDIMScheduler, "euler": EulerDiscreteScheduler}
NEGATIVE = "a blurry picture"
# name: family, sampler, steps, guidance, image guidance
RUNS = {
    "sd1_euler": ("sd1", "euler", 8, 6.0, 1.5),
    "sd1_ddim": ("sd1", "ddim", 6, 4.0, 2.5),
    "sd1_text_alone": ("sd1", "euler", 6, 5.0, 1.0),
    "sd1_plain": ("sd1", "euler", 6, 1.0, 1.5),
    "sdxl_euler": ("sdxl", "euler", 6, 5.0, 1.5),
}


def widened(unet, seed):
    """conv_in with four more channels, in float16's values."""
    generator = torch.Generator().manual_seed(seed)
    old = unet.conv_in
    more = torch.randn(old.weight.shape, generator=generator) * old.weight.std()
    new = torch.nn.Conv2d(8, old.out_channels, 3, padding=1)
    new.weight.copy_(torch.cat([old.weight, more], 1).half().float())
    new.bias.copy_(old.bias)
    unet.conv_in = new
    unet.register_to_config(in_channels=8)


def load(family, sampler):
    xl = family == "sdxl"
    base = (StableDiffusionXLPipeline if xl else StableDiffusionPipeline).from_pretrained(
        HERE / "models" / family, dtype=torch.float32, local_files_only=True,
        **({"add_watermarker": False} if xl else {"safety_checker": None}))
    widened(base.unet, 81)
    parts = {name: part for name, part in base.components.items() if name != "image_encoder" or not xl}
    if xl:
        parts.pop("feature_extractor")
        pipe = StableDiffusionXLInstructPix2PixPipeline(**parts, add_watermarker=False)
    else:
        pipe = StableDiffusionInstructPix2PixPipeline(**parts, requires_safety_checker=False)
    if not hasattr(pipe.text_encoder, "text_model"):  # see make_component_goldens.py
        object.__setattr__(pipe.text_encoder, "text_model", pipe.text_encoder)
    pipe.scheduler = SCHEDULERS[sampler].from_config(pipe.scheduler.config)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def main():
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    image = picture(WIDTH, HEIGHT, 7)
    tensors, runs = {"picture": torch.from_numpy(np.array(image))}, {}
    for name, (family, sampler, steps, guidance, image_guidance) in RUNS.items():
        pipe = load(family, sampler)
        tensors[f"conv_in/{family}"] = pipe.unet.conv_in.weight.half().contiguous()
        rows = []
        hook = pipe.unet.register_forward_pre_hook(lambda _, inputs: rows.append(len(inputs[0])))
        size = {"height": HEIGHT, "width": WIDTH} if family == "sdxl" else {}
        latents = pipe(prompt=PROMPTS[1], negative_prompt=NEGATIVE, image=image, num_inference_steps=steps,
                       guidance_scale=guidance, image_guidance_scale=image_guidance, output_type="latent",
                       generator=torch.Generator().manual_seed(SEED), **size).images
        hook.remove()
        assert torch.isfinite(latents).all(), name
        tensors[f"run/{name}"] = latents
        runs[name] = {"family": family, "sampler": sampler, "steps": steps, "guidance": guidance,
                      "image_guidance": image_guidance, "rows": rows[0]}
        print(name, rows, float(latents.abs().max()))
    metadata = {"script": "tests/golden/make_pix2pix_goldens.py", "torch": torch.__version__,
                "diffusers": diffusers.__version__, "transformers": transformers.__version__, "runs": json.dumps(runs),
                "prompt": PROMPTS[1], "negative_prompt": NEGATIVE, "seed": str(SEED)}
    save_file({k: v.contiguous() for k, v in tensors.items()}, HERE / "pix2pix.safetensors", metadata)


if __name__ == "__main__":
    main()
