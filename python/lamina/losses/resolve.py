"""From what users pass as `loss=` to the loss."""

from __future__ import annotations

from typing import Any

from lamina.losses import crossentropy, divergence, focal, labels, margin, overlap, regression
from lamina.losses.loss import LOSSES, Loss
from lamina.saving.serialization import custom_object_scope, serialize_keras_object

_FUNCTIONS = {
    function: function.__name__
    for function in (
        regression.cosine_similarity,
        regression.huber,
        regression.log_cosh,
        regression.mean_absolute_error,
        regression.mean_absolute_percentage_error,
        regression.mean_squared_error,
        regression.mean_squared_logarithmic_error,
        regression.quantile,
        crossentropy.binary_crossentropy,
        crossentropy.categorical_crossentropy,
        crossentropy.sparse_categorical_crossentropy,
        focal.binary_focal_crossentropy,
        focal.categorical_focal_crossentropy,
        divergence.kl_divergence,
        divergence.poisson,
        margin.categorical_hinge,
        margin.hinge,
        margin.squared_hinge,
        labels.circle,
        overlap.dice,
        overlap.tversky,
    )
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


def deserialize(name: Any, custom_objects: dict[str, Any] | None = None) -> Loss:
    """The loss of what `serialize` returned."""
    with custom_object_scope(custom_objects):
        return get(name)
