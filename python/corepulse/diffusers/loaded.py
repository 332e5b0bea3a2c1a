"""What Diffusers' pipelines have beside their call: loading, devices, schedulers, LoRAs, and switches."""
from __future__ import annotations

import os
import pathlib
from typing import Any, TypeVar

from .._control import Control
from .._names import check_arguments
from ..controls import Lora
from ..errors import InvalidRequest
from ..pipeline import Pipeline, dtype_name
from .schedulers import Scheduler, read_config, recipe_words

P = TypeVar("P", bound="Loaded")

# Of from_pretrained: what changes nothing here, since nothing is downloaded, pickles are never read, nothing is checked
# for safety and no watermark is drawn.
WITHOUT_EFFECT = {
    "use_safetensors", "safety_checker", "requires_safety_checker", "feature_extractor", "add_watermarker",
    "local_files_only", "low_cpu_mem_usage", "cache_dir", "image_encoder", "use_auth_token", "token", "load_safety_checker",
}
OURS = ("torch_dtype", "dtype", "variant", "vae", "unet", "text_encoder", "text_encoder_2", "tokenizer", "config", "scheduler", "device_map")
# What the engine does by itself, or has no use for.
SWITCHES = {
    "attention_slicing", "vae_slicing", "vae_tiling", "model_cpu_offload", "sequential_cpu_offload",
    "xformers_memory_efficient_attention",
}


class Loaded:
    """The part that all of Diffusers' pipelines share. `corepulse` is the pipeline underneath, with all it can do."""

    def __init__(self, source: dict[str, Any], dtype: str, device: str, scheduler: Any) -> None:
        self._source, self._dtype, self._device = source, dtype, device
        self._loras: dict[str, Control] = {}
        self._pipe: Pipeline | None = None
        self._controls: list[Any] = []
        self._model_config = read_config(self._folder() / "scheduler")
        self._scheduler: Any = None
        if scheduler is not None:
            self.scheduler = scheduler

    @classmethod
    def from_pretrained(cls: type[P], model: str | os.PathLike[str], **given: Any) -> P:
        """A folder in Diffusers' layout, a .safetensors file, org/name of the Hugging Face cache, or "builtin"."""
        check_arguments(f"{cls.__name__}.from_pretrained", given, [*OURS, *sorted(WITHOUT_EFFECT)])
        if given.get("safety_checker") is not None:
            raise InvalidRequest("[safety_checker] there is none here; expected None")
        parts = {n: given[n] for n in ("variant", "vae", "unet", "text_encoder", "text_encoder_2", "tokenizer", "config")
                 if given.get(n) is not None}
        for name, part in parts.items():
            if not isinstance(part, (str, os.PathLike)):
                raise InvalidRequest(f"[{name}] a {type(part).__name__}; expected the path of a folder or a .safetensors file")
        source = {"model": os.fspath(model), **{n: os.fspath(p) for n, p in parts.items()}}
        made = cls(source, _dtype(given.get("dtype", given.get("torch_dtype"))), "auto", given.get("scheduler"))
        if given.get("device_map") not in (None, "cuda", "balanced", "auto"):
            made.to(given["device_map"])
        return made

    @classmethod
    def from_single_file(cls: type[P], file: str | os.PathLike[str], **given: Any) -> P:
        """A .safetensors file."""
        return cls.from_pretrained(file, **given)

    @property
    def corepulse(self) -> Pipeline:
        """Read from the disk at the first run."""
        if self._pipe is None:
            self._pipe = Pipeline.from_pretrained(**self._source, dtype=self._dtype, device=self._device, lazy=True)
            self._pipe.controls = self._controls  # which outlive .to() and another scheduler
        return self._pipe

    def to(self: P, *where: Any, device: Any = None, dtype: Any = None, **given: Any) -> P:
        """`cpu`, `cuda`, `cuda:0`, `mps`, a torch.device; or a type of numbers."""
        check_arguments("to", given, ["silence_dtype_warnings", "torch_device", "torch_dtype", "device", "dtype"])
        for value in (*where, device, dtype, given.get("torch_device"), given.get("torch_dtype")):
            if value is None:
                continue
            name = str(getattr(value, "type", value))
            if name.split(":")[0] in ("cpu", "cuda", "mps"):
                self._device = "cpu" if name.startswith("cpu") else "gpu"
            else:
                self._dtype = _dtype(value)
        self._pipe = None
        return self

    @property
    def scheduler(self) -> Any:
        """Its `config` is the model's own until another is set."""
        if self._scheduler is None:
            name = self._model_config.get("_class_name", "EulerDiscreteScheduler")
            named: type[Scheduler] = type(name, (Scheduler,), {})
            self._scheduler = named.from_config(self._model_config)
        return self._scheduler

    @scheduler.setter
    def scheduler(self, scheduler: Any) -> None:
        words, source = recipe_words(scheduler, self._model_config)
        self._words, self._scheduler = words, scheduler
        if source:
            self._source.update(source)
            self._pipe = None

    def load_lora_weights(self, where: str | os.PathLike[str], weight_name: str | None = None,
                          adapter_name: str | None = None) -> None:
        """A file, or a folder and a file's name in it."""
        file = pathlib.Path(where, weight_name) if weight_name else pathlib.Path(where)
        name = adapter_name or f"default_{len(self._loras)}"
        self._loras[name] = Lora(os.fspath(file))

    def set_adapters(self, names: str | list[str], adapter_weights: float | list[float] | None = None) -> None:
        """Which LoRAs act, and how much of each."""
        chosen = [names] if isinstance(names, str) else list(names)
        check_arguments("set_adapters", dict.fromkeys(chosen), list(self._loras))
        weights = adapter_weights if isinstance(adapter_weights, list) else [adapter_weights or 1.0] * len(chosen)
        for name, lora in list(self._loras.items()):
            strength = weights[chosen.index(name)] if name in chosen else 0.0
            self._loras[name] = Lora(lora.data()["file"], strength=strength)

    def fuse_lora(self, lora_scale: float = 1.0, **ignored: Any) -> None:
        """They are merged anyway; the scale counts."""
        self.set_adapters(list(self._loras), [lora_scale] * len(self._loras))

    def unload_lora_weights(self) -> None:
        """None act any more."""
        self._loras.clear()

    def set_progress_bar_config(self, **ignored: Any) -> None:
        """No bar is drawn; pipe.corepulse.steps(...) shows steps."""

    @property
    def device(self) -> str:
        """Where it was sent."""
        return {"auto": "auto", "cpu": "cpu", "gpu": "cuda"}[self._device]

    def __getattr__(self, name: str) -> Any:
        verb, _, what = name.partition("_")
        if verb in ("enable", "disable") and what in SWITCHES:
            return lambda *_, **__: None
        raise AttributeError(f"{type(self).__name__} has no {name} here; docs/python.md says what it has")

    def _folder(self) -> pathlib.Path:
        """Of the model: above its UNet's folder."""
        files = next(c["files"] for c in self.corepulse.info["components"] if c["name"] == "unet")
        return pathlib.Path(files[0]).parent.parent

    _words: dict[str, Any] = {}


def _dtype(dtype: Any) -> str:
    """Diffusers computes in float32 unless told otherwise. Halves are the engine's own choice: on a CPU what is fast."""
    name = dtype_name(dtype)
    return {"auto": "f32", "f16": "auto"}.get(name, name) if dtype != "auto" else "auto"
