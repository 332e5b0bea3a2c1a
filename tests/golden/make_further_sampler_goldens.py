#!/usr/bin/env python3
"""Makes sampler_further.safetensors: what further samplers do with the network of make_sampler_goldens.py.

    pip install torch==2.13.0 diffusers==0.42.1 scipy safetensors k-diffusion==0.1.1.post1 (without its dependencies)
    python tests/golden/make_further_sampler_goldens.py

A key is compat/sampler/schedule/spacing/prediction/steps/eta/list: `list` holds timesteps, or sigmas behind "s", joined by
"_", or "-". Its tensors: t and sigma of every model call, x of the latent before and after every step. Diffusers' latents
are its schedulers', k-diffusion's (compat a1111) its samplers'. Those of compat comfy are this script's own: the formulas of
ComfyUI's samplers in float64, written from their description. Likewise A1111's `restart`: a step from which noise takes
x up again has it in its latent.
"""
import itertools
import math
import pathlib
import sys

import numpy as np
import torch
from safetensors.torch import save_file

import make_sampler_goldens as base
import diffusers

HERE = pathlib.Path(__file__).parent
NOISES = torch.randn(40, 1, 4, 3, 2, generator=torch.Generator().manual_seed(11))
GUIDANCE = 3
LCM_LIST = "999_749_499_249"
CLASSES = {
    "dpm_2": (diffusers.KDPM2DiscreteScheduler, {}),
    "dpm_2_a": (diffusers.KDPM2AncestralDiscreteScheduler, {}),
    "lms": (diffusers.LMSDiscreteScheduler, {}),
    "ddpm": (diffusers.DDPMScheduler, dict(clip_sample=False)),
    "pndm": (diffusers.PNDMScheduler, dict(skip_prk_steps=True, set_alpha_to_one=False)),
    "tcd": (diffusers.TCDScheduler, {}),
    "deis": (diffusers.DEISMultistepScheduler, {}),
}
CURVES = ["dpm_2", "dpm_2_a", "lms", "deis"]


def scheduler(name, schedule, spacing, prediction):
    cls, options = (CLASSES | base.SCHEDULERS)[name]
    options = dict(options, **base.BETAS, prediction_type=prediction)
    if name != "tcd":
        options["steps_offset"] = 1
    if spacing != "-":
        options["timestep_spacing"] = spacing
    if schedule != "model":
        options[f"use_{schedule}_sigmas"] = True
    return cls(**options)


def level_of(s, i, t):
    """Sigma of call i."""
    if isinstance(s, (diffusers.KDPM2DiscreteScheduler, diffusers.KDPM2AncestralDiscreteScheduler)):
        deterministic = isinstance(s, diffusers.KDPM2DiscreteScheduler)
        return float(s.sigmas[i] if i % 2 == 0 else s.sigmas_interpol[i if deterministic else i - 1])
    if hasattr(s, "sigmas"):
        return float(s.sigmas[i])
    a = float(s.alphas_cumprod[int(t)])
    return math.sqrt((1 - a) / a)


def run_diffusers(name, s, steps, eta, levels):
    bank = iter(NOISES)
    sys.modules[type(s).__module__].randn_tensor = lambda *a, **k: next(bank)
    if levels == "-":
        s.set_timesteps(steps)
    elif levels[0] == "s":
        s.set_timesteps(sigmas=[float(v) for v in levels[1:].split("_")] + [0.0])
    else:
        s.set_timesteps(timesteps=[int(v) for v in levels.split("_")])
    x = next(bank) * s.init_noise_sigma
    xs, ts, sigmas = [x], [], []
    extra = {} if eta == "-" else {"eta": float(eta)}
    pairs = name in ("dpm_2", "dpm_2_a")
    for i, t in enumerate(s.timesteps):
        ts.append(float(t))
        sigmas.append(level_of(s, i, t))
        scaled = s.scale_model_input(x, t)
        x = s.step(base.network(scaled, t), t, x, **extra).prev_sample
        first_half = (pairs and i % 2 == 0 or name == "pndm" and i == 0) and i + 1 < len(s.timesteps)
        if not first_half:
            xs.append(x)
    return ts, sigmas, xs


def diffusers_cases():
    for name in CLASSES:
        spacings = ["-"] if name == "tcd" else base.SPACINGS
        for spacing, prediction in itertools.product(spacings, ["epsilon", "v_prediction"]):
            yield name, "model", spacing, prediction, 10, "-", "-"
        for steps in [1, 2, 5, 16]:
            yield name, "model", spacings[-1], "epsilon", steps, "-", "-"
    for name, schedule in itertools.product(CURVES, ["karras", "exponential", "beta"]):
        yield name, schedule, "leading", "epsilon", 8, "-", "-"
    for eta in ["0", "1"]:
        yield "tcd", "model", "-", "epsilon", 6, eta, "-"
    yield "tcd", "model", "-", "epsilon", 4, "-", "999_700_499_120"
    yield "ddpm", "model", "leading", "epsilon", 4, "-", LCM_LIST
    yield "lcm", "model", "leading", "epsilon", 4, "-", LCM_LIST
    yield "euler", "model", "leading", "epsilon", 4, "-", LCM_LIST
    yield "dpmpp_2m", "model", "leading", "epsilon", 4, "-", LCM_LIST
    yield "euler", "model", "leading", "epsilon", 5, "-", "s14.6_6.3_3.77_1.342_0.5"
    yield "euler", "model", "trailing", "v_prediction", 3, "-", "s10.5_2.25_0.75"


def k_diffusion_cases(k):
    """(sampler, its function, eta) at the levels that A1111 gives it: of one more, without the last but one."""
    abar = base.scheduler("ddim").alphas_cumprod
    functions = {"dpmpp_2s_a": "dpmpp_2s_ancestral", "dpmpp_3m_sde": "dpmpp_3m_sde", "dpm_2": "dpm_2",
                 "dpm_2_a": "dpm_2_ancestral", "lms": "lms"}
    for ours, theirs in functions.items():
        random = ours not in ("dpm_2", "lms")
        for schedule, prediction, eta in itertools.product(
                ["linspace", "karras"], ["epsilon", "v_prediction"], ["-", "0.4"] if random else ["-"]):
            calls = []
            wrapper = k.external.DiscreteEpsDDPMDenoiser if prediction == "epsilon" else k.external.DiscreteVDDPMDenoiser

            class Denoiser(wrapper):
                def forward(self, x, sigma):
                    calls.append([0.0, float(sigma[0])])
                    return super().forward(x, sigma)

            def inner(x, t):
                calls[-1][0] = float(t[0])
                return base.network(x, t[0])

            model = Denoiser(inner, abar, quantize=False)
            steps = 9
            fewer = ours in ("dpm_2", "dpm_2_a", "dpmpp_3m_sde")
            n = steps + fewer
            sigmas = (model.get_sigmas(n) if schedule == "linspace" else
                      k.sampling.get_sigmas_karras(n, float(model.sigma_min), float(model.sigma_max)))
            if fewer:
                sigmas = torch.cat([sigmas[:-2], sigmas[-1:]])
            bank = iter(NOISES)
            x = next(bank) * sigmas[0]
            xs, extra = [], {} if eta == "-" else {"eta": float(eta)}
            if random:
                extra["noise_sampler"] = lambda *a: next(bank)
            last = getattr(k.sampling, f"sample_{theirs}")(model, x, sigmas, disable=True,
                                                           callback=lambda info: xs.append(info["x"]), **extra)
            yield f"a1111/{ours}/{schedule}/-/{prediction}/{steps}/{eta}/-", [c[0] for c in calls], [
                c[1] for c in calls], xs + [last]


def sigma_table():
    abar = base.scheduler("ddim").alphas_cumprod.double().numpy()
    return np.sqrt((1 - abar) / abar)


def karras(most, least, n):
    return (most ** (1 / 7) + np.linspace(0, 1, n) * (least ** (1 / 7) - most ** (1 / 7))) ** 7


def deis_weights(sigmas, i, order):
    """Of the last `order` slopes at step i: each one's polynomial in the time of DEIS, summed over 10,000 places."""
    low, high = math.log(0.002**2 + 1), math.log(80**2 + 1)
    slope = 2 * (low / 1e-3 - high) / (1e-3 - 1)
    start = high - slope / 2
    times = (np.sqrt(start**2 + 2 * slope * np.log(sigmas**2 + 1)) - start) / slope
    at = np.linspace(times[i], times[i + 1], 10_000)
    alpha = np.exp(-0.5 * slope * at**2 - start * at)
    speed = 0.5 * (slope * at + start) / np.sqrt(alpha * (1 - alpha))
    past = [times[i - k] for k in range(order)]
    return [sum(speed * math.prod((at - p) / (own - p) for p in past if p != own)) * (times[i + 1] - times[i]) / 10_000
            for own in past]


def restart_cases():
    table = sigma_table()

    def predicted(x, sigma):
        t = np.interp(math.log(sigma), np.log(table), np.arange(1000))
        return t, x - sigma * base.network(x / math.sqrt(sigma**2 + 1), t)

    for schedule, steps in [("karras", 8), ("linspace", 8), ("karras", 20), ("karras", 37)]:
        linspace = np.exp(np.interp(np.linspace(999, 0, steps), np.arange(1000), np.log(table)))
        down = karras(table[-1], table[0], steps) if schedule == "karras" else linspace
        times, each = (0, 0) if steps < 20 else (1, 9) if steps < 36 else (2, steps // 4)
        if times:
            down = karras(down[0], down[-1], steps - times * each)
        down = np.append(down, 0)
        ways = list(zip(down[:-1], down[1:]))
        if times:
            low, high = np.argmin(abs(down - 0.1)), np.argmin(abs(down - 2))
            again = karras(down[high], down[low], each + 1)
            ways[low:low] = list(zip(again[:-1], again[1:])) * times
        bank = iter(NOISES.double())
        x = next(bank) * down[0]
        xs, ts, sigmas, last = [], [], [], down[0]
        for s, end in ways:
            if last < s:
                x = x + math.sqrt(s**2 - last**2) * next(bank)
            xs.append(x)
            t, d = predicted(x, s)
            ts.append(t), sigmas.append(s)
            if end == 0:
                x = d
            else:
                t, d2 = predicted(x + (end - s) * (x - d) / s, end)
                ts.append(t), sigmas.append(end)
                x = x + (end - s) * ((x - d) / s + (x + (end - s) * (x - d) / s - d2) / end) / 2
            last = end
        yield f"a1111/restart/{schedule}/-/epsilon/{steps}/-/-", ts, sigmas, xs + [x]


def comfy_cases():
    table = sigma_table()

    def at(t):
        return np.exp(np.interp(t, np.arange(1000), np.log(table)))

    def levels(schedule, n):
        return np.append(at(np.linspace(999, 0, n)) if schedule == "linspace" else karras(table[-1], table[0], n), 0)

    def predicted(x, sigma, t, negative):
        e = base.network(x / math.sqrt(sigma**2 + 1), t)
        return x - sigma * (0.5 * e if negative else e)

    for name, schedule in itertools.product(["euler_cfg_pp", "dpmpp_2m_cfg_pp", "ipndm", "lms", "ddpm", "deis"],
                                            ["linspace", "karras"]):
        steps = 8
        sigmas = levels(schedule, steps)
        bank = iter(NOISES.double())
        first = float(sigmas[0])
        x = next(bank) * math.sqrt(1 + first**2)
        xs, ts, slopes, last = [x], [], [], None
        for i in range(steps):
            s, end = float(sigmas[i]), float(sigmas[i + 1])
            t = int(np.argmin(np.abs(np.log(table) - math.log(s))))
            ts.append(t)
            d, negative = predicted(x, s, t, False), predicted(x, s, t, True)
            if name.endswith("cfg_pp"):
                d = negative + GUIDANCE * (d - negative)
            slopes = [(x - d) / s] + slopes[:3]
            if end == 0:
                x = d
            elif name == "euler_cfg_pp":
                x = d + end * (x - negative) / s
            elif name == "dpmpp_2m_cfg_pp":
                h = math.log(s / end)
                new = d - math.exp(-h) * negative + math.exp(-h) * x
                if last is not None:
                    r = math.log(float(sigmas[i - 1]) / s) / h
                    new = new - math.expm1(-h) / (2 * r) * (d - last)
                x, last = new, negative
            elif name == "ipndm":
                weights = [[1], [1.5, -0.5], [23 / 12, -16 / 12, 5 / 12], [55 / 24, -59 / 24, 37 / 24, -9 / 24]]
                x = x + (end - s) * sum(w * v for w, v in zip(weights[len(slopes) - 1], slopes))
            elif name == "deis":
                order = min(3, len(slopes))
                weights = deis_weights(sigmas, i, order) if order > 1 else [end - s]
                x = x + sum(w * v for w, v in zip(weights, slopes))
            elif name == "lms":
                past = [float(sigmas[i - j]) for j in range(len(slopes))]
                for j, slope in enumerate(slopes):
                    others = past[:j] + past[j + 1:]
                    poly = np.poly1d(others, True) if others else np.poly1d([1.0])
                    area = poly.integ()(end) - poly.integ()(s)
                    x = x + area / math.prod(past[j] - o for o in others) * slope
            else:  # ddpm, in ComfyUI's own coordinates
                a, b = 1 / (1 + s * s), 1 / (1 + end * end)
                mean = math.sqrt(b / a) * (x * math.sqrt(a) - (1 - a / b) / math.sqrt(1 - a) * slopes[0])
                x = (mean + math.sqrt((1 - a / b) * (1 - b) / (1 - a)) * next(bank)) / math.sqrt(b)
            xs.append(x)
        yield f"comfy/{name}/{schedule}/-/epsilon/{steps}/-/-", ts, list(map(float, sigmas[:-1])), xs


def main():
    result = {"noises": NOISES}

    def keep(key, t, sigma, x):
        x = torch.cat(x).float()
        assert torch.isfinite(x).all(), key
        result.update({f"{key}/t": torch.tensor(t).float(), f"{key}/sigma": torch.tensor(sigma).float(), f"{key}/x": x})

    for case in diffusers_cases():
        name, schedule, spacing, prediction, steps, eta, levels = case
        s = scheduler(name, schedule, spacing, prediction)
        keep("diffusers/" + "/".join(map(str, case)), *run_diffusers(name, s, steps, eta, levels))
    site = pathlib.Path(diffusers.__file__).parent.parent
    for case in k_diffusion_cases(base.k_diffusion(site)):
        keep(*case)
    for case in restart_cases():
        keep(*case)
    for case in comfy_cases():
        keep(*case)
    save_file(result, HERE / "sampler_further.safetensors",
              {"script": "make_further_sampler_goldens.py", "torch": torch.__version__,
               "diffusers": diffusers.__version__, "k-diffusion": "0.1.1.post1"})
    print(len([k for k in result if k.endswith("/x")]))


if __name__ == "__main__":
    main()
