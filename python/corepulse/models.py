"""Which models there are, and what is in one. Reads headers only, never weights."""
from __future__ import annotations

import json
import os
import subprocess
from typing import Any, Union

from . import _core
from ._program import program


def inspect_model(model: Union[str, "os.PathLike[str]"] = "builtin", **parts: str) -> dict[str, Any]:
    """Family, components, blocks, attention layers; parts: unet, vae, ... as from_pretrained has them."""
    recipe = {"version": 1, "model": os.fspath(model), **parts}
    found: dict[str, Any] = json.loads(_core.inspect_model(json.dumps(recipe))[1])
    return found


def list_models(*folders: Union[str, "os.PathLike[str]"]) -> list[dict[str, Any]]:
    """What `corepulse models` lists: the built-in one, those of the Hugging Face cache and of these folders."""
    command = [program(), "models", *(os.fspath(folder) for folder in folders), "--json"]
    answer = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    found: list[dict[str, Any]] = answer["models"] if isinstance(answer, dict) else answer
    return found


def presets() -> dict[str, str]:
    """Recipes that come with the package, by name: what each is about. load_recipe reads them."""
    return dict(_core.presets())
