"""Schedulers under Diffusers' names: what a script makes of them becomes a recipe's sampler and schedule."""
from __future__ import annotations

import inspect
import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

from .. import _core
from ..errors import InvalidRequest

# Fields that decide how noise levels are spread, and the schedule that each is here.
CURVES = {"use_karras_sigmas": "karras", "use_exponential_sigmas": "exponential", "use_beta_sigmas": "beta"}
PREDICTIONS = {"epsilon": "epsilon", "v_prediction": "v", "sample": "sample"}
# What no field of the model's says: Stable Diffusion as it was trained.
TRAINED = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "num_train_timesteps": 1000}


class Config(dict[str, Any]):
    """A scheduler's fields, as items and as attributes."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class Scheduler:
    """A stand-in: a name and its fields. One of the real Diffusers does as well."""

    def __init__(self, **config: Any) -> None:
        self.config = Config({"_class_name": type(self).__name__, **config})

    @classmethod
    def from_config(cls, config: Mapping[str, Any], **changes: Any) -> Scheduler:
        """The fields of another one, and what is changed."""
        return cls(**{k: v for k, v in {**config, **changes}.items() if not k.startswith("_")})

    @classmethod
    def from_pretrained(cls, model: str | os.PathLike[str], subfolder: str = "scheduler", **changes: Any) -> Scheduler:
        """Of a model's folder."""
        return cls.from_config(read_config(pathlib.Path(model, subfolder)), **changes)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({dict(self.config)})"


def read_config(folder: pathlib.Path) -> Config:
    """scheduler_config.json of a folder; without one Stable Diffusion's own."""
    file = folder / "scheduler_config.json"
    return Config(json.loads(file.read_text(encoding="utf-8")) if file.is_file() else TRAINED)


def scheduler_class(name: str) -> type[Scheduler]:
    """The stand-in for a class of Diffusers; InvalidRequest if no sampler here is called so."""
    _core.sampler_name(name.removesuffix("Scheduler"))
    return type(name, (Scheduler,), {"__doc__": f"Stands in for Diffusers' {name}."})


def _own_default(scheduler: Any, field: str) -> Any:
    """What the real class takes when nobody says; the stand-in has none."""
    parameter = inspect.signature(type(scheduler).__init__).parameters.get(field)
    return parameter.default if parameter is not None else inspect.Parameter.empty


def _changes(scheduler: Any, model: Mapping[str, Any]) -> dict[str, Any]:
    """Fields in which it differs from the model's own."""
    found = {}
    for field, value in dict(scheduler.config).items():
        before = model.get(field, _own_default(scheduler, field))
        same = list(value) == list(before) if isinstance(value, (list, tuple)) and isinstance(before, (list, tuple)) else value == before
        if not field.startswith("_") and not same:
            found[field] = value
    return found


def recipe_words(scheduler: Any, model: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """A recipe's fields for a scheduler, and those of the model's source; InvalidRequest for what is in neither."""
    name = type(scheduler).__name__
    sampler = _core.sampler_name(name.removesuffix("Scheduler"))[0]
    recipe: dict[str, Any] = {"sampler": sampler, "schedule": "model"}
    source: dict[str, str] = {}
    changes = _changes(scheduler, model)
    spacing = changes.pop("timestep_spacing", None)
    if spacing is not None:
        recipe["schedule"] = spacing
    for field, schedule in CURVES.items():
        if field not in changes:
            continue
        if changes.pop(field):
            recipe["schedule"] = schedule
        elif model.get(field):
            recipe["schedule"] = spacing or scheduler.config.get("timestep_spacing", "linspace")
    algorithm = changes.pop("algorithm_type", scheduler.config.get("algorithm_type"))
    if algorithm == "sde-dpmsolver++" and sampler == "dpmpp_2m":
        recipe["sampler"] = "dpmpp_2m_sde"
    elif algorithm not in (None, "dpmsolver++", "deis"):
        raise InvalidRequest(f"[scheduler] algorithm_type {algorithm!r}; expected dpmsolver++ or sde-dpmsolver++")
    if "prediction_type" in changes:
        source["prediction"] = PREDICTIONS.get(changes["prediction_type"], changes["prediction_type"])
        del changes["prediction_type"]
    if changes.pop("rescale_betas_zero_snr", False):
        recipe["zero_snr"] = True
    if changes.get("solver_order") == 2 and "solver_order" not in model:
        del changes["solver_order"]
    if changes:
        listed = ", ".join(f"{field}={value!r}" for field, value in changes.items())
        raise InvalidRequest(f"[scheduler] {name} with {listed}: a recipe says none of it; expected the model's own values")
    return recipe, source
