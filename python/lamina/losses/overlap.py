"""Losses of how much sets overlap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

import lamina._core as _core
from lamina import _checks
from lamina._lazy import LazyModule
from lamina._typing import Config, Shape
from lamina.config import floatx
from lamina.losses.loss import LOSSES, FormulaLoss, checked_axis

if TYPE_CHECKING:
    from lamina.losses import reduction as _reduction
else:
    _reduction = LazyModule("lamina.losses.reduction")


class _Overlap(FormulaLoss):
    """What both losses share: one value for the whole batch, or with axis -1 one for each row."""

    axis: int | tuple[int, ...] | None

    def _set_axis(self, axis: Any) -> None:
        where = type(self).__name__
        if isinstance(axis, (tuple, list)):
            self.axis = tuple(_checks.integer(where, "axis", one, low=-64, high=64) for one in axis)
        else:
            self.axis = None if axis is None else checked_axis(where, axis)

    def _row_values(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each row, or with axis None of the whole batch: a tensor without axes."""
        prediction = _reduction.prediction_of(y_pred, self._dtype, floatx())
        target = _reduction.aligned(y_true, tuple(prediction.shape), False)
        axes, order, shape = self._split(tuple(prediction.shape))
        targets, predictions = (
            _reduction.as_rows(value, order, len(axes)) for value in (target, prediction)
        )
        specification = _core.Loss(self._kind, **self._numbers())
        values = _reduction.row_values(specification, targets, predictions, None, floatx())
        return values.reshape(shape)

    def _split(self, shape: Shape) -> tuple[tuple[int, ...], list[int], Shape]:
        """The axes that are summed over, all axes with those as the last, the others' extents."""
        ndim = len(shape)
        if self.axis is None:
            axes = tuple(range(ndim))
        else:
            axes = tuple(one % ndim for one in np.atleast_1d(self.axis) if -ndim <= one < ndim)
            if len(axes) != np.size(self.axis) or len(set(axes)) != len(axes):
                raise ValueError(
                    f"`axis` must be different ones of the {ndim} of `y_pred`. "
                    f"Received: axis={self.axis}"
                )
        kept = [one for one in range(ndim) if one not in axes]
        return axes, [int(one) for one in (*kept, *axes)], tuple(shape[one] for one in kept)

    def on_tape(
        self, y_true: Any, y_pred: Any, sample_weight: Any, weight: float = 1.0
    ) -> tuple[Any, float, float, int]:
        """The loss of tensors by a formula of the core; see `Loss.on_tape`."""
        if self.axis is None or self.axis == -1:
            return super().on_tape(y_true, y_pred, sample_weight, weight)
        from lamina import _eager

        values = self._row_values(y_true, y_pred)
        loss = _reduction.reduced(values, sample_weight, self.reduction)
        if weight != 1.0:
            loss = loss * weight
        number, rows = _eager.number(loss), max(int(np.prod(tuple(values.shape))), 1)
        return loss, number, number * rows, rows

    def _numbers(self) -> Config:
        return {}

    def check_axis(self, output: Shape) -> None:
        """As for all losses; a tuple of one axis is that axis."""
        if isinstance(self.axis, tuple) and self.axis in ((-1,), (len(output),)):
            return
        super().check_axis(output)

    def settings(self) -> Config:
        """What the formula takes."""
        return {"whole_batch": self.axis is None, **self._numbers()}

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {**super().get_config(), "axis": self.axis}


@LOSSES.register("dice")
class Dice(_Overlap):
    """1 - 2 sum(y_true * y_pred) / (sum(y_true) + sum(y_pred)).

    Args:
        reduction, name: See `Loss`.
        axis: None for sums over the whole batch; an axis or several for those; in training None or
            the last one.
        dtype: See `Loss`.
    """

    _kind = "dice"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "dice",
        axis: Any = None,
        dtype: Any = None,
    ) -> None:
        self._set_axis(axis)
        super().__init__(name, reduction, dtype)


@LOSSES.register("tversky")
class Tversky(_Overlap):
    """1 - hit / (hit + alpha * missed + beta * wrong), with sums over the whole batch.

    hit = sum(y_true * y_pred), missed = sum(y_true * (1 - y_pred)),
    wrong = sum((1 - y_true) * y_pred).

    Args:
        alpha: The weight of what was missed.
        beta: The weight of what was found wrongly.
        reduction, name: See `Loss`.
        axis: None for sums over the whole batch; an axis or several for those; in training None or
            the last one.
        dtype: See `Loss`.
    """

    _kind = "tversky"

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "tversky",
        axis: Any = None,
        dtype: Any = None,
    ) -> None:
        self.alpha = _checks.number("Tversky", "alpha", alpha, low=0.0, open_high=True)
        self.beta = _checks.number("Tversky", "beta", beta, low=0.0, open_high=True)
        self._set_axis(axis)
        super().__init__(name, reduction, dtype)

    def _numbers(self) -> Config:
        return {"alpha": self.alpha, "beta": self.beta}

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {**super().get_config(), "alpha": self.alpha, "beta": self.beta}


def dice(y_true: Any, y_pred: Any, axis: Any = None) -> Any:
    """The Dice loss: of the whole batch, or with axis -1 of each row."""
    return Dice(axis=axis).call(y_true, y_pred)


def tversky(
    y_true: Any, y_pred: Any, alpha: float = 0.5, beta: float = 0.5, axis: Any = None
) -> Any:
    """The Tversky loss: of the whole batch, or with axis -1 of each row."""
    return Tversky(alpha, beta, axis=axis).call(y_true, y_pred)
