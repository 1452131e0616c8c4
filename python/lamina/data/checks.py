"""Samples for training: checked against the model once, before anything happens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

import lamina._core as _core
from lamina import _checks
from lamina._arrays import real_array
from lamina._typing import Array, Shape
from lamina.data.samples import Samples
from lamina.losses.loss import bad_label
from lamina.losses.targets import TargetRule, align_labels, align_values


def make_samples(
    x: Array,
    y: Any,
    sample_weight: Any,
    class_weight: Any,
    output: Shape,
    rule: TargetRule,
    prefix: str = "",
) -> Samples:
    """Checks targets and weights against inputs that fit already.

    Args:
        x: The inputs.
        y: The targets as the user passed them.
        sample_weight: None, or one weight for each sample, or for each position of all axes of
            its prediction but the last.
        class_weight: None, or a dictionary of classes to weights.
        output: The shape of one prediction.
        rule: What targets may be.
        prefix: What messages put before the names: "validation_data: ".

    Raises:
        TypeError: For arrays that do not hold real numbers.
        ValueError: For shapes and lengths that do not fit, NaN, and labels that are no class.
    """
    rows = int(x.shape[0])
    name = f"{prefix}y"
    if y is None and rule.free:
        return Samples(x, None, None)
    if type(y) in (list, tuple) and len(y) == 1 and getattr(y[0], "ndim", 0) > len(output):
        y = y[0]  # as Keras has targets of several outputs
    target = real_array(y, name)
    if target.ndim == 0 or target.shape[0] != rows:
        received = "no axis" if target.ndim == 0 else f"{target.shape[0]} targets"
        raise ValueError(
            f"`{prefix}x` and `{name}` must have the same number of samples. "
            f"Received: {rows} inputs and {received}"
        )
    predictions = (rows, *output)
    if rule.free:
        pass
    elif rule.labels:
        target = align_labels(target, predictions, name)
        classes = output[-1] if rule.columns else 2**31
        bad = _core.find_bad_label(target, classes, rule.ignore_class, rule.missing)
        if bad >= 0:
            raise bad_label(target.reshape(-1), bad, classes, name)
    else:
        target = align_values(target, predictions, name)
        if not rule.missing and _core.has_nan(target):
            raise ValueError(
                f"`{name}` contains NaN: remove or fill missing targets, or compile the model with "
                "missing_targets='ignore'. "
                f"Received: NaN at index {first_nan(target)}"
            )
    weights = None
    if class_weight is not None:
        if sample_weight is not None:
            raise ValueError(
                "You cannot use `class_weight` and `sample_weight` at the same time. Received: both"
            )
        weights = class_to_sample_weights(class_weight, target, rule.labels, output[-1])
    elif sample_weight is not None:
        weights = sample_weights(sample_weight, (rows, *output[:-1]), f"{prefix}sample_weight")
    return Samples(x, target, weights)


def first_nan(array: Array) -> tuple[int, ...]:
    """The index of the first NaN."""
    flat = int(np.argmax(np.isnan(array)))
    return tuple(int(i) for i in np.unravel_index(flat, array.shape))


def sample_weights(sample_weight: Any, positions: Shape, name: str) -> Array:
    """One weight for each sample, or for each of its positions; none of them NaN.

    Args:
        sample_weight: What the user passed.
        positions: The number of samples, and the extents of all axes of a prediction but the last.
        name: What messages call it.
    """
    weights = real_array(sample_weight, name)
    rows = positions[:1]
    if weights.shape in ((*rows, 1), (*positions, 1)):
        weights = weights[..., 0]
    if weights.shape not in (rows, positions):
        several = f", or for each position, shape {positions}" if len(positions) > 1 else ""
        raise ValueError(
            f"`{name}` must hold one weight for each sample, shape ({rows[0]},){several}. "
            f"Received: {name}.shape={weights.shape}"
        )
    if _core.has_nan(weights):
        where = first_nan(weights)
        index = where[0] if len(where) == 1 else where
        raise ValueError(f"`{name}` contains NaN. Received: NaN at index {index}")
    return weights


def class_to_sample_weights(class_weight: Any, target: Array, labels: bool, classes: int) -> Array:
    """The weight of each sample's class; classes that are not listed weigh 1.

    Args:
        class_weight: A dictionary of classes to weights.
        target: The targets: integer labels, rows that are largest at the class, or one number.
        labels: Whether they are labels.
        classes: How many columns a prediction has.
    """
    if not isinstance(class_weight, Mapping):
        raise TypeError(
            "`class_weight` must be a dictionary of integer classes to weights. "
            f"Received: class_weight={class_weight!r}"
        )
    one_hot = not labels and target.ndim == 2 and target.shape[1] > 1
    of_sample = target.argmax(axis=1) if one_hot else target
    if of_sample.ndim == 2 and of_sample.shape[1] == 1:
        of_sample = of_sample[:, 0]
    if of_sample.ndim != 1:
        raise ValueError(
            "`class_weight` needs targets with one class for each sample. "
            f"Received: y.shape={target.shape}"
        )
    last = classes - 1 if labels or one_hot else 2**63 - 1
    weights = np.ones(of_sample.shape[0])
    for label, weight in class_weight.items():
        index = _checks.integer("class_weight", "class", label, low=0, high=last)
        weights[of_sample == index] = _checks.number(
            "class_weight", f"weight of class {index}", weight, low=0.0, open_high=True
        )
    return weights
