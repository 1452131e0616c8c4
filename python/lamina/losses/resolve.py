"""From what users pass as `loss=` to the loss."""

from __future__ import annotations

from typing import Any

from lamina.losses import crossentropy, divergence, focal, labels, margin, overlap, regression
from lamina.losses.loss import LOSSES, Loss
from lamina.registry import (
    custom_object,
    custom_object_scope,
    serialize_function,
    serialize_keras_object,
)

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
        identifier: A name, a configuration, a loss or its class, or a function: of this module, or
            of (y_true, y_pred), with functions of `lamina.ops`.

    Raises:
        ValueError: For an unknown name.
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
        own = custom_object(identifier)
        if own is not None and not isinstance(own, type):
            return get(own)
        identifier = {"class_name": identifier}
    if isinstance(identifier, dict):
        loss = LOSSES.create(identifier)
        if not isinstance(loss, Loss):
            raise ValueError(f"A loss is needed. Received: {loss!r}")
        return loss
    if callable(identifier):
        if identifier in _FUNCTIONS:
            return get(_FUNCTIONS[identifier])
        from lamina.losses.function_wrapper import LossFunctionWrapper

        return LossFunctionWrapper(identifier)
    raise TypeError(
        f"A loss is a name, an object or a function of lamina.losses. Received: {identifier!r}"
    )


def serialize(loss: Loss) -> Any:
    """A loss as plain data."""
    if hasattr(loss, "fn") and not loss.is_native():
        return serialize_function(loss.fn) if plain_wrapper(loss) else serialize_keras_object(loss)
    return serialize_keras_object(loss)


def deserialize(name: Any, custom_objects: dict[str, Any] | None = None) -> Loss:
    """The loss of what `serialize` returned."""
    with custom_object_scope(custom_objects):
        return get(name)


def plain_wrapper(loss: Any) -> bool:
    """Whether a loss is nothing but a function's name."""
    return not loss._fn_kwargs and loss.reduction == "sum_over_batch_size"
