"""Writes tests/golden/seg.safetensors: smoothed energy guidance (SEG, arXiv 2408.00760) from the paper's formula.

    python tests/golden/make_seg_goldens.py      # torch 2.13, diffusers 0.42.1, transformers 5.23; no network; a minute

A perturbed row as PAG's (make_pag_goldens.py: rows, sum and layer names), but its self-attention keeps P = softmax(Q'
K^T) with queries blurred over the layer's grid of h x w tokens: Q' = G_h Q G_w per head channel, after to_q, before the
product. sigma is in tokens of that grid. sigma > 9999: every query is the mean of all. Otherwise, along each axis of
length n:
  taps     odd k = ceil(6 sigma), one more if even, at most n + 1 if n is even, n if n is odd (so half of them < n, and
           an axis of 1 is left alone);
  weights  exp(-x^2 / (2 sigma^2)) at x = -(k-1)/2 .. (k-1)/2, divided by their sum after that cut;
  edges    reflected without repeating the edge itself (index -1 is 1, n is n - 2).
The authors' code has this for square grids, its cut from the width for both axes; here each axis has its own.
Diffusers' hook takes every grid for a square one and has its two branches exchanged, so it is no oracle.

On square grids from 2x2 to 9x9 with sigma from 0.3 to 50 `blurred` was compared once with the authors' function
(SEG-SDXL@cf8256d, whose weights are float32): the same within 1e-6. `op/...` is one attention in float64. Form of the
runs: method_runs.py. Names: README.md.
"""

import math

import torch
from diffusers import StableDiffusionPAGPipeline, StableDiffusionXLPAGPipeline

from families import PROMPTS
from make_component_goldens import DTYPE, HERE, load
from method_runs import HEIGHT, WIDTH, finish, merged, noise, out, require_effect, run, softmax, split

INFINITE = 1e9
GRIDS, SIGMAS = ((8, 8), (5, 12), (12, 5), (2, 3), (1, 7)), {"1": 1.0, "3": 3.0, "inf": INFINITE}
KINDS = {"sd1": StableDiffusionPAGPipeline, "sdxl": StableDiffusionXLPAGPipeline}
PLAIN = {"layers": ["mid"], "cfg": 5.0, "scale": 3.0, "sigma": INFINITE}
CASES = {"plain": PLAIN | {"scale": 0.0}, "plain_no_cfg": PLAIN | {"scale": 0.0, "cfg": 1.0}, "mid_inf": PLAIN,
         "mid_2": PLAIN | {"sigma": 2.0}, "no_cfg": PLAIN | {"cfg": 1.0},
         "blocks_1": PLAIN | {"sigma": 1.0, "layers": ["down_blocks.1", "up_blocks.1"]}}


def blur_matrix(n, sigma):
    """G [n, n] of one axis: blurred = G @ values."""
    taps = math.ceil(6 * sigma)
    taps = min(taps + 1 - taps % 2, n + 1 - n % 2)
    half = taps // 2
    weights = torch.exp(-0.5 * (torch.arange(-half, half + 1, dtype=torch.float64) / sigma) ** 2)
    matrix = torch.zeros(n, n, dtype=torch.float64)
    for i in range(n):
        for x, weight in zip(range(i - half, i + half + 1), weights / weights.sum()):
            x = abs(x)
            matrix[i, x if x < n else 2 * (n - 1) - x] += weight
    return matrix


def blurred(q, height, width, sigma):
    """Queries [..., height * width, d]."""
    if sigma > 9999:
        return q.mean(-2, keepdim=True).expand_as(q)
    grid = q.unflatten(-2, (height, width))
    return torch.einsum("yY,xX,...YXd->...yxd", blur_matrix(height, sigma).to(q.dtype),
                        blur_matrix(width, sigma).to(q.dtype), grid).flatten(-3, -2)


class SmoothedAttention:
    """attn1 of a batch whose last row is the perturbed one."""

    def __init__(self, sigma):
        self.sigma = sigma

    def __call__(self, attn, x, encoder_hidden_states=None, attention_mask=None):
        q, k, v = split(attn, attn.to_q(x)), split(attn, attn.to_k(x)), split(attn, attn.to_v(x))
        height = math.isqrt(x.shape[1] * HEIGHT // WIDTH)
        q = torch.cat([q[:-1], blurred(q[-1:], height, x.shape[1] // height, self.sigma)])
        return out(attn, merged(softmax(q, k) @ v))


def computed(pipe, case):
    pipe.set_pag_applied_layers(case["layers"], (SmoothedAttention(case["sigma"]),) * 2)
    return run(pipe, prompt=PROMPTS[0], guidance_scale=case["cfg"], pag_scale=case["scale"])


def ops():
    tensors, generator = {}, torch.Generator().manual_seed(12)
    for height, width in GRIDS:
        q, k, v = torch.randn(3, 2, height * width, 8, generator=generator)
        q, name = 3 * q, f"op/{height}x{width}"
        tensors |= {f"{name}/q": q, f"{name}/k": k, f"{name}/v": v}
        for word, sigma in SIGMAS.items():
            smooth = blurred(q.double(), height, width, sigma)
            tensors[f"{name}/{word}/blurred"] = smooth.to(DTYPE)
            tensors[f"{name}/{word}/out"] = (softmax(smooth, k.double()) @ v.double()).to(DTYPE)
    return tensors


def main():
    tensors = {"noise": noise()} | ops()
    for family, kind in KINDS.items():
        more = {"add_watermarker": False} if family == "sdxl" else {"requires_safety_checker": False}
        pipe = kind(**load(HERE / "models" / family).components, **more)
        pipe.set_progress_bar_config(disable=True)
        found = {name: computed(pipe, case) for name, case in CASES.items()}
        for name, case in CASES.items():
            if not name.startswith("plain"):
                require_effect(f"{family} {name}", found[name], found["plain" if case["cfg"] > 1 else "plain_no_cfg"],
                               0.002)
        require_effect(f"{family} sigma 2 against infinite", found["mid_2"], found["mid_inf"], 0.0005)
        tensors |= {f"{family}/{name}/{key}": x for name, one in found.items() for key, x in one.items()}
        tensors |= {"timesteps": pipe.scheduler.timesteps, "sigmas": pipe.scheduler.sigmas}
    finish("make_seg_goldens.py", "seg.safetensors", tensors, prompt=PROMPTS[0], runs=CASES, sigmas=SIGMAS)


if __name__ == "__main__":
    main()
