"""Masks: arrays [height, width] of 0..1 as CorePulse's were, which also know the shape that they are."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Union

import numpy as np
import numpy.typing as npt
import PIL.Image

from ..errors import InvalidRequest
from ..pictures import as_array, mask_bytes
from ..region import Region, picture, region_data

Floats = npt.NDArray[np.float32]
RegionData = dict[str, Any]
# What every spatial_mask and region argument takes: masks of this package, arrays (NumPy's, torch's, whoever speaks
# DLPack), PIL pictures, and corepulse's own regions.
MaskLike = Union["Mask", npt.NDArray[Any], PIL.Image.Image, Region, str, Mapping[str, Any]]


class Mask(np.ndarray[Any, np.dtype[np.float32]]):
    """Read only, so that `region` stays true; what is computed from it is an array as any other.

    `region` is the shape as a recipe says it, exact at every size and aspect of the picture, or None; `hard` whether all
    values are 0 or 1.
    """

    region: RegionData | None
    hard: bool

    def __new__(cls, values: npt.ArrayLike, region: RegionData | None = None, hard: bool = False) -> Mask:
        mask = np.array(values, dtype=np.float32).view(cls)
        mask.region, mask.hard = region, hard
        mask.setflags(write=False)
        return mask

    def __array_finalize__(self, other: Any) -> None:
        self.region, self.hard = None, False


def array_of(mask: Any, name: str = "mask") -> Floats:
    """[height, width] of 0..1, or InvalidRequest: nothing is flattened, cut or scaled in silence."""
    if isinstance(mask, PIL.Image.Image):
        return np.asarray(mask.convert("L"), dtype=np.float32) / np.float32(255)
    array = np.asarray(as_array(mask))
    if array.ndim != 2 or 0 in array.shape:
        raise InvalidRequest(f"[{name}] a mask of shape {array.shape}; expected [height, width]")
    if array.dtype == np.uint8:
        array = mask_bytes(array) / np.float32(255)
    array = array.astype(np.float32)
    if not np.isfinite(array).all() or array.min() < 0 or array.max() > 1:
        raise InvalidRequest(f"[{name}] values of {array.min():g}..{array.max():g}; expected 0 (not here) to 1 (here)")
    return array


def region_of(mask: MaskLike | None, name: str = "spatial_mask") -> RegionData | None:
    """As a control has it; None is everywhere."""
    if mask is None:
        return None
    if isinstance(mask, (Region, str, Mapping)):
        return region_data(mask)
    if isinstance(mask, Mask) and mask.region is not None:
        return dict(mask.region)
    array = array_of(mask, name)
    if not array.any():
        raise InvalidRequest(f"[{name}] the mask is 0 everywhere; expected a part of the picture")
    return picture(array).data()


def inverted(region: RegionData) -> RegionData:
    """The rest of the picture."""
    return (~Region(region)).data()
