"""Stable Diffusion with open attention: which layer, which moment, which part of the picture.

    import corepulse

    pipe = corepulse.Pipeline.from_pretrained("builtin")
    result = pipe("a cat in a park", seed=3, controls=[corepulse.inject("a dragon", where="content", gain_k=2, gain_v=2)])
    result.save("dragon.png")

docs/python.md is the manual; docs/control.md says what every control computes.
"""
from __future__ import annotations

from ._process import _core as _core
from . import controls, when
from ._control import Control
from ._request import load_recipe
from ._probe import ProbeView
from .attention import AttentionSite, AttentionStep, replace_attention
from .controls import *  # noqa: F403  (made from the list of kinds)
from .controls import KINDS, MaskTokens, ReplaceTokens
from .errors import (
    BadFile,
    Cancelled,
    Error,
    Internal,
    InvalidRequest,
    Io,
    NotFound,
    OutOfMemory,
    UnknownArgument,
    UnsupportedModel,
)
from .explain import Explanation
from .models import inspect_model, list_models, presets
from .patch import Patch
from .pictures import to_pil
from .pipeline import LiveControls, Pipeline, Progress, Stop
from .prediction import Prediction
from .recorded import Record, Recorded, Seen
from .region import (
    Region,
    circle,
    ellipse,
    linear_gradient,
    looked_at,
    picture,
    polygon,
    radial_gradient,
    rectangle,
)
from .result import HeatMap, Result
from .sweep_table import SweepTable
from .sweeps import SweepProgress, merge_sweeps, sweep, sweep_cells
from .trace import Trace

# The names of the program's flags.
mask = MaskTokens
replace = ReplaceTokens

__version__ = _core.version().split()[1]


def version() -> str:
    """ "corepulse 0.1.0 (MLX 0.32.4, cpu, avx512)" """
    return _core.version()


__all__ = [
    "AttentionSite",
    "AttentionStep",
    "BadFile",
    "Cancelled",
    "Control",
    "Error",
    "Explanation",
    "HeatMap",
    "Internal",
    "InvalidRequest",
    "Io",
    "LiveControls",
    "NotFound",
    "OutOfMemory",
    "Patch",
    "Pipeline",
    "Prediction",
    "ProbeView",
    "Progress",
    "Record",
    "Recorded",
    "Region",
    "Result",
    "Seen",
    "Stop",
    "SweepProgress",
    "SweepTable",
    "Trace",
    "UnknownArgument",
    "UnsupportedModel",
    "circle",
    "ellipse",
    "inspect_model",
    "linear_gradient",
    "list_models",
    "load_recipe",
    "looked_at",
    "mask",
    "merge_sweeps",
    "picture",
    "polygon",
    "presets",
    "radial_gradient",
    "rectangle",
    "replace",
    "replace_attention",
    "sweep",
    "sweep_cells",
    "to_pil",
    "version",
    "when",
]
__all__ += controls.__all__
