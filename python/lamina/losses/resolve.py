"""From what users pass as `loss=` to the loss."""

from __future__ import annotations

from typing import Any

from lamina.losses import crossentropy, regression
from lamina.losses.loss import LOSSES, Loss
from lamina.saving.serialization import custom_object_scope, serialize_keras_object

_FUNCTIONS = {
    regression.mean_squared_error: "mean_squared_error",
    regression.mean_absolute_error: "mean_absolute_error",
    regression.huber: "huber",
    crossentropy.binary_crossentropy: "binary_crossentropy",
    crossentropy.categorical_crossentropy: "categorical_crossentropy",
    crossentropy.sparse_categorical_crossentropy: "sparse_categorical_crossentropy",
}


def get(identifier: Any) -> Loss:
    """The loss that `identifier` names.

    Args:
        identifier: A name, a configuration, a loss or its class, or a function of this module.

    Raises:
        ValueError: For an unknown name.
        NotImplementedError: For a function of the caller's own.
        TypeError: For anything else.

    Example:
        >>> lamina.losses.get("mse").name
        'mean_squared_error'
    """
    if isinstance(identifier, Loss):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, Loss):
        return identifier()
    if isinstance(identifier, str):
        identifier = {"class_name": identifier}
    if isinstance(identifier, dict):
        loss = LOSSES.create(identifier)
        if not isinstance(loss, Loss):
            raise ValueError(f"A loss is needed. Received: {loss!r}")
        return loss
    if callable(identifier):
        if identifier in _FUNCTIONS:
            return get(_FUNCTIONS[identifier])
        raise NotImplementedError(
            "Loss functions of your own cannot train a model yet: use one of lamina.losses. "
            f"Received: {identifier!r}"
        )
    raise TypeError(
        f"A loss is a name, an object or a function of lamina.losses. Received: {identifier!r}"
    )


def serialize(loss: Loss) -> Any:
    """A loss as plain data."""
    return serialize_keras_object(loss)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Loss:
    """The loss of what `serialize` returned."""
    with custom_object_scope(custom_objects):
        return get(config)
