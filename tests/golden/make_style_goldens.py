"""Writes tests/golden/style.safetensors: StyleAligned (Hertz et al. 2023, arXiv 2312.02133) and reference-only attention
by their formulas, with explicit P.

    python tests/golden/make_style_goldens.py    # torch 2.13, diffusers 0.42.1, transformers 5.23; no network; a minute

Two images of one prompt are drawn beside each other, from the noise of seeds 3 and 4; image 0 goes its own way. In every
self-attention of image 1's rows, over its own tokens and then image 0's of the row of the same role,
    P = softmax(q [k, scale k_0]^T / sqrt(d) + [0, shift]),   found = P [v, v_0].
With `align` the own q and k (`values`: v, too) first take the mean and the deviation over tokens of image 0's, channel
by channel of each head (AdaIN; unbiased variance, eps 1e-5): StyleAligned's shared attention, with its
`shared_score_scale` and `shared_score_shift`. `fidelity` is reference-only's: the row of the negative prompt has
fidelity * plain + (1 - fidelity) * found. `strength` s is ours: s * found + (1 - s) * plain, in both rows; `layers` and
`steps` [first, last) say where and when. Form of the runs: method_runs.py. Names: README.md.
"""

import math

import torch

from families import PROMPTS
from make_component_goldens import HERE, load, normal
from method_runs import HEIGHT, SEED, STEPS, WIDTH, Steps, difference, finish, merged, out, require_effect, run, split

EPSILON = 1e-5
PLAIN = {"align": False, "values": False, "scale": 1.0, "shift": 0.0, "fidelity": 0.0, "strength": 1.0, "layers": "",
         "steps": [0, STEPS]}
ALIGNED = PLAIN | {"align": True}
CASES = {"aligned": ALIGNED, "values": ALIGNED | {"values": True},
         "scaled": ALIGNED | {"scale": 1.2, "shift": math.log(2)}, "quieter": PLAIN | {"scale": 0.8, "shift": -1.0},
         "reference": PLAIN, "fidelity": PLAIN | {"fidelity": 0.5}, "prompt": PLAIN | {"fidelity": 1.0},
         "placed": ALIGNED | {"strength": 0.6, "layers": "up_blocks.0", "steps": [2, 7]}}


def adain(x, style):
    """x [H, N, d] with the statistics of `style` over N."""
    def deviation(a):
        return (a.var(-2, keepdim=True) + EPSILON).sqrt()

    return (x - x.mean(-2, keepdim=True)) / deviation(x) * deviation(style) + style.mean(-2, keepdim=True)


class SharedAttention:
    """An attention of a batch of negative 0, negative 1, prompt 0, prompt 1."""

    def __init__(self, case, steps, shared):
        self.case, self.steps, self.shared = case, steps, shared

    def __call__(self, attn, x, encoder_hidden_states=None, attention_mask=None):
        context = x if encoder_hidden_states is None else encoder_hidden_states
        q, k, v = split(attn, attn.to_q(x)), split(attn, attn.to_k(context)), split(attn, attn.to_v(context))
        found = torch.softmax(q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5, -1) @ v
        first, last = self.case["steps"]
        if self.shared and first <= self.steps.now < last:
            for base in (0, 2):
                part = self.case["strength"] * (1 if base else 1 - self.case["fidelity"])
                found[base + 1] = part * self.beside(q, k, v, base) + (1 - part) * found[base + 1]
        return out(attn, merged(found))

    def beside(self, q, k, v, base):
        """What image 1's row finds in itself and in row `base`."""
        own_q, own_k, own_v = (x[base + 1] for x in (q, k, v))
        if self.case["align"]:
            own_q, own_k = adain(own_q, q[base]), adain(own_k, k[base])
        if self.case["values"]:
            own_v = adain(own_v, v[base])
        keys = torch.cat([own_k, self.case["scale"] * k[base]], -2)
        logits = own_q @ keys.transpose(-1, -2) * q.shape[-1] ** -0.5
        logits[..., own_k.shape[-2]:] += self.case["shift"]
        return torch.softmax(logits, -1) @ torch.cat([own_v, v[base]], -2)


def computed(pipe, case):
    steps, plain = Steps(pipe.unet), pipe.unet.attn_processors
    pipe.unet.set_attn_processor({name: SharedAttention(case, steps, ".attn1." in name and name.startswith(case["layers"]))
                                  for name in plain})
    latents = torch.cat([normal(seed, 1, 4, HEIGHT, WIDTH) for seed in (SEED, SEED + 1)])
    found = run(pipe, latents=latents, prompt=[PROMPTS[0]] * 2, guidance_scale=5.0)
    pipe.unet.set_attn_processor(plain)
    steps.hook.remove()
    return {"latents/9": found["latents/9"]}


def main():
    pipe = load(HERE / "models" / "sdxl")
    plain = computed(pipe, PLAIN | {"strength": 0.0})
    found = {name: computed(pipe, case) for name, case in CASES.items()}
    for name, one in found.items():
        assert difference(one["latents/9"][0], plain["latents/9"][0]) < 2e-6, f"{name}: image 0 has moved"
        require_effect(name, {"latents/9": one["latents/9"][1]}, {"latents/9": plain["latents/9"][1]})
    tensors = {f"{name}/{key}": x for name, one in (found | {"plain": plain}).items() for key, x in one.items()}
    finish("make_style_goldens.py", "style.safetensors", tensors, prompt=PROMPTS[0], runs=CASES)


if __name__ == "__main__":
    main()
