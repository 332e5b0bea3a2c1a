"""Injections as controls: what weights mean, and how several in one block compose.

In one block, prompts for the whole picture share it, in proportion to their weights up to 1; those with a mask lie above
them in the order in which they were added.
"""
from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from .. import controls
from .._control import Control
from ..errors import InvalidRequest
from ._blocks import BlockLike, where_of
from ._masks import RegionData
from ._spans import Span, shared, widest_first
from ._windows import Window, number, when_of
from .models.block_mapper import UNetBlockMapper


Rows = Literal["cond", "uncond", "both"]


@dataclass(frozen=True)
class Injection:
    """One prompt in some blocks. `phrase` and `words`: the words that stand in the prompt in place of the phrase."""

    block: BlockLike
    blocks: tuple[str, ...]
    prompt: str
    weight: float
    window: Window
    region: RegionData | None = None
    rows: Rows | None = None
    phrase: str | None = None
    words: str = ""
    occurrence: int | None = None

    @property
    def strength(self) -> float:
        """The share of the picture that it asks for; a masked injection that is not off reads its base prompt wholly."""
        if self.phrase is not None:
            return 1.0 if self.weight > 0 else 0.0
        return min(self.weight, 1.0)


def checked_weight(weight: float, legacy: bool) -> float:
    """0 is off, 1 the prompt itself, more says it louder; legacy: any number, times keys and values."""
    found = number(weight, "weight")
    if math.isinf(found) or (found < 0 and not legacy):
        raise InvalidRequest(f"[weight] {found:g}; expected 0 (off) to 1 (the prompt), or more (louder); "
                             "negative ones belong to legacy=True, which multiplies keys and values")
    return found


def _inject(one: Injection, where: str, strength: float, window: Window, legacy: bool) -> Control:
    gain = one.weight if legacy else max(one.weight, 1.0)
    made: Control = controls.inject(
        one.prompt,
        strength=None if strength == 1 else strength,
        gain_k=None if gain == 1 else gain,
        gain_v=None if gain == 1 else gain,
        where=where,
        when=when_of(window),
        region=one.region,
        rows=one.rows,
        mode="corepulse" if legacy else None,
    )
    return made


def _replace(one: Injection, where: str, legacy: bool) -> Control:
    strength = 1.0 if legacy else min(one.weight, 1.0)
    made: Control = controls.replace_tokens(
        one.phrase,
        with_=one.words,
        occurrence=one.occurrence,
        strength=None if strength == 1 else strength,
        where=where,
        when=when_of(one.window),
        region=one.region,
        rows=one.rows,
    )
    return made


def _sides(whole: Sequence[Injection]) -> Iterator[list[Injection]]:
    """Those that meet, as they act in the same rows; one of both meets those of either."""
    if len({one.rows or "cond" for one in whole}) <= 1:
        yield list(whole)
        return
    sides: tuple[Rows, Rows] = ("cond", "uncond")
    for side in sides:
        yield [dataclasses.replace(one, rows=side) for one in whole if (one.rows or "cond") in (side, "both")]


def _sharing(whole: Sequence[Injection], where: str) -> Iterator[Control]:
    ordered = [whole[i] for i in widest_first([one.window for one in whole])]
    for one, acting in zip(ordered, shared([one.window for one in ordered], [one.strength for one in ordered])):
        for window, strength in acting:
            made = _inject(one, where, strength, window, legacy=False)
            yield made if window == one.window else Span.of(made, window, one.window)


def _of_blocks(here: Sequence[Injection], where: str, legacy: bool) -> Iterator[Control]:
    """Of blocks that have the same injections; published maths has one in a block."""
    if legacy:
        yield from (_inject(one, where, 1.0, one.window, legacy) for one in here)
    else:
        for side in _sides([one for one in here if one.region is None and one.strength > 0]):
            yield from _sharing(side, where)
        yield from (_inject(one, where, one.strength, one.window, legacy) for one in here if one.region is not None)
    yield from (_replace(one, where, legacy) for one in here if one.phrase is not None and (legacy or one.weight > 0))


def injection_controls(injections: Sequence[Injection], mapper: UNetBlockMapper, legacy: bool) -> list[Control]:
    """All of them, with one control for all blocks that agree. Published ones are kept by block: the last one wins, whatever
    windows and masks they have."""
    by_block: dict[str, list[int]] = {}
    for number_, one in enumerate(injections):
        for block in one.blocks:
            by_block.setdefault(block, []).append(number_)
    groups: dict[tuple[int, ...], list[str]] = {}
    for block, numbers in by_block.items():
        groups.setdefault(tuple(numbers[-1:] if legacy else numbers), []).append(block)
    made: list[Control] = []
    for numbers_, blocks in groups.items():
        made += _of_blocks([injections[i] for i in numbers_], where_of(blocks, mapper), legacy)
    return made
