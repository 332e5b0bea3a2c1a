"""What every injector is: a patcher, its pipeline, and a call."""
from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeVar

from ...errors import InvalidRequest
from .._blocks import BlockLike, PipelineLike, pipeline_of
from ..._control import Control
from .._masks import MaskLike
from .._prompts import EncodedPrompt
from ..models.unet_patcher import UNetPatcher
from ..utils.helpers import detect_model_type
from ..utils.logger import logger

I = TypeVar("I", bound="BasePromptInjector")


@dataclass
class PromptInjectionConfig:
    """One injection as it was asked for."""

    block: BlockLike
    prompt: str
    weight: float
    sigma_start: float
    sigma_end: float
    spatial_mask: MaskLike | None = None


class BasePromptInjector:
    """`with injector:` or apply_to_pipeline give the pipeline its controls, a call of it gives them to one run.

    What is added in between acts from the next run on; it stays after the `with`, for another. legacy: published maths.
    """

    def __init__(self, pipeline: PipelineLike, *, legacy: bool = False) -> None:
        self.patcher = UNetPatcher(pipeline, legacy=legacy)
        self.pipeline, self.legacy = self.patcher.pipeline, legacy

    @property
    def model_type(self) -> str:
        """As detect_model_type."""
        return detect_model_type(self.pipeline)

    @property
    def controls(self) -> list[Control]:
        """What all of it comes to: for a recipe, or a call's `controls`."""
        return self.patcher.controls

    def clear_injections(self) -> None:
        """Forgets all that was added."""
        self.patcher.clear_injections()

    def apply_to_pipeline(self, pipeline: PipelineLike) -> PipelineLike:
        """From now on its calls have the controls, until clear_injections, or a `with` of this injector ends."""
        logger.info("%s: %d controls", type(self).__name__, len(self.controls))
        self.patcher.apply_patches(pipeline)
        return pipeline

    def encode_prompt(self, prompt: str, pipeline: PipelineLike) -> EncodedPrompt:
        """What UNetPatcher.add_injection takes as conditioning. The engine encodes, and keeps what it has encoded."""
        pipeline_of(pipeline)
        return EncodedPrompt(prompt)

    def __enter__(self: I) -> I:
        self.apply_to_pipeline(self.pipeline)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.patcher.__exit__(kind, error, at)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The pipeline's call, with the controls."""
        if self.patcher.applied_to(self.pipeline):
            return self.pipeline(*args, **kwargs)
        with self:
            return self.pipeline(*args, **kwargs)


def of_config(config: dict[str, Any], valid: tuple[str, ...], required: tuple[str, ...], where: str) -> dict[str, Any]:
    """A configuration's fields, checked: none unknown, none missing."""
    for name in config:
        if name not in valid:
            raise InvalidRequest(f"[{where}] unknown field {name!r}; expected one of: {', '.join(valid)}")
    for name in required:
        if name not in config:
            raise InvalidRequest(f"[{where}] the field {name!r} is missing")
    return config
