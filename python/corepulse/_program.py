"""The program `corepulse`, which lies inside the package."""
from __future__ import annotations

import os
import pathlib
import sys


def program() -> str:
    """Its path."""
    return os.fspath(pathlib.Path(__file__).resolve().parent / "bin" / "corepulse")


def main() -> None:
    """Becomes the program: its signals, its exit status."""
    os.execv(program(), ["corepulse", *sys.argv[1:]])
