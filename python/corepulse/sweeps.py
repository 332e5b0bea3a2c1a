"""One recipe over many values of its fields: docs/sweeps.md."""
from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Union

from . import _core
from ._names import arguments_of, check_arguments, listed, path
from ._sweep_spec import PARTS, RECIPE_ARGUMENTS, AxesLike, SpecLike, spec_of
from .errors import InvalidRequest
from .sweep_table import SweepTable

Path = Union[str, "os.PathLike[str]"]
SweepProgress = _core.SweepProgress
# Called after every cell; False stops.
SweepCallback = Callable[[_core.SweepProgress], Any]


def _shard(shard: tuple[int, int] | str | None) -> tuple[int, int]:
    if shard is None:
        return 0, 1
    try:
        first, of = shard.split("/") if isinstance(shard, str) else shard
        return int(first), int(of)
    except (TypeError, ValueError):
        raise InvalidRequest(f'[shard] {shard!r} is no shard; expected (0, 8) or "0/8"') from None


def sweep(
    spec: SpecLike | None = None,
    *,
    axes: AxesLike | None = None,
    title: str | None = None,
    out: Path = "sweep",
    resume: bool = False,
    shard: tuple[int, int] | str | None = None,
    together: int = 0,
    device: str = "auto",
    progress: SweepCallback | None = None,
    stop: _core.Stop | None = None,
    **recipe: Any,
) -> SweepTable:
    """Draws all combinations of the axes' values into the folder `out`, and gives the table.

    spec: a file of docs/sweeps.md, or what it holds. Or the recipe's arguments as a pipeline's call has them (prompt,
    controls, num_inference_steps, seed, recipe, ...), `model` and its parts, `dtype`; and axes:
    {"where": ["input:0", "middle:0"], "strength": "0..1:5", ("sampler", "steps"): [("euler", 20), ("heun", 10)]}.
    resume: goes on with what lies in `out`, and starts where nothing does. shard: (I, N), only the cells I, I + N, ...
    together: cells that one call of the network draws, at most; 0: as many as are fastest.
    progress may return False to stop: Cancelled; Ctrl-C stops, too. What was drawn is kept.
    """
    text, folder = sweep_text(spec, axes, title, recipe)
    _, _, notes = _core.run_sweep(text, folder, os.fspath(out), resume, _shard(shard), together, device, progress, stop)
    return SweepTable(out, notes)


def sweep_text(spec: SpecLike | None, axes: AxesLike | None, title: str | None, recipe: Mapping[str, Any]) -> tuple[str, str]:
    """The sweep of these arguments as text, and the folder that its paths are seen from."""
    check_arguments("sweep", recipe, [*RECIPE_ARGUMENTS, *PARTS, "dtype", *arguments_of(sweep)])
    return spec_of(spec, axes, title, recipe)


def sweep_cells(
    spec: SpecLike | None = None, *, axes: AxesLike | None = None, title: str | None = None, **recipe: Any
) -> list[dict[str, Any]]:
    """`cell`, `labels` and `recipe` of every cell of such a sweep, checked; nothing is drawn."""
    text, folder = sweep_text(spec, axes, title, recipe)
    found = enumerate(_core.sweep_cells(text, folder))
    return [{"cell": i, "labels": labels, "recipe": json.loads(one)} for i, (labels, one) in found]


def merge_sweeps(folders: Sequence[Path], out: Path) -> SweepTable:
    """Shards as one: `corepulse sweep --merge`. Shards of different sweeps, or drawn with different weights, are errors."""
    _, _, notes = _core.merge_sweeps([path("folders", folder) for folder in listed("folders", folders, "folders")], os.fspath(out))
    return SweepTable(out, notes)
