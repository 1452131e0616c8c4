"""From what users pass as `optimizer=` to the optimizer."""

from __future__ import annotations

from typing import Any

from lamina.optimizers.optimizer import OPTIMIZERS, Optimizer
from lamina.registry import custom_object_scope, serialize_keras_object


def get(identifier: Any) -> Optimizer:
    """The optimizer that `identifier` names.

    Args:
        identifier: A name, a configuration, an optimizer or its class.

    Raises:
        ValueError: For an unknown name.
        TypeError: For anything else.
    """
    if isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, Optimizer):
        return identifier.from_config({})
    if isinstance(identifier, str):
        lower = identifier.lower()  # as in Keras, case does not matter
        identifier = {"class_name": lower if OPTIMIZERS.knows(lower) else identifier}
    if isinstance(identifier, dict):
        optimizer = OPTIMIZERS.create(identifier)
        if not isinstance(optimizer, Optimizer):
            raise ValueError(f"An optimizer is needed. Received: {optimizer!r}")
        return optimizer
    raise TypeError(
        f"An optimizer is a name or an object of lamina.optimizers. Received: {identifier!r}"
    )


def serialize(optimizer: Optimizer) -> Any:
    """An optimizer's settings as plain data."""
    return serialize_keras_object(optimizer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Optimizer:
    """The optimizer of what `serialize` returned."""
    with custom_object_scope(custom_objects):
        return get(config)
