"""From what users pass as a constraint to the constraint."""

from __future__ import annotations

from typing import Any

from lamina.constraints.constraint import CONSTRAINTS, Constraint
from lamina.saving.serialization import custom_object_scope, serialize_keras_object


def get(identifier: Any) -> Constraint | None:
    """The constraint that `identifier` names; None for None.

    Args:
        identifier: A name such as "non_neg", a configuration, a constraint or its class.

    Raises:
        ValueError: For unknown names and malformed configurations.
        NotImplementedError: For functions and classes of the caller's own.
        TypeError: For anything else.
    """
    if identifier is None:
        return None
    if isinstance(identifier, str):
        identifier = CONSTRAINTS.create({"class_name": identifier})
    elif isinstance(identifier, dict):
        identifier = CONSTRAINTS.create(identifier)
    elif isinstance(identifier, type):
        identifier = identifier()
    if isinstance(identifier, Constraint):
        if type(identifier).specification is Constraint.specification:
            identifier.specification(())  # raises: a class of the caller's own
        return identifier
    if callable(identifier):
        raise NotImplementedError(
            "Constraints of your own are not supported yet: use those of lamina.constraints. "
            f"Received: constraint={identifier!r}"
        )
    raise TypeError(
        "A constraint is a name, an object of lamina.constraints or None. "
        f"Received: constraint={identifier!r}"
    )


def serialize(constraint: Constraint | None) -> Any:
    """A constraint as plain data."""
    return serialize_keras_object(constraint)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Constraint | None:
    """The constraint of what `serialize` returned."""
    with custom_object_scope(custom_objects):
        return get(config)
