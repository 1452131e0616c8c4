"""Counts of hits and misses over thresholds, and what is made of them."""

from __future__ import annotations

from typing import Any

import numpy as np

import lamina._core as _core
from lamina import _checks
from lamina._typing import Config
from lamina.metrics.counted import CountedMetric
from lamina.metrics.metric import register

#: The threshold that passes all of a row's top k, and nothing else.
_TOP_K_THRESHOLD = -1e10


def checked_thresholds(where: str, thresholds: Any, default: float) -> list[float]:
    """One threshold or several as a list of numbers from 0 to 1; `default` for None."""
    if thresholds is None:
        return [default]
    several = thresholds if isinstance(thresholds, (list, tuple, np.ndarray)) else [thresholds]
    if not len(several):
        raise ValueError(f"{where}: `thresholds` must not be empty. Received: {thresholds!r}")
    return [_checks.number(where, "thresholds", t, low=0.0, high=1.0) for t in several]


def evenly_spread(thresholds: list[float]) -> bool:
    """Whether there are at least three, and they are i / (count - 1)."""
    count = len(thresholds)
    if count < 3:
        return False
    wanted = (np.float32(i) / np.float32(count - 1) for i in range(count))
    return all(
        abs(t - float(w)) <= 1e-7 + 1e-5 * float(w) for t, w in zip(thresholds, wanted, strict=True)
    )


def even_thresholds(count: int) -> list[float]:
    """`count` thresholds from 0 to 1."""
    return [0.0, *((i + 1) / (count - 1) for i in range(count - 2)), 1.0]


class _Counts(CountedMetric):
    """A count at one threshold (a number) or several (an array)."""

    _result = ""

    def __init__(self, thresholds: Any = None, name: str | None = None, dtype: Any = None) -> None:
        self.init_thresholds = thresholds
        self.thresholds = checked_thresholds(type(self).__name__, thresholds, 0.5)
        super().__init__(dtype, name)

    def specification(self) -> _core.Metric:
        """What the core needs to compute it."""
        return _core.Metric(
            "confusion",
            result=self._result,
            thresholds=self.thresholds,
            even=evenly_spread(self.thresholds),
        )

    def _takes_single_weights(self) -> bool:
        return True

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        given = self.init_thresholds
        plain = given if given is None or np.ndim(given) == 0 else list(self.thresholds)
        return {**super().get_config(), "thresholds": plain}


@register()
class TruePositives(_Counts):
    """The number (or weight) of positive targets that are predicted.

    Args:
        thresholds: A number from 0 to 1, or several; None means 0.5. A prediction is positive
            where it is greater.
        name: The key in logs; by default a new one for each object.
        dtype: See `Metric`.
    """

    _result = "true_positives"


@register()
class FalsePositives(_Counts):
    """The number (or weight) of other targets that are predicted.

    Args:
        thresholds: A number from 0 to 1, or several; None means 0.5. A prediction is positive
            where it is greater.
        name: The key in logs; by default a new one for each object.
        dtype: See `Metric`.
    """

    _result = "false_positives"


@register()
class TrueNegatives(_Counts):
    """The number (or weight) of other targets that are not predicted.

    Args:
        thresholds: A number from 0 to 1, or several; None means 0.5. A prediction is positive
            where it is greater.
        name: The key in logs; by default a new one for each object.
        dtype: See `Metric`.
    """

    _result = "true_negatives"


@register()
class FalseNegatives(_Counts):
    """The number (or weight) of positive targets that are not predicted.

    Args:
        thresholds: A number from 0 to 1, or several; None means 0.5. A prediction is positive
            where it is greater.
        name: The key in logs; by default a new one for each object.
        dtype: See `Metric`.
    """

    _result = "false_negatives"


class _Share(CountedMetric):
    """True positives in share of what was predicted or wanted."""

    _result = ""

    def __init__(
        self,
        thresholds: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        where = type(self).__name__
        self.init_thresholds = thresholds
        self.top_k = None if top_k is None else _checks.integer(where, "top_k", top_k, low=1)
        self.class_id = checked_class(where, class_id)
        default = 0.5 if top_k is None else _TOP_K_THRESHOLD
        self.thresholds = checked_thresholds(where, thresholds, default)
        super().__init__(dtype, name)

    def specification(self) -> _core.Metric:
        """What the core needs to compute it."""
        return _core.Metric(
            "confusion",
            result=self._result,
            thresholds=self.thresholds,
            even=evenly_spread(self.thresholds),
            top_k=self.top_k or 0,
            class_id=-1 if self.class_id is None else self.class_id,
        )

    def _takes_single_weights(self) -> bool:
        return self.top_k is None and self.class_id is None

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        given = self.init_thresholds
        plain = given if given is None or np.ndim(given) == 0 else list(self.thresholds)
        return {
            **super().get_config(),
            "thresholds": plain,
            "top_k": self.top_k,
            "class_id": self.class_id,
        }


def checked_class(where: str, class_id: Any) -> int | None:
    """`class_id` as a column's number, or None."""
    return None if class_id is None else _checks.integer(where, "class_id", class_id, low=0)


@register()
class Precision(_Share):
    """The share of positive targets among what is predicted.

    Args:
        thresholds: A number from 0 to 1, or several; None means 0.5, or with `top_k` none at all.
            A prediction is positive where it is greater.
        top_k: Only the k largest predictions of a row can be positive.
        class_id: Only this column counts.
        name: The key in logs; by default a new one for each object.
        dtype: See `Metric`.
    """

    _result = "precision"


@register()
class Recall(_Share):
    """The share of positive targets that are predicted.

    Args:
        thresholds: A number from 0 to 1, or several; None means 0.5, or with `top_k` none at all.
            A prediction is positive where it is greater.
        top_k: Only the k largest predictions of a row can be positive.
        class_id: Only this column counts.
        name: The key in logs; by default a new one for each object.
        dtype: See `Metric`.
    """

    _result = "recall"


class _BestAt(CountedMetric):
    """The best of one share where another reaches a value."""

    _result = ""

    def __init__(
        self,
        value: float,
        num_thresholds: int,
        class_id: int | None,
        name: str | None,
        dtype: Any,
    ) -> None:
        where = type(self).__name__
        self.value = value
        self.num_thresholds = _checks.integer(
            where, "num_thresholds", num_thresholds, low=1, high=2**24 - 1
        )
        self.class_id = checked_class(where, class_id)
        several = self.num_thresholds > 1
        self.thresholds = even_thresholds(self.num_thresholds) if several else [0.5]
        super().__init__(dtype, name)

    def specification(self) -> _core.Metric:
        """What the core needs to compute it."""
        return _core.Metric(
            "confusion",
            result=self._result,
            thresholds=self.thresholds,
            even=self.num_thresholds > 1,
            class_id=-1 if self.class_id is None else self.class_id,
            least=self.value,
        )

    def _takes_single_weights(self) -> bool:
        return self.class_id is None

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {
            **super().get_config(),
            "num_thresholds": self.num_thresholds,
            "class_id": self.class_id,
        }


@register()
class SensitivityAtSpecificity(_BestAt):
    """The best share of positive targets found, where so many of the others are left out.

    Args:
        specificity: What must be reached, from 0 to 1.
        num_thresholds: How many thresholds from 0 to 1 are tried.
        class_id: Only this column counts.
        name: The key in logs; by default a new one for each object.
        dtype: See `Metric`.
    """

    _result = "sensitivity_at_specificity"

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        self.specificity = _checks.number(
            "SensitivityAtSpecificity", "specificity", specificity, low=0.0, high=1.0
        )
        super().__init__(self.specificity, num_thresholds, class_id, name, dtype)

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {**super().get_config(), "specificity": self.specificity}


@register()
class SpecificityAtSensitivity(_BestAt):
    """The best share of other targets left out, where so many positive ones are found.

    Args:
        sensitivity: What must be reached, from 0 to 1.
        num_thresholds: How many thresholds from 0 to 1 are tried.
        class_id: Only this column counts.
        name: The key in logs; by default a new one for each object.
        dtype: See `Metric`.
    """

    _result = "specificity_at_sensitivity"

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        self.sensitivity = _checks.number(
            "SpecificityAtSensitivity", "sensitivity", sensitivity, low=0.0, high=1.0
        )
        super().__init__(self.sensitivity, num_thresholds, class_id, name, dtype)

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {**super().get_config(), "sensitivity": self.sensitivity}


@register()
class PrecisionAtRecall(_BestAt):
    """The best precision where recall reaches a value.

    Args:
        recall: What must be reached, from 0 to 1.
        num_thresholds: How many thresholds from 0 to 1 are tried.
        class_id: Only this column counts.
        name: The key in logs; by default a new one for each object.
        dtype: See `Metric`.
    """

    _result = "precision_at_recall"

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        self.recall = _checks.number("PrecisionAtRecall", "recall", recall, low=0.0, high=1.0)
        super().__init__(self.recall, num_thresholds, class_id, name, dtype)

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {**super().get_config(), "recall": self.recall}


@register()
class RecallAtPrecision(_BestAt):
    """The best recall where precision reaches a value.

    Args:
        precision: What must be reached, from 0 to 1.
        num_thresholds: How many thresholds from 0 to 1 are tried.
        class_id: Only this column counts.
        name: The key in logs; by default a new one for each object.
        dtype: See `Metric`.
    """

    _result = "recall_at_precision"

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        self.precision = _checks.number(
            "RecallAtPrecision", "precision", precision, low=0.0, high=1.0
        )
        super().__init__(self.precision, num_thresholds, class_id, name, dtype)

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {**super().get_config(), "precision": self.precision}
