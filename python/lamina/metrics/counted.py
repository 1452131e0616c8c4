"""Metrics whose state the core keeps: counts and moments."""

from __future__ import annotations

from typing import Any

import numpy as np

import lamina._core as _core
from lamina._arrays import floating_array, real_array
from lamina._reduce import weights_like
from lamina._typing import Array
from lamina.config import floatx
from lamina.losses.targets import align_values
from lamina.metrics.metric import Metric


def number_or_array(values: list[float], size: int) -> Any:
    """A metric's result as users get it: one number, or with `size` an array of them."""
    return np.asarray(values) if size else values[0]


class CountedMetric(Metric):
    """The base of metrics whose state the core keeps."""

    _state: _core.MetricState | None = None

    def _kept(self) -> _core.MetricState:
        if self._state is None:
            self._state = _core.MetricState(self.specification())
        return self._state

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch of targets and predictions, weighted by `sample_weight`."""
        target, prediction, weights = self._arrays(y_true, y_pred, sample_weight)
        self._kept().update(target, prediction, weights)
        self._model = None

    def _arrays(
        self, y_true: Any, y_pred: Any, sample_weight: Any
    ) -> tuple[Array, Array, Array | None]:
        prediction = floating_array(y_pred, "y_pred", self._dtype, floatx())
        target = align_values(real_array(y_true, "y_true"), prediction.shape)
        if prediction.ndim < 2:
            prediction, target = prediction.reshape(-1, 1), target.reshape(-1, 1)
        weights = None
        if sample_weight is not None:
            weights = real_array(sample_weight, "sample_weight")
            if weights.shape == prediction.shape and self._takes_single_weights():
                # One weight for each element: each is a row of its own.
                prediction, target = prediction.reshape(-1, 1), target.reshape(-1, 1)
                weights = weights.reshape(-1)
            rows = np.empty(prediction.shape[:-1], dtype=np.bool_)
            weights = np.ascontiguousarray(weights_like(weights, rows))
        return target, prediction, weights

    def _takes_single_weights(self) -> bool:
        """Whether it makes no difference in which row an element stands."""
        return False

    def result(self) -> Any:
        """The value over all batches since the last reset; 0 before any."""
        if self._model is not None:
            return self._model[0]()
        kept = self._kept()
        values = kept.result()
        return number_or_array(values, kept.result_size()) if values else 0.0

    def reset_state(self) -> None:
        """Forgets all batches."""
        self._model = None
        self._kept().reset()

    @property
    def variables(self) -> list[Array]:
        """The state, as arrays."""
        if self._model is not None:
            return self._model[1]()
        return [value for _, value in self._kept().variables()]

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        kept = state.pop("_state", None)
        return {**state, "_counts": None if kept is None else kept.get()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        counts = state.pop("_counts", None)
        self.__dict__.update(state)
        if counts is not None:
            self._kept().set(*counts)
