"""Losses of numbers."""

from __future__ import annotations

from typing import Any

from lamina import _checks, _core
from lamina._typing import Array, Config
from lamina.losses.loss import LOSSES, Loss, row_losses


@LOSSES.register("mean_squared_error", "mse", "MSE")
class MeanSquaredError(Loss):
    """The mean over the last axis of (y_true - y_pred)^2.

    Args:
        reduction, name, dtype: See `Loss`.

    Example:
        >>> float(lamina.losses.MeanSquaredError()([[0.0, 1.0]], [[1.0, 1.0]]))
        0.5
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_squared_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)

    def specification(self) -> _core.Loss:
        """What the core needs to compute it."""
        return _core.Loss("mean_squared_error")


@LOSSES.register("mean_absolute_error", "mae", "MAE")
class MeanAbsoluteError(Loss):
    """The mean over the last axis of |y_true - y_pred|.

    Args:
        reduction, name, dtype: See `Loss`.
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_absolute_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)

    def specification(self) -> _core.Loss:
        """What the core needs to compute it."""
        return _core.Loss("mean_absolute_error")


@LOSSES.register("huber")
class Huber(Loss):
    """The mean over the last axis of a parabola that goes on as a line.

    With e = y_true - y_pred: e^2 / 2 where |e| <= delta, delta * |e| - delta^2 / 2 elsewhere.

    Args:
        delta: Where the parabola ends, positive.
        reduction, name, dtype: See `Loss`.
    """

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "huber_loss",
        dtype: Any = None,
    ) -> None:
        self.delta = _checks.number("Huber", "delta", delta, low=0.0, open_low=True, open_high=True)
        super().__init__(name, reduction, dtype)

    def specification(self) -> _core.Loss:
        """What the core needs to compute it."""
        return _core.Loss("huber", delta=self.delta)

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {**super().get_config(), "delta": self.delta}


def mean_squared_error(y_true: Any, y_pred: Any) -> Array:
    """The mean squared error of each row."""
    return row_losses(_core.Loss("mean_squared_error"), y_true, y_pred)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Array:
    """The mean absolute error of each row."""
    return row_losses(_core.Loss("mean_absolute_error"), y_true, y_pred)


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Array:
    """The Huber loss of each row; `delta` is where the parabola ends."""
    return row_losses(Huber(delta).specification(), y_true, y_pred)
