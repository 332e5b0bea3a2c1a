"""Arguments that no function has, and what was meant."""
from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from . import _core
from .errors import UnknownArgument

F = TypeVar("F", bound=Callable[..., Any])


def check_arguments(where: str, given: Mapping[str, Any], valid: Collection[str]) -> None:
    """Raises UnknownArgument for the first that is not valid."""
    for name in given:
        if name in valid:
            continue
        near = _core.nearest_name(name, list(valid))
        meant = f"did you mean {near}?" if near else f"expected one of: {', '.join(valid)}"
        raise UnknownArgument(f"[{where}] unknown argument {name}; {meant}")


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
