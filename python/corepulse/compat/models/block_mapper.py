"""Blocks of a model: ids, stages, and what their token grids are called."""
from __future__ import annotations

from typing import Any

from ...errors import InvalidRequest
from .._blocks import pipeline_of
from .base import BlockIdentifier

LEVELS = ("highest", "high", "medium", "low", "lowest")
STAGES = {"input": "downsample", "middle": "bottleneck", "output": "upsample"}
PATHS = {"input": "down_blocks.{}", "middle": "mid_block", "output": "up_blocks.{}"}


class UNetBlockMapper:
    """What `corepulse inspect` says, in CorePulse's words. `unet` is the pipeline.

    Levels go by the blocks' true token grids: the largest is "highest", then "high", "medium", "low"; the smallest is
    "lowest" as well. legacy: by CorePulse's count, where the middle block alone is always "lowest".
    """

    def __init__(self, unet: Any, *, legacy: bool = False) -> None:
        self.pipeline = pipeline_of(unet)
        info = self.pipeline.info
        self._paths: dict[str, str] = {b["id"]: b["path"] for b in info["blocks"] if b["cross_layers"]}
        self._grids: dict[str, int] = {
            b["id"]: b["grid_height"] * b["grid_width"] for b in info["blocks"] if b["cross_layers"]
        }
        self._sites: list[dict[str, Any]] = info["sites"]
        self.blocks: dict[str, list[int]] = {kind: [] for kind in STAGES}
        for name in self._paths:
            kind, index = name.split(":")
            self.blocks[kind].append(int(index))
        self._legacy = legacy
        self.resolution_levels = self._published_levels() if legacy else self._levels()

    def _levels(self) -> dict[str, dict[str, int | str]]:
        grids = sorted(set(self._grids.values()), reverse=True)
        levels: dict[str, dict[str, int | str]] = {}
        for name, grid in self._grids.items():
            level = grids.index(grid)
            word = LEVELS[min(level, 4)] if grid != grids[-1] or level == 0 else "lowest"
            levels[name] = {"level": level, "resolution": word, "stage": STAGES[name.split(":")[0]]}
        return levels

    def _published_levels(self) -> dict[str, dict[str, int | str]]:
        levels: dict[str, dict[str, int | str]] = {}
        down, middle = len(self.blocks["input"]), len(self.blocks["middle"])
        for name in self._grids:
            kind, index = name.split(":")
            place = self.blocks[kind].index(int(index))
            level = {"input": place, "middle": down + place, "output": down + middle - 1 - place}[kind]
            named = {"input": level, "middle": 4, "output": max(0, level - middle)}[kind]
            levels[name] = {"level": level, "resolution": LEVELS[min(named, 4)], "stage": STAGES[kind]}
        return levels

    def get_blocks_by_resolution(self, resolution: str) -> list[str]:
        """Ids at "highest", "high", "medium", "low" or "lowest"; a model has not all of them."""
        if resolution not in LEVELS:
            raise InvalidRequest(f"[resolution_levels] unknown {resolution!r}; expected one of: {', '.join(LEVELS)}")
        level = None if self._legacy else LEVELS.index(resolution)
        levels = self.resolution_levels.items()
        return [name for name, found in levels if found["resolution"] == resolution or found["level"] == level]

    def get_blocks_by_stage(self, stage: str) -> list[str]:
        """Ids of "downsample", "bottleneck" or "upsample"."""
        if stage not in STAGES.values():
            raise InvalidRequest(f"[stage] unknown {stage!r}; expected one of: {', '.join(STAGES.values())}")
        return [name for name, found in self.resolution_levels.items() if found["stage"] == stage]

    def get_valid_blocks(self) -> dict[str, list[int]]:
        """Numbers of the blocks that read text, by kind."""
        return {kind: list(numbers) for kind, numbers in self.blocks.items()}

    def get_all_block_identifiers(self) -> list[str]:
        """Their ids."""
        return [f"{kind}:{number}" for kind, numbers in self.blocks.items() for number in numbers]

    def is_valid_block(self, block: BlockIdentifier) -> bool:
        """Whether this model has it."""
        return block.block_index in self.blocks.get(block.block_type, [])

    def map_to_diffusers_path(self, block: BlockIdentifier) -> str:
        """down_blocks.1, mid_block, up_blocks.2."""
        return PATHS[block.block_type].format(block.block_index) if self.checked(str(block)) else ""

    def checked(self, block: str) -> str:
        """The id, or InvalidRequest naming those that there are."""
        if block not in self._paths:
            raise InvalidRequest(f"[block] this model has no {block}; expected one of: {', '.join(self._paths)}, all")
        return block

    def layers(self, block: str, cross: bool) -> set[str]:
        """Diffusers' paths of a block's layers that read text, or the picture."""
        return {site["path"] for site in self._sites if site["block"] == block and site["cross"] == cross}
