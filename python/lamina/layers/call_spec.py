"""What the functions of custom parts take: names of arguments, looked up once a class."""

from __future__ import annotations

import inspect
from typing import Any

#: Arguments that every layer takes: its configuration has them anyway.
_COMMON = frozenset(
    (
        "name",
        "dtype",
        "trainable",
        "activity_regularizer",
        "input_shape",
        "input_dim",
        "batch_input_shape",
    )
)

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


def plain_arguments(
    cls: type, args: tuple[Any, ...], options: dict[str, Any]
) -> dict[str, Any] | None:
    """What a constructor got beside what all layers take; None unless it is plain data."""
    try:
        bound = inspect.signature(cls.__init__).bind(None, *args, **options)  # type: ignore[misc]
    except TypeError:  # the constructor will say so
        return None
    found: dict[str, Any] = {}
    parameters = bound.signature.parameters
    for name, value in list(bound.arguments.items())[1:]:
        kind = parameters[name].kind
        if kind is inspect.Parameter.VAR_POSITIONAL:
            return None
        found.update(value if kind is inspect.Parameter.VAR_KEYWORD else {name: value})
    try:
        return {name: _plain(value) for name, value in found.items() if name not in _COMMON}
    except TypeError:
        return None


def _plain(value: Any) -> Any:
    """A copy of plain data; TypeError for anything else."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _plain(item) for key, item in value.items()}
    raise TypeError
