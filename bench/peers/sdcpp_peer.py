"""stable-diffusion.cpp as a peer: seconds per step of the whole SD1.5 of build/full/sd15.safetensors, weights float16.

Case: unet sd15 SIZE batch 2 (its guidance runs the two rows one after the other).
"""

import time
from pathlib import Path

import serve  # first: it starts the clock

import stable_diffusion_cpp  # noqa: E402
from stable_diffusion_cpp import StableDiffusion  # noqa: E402

IMPORTED = serve.since_start()
MODEL = Path(__file__).resolve().parents[2] / "build" / "full" / "sd15.safetensors"


class FirstStep(Exception):
    pass


def make_case(words):
    if words[:2] != ["unet", "sd15"] or words[3:] != ["batch", "2"]:
        raise ValueError("only the UNet of SD1.5 with two rows")
    engine, size, steps = StableDiffusion(model_path=str(MODEL), n_threads=serve.THREADS, verbose=False), int(words[2]), []

    def progress(step, of, seconds):
        steps.append(seconds)

    def call():
        steps.clear()
        engine.generate_image(prompt="a cat in a park", width=size, height=size, sample_steps=2, cfg_scale=5.0, seed=3,
                              progress_callback=progress)
        return min(steps)  # its own clock per step: the text and the VAE are not asked for
    return call


serve.serve("stable-diffusion.cpp f16", make_case, import_seconds=IMPORTED,
            versions={"stable-diffusion-cpp-python": stable_diffusion_cpp.__version__})
