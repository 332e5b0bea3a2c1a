"""One prompt in some blocks."""
from __future__ import annotations

from .._blocks import BlockLike, PipelineLike
from .._windows import END, START
from .base import BasePromptInjector


class SimplePromptInjector(BasePromptInjector):
    """configure_injections says which prompt, and where: all of the blocks it names."""

    def configure_injections(
        self, block: BlockLike, prompt: str, weight: float = 1.0, sigma_start: float = START, sigma_end: float = END
    ) -> None:
        """In place of what was configured before."""
        before = list(self.patcher.injections)
        self.patcher.add_injection(block, prompt, weight, sigma_start, sigma_end)
        self.patcher.forget(before)

    def inject_prompt(
        self,
        pipeline: PipelineLike,
        block: BlockLike,
        prompt: str,
        weight: float = 1.0,
        sigma_start: float = START,
        sigma_end: float = END,
    ) -> PipelineLike:
        """configure_injections and apply_to_pipeline."""
        self.configure_injections(block, prompt, weight, sigma_start, sigma_end)
        return self.apply_to_pipeline(pipeline)


class BlockSpecificInjector(SimplePromptInjector):
    """Blocks by what CorePulse says they decide; each call adds to what was there."""

    def inject_content(self, prompt: str, weight: float = 1.0) -> None:
        """What is there: the middle block."""
        self.patcher.add_injection("content", prompt, weight, START, END)

    def inject_style(self, prompt: str, weight: float = 1.0) -> None:
        """How it looks: all output blocks."""
        self.patcher.add_injection("style", prompt, weight, START, END)

    def inject_composition(self, prompt: str, weight: float = 1.0) -> None:
        """How it is laid out: all input blocks."""
        self.patcher.add_injection("composition", prompt, weight, START, END)


def inject_content_prompt(pipeline: PipelineLike, prompt: str, weight: float = 1.0) -> PipelineLike:
    """The pipeline with a prompt in its middle block, from now on (the entry of pipeline.controls)."""
    injector = BlockSpecificInjector(pipeline)
    injector.inject_content(prompt, weight)
    return injector.apply_to_pipeline(pipeline)


def inject_style_prompt(pipeline: PipelineLike, prompt: str, weight: float = 1.0) -> PipelineLike:
    """The pipeline with a prompt in its output blocks, from now on (the entry of pipeline.controls)."""
    injector = BlockSpecificInjector(pipeline)
    injector.inject_style(prompt, weight)
    return injector.apply_to_pipeline(pipeline)
