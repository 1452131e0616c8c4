"""Samples for training: checked against the model once, before anything happens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from lamina import _checks, _core
from lamina._arrays import real_array
from lamina._typing import Array, Shape
from lamina.losses.loss import bad_label
from lamina.losses.targets import align_labels, align_values


class Samples(NamedTuple):
    """Inputs, targets and maybe weights: views of the user's arrays, never copies."""

    x: Array
    y: Array
    weights: Array | None

    @property
    def rows(self) -> int:
        """How many samples there are."""
        return int(self.x.shape[0])

    def part(self, first: int, last: int) -> Samples:
        """The samples from `first` up to and without `last`."""
        weights = None if self.weights is None else self.weights[first:last]
        return Samples(self.x[first:last], self.y[first:last], weights)


def input_array(x: Any, name: str = "x") -> Array:
    """`x` as an array with at least one sample."""
    if isinstance(x, (Iterator, Mapping)) or hasattr(x, "as_numpy_iterator"):
        raise TypeError(
            f"`{name}` must be one array: generators, datasets and dictionaries are not "
            f"supported yet. Received: {type(x).__name__}"
        )
    array = real_array(x, name)
    if array.ndim == 0:
        raise ValueError(f"`{name}` must have one row for each sample. Received: {name}.shape=()")
    if array.shape[0] == 0:
        raise ValueError(
            f"`{name}` must hold at least one sample. Received: {name}.shape={array.shape}"
        )
    return array


def fit_inputs(x: Array, sample: Shape, name: str = "x") -> Array:
    """A view of `x` as rows of shape `sample`; a last axis of 1 may be missing or too many.

    Raises:
        ValueError: If the shape does not fit.
    """
    if x.shape[1:] == sample:
        return x
    if sample and sample[-1] == 1 and x.shape[1:] == sample[:-1]:
        return x[..., None]
    if x.ndim > 1 and x.shape[1:] == (*sample, 1):
        return x[..., 0]
    wanted = ", ".join(["n", *map(str, sample)]) + ("," if not sample else "")
    hint = ""
    if x.shape == sample:
        hint = f" For one sample give {name}[None]."
    raise ValueError(
        f"`{name}` must have shape ({wanted}): the model takes samples of shape {sample}.{hint} "
        f"Received: {name}.shape={x.shape}"
    )


def make_samples(
    x: Array,
    y: Any,
    sample_weight: Any,
    class_weight: Any,
    output: Shape,
    labels: bool,
    prefix: str = "",
) -> Samples:
    """Checks targets and weights against inputs that fit already.

    Args:
        x: The inputs.
        y: The targets as the user passed them.
        sample_weight: None, or one weight for each sample.
        class_weight: None, or a dictionary of classes to weights.
        output: The shape of one prediction.
        labels: Whether targets are integer labels.
        prefix: What messages put before the names: "validation_data: ".

    Raises:
        TypeError: For arrays that do not hold real numbers.
        ValueError: For shapes and lengths that do not fit, NaN, and labels that are no class.
    """
    rows = int(x.shape[0])
    name = f"{prefix}y"
    target = real_array(y, name)
    if target.ndim == 0 or target.shape[0] != rows:
        received = "no axis" if target.ndim == 0 else f"{target.shape[0]} targets"
        raise ValueError(
            f"`{prefix}x` and `{name}` must have the same number of samples. "
            f"Received: {rows} inputs and {received}"
        )
    predictions = (rows, *output)
    if labels:
        target = align_labels(target, predictions, name)
        bad = _core.find_bad_label(target, output[-1])
        if bad >= 0:
            raise bad_label(target.reshape(-1), bad, output[-1], name)
    else:
        target = align_values(target, predictions, name)
        if _core.has_nan(target):
            raise ValueError(
                f"`{name}` contains NaN: remove or fill missing targets. "
                f"Received: NaN at index {first_nan(target)}"
            )
    weights = None
    if class_weight is not None:
        if sample_weight is not None:
            raise ValueError(
                "You cannot use `class_weight` and `sample_weight` at the same time. Received: both"
            )
        weights = weights_of_classes(class_weight, target, labels)
    elif sample_weight is not None:
        weights = sample_weights(sample_weight, rows, f"{prefix}sample_weight")
    return Samples(x, target, weights)


def first_nan(array: Array) -> tuple[int, ...]:
    """The index of the first NaN."""
    flat = int(np.argmax(np.isnan(array)))
    return tuple(int(i) for i in np.unravel_index(flat, array.shape))


def sample_weights(sample_weight: Any, rows: int, name: str) -> Array:
    """One weight for each sample, none of them NaN."""
    weights = real_array(sample_weight, name)
    if weights.shape == (rows, 1):
        weights = weights[..., 0]
    if weights.shape != (rows,):
        raise ValueError(
            f"`{name}` must hold one weight for each sample, shape ({rows},). "
            f"Received: {name}.shape={weights.shape}"
        )
    if _core.has_nan(weights):
        raise ValueError(f"`{name}` contains NaN. Received: NaN at index {first_nan(weights)[0]}")
    return weights


def weights_of_classes(class_weight: Any, target: Array, labels: bool) -> Array:
    """The weight of each sample's class; classes that are not listed weigh 1."""
    if not isinstance(class_weight, Mapping):
        raise TypeError(
            "`class_weight` must be a dictionary of integer classes to weights. "
            f"Received: class_weight={class_weight!r}"
        )
    one_hot = not labels and target.ndim == 2 and target.shape[1] > 1
    classes = target.argmax(axis=1) if one_hot else target
    if classes.ndim == 2 and classes.shape[1] == 1:
        classes = classes[:, 0]
    if classes.ndim != 1:
        raise ValueError(
            "`class_weight` needs targets with one class for each sample. "
            f"Received: y.shape={target.shape}"
        )
    weights = np.ones(classes.shape[0])
    for label, weight in class_weight.items():
        index = _checks.integer("class_weight", "class", label, low=0)
        weights[classes == index] = _checks.number(
            "class_weight", f"weight of class {index}", weight, low=0.0, open_high=True
        )
    return weights


def split_tail(samples: Samples, share: float) -> tuple[Samples, Samples]:
    """All but the last rows, and the last `share` of them.

    Raises:
        ValueError: If either part would be empty.
    """
    # floor(rows * (1 - share)), computed as Keras does.
    split = int(samples.rows * (1.0 - share))
    if split in (0, samples.rows):
        raise ValueError(
            f"Training data contains {samples.rows} samples, which is not sufficient to split it "
            "into a validation and training set. Either provide more data, or a different value "
            f"for `validation_split`. Received: validation_split={share}"
        )
    return samples.part(0, split), samples.part(split, samples.rows)
