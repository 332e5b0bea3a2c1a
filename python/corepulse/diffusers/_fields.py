"""The fields of Diffusers' scheduler classes, with their defaults: what a script leaves out is as they have it."""
from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

Fields = Mapping[str, Any]
# Of the betas 0.00085 and 0.012, "scaled_linear", Stable Diffusion's, no class but two has all three by itself.
_TRAINING: Fields = {"num_train_timesteps": 1000, "beta_start": 0.0001, "beta_end": 0.02, "beta_schedule": "linear",
                     "trained_betas": None, "prediction_type": "epsilon", "steps_offset": 0}
_LATENT: Fields = {**_TRAINING, "beta_start": 0.00085, "beta_end": 0.012}
_CURVES: Fields = {"use_karras_sigmas": False, "use_exponential_sigmas": False, "use_beta_sigmas": False}
_LINSPACE: Fields = {"timestep_spacing": "linspace"}
_ZERO_SNR: Fields = {"rescale_betas_zero_snr": False}
_THRESHOLD: Fields = {"thresholding": False, "dynamic_thresholding_ratio": 0.995, "sample_max_value": 1.0}
_CLIP: Fields = {"clip_sample": False, "clip_sample_range": 1.0}
_FLOW: Fields = {"use_flow_sigmas": False, "flow_shift": 1.0, "use_dynamic_shifting": False, "time_shift_type": "exponential"}
_SOLVER: Fields = {**_TRAINING, **_CURVES, **_THRESHOLD, **_FLOW, "solver_order": 2, "lower_order_final": True}
_DPM: Fields = {**_SOLVER, "algorithm_type": "dpmsolver++", "solver_type": "midpoint", "final_sigmas_type": "zero",
                "lambda_min_clipped": -float("inf"), "variance_type": None}
_DDIM: Fields = {**_TRAINING, **_THRESHOLD, **_CLIP, **_ZERO_SNR, "clip_sample": True, "set_alpha_to_one": True,
                 "timestep_spacing": "leading"}
_DISTILLED: Fields = {**_LATENT, **_THRESHOLD, **_CLIP, **_ZERO_SNR, "beta_schedule": "scaled_linear", "set_alpha_to_one": True,
                      "timestep_spacing": "leading", "original_inference_steps": 50, "timestep_scaling": 10.0}
CLASSES: Mapping[str, Fields] = {
    "EulerDiscreteScheduler": {**_TRAINING, **_CURVES, **_LINSPACE, **_ZERO_SNR, "interpolation_type": "linear", "sigma_min": None,
                               "sigma_max": None, "timestep_type": "discrete", "final_sigmas_type": "zero"},
    "EulerAncestralDiscreteScheduler": {**_TRAINING, **_LINSPACE, **_ZERO_SNR},
    "HeunDiscreteScheduler": {**_LATENT, **_CURVES, **_LINSPACE, **_CLIP},
    "KDPM2DiscreteScheduler": {**_LATENT, **_CURVES, **_LINSPACE},
    "KDPM2AncestralDiscreteScheduler": {**_LATENT, **_CURVES, **_LINSPACE},
    "LMSDiscreteScheduler": {**_TRAINING, **_CURVES, **_LINSPACE},
    "DPMSolverSDEScheduler": {**_LATENT, **_CURVES, **_LINSPACE, "noise_sampler_seed": None},
    "DDIMScheduler": _DDIM,
    "DDIMParallelScheduler": _DDIM,
    "PNDMScheduler": {**_TRAINING, "skip_prk_steps": False, "set_alpha_to_one": False, "timestep_spacing": "leading"},
    "LCMScheduler": _DISTILLED,
    "TCDScheduler": _DISTILLED,
    "DPMSolverMultistepScheduler": {**_DPM, **_LINSPACE, **_ZERO_SNR, "euler_at_final": False, "use_lu_lambdas": False},
    "DPMSolverSinglestepScheduler": {**{n: v for n, v in _DPM.items() if n != "steps_offset"}, "lower_order_final": False},
    "DEISMultistepScheduler": {**_SOLVER, **_LINSPACE, "algorithm_type": "deis", "solver_type": "logrho"},
    "UniPCMultistepScheduler": {**_SOLVER, **_LINSPACE, **_ZERO_SNR, "predict_x0": True, "solver_type": "bh2",
                                "disable_corrector": [], "solver_p": None, "final_sigmas_type": "zero", "sigma_min": None,
                                "sigma_max": None, "shift_terminal": None},
}


def fields_of(kind: type) -> Fields | None:
    """What a class takes, stand-in or Diffusers' own; None of one that is neither known nor says it."""
    if kind.__name__ in CLASSES:
        return CLASSES[kind.__name__]
    found = {name: p.default for name, p in inspect.signature(kind).parameters.items()
             if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
    return found or None
