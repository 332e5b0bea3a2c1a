#!/usr/bin/env python3
"""Makes sampler_diffusers.safetensors, sampler_options.safetensors and, given k-diffusion, sampler_k_diffusion.safetensors:
what the reference samplers do with a network that both sides can write in a line.

    pip install torch==2.13.0 diffusers==0.42.1 scipy==1.17.1 safetensors==0.8.0
    pip download --no-deps k-diffusion==0.1.1.post1 && unzip -d KDIFF k_diffusion-*.whl
    python tests/golden/make_sampler_goldens.py KDIFF

A trajectory's key is sampler/schedule/spacing/prediction/snr/steps/eta. Its tensors: t and sigma of every model call,
x of the latent before and after every step in the reference's own coordinates. Noises are drawn from `noises` in
order; number 0 is the first latent. In sampler_options.safetensors a key is a number, and the metadata of that name
holds {"sampler", "steps", "eta", "config": what Diffusers writes as scheduler_config.json}.
"""
import importlib.util
import itertools
import json
import math
import pathlib
import sys
import types

import numpy as np
import scipy.stats
import torch
from safetensors.torch import save_file

import diffusers

sys.modules["torchsde"] = types.ModuleType("torchsde")  # its Brownian tree is replaced by given noise
from diffusers.schedulers import scheduling_dpmsolver_sde

HERE = pathlib.Path(__file__).parent
torch.set_num_threads(1)
NOISES = torch.randn(64, 1, 4, 6, 5, generator=torch.Generator().manual_seed(7))
BETAS = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
SPACINGS = ["linspace", "leading", "trailing"]
DPM = diffusers.DPMSolverMultistepScheduler
SCHEDULERS = {
    "euler": (diffusers.EulerDiscreteScheduler, {}),
    "euler_a": (diffusers.EulerAncestralDiscreteScheduler, {}),
    "heun": (diffusers.HeunDiscreteScheduler, {}),
    "ddim": (diffusers.DDIMScheduler, dict(clip_sample=False, set_alpha_to_one=False)),
    "dpmpp_2m": (DPM, dict(algorithm_type="dpmsolver++")),
    "dpmpp_2m_sde": (DPM, dict(algorithm_type="sde-dpmsolver++")),
    "dpmpp_sde": (scheduling_dpmsolver_sde.DPMSolverSDEScheduler, {}),
    "unipc": (diffusers.UniPCMultistepScheduler, dict(solver_type="bh2")),
    "lcm": (diffusers.LCMScheduler, {}),
}
ZERO_SNR = ["euler", "euler_a", "ddim", "dpmpp_2m", "dpmpp_2m_sde", "unipc", "lcm"]
CURVES = ["euler", "heun", "dpmpp_sde", "dpmpp_2m", "dpmpp_2m_sde", "unipc"]


def network(x, t):
    return 0.6 * x + 0.3 * torch.sin(3 * x) + 0.2 * math.cos(float(t) / 100)


class Brownian:
    """Two noises per step as one Brownian motion gives them, from independent ones."""

    def __init__(self, bank):
        self.bank, self.first = bank, None

    def __call__(self, sigma, sigma_next):
        sigma, sigma_next = float(sigma), float(sigma_next)
        if self.first is None:
            self.first, self.middle = next(self.bank), sigma_next
            return self.first
        shared = math.sqrt((sigma - self.middle) / (sigma - sigma_next))
        noise = shared * self.first + math.sqrt(1 - shared**2) * next(self.bank)
        self.first = None
        return noise


def scheduler(sampler, schedule="model", spacing="leading", prediction="epsilon", zero_snr=False):
    cls, options = SCHEDULERS[sampler]
    options = dict(options, **BETAS, steps_offset=1, prediction_type=prediction, timestep_spacing=spacing)
    if schedule != "model":
        options[f"use_{schedule}_sigmas"] = True
    if zero_snr:
        options["rescale_betas_zero_snr"] = True
    return cls(**options)


def sigma_of(s, i, t):
    if getattr(s, "mid_point_sigma", None) is not None:
        return float(s.mid_point_sigma)
    if hasattr(s, "sigmas"):
        return float(s.sigmas[i])
    a = max(float(s.alphas_cumprod[int(t)]), 2.0**-24)
    return math.sqrt((1 - a) / a)


def run_diffusers(s, steps, eta):
    bank = iter(NOISES)
    sys.modules[type(s).__module__].randn_tensor = lambda *a, **k: next(bank)
    s.set_timesteps(steps)
    if hasattr(s, "noise_sampler"):
        s.noise_sampler = Brownian(bank)
    x = next(bank) * s.init_noise_sigma
    xs, ts, sigmas = [x], [], []
    extra = {} if eta == "-" else {"eta": float(eta)}
    two = s.order == 2
    for i, t in enumerate(s.timesteps):
        ts.append(float(t))
        scaled = s.scale_model_input(x, t)
        sigmas.append(sigma_of(s, i, t))
        x = s.step(network(scaled, t), t, x, **extra).prev_sample
        if not two or i % 2 == 1 or i + 1 == len(s.timesteps):
            xs.append(x)
    return dict(t=torch.tensor(ts), sigma=torch.tensor(sigmas), x=torch.cat(xs).float())


def diffusers_cases():
    for name in SCHEDULERS:
        for spacing, prediction in itertools.product(SPACINGS, ["epsilon", "v_prediction"]):
            if name != "lcm" or spacing == "leading":
                yield name, "model", spacing, prediction, "plain", 10, "-"
        for steps in [1, 2, 5, 20, 25]:
            yield name, "model", "leading", "epsilon", "plain", steps, "-"
        for steps in [1, 14, 16]:
            if name != "lcm":
                yield name, "model", "trailing", "epsilon", "plain", steps, "-"
    for name, schedule in itertools.product(CURVES, ["karras", "exponential", "beta"]):
        yield name, schedule, "leading", "epsilon", "plain", 10, "-"
    for name, schedule in itertools.product(["euler", "heun", "dpmpp_sde"], ["karras", "exponential", "beta"]):
        yield name, schedule, "trailing", "epsilon", "plain", 7, "-"
    for name in ZERO_SNR:
        for spacing in ["trailing", "leading"] if name != "lcm" else ["leading"]:
            yield name, "model", spacing, "v_prediction", "zero", 10, "-"
    for spacing, eta in itertools.product(SPACINGS, ["0.5", "1"]):
        yield "ddim", "model", spacing, "epsilon", "plain", 10, eta
    yield "ddim", "model", "trailing", "epsilon", "plain", 30, "0.5"


def option_cases():
    """(sampler, steps, eta, options of the scheduler's config) where an option changes the numbers."""
    clip = dict(clip_sample=True, set_alpha_to_one=True)
    yield "ddim", 10, "-", clip
    yield "ddim", 10, "0.5", dict(clip, clip_sample_range=0.5, prediction_type="v_prediction")
    yield "heun", 6, "-", dict(clip_sample=True, clip_sample_range=0.8)
    yield "lcm", 4, "-", dict(clip_sample=True)
    yield "lcm", 4, "-", dict(original_inference_steps=25)
    yield "lcm", 8, "-", dict(original_inference_steps=100)
    yield "lcm", 4, "-", dict(timestep_scaling=0.002)
    for steps in [10, 16]:
        for order in [1, 3]:
            yield "dpmpp_2m", steps, "-", dict(solver_order=order)
            yield "unipc", steps, "-", dict(solver_order=order)
        yield "dpmpp_2m", steps, "-", dict(solver_order=3, lower_order_final=False)
        yield "unipc", steps, "-", dict(solver_order=3, lower_order_final=True, solver_type="bh1")
    yield "unipc", 10, "-", dict(lower_order_final=False)
    yield "dpmpp_2m", 10, "-", dict(solver_type="heun")
    yield "dpmpp_2m", 10, "-", dict(solver_type="bh2", euler_at_final=True)
    yield "dpmpp_2m", 12, "-", dict(solver_order=3, use_karras_sigmas=True)
    yield "dpmpp_2m_sde", 10, "-", dict(solver_type="heun")
    yield "dpmpp_2m_sde", 10, "-", dict(solver_order=1)
    for spacing in SPACINGS:
        yield "unipc", 10, "-", dict(solver_type="bh1", timestep_spacing=spacing)
    yield "unipc", 10, "-", dict(solver_type="bh1", use_karras_sigmas=True, prediction_type="v_prediction")
    yield "unipc", 10, "-", dict(solver_type="midpoint", use_exponential_sigmas=True)
    yield "unipc", 10, "-", dict(disable_corrector=[0, 1, 5])
    yield "unipc", 10, "-", dict(disable_corrector=list(range(10)), solver_order=1)
    yield "euler", 10, "-", dict(use_beta_sigmas=True)
    # A config that was another scheduler's: this one has no such curve.
    yield "euler_a", 10, "-", dict(use_karras_sigmas=True)


def option_trajectories():
    tensors, metadata = {}, {}
    for i, (name, steps, eta, options) in enumerate(option_cases()):
        cls, plain = SCHEDULERS[name]
        s = cls.from_config({**plain, **BETAS, "steps_offset": 1, **options})
        run = run_diffusers(s, steps, eta)
        if options.get("solver_type") == "bh1" or (name == "unipc" and not s.config.lower_order_final):
            run["x"] = run["x"][:-1]  # towards sigma 0 Diffusers multiplies 0 by infinity
        for key, value in run.items():
            assert torch.isfinite(value).all(), (name, options)
            tensors[f"{i}/{key}"] = value
        # JSON has no infinity (lambda_min_clipped).
        config = {k: v for k, v in s.config.items() if v != -math.inf and not k.startswith("_use_default")}
        config |= {k: v for k, v in options.items() if k not in config} | {"_class_name": cls.__name__}
        metadata[str(i)] = json.dumps({"sampler": name, "steps": steps, "eta": eta, "config": config})
    return tensors, metadata


def timestep_sums():
    """For every step count the sum of (i + 1) t_i; -1: Diffusers appends a step at t = -1 (a rounding error there);
    -2: it repeats a level or leaves the table, which we refuse."""
    result = {}
    for name, spacing in itertools.product(["euler", "ddim", "unipc"], SPACINGS):
        if (name, spacing) == ("euler", "linspace"):
            continue  # not whole numbers
        sums = []
        for steps in range(1, 1001):
            s = scheduler(name, spacing=spacing)
            s.set_timesteps(steps)
            t = s.timesteps.double().numpy()
            falls = np.all(np.diff(t) < 0) and t[0] <= 999
            total = int(round(float(np.sum(t * np.arange(1, len(t) + 1)))))
            sums.append(-1 if len(t) != steps else total if falls else -2)
        result[f"timesteps/{name}/{spacing}"] = torch.tensor(sums)
    sums = []
    for steps in range(1, 51):
        s = scheduler("lcm")
        s.set_timesteps(steps)
        sums.append(int((s.timesteps * torch.arange(1, steps + 1)).sum()))
    result["timesteps/lcm/leading"] = torch.tensor(sums)
    return result


def training_tables():
    def euler(schedule, start=0.00085, end=0.012, **kw):
        return diffusers.DDIMScheduler(beta_start=start, beta_end=end, beta_schedule=schedule, **kw).alphas_cumprod

    return {
        "alphas_cumprod/scaled_linear": euler("scaled_linear"),
        "alphas_cumprod/linear": euler("linear", 0.0001, 0.02),
        "alphas_cumprod/squaredcos_cap_v2": euler("squaredcos_cap_v2"),
        "alphas_cumprod/zero_snr": euler("scaled_linear", rescale_betas_zero_snr=True),
    }


def k_diffusion(folder):
    """sampling.py and external.py alone: the package's __init__ wants much that sampling does not use."""
    package = types.ModuleType("k_diffusion")
    package.__path__ = []
    utils = types.ModuleType("k_diffusion.utils")
    utils.append_dims = lambda x, n: x[(...,) + (None,) * (n - x.ndim)]
    package.utils = utils
    ode = types.ModuleType("torchdiffeq")
    ode.odeint = None
    sys.modules.update({"k_diffusion": package, "k_diffusion.utils": utils, "torchdiffeq": ode})
    for name in ["sampling", "external"]:
        spec = importlib.util.spec_from_file_location(f"k_diffusion.{name}", f"{folder}/k_diffusion/{name}.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        setattr(package, name, module)
        spec.loader.exec_module(module)
    return package


def k_diffusion_trajectories(k):
    abar = scheduler("ddim").alphas_cumprod
    names = {"euler": "euler", "euler_a": "euler_ancestral", "heun": "heun", "dpmpp_2m": "dpmpp_2m",
             "dpmpp_2m_sde": "dpmpp_2m_sde", "dpmpp_sde": "dpmpp_sde"}
    etas = {"euler_a": ["-", "0.5"], "dpmpp_2m_sde": ["-", "0.3"], "dpmpp_sde": ["-", "0.6"]}
    result = {}
    for ours, theirs in names.items():
        for schedule, prediction, eta in itertools.product(
                ["linspace", "karras", "exponential"], ["epsilon", "v_prediction"], etas.get(ours, ["-"])):
            wrapper = k.external.DiscreteEpsDDPMDenoiser if prediction == "epsilon" else k.external.DiscreteVDDPMDenoiser
            calls = []

            def inner(x, t):
                calls.append((float(t[0]), float(sigma_now[0])))
                return network(x, t[0])

            class Denoiser(wrapper):
                def forward(self, x, sigma):
                    sigma_now[0] = sigma[0]
                    return super().forward(x, sigma)

            sigma_now = [0.0]
            model = Denoiser(inner, abar, quantize=False)
            ends = (float(model.sigma_min), float(model.sigma_max))
            steps = 10
            sigmas = (model.get_sigmas(steps) if schedule == "linspace"
                      else getattr(k.sampling, f"get_sigmas_{schedule}")(steps, *ends))
            bank = iter(NOISES)
            x = next(bank) * sigmas[0]
            xs, extra = [], {} if eta == "-" else {"eta": float(eta)}
            if ours in etas:
                extra["noise_sampler"] = Brownian(bank) if ours == "dpmpp_sde" else lambda *a: next(bank)
            last = getattr(k.sampling, f"sample_{theirs}")(
                model, x, sigmas, disable=True, callback=lambda info: xs.append(info["x"]), **extra)
            key = f"{ours}/{schedule}/-/{prediction}/plain/{steps}/{eta}"
            result[f"{key}/t"] = torch.tensor([c[0] for c in calls])
            result[f"{key}/sigma"] = torch.tensor([c[1] for c in calls])
            result[f"{key}/x"] = torch.cat(xs + [last])
    return result


def comfy_and_a1111_schedules():
    """ComfyUI's and A1111's lists of levels, written from their formulas in float64."""
    abar = scheduler("ddim").alphas_cumprod.double().numpy()
    table = np.sqrt((1 - abar) / abar)
    at = lambda t: np.exp(np.interp(t, np.arange(1000), np.log(table)))
    low, high = table[0], table[-1]
    ays = {"ays": [14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029],
           "ays_sdxl": [14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.380, 0.234, 0.113, 0.029]}

    def log_linear(levels, n):
        return np.exp(np.interp(np.linspace(0, 1, n), np.linspace(0, 1, len(levels)), np.log(levels[::-1])))[::-1]

    def levels(tool, name, n):
        if name == "linspace":
            return at(np.linspace(999, 0, n))
        if name == "sgm_uniform":
            return at(np.linspace(999, 0, n + 1)[:-1])
        if name == "simple":
            return np.array([table[-(1 + int(x * (1000 / n)))] for x in range(n)])
        if name == "leading":  # ddim_uniform
            return table[1::1000 // n][::-1]
        if name == "karras":
            ramp = np.linspace(0, 1, n)
            return (high ** (1 / 7) + ramp * (low ** (1 / 7) - high ** (1 / 7))) ** 7
        if name == "exponential":
            return np.exp(np.linspace(np.log(high), np.log(low), n))
        if name == "beta" and tool == "comfy":
            t = np.rint(scipy.stats.beta.ppf(1 - np.linspace(0, 1, n, endpoint=False), 0.6, 0.6) * 999).astype(int)
            return table[np.array([v for i, v in enumerate(t) if i == 0 or v != t[i - 1]])]
        if name == "beta":
            return low + scipy.stats.beta.ppf(1 - np.linspace(0, 1, n), 0.6, 0.6) * (high - low)
        return log_linear(ays[name], n) if tool == "a1111" else log_linear(ays[name], n + 1)[:-1]

    result = {}
    names = ["linspace", "sgm_uniform", "simple", "leading", "karras", "exponential", "beta", *ays]
    for tool, name, n in itertools.product(["comfy", "a1111"], names, [2, 10, 20, 50, 200]):
        result[f"levels/{tool}/{name}/{n}"] = torch.from_numpy(np.ascontiguousarray(levels(tool, name, n))).float()
    return result


def main():
    result = {"noises": NOISES, **training_tables(), **timestep_sums()}
    for case in diffusers_cases():
        name, schedule, spacing, prediction, snr, steps, eta = case
        s = scheduler(name, schedule, spacing, prediction, snr == "zero")
        for key, value in run_diffusers(s, steps, eta).items():
            assert torch.isfinite(value).all(), case
            result["/".join(map(str, case)) + "/" + key] = value
    notes = {"script": "make_sampler_goldens.py", "torch": torch.__version__, "diffusers": diffusers.__version__}
    save_file(result, HERE / "sampler_diffusers.safetensors", notes)
    result, cases = option_trajectories()
    save_file({"noises": NOISES, **result}, HERE / "sampler_options.safetensors", {**notes, **cases})
    if len(sys.argv) < 2:
        return
    k = k_diffusion(sys.argv[1])
    result = {"noises": NOISES, **k_diffusion_trajectories(k), **comfy_and_a1111_schedules()}
    save_file(result, HERE / "sampler_k_diffusion.safetensors", {**notes, "k-diffusion": "0.1.1.post1"})


if __name__ == "__main__":
    main()
