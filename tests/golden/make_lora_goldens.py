"""Writes tests/golden/lora.safetensors, and the two small files that it is about: LoRA as Diffusers fuses it.

    python tests/golden/make_lora_goldens.py     # torch 2.13, diffusers 0.42.1, transformers 5.23, peft 0.21; no network

lora_sd1.safetensors has kohya's names and alphas, lora_sdxl.safetensors those of Diffusers and PEFT; both change text
encoders, too. A run loads its file with load_lora_weights and merges it with fuse_lora; `window` undoes that with
unfuse_lora after step 4. `down` is the file's part below down_blocks alone. Text encoders are merged here: under
transformers 5, whose modules have no text_model, Diffusers 0.42 finds none of their layers. Form of the runs:
method_runs.py. Names: README.md.
"""

import torch
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
from safetensors.torch import load_file, save_file

from families import PROMPTS
from make_component_goldens import HERE, load
from method_runs import finish, noise, require_effect, run

KINDS = {"sd1": StableDiffusionPipeline, "sdxl": StableDiffusionXLPipeline}
LAYERS = ("attn1.to_q", "attn2.to_k", "attn2.to_v", "attn2.to_out.0", "ff.net.0.proj", "proj_in")
TEXT_LAYERS = ("self_attn.q_proj", "self_attn.out_proj", "mlp.fc1")
RANK, UNTIL = 2, 4


def weights_of(module, endings):
    """{path: weight} of the layers that the file changes: every other one."""
    found = [(name, m.weight) for name, m in module.named_modules() if name.endswith(endings) and hasattr(m, "weight")]
    return dict(found[::2])


def factors(weight, generator):
    """up and down, of a tenth of the weight's size."""
    out, inputs = weight.shape[:2]
    down = torch.randn(RANK, inputs, generator=generator) / inputs**0.5
    up = torch.randn(out, RANK, generator=generator) * weight.detach().float().std() * 0.3
    shape = (1,) * (weight.ndim - 2)
    return up.reshape(out, RANK, *shape).half(), down.reshape(RANK, inputs, *shape).half()


def kohya(pipe, generator):
    made = {}
    for prefix, module, endings in (("lora_unet", pipe.unet, LAYERS), ("lora_te_text_model", pipe.text_encoder, TEXT_LAYERS)):
        for path, weight in weights_of(module, endings).items():
            name = f"{prefix}_{path.removeprefix('text_model.').replace('.', '_')}"
            made[f"{name}.lora_up.weight"], made[f"{name}.lora_down.weight"] = factors(weight, generator)
            made[f"{name}.alpha"] = torch.tensor(1.0)
    return made


def peft(pipe, generator):
    made = {}
    for prefix, endings in (("unet", LAYERS), ("text_encoder", TEXT_LAYERS), ("text_encoder_2", TEXT_LAYERS)):
        for path, weight in weights_of(getattr(pipe, prefix), endings).items():
            path = path if prefix == "unet" or path.startswith("text_model.") else f"text_model.{path}"
            made[f"{prefix}.{path}.lora_B.weight"], made[f"{prefix}.{path}.lora_A.weight"] = factors(weight, generator)
    return made


def fresh(family):
    more = {"add_watermarker": False} if family == "sdxl" else {"requires_safety_checker": False}
    pipe = KINDS[family](**load(HERE / "models" / family).components, **more)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def drawn(pipe, **more):
    return run(pipe, prompt=PROMPTS[0], guidance_scale=5.0, **more)


def merge_texts(pipe, tensors, scale):
    """W + scale alpha / rank up down, in every layer of a text encoder that the file names either way."""
    merged = 0
    for part, start in (("text_encoder", "lora_te_text_model_"), ("text_encoder_2", None)):
        for path, module in (getattr(pipe, part).named_modules() if hasattr(pipe, part) else ()):
            path = path.removeprefix("text_model.")
            old, new = f"{start}{path.replace('.', '_')}.lora_", f"{part}.text_model.{path}.lora_"
            up, down = (tensors.get(f"{old}{a}.weight", tensors.get(f"{new}{b}.weight")) for a, b in (("up", "B"), ("down", "A")))
            if up is not None:
                alpha = tensors.get(f"{old[:-5]}alpha", torch.tensor(float(RANK)))
                module.weight.data += (scale * alpha / RANK * (up @ down)).to(module.weight)
                merged += 1
    assert merged == sum("up.weight" in name or "lora_B" in name for name in tensors if not is_unet(name)), merged


def is_unet(name):
    return name.startswith(("unet.", "lora_unet"))


def fused(family, file, scale=0.8, keep=lambda name: True):
    pipe = fresh(family)
    tensors = {name: x.to(pipe.unet.dtype) for name, x in load_file(file).items() if keep(name)}
    merge_texts(pipe, tensors, scale)
    pipe.load_lora_weights({name: x for name, x in tensors.items() if is_unet(name)})
    pipe.fuse_lora(lora_scale=scale, components=["unet"])
    return pipe


def unfuse_after(pipe, i, timestep, kept):
    if i + 1 == UNTIL:
        pipe.unfuse_lora(components=["unet"])
        pipe.unload_lora_weights()
    return {}


def main():
    tensors = {"noise": noise()}
    for family, make in {"sd1": kohya, "sdxl": peft}.items():
        file = HERE / f"lora_{family}.safetensors"
        save_file({name: x.contiguous() for name, x in make(fresh(family), torch.Generator().manual_seed(5)).items()}, file)
        found = {"plain": drawn(fresh(family)), "whole": drawn(fused(family, file)), "turned": drawn(fused(family, file, -0.5)),
                 "down": drawn(fused(family, file, 0.8, lambda name: "down_blocks" in name)),
                 "window": drawn(fused(family, file, 0.8, is_unet), callback_on_step_end=unfuse_after)}
        for name in ("whole", "turned", "down", "window"):
            require_effect(f"{family} {name}", found[name], found["plain"])
        tensors |= {f"{family}/{name}/{key}": x for name, one in found.items() for key, x in one.items() if "latents" in key}
    finish("make_lora_goldens.py", "lora.safetensors", tensors, prompt=PROMPTS[0], until=UNTIL)


if __name__ == "__main__":
    main()
