"""Into which parts a barrier cuts the picture."""
from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InvalidRequest

MOST = 16
Run = tuple[int, int, int]  # row, first column, end


def _runs(open_: npt.NDArray[Any]) -> list[list[Run]]:
    """Of free pixels, row by row."""
    rows: list[list[Run]] = []
    for y, row in enumerate(open_):
        edges = np.flatnonzero(np.diff(np.concatenate(([0], row.astype(np.int8), [0]))))
        rows.append([(y, int(a), int(b)) for a, b in zip(edges[::2], edges[1::2])])
    return rows


def _root(parents: list[int], i: int) -> int:
    while parents[i] != i:
        parents[i] = parents[parents[i]]
        i = parents[i]
    return i


def sides(barrier: npt.NDArray[Any]) -> list[npt.NDArray[np.bool_]]:
    """The connected parts of what is not the barrier (values up to a half), as masks of the same size."""
    rows = _runs(barrier <= 0.5)
    flat = [run for row in rows for run in row]
    number = {run: i for i, run in enumerate(flat)}
    parents = list(range(len(flat)))
    for above, below in zip(rows, rows[1:]):
        for a in above:
            for b in below:
                if a[1] < b[2] and b[1] < a[2]:
                    parents[_root(parents, number[a])] = _root(parents, number[b])
    parts: dict[int, npt.NDArray[np.bool_]] = {}
    for i, (y, first, end) in enumerate(flat):
        root = _root(parents, i)
        if root not in parts and len(parts) == MOST:
            raise InvalidRequest(f"[barrier_region] it cuts the picture into more than {MOST} parts")
        parts.setdefault(root, np.zeros(barrier.shape, dtype=bool))[y, first:end] = True
    return list(parts.values())
