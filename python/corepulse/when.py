"""When a control acts, and how a number changes over the run.

    inject("a dragon", when=when.sigma(15, 2), strength=when.ramp(0.1, 0.9))
"""
from __future__ import annotations

import math

Ends = dict[str, list[float]]


def steps(first: int, end: int) -> Ends:
    """first <= step < end."""
    return {"steps": [first, end]}


def progress(first: float, last: float) -> Ends:
    """step / (steps - 1), both ends included."""
    return {"progress": [first, last]}


def sigma(start: float = math.inf, end: float = 0) -> Ends:
    """Noise level, from high to low, both ends included."""
    return {"sigma": [start, end]}


def percent(start: float, end: float) -> Ends:
    """As ComfyUI's nodes count: 0 is the noisiest timestep."""
    return {"percent": [start, end]}


def ramp(start: float, end: float, edge: float = 0.1, height: float = 1) -> Ends:
    """A number: 0 up to `start`, rising to `height` within `edge`, and back to 0 within `edge` before `end`."""
    return {"ramp": [start, end, edge, height]}
