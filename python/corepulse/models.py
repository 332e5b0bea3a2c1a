"""Which models there are, and what is in one. Reads headers only, never weights."""
from __future__ import annotations

import json
import os
import subprocess
from typing import Any, Union

from . import _core
from ._names import path
from ._program import program
from .errors import Internal, by_code


def inspect_model(model: Union[str, "os.PathLike[str]"] = "builtin", **parts: str) -> dict[str, Any]:
    """Family, components, blocks, attention layers; parts: unet, vae, ... as from_pretrained has them."""
    recipe = {"version": 1, **{name: path(name, value) for name, value in {"model": model, **parts}.items()}}
    found: dict[str, Any] = json.loads(_core.inspect_model(json.dumps(recipe))[1])
    return found


def list_models(*folders: Union[str, "os.PathLike[str]"]) -> list[dict[str, Any]]:
    """What `corepulse models` lists: the built-in one, those of the Hugging Face cache and of these folders."""
    command = [program(), "models", *(path("models", folder) for folder in folders), "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        raise Internal(f"[models] the program ended with {done.returncode}: {done.stderr.strip()[-500:]}") from None
    if "error" in answer:
        raise by_code[answer["error"]["code"]](answer["error"]["message"])
    found: list[dict[str, Any]] = answer["models"] if isinstance(answer, dict) else answer
    return found


def presets() -> dict[str, str]:
    """Recipes that come with the package, by name: what each is about. load_recipe reads them."""
    return dict(_core.presets())
