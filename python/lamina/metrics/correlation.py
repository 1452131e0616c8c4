"""How alike targets and predictions vary along a row."""

from __future__ import annotations

from typing import Any

import numpy as np

import lamina._core as _core
from lamina._arrays import floating_array, real_array
from lamina._typing import Array, Config
from lamina.config import floatx
from lamina.losses.loss import last_axis
from lamina.losses.targets import align_values
from lamina.metrics.metric import register
from lamina.metrics.reduction import MeanMetricWrapper


def row_values(metric: _core.Metric, y_true: Any, y_pred: Any) -> Array:
    """The value of each row of targets that look like the predictions."""
    prediction = floating_array(y_pred, "y_pred", None, floatx())
    target = align_values(real_array(y_true, "y_true"), prediction.shape)
    return np.asarray(_core.metric_values(metric, target, prediction))


def pearson_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Array:
    """Pearson's correlation of each row, from -1 to 1."""
    last_axis("pearson_correlation", axis)
    return row_values(_core.Metric("pearson_correlation"), y_true, y_pred)


def concordance_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Array:
    """Lin's concordance correlation of each row: Pearson's, less where means or spreads differ."""
    last_axis("concordance_correlation", axis)
    return row_values(_core.Metric("concordance_correlation"), y_true, y_pred)


class _Correlation(MeanMetricWrapper):
    """What both correlations share."""

    def __init__(self, fn: Any, name: str | None, dtype: Any, axis: int) -> None:
        self.axis = last_axis(type(self).__name__, axis)
        super().__init__(fn, name, dtype)

    def specification(self) -> _core.Metric:
        """What the core needs to compute it."""
        return _core.Metric(self._fn.__name__)

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {**super().get_config(), "axis": self.axis}


@register()
class PearsonCorrelation(_Correlation):
    """The mean of Pearson's correlation between the rows of targets and predictions.

    Args:
        name: The key in logs.
        dtype: See `Metric`.
        axis: -1 only.
    """

    def __init__(
        self, name: str | None = "pearson_correlation", dtype: Any = None, axis: int = -1
    ) -> None:
        super().__init__(pearson_correlation, name, dtype, axis)


@register()
class ConcordanceCorrelation(_Correlation):
    """The mean of Lin's concordance correlation between the rows of targets and predictions.

    Args:
        name: The key in logs.
        dtype: See `Metric`.
        axis: -1 only.
    """

    def __init__(
        self, name: str | None = "concordance_correlation", dtype: Any = None, axis: int = -1
    ) -> None:
        super().__init__(concordance_correlation, name, dtype, axis)
