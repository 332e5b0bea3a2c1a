#!/usr/bin/env python3
"""Makes brownian.safetensors: the noise of k-diffusion's SDE samplers, and whole runs of them.

    pip install torch==2.13.0 torchsde==0.2.6 k-diffusion==0.1.1.post1 diffusers==0.42.1 (and scipy for the script it imports)
    python tests/golden/make_brownian_goldens.py

noise/SEED/N: BrownianTreeNoiseSampler's answers to the ways of N steps, `ways/N` holds them, in the order asked; a seed per
image behind "_". run/SAMPLER/SEED: x of a run (sample_SAMPLER) at the levels `levels`, whose first noise is torch's.
words/...: numpy's SeedSequence.
"""
import pathlib
import sys

import numpy as np
import torch
import torchsde
from safetensors.torch import save_file

import make_sampler_goldens as base

HERE = pathlib.Path(__file__).parent
SHAPE = (1, 4, 3, 4)
SEEDS = [0, 42, 2**32 + 5, 2**64 - 1]


def main():
    sys.modules["torchsde"] = torchsde
    import diffusers

    k = base.k_diffusion(pathlib.Path(diffusers.__file__).parent.parent)
    Sampler = k.sampling.BrownianTreeNoiseSampler
    result = {}
    for n in [2, 9, 30]:
        sigmas = k.sampling.get_sigmas_karras(n, 0.0291675, 14.614642)[:-1]
        ways = []
        for a, b in zip(sigmas[:-1], sigmas[1:]):
            ways += [(a, (a * b).sqrt()), (a, b)] if n == 9 else [(a, b)]
        result[f"ways/{n}"] = torch.tensor([[float(a), float(b)] for a, b in ways])
        result[f"levels/{n}"] = sigmas
        for seed in SEEDS if n == 9 else SEEDS[:2]:
            noise = Sampler(torch.zeros(SHAPE), sigmas.min(), sigmas.max(), seed=seed)
            result[f"noise/{seed}/{n}"] = torch.cat([noise(a, b) for a, b in ways])
    noise = Sampler(torch.zeros(2, *SHAPE[1:]), sigmas.min(), sigmas.max(), seed=[7, 8])
    result["noise/7_8/30"] = torch.stack([noise(a, b) for a, b in ways])

    abar = base.scheduler("ddim").alphas_cumprod
    model = k.external.DiscreteEpsDDPMDenoiser(lambda x, t: base.network(x, t[0]), abar, quantize=False)
    levels = torch.cat([result["levels/9"], torch.zeros(1)])
    for name in ["dpmpp_sde", "dpmpp_2m_sde", "dpmpp_3m_sde"]:
        for seed in [3, 4]:
            x = torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed)) * levels[0]
            tree = Sampler(x, levels[:-1].min(), levels.max(), seed=seed)
            xs = []
            last = getattr(k.sampling, f"sample_{name}")(model, x, levels, disable=True, noise_sampler=tree,
                                                         callback=lambda info: xs.append(info["x"]))
            result[f"run/{name}/{seed}"] = torch.cat(xs + [last])
    for entropy, key in [(0, ()), (0, (0, 0)), (42, (5, 3)), (2**64 - 1, (2**33 + 1, 34)), (2**32, (7, 2))]:
        words = np.random.SeedSequence(entropy=entropy, spawn_key=key, pool_size=24).generate_state(4)
        result["words/" + "_".join(map(str, [entropy, *key]))] = torch.from_numpy(words.astype(np.int64))
    save_file(result, HERE / "brownian.safetensors", {"script": "make_brownian_goldens.py", "torch": torch.__version__,
                                                      "torchsde": "0.2.6", "k-diffusion": "0.1.1.post1"})


if __name__ == "__main__":
    main()
