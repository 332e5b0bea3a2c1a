"""What every patcher is, and the names of blocks."""
from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Any, TypeVar

from ...errors import InvalidRequest

Self = TypeVar("Self", bound="BaseModelPatcher")


class BaseModelPatcher(ABC):
    """Gives a pipeline controls for as long as a `with` lasts. Nothing is patched: its list of controls is longer."""

    @abstractmethod
    def apply_patches(self, model: Any) -> Any:
        """From now on the pipeline's calls have these controls. Twice is once."""

    @abstractmethod
    def remove_patches(self, model: Any) -> Any:
        """No longer."""

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        return None


class BlockIdentifier:
    """input:1, middle:0, output:2."""

    def __init__(self, block_type: str, block_index: int) -> None:
        self.block_type, self.block_index = block_type, block_index

    def __str__(self) -> str:
        return f"{self.block_type}:{self.block_index}"

    def __repr__(self) -> str:
        return f"BlockIdentifier({self.block_type!r}, {self.block_index})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BlockIdentifier) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash((self.block_type, self.block_index))

    @classmethod
    def from_string(cls, block_str: str) -> BlockIdentifier:
        """Of "type:int"; InvalidRequest, which is a ValueError, for all else."""
        kind, colon, index = block_str.partition(":")
        if not colon or not index.strip().lstrip("-").isdigit():
            raise InvalidRequest(f"[block] {block_str!r} is no block; expected type:index, such as middle:0")
        return cls(kind, int(index))
