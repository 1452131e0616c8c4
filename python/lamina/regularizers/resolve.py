"""From what users pass as a regularizer to the regularizer."""

from __future__ import annotations

from typing import Any

from lamina.regularizers.regularizer import REGULARIZERS, Regularizer
from lamina.saving.serialization import custom_object_scope, serialize_keras_object


def get(identifier: Any) -> Regularizer | None:
    """The regularizer that `identifier` names; None for None.

    Args:
        identifier: A name such as "l2", a configuration, a regularizer or its class.

    Raises:
        ValueError: For unknown names and malformed configurations.
        NotImplementedError: For functions and classes of the caller's own.
        TypeError: For anything else.
    """
    if identifier is None:
        return None
    if isinstance(identifier, str):
        identifier = REGULARIZERS.create({"class_name": identifier})
    elif isinstance(identifier, dict):
        identifier = REGULARIZERS.create(identifier)
    elif isinstance(identifier, type):
        identifier = identifier()
    if isinstance(identifier, Regularizer):
        if type(identifier)._attach_to is Regularizer._attach_to:
            identifier.factors()  # raises for classes of the caller's own
        return identifier
    if callable(identifier):
        raise NotImplementedError(
            "Regularizers of your own are not supported yet: use those of lamina.regularizers. "
            f"Received: regularizer={identifier!r}"
        )
    raise TypeError(
        "A regularizer is a name, an object of lamina.regularizers or None. "
        f"Received: regularizer={identifier!r}"
    )


def serialize(regularizer: Regularizer | None) -> Any:
    """A regularizer as plain data."""
    return serialize_keras_object(regularizer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Regularizer | None:
    """The regularizer of what `serialize` returned."""
    with custom_object_scope(custom_objects):
        return get(config)
