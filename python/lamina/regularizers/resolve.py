"""From what users pass as a regularizer to the regularizer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina.registry import (
    custom_object,
    custom_object_scope,
    is_function,
    serialize_function,
    serialize_keras_object,
)
from lamina.regularizers.regularizer import REGULARIZERS, Regularizer


class FunctionRegularizer(Regularizer):
    """A function of a weight as a regularizer."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function

    def __call__(self, x: Any) -> Any:
        """What the function gives."""
        return self.function(x)


def get(identifier: Any) -> Regularizer | None:
    """The regularizer that `identifier` names; None for None.

    Args:
        identifier: A name such as "l2", a configuration, a regularizer or its class, or a function
            of a weight.

    Raises:
        ValueError: For unknown names and malformed configurations.
        TypeError: For anything else.
    """
    if identifier is None:
        return None
    if isinstance(identifier, str) and is_function(custom_object(identifier)):
        identifier = custom_object(identifier)
    if isinstance(identifier, str):
        identifier = REGULARIZERS.create({"class_name": identifier})
    elif isinstance(identifier, dict):
        identifier = REGULARIZERS.create(identifier)
    elif isinstance(identifier, type):
        identifier = identifier()
    if isinstance(identifier, Regularizer):
        if type(identifier).__call__ is Regularizer.__call__:
            identifier.factors()  # raises for a class that defines neither
        return identifier
    if callable(identifier):
        return FunctionRegularizer(identifier)
    raise TypeError(
        "A regularizer is a name, an object of lamina.regularizers or None. "
        f"Received: regularizer={identifier!r}"
    )


def serialize(regularizer: Regularizer | None) -> Any:
    """A regularizer as plain data."""
    if isinstance(regularizer, FunctionRegularizer):
        return serialize_function(regularizer.function)
    return serialize_keras_object(regularizer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Regularizer | None:
    """The regularizer of what `serialize` returned."""
    with custom_object_scope(custom_objects):
        return get(config)
