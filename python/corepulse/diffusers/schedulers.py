"""Schedulers under Diffusers' names: what a script makes of them becomes a recipe's sampler and schedule."""
from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

from .. import _core
from .._names import check_arguments
from ..errors import InvalidRequest
from ._fields import CLASSES, fields_of

# Fields that decide how noise levels are spread, and the schedule that each is here.
CURVES = {"use_karras_sigmas": "karras", "use_exponential_sigmas": "exponential", "use_beta_sigmas": "beta"}
PREDICTIONS = {"epsilon": "epsilon", "v_prediction": "v", "sample": "sample"}
# Of models that have no such file: Stable Diffusion as it was trained.
TRAINED = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "num_train_timesteps": 1000,
           "steps_offset": 1, "clip_sample": False, "set_alpha_to_one": False}
# Fields that act only where another one does.
UNDER = {"clip_sample_range": "clip_sample", "dynamic_thresholding_ratio": "thresholding", "sample_max_value": "thresholding",
         "flow_shift": "use_flow_sigmas", "time_shift_type": "use_dynamic_shifting"}
# Solvers that share a field take each other's values for their own default.
SOLVERS = {"UniPC": ("bh1", "bh2"), "DEIS": ("logrho",), "DPMSolver": ("midpoint", "heun")}
ALGORITHMS = {"DEIS": ("deis", "dpmsolver++", "dpmsolver"), "DPMSolver": ("dpmsolver++", "deis")}
# Whose curves reach from the noisiest level to the cleanest however timesteps are spaced.
WHOLE_CURVES = ("DPMSolverMultistep", "DPMSolverSinglestep", "UniPC", "DEIS")


class Config(dict[str, Any]):
    """A scheduler's fields, as items and as attributes."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class Scheduler:
    """A stand-in: a name and its fields; what is left out is as Diffusers' class has it. One of the real ones does as well."""

    def __init__(self, **config: Any) -> None:
        name = type(self).__name__
        check_arguments(name, config, CLASSES.get(name, config))
        self.config = Config({"_class_name": name, **config})

    @classmethod
    def from_config(cls, config: Mapping[str, Any], **changes: Any) -> Scheduler:
        """The fields of another one, and what is changed. As there, fields of other classes stay without effect."""
        check_arguments(cls.__name__, changes, sorted({*config, *(name for fields in CLASSES.values() for name in fields)}))
        left = {"_use_default_values", *config.get("_use_default_values", ())}
        kept = {k: v for k, v in config.items() if not k.startswith("_") and k not in left}
        made = cls()
        made.config.update({**kept, **changes})
        return made

    @classmethod
    def from_pretrained(cls, model: str | os.PathLike[str], subfolder: str = "scheduler", **changes: Any) -> Scheduler:
        """Of a model's folder."""
        return cls.from_config(read_config(pathlib.Path(model, subfolder)), **changes)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({dict(self.config)})"


def read_config(folder: pathlib.Path) -> Config:
    """scheduler_config.json of a folder; without one Stable Diffusion's own."""
    file = folder / "scheduler_config.json"
    return Config(json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else Config(TRAINED)


def trained_as(info: Mapping[str, Any]) -> Config:
    """Of a model without such a file, from what the engine found in it."""
    names = {ours: theirs for theirs, ours in PREDICTIONS.items()}
    config = Config(TRAINED, prediction_type=names[info["prediction"]], rescale_betas_zero_snr=info["zero_snr"])
    if info["zero_snr"] or str(info["family"]).startswith("sdxl"):
        config["timestep_spacing"] = "trailing" if info["zero_snr"] else "leading"
    return config


def corrected(scheduler: Any) -> Any:
    """As pipelines of Stable Diffusion 1 and 2 take one when they are made: Diffusers calls other values outdated."""
    config, fields = dict(scheduler.config), fields_of(type(scheduler)) or {}
    outdated = {"steps_offset": 1} if config.get("steps_offset", fields.get("steps_offset", 1)) != 1 else {}
    outdated |= {"clip_sample": False} if config.get("clip_sample", fields.get("clip_sample")) is True else {}
    return scheduler_class(type(scheduler).__name__).from_config({**config, **outdated}) if outdated else scheduler


def scheduler_class(name: str) -> type[Scheduler]:
    """The stand-in for a class of Diffusers; InvalidRequest if no sampler here is called so."""
    _core.sampler_name(name.removesuffix("Scheduler"))
    return type(name, (Scheduler,), {"__doc__": f"Stands in for Diffusers' {name}."})


def _of_kin(table: Mapping[str, tuple[str, ...]], name: str) -> tuple[str, ...]:
    return next((values for kin, values in table.items() if name.startswith(kin)), ())


def _both(scheduler: Any, model: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """All fields that the class takes: as this scheduler has them, and as the engine has them from the model's."""
    name, config = type(scheduler).__name__, {k: v for k, v in dict(scheduler.config).items() if not k.startswith("_")}
    defaults = fields_of(type(scheduler)) or dict.fromkeys(config)
    wanted = {field: config.get(field, value) for field, value in defaults.items()}
    trained = CLASSES.get(str(model.get("_class_name")), {}) if "beta_start" not in model else {}
    silent = {**defaults, **{f: v for f, v in trained.items() if f.startswith("beta_")},
              "clip_sample": model.get("_class_name", "").startswith("DDIM")}
    found = {field: model.get(field, silent[field]) for field in defaults}
    for fields in (wanted, found):
        solvers = _of_kin(SOLVERS, name)
        if "solver_type" in fields and fields["solver_type"] not in solvers:
            fields["solver_type"] = (defaults["solver_type"], *solvers)[0]
    return wanted, found


def _changes(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """Fields that differ and act."""
    def same(one: Any, other: Any) -> bool:
        lists = isinstance(one, (list, tuple)) and isinstance(other, (list, tuple))
        return list(one) == list(other) if lists else bool(one == other)

    return {f: v for f, v in wanted.items()
            if not same(v, found[f]) and (f not in UNDER or wanted.get(UNDER[f])) and (f != "steps_offset" or _leads(wanted))}


def _leads(fields: Mapping[str, Any]) -> bool:
    return fields.get("timestep_spacing") == "leading"


def _curve(fields: Mapping[str, Any]) -> str | None:
    return next((curve for field, curve in CURVES.items() if fields.get(field)), None)


def _schedule(name: str, wanted: Mapping[str, Any], found: Mapping[str, Any], zero_snr: bool) -> str:
    """The recipe's word for spacing and curve; InvalidRequest where it takes two."""
    if name.startswith(("LCM", "TCD")):
        return "model"  # they have timesteps of their own, whatever the field says
    spacing, curve = wanted.get("timestep_spacing", "linspace"), _curve(wanted)
    # The engine lets a run that zero_snr starts from pure noise trail.
    models = "trailing" if zero_snr else found.get("timestep_spacing", "linspace")
    if curve is None:
        return "model" if spacing == models and _curve(found) is None else str(spacing)
    if spacing != models and not name.startswith(WHOLE_CURVES):
        raise InvalidRequest(f"[scheduler] {name} with timestep_spacing={spacing!r} and a {curve} curve between its ends: a "
                             f"recipe says one of the two; expected timestep_spacing={models!r}, or no curve")
    return curve


def _sampler(name: str, algorithm: str | None) -> str:
    sampler = _core.sampler_name(name.removesuffix("Scheduler"))[0]
    if algorithm is None or algorithm in _of_kin(ALGORITHMS, name):
        return sampler
    if algorithm == "sde-dpmsolver++" and sampler == "dpmpp_2m":
        return "dpmpp_2m_sde"
    raise InvalidRequest(f"[scheduler] {name} with algorithm_type {algorithm!r}; expected dpmsolver++ or sde-dpmsolver++")


def recipe_words(scheduler: Any, model: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """A recipe's fields for a scheduler, and those of the model's source; InvalidRequest for what is in neither."""
    name = type(scheduler).__name__
    wanted, found = _both(scheduler, model)
    changes = _changes(wanted, found)
    for field in ("timestep_spacing", "algorithm_type", *CURVES):
        changes.pop(field, None)
    zero_snr = changes.pop("rescale_betas_zero_snr", None)
    if zero_snr is False or (model.get("rescale_betas_zero_snr") and "rescale_betas_zero_snr" not in wanted):
        raise InvalidRequest(f"[scheduler] {name} without rescale_betas_zero_snr, which the model's own has: a recipe says it "
                             "only of models that lack it; expected rescale_betas_zero_snr=True, of a class that takes it")
    recipe: dict[str, Any] = {"sampler": _sampler(name, wanted.get("algorithm_type")),
                              "schedule": _schedule(name, wanted, found, bool(zero_snr))}
    if zero_snr:
        recipe["zero_snr"] = True
    source: dict[str, str] = {}
    if "prediction_type" in changes:
        source["prediction"] = PREDICTIONS.get(changes["prediction_type"], changes["prediction_type"])
        del changes["prediction_type"]
    if changes:
        listed = ", ".join(f"{field}={value!r}" for field, value in changes.items())
        raise InvalidRequest(f"[scheduler] {name} with {listed}: a recipe says none of it; expected the model's own values "
                             "(from_config has them; a class alone has Diffusers' defaults)")
    return recipe, source
