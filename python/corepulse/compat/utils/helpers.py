"""What makes the first steps short."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...errors import InvalidRequest
from .._blocks import PipelineLike, explained, pipeline_of
from ..models.block_mapper import UNetBlockMapper

if TYPE_CHECKING:
    from ..prompt_injection.advanced import AdvancedPromptInjector
    from ..prompt_injection.simple import SimplePromptInjector

TYPES = {"sd1": "sd15", "sd2": "sd2", "sdxl": "sdxl"}
FIELDS = ("block", "prompt", "weight", "sigma_start", "sigma_end", "spatial_mask")


def detect_model_type(pipeline: Any) -> str:
    """sd15, sd2 or sdxl, by what the model's files say; nothing is guessed."""
    family = pipeline_of(pipeline).info["family"]
    if family not in TYPES:
        raise InvalidRequest(f"[pipeline] a model of the family {family}; expected one of: {', '.join(TYPES)}")
    return TYPES[family]


def get_available_blocks(pipeline: Any) -> dict[str, list[int]]:
    """Numbers of the blocks that read text: {"input": [...], "middle": [0], "output": [...]}."""
    return UNetBlockMapper(pipeline).get_valid_blocks()


def create_quick_injector(
    pipeline: PipelineLike, interface: str = "simple"
) -> SimplePromptInjector | AdvancedPromptInjector:
    """A "simple" or an "advanced" one."""
    from ..prompt_injection import AdvancedPromptInjector, SimplePromptInjector

    kind = interface.lower()
    if kind not in ("simple", "advanced"):
        raise InvalidRequest(f"[interface] unknown {interface!r}; expected simple or advanced")
    return SimplePromptInjector(pipeline) if kind == "simple" else AdvancedPromptInjector(pipeline)


def _entries(config: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    if not isinstance(config, Mapping):
        return list(config)
    if "block" in config or not all(isinstance(value, str) for value in config.values()):
        return [config]
    return [{"block": block, "prompt": prompt} for block, prompt in config.items()]


def inject_and_generate(
    pipeline: PipelineLike,
    base_prompt: str,
    injection_config: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    num_inference_steps: int = 20,
    guidance_scale: float = 7.5,
    **generate_kwargs: Any,
) -> Any:
    """One run. injection_config: an injection's fields, a list of such, or {block: prompt}."""
    from ..prompt_injection import AdvancedPromptInjector

    injector = AdvancedPromptInjector(pipeline)
    injector.configure_injections(_entries(injection_config))
    named = {"num_inference_steps": num_inference_steps, "guidance_scale": guidance_scale, **generate_kwargs}
    return injector(base_prompt, **named)


def demonstrate_content_style_split(
    pipeline: PipelineLike,
    base_prompt: str = "a beautiful landscape",
    content_prompt: str = "white cat",
    style_prompt: str = "oil painting style",
    num_inference_steps: int = 20,
    guidance_scale: float = 7.5,
) -> Any:
    """One run with content in the middle block and style in the output blocks."""
    from ..prompt_injection import MultiPromptInjector

    injector = MultiPromptInjector(pipeline)
    injector.add_content_style_split(content_prompt, style_prompt)
    return injector(base_prompt, num_inference_steps=num_inference_steps, guidance_scale=guidance_scale)


def _asked(config: Mapping[str, Any], pipeline: PipelineLike) -> list[str]:
    from ..prompt_injection import AdvancedPromptInjector

    injector = AdvancedPromptInjector(pipeline)
    try:
        injector.add_injection(**config)
        explained(pipeline_of(pipeline), "", injector.controls)
    except InvalidRequest as error:
        return [str(error)]
    return []


def validate_injection_config(config: Mapping[str, Any], pipeline: PipelineLike) -> list[str]:
    """What is wrong with an injection's fields, empty if nothing; a window that meets no step of the model's default run
    as well."""
    errors = [f"the field {name!r} is missing" for name in ("block", "prompt") if name not in config]
    errors += [f"unknown field {name!r}; expected one of: {', '.join(FIELDS)}" for name in config if name not in FIELDS]
    for name in ("sigma_start", "sigma_end"):
        value = config.get(name, 0.0)
        if isinstance(value, (int, float)) and value < 0:
            errors.append(f"[{name}] {value:g}; expected 0 or more")
    return errors or _asked(config, pipeline)


quick_inject = inject_and_generate
auto_detect_model = detect_model_type
