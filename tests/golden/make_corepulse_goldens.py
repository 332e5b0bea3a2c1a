#!/usr/bin/env python3
"""Makes corepulse.safetensors: what CorePulse (PyTorch, commit 766fbd8) computes on single attention layers.

    python tests/golden/make_corepulse_goldens.py       # torch 2.13, safetensors; no network; a second

CorePulse's attention processor, written from its formulas, step by step in its order: the context is exchanged, logits
of chosen tokens are multiplied, logits between regions are changed, softmax, P V, to_out. Its inputs are what its
injectors hand to it: an encoded prompt and a weight, token indices and a scale, flat masks of the layer's token count.
The ComfyUI prompt injection node stands beside it: it replaces the context and leaves attention alone.

Keys: weights/{cross,self}/..., x [2, N, C] (row 0 unconditional, row 1 conditional), context/{prompt,negative,dragon}
[1, 77, E], out/<case> [2, N, C]. Computed in float64 from float32 numbers and stored as float32.
"""
import pathlib

import safetensors
import torch
from safetensors.torch import save_file

torch.set_num_threads(1)
HERE = pathlib.Path(__file__).parent
HEIGHT = WIDTH = 6
CHANNELS, HEADS, CONTEXT = 24, 3, 20


class Layer:
    def __init__(self, generator, width):
        def normal(rows, columns, deviation):
            return torch.randn(rows, columns, generator=generator) * deviation

        e, c = width**-0.5, CHANNELS**-0.5
        self.weights = {
            "to_q.weight": normal(CHANNELS, CHANNELS, 1.2 * c),
            "to_k.weight": normal(CHANNELS, width, 1.2 * e),
            "to_v.weight": normal(CHANNELS, width, e),
            "to_out.0.weight": normal(CHANNELS, CHANNELS, c),
            "to_out.0.bias": normal(1, CHANNELS, 0.1)[0],
        }

    def __call__(self, x, context, edit=lambda logits: logits):
        w = {name: tensor.double() for name, tensor in self.weights.items()}
        q, k, v = x @ w["to_q.weight"].T, context @ w["to_k.weight"].T, context @ w["to_v.weight"].T

        def split(t):
            return t.unflatten(-1, (HEADS, -1)).transpose(1, 2)

        logits = split(q) @ split(k).transpose(-1, -2) * (CHANNELS // HEADS) ** -0.5
        y = torch.softmax(edit(logits.clone()), -1) @ split(v)
        return y.transpose(1, 2).flatten(2) @ w["to_out.0.weight"].T + w["to_out.0.bias"]


def injected(context, prompt, weight):
    """Two rows: the second is the weighted prompt; any other number: all are."""
    if context.shape[0] == 2:
        return torch.cat([context[:1], weight * prompt])
    return weight * prompt.repeat(context.shape[0], 1, 1)


def inject(layer, x, context, prompt, weight, mask=None, edit=lambda logits: logits):
    instead = layer(x, injected(context, prompt, weight), edit)
    if mask is None:
        return instead
    m = mask.double()[None, :, None]
    return m * instead + (1 - m) * layer(x, context, edit)


def token_scale(indices, scale):
    def edit(logits):
        logits[:, :, :, indices] *= scale
        return logits

    return edit


def self_edit(kind, scale, source=None, target=None):
    """interaction_type, attention_scale, source_region, target_region."""

    def edit(logits):
        if source is not None:
            rows, columns = (source > 0.5).nonzero()[:, 0], (target > 0.5).nonzero()[:, 0]
            if kind == "redirect":
                logits[:, :, rows] *= 0.5
                logits[:, :, rows[:, None], columns[None]] *= scale * 2
            else:
                logits[:, :, rows[:, None], columns[None]] *= scale
            return logits
        if kind == "sharpen":
            return torch.pow(torch.clamp(logits, min=1e-8), scale)
        if kind == "smooth":
            return (1 - scale) * logits + scale / logits.shape[-1]
        return logits * scale

    return edit


def chain(*edits):
    def edit(logits):
        for one in edits:
            logits = one(logits)
        return logits

    return edit


def comfy_context(context, prompt, weight):
    """The node's patch: first row and the injected conditioning, the shorter padded with zeros, both times weight."""
    base = context[:1]
    length = max(base.shape[1], prompt.shape[1])

    def padded(t):
        return torch.cat([t, t.new_zeros(t.shape[0], length - t.shape[1], t.shape[2])], 1)

    return torch.cat([padded(base), padded(prompt)]) * weight


def cross_cases(layer, x, contexts, masks):
    c = {name: tensor.double() for name, tensor in contexts.items()}
    both = torch.cat([c["negative"], c["prompt"]])
    cat = [3]  # "a red cat in a park": 0 is the start
    words = [1, 5]  # "a"
    cases = {
        "plain": layer(x, both),
        "inject": inject(layer, x, both, c["dragon"], 2.0),
        "inject_negative": inject(layer, x, both, c["dragon"], -0.5),
        "inject_nothing": inject(layer, x, both, c["dragon"], 0.0),
        "tokens_up": layer(x, both, token_scale(cat, 3.0)),
        "tokens_down": layer(x, both, token_scale(cat, 0.1)),
        "tokens_twice": layer(x, both, chain(token_scale(cat, 3.0), token_scale(words, -2.0))),
        "inject_and_tokens": inject(layer, x, both, c["dragon"], 1.5, edit=token_scale(cat, 4.0)),
        "comfy": layer(x, comfy_context(both, c["dragon"], 1.3)),
        "comfy_short": layer(x, comfy_context(both, c["dragon"][:, :20], 1.3)),
    }
    # A mask blends all rows, but only the conditional one has another context.
    cases["inject_masked"] = inject(layer, x, both, c["dragon"], 2.0, masks["soft"])
    cases["inject_masked_and_tokens"] = inject(layer, x, both, c["dragon"], 2.0, masks["left"], token_scale(cat, 4.0))
    return cases


def self_cases(layer, x, masks):
    left, top, soft = masks["left"], masks["top"], masks["soft"]

    def run(*arguments, **named):
        return layer(x, x, self_edit(*arguments, **named))

    return {
        "enhance": run("enhance", 2.5, left, top),
        "suppress": run("suppress", 0.3, left, top),
        "enhance_soft": run("enhance", 2.5, soft, left),
        "redirect": run("redirect", 3.0, top, left),
        "enhance_all": run("enhance", 1.8),
        "sharpen": run("sharpen", 1.5),
        "smooth": run("smooth", 0.4),
        "enhance_then_smooth": layer(x, x, chain(self_edit("enhance", 2.5, left, top), self_edit("smooth", 0.4))),
    }


def main():
    generator = torch.Generator().manual_seed(7)
    layers = {"cross": Layer(generator, CONTEXT), "self": Layer(generator, CHANNELS)}
    x = torch.randn(2, HEIGHT * WIDTH, CHANNELS, generator=generator)
    contexts = {n: torch.randn(1, 77, CONTEXT, generator=generator) for n in ["prompt", "negative", "dragon"]}
    columns = torch.arange(WIDTH).repeat(HEIGHT)
    rows = torch.arange(HEIGHT).repeat_interleave(WIDTH)
    # rectangle(0, 0, 0.5, 1); rectangle(0, 0, 1, 1/3); linear from 0 at x = 0 to 1 at x = 1, in the middle of each token
    masks = {"left": (columns < 3).float(), "top": (rows < 2).float(), "soft": (columns + 0.5) / WIDTH}
    cases = cross_cases(layers["cross"], x.double(), contexts, masks)
    cases |= self_cases(layers["self"], x.double(), masks)
    tensors = {f"weights/{layer}/{n}": t for layer, one in layers.items() for n, t in one.weights.items()}
    tensors |= {"x": x} | {f"context/{n}": t for n, t in contexts.items()}
    tensors |= {f"out/{n}": t.float() for n, t in cases.items()}
    for name, out in cases.items():
        assert out.isfinite().all(), name
    meta = {"script": "make_corepulse_goldens.py", "torch": torch.__version__,
            "safetensors": safetensors.__version__, "heads": str(HEADS),
            "height": str(HEIGHT), "width": str(WIDTH), "corepulse": "766fbd8"}
    save_file({n: t.contiguous() for n, t in tensors.items()}, HERE / "corepulse.safetensors", meta)


if __name__ == "__main__":
    main()
