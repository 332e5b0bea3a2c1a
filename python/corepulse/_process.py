"""Whether this interpreter, process and MLX can carry the extension; and what happens at the interpreter's end."""
from __future__ import annotations

import atexit
import ctypes
import importlib.metadata
import importlib.util
import pathlib
import sys

from ._built_for import COMPUTES, MLX

# The computing halves of MLX: wheels of which each brings the same library.
HALVES = ("mlx-cpu", "mlx-cuda-12", "mlx-cuda-13", "mlx-metal")


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _check_mlx() -> None:
    """Before anything is loaded: another version's library may lack what the extension wants, or take it otherwise."""
    for name in ("mlx", COMPUTES):
        found = _installed(name)
        if found not in (None, MLX):  # None: _load_mlx says so
            raise ImportError(
                f"corepulse was built for MLX {MLX}, and {name} {found} is installed; no two versions of MLX promise the same "
                f"binary interface: pip install {name}=={MLX}"
            )
    for name in HALVES:
        if name != COMPUTES and _installed(name) is not None:
            raise ImportError(
                f"corepulse was built for {COMPUTES}, and {name} is installed, whose library takes its place; expected: pip "
                f"uninstall {name}, then pip install --force-reinstall --no-deps {COMPUTES}=={MLX}; or corepulse's wheel for {name}"
            )


def _load_mlx() -> None:
    """MLX's library, before the extension looks for it: packages may lie in folders of different environments."""
    spec = importlib.util.find_spec("mlx")
    folders = list(spec.submodule_search_locations or []) if spec else []
    suffix = "dylib" if sys.platform == "darwin" else "so"
    for folder in folders:
        library = pathlib.Path(folder, "lib", f"libmlx.{suffix}")
        if library.is_file():
            try:
                ctypes.CDLL(str(library))
            except OSError as error:
                driver = " and NVIDIA's driver" if "cuda" in COMPUTES else ""
                raise ImportError(f"MLX's library does not load: {error}; expected {COMPUTES} {MLX}{driver}") from error
            return
    raise ImportError(f"corepulse computes with MLX, whose library is not installed here; expected: pip install mlx=={MLX} {COMPUTES}=={MLX}")


_check_mlx()
_load_mlx()

from . import _core as _core  # noqa: E402  (needs MLX's library)


def _check() -> None:
    if not _core.in_main_interpreter():
        raise ImportError("corepulse computes in the main interpreter only; expected no sub-interpreter: use a process")
    atexit.register(_core.stop_all)


_check()
