"""One call of the UNet: latents at a noise level and a prompt in, a prediction out, with all that controls do."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ._names import check_arguments, listed, number, truth
from .errors import InvalidRequest
from .pictures import float_array
from .recorded import Numbers, Record, Recorded, RecordLike
from .result import Floats, HeatMap, Result

if TYPE_CHECKING:
    from .pipeline import Pipeline

# Of a call's arguments, those that mean something here, beside unet_call's own.
ALLOWED = ("prompt_2", "negative_prompt_2", "guidance_rescale", "clip_skip", "syntax", "embeddings", "loras", "compat",
           "controls", "attention", "patch", "stop")


class Prediction:
    """What the UNet says, [images, 4, h, w] as torch orders it: epsilon, v or x0, as the model's `prediction` is.

    prediction: of the prompt's rows; negative: of the negative prompt's, if they were read; guided: what guidance makes
    of them; denoised: the estimate of the final latents. recorded, heatmaps: what was asked for. `result`: the run.
    """

    def __init__(self, result: Result, recorded: Recorded, asked: Recorded) -> None:
        self.result, self.recorded = result, recorded
        rows = asked.one(of="prediction")
        self.sigma, self.timestep = rows.sigma, rows.timestep
        self.prediction = _side(rows.values, rows.rows, "prompt")
        self.negative = _side(rows.values, rows.rows, "negative") if ("negative" in {s for _, s in rows.rows}) else None
        self.guided = _torch_order(asked.one(of="guided").values)
        self.denoised: Floats = result.latents

    @property
    def heatmaps(self) -> list[HeatMap]:
        """Of captures."""
        return self.result.heatmaps

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Floats:
        return np.array(self.prediction, dtype=dtype)

    def __repr__(self) -> str:
        return f"<Prediction {self.prediction.shape} at sigma {self.sigma:.4g}, timestep {self.timestep:.4g}; {self.recorded!r}>"


def unet_call(pipe: Pipeline, latents: Any, sigma: float | None, timestep: float | None, as_input: bool,
              record: Sequence[RecordLike], given: Mapping[str, Any]) -> Prediction:
    """A run of one step, whose sampler goes to the estimate."""
    check_arguments("unet_call", {n: v for n, v in given.items() if n not in _OWN}, ALLOWED)
    if (sigma is None) == (timestep is None):
        raise InvalidRequest("[unet_call] sigma and timestep; expected one of them")
    level: dict[str, Any] = {"sigmas": [number("sigma", sigma)]} if sigma is not None else {"timesteps": [number("timestep", timestep)]}
    x = float_array("latents", latents)
    x = x[None] if x.ndim == 3 else x
    run = {**given, **level, "latents": x, "latents_scaled": True, "seed": [0] * len(x), "sampler": "euler", "num_inference_steps": 1}
    if truth("as_input", as_input):
        x = x * np.float32(_input_scale(pipe, run))
    asked, recorded = Recorded(), Recorded()
    kept = [(asked, Record(of="prediction")), (asked, Record(of="guided")), *((recorded, one) for one in listed("record", record, "records"))]
    result = pipe._run_recorded({**run, "latents": x, "output_type": "latent"}, kept)
    return Prediction(result, recorded, asked)


_OWN = ("prompt", "negative_prompt", "guidance_scale")


def _input_scale(pipe: Pipeline, run: Mapping[str, Any]) -> float:
    """From what the UNet reads to x."""
    sigma = float(pipe.explain(**run).data["calls"][0]["sigma"])
    data = float(pipe.info.get("edm") or 1)
    return float(np.sqrt(sigma * sigma + data * data))


def _torch_order(values: Numbers) -> Numbers:
    return np.ascontiguousarray(values.transpose(0, 3, 1, 2))


def _side(values: Numbers, rows: Sequence[tuple[int, str]], side: str) -> Numbers:
    return _torch_order(values[[i for i, (_, own) in enumerate(rows) if own == side]])
