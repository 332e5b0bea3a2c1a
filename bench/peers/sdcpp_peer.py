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


def make_case(words):
    if words[:2] != ["unet", "sd15"] or words[3:] != ["batch", "2"]:
        raise ValueError("only the UNet of SD1.5 with two rows")
    engine, size = StableDiffusion(model_path=str(MODEL), n_threads=serve.THREADS, verbose=False), int(words[2])

    def seconds(steps):
        start = time.monotonic()
        engine.generate_image(prompt="a cat in a park", width=size, height=size, sample_steps=steps, cfg_scale=5.0, seed=3)
        return time.monotonic() - start

    def call():
        return seconds(2) - seconds(1)  # its callback tells no times; the text's and the VAE's are in both
    return call


serve.serve("stable-diffusion.cpp f16", make_case, import_seconds=IMPORTED,
            versions={"stable-diffusion-cpp-python": stable_diffusion_cpp.__version__})
