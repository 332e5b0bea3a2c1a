"""Writes tests/golden/guidance.safetensors: what shapes guidance, on arrays, and FreeU's two versions.

    python tests/golden/make_guidance_goldens.py   # torch 2.13, diffusers 0.42.1, kornia 0.9; no network; seconds

By Diffusers' guiders: rescale, CFG-Zero*, TCFG, APG (with momentum over three calls), frequency-decoupled guidance (its
pyramid is kornia's); by its apply_freeu: FreeU version 1; by StableDiffusionSAGPipeline's own functions: the degraded
latents of self-attention guidance. Whole runs (method_runs.py) of that pipeline, by DDIM, and of FreeU, by Euler. By the formulas of their authors' published code, in float64: skimmed CFG, dynamic
thresholding, FreeU version 2. c and u are what a network says of two images: correlated, with means that are not 0.
Names: README.md.
"""

import torch
from diffusers import DDIMScheduler, StableDiffusionSAGPipeline, guiders
from diffusers.guiders.guider_utils import rescale_noise_cfg
from diffusers.pipelines.deprecated.stable_diffusion_sag.pipeline_stable_diffusion_sag import gaussian_blur_2d
from diffusers.utils.torch_utils import apply_freeu

from families import PROMPTS
from make_component_goldens import HERE, load, normal
from method_runs import STEPS, finish, noise, require_effect, run

SCALE = 7.5
SKIMS = {"single": (4.0, False, True), "full_negative": (4.0, True, True), "unfiltered": (2.0, False, False)}
THRESHOLDS = {"largest": (4.0, 1.0, 1.0), "percentile": (4.0, 0.95, 1.0), "half": (7.0, 0.99, 0.5)}
APGS = {"paper": (0.0, 15.0, -0.5), "short": (0.25, 4.0, 0.0), "free": (0.0, 0.0, -0.75)}
BANDS = {"usual": (5.0, 10.0), "low": (2.0, 12.0)}


def guider(kind, **options):
    one = kind(guidance_scale=SCALE, **options)
    one.set_state(step=1, num_inference_steps=10, timestep=torch.tensor(500))
    return one


def of_guiders(c, u):
    rescaled = rescale_noise_cfg(u + SCALE * (c - u), c, 0.7)
    zero_star = guider(guiders.ClassifierFreeZeroStarGuidance)(pred_of(c, u)).pred
    tangential = guider(guiders.TangentialClassifierFreeGuidance)(pred_of(c, u)).pred
    return {"rescaled": rescaled, "zero_star": zero_star, "tangential": tangential}


def pred_of(c, u):
    """As BaseGuidance.__call__ takes them."""
    from diffusers.modular_pipelines.modular_pipeline import BlockState

    return [BlockState(noise_pred=p, **{guiders.guider_utils.BaseGuidance._identifier_key: name})
            for name, p in (("pred_cond", c), ("pred_uncond", u))]


def projected(pairs, parallel, limit, momentum):
    """The sums of calls that follow each other."""
    apg = guider(guiders.AdaptiveProjectedGuidance, eta=parallel, adaptive_projected_guidance_rescale=limit,
                 adaptive_projected_guidance_momentum=momentum)
    from diffusers.guiders.adaptive_projected_guidance import MomentumBuffer

    apg.momentum_buffer = MomentumBuffer(momentum)
    return [apg(pred_of(c, u)).pred for c, u in pairs]


def by_frequency(c, u, low, high):
    fdg = guiders.FrequencyDecoupledGuidance(guidance_scales=[high, low])
    fdg.set_state(step=1, num_inference_steps=10, timestep=torch.tensor(500))
    return fdg(pred_of(c, u)).pred


def skimmed(a, b, x, w, scale, unfiltered):
    d = b + w * (a - b)
    far = (torch.sign(a - b) == torch.sign(a)) & (torch.sign(a) == torch.sign(a * w - b * (w - 1)))
    if not unfiltered:
        far &= torch.sign(d) == torch.sign(d - x)
    return torch.where(far, a - (d - (b + scale * (a - b))) / w, a), far


def skimmed_sum(c, u, x, scale, full_negative, filtered):
    u, far_u = skimmed(u, c, x, SCALE, 0 if full_negative else scale, not filtered)
    c, far_c = skimmed(c, u, x, SCALE - 1, scale, not filtered)
    print(f"  skimmed: {far_u.double().mean():.2f} and {far_c.double().mean():.2f} of the numbers")
    return u + SCALE * (c - u)


def thresholded(c, u, mimic, percentile, strength):
    def centered(x):
        x = x.flatten(2)
        return x - x.mean(2, keepdim=True), x.mean(2, keepdim=True)

    target, (mim, _) = u + SCALE * (c - u), centered(u + mimic * (c - u))
    cfg, mean = centered(target)
    largest = mim.abs().amax(2, keepdim=True)
    most = torch.maximum(largest, torch.quantile(cfg.abs(), percentile, dim=2, keepdim=True))
    made = (cfg.clamp(-most, most) / most * largest + mean).reshape(c.shape)
    return strength * made + (1 - strength) * target


def freeu_2(h, skip, b, s):
    mean = h.mean(1, keepdim=True)
    low, high = mean.amin((1, 2, 3), keepdim=True), mean.amax((1, 2, 3), keepdim=True)
    h = h.clone()
    half = h.shape[1] // 2
    h[:, :half] *= (b - 1) * (mean - low) / (high - low) + 1
    frequencies = torch.fft.fftshift(torch.fft.fftn(skip, dim=(-2, -1)), dim=(-2, -1))
    y, x = skip.shape[2] // 2, skip.shape[3] // 2
    frequencies[..., y - 1:y + 1, x - 1:x + 1] *= s
    return h, torch.fft.ifftn(torch.fft.ifftshift(frequencies, dim=(-2, -1)), dim=(-2, -1)).real


def degraded(x0, looked_at, shape):
    """As sag_masking, before its noise: maps become masks by the sums of their columns."""
    mask = (looked_at > 1.0).reshape(x0.shape[0], 1, *shape).repeat(1, x0.shape[1], 1, 1).to(x0.dtype)
    mask = torch.nn.functional.interpolate(mask, x0.shape[-2:])
    return gaussian_blur_2d(x0, kernel_size=9, sigma=1.0) * mask + x0 * (1 - mask)


RUNS = {"sag": ("sd1", 5.0, {"sag_scale": 0.75}), "sag_no_cfg": ("sd1", 1.0, {"sag_scale": 1.5}),
        "freeu_sd1": ("sd1", 5.0, {}), "freeu_sdxl": ("sdxl", 5.0, {})}
FREEU = {"b1": 1.3, "b2": 1.4, "s1": 0.9, "s2": 0.2}


def runs():
    found = {}
    for name, (family, cfg, more) in RUNS.items():
        pipe = load(HERE / "models" / family)
        if more:
            pipe = StableDiffusionSAGPipeline(**pipe.components, requires_safety_checker=False)
            pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config)
            pipe.set_progress_bar_config(disable=True)
        plain = run(pipe, prompt=PROMPTS[0], guidance_scale=cfg, **{key: 0.0 for key in more})
        if not more:
            pipe.enable_freeu(**FREEU)
        one = run(pipe, prompt=PROMPTS[0], guidance_scale=cfg, **more)
        require_effect(name, one, plain)
        found[f"run/{name}"] = one[f"latents/{STEPS - 1}"]
    return found


def main():
    tensors = {"noise": noise()} | runs()
    for name, size in {"square": (8, 8), "wide": (4, 10)}.items():
        u = normal(1, 2, 4, *size) + 0.2
        pairs = [(u + 0.4 * normal(2 + i, 2, 4, *size) + 0.05, u + 0.1 * i) for i in range(3)]
        c, u = pairs[0]
        x = 2 * normal(9, 2, 4, *size)
        made = {"c": c, "u": u, "x": x} | of_guiders(c, u)
        for i, (later_c, later_u) in enumerate(pairs[1:], 1):
            made |= {f"c/{i}": later_c, f"u/{i}": later_u}
        for case, numbers in APGS.items():
            made |= {f"projected/{case}/{i}": one for i, one in enumerate(projected(pairs, *numbers))}
        made |= {f"frequency/{case}": by_frequency(c, u, *numbers) for case, numbers in BANDS.items()}
        exact = [t.double() for t in (c, u, x)]
        made |= {f"skimmed/{case}": skimmed_sum(*exact, *numbers) for case, numbers in SKIMS.items()}
        made |= {f"thresholded/{case}": thresholded(*exact[:2], *numbers) for case, numbers in THRESHOLDS.items()}
        tensors |= {f"{name}/{key}": tensor.contiguous().float() for key, tensor in made.items()}
    for name, size in {"even": (8, 6), "odd": (7, 5), "line": (1, 6)}.items():
        h, skip = normal(11, 2, 6, *size) + 0.5, normal(12, 2, 4, *size) + 0.3
        one = apply_freeu(0, h.clone(), skip.clone(), b1=1.4, s1=0.6, b2=1, s2=1)
        two = freeu_2(h.double(), skip.double(), 1.4, 0.6)
        made = {"h": h, "skip": skip, "1/h": one[0], "1/skip": one[1], "2/h": two[0], "2/skip": two[1]}
        tensors |= {f"freeu/{name}/{key}": tensor.contiguous().float() for key, tensor in made.items()}
    looked_at = 1 + 0.5 * normal(13, 2, 4 * 6)
    x0 = normal(14, 2, 4, 15, 24)
    tensors |= {"degraded/looked_at": looked_at, "degraded/x0": x0, "degraded/out": degraded(x0, looked_at, (4, 6))}
    finish("make_guidance_goldens.py", "guidance.safetensors", tensors, guidance=SCALE, skims=SKIMS,
           thresholds=THRESHOLDS, apgs=APGS, bands=BANDS, runs=RUNS, freeu=FREEU)


if __name__ == "__main__":
    main()
