"""Which blocks a call names: CorePulse's ids, lists of them, and every selector of docs/control.md."""
from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Union

from .. import controls
from .._control import Control
from ..diffusers.pipelines import DiffusionPipeline
from ..errors import InvalidRequest
from ..explain import Explanation
from ..pipeline import Pipeline
from .models.base import BlockIdentifier

if TYPE_CHECKING:
    from .models.block_mapper import UNetBlockMapper

PipelineLike = Union[Pipeline, DiffusionPipeline]
BlockLike = Union[str, BlockIdentifier, Sequence[Union[str, BlockIdentifier]]]
GROUPS = {"composition": "input", "content": "middle", "style": "output", "input": "input", "middle": "middle",
          "output": "output"}
BLOCK = re.compile(r"(input|middle|output):(\d+)$")


def pipeline_of(owner: Any) -> Pipeline:
    """A pipeline, that under one of corepulse.diffusers, or an injector's; anything else has no model that runs here."""
    found = getattr(owner, "pipeline", owner)
    if isinstance(found, DiffusionPipeline):
        return found.corepulse
    if not isinstance(found, Pipeline):
        raise InvalidRequest(
            f"[pipeline] {type(owner).__name__} is no pipeline of corepulse; expected what from_pretrained of "
            "corepulse.Pipeline or corepulse.diffusers gives (in place of pipeline.unet, too)"
        )
    return found


def explained(pipeline: Pipeline, prompt: str, wishes: Sequence[Control], **fields: Any) -> Explanation:
    """What controls would do to a prompt, of this model, beside no others. fields: of the recipe."""
    recipe = {"version": 1, "prompt": prompt, "controls": [c.data() for c in wishes], **fields}
    return Explanation(json.dumps({**recipe, **pipeline._source}))


def names_of(block: BlockLike) -> list[str]:
    """Single selectors, "a, b" and lists taken apart."""
    if isinstance(block, BlockIdentifier):
        return [str(block)]
    parts = block.split(",") if isinstance(block, str) else [name for part in block for name in names_of(part)]
    names = [part.strip() for part in parts]
    if not names or not all(names):
        raise InvalidRequest(f"[block] {block!r} names no block; expected such as middle:0, output:1 or all")
    return names


def blocks_of(block: BlockLike, mapper: UNetBlockMapper, cross: bool = True) -> list[str]:
    """Ids of whole blocks, and finer selectors as they are; checked at once, every one once."""
    found: list[str] = []
    for name in names_of(block):
        found += [part for part in _parts(name, mapper, cross) if part not in found]
    return found


def _parts(name: str, mapper: UNetBlockMapper, cross: bool) -> list[str]:
    everything = mapper.get_all_block_identifiers()
    lower = name.lower()
    if lower == "all":
        return everything
    if lower in GROUPS:
        return [block for block in everything if block.startswith(GROUPS[lower] + ":")]
    if BLOCK.match(name):
        return [mapper.checked(name)]
    return _asked(name, mapper, cross)


def _asked(name: str, mapper: UNetBlockMapper, cross: bool) -> list[str]:
    """Selectors of the library: it refuses unknown ones, and says the layers."""
    probe: Control = controls.temperature(2.0, attention="cross" if cross else "self", where=name)
    layers = {layer for c in explained(mapper.pipeline, "", [probe], steps=1).controls for layer in c["layers"]}
    whole = [b for b in mapper.get_all_block_identifiers() if (of := mapper.layers(b, cross)) and of <= layers]
    covered = {layer for b in whole for layer in mapper.layers(b, cross)}
    return whole if whole and covered == layers else [name]


def where_of(blocks: Sequence[str], mapper: UNetBlockMapper) -> str:
    """The shortest name of several blocks."""
    if set(blocks) == set(mapper.get_all_block_identifiers()):
        return "all"
    return ", ".join(blocks)
