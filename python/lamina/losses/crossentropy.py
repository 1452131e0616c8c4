"""Losses of probabilities."""

from __future__ import annotations

from typing import Any

from lamina import _checks, _core
from lamina._typing import Array, Config
from lamina.losses.loss import LOSSES, Loss, label_losses, row_losses


def _last_axis(where: str, axis: Any) -> int:
    if _checks.integer(where, "axis", axis, low=-(2**31)) != -1:
        raise _checks.unsupported(where, "axis", axis)
    return -1


class _DenseCrossentropy(Loss):
    """What the two crossentropies with targets like the predictions share."""

    _kind = ""

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
        self.axis = _last_axis(where, axis)
        super().__init__(name, reduction, dtype)

    def specification(self) -> _core.Loss:
        return _core.Loss(
            self._kind, from_logits=self.from_logits, label_smoothing=self.label_smoothing
        )

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "from_logits": self.from_logits,
            "label_smoothing": self.label_smoothing,
            "axis": self.axis,
        }


@LOSSES.register("binary_crossentropy", "bce", "BCE")
class BinaryCrossentropy(_DenseCrossentropy):
    """The mean over the last axis of -t log(p) - (1 - t) log(1 - p).

    A model that ends in a sigmoid is trained on the logits before it: the same gradient,
    without the loss of digits.

    Args:
        from_logits: Whether predictions are logits, to which the loss applies a sigmoid.
        label_smoothing: s turns a target t into t (1 - s) + s / 2.
        axis: -1 only.
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
class CategoricalCrossentropy(_DenseCrossentropy):
    """-sum of t log(p) over the last axis, for targets that are one-hot or probabilities.

    Args:
        from_logits: Whether predictions are logits, to which the loss applies a softmax.
        label_smoothing: s turns a target t into t (1 - s) + s / classes.
        axis: -1 only.
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
class SparseCategoricalCrossentropy(Loss):
    """-log(p[label]), for integer labels.

    Args:
        from_logits: Whether predictions are logits, to which the loss applies a softmax.
        ignore_class: Not supported yet: None only.
        reduction: See `Loss`.
        axis: -1 only.
        name, dtype: See `Loss`.

    Raises:
        ValueError: When called, if a label is no class.
    """

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: Any = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        where = "SparseCategoricalCrossentropy"
        self.from_logits = _checks.boolean(where, "from_logits", from_logits)
        if ignore_class is not None:
            raise _checks.unsupported(where, "ignore_class", ignore_class)
        _last_axis(where, axis)
        super().__init__(name, reduction, dtype)

    def call(self, y_true: Any, y_pred: Any) -> Array:
        """The loss of each label: an array without the last axis of the predictions."""
        return label_losses(self.specification(), y_true, y_pred, self._dtype)

    def specification(self) -> _core.Loss:
        """What the core needs to compute it."""
        return _core.Loss("sparse_categorical_crossentropy", from_logits=self.from_logits)

    def takes_labels(self) -> bool:
        """Whether targets are integer labels: yes."""
        return True

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {**super().get_config(), "from_logits": self.from_logits, "ignore_class": None}


def binary_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Array:
    """The binary crossentropy of each row; arguments as for `BinaryCrossentropy`."""
    loss = BinaryCrossentropy(from_logits, label_smoothing, axis)
    return row_losses(loss.specification(), y_true, y_pred)


def categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Array:
    """The crossentropy of each row; arguments as for `CategoricalCrossentropy`."""
    loss = CategoricalCrossentropy(from_logits, label_smoothing, axis)
    return row_losses(loss.specification(), y_true, y_pred)


def sparse_categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    ignore_class: Any = None,
    axis: int = -1,
) -> Array:
    """The crossentropy of each label; arguments as for `SparseCategoricalCrossentropy`."""
    loss = SparseCategoricalCrossentropy(from_logits, ignore_class, axis=axis)
    return label_losses(loss.specification(), y_true, y_pred)
