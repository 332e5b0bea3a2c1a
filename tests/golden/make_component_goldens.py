"""Writes tests/golden/<family>.safetensors: what Diffusers computes with the models of make_models.py, and with
models/builtin. README.md names the tensors.

    python tests/golden/make_component_goldens.py [FAMILY...]   # torch 2.13, diffusers 0.42.1, transformers 5.23

and clip_skip.safetensors, of the name `clip_skip`: runs that leave out a text layer.

Float32 on one CPU thread. With --exact nothing is written: the same in float64, and how far float32 was from it.
"""

import json
import re
import sys
from pathlib import Path

import diffusers
import numpy as np
import torch
import transformers
from diffusers import DiffusionPipeline, EulerDiscreteScheduler
from safetensors.torch import load_file, save_file

from families import FAMILIES, PROMPTS

torch.set_num_threads(1)
torch.set_grad_enabled(False)
HERE = Path(__file__).resolve().parent
EXACT = "--exact" in sys.argv[1:]
DTYPE = torch.float64 if EXACT else torch.float32
BUILTIN_PROMPTS = ["a cat in a park", "a dragon", ""]
STEPS, GUIDANCE, KEPT_STEPS, SEED = 20, 5.0, (0, 5, 12, 19), 3
# Modules whose output is kept in unet case 0; the others of a name's kind only the first time.
TAPS = re.compile(r"conv_in|time_embedding|add_embedding|(down_blocks|up_blocks)\.\d+|mid_block")
FIRST_TAPS = re.compile(r"resnets\.0|attentions\.0|attentions\.0\.transformer_blocks\.0(\.(attn1|attn2|ff))?")


def normal(seed, *shape):
    """Drawn in float32 also under --exact, so that both see the same numbers."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(DTYPE)


def token_ids(tokenizer, prompt):
    return tokenizer(prompt, padding="max_length", truncation=True, max_length=77, return_tensors="pt").input_ids


def encode(pipe, prompt, clip_skip=None):
    """(context, pooled or None) as the pipeline's own encode_prompt says."""
    if hasattr(pipe, "text_encoder_2"):
        out = pipe.encode_prompt(prompt, device="cpu", do_classifier_free_guidance=False, clip_skip=clip_skip)
        return out[0], out[2]
    return pipe.encode_prompt(prompt, "cpu", 1, False, clip_skip=clip_skip)[0], None


def text_tensors(pipe, prompts):
    out = {}
    for p, prompt in enumerate(prompts):
        context, pooled = encode(pipe, prompt)
        skipped, _ = encode(pipe, prompt, clip_skip=1)
        width = pipe.text_encoder.config.hidden_size
        ids = token_ids(pipe.tokenizer, prompt)
        out |= {f"text/{p}/ids": ids.int(), f"text/{p}/hidden": context[..., :width],
                f"text/{p}/hidden_skip1": skipped[..., :width],
                f"text/{p}/pooled": pipe.text_encoder(ids).pooler_output}
        if pooled is not None:
            out |= {f"text_2/{p}/ids": token_ids(pipe.tokenizer_2, prompt).int(), f"text_2/{p}/pooled": pooled,
                    f"text_2/{p}/hidden": context[..., width:], f"text_2/{p}/hidden_skip1": skipped[..., width:]}
    return out


def record_taps(unet, taps):
    """Hooks that fill `taps` during one call; returns them, to be removed."""
    first, hooks = set(), []
    for name, module in unet.named_modules():
        inner = re.fullmatch(r"(down_blocks|up_blocks)\.\d+\.(.+)", name)
        wanted = TAPS.fullmatch(name)
        if inner and FIRST_TAPS.fullmatch(inner[2]):
            kind = (inner[1], inner[2])
            wanted = kind not in first
            first.add(kind)
        if wanted:
            hooks.append(module.register_forward_hook(lambda m, i, out, name=name: taps.__setitem__(name, out)))
    return hooks


def tap_tensor(out):
    """Blocks answer tuples or samples, layers answer tensors."""
    return out[0] if isinstance(out, tuple) else getattr(out, "sample", out)


def unet_tensors(pipe, prompts, height, width, taps_wanted):
    unet, out = pipe.unet, {}
    encoded = [encode(pipe, p) for p in prompts[:2]]
    cases = [(981, (0, 1), (height, width)), (500, (0, 1), (height, width)), (20, (0, 1), (height, width)),
             (500, (1, 0), (height, width)), (500, (0, 1), (7, 9))]
    for n, (t, rows, size) in enumerate(cases):
        case = {"x": normal(100 if n < 4 else 104, 2, unet.config.in_channels, *size), "t": torch.tensor([float(t)]),
                "context": torch.cat([encoded[r][0] for r in rows])}
        added = None
        if encoded[0][1] is not None:
            case["pooled"] = torch.cat([encoded[r][1] for r in rows])
            case["time_ids"] = torch.tensor([[64.0, 128, 0, 0, 64, 128], [1024, 768, 8, 16, 512, 640]], dtype=DTYPE)
            added = {"text_embeds": case["pooled"], "time_ids": case["time_ids"]}
        taps = {}
        hooks = record_taps(unet, taps) if n == 0 and taps_wanted else []
        case["out"] = unet(case["x"], case["t"][0], case["context"], added_cond_kwargs=added).sample
        for hook in hooks:
            hook.remove()
        out |= {f"unet/{n}/{k}": v for k, v in case.items()}
        out |= {f"unet/{n}/tap/{k}": tap_tensor(v) for k, v in taps.items()}
    return out


def vae_tensors(vae):
    image = torch.rand(1, 3, 32, 48, generator=torch.Generator().manual_seed(200)).to(DTYPE) * 2 - 1
    latent = vae.encode(image).latent_dist
    z = normal(201, 1, 4, 4, 6)
    return {"vae/image": image, "vae/mean": latent.mean, "vae/logvar": latent.logvar,
            "vae/latent": latent.mode() * vae.config.scaling_factor, "vae/z": z,
            "vae/decoded": vae.decode(z / vae.config.scaling_factor).sample}


def record_unet_inputs(pipe, kept):
    """Keeps what the pipeline hands to the UNet at the first step: (negative, positive) rows."""
    def hook(module, args, kwargs):
        kept.update(context=kwargs["encoder_hidden_states"], **(kwargs.get("added_cond_kwargs") or {}))
    return pipe.unet.register_forward_pre_hook(hook, with_kwargs=True)


def pipeline_tensors(pipe, name, run, height, width):
    """One run of 20 Euler steps from given noise; `run` holds prompt, negative_prompt, guidance_rescale."""
    noise, latents, seen = normal(SEED, 1, 4, height, width), {}, {}

    def keep(pipe, i, t, values):
        latents[i] = values["latents"]
        return values

    hook = record_unet_inputs(pipe, seen)
    image = pipe(height=height * 8, width=width * 8, num_inference_steps=STEPS, guidance_scale=GUIDANCE,
                 latents=noise.clone(), callback_on_step_end=keep, output_type="pil", **run).images[0]
    hook.remove()
    out = {"noise": noise, "timesteps": pipe.scheduler.timesteps, "sigmas": pipe.scheduler.sigmas,
           "image": torch.from_numpy(np.array(image)), "negative_context": seen["context"][:1],
           "context": seen["context"][1:]}
    if "text_embeds" in seen:
        out |= {"negative_pooled": seen["text_embeds"][:1], "pooled": seen["text_embeds"][1:],
                "time_ids": seen["time_ids"][:1]}
    return {f"{name}/{k}": v for k, v in (out | {f"latents/{i}": latents[i] for i in KEPT_STEPS}).items()}


def runs_of(family, prompts):
    """The pipeline runs of a family: {first word of the names: arguments}."""
    plain = {"prompt": prompts[0]}
    if family == "sdxl":
        return {"pipeline": plain, "pipeline_negative": plain | {"negative_prompt": ""}}
    if family == "sd2v":
        return {"pipeline": plain, "pipeline_rescale": plain | {"guidance_rescale": 0.7}}
    if family == "sd2":
        return {"pipeline": plain | {"negative_prompt": "blue, blurry"}}
    return {} if family == "inpaint" else {"pipeline": plain}


def load(folder):
    kwargs = {"add_watermarker": False} if "xl" in folder.name else {"safety_checker": None}
    pipe = DiffusionPipeline.from_pretrained(folder, dtype=DTYPE, local_files_only=True, **kwargs)
    if not hasattr(pipe.text_encoder, "text_model"):
        # Diffusers' clip_skip asks for the name that transformers 5.6 dropped; not as a submodule, which would recurse.
        object.__setattr__(pipe.text_encoder, "text_model", pipe.text_encoder)
    pipe.scheduler = EulerDiscreteScheduler.from_config(pipe.scheduler.config)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def golden(family):
    """(tensors, metadata) of one family."""
    builtin = family == "builtin"
    folder = HERE.parents[1] / "models" / "builtin" if builtin else HERE / "models" / family
    prompts = BUILTIN_PROMPTS if builtin else PROMPTS
    size = (32, 32) if builtin else (8, 16)
    pipe = load(folder)
    metadata = {"script": "tests/golden/make_component_goldens.py", "prompts": json.dumps(prompts),
                "torch": torch.__version__, "diffusers": diffusers.__version__,
                "transformers": transformers.__version__}
    tensors = text_tensors(pipe, prompts) | unet_tensors(pipe, prompts, *size, taps_wanted=not builtin)
    if family != "inpaint":
        tensors |= vae_tensors(pipe.vae)
    for name, run in runs_of(family, prompts).items():
        tensors |= pipeline_tensors(pipe, name, run, *size)
        scheduler = {k: v for k, v in pipe.scheduler.config.items() if not k.startswith("_")}
        metadata[name] = json.dumps({"negative_prompt": None} | run | {
            "height": size[0] * 8, "width": size[1] * 8, "steps": STEPS, "guidance": GUIDANCE, "seed": SEED,
            "sampler": "euler", "init_noise_sigma": float(pipe.scheduler.init_noise_sigma), "scheduler": scheduler},
            default=str)
    return {k: stored(v) for k, v in tensors.items()}, metadata


def clip_skip_golden():
    """Of SD1 and SDXL: contexts and final latents of a run with clip_skip 1 and a negative prompt."""
    tensors, metadata = {}, {"script": "tests/golden/make_component_goldens.py", "torch": torch.__version__,
                             "diffusers": diffusers.__version__, "transformers": transformers.__version__}
    run = {"prompt": PROMPTS[0], "negative_prompt": "blue, blurry", "clip_skip": 1}
    for family in ("sd1", "sdxl"):
        found = pipeline_tensors(load(HERE / "models" / family), family, run, 8, 16)
        kept = ("context", "negative_context", "latents/19")
        tensors |= {name: stored(found[name]) for name in (f"{family}/{k}" for k in kept)}
    return tensors, metadata | {"run": json.dumps(run)}


def stored(tensor):
    tensor = tensor.detach().contiguous().clone()
    return tensor.to(DTYPE) if tensor.is_floating_point() or tensor.dtype == torch.int64 else tensor


def check(family, tensors):
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor.double()).all():
            sys.exit(f"{family}: {name} is not finite")
    change = (tensors["unet/1/out"] - tensors["unet/3/out"]).abs().max() / tensors["unet/1/out"].abs().max()
    if change < 0.10:
        sys.exit(f"{family}: exchanged prompts move the UNet by {change:.3f} only")
    if "pipeline/image" in tensors:
        image = tensors["pipeline/image"].double()
        print(f"  {family}: prompts {change:.2f}, image deviation {image.std():.0f}, "
              f"clipped {((image == 0) | (image == 255)).double().mean():.2f}, "
              f"final latents' largest {tensors['pipeline/latents/19'].abs().max():.1f}")


def compare(family, exact):
    """How far the committed float32 numbers are from float64's."""
    committed = load_file(HERE / f"{family}.safetensors")
    worst = {}
    for name, tensor in committed.items():
        if not (name.endswith(("/out", "/hidden", "/pooled", "/mean", "/decoded")) or "/latents/" in name):
            continue
        error = (tensor.double() - exact[name].double()).abs().max() / exact[name].double().abs().max()
        kind = "latents" if "/latents/" in name else name.split("/")[0]
        worst[kind] = max(worst.get(kind, 0), error.item())
    print(f"  {family}: " + ", ".join(f"{k} {v:.1e}" for k, v in worst.items()))


def main():
    names = [a for a in sys.argv[1:] if not a.startswith("-")] or [*FAMILIES, "builtin", "clip_skip"]
    for family in names:
        if family == "clip_skip":
            if not EXACT:
                tensors, metadata = clip_skip_golden()
                save_file(tensors, HERE / "clip_skip.safetensors", metadata)
            continue
        tensors, metadata = golden(family)
        if EXACT:
            compare(family, tensors)
            continue
        check(family, tensors)
        save_file(tensors, HERE / f"{family}.safetensors", metadata)


if __name__ == "__main__":
    main()
