"""What the scripts of the attention methods' goldens (make_{pag,seg,nag,p2p,style}_goldens.py) share: one form of run.

A run is 10 Euler steps of a tiny model at 192x128 pixels (latents 16x24: the grids are 16x24, 8x12, 4x6, 2x3, never
square) with the noise of seed 3, through Diffusers' own pipeline. Of each are kept: `first/rows`, the UNet's answer of
the first step, a row per role; `first/guided`, what the scheduler was given there; `latents/9`, the final latents.
`--exact` writes nothing: it computes in float64 and prints how far the committed float32 numbers are from that.
"""

import json
import sys

import diffusers
import torch
import transformers
from safetensors.torch import load_file, save_file

from make_component_goldens import EXACT, HERE, SEED, normal, stored

HEIGHT, WIDTH, STEPS = 16, 24, 10
SIZE = {"height": HEIGHT * 8, "width": WIDTH * 8}


def noise():
    return normal(SEED, 1, 4, HEIGHT, WIDTH)


def run(pipe, images=1, latents=None, **arguments):
    """{"first/rows", "first/guided", "latents/9"} of one run; all `images` start from the same noise, or from `latents`."""
    kept, step = {}, pipe.scheduler.step

    def keep_rows(module, inputs, output):
        kept.setdefault("first/rows", output[0])

    def keep_guided(prediction, *rest, **more):
        kept.setdefault("first/guided", prediction)
        return step(prediction, *rest, **more)

    hook, pipe.scheduler.step = pipe.unet.register_forward_hook(keep_rows), keep_guided
    try:
        begin = noise().repeat(images, 1, 1, 1) if latents is None else latents
        out = pipe(latents=begin, num_inference_steps=STEPS, output_type="latent", **SIZE, **arguments)
    finally:
        hook.remove()
        pipe.scheduler.step = step
    return {name: tensor.clone() for name, tensor in (kept | {f"latents/{STEPS - 1}": out.images}).items()}


class Steps:
    """Counts the UNet's calls of a run: `now` is the step, as these runs call it once in each."""

    def __init__(self, unet):
        self.now = -1
        self.hook = unet.register_forward_pre_hook(self.advance)

    def advance(self, module, inputs):
        self.now += 1


def split(attn, x):
    """[B, N, C] to [B, heads, N, d]."""
    return x.unflatten(-1, (attn.heads, -1)).transpose(1, 2)


def merged(x):
    """[B, heads, N, d] to [B, N, C]: what to_out reads."""
    return x.transpose(1, 2).flatten(2)


def softmax(q, k):
    """P of split queries and keys."""
    return torch.softmax(q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5, -1)


def out(attn, x):
    return attn.to_out[0](x)


def difference(a, b):
    return ((a - b).abs().max() / b.abs().max()).item()


def require_effect(name, with_it, without, least=0.005):
    """Refuses a golden that proves nothing: the method must move the final latents."""
    key = f"latents/{STEPS - 1}"
    moved = difference(with_it[key], without[key])
    print(f"  {name}: moves the final latents by {moved:.3f}")
    if not moved >= least:
        sys.exit(f"{name}: the method moves nothing")


def finish(script, file, tensors, **facts):
    """Writes tests/golden/<file>, or compares it with what was computed."""
    tensors = {name: stored(tensor) for name, tensor in tensors.items()}
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            sys.exit(f"{name} is not finite")
    if EXACT:
        return compare(load_file(HERE / file), tensors)
    metadata = {"script": f"tests/golden/{script}", "torch": torch.__version__, "diffusers": diffusers.__version__,
                "transformers": transformers.__version__}
    save_file(tensors, HERE / file, metadata | {name: json.dumps(fact) for name, fact in facts.items()})


def compare(committed, exact):
    errors = {name: difference(tensor.double(), exact[name].double()) for name, tensor in committed.items()}
    for kind in ("/rows", "/guided", f"/latents/{STEPS - 1}", ""):
        chosen = {name: error for name, error in errors.items() if name.endswith(kind)}
        if chosen:
            worst = max(chosen, key=chosen.get)
            print(f"  {kind or 'all':12} {chosen[worst]:.1e} ({worst})")
            errors = {name: error for name, error in errors.items() if name not in chosen}
