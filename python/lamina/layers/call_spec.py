"""What the functions of custom parts take: names of arguments, looked up once a class."""

from __future__ import annotations

import inspect
from typing import Any

_call_arguments: dict[Any, frozenset[str]] = {}


def call_takes(cls: type, argument: str) -> bool:
    """Whether the `call` of a class has an argument of that name, or takes any."""
    call = cls.call  # type: ignore[attr-defined]
    names = _call_arguments.get(call)
    if names is None:
        parameters = inspect.signature(call).parameters.values()
        names = frozenset(
            "**" if p.kind is inspect.Parameter.VAR_KEYWORD else p.name for p in parameters
        )
        _call_arguments[call] = names
    return argument in names or "**" in names


def constructor_of(cls: type) -> frozenset[str]:
    """The names of a constructor's arguments; "*" and "**" for those that take any."""
    kinds: dict[Any, str] = {
        inspect.Parameter.VAR_KEYWORD: "**",
        inspect.Parameter.VAR_POSITIONAL: "*",
    }
    parameters = inspect.signature(cls.__init__).parameters.values()  # type: ignore[misc]
    return frozenset(kinds.get(p.kind, p.name) for p in parameters)


def function_takes(function: Any, argument: str) -> bool:
    """Whether a function has an argument of that name."""
    try:
        return argument in inspect.signature(function).parameters
    except (TypeError, ValueError):  # built in
        return False
