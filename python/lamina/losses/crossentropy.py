"""Losses of probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina import _checks
from lamina._arrays import real_array
from lamina._typing import Array, Config
from lamina.losses.loss import (
    LOSSES,
    FormulaLoss,
    checked_axis,
)
from lamina.losses.targets import align_labels


class DenseCrossentropy(FormulaLoss):
    """What the crossentropies with targets like the predictions share."""

    def __init__(
        self,
        from_logits: bool,
        label_smoothing: float,
        axis: int,
        reduction: str | None,
        name: str | None,
        dtype: Any,
    ) -> None:
        where = type(self).__name__
        self.from_logits = _checks.boolean(where, "from_logits", from_logits)
        self.label_smoothing = _checks.number(
            where, "label_smoothing", label_smoothing, low=0.0, high=1.0
        )
        self.axis = checked_axis(where, axis)
        super().__init__(name, reduction, dtype)

    def settings(self) -> Config:
        """What the formula takes."""
        return {"from_logits": self.from_logits, "label_smoothing": self.label_smoothing}

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {
            **super().get_config(),
            "from_logits": self.from_logits,
            "label_smoothing": self.label_smoothing,
            "axis": self.axis,
        }


@LOSSES.register("binary_crossentropy", "bce", "BCE")
class BinaryCrossentropy(DenseCrossentropy):
    """The mean over the last axis of -t log(p) - (1 - t) log(1 - p).

    A model that ends in a sigmoid is trained on the logits before it: the same gradient,
    without the loss of digits.

    Args:
        from_logits: Whether predictions are logits, to which the loss applies a sigmoid.
        label_smoothing: s turns a target t into t (1 - s) + s / 2.
        axis: The axis of the classes; in training the last one.
        reduction, name, dtype: See `Loss`.
    """

    _kind = "binary_crossentropy"

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype)


@LOSSES.register("categorical_crossentropy", "cce")
class CategoricalCrossentropy(DenseCrossentropy):
    """-sum of t log(p) over the last axis, for targets that are one-hot or probabilities.

    Args:
        from_logits: Whether predictions are logits, to which the loss applies a softmax.
        label_smoothing: s turns a target t into t (1 - s) + s / classes.
        axis: The axis of the classes; in training the last one.
        reduction, name, dtype: See `Loss`.
    """

    _kind = "categorical_crossentropy"

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype)


@LOSSES.register("sparse_categorical_crossentropy", "scce")
class SparseCategoricalCrossentropy(FormulaLoss):
    """-log(p[label]), for integer labels.

    Args:
        from_logits: Whether predictions are logits, to which the loss applies a softmax.
        ignore_class: A label whose rows do not count, a class or another integer such as -1 or
            255: their loss and gradient are 0, and means are over the other rows.
        reduction: See `Loss`.
        axis: The axis of the classes; in training the last one.
        name, dtype: See `Loss`.

    Raises:
        ValueError: When called, if a label is no class.
    """

    _kind = "sparse_categorical_crossentropy"

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        where = "SparseCategoricalCrossentropy"
        self.from_logits = _checks.boolean(where, "from_logits", from_logits)
        self.ignore_class = (
            None
            if ignore_class is None
            else _checks.integer(
                where, "ignore_class", ignore_class, low=-(2**31) + 1, high=2**31 - 1
            )
        )
        self.axis = checked_axis(where, axis)
        super().__init__(name, reduction, dtype)

    def counted(self, y_true: Any, values: Array) -> Array | None:
        """Which of the rows' losses count in a mean: not those of the ignored class."""
        if self.ignore_class is None:
            return None
        labels = align_labels(real_array(y_true, "y_true"), (*values.shape, 2))
        return np.asarray(labels != self.ignore_class)

    def settings(self) -> Config:
        """What the formula takes."""
        return {"from_logits": self.from_logits, "ignore_class": self.ignore_class}

    def takes_labels(self) -> bool:
        """Whether targets are integer labels: yes."""
        return True

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {
            **super().get_config(),
            "from_logits": self.from_logits,
            "ignore_class": self.ignore_class,
            "axis": self.axis,
        }


def binary_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """The binary crossentropy of each row; arguments as for `BinaryCrossentropy`."""
    loss = BinaryCrossentropy(from_logits, label_smoothing, axis)
    return loss.call(y_true, y_pred)


def categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """The crossentropy of each row; arguments as for `CategoricalCrossentropy`."""
    loss = CategoricalCrossentropy(from_logits, label_smoothing, axis)
    return loss.call(y_true, y_pred)


def sparse_categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Any:
    """The crossentropy of each label; arguments as for `SparseCategoricalCrossentropy`."""
    return SparseCategoricalCrossentropy(from_logits, ignore_class, axis=axis).call(y_true, y_pred)
