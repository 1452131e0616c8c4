"""Targets that fit predictions.

A trailing axis of 1 may be missing or too many, and nothing else is ever broadcast.
"""

from __future__ import annotations

from typing import NamedTuple

from lamina._typing import Array, Shape


class TargetRule(NamedTuple):
    """What targets may be.

    Args:
        labels: Integer labels, rather than rows like the predictions.
        ignore_class: A label that needs to be no class.
        missing: NaN, which counts nowhere.
        columns: Labels are columns of the predictions; else any integers from 0 on.
        free: Anything with one row for each sample, for a custom loss.
    """

    labels: bool
    ignore_class: int | None = None
    missing: bool = False
    columns: bool = True
    free: bool = False


def align_values(y: Array, shape: Shape, name: str = "y_true") -> Array:
    """A view of `y` with `shape`, the shape of the predictions.

    Raises:
        ValueError: If more than a trailing axis of 1 differs.
    """
    if y.shape == shape:
        return y
    if shape and shape[-1] == 1 and y.shape == shape[:-1]:
        return y[..., None]
    if y.ndim and y.shape == (*shape, 1):
        return y[..., 0]
    raise ValueError(
        f"`{name}` must have the shape of the predictions, {shape}; only a last axis of 1 may "
        f"be left out. Received: {name}.shape={y.shape}"
    )


def align_labels(y: Array, shape: Shape, name: str = "y_true") -> Array:
    """A view of integer labels `y` with `shape[:-1]`; the last axis of `shape` are the classes.

    Raises:
        ValueError: If more than a trailing axis of 1 differs.
    """
    if y.shape == shape[:-1]:
        return y
    if y.shape == (*shape[:-1], 1):
        return y[..., 0]
    hint = ""
    if y.shape == shape:
        hint = " For one-hot rows use categorical crossentropy or categorical accuracy."
    raise ValueError(
        f"`{name}` must hold one integer label for each prediction, shape {shape[:-1]}.{hint} "
        f"Received: {name}.shape={y.shape}"
    )
