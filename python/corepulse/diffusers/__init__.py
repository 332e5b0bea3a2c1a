"""Scripts written for Diffusers, changed in their import line only.

    from corepulse.diffusers import EulerAncestralDiscreteScheduler, StableDiffusionXLPipeline

The same pictures within the numbers' accuracy (docs/numerics.md), at the same seeds. What is not here - embeddings given
as arrays, ControlNets, IP adapters - is an error that says so, and no other picture. docs/python.md, "Diffusers' scripts".
"""
from __future__ import annotations

from typing import Any

from .pipelines import (
    AutoPipelineForImage2Image,
    AutoPipelineForInpainting,
    AutoPipelineForText2Image,
    DiffusionPipeline,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInpaintPipeline,
    StableDiffusionPipeline,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLInpaintPipeline,
    StableDiffusionXLPipeline,
)
from .schedulers import Scheduler, scheduler_class


def __getattr__(name: str) -> Any:
    """Any scheduler whose sampler is here."""
    if name.endswith("Scheduler"):
        try:
            found = scheduler_class(name)
        except ValueError as error:
            raise AttributeError(f"corepulse.diffusers has no {name}: {error}") from None
        globals()[name] = found
        return found
    raise AttributeError(f"corepulse.diffusers has no {name}; docs/python.md says what it has")


__all__ = [
    "AutoPipelineForImage2Image",
    "AutoPipelineForInpainting",
    "AutoPipelineForText2Image",
    "DiffusionPipeline",
    "Scheduler",
    "StableDiffusionImg2ImgPipeline",
    "StableDiffusionInpaintPipeline",
    "StableDiffusionPipeline",
    "StableDiffusionXLImg2ImgPipeline",
    "StableDiffusionXLInpaintPipeline",
    "StableDiffusionXLPipeline",
]
