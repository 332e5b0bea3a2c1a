"""A script for Diffusers, as people write them. Run by it, with the folder of tests/golden/models as its argument, it
writes diffusers_script.npz; the test runs it with another import line. Versions: diffusers 0.42.1, torch 2.13 (CPU)."""
import sys

import numpy as np
import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, EulerAncestralDiscreteScheduler
from diffusers import AutoPipelineForImage2Image, AutoPipelineForInpainting, StableDiffusionImg2ImgPipeline
from diffusers import StableDiffusionInpaintPipeline, StableDiffusionPipeline, StableDiffusionXLPipeline
from PIL import Image

models = sys.argv[1]
pictures = {}

pipe = StableDiffusionXLPipeline.from_pretrained(f"{models}/sdxl", torch_dtype=torch.float32, use_safetensors=True)
pipe = pipe.to("cpu")
pipe.enable_attention_slicing()
pipe.set_progress_bar_config(disable=True)


def draw(name, **arguments):
    generator = torch.Generator("cpu").manual_seed(3)
    pictures[name] = pipe("a cat in a park", generator=generator, num_inference_steps=4, output_type="np", **arguments).images[0]


draw("xl", negative_prompt="a dog", height=64, width=96)
draw("empty", negative_prompt="", height=64, width=64)
pipe.scheduler = EulerAncestralDiscreteScheduler.from_config(pipe.scheduler.config)
draw("ancestral", guidance_scale=7.0, height=64, width=64, original_size=(512, 512), crops_coords_top_left=(8, 0))
pipe.scheduler = DPMSolverMultistepScheduler.from_config(pipe.scheduler.config, use_karras_sigmas=True)
draw("karras", guidance_scale=0.0, height=64, width=64)

pipe = StableDiffusionPipeline.from_pretrained(f"{models}/sd1", safety_checker=None, torch_dtype=torch.float32)
pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config)
pipe.set_progress_bar_config(disable=True)
seen = []


def watch(pipe, step, timestep, kwargs):
    seen.append(float(timestep))
    return kwargs


draw("sd", height=64, width=64, callback_on_step_end=watch)
pictures["timesteps"] = np.array(seen)

down, right = np.mgrid[0:64, 0:64] / 63
start = Image.fromarray(np.uint8(np.stack([down, right, 1 - down], -1) * 255))
mask = Image.fromarray(np.uint8(right > 0.5) * 255)
for name, kinds in (("sd1", (StableDiffusionImg2ImgPipeline, StableDiffusionInpaintPipeline)),
                    ("sdxl", (AutoPipelineForImage2Image, AutoPipelineForInpainting))):
    changed, filled = (kind.from_pretrained(f"{models}/{name}", torch_dtype=torch.float32) for kind in kinds)
    for pipe in (changed, filled):
        pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config)
        pipe.set_progress_bar_config(disable=True)
    pipe = changed
    draw(f"{name} from a picture", image=start)
    pipe = filled
    draw(f"{name} in a picture", image=start.resize((96, 64)), mask_image=mask.resize((96, 64)))

np.savez_compressed(sys.argv[2], **{n: np.round(p * 255).astype(np.uint8) if p.ndim == 3 else p for n, p in pictures.items()})
