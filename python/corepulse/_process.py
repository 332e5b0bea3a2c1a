"""Whether this interpreter, process and MLX can carry the extension; and what happens at the interpreter's end."""
from __future__ import annotations

import atexit
import ctypes
import importlib.metadata
import importlib.util
import pathlib
import sys

from ._built_for import MLX


def _check_mlx() -> None:
    """Before anything is loaded: another version's library may lack what the extension wants, or take it otherwise."""
    try:
        found = importlib.metadata.version("mlx")
    except importlib.metadata.PackageNotFoundError:
        return  # _load_mlx says so
    if found != MLX:
        raise ImportError(
            f"corepulse was built for MLX {MLX}, and {found} is installed; no two versions of MLX promise the same binary "
            f"interface: pip install mlx=={MLX}"
        )


def _load_mlx() -> None:
    """MLX's library, before the extension looks for it: packages may lie in folders of different environments."""
    spec = importlib.util.find_spec("mlx")
    folders = list(spec.submodule_search_locations or []) if spec else []
    suffix = "dylib" if sys.platform == "darwin" else "so"
    for folder in folders:
        library = pathlib.Path(folder, "lib", f"libmlx.{suffix}")
        if library.is_file():
            ctypes.CDLL(str(library))
            return
    raise ImportError(
        "corepulse computes with MLX, whose library is not installed here; expected: pip install 'mlx[cpu]'"
        if sys.platform == "linux"
        else "corepulse computes with MLX, which is not installed here; expected: pip install mlx"
    )


_check_mlx()
_load_mlx()

from . import _core as _core  # noqa: E402  (needs MLX's library)


def _check() -> None:
    if not _core.in_main_interpreter():
        raise ImportError("corepulse computes in the main interpreter only; expected no sub-interpreter: use a process")
    atexit.register(_core.stop_all)


_check()
