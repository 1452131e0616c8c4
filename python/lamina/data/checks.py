"""Samples for training: checked against the model once, before anything happens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

import lamina._core as _core
from lamina import _checks
from lamina._arrays import NATIVE, real_array
from lamina._typing import Array, Shape
from lamina.data.samples import Samples
from lamina.losses.loss import bad_label
from lamina.losses.targets import TargetRule, align_labels, align_values


def make_samples(
    x: list[Array],
    y: list[Any] | None,
    sample_weight: list[Any] | None,
    class_weight: Any,
    outputs: list[Shape],
    rules: list[TargetRule],
    prefix: str = "",
    names: list[str] | None = None,
) -> Samples:
    """Checked samples.

    Args:
        x: The inputs, checked.
        y: What the user passed as targets of each output; None for none at all.
        sample_weight: None, or what the user passed as weights for each output.
        class_weight: None, or a dictionary of classes to weights.
        outputs: The shape of one prediction of each output.
        rules: What targets of each output may be.
        prefix: What messages put before the names: "validation_data: ".
        names: The outputs' names, for messages.

    Raises:
        TypeError: For arrays that do not hold real numbers.
        ValueError: For shapes and lengths that do not fit, NaN, and labels that are no class.
    """
    if len(outputs) == 1:
        given = None if y is None else y[0]
        weight = None if sample_weight is None else sample_weight[0]
        return single_samples(x, given, weight, class_weight, outputs[0], rules[0], prefix)
    rows = int(x[0].shape[0])
    if class_weight is not None:
        raise ValueError(
            "`class_weight` is for models with one output; give `sample_weight` for each. "
            f"Received: class_weight={class_weight!r} for a model with {len(outputs)} outputs"
        )
    targets: list[Array | None] = []
    for index, (shape, rule) in enumerate(zip(outputs, rules, strict=True)):
        given = None if y is None else y[index]
        if given is None and rule.free:
            targets.append(None)
            continue
        name = f"{prefix}y[{names[index] if names is not None else index!r}]"
        targets.append(one_target(given, rows, shape, rule, f"{prefix}x", name))
    if all(target is None for target in targets):
        return Samples(x, None, None)
    each = None
    if sample_weight is not None:
        each = [
            None
            if weight is None
            else sample_weights(weight, (rows, *shape[:-1]), f"{prefix}sample_weight[{index}]")
            for index, (weight, shape) in enumerate(zip(sample_weight, outputs, strict=True))
        ]
    return Samples(x, targets, each)


def single_samples(
    x: list[Array],
    y: Any,
    sample_weight: Any,
    class_weight: Any,
    output: Shape,
    rule: TargetRule,
    prefix: str = "",
) -> Samples:
    """Checked samples of a model with one output; arguments as for `make_samples`."""
    if y is None and rule.free:
        return Samples(x, None, None)
    rows = x[0].shape[0]
    if (  # all is well
        type(y) is np.ndarray
        and y.shape == (rows, *output)
        and y.dtype.kind == "f"
        and y.dtype in NATIVE
        and not (rule.labels or rule.free or rule.missing)
        and not _core.has_nan(y)
    ):
        target = y
    else:
        target = one_target(y, rows, output, rule, f"{prefix}x", f"{prefix}y")
    if class_weight is None and sample_weight is None:
        return Samples(x, [target], None)
    place = f"{prefix}sample_weight"
    weights = _weights(sample_weight, class_weight, target, rows, output, rule, place)
    return Samples(x, [target], None if weights is None else [weights])


def one_target(y: Any, rows: int, output: Shape, rule: TargetRule, x_name: str, name: str) -> Array:
    """The targets of one output as a checked array."""
    if type(y) in (list, tuple) and len(y) == 1 and getattr(y[0], "ndim", 0) > len(output):
        y = y[0]  # as Keras has targets of several outputs
    target = real_array(y, name)
    if target.ndim == 0 or target.shape[0] != rows:
        received = "no axis" if target.ndim == 0 else f"{target.shape[0]} targets"
        raise ValueError(
            f"`{x_name}` and `{name}` must have the same number of samples. "
            f"Received: {rows} inputs and {received}"
        )
    predictions = (rows, *output)
    if rule.free:
        return target
    if rule.labels:
        target = align_labels(target, predictions, name)
        classes = output[-1] if rule.columns else 2**31
        bad = _core.find_bad_label(target, classes, rule.ignore_class, rule.missing)
        if bad >= 0:
            raise bad_label(target.reshape(-1), bad, classes, name)
        return target
    target = align_values(target, predictions, name)
    if not rule.missing and _core.has_nan(target):
        raise ValueError(
            f"`{name}` contains NaN: remove or fill missing targets, or compile the model with "
            f"missing_targets='ignore'. Received: NaN at index {first_nan(target)}"
        )
    return target


def _weights(
    sample_weight: Any,
    class_weight: Any,
    target: Array,
    rows: int,
    output: Shape,
    rule: TargetRule,
    name: str,
) -> Array | None:
    if class_weight is not None:
        if sample_weight is not None:
            raise ValueError(
                "You cannot use `class_weight` and `sample_weight` at the same time. Received: both"
            )
        return class_to_sample_weights(class_weight, target, rule.labels, output[-1])
    if sample_weight is None:
        return None
    return sample_weights(sample_weight, (rows, *output[:-1]), name)


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
