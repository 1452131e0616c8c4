"""Losses of numbers."""

from __future__ import annotations

from typing import Any

import lamina._core as _core
from lamina import _checks
from lamina._typing import Config
from lamina.losses.loss import LOSSES, FormulaLoss, checked_axis, row_losses


@LOSSES.register("mean_squared_error", "mse", "MSE")
class MeanSquaredError(FormulaLoss):
    """The mean over the last axis of (y_true - y_pred)^2.

    Args:
        reduction, name, dtype: See `Loss`.

    Example:
        >>> float(lamina.losses.MeanSquaredError()([[0.0, 1.0]], [[1.0, 1.0]]))
        0.5
    """

    _kind = "mean_squared_error"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_squared_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


@LOSSES.register("mean_absolute_error", "mae", "MAE")
class MeanAbsoluteError(FormulaLoss):
    """The mean over the last axis of |y_true - y_pred|.

    Args:
        reduction, name, dtype: See `Loss`.
    """

    _kind = "mean_absolute_error"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_absolute_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


@LOSSES.register("mean_absolute_percentage_error", "mape", "MAPE")
class MeanAbsolutePercentageError(FormulaLoss):
    """100 times the mean over the last axis of |y_true - y_pred| / max(|y_true|, 1e-7).

    Args:
        reduction, name, dtype: See `Loss`.
    """

    _kind = "mean_absolute_percentage_error"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_absolute_percentage_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


@LOSSES.register("mean_squared_logarithmic_error", "msle", "MSLE")
class MeanSquaredLogarithmicError(FormulaLoss):
    """The mean over the last axis of (log(1 + y_true) - log(1 + y_pred))^2.

    Targets and predictions below 1e-7 count as 1e-7.

    Args:
        reduction, name, dtype: See `Loss`.
    """

    _kind = "mean_squared_logarithmic_error"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_squared_logarithmic_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


@LOSSES.register("huber")
class Huber(FormulaLoss):
    """The mean over the last axis of a parabola that goes on as a line.

    With e = y_true - y_pred: e^2 / 2 where |e| <= delta, delta * |e| - delta^2 / 2 elsewhere.

    Args:
        delta: Where the parabola ends, positive.
        reduction, name, dtype: See `Loss`.
    """

    _kind = "huber"

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "huber_loss",
        dtype: Any = None,
    ) -> None:
        self.delta = _checks.number("Huber", "delta", delta, low=0.0, open_low=True, open_high=True)
        super().__init__(name, reduction, dtype)

    def settings(self) -> Config:
        """What the formula takes."""
        return {"delta": self.delta}

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {**super().get_config(), "delta": self.delta}


@LOSSES.register("log_cosh")
class LogCosh(FormulaLoss):
    """The mean over the last axis of log(cosh(y_pred - y_true)).

    Near zero like half the squared error, far from it like the absolute error.

    Args:
        reduction, name, dtype: See `Loss`.
    """

    _kind = "log_cosh"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "log_cosh",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


@LOSSES.register("quantile", "pinball")
class Quantile(FormulaLoss):
    """The pinball loss, which is least where a share `quantile` of the targets is below.

    With e = y_true - y_pred, the mean over the last axis of max(quantile * e, (quantile - 1) * e).
    (Beyond Keras.)

    Args:
        quantile: Which quantile to predict, between 0 and 1; 0.5 is the median.
        reduction, name, dtype: See `Loss`.

    Example:
        >>> loss = lamina.losses.Quantile(0.9)
        >>> [round(float(loss([[1.0]], [[p]])), 2) for p in (0.0, 2.0)]
        [0.9, 0.1]
    """

    _kind = "quantile"

    def __init__(
        self,
        quantile: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "quantile",
        dtype: Any = None,
    ) -> None:
        self.quantile = _quantile("Quantile", quantile)
        super().__init__(name, reduction, dtype)

    def settings(self) -> Config:
        """What the formula takes."""
        return {"quantile": self.quantile}

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {**super().get_config(), "quantile": self.quantile}


def _quantile(where: str, value: Any) -> float:
    return _checks.number(
        where, "quantile", value, low=0.0, high=1.0, open_low=True, open_high=True
    )


@LOSSES.register("cosine_similarity")
class CosineSimilarity(FormulaLoss):
    """Minus the cosine of the angle between targets and predictions: -1 where they agree.

    Vectors shorter than 1e-7 are not made longer than 1: a zero vector gives 0.

    Args:
        axis: The axis that holds the vectors; in training the last one.
        reduction, name, dtype: See `Loss`.
    """

    _kind = "cosine_similarity"

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "cosine_similarity",
        dtype: Any = None,
    ) -> None:
        self.axis = checked_axis("CosineSimilarity", axis)
        super().__init__(name, reduction, dtype)

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {**super().get_config(), "axis": self.axis}


def mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """The mean squared error of each row."""
    return row_losses(_core.Loss("mean_squared_error"), y_true, y_pred)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Any:
    """The mean absolute error of each row."""
    return row_losses(_core.Loss("mean_absolute_error"), y_true, y_pred)


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Any:
    """The mean absolute percentage error of each row."""
    return row_losses(_core.Loss("mean_absolute_percentage_error"), y_true, y_pred)


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Any:
    """The mean squared logarithmic error of each row."""
    return row_losses(_core.Loss("mean_squared_logarithmic_error"), y_true, y_pred)


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Any:
    """The Huber loss of each row; `delta` is where the parabola ends."""
    return row_losses(Huber(delta).specification(), y_true, y_pred)


def log_cosh(y_true: Any, y_pred: Any) -> Any:
    """The mean of log(cosh(error)) of each row."""
    return row_losses(_core.Loss("log_cosh"), y_true, y_pred)


def quantile(y_true: Any, y_pred: Any, quantile: float = 0.5) -> Any:
    """The pinball loss of each row; see `Quantile`."""
    return row_losses(Quantile(quantile).specification(), y_true, y_pred)


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """Minus the cosine of the angle between the rows of targets and predictions."""
    return CosineSimilarity(axis).call(y_true, y_pred)
