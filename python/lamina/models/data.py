"""Samples for training: checked against the model once, before anything happens."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import lamina._core as _core
from lamina import _checks
from lamina._arrays import real_array
from lamina._typing import Array, Shape
from lamina.losses.loss import bad_label
from lamina.losses.targets import TargetRule, align_labels, align_values

if TYPE_CHECKING:
    from lamina.models.compiled import Compiled


class Samples(NamedTuple):
    """Inputs, targets and maybe weights: views of the user's arrays, never copies."""

    x: Array
    y: Any
    weights: Array | None

    @property
    def rows(self) -> int:
        """How many samples there are."""
        return int(self.x.shape[0])

    def select(self, rows: Array) -> Samples:
        """Copies of some samples, in the order of `rows`."""
        weights = None if self.weights is None else self.weights[rows]
        y = None if self.y is None else self.y[rows]
        return Samples(self.x[rows], y, weights)

    def part(self, first: int, last: int) -> Samples:
        """The samples from `first` up to and without `last`."""
        weights = None if self.weights is None else self.weights[first:last]
        y = None if self.y is None else self.y[first:last]
        return Samples(self.x[first:last], y, weights)


def input_array(x: Any, name: str = "x") -> Array:
    """`x` as an array with at least one sample."""
    if isinstance(x, (Iterator, Mapping)) or hasattr(x, "as_numpy_iterator"):
        raise TypeError(
            f"`{name}` must be one array here, not a generator, data set or dictionary. "
            f"Received: {type(x).__name__}"
        )
    array = real_array(x, name)
    if array.ndim == 0:
        raise ValueError(f"`{name}` must have one row for each sample. Received: {name}.shape=()")
    if array.shape[0] == 0:
        raise ValueError(
            f"`{name}` must hold at least one sample. Received: {name}.shape={array.shape}"
        )
    return array


def only_input(x: Any, wanted: str | None, name: str = "x") -> Any:
    """What is meant by a dictionary of named inputs, or a list of one array.

    Args:
        x: What the user passed.
        wanted: The name of the model's input, if it has one.
        name: What messages call it.

    Raises:
        ValueError: If a dictionary does not have the model's input.
    """
    if isinstance(x, Mapping):
        if wanted is None or wanted not in x:
            needed = "has no named input" if wanted is None else f"has the input '{wanted}'"
            raise ValueError(
                f"`{name}`: a dictionary must hold the model's input by its name, and the model "
                f"{needed}. Received: a dictionary with keys {sorted(map(str, x))}"
            )
        return x[wanted]
    if type(x) in (list, tuple) and len(x) == 1 and getattr(x[0], "ndim", 0) > 1:
        return x[0]
    return x


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
        weights = weights_of_classes(class_weight, target, rule.labels, output[-1])
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


def weights_of_classes(class_weight: Any, target: Array, labels: bool, classes: int) -> Array:
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


def warn_of_missing_classes(compiled: Compiled, trained: Samples, held_out: Samples) -> None:
    """Warns if a class is on one side of a split only."""
    first, second = classes_in(compiled, trained.y), classes_in(compiled, held_out.y)
    if first is None or second is None:
        return
    for name, absent in (("validation", first - second), ("training", second - first)):
        missing = sorted(absent)
        if missing:
            shown = ", ".join(map(str, missing[:10])) + (", ..." if len(missing) > 10 else "")
            warnings.warn(
                f"fit: no sample of class {shown} is in the {name} part of `validation_split`, "
                "which takes the last rows. Shuffle the data before, or pass "
                "`validation_shuffle=True`.",
                stacklevel=3,
            )


def classes_in(compiled: Compiled, y: Array) -> set[int] | None:
    """The classes among targets; None if they are no classes."""
    loss = getattr(compiled.loss, "name", "")
    if not compiled.labels:
        if y.ndim == 2 and y.shape[1] > 1 and loss.startswith("categorical"):
            y = y.argmax(axis=1)
        elif not (loss.startswith("binary") and y.size == y.shape[0]):
            return None
    flat = y.reshape(-1)
    if flat.dtype.kind == "f" and not bool((flat == np.floor(flat)).all()):
        return None
    labels = flat.astype(np.int64)
    if int(labels.min()) >= 0 and int(labels.max()) < 2**20:  # quicker than sorting
        return set(np.flatnonzero(np.bincount(labels)).tolist())
    return set(np.unique(labels).tolist())
