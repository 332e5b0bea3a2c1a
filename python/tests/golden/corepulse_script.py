"""A script for CorePulse, in the order of calls that works there. Run beside it (github.com/DataCTE/CorePulse, commit 766fbd8, on
PYTHONPATH), with the built-in model's folder as its argument, it writes corepulse_script.npz; the test runs it with other import
lines and legacy=True. Versions: diffusers 0.42.1, torch 2.13 (CPU); torchvision is imported there and not used."""
import sys

import numpy as np
import torch
from diffusers import StableDiffusionPipeline

sys.modules.setdefault("torchvision", torch), sys.modules.setdefault("torchvision.transforms", torch)
from core_pulse import AdvancedPromptInjector, AttentionMapInjector, SelfAttentionInjector
from core_pulse import create_left_half_mask, create_right_half_mask

pipe = StableDiffusionPipeline.from_pretrained(sys.argv[1], safety_checker=None, torch_dtype=torch.float32)
pipe.set_progress_bar_config(disable=True)
left, right = create_left_half_mask((64, 64)), create_right_half_mask((64, 64))
WINDOW = {"sigma_start": 14.0, "sigma_end": 0.3}  # leaves out the first step and the last
pictures = {}


def draw(name):
    pictures[name] = pipe("a cat in a park", generator=torch.Generator("cpu").manual_seed(3), num_inference_steps=5,
                          guidance_scale=5.0, height=64, width=64, output_type="np").images[0]


def looks(name, source, target, scale, kind):
    injector = SelfAttentionInjector(pipe)
    injector.patcher.add_self_attention_manipulation("all", source, target, scale, kind, **WINDOW)
    with injector:
        draw(name)


draw("plain")

injector = AdvancedPromptInjector(pipe)
injector.add_injection("middle:0", "a dragon", 2.0, **WINDOW)
injector.add_injection("output:0", "a dragon", 0.5, **WINDOW)
with injector:
    draw("inject")

injector = AttentionMapInjector(pipe)
injector.add_attention_manipulation("a cat in a park", "all", "park", 3.0, **WINDOW)
injector.add_attention_manipulation("a cat in a park", "output:1", "cat", -1.0, **WINDOW)
with injector:
    draw("words")

looks("regions", left, right, 3.0, "enhance")
looks("redirect", left, right, 3.0, "redirect")
looks("global", None, None, 2.0, "enhance")
looks("sharpen", None, None, 1.5, "sharpen")
looks("smooth", None, None, 0.4, "smooth")

np.savez_compressed(sys.argv[2], **{n: np.round(p * 255).astype(np.uint8) for n, p in pictures.items()})
