"""Means and sums of values."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import lamina._core as _core
from lamina._arrays import floating_array
from lamina._reduce import exact_sum, weights_like
from lamina._typing import Array, Config
from lamina.losses.loss import Loss
from lamina.metrics.metric import Metric, register


class _Accumulator(Metric):
    """Keeps a weighted total and the sum of the weights."""

    def __init__(self, dtype: Any = None, name: str | None = None) -> None:
        super().__init__(dtype, name)
        self.total = 0.0
        self.count = 0.0

    def _add(self, values: Array, sample_weight: Any, counted: Array | None = None) -> None:
        self._model = None
        if sample_weight is None and counted is None:
            total, count = exact_sum(values), float(values.size)
        else:
            shares = np.ones(values.shape) if counted is None else counted.astype(np.float64)
            if sample_weight is not None:
                shares = shares * weights_like(sample_weight, values).astype(np.float64)
            total, count = exact_sum(values.astype(np.float64) * shares), exact_sum(shares)
        self.total += total
        self.count += count

    def reset_state(self) -> None:
        """Forgets all batches."""
        self._model = None
        self.total = self.count = 0.0

    @property
    def variables(self) -> list[Any]:
        """The state: total and count."""
        if self._model is not None:
            return self._model[1]()
        return [self.total, self.count]


@register()
class Mean(_Accumulator):
    """The weighted mean of values.

    Args:
        name: The key in logs.
        dtype: See `Metric`.

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
        if self._model is not None:
            return float(self._model[0]())
        return self.total / self.count if self.count != 0.0 else 0.0


@register()
class Sum(_Accumulator):
    """The weighted sum of values.

    Args:
        name: The key in logs.
        dtype: See `Metric`.
    """

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

    def _set_numbers(self, numbers: list[float]) -> None:
        self.total, self.count = numbers

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data: a custom function by its name."""
        if type(self) is not MeanMetricWrapper:
            return super().get_config()
        from lamina.registry import serialize_function

        return {**super().get_config(), "fn": serialize_function(self._fn), **self._fn_kwargs}

    @classmethod
    def from_config(cls, config: Config) -> Any:
        """The metric that `get_config` described; its function must be known by its name."""
        if cls is MeanMetricWrapper:
            from lamina.registry import deserialize_function

            config = {**config, "fn": deserialize_function(config.get("fn"))}
        return cls(**config)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch of targets and predictions, weighted by `sample_weight`."""
        values = np.asarray(self._fn(y_true, y_pred, **self._fn_kwargs))
        self._add(values, sample_weight)

    def result(self) -> float:
        """The value over all batches since the last reset."""
        if self._model is not None:
            return float(self._model[0]())
        return self._finish(self.total / self.count if self.count != 0.0 else 0.0)

    def _finish(self, mean: float) -> float:
        return mean


class LossMetric(MeanMetricWrapper):
    """The mean of a loss's values for each row."""

    #: Whether the metric is minus the loss.
    _negated = False

    def __init__(self, loss: Loss, name: str | None, dtype: Any) -> None:
        super().__init__(self._values, name, dtype)
        self._loss = loss

    def _values(self, y_true: Any, y_pred: Any) -> Array:
        values = np.asarray(self._loss.call(y_true, y_pred))
        return -values if self._negated else values

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch of targets and predictions, weighted by `sample_weight`."""
        values = self._values(y_true, y_pred)
        self._add(values, sample_weight, self._loss.counted(y_true, values))

    def specification(self) -> _core.Metric:
        """What the core needs to compute it."""
        return _core.Metric("loss", loss=self._loss.specification(), negated=self._negated)

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        loss = self._loss.get_config()
        return {
            **super().get_config(),
            **{key: value for key, value in loss.items() if key not in ("name", "reduction")},
        }


def square_root(mean: float) -> float:
    """The root of a mean of squares, correctly rounded; NaN stays NaN."""
    return math.sqrt(mean) if mean >= 0.0 else math.nan
