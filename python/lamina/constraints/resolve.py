"""From what users pass as a constraint to the constraint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina.constraints.constraint import CONSTRAINTS, Constraint
from lamina.registry import (
    custom_object,
    custom_object_scope,
    is_function,
    serialize_function,
    serialize_keras_object,
)


class FunctionConstraint(Constraint):
    """A function of a weight as a constraint."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function

    def __call__(self, w: Any) -> Any:
        """What the function gives."""
        return self.function(w)


def get(identifier: Any) -> Constraint | None:
    """The constraint that `identifier` names; None for None.

    Args:
        identifier: A name such as "non_neg", a configuration, a constraint or its class, or a
            function of a weight.

    Raises:
        ValueError: For unknown names and malformed configurations.
        TypeError: For anything else.
    """
    if identifier is None:
        return None
    if isinstance(identifier, str) and is_function(custom_object(identifier)):
        identifier = custom_object(identifier)
    if isinstance(identifier, str):
        identifier = CONSTRAINTS.create({"class_name": identifier})
    elif isinstance(identifier, dict):
        identifier = CONSTRAINTS.create(identifier)
    elif isinstance(identifier, type):
        identifier = identifier()
    if isinstance(identifier, Constraint):
        cls = type(identifier)
        if cls.__call__ is Constraint.__call__ and cls.specification is Constraint.specification:
            identifier.specification(())  # raises: a class that defines neither
        return identifier
    if callable(identifier):
        return FunctionConstraint(identifier)
    raise TypeError(
        "A constraint is a name, an object of lamina.constraints or None. "
        f"Received: constraint={identifier!r}"
    )


def serialize(constraint: Constraint | None) -> Any:
    """A constraint as plain data."""
    if isinstance(constraint, FunctionConstraint):
        return serialize_function(constraint.function)
    return serialize_keras_object(constraint)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Constraint | None:
    """The constraint of what `serialize` returned."""
    with custom_object_scope(custom_objects):
        return get(config)
