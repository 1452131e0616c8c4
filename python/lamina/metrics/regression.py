"""How far predictions are off."""

from __future__ import annotations

from typing import Any

import numpy as np

import lamina._core as _core
from lamina import _checks
from lamina._typing import Config
from lamina.losses import regression as losses
from lamina.metrics.counted import CountedMetric
from lamina.metrics.metric import register
from lamina.metrics.reduction import LossMetric, square_root


@register("mse", "MSE")
class MeanSquaredError(LossMetric):
    """The mean of squared errors.

    Args:
        name: The key in logs.
        dtype: See `Metric`.
    """

    def __init__(
        self,
        name: str | None = "mean_squared_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(losses.MeanSquaredError(), name, dtype)


@register("rmse")
class RootMeanSquaredError(MeanSquaredError):
    """The root of the mean of squared errors.

    Args:
        name: The key in logs.
        dtype: See `Metric`.
    """

    def __init__(self, name: str | None = "root_mean_squared_error", dtype: Any = None) -> None:
        super().__init__(name, dtype)

    def specification(self) -> _core.Metric:
        """What the core needs to compute it."""
        return _core.Metric("mean_squared_error", root=True)

    def _finish(self, mean: float) -> float:
        return square_root(mean)


@register("mae", "MAE")
class MeanAbsoluteError(LossMetric):
    """The mean of absolute errors.

    Args:
        name: The key in logs.
        dtype: See `Metric`.
    """

    def __init__(
        self,
        name: str | None = "mean_absolute_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(losses.MeanAbsoluteError(), name, dtype)


@register("mape", "MAPE")
class MeanAbsolutePercentageError(LossMetric):
    """The mean of absolute errors in percent of the targets.

    Args:
        name: The key in logs.
        dtype: See `Metric`.
    """

    def __init__(
        self,
        name: str | None = "mean_absolute_percentage_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(losses.MeanAbsolutePercentageError(), name, dtype)


@register("msle", "MSLE")
class MeanSquaredLogarithmicError(LossMetric):
    """The mean of squared differences of log(1 + x).

    Args:
        name: The key in logs.
        dtype: See `Metric`.
    """

    def __init__(
        self,
        name: str | None = "mean_squared_logarithmic_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(losses.MeanSquaredLogarithmicError(), name, dtype)


@register("logcosh")
class LogCoshError(LossMetric):
    """The mean of log(cosh(error)).

    Args:
        name: The key in logs.
        dtype: See `Metric`.
    """

    def __init__(
        self,
        name: str | None = "logcosh",
        dtype: Any = None,
    ) -> None:
        super().__init__(losses.LogCosh(), name, dtype)


@register()
class CosineSimilarity(LossMetric):
    """The mean cosine of the angle between targets and predictions.

    Args:
        name: The key in logs.
        dtype: See `Metric`.
        axis: The axis that holds the vectors; in `compile` the last one.
    """

    _negated = True

    def __init__(
        self,
        name: str | None = "cosine_similarity",
        dtype: Any = None,
        axis: int = -1,
    ) -> None:
        super().__init__(losses.CosineSimilarity(axis=axis), name, dtype)


@register()
class R2Score(CountedMetric):
    """The coefficient of determination: 1 - (squared errors) / (squared deviations from the mean).

    Args:
        class_aggregation: How the scores of several columns become one: "uniform_average",
            "variance_weighted_average", or None for one of each.
        num_regressors: With more than 0 the adjusted score, for so many predictors.
        name: The key in logs.
        dtype: See `Metric`.

    Example:
        >>> metric = lamina.metrics.R2Score()
        >>> round(metric([[1.0], [4.0], [3.0]], [[2.0], [4.0], [4.0]]), 4)
        0.5714
    """

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = "r2_score",
        dtype: Any = None,
    ) -> None:
        ways = (None, "uniform_average", "variance_weighted_average")
        if class_aggregation not in ways:
            raise ValueError(
                f"Invalid value for argument `class_aggregation`. Expected one of {ways}. "
                f"Received: class_aggregation={class_aggregation}"
            )
        self.class_aggregation = class_aggregation
        self.num_regressors = _checks.integer("R2Score", "num_regressors", num_regressors, low=0)
        super().__init__(dtype, name)

    def specification(self) -> _core.Metric:
        """What the core needs to compute it."""
        return _core.Metric(
            "r2",
            average="none" if self.class_aggregation is None else "macro",
            by_variance=self.class_aggregation == "variance_weighted_average",
            regressors=self.num_regressors,
        )

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch of targets and predictions, weighted by `sample_weight`."""
        if np.ndim(y_pred) != 2:
            raise ValueError(
                "R2Score expects 2D inputs with shape (batch_size, output_dim). "
                f"Received: y_pred.shape={np.shape(y_pred)}"
            )
        super().update_state(y_true, y_pred, sample_weight)

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {
            **super().get_config(),
            "class_aggregation": self.class_aggregation,
            "num_regressors": self.num_regressors,
        }
