"""From the arguments of `sweep` to the text that docs/sweeps.md describes."""
from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, Union

from . import _core
from ._control import Control, _plain, control_data
from ._names import as_json, fields, listed, path
from ._request import load_recipe, recipe_json, text_of
from .errors import InvalidRequest
from .pipeline import ARGUMENTS, dtype_name
from .region import Region

# A file, what such a file holds, or None: the recipe is told by arguments.
SpecLike = Union[str, "os.PathLike[str]", Mapping[str, Any]]
# Values by field; a tuple of fields changes together, by tuples of values. Or axes as a file has them, or "field=values".
AxesLike = Union[Mapping[Any, Any], Sequence[Union[str, Mapping[str, Any]]]]

# What a call of a pipeline may say and a sweep may not: what is not of the recipe.
NOT_SWEPT = ("attention", "record", "patch", "latents", "latents_scaled", "output_type", "callback_on_step_end", "progress", "live", "stop",
             "num_images_per_prompt")
RECIPE_ARGUMENTS = [name for name in ARGUMENTS if name not in NOT_SWEPT]
PARTS = ("model", "unet", "vae", "text_encoder", "text_encoder_2", "tokenizer", "config", "family", "prediction", "variant")


def _value(value: Any) -> Any:
    """A value of an axis, as JSON has it."""
    if isinstance(value, Control):
        return control_data(value)
    if isinstance(value, (list, tuple)):
        return [_value(part) for part in value]
    if isinstance(value, Region):
        return _plain(value, "region")
    return _plain(value)


def _listed(values: Any, field: str) -> list[Any]:
    if isinstance(values, (str, bytes)) or not hasattr(values, "__iter__") or getattr(values, "ndim", 1) == 0:
        raise InvalidRequest(f'[axes] {field} has the values {values!r}; expected a list of them, or text as "0..1:5"')
    return [_value(value) for value in values]


def _short(text: str) -> dict[str, Any]:
    """"strength=0..1:5"."""
    axis: dict[str, Any] = json.loads(_core.axis_spec(text))["axes"][0]
    return axis


def _axis(field: Any, values: Any) -> dict[str, Any]:
    if isinstance(field, str):
        if isinstance(values, str):
            return _short(f"{field}={values}")
        if isinstance(values, Mapping):  # {"from": 0, "to": 1, "count": 5}, labels
            return {"field": field, **{k: _value(v) for k, v in values.items()}}
        return {"field": field, "values": _listed(values, field)}
    rows = _listed(values, str(field))
    if not all(isinstance(row, list) and len(row) == len(field) for row in rows):
        raise InvalidRequest(f"[axes] what changes together, {', '.join(field)}, has as many values each time: expected "
                             f"tuples of {len(field)}")
    return {"zip": [{"field": name, "values": [row[i] for row in rows]} for i, name in enumerate(field)]}


def _axes(axes: AxesLike) -> list[dict[str, Any]]:
    if isinstance(axes, Mapping):
        return [_axis(field, values) for field, values in axes.items()]
    return [_short(axis) if isinstance(axis, str) else fields("axes", axis) for axis in listed("axes", axes, "axes")]


def spec_of(spec: SpecLike | None, axes: AxesLike | None, title: str | None, given: Mapping[str, Any]) -> tuple[str, str]:
    """The sweep as text, and the folder that its relative paths are seen from. `given`: arguments of a call, and a model's."""
    told = {name: value for name, value in given.items() if value is not None}
    if spec is not None:
        if told or axes is not None or title is not None:
            beside = ", ".join(told) or ("axes" if axes is not None else "title")
            raise InvalidRequest(f"[sweep] a spec, and {beside} beside it; expected it in the spec's recipe or axes")
        if isinstance(spec, Mapping):
            return as_json("sweep", spec), ""
        file = pathlib.Path(path("spec", spec))
        return text_of(file), os.fspath(file.parent)
    parts = {name: path(name, told.pop(name)) for name in PARTS if name in told}
    dtype = told.pop("dtype", None)
    if dtype is None and "recipe" in told:
        dtype = load_recipe(told["recipe"]).get("dtype")
    recipe = {**json.loads(recipe_json(told, dtype_name(dtype))), **parts}
    whole: dict[str, Any] = {"version": 1, "recipe": recipe, "axes": _axes(() if axes is None else axes)}
    if not whole["axes"]:
        raise InvalidRequest('[sweep] nothing changes; expected axes={"strength": "0..1:5"}, say')
    if title is not None:
        whole["title"] = title
    return as_json("sweep", whole), ""
