"""Means and sums of values."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from lamina._arrays import floating_array
from lamina._reduce import exact_sum, weights_like
from lamina._typing import Array
from lamina.metrics.metric import METRICS, Metric


class _Accumulator(Metric):
    """Keeps a weighted total and the sum of the weights."""

    def __init__(self, dtype: Any = None, name: str | None = None) -> None:
        super().__init__(dtype, name)
        self.total = 0.0
        self.count = 0.0

    def _add(self, values: Array, sample_weight: Any) -> None:
        if sample_weight is None:
            total, count = exact_sum(values), float(values.size)
        else:
            weights = weights_like(sample_weight, values).astype(np.float64)
            total, count = exact_sum(values.astype(np.float64) * weights), exact_sum(weights)
        self.total += total
        self.count += count

    def reset_state(self) -> None:
        self.total = self.count = 0.0

    @property
    def variables(self) -> list[float]:
        """The state: total and count."""
        return [self.total, self.count]


@METRICS.register("mean")
class Mean(_Accumulator):
    """The weighted mean of values.

    Example:
        >>> mean = lamina.metrics.Mean()
        >>> mean.update_state([1.0, 3.0])
        >>> mean.result()
        2.0
    """

    def __init__(self, name: str | None = "mean", dtype: Any = None) -> None:
        super().__init__(dtype, name)

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Adds values, weighted by `sample_weight`."""
        self._add(floating_array(values, "values", None, "float64"), sample_weight)

    def result(self) -> float:
        """The value over all batches since the last reset."""
        return self.total / self.count if self.count != 0.0 else 0.0


@METRICS.register("sum")
class Sum(_Accumulator):
    """The weighted sum of values."""

    def __init__(self, name: str | None = "sum", dtype: Any = None) -> None:
        super().__init__(dtype, name)

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Adds values, weighted by `sample_weight`."""
        self._add(floating_array(values, "values", None, "float64"), sample_weight)

    def result(self) -> float:
        """The value over all batches since the last reset."""
        return self.total


class MeanMetricWrapper(_Accumulator):
    """The mean of a function of targets and predictions.

    Args:
        fn: A function of (y_true, y_pred) that gives a value for each row.
        name: The key in logs.
        dtype: See `Metric`.
        **kwargs: Further arguments of `fn`.
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(dtype, name if name is not None else getattr(fn, "__name__", None))
        self._fn = fn
        self._fn_kwargs = kwargs

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch of targets and predictions, weighted by `sample_weight`."""
        values = np.asarray(self._fn(y_true, y_pred, **self._fn_kwargs))
        self._add(values, sample_weight)

    def result(self) -> float:
        """The value over all batches since the last reset."""
        return self.from_mean(self.total / self.count if self.count != 0.0 else 0.0)


def square_root(mean: float) -> float:
    """The root of a mean of squares, correctly rounded; NaN stays NaN."""
    return math.sqrt(mean) if mean >= 0.0 else math.nan
