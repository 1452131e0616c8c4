"""The custom parts of a model, which a copy of it in this program has to know."""

from __future__ import annotations

from typing import Any

from lamina.registry import Registry, serialize_function


def custom_objects(model: Any) -> dict[str, Any]:
    """A model's custom classes and functions, by their names in files."""
    found: dict[str, Any] = {}
    _note(type(model), found)
    for layer in model._leaves():
        _note(type(layer), found)
        for value in vars(layer).values():
            _note_part(value, found)
        for variable in layer._variables.values():
            _note_part(variable.regularizer, found)
            _note_part(variable.constraint, found)
    compiled = model._trainer.config
    if compiled is not None:
        for part in (compiled.optimizer, *compiled.parts()):
            _note_part(part, found)
        _note_part(getattr(compiled.optimizer, "_learning_rate", None), found)
    return found


def _note(cls: type, found: dict[str, Any]) -> None:
    if not any(registry.is_builtin(cls) for registry in Registry._all.values()):
        found[cls.__name__] = cls


def _note_part(part: Any, found: dict[str, Any]) -> None:
    for name in ("fn", "_fn", "function"):
        function = getattr(part, name, None)
        if callable(function) and hasattr(function, "__name__"):
            _note_function(function, found)
    if hasattr(part, "get_config") and not isinstance(part, type):
        _note(type(part), found)
    elif callable(part) and hasattr(part, "__code__"):
        _note_function(part, found)


def _note_function(function: Any, found: dict[str, Any]) -> None:
    if not getattr(function, "__module__", "").startswith("lamina.") and hasattr(
        function, "__code__"
    ):
        try:
            found[serialize_function(function)] = function
        except ValueError:  # a lambda: saving it raises
            return
