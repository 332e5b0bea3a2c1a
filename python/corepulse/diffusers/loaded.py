"""What Diffusers' pipelines have beside their call: loading, devices, schedulers, LoRAs, and switches."""
from __future__ import annotations

import os
import pathlib
from collections.abc import Callable
from typing import Any, TypeVar

from .._control import Control
from .._names import check_arguments
from ..controls import Lora
from ..errors import InvalidRequest
from ..pipeline import Pipeline, dtype_name
from .schedulers import Scheduler, corrected, read_config, recipe_words, trained_as

P = TypeVar("P", bound="Loaded")

# Of from_pretrained: what changes nothing here, since nothing is downloaded, pickles are never read, nothing is checked
# for safety and no watermark is drawn.
WITHOUT_EFFECT = {
    "use_safetensors", "safety_checker", "requires_safety_checker", "feature_extractor", "add_watermarker",
    "local_files_only", "low_cpu_mem_usage", "cache_dir", "image_encoder", "use_auth_token", "token", "load_safety_checker",
}
OURS = ("torch_dtype", "dtype", "variant", "vae", "unet", "text_encoder", "text_encoder_2", "tokenizer", "config", "scheduler", "device_map")
# What the engine does by itself, or has no use for, with what Diffusers' methods take.
SWITCHES = {
    "enable_attention_slicing": ("slice_size",), "disable_attention_slicing": (),
    "enable_vae_slicing": (), "disable_vae_slicing": (), "enable_vae_tiling": (), "disable_vae_tiling": (),
    "enable_model_cpu_offload": ("gpu_id", "device"), "enable_sequential_cpu_offload": ("gpu_id", "device"),
    "enable_xformers_memory_efficient_attention": ("attention_op",), "disable_xformers_memory_efficient_attention": (),
}
VAE_SWITCHES = {"enable_slicing": (), "disable_slicing": (), "enable_tiling": ("use_tiling",), "disable_tiling": ()}


# What another pipeline may be given, as from_pretrained takes it.
PARTS = ("vae", "text_encoder", "text_encoder_2")
# What corepulse.compat may be given.
STAND_INS = ("unet", "tokenizer", "tokenizer_2")

# What may be set, beside properties.
ATTRIBUTES = {"_source", "_dtype", "_device", "_loras", "_fused", "_merged", "_pipe", "_controls", "_model_config", "_scheduler", "_words",
              "_interrupt"}


class Part(os.PathLike[str]):
    """Where a part of a pipeline lies, for from_pretrained of another."""

    def __init__(self, files: list[str], name: str) -> None:
        self._file, self._name = pathlib.Path(files[0]), name

    def __fspath__(self) -> str:
        """Its folder in a model's; else its file."""
        own = self._file.parent.name in PARTS
        return os.fspath(self._file.parent if own else self._file)

    def __getattr__(self, what: str) -> Any:
        if self._name.endswith(".vae") and what in VAE_SWITCHES:
            return switch(f"{self._name}.{what}", VAE_SWITCHES[what])
        raise AttributeError(f"{self._name} has no {what} here; it is for from_pretrained of another pipeline")


class Within:
    """A part that stands for its pipeline, `pipeline`: for corepulse.compat, whose originals took a UNet or a tokenizer."""

    _name = "it"  # before __init__, as copies are made

    def __init__(self, pipeline: Any, name: str) -> None:
        self.pipeline, self._name = pipeline, name

    def __getattr__(self, what: str) -> Any:
        raise AttributeError(f"{self._name} has no {what} here; it is for corepulse.compat, in its pipeline's place")


class Loaded:
    """The part that all of Diffusers' pipelines share. `corepulse` is the pipeline underneath, with all it can do."""

    def __init__(self, source: dict[str, Any], dtype: str, device: str, scheduler: Any) -> None:
        self._source, self._dtype, self._device = source, dtype, device
        self._loras: dict[str, Control] = {}
        self._fused: list[Control] = []
        self._merged = False
        self._pipe: Pipeline | None = None
        self._controls: list[Any] = []
        self._model_config = read_config(self._folder() / "scheduler")
        if "_class_name" not in self._model_config:
            self._model_config = trained_as(self.corepulse.info)
        self._scheduler: Any = None
        if scheduler is not None:
            self.scheduler = scheduler if self._is_xl() else corrected(scheduler)

    def _is_refiner(self) -> bool:
        return str(self.corepulse.info["family"]) == "sdxl_refiner"

    def _is_xl(self) -> bool:
        return str(self.corepulse.info["family"]).startswith("sdxl")

    def __setattr__(self, name: str, value: Any) -> None:
        """What a recipe cannot follow is no attribute: a script that sets it means another picture."""
        own = name in ATTRIBUTES or isinstance(getattr(type(self), name, None), property)
        if not own and not (name == "safety_checker" and value is None):
            raise InvalidRequest(f"[{type(self).__name__}] {name} cannot be set; expected an argument of from_pretrained or of "
                                 "the call, as docs/python.md has them")
        super().__setattr__(name, value)

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
        if source.get("prediction") != self._source.get("prediction"):
            self._source = {n: v for n, v in self._source.items() if n != "prediction"} | source
            self._pipe = None

    def load_lora_weights(self, where: str | os.PathLike[str], weight_name: str | None = None,
                          adapter_name: str | None = None) -> None:
        """A file, or a folder and a file's name in it. Of several the last one acts, until set_adapters says otherwise."""
        file = pathlib.Path(where, weight_name) if weight_name else pathlib.Path(where)
        name = adapter_name or f"default_{len(self._loras)}"
        if name in self._loras:
            raise InvalidRequest(f"[adapter_name] {name} is in use; expected another name, or unload_lora_weights before")
        if self._merged:  # Diffusers would read the file, and its layers go on without it
            raise InvalidRequest("[load_lora_weights] others are fused; expected unload_lora_weights before, which leaves those")
        self._loras = {**{n: scaled(lora, 0.0) for n, lora in self._loras.items()}, name: Lora(os.fspath(file))}

    def set_adapters(self, adapter_names: str | list[str], adapter_weights: float | list[float | None] | None = None) -> None:
        """Which LoRAs act, and how much of each."""
        chosen = [adapter_names] if isinstance(adapter_names, str) else list(adapter_names)
        check_arguments("set_adapters", dict.fromkeys(chosen), list(self._loras))
        weights = list(adapter_weights) if isinstance(adapter_weights, (list, tuple)) else [adapter_weights] * len(chosen)
        if len(weights) != len(chosen):
            raise InvalidRequest(f"[adapter_weights] {len(weights)} for {len(chosen)} adapters; expected as many")
        if wrong := [w for w in weights if isinstance(w, dict)]:
            raise InvalidRequest(f"[adapter_weights] {wrong[0]}: weights by block are not here; expected numbers")
        strengths = {name: 1.0 if weight is None else float(weight) for name, weight in zip(chosen, weights)}
        for name, lora in list(self._loras.items()):
            self._loras[name] = scaled(lora, strengths.get(name, 0.0), afresh=True)

    def fuse_lora(self, components: list[str] | None = None, lora_scale: float = 1.0, safe_fusing: bool = False,
                  adapter_names: list[str] | None = None) -> None:
        """They act from now on as they do, times the scale, and stay when others are unloaded."""
        parts = {"unet", "text_encoder", *(["text_encoder_2"] if self._is_xl() else [])}
        if components is not None and not parts <= set(components):
            raise InvalidRequest(f"[components] {list(components)}; expected all that LoRAs are of: {', '.join(sorted(parts))}")
        if adapter_names is not None:
            raise InvalidRequest("[adapter_names] some of the LoRAs alone; expected None, and set_adapters before")
        self._fused += [scaled(lora, lora_scale) for lora in self._loras.values()]
        self._loras.clear()
        self._merged = True

    def unload_lora_weights(self) -> None:
        """Those that are not fused act no more."""
        self._loras.clear()
        self._merged = False

    def set_progress_bar_config(self, **ignored: Any) -> None:
        """No bar is drawn; pipe.corepulse.steps(...) shows steps."""

    @property
    def device(self) -> str:
        """Where it was sent."""
        return {"auto": "auto", "cpu": "cpu", "gpu": "cuda"}[self._device]

    def __getattr__(self, name: str) -> Any:
        if name in SWITCHES:
            return switch(name, SWITCHES[name])
        if name in STAND_INS and (name != "tokenizer_2" or self._is_xl()):
            return Within(self, f"{type(self).__name__}.{name}")
        files = [c["files"] for c in self.corepulse.info["components"] if c["name"] == name] if name in PARTS else []
        if files and files[0]:
            return Part(files[0], f"{type(self).__name__}.{name}")
        raise AttributeError(f"{type(self).__name__} has no {name} here; docs/python.md says what it has")

    def _folder(self) -> pathlib.Path:
        """Of the model: above the folder of a component that is its own."""
        parts = [c for c in self.corepulse.info["components"] if c["files"]]
        own = next((c for c in parts if c["name"] not in self._source), parts[0])
        return pathlib.Path(own["files"][0]).parent.parent

    _words: dict[str, Any] = {}


def switch(where: str, takes: tuple[str, ...]) -> Callable[..., None]:
    """A method that has nothing to do, and yet knows what it takes."""

    def nothing(*given: Any, **named: Any) -> None:
        if len(given) > len(takes):
            raise InvalidRequest(f"[{where}] {len(given)} arguments by position; expected at most {len(takes)}")
        check_arguments(where, named, takes)

    return nothing


def scaled(lora: Control, scale: float, afresh: bool = False) -> Control:
    """At so much of its strength, or at that strength."""
    data = lora.data()
    return Lora(data["file"], strength=scale * (1.0 if afresh else data.get("strength", 1.0)))


def _dtype(dtype: Any) -> str:
    """Diffusers computes in float32 unless told otherwise. Halves are the engine's own choice: on a CPU what is fast."""
    name = dtype_name(dtype)
    return {"auto": "f32", "f16": "auto"}.get(name, name) if dtype != "auto" else "auto"
