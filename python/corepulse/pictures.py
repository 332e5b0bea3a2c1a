"""Pictures and arrays at the border: PIL, NumPy, DLPack, paths."""
from __future__ import annotations

import base64
import io
import os
from typing import Any, Union

import numpy as np
import numpy.typing as npt
import PIL.Image

from .errors import InvalidRequest

Bytes = npt.NDArray[np.uint8]
# A file, a PIL picture, or numbers: [height, width] or [height, width, 1, 3 or 4], bytes or 0..1.
Picture = Union[str, "os.PathLike[str]", PIL.Image.Image, npt.NDArray[Any]]

# How far sums of float32 numbers of 0..1 lie beside it: less than shows in a byte.
ROUNDING = 1e-3


def as_array(value: Any) -> npt.NDArray[Any]:
    """NumPy's array of whatever speaks DLPack or NumPy's protocol: torch's on the CPU, mlx.core's, JAX's ..."""
    if isinstance(value, np.ndarray):
        return value
    if hasattr(value, "detach"):  # torch refuses arrays that want gradients
        value = value.detach().cpu()
    if "bfloat16" in str(getattr(value, "dtype", "")):  # which NumPy has not
        value = _single(value)
    if hasattr(value, "__array__"):
        return np.asarray(value)
    if hasattr(value, "__dlpack__"):
        return np.from_dlpack(value)
    raise InvalidRequest(f"[array] {type(value).__name__} is no array; expected NumPy's, or one that speaks DLPack")


def float_array(where: str, value: Any) -> npt.NDArray[np.float32]:
    """Of numbers, in C's order."""
    array = as_array(value)
    if array.dtype.kind not in "fiub":
        raise InvalidRequest(f"[{where}] an array of {array.dtype}; expected numbers")
    return np.ascontiguousarray(array, dtype=np.float32)


def _single(value: Any) -> Any:
    """MLX's and torch's halves in float32."""
    if hasattr(value, "float"):  # torch's
        return value.float()
    import mlx.core as mx

    return value.astype(mx.float32)


def to_bytes(value: Any) -> Bytes:
    """Numbers of 0..1 become 0..255; bytes stay."""
    array = as_array(value)
    if array.dtype == np.uint8:
        return array
    if array.dtype == bool:
        return array.astype(np.uint8) * np.uint8(255)
    if not np.issubdtype(array.dtype, np.floating) or not np.isfinite(array).all():
        raise InvalidRequest(f"[array] a picture of {array.dtype} numbers; expected uint8, or finite ones of 0..1")
    if array.size and not (-ROUNDING <= array.min() and array.max() <= 1 + ROUNDING):
        raise InvalidRequest(f"[array] numbers of {array.min():g}..{array.max():g}; expected 0..1, or 0..255 as uint8: which "
                             "others mean is not guessed")
    return (array.clip(0, 1) * 255).round().astype(np.uint8)


def mask_bytes(value: Any) -> Bytes:
    """The same of a mask, whose bytes may be 0 and 1 as well."""
    array = to_bytes(value)
    return array * np.uint8(255) if array.size and array.max() <= 1 else array


def to_pil(value: Any) -> PIL.Image.Image:
    """A PIL picture of an array [height, width] or [height, width, channels]; torch's [3, height, width] is not guessed."""
    if isinstance(value, PIL.Image.Image):
        return value
    array = to_bytes(value)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        raise InvalidRequest(f"[array] a picture of shape {array.shape}; expected [height, width] or [height, width, 3]")
    return PIL.Image.fromarray(array)


def png(value: Any) -> bytes:
    """The bytes of a PNG file."""
    file = io.BytesIO()
    to_pil(value).save(file, format="PNG")
    return file.getvalue()


def named_or_encoded(source: Picture, mask: bool = False) -> dict[str, str]:
    """A recipe's words for a picture: the `file`, or its `data` in base64."""
    if isinstance(source, (str, os.PathLike)):
        return {"file": os.fspath(source)}
    if mask and not isinstance(source, PIL.Image.Image):
        source = mask_bytes(source)
    return {"data": base64.b64encode(png(source)).decode("ascii")}
