"""Arguments: those that no function has, with what was meant, and values of another kind than theirs."""
from __future__ import annotations

import functools
import inspect
import json
import math
import operator
import os
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, TypeVar

from . import _core
from .errors import InvalidRequest, UnknownArgument

F = TypeVar("F", bound=Callable[..., Any])


def check_arguments(where: str, given: Mapping[str, Any], valid: Collection[str]) -> None:
    """Raises UnknownArgument for the first that is not valid."""
    for name in given:
        if name in valid:
            continue
        near = _core.nearest_name(name, list(valid))
        meant = f"did you mean {near}?" if near else f"expected one of: {', '.join(valid)}" if valid else "expected none"
        raise UnknownArgument(f"[{where}] unknown argument {name}; {meant}")


def number(where: str, value: Any) -> float:
    """A finite number."""
    try:
        found = math.nan if isinstance(value, (str, bytes)) else float(value)
    except (TypeError, ValueError):
        found = math.nan
    if not math.isfinite(found):
        raise InvalidRequest(f"[{where}] {shown(value)}; expected a finite number")
    return found


def whole(where: str, value: Any) -> int:
    """A whole number: 3.9 is not rounded, and text is not read."""
    try:
        return operator.index(value)
    except TypeError:
        raise InvalidRequest(f"[{where}] {shown(value)}; expected a whole number") from None


def listed(where: str, value: Any, of: str) -> list[Any]:
    """Of a list or its like; None is an empty one, and text is no list of letters."""
    if value is None:
        return []
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise InvalidRequest(f"[{where}] {shown(value)}; expected a list of {of}")
    try:
        return list(value)
    except TypeError:  # an array of no dimensions
        raise InvalidRequest(f"[{where}] {shown(value)}; expected a list of {of}") from None


def function(where: str, value: Any) -> None:
    """Is one, or None."""
    if value is not None and not callable(value):
        raise InvalidRequest(f"[{where}] {shown(value)}; expected a function")


def truth(where: str, value: Any) -> bool:
    """True or False; nothing else is taken for one."""
    if not isinstance(value, bool) and type(value).__name__ not in ("bool_", "bool"):
        raise InvalidRequest(f"[{where}] {shown(value)}; expected True or False")
    return bool(value)


def as_json(where: str, value: Any) -> str:
    """Of what JSON has."""
    try:
        return json.dumps(value)
    except (TypeError, ValueError) as error:
        raise InvalidRequest(f"[{where}] {error}; expected numbers and text as docs/recipe.schema.json has them") from None


def fields(where: str, value: Any) -> dict[str, Any]:
    """Of a mapping; None is an empty one."""
    if value is not None and not isinstance(value, Mapping):
        raise InvalidRequest(f"[{where}] {shown(value)}; expected fields and their values, as docs/recipe.schema.json has them")
    return dict(value or {})


def path(where: str, value: Any) -> str:
    """A file's, a folder's or a model's name."""
    try:
        return os.fsdecode(value)
    except TypeError:
        raise InvalidRequest(f"[{where}] {shown(value)}; expected a path") from None


def shown(value: Any) -> str:
    """Its kind and, where it is short, itself."""
    text, kind = repr(value), type(value).__name__
    return f"{text} ({kind})" if len(text) <= 60 else f"of type {kind}"


def arguments_of(function: Callable[..., Any]) -> list[str]:
    """Names of what it takes, but for self."""
    return [name for name in inspect.signature(function).parameters if name != "self"]


def names_nearest(function: F) -> F:
    """Its unknown arguments are UnknownArgument, which names the nearest."""
    valid = arguments_of(function)

    @functools.wraps(function)
    def checked(*args: Any, **named: Any) -> Any:
        check_arguments(function.__qualname__.removesuffix(".__call__"), named, valid)
        return function(*args, **named)

    return checked  # type: ignore[return-value]
