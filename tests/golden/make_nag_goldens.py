"""Writes tests/golden/nag.safetensors: normalized attention guidance (NAG, arXiv 2505.21179) by an own processor.

    python tests/golden/make_nag_goldens.py      # torch 2.13, diffusers 0.42.1, transformers 5.23; no network; a minute

In cross-attention (attn2) of the conditional row, with the same queries: z+ = attention to the prompt, z- = attention
to the negative text, heads merged, before to_out. Then per token, with L1 norms over all channels,
    z~ = z+ + scale (z+ - z-),  r = |z~| / |z+|,  z^ = z~ min(r, tau) / r,  out = to_out(alpha z^ + (1 - alpha) z+).
The paper's phi is 1 + scale. A token with z+ = 0 gives 0, as the authors' code does (its NaN becomes r = 10 there, and
its divisor |z~| + 1e-7 where it clamps moves nothing here beyond 1e-6). SDXL keeps the prompt's pooled text. With CFG
the unconditional row is left alone, whatever its own negative prompt.

`op/...` is the same formula on given z+ and z-, in float64. Form of the runs: method_runs.py. Names: README.md.
"""

import torch

from families import PROMPTS
from make_component_goldens import DTYPE, HERE, encode, load
from method_runs import Steps, finish, merged, noise, out, require_effect, run, softmax, split

NEGATIVE = "blue, blurry"
PLAIN = {"cfg": 1.0, "scale": 2.0, "tau": 2.5, "alpha": 0.5, "steps": [0, 10], "where": ""}
# Not larger with a larger alpha: layer upon layer, (1 + scale) alpha is how much the rounding errors grow.
CASES = {"default": PLAIN, "large": PLAIN | {"scale": 12.0, "tau": 1.5, "alpha": 0.25},
         "window": PLAIN | {"steps": [2, 7]}, "where": PLAIN | {"scale": 4.0, "where": "up_blocks.1"},
         "cfg": PLAIN | {"cfg": 5.0}}
OPS = {"default": (2.0, 2.5, 0.5), "large": (12.0, 1.5, 0.25), "small_tau": (2.0, 0.5, 1.0), "nothing": (0.0, 2.5, 0.5)}


def normalized(positive, negative, scale, tau, alpha):
    """(out, which tokens were clamped); [..., N, C] before to_out."""
    guided = positive + scale * (positive - negative)
    norm, length = positive.abs().sum(-1, keepdim=True), guided.abs().sum(-1, keepdim=True)
    clamped = length > tau * norm
    guided = torch.where(clamped, guided / length * tau * norm, guided)
    return alpha * guided + (1 - alpha) * positive, clamped


class NormalizedGuidance:
    """attn2 of a batch whose last row is the conditional one."""

    def __init__(self, negative, case, steps):
        self.negative, self.case, self.steps = negative, case, steps
        self.tokens = self.clamped = 0

    def __call__(self, attn, x, encoder_hidden_states, attention_mask=None):
        q, context = split(attn, attn.to_q(x)), encoder_hidden_states

        def attend(q, context):
            return merged(softmax(q, split(attn, attn.to_k(context))) @ split(attn, attn.to_v(context)))

        z = attend(q, context)
        if self.case["steps"][0] <= self.steps.now < self.case["steps"][1]:
            new, clamped = normalized(z[-1:], attend(q[-1:], self.negative),
                                      *(self.case[name] for name in ("scale", "tau", "alpha")))
            z = torch.cat([z[:-1], new])
            self.tokens += clamped.numel()
            self.clamped += clamped.sum().item()
        return out(attn, z)


def computed(pipe, case):
    steps, plain = Steps(pipe.unet), pipe.unet.attn_processors
    guidance = NormalizedGuidance(encode(pipe, NEGATIVE)[0], case, steps)
    pipe.unet.set_attn_processor({name: guidance if "attn2" in name and case["where"] in name else processor
                                  for name, processor in plain.items()})
    found = run(pipe, prompt=PROMPTS[0], guidance_scale=case["cfg"])
    pipe.unet.set_attn_processor(plain)
    steps.hook.remove()
    return found, {"tokens": guidance.tokens, "clamped": guidance.clamped}


def ops():
    """The last three tokens: z+ = 0; z+ = z- = 0; z+ = z-."""
    positive, negative = torch.randn(2, 12, 8, generator=torch.Generator().manual_seed(11))
    negative = positive + 0.5 * negative
    positive[-3:-1], negative[-2], negative[-1] = 0, 0, positive[-1]
    tensors = {"op/positive": positive, "op/negative": negative}
    for name, case in OPS.items():
        answer, clamped = normalized(positive.double(), negative.double(), *case)
        print(f"  op {name}: {clamped.sum()} of {clamped.numel()} tokens clamped")
        tensors[f"op/{name}/out"] = answer.to(DTYPE)
    return tensors


def main():
    tensors, runs = {"noise": noise()} | ops(), {}
    for family in ("sd1", "sdxl"):
        pipe = load(HERE / "models" / family)
        tensors[f"{family}/negative"] = encode(pipe, NEGATIVE)[0]
        plain = {cfg: run(pipe, prompt=PROMPTS[0], guidance_scale=cfg) for cfg in (1.0, 5.0)}
        tensors |= {f"{family}/plain/{key}": x for key, x in plain[1.0].items()}
        tensors |= {f"{family}/plain_cfg/{key}": x for key, x in plain[5.0].items()}
        runs[family] = {}
        for name, case in CASES.items():
            found, counts = computed(pipe, case)
            require_effect(f"{family} {name} ({counts['clamped']} of {counts['tokens']} tokens clamped)", found,
                           plain[case["cfg"]])
            tensors |= {f"{family}/{name}/{key}": x for key, x in found.items()}
            runs[family][name] = case | counts
        tensors |= {"timesteps": pipe.scheduler.timesteps, "sigmas": pipe.scheduler.sigmas}
    finish("make_nag_goldens.py", "nag.safetensors", tensors, prompt=PROMPTS[0], negative=NEGATIVE, runs=runs, ops=OPS)


if __name__ == "__main__":
    main()
