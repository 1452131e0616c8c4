"""The area under a curve over all thresholds."""

from __future__ import annotations

from typing import Any

import numpy as np

import lamina._core as _core
from lamina import _checks
from lamina._checks import unknown_name
from lamina._typing import Array, Config
from lamina.metrics.confusion import even_thresholds, evenly_spread
from lamina.metrics.counted import CountedMetric
from lamina.metrics.metric import register

_EPSILON = 1e-7
_CURVES = {
    "roc": "ROC",
    "ROC": "ROC",
    "pr": "PR",
    "PR": "PR",
    "prgain": "PRGAIN",
    "PRGAIN": "PRGAIN",
}
_SUMMATIONS = {
    name: way
    for way in ("interpolation", "majoring", "minoring")
    for name in (way, way.capitalize())
}


@register()
class AUC(CountedMetric):
    """The area under the receiver operating characteristic, or the precision-recall curve.

    The curve is sampled at thresholds from 0 to 1, so predictions must be probabilities (or logits,
    see `from_logits`).

    Args:
        num_thresholds: How many thresholds.
        curve: "ROC", "PR" (precision over recall) or "PRGAIN" (both rescaled by the share of
            positives).
        summation_method: Between thresholds "interpolation" (for "PR" that of Davis and Goadrich),
            "minoring" (the lower value) or "majoring" (the higher one).
        name: The key in logs; by default a new one for each object.
        dtype: See `Metric`.
        thresholds: Other thresholds, between 0 and 1, instead of `num_thresholds`.
        multi_label: Whether to average the areas of the columns instead of taking all columns as
            one.
        num_labels: How many columns there will be; only with `multi_label`.
        label_weights: Weights of the columns.
        from_logits: Whether predictions are logits, to which a sigmoid is applied.

    Example:
        >>> metric = lamina.metrics.AUC(num_thresholds=3)
        >>> metric([0, 0, 1, 1], [0, 0.5, 0.3, 0.9])
        0.75
    """

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Any = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Any = None,
        from_logits: bool = False,
    ) -> None:
        if curve not in _CURVES:
            raise unknown_name("`curve`", curve, _CURVES.values())
        if summation_method not in _SUMMATIONS:
            raise unknown_name("`summation_method`", summation_method, _SUMMATIONS.values())
        self.curve = _CURVES[curve]
        self.summation_method = _SUMMATIONS[summation_method]
        self._own_thresholds = thresholds is not None
        if thresholds is not None:
            inner = sorted(
                _checks.number("AUC", "thresholds", t, low=0.0, high=1.0) for t in thresholds
            )
            self._even = evenly_spread([0.0, *inner, 1.0])
        else:
            count = _checks.integer("AUC", "num_thresholds", num_thresholds, low=2, high=2**24 - 1)
            inner = even_thresholds(count)[1:-1]
            self._even = True
        self._thresholds = [-_EPSILON, *inner, 1.0 + _EPSILON]
        self.num_thresholds = len(self._thresholds)
        self.multi_label = _checks.boolean("AUC", "multi_label", multi_label)
        if num_labels is not None and not self.multi_label:
            raise ValueError(
                "`num_labels` is needed only when `multi_label` is True. "
                f"Received: num_labels={num_labels}"
            )
        self.num_labels = (
            None if num_labels is None else _checks.integer("AUC", "num_labels", num_labels, low=1)
        )
        self.label_weights = (
            None
            if label_weights is None
            else [
                _checks.number("AUC", "label_weights", w, low=0.0, open_high=True)
                for w in label_weights
            ]
        )
        self._from_logits = _checks.boolean("AUC", "from_logits", from_logits)
        super().__init__(dtype, name)

    @property
    def thresholds(self) -> list[float]:
        """All thresholds: the outer ones pass everything and nothing."""
        return list(self._thresholds)

    def specification(self) -> _core.Metric:
        """What the core needs to compute it."""
        return _core.Metric(
            "confusion",
            result="auc",
            thresholds=self._thresholds,
            even=self._even,
            beyond=self._even,
            multi_label=self.multi_label,
            label_weights=self.label_weights or [],
            from_logits=self._from_logits,
            curve=self.curve,
            summation=self.summation_method,
        )

    def _arrays(
        self, y_true: Any, y_pred: Any, sample_weight: Any
    ) -> tuple[Array, Array, Array | None]:
        if self.multi_label and np.ndim(y_pred) != 2:
            raise ValueError(
                "`y_pred` must have rank 2 when `multi_label=True`. "
                f"Received: y_pred.shape={np.shape(y_pred)}"
            )
        target, prediction, weights = super()._arrays(y_true, y_pred, sample_weight)
        if self.num_labels is not None and prediction.shape[-1] != self.num_labels:
            raise ValueError(
                f"AUC: predictions must have num_labels={self.num_labels} columns. "
                f"Received: y_pred.shape={prediction.shape}"
            )
        return target, prediction, weights

    def _takes_single_weights(self) -> bool:
        return not self.multi_label and self.label_weights is None

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        config = {
            **super().get_config(),
            "num_thresholds": self.num_thresholds,
            "curve": self.curve,
            "summation_method": self.summation_method,
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": self.label_weights,
            "from_logits": self._from_logits,
        }
        if self._own_thresholds:
            config["thresholds"] = self._thresholds[1:-1]
        return config
