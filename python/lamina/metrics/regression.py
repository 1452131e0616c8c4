"""How far predictions are off."""

from __future__ import annotations

from typing import Any

from lamina import _core
from lamina.losses.regression import mean_absolute_error, mean_squared_error
from lamina.metrics.metric import METRICS
from lamina.metrics.reduction import MeanMetricWrapper, square_root


@METRICS.register("mean_squared_error", "mse", "MSE")
class MeanSquaredError(MeanMetricWrapper):
    """The mean of squared errors.

    Args:
        name: The key in logs.
        dtype: See `Metric`.
    """

    def __init__(self, name: str | None = "mean_squared_error", dtype: Any = None) -> None:
        super().__init__(mean_squared_error, name, dtype)

    def specification(self) -> _core.Metric:
        """What the core needs to compute it."""
        return _core.Metric("mean_squared_error")


@METRICS.register("root_mean_squared_error", "rmse")
class RootMeanSquaredError(MeanSquaredError):
    """The root of the mean of squared errors."""

    def __init__(self, name: str | None = "root_mean_squared_error", dtype: Any = None) -> None:
        super().__init__(name, dtype)

    def from_mean(self, mean: float) -> float:
        """The root of the mean that the core keeps."""
        return square_root(mean)


@METRICS.register("mean_absolute_error", "mae", "MAE")
class MeanAbsoluteError(MeanMetricWrapper):
    """The mean of absolute errors."""

    def __init__(self, name: str | None = "mean_absolute_error", dtype: Any = None) -> None:
        super().__init__(mean_absolute_error, name, dtype)

    def specification(self) -> _core.Metric:
        """What the core needs to compute it."""
        return _core.Metric("mean_absolute_error")
