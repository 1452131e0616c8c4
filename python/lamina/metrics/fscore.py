"""The harmonic mean of precision and recall."""

from __future__ import annotations

from typing import Any

import numpy as np

import lamina._core as _core
from lamina._typing import Array, Config
from lamina.metrics.counted import CountedMetric
from lamina.metrics.metric import register

_AVERAGES = (None, "micro", "macro", "weighted")


@register()
class FBetaScore(CountedMetric):
    """(1 + beta^2) precision recall / (beta^2 precision + recall), of each column.

    Args:
        average: How the columns' scores become one: "micro" counts all columns together, "macro" is
            their mean, "weighted" weighs them by their targets; None keeps them apart.
        beta: How much more recall counts than precision.
        threshold: Predictions are positive above it; None takes the row's largest.
        name: The key in logs.
        dtype: See `Metric`.
    """

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = "fbeta_score",
        dtype: Any = None,
    ) -> None:
        if average not in _AVERAGES:
            raise ValueError(
                f"Invalid `average` argument value. Expected one of: {_AVERAGES}. "
                f"Received: average={average}"
            )
        if not isinstance(beta, float):
            raise ValueError(
                "Invalid `beta` argument value. It should be a Python float. "
                f"Received: beta={beta} of type {type(beta).__name__}"
            )
        if not beta > 0.0:
            raise ValueError(
                f"Invalid `beta` argument value. It should be > 0. Received: beta={beta}"
            )
        if threshold is not None and not isinstance(threshold, float):
            raise ValueError(
                "Invalid `threshold` argument value. It should be a Python float. "
                f"Received: threshold={threshold} of type {type(threshold).__name__}"
            )
        if threshold is not None and not 0.0 < threshold <= 1.0:
            raise ValueError(
                "Invalid `threshold` argument value. It should verify 0 < threshold <= 1. "
                f"Received: threshold={threshold}"
            )
        self.average = average
        self.beta = beta
        self.threshold = threshold
        super().__init__(dtype, name)

    def specification(self) -> _core.Metric:
        """What the core needs to compute it."""
        settings = {} if self.threshold is None else {"threshold": self.threshold}
        return _core.Metric("fbeta", average=self.average or "none", beta=self.beta, **settings)

    def _arrays(
        self, y_true: Any, y_pred: Any, sample_weight: Any
    ) -> tuple[Array, Array, Array | None]:
        if np.ndim(y_pred) != 2 or np.ndim(y_true) != 2:
            raise ValueError(
                "FBetaScore expects 2D inputs with shape (batch_size, output_dim). Received: "
                f"y_pred.shape={np.shape(y_pred)} and y_true.shape={np.shape(y_true)}"
            )
        return super()._arrays(y_true, y_pred, sample_weight)

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {
            **super().get_config(),
            "average": self.average,
            "beta": self.beta,
            "threshold": self.threshold,
        }


@register()
class F1Score(FBetaScore):
    """The harmonic mean of precision and recall, of each column.

    Args:
        average: See `FBetaScore`.
        threshold: See `FBetaScore`.
        name: The key in logs.
        dtype: See `Metric`.

    Example:
        >>> metric = lamina.metrics.F1Score(average="macro")
        >>> round(metric([[1, 0], [0, 1]], [[0.9, 0.1], [0.7, 0.3]]), 4)
        0.3333
    """

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = "f1_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(average, 1.0, threshold, name, dtype)

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        config = super().get_config()
        del config["beta"]
        return config
