"""Writes tests/golden/second_pass.safetensors: what Diffusers draws from its own picture or latents at a larger size.

    python tests/golden/make_second_pass_goldens.py   # torch 2.13, diffusers 0.42.1, transformers 5.23, pillow 13.0

README.md names the tensors. Float32 on one CPU thread, from the tiny models of make_models.py.
"""

import json

import diffusers
import PIL
import torch
import transformers
from diffusers import (DPMSolverMultistepScheduler, EulerDiscreteScheduler, StableDiffusionImg2ImgPipeline,
                       StableDiffusionPipeline, StableDiffusionXLImg2ImgPipeline, StableDiffusionXLPipeline)
from PIL import Image
from safetensors.torch import save_file
from torch.nn.functional import interpolate

from families import PROMPTS
from make_init_goldens import HERE, SEED

WIDTH, HEIGHT = 96, 64
SCHEDULERS = {"euler": EulerDiscreteScheduler, "dpmpp_2m": DPMSolverMultistepScheduler}
MODES = {"latent-nearest": {"mode": "nearest"}, "latent-nearest-exact": {"mode": "nearest-exact"},
         "latent-bilinear": {"mode": "bilinear", "align_corners": False},
         "latent-bicubic": {"mode": "bicubic", "align_corners": False}}
SIZES = ((9, 12), (12, 16), (5, 4), (6, 13))
# name: family, upscale, size of the second pass, its steps, strength, guidance and sampler (or the first's)
RUNS = {
    "sd1_lanczos": ("sd1", "lanczos", (192, 128), 7, 0.6, 5.0, "euler"),
    "sd1_nearest": ("sd1", "latent-nearest", (144, 96), 4, 1.0, 5.0, "euler"),
    "sd1_bicubic": ("sd1", "latent-bicubic", (192, 96), 5, 0.8, 3.0, "dpmpp_2m"),
    "sdxl_bilinear": ("sdxl", "latent-bilinear", (144, 96), 6, 0.7, 5.0, "euler"),
}


def load(family, image_to_image, sampler):
    kinds = {"sd1": (StableDiffusionPipeline, StableDiffusionImg2ImgPipeline),
             "sdxl": (StableDiffusionXLPipeline, StableDiffusionXLImg2ImgPipeline)}
    kwargs = {"add_watermarker": False} if family == "sdxl" else {"safety_checker": None}
    pipe = kinds[family][image_to_image].from_pretrained(HERE / "models" / family, dtype=torch.float32,
                                                         local_files_only=True, **kwargs)
    if not hasattr(pipe.text_encoder, "text_model"):  # see make_component_goldens.py
        object.__setattr__(pipe.text_encoder, "text_model", pipe.text_encoder)
    pipe.scheduler = SCHEDULERS[sampler].from_config(pipe.scheduler.config)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def run(family, upscale, size, steps, strength, guidance, sampler):
    def draw(pipe, output_type, **inputs):
        return pipe(prompt=PROMPTS[0], generator=torch.Generator().manual_seed(SEED), output_type=output_type,
                    **inputs).images

    first = load(family, False, "euler")
    given = {"width": WIDTH, "height": HEIGHT, "num_inference_steps": 4, "guidance_scale": 5.0}
    width, height = size
    if upscale == "lanczos":
        start = draw(first, "pil", **given)[0].resize(size, Image.Resampling.LANCZOS)
    else:
        start = interpolate(draw(first, "latent", **given), size=(height // 8, width // 8), **MODES[upscale])
    second = load(family, True, sampler)
    calls = []
    hook = second.unet.register_forward_pre_hook(lambda *_: calls.append(1))
    latents = draw(second, "latent", image=start, strength=strength, num_inference_steps=steps,
                   guidance_scale=guidance)
    hook.remove()
    return latents, len(calls)


def main():
    planes = torch.randn(2, 4, 6, 8, generator=torch.Generator().manual_seed(SEED))
    tensors, runs = {"latents": planes}, {}
    for mode, options in MODES.items():
        for height, width in SIZES:
            tensors[f"{mode}/{height}x{width}"] = interpolate(planes, size=(height, width), **options)
    for name, (family, upscale, size, steps, strength, guidance, sampler) in RUNS.items():
        latents, calls = run(family, upscale, size, steps, strength, guidance, sampler)
        assert torch.isfinite(latents).all(), name
        tensors[f"run/{name}"] = latents
        runs[name] = {"family": family, "upscale": upscale, "width": size[0], "height": size[1], "steps": steps,
                      "strength": strength, "guidance": guidance, "sampler": sampler, "calls": calls}
        print(name, calls, tuple(latents.shape), float(latents.abs().max()))
    metadata = {"script": "tests/golden/make_second_pass_goldens.py", "torch": torch.__version__,
                "diffusers": diffusers.__version__, "transformers": transformers.__version__,
                "pillow": PIL.__version__, "runs": json.dumps(runs), "prompt": PROMPTS[0]}
    save_file({k: v.contiguous() for k, v in tensors.items()}, HERE / "second_pass.safetensors", metadata)


if __name__ == "__main__":
    main()
