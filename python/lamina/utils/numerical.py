"""Labels as one-hot rows, and rows of length 1."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina import _checks
from lamina._arrays import real_array
from lamina._typing import Array
from lamina.config import floatx


def to_categorical(x: Any, num_classes: int | None = None) -> Array:
    """Class labels as one-hot rows.

    Args:
        x: Integer labels of any shape; a last axis of 1 is dropped.
        num_classes: The length of a row; None takes the largest label plus one.

    Returns:
        An array of `floatx()` of shape `x.shape + (num_classes,)`.

    Raises:
        TypeError: If `x` is not an array of real numbers.
        ValueError: If a label is negative, fractional, NaN or too large.

    Example:
        >>> lamina.utils.to_categorical([0, 2], num_classes=3)
        array([[1., 0., 0.],
               [0., 0., 1.]], dtype=float32)
    """
    labels = real_array(x, "x")
    if labels.size == 0:
        raise ValueError("to_categorical: at least one label is needed. Received: no labels")
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if labels.dtype.kind == "f" and not bool(np.isfinite(labels).all()):
        raise ValueError("to_categorical: labels must be integers. Received: NaN or infinity")
    indices = labels.astype(np.int64)
    if not bool((indices == labels).all()) or int(indices.min()) < 0:
        raise ValueError(
            "to_categorical: labels must be integers of at least 0. "
            f"Received: values from {labels.min()} to {labels.max()}"
        )
    classes = int(indices.max()) + 1
    if num_classes is not None:
        wanted = _checks.integer("to_categorical", "num_classes", num_classes, low=1)
        if classes > wanted:
            raise ValueError(
                f"to_categorical: labels must be less than num_classes={wanted}. "
                f"Received: label {classes - 1}"
            )
        classes = wanted
    if indices.size * classes > _checks.MOST_ELEMENTS:
        raise ValueError(
            "to_categorical: the result would have more elements than memory can hold. "
            f"Received: {indices.size} labels of {classes} classes"
        )
    rows = np.zeros((indices.size, classes), dtype=floatx())
    rows[np.arange(indices.size), indices.reshape(-1)] = 1.0
    return rows.reshape(*indices.shape, classes)


def normalize(x: Any, axis: int = -1, order: float = 2) -> Array:
    """An array whose vectors along an axis have norm 1; vectors of zeros stay as they are.

    The terms of a norm are added in order, so the result has the same bits everywhere.

    Args:
        x: An array of real numbers.
        axis: The axis along which vectors lie.
        order: 1 (sum of magnitudes), 2 (Euclidean) or infinity (largest magnitude).

    Returns:
        A float array of the shape of `x`.

    Raises:
        TypeError: If `x` is not an array of real numbers.
        ValueError: For another order, or an axis that is not there.

    Example:
        >>> lamina.utils.normalize(np.array([[3.0, 4.0], [0.0, 0.0]]))
        array([[0.6, 0.8],
               [0. , 0. ]])
    """
    array = real_array(x, "x")
    values = array if array.dtype.kind == "f" else array.astype(np.float64)
    if values.ndim == 0:
        values = values.reshape(1)
    place = _checks.integer("normalize", "axis", axis, low=-values.ndim, high=values.ndim - 1)
    if order not in (1, 2, float("inf")):
        raise ValueError(f"normalize: `order` must be 1, 2 or infinity. Received: order={order!r}")
    vectors = np.moveaxis(values, place, 0)
    norm = np.zeros(vectors.shape[1:], values.dtype)
    for part in vectors:
        if order == float("inf"):
            norm = np.maximum(norm, np.abs(part))
        else:
            norm = norm + (np.abs(part) if order == 1 else part * part)
    if order == 2:
        norm = np.sqrt(norm)
    norm = np.where(norm == 0, np.ones((), values.dtype), norm)
    return np.moveaxis(vectors / norm, 0, place)
