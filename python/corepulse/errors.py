"""Every exception of the package. Each code of the library has a class here, and each class its natural Python kin."""
from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class Error(Exception):
    """What the library refuses or fails at. The message reads "[where] what happened; what was expected; remedy"."""

    code: ClassVar[str] = ""


class InvalidRequest(Error, ValueError):
    """A value the caller gave is wrong: size, sampler, prompt, a field of a recipe or of a control."""

    code = "invalid_request"


class UnknownArgument(InvalidRequest, TypeError):
    """A function has no argument of that name; the message names the nearest."""


class NotFound(Error, FileNotFoundError):
    """A file, folder or model that was named does not exist."""

    code = "not_found"


class BadFile(Error, ValueError):
    """A file exists but is damaged, hostile, or not of the format it claims."""

    code = "bad_file"


class UnsupportedModel(Error):
    """A valid model that this program cannot run, or lacks a part of."""

    code = "unsupported_model"


class Io(Error, OSError):
    """Reading or writing failed: permissions, full disk."""

    code = "io"


class OutOfMemory(Error, MemoryError):
    """The run cannot fit; the message holds the estimate."""

    code = "out_of_memory"


class Cancelled(Error):
    """A callback, a Stop or the end of the interpreter ended the run."""

    code = "cancelled"


class Internal(Error):
    """A defect of the library, or a failure inside MLX."""

    code = "internal"


by_code: Mapping[str, type[Error]] = {
    c.code: c for c in (InvalidRequest, NotFound, BadFile, UnsupportedModel, Io, OutOfMemory, Cancelled, Internal)
}
