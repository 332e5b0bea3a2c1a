"""The logger "core_pulse": what is applied, at level info."""
from __future__ import annotations

import logging
import sys

from ...errors import InvalidRequest

LEVELS = ("debug", "info", "warning", "error", "critical")
logger = logging.getLogger("core_pulse")


def set_core_pulse_debug_level(level: str = "info") -> None:
    """Writes this and worse to the standard output."""
    if level.lower() not in LEVELS:
        raise InvalidRequest(f"[level] unknown {level!r}; expected one of: {', '.join(LEVELS)}")
    logger.setLevel(level.upper())
    if not logger.handlers:
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(logging.Formatter("%(asctime)s - %(name)s - %(levelname)s - %(message)s"))
        logger.addHandler(handler)
        logger.propagate = False
