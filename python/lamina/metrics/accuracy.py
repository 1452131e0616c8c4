"""How often predictions are right."""

from __future__ import annotations

from typing import Any

import numpy as np

import lamina._core as _core
from lamina import _checks
from lamina._arrays import floating_array, real_array
from lamina._typing import Array, Config
from lamina.config import floatx
from lamina.losses.targets import align_labels, align_values
from lamina.metrics.metric import register
from lamina.metrics.reduction import MeanMetricWrapper


def _predictions(y_pred: Any) -> Array:
    prediction = floating_array(y_pred, "y_pred", None, floatx())
    if prediction.ndim == 0:
        raise ValueError("`y_pred` needs at least one axis. Received: y_pred.shape=()")
    return prediction


def _share(matches: Array) -> Array:
    """The share of matches along the last axis: counts over a length, both exact."""
    return np.asarray(np.count_nonzero(matches, axis=-1) / max(1, matches.shape[-1]))


def _flags(matches: Any) -> Array:
    return np.asarray(matches, dtype=floatx())


def accuracy(y_true: Any, y_pred: Any) -> Array:
    """1 for each element of `y_pred` that equals its target, else 0."""
    prediction = real_array(y_pred, "y_pred")
    target = align_values(real_array(y_true, "y_true"), prediction.shape)
    return _flags(target == prediction)


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Array:
    """The share of each row where (y_pred > threshold) equals the target."""
    prediction = _predictions(y_pred)
    target = align_values(real_array(y_true, "y_true"), prediction.shape)
    decided = prediction > prediction.dtype.type(threshold)
    return _share(decided.astype(prediction.dtype) == target)


def categorical_accuracy(y_true: Any, y_pred: Any) -> Array:
    """1 for each row whose largest prediction is where the target's largest value is."""
    prediction = _predictions(y_pred)
    target = align_values(real_array(y_true, "y_true"), prediction.shape)
    return _flags(target.argmax(axis=-1) == prediction.argmax(axis=-1))


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Array:
    """1 for each row whose largest prediction is at the integer label."""
    prediction = _predictions(y_pred)
    target = align_labels(real_array(y_true, "y_true"), prediction.shape)
    return _flags(target == prediction.argmax(axis=-1))


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Array:
    """1 for each row whose target's class is among the k largest predictions."""
    prediction = _predictions(y_pred)
    target = align_values(real_array(y_true, "y_true"), prediction.shape)
    return _flags(_core.metric_values(_top_k("top_k", k), target, prediction))


def sparse_top_k_categorical_accuracy(
    y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False
) -> Array:
    """1 for each row whose label is among the k largest predictions.

    With `from_sorted_ids`, predictions are class indices, the best first.
    """
    prediction = _predictions(y_pred)
    target = align_labels(real_array(y_true, "y_true"), prediction.shape)
    metric = _top_k("sparse_top_k", k, sorted_ids=bool(from_sorted_ids))
    return _flags(_core.metric_values(metric, target, prediction))


def _top_k(kind: str, k: Any, **settings: Any) -> _core.Metric:
    return _core.Metric(f"{kind}_categorical_accuracy", k=_checked_k(k), **settings)


def _checked_k(k: Any) -> int:
    return _checks.integer("top_k_categorical_accuracy", "k", k, low=1)


@register()
class Accuracy(MeanMetricWrapper):
    """How often predictions equal targets; for probabilities see the other forms."""

    def __init__(self, name: str | None = "accuracy", dtype: Any = None) -> None:
        super().__init__(accuracy, name, dtype)

    def specification(self) -> _core.Metric:
        """What the core needs to compute it."""
        return _core.Metric("accuracy")


@register()
class BinaryAccuracy(MeanMetricWrapper):
    """How often predictions above a threshold equal targets of 0 and 1.

    Args:
        name: The key in logs.
        dtype: See `Metric`.
        threshold: A number between 0 and 1.

    Example:
        >>> metric = lamina.metrics.BinaryAccuracy()
        >>> metric([[1], [0]], [[0.9], [0.6]])
        0.5
    """

    def __init__(
        self,
        name: str | None = "binary_accuracy",
        dtype: Any = None,
        threshold: float = 0.5,
    ) -> None:
        self.threshold = _checks.number("BinaryAccuracy", "threshold", threshold, low=0.0, high=1.0)
        super().__init__(binary_accuracy, name, dtype, threshold=self.threshold)

    def specification(self) -> _core.Metric:
        """What the core needs to compute it."""
        return _core.Metric("binary_accuracy", self.threshold)

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {**super().get_config(), "threshold": self.threshold}


@register()
class CategoricalAccuracy(MeanMetricWrapper):
    """How often the largest prediction is the one-hot target's class."""

    def __init__(self, name: str | None = "categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(categorical_accuracy, name, dtype)

    def specification(self) -> _core.Metric:
        """What the core needs to compute it."""
        return _core.Metric("categorical_accuracy")


@register()
class SparseCategoricalAccuracy(MeanMetricWrapper):
    """How often the largest prediction is at the integer label."""

    def __init__(self, name: str | None = "sparse_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(sparse_categorical_accuracy, name, dtype)

    def specification(self) -> _core.Metric:
        """What the core needs to compute it."""
        return _core.Metric("sparse_categorical_accuracy")


@register()
class TopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the one-hot target's class is among the k largest predictions.

    Args:
        k: How many predictions count.
        name: The key in logs.
        dtype: See `Metric`.
    """

    def __init__(
        self, k: int = 5, name: str | None = "top_k_categorical_accuracy", dtype: Any = None
    ) -> None:
        self.k = _checked_k(k)
        super().__init__(top_k_categorical_accuracy, name, dtype, k=self.k)

    def specification(self) -> _core.Metric:
        """What the core needs to compute it."""
        return _top_k("top_k", self.k)

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {**super().get_config(), "k": self.k}


@register()
class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the integer label is among the k largest predictions.

    Args:
        k: How many predictions count.
        name: The key in logs.
        dtype: See `Metric`.
        from_sorted_ids: Whether predictions are class indices, the best first.
    """

    def __init__(
        self,
        k: int = 5,
        name: str | None = "sparse_top_k_categorical_accuracy",
        dtype: Any = None,
        from_sorted_ids: bool = False,
    ) -> None:
        self.k = _checked_k(k)
        self.from_sorted_ids = _checks.boolean(
            "SparseTopKCategoricalAccuracy", "from_sorted_ids", from_sorted_ids
        )
        super().__init__(
            sparse_top_k_categorical_accuracy,
            name,
            dtype,
            k=self.k,
            from_sorted_ids=self.from_sorted_ids,
        )

    def specification(self) -> _core.Metric:
        """What the core needs to compute it."""
        return _top_k("sparse_top_k", self.k, sorted_ids=self.from_sorted_ids)

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        config = {**super().get_config(), "k": self.k}
        if self.from_sorted_ids:
            config["from_sorted_ids"] = True
        return config
