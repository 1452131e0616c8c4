"""Intersection over union of classes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

import lamina._core as _core
from lamina import _checks
from lamina._arrays import floating_array, real_array
from lamina._reduce import weights_like
from lamina._typing import Array, Config
from lamina.config import floatx
from lamina.losses.loss import last_axis
from lamina.metrics.counted import CountedMetric
from lamina.metrics.metric import register

#: A table of so many classes squared is what memory holds.
_MOST_CLASSES = 46340


@register()
class IoU(CountedMetric):
    """The mean over some classes of hits / (hits + misses + false alarms).

    Args:
        num_classes: How many classes there are; others are left out.
        target_class_ids: Which of them count.
        name: The key in logs; by default a new one for each object.
        dtype: See `Metric`.
        ignore_class: Targets of this class are left out.
        sparse_y_true: Whether targets are class indices, rather than rows whose largest element
            says the class.
        sparse_y_pred: The same for predictions.
        axis: -1 only.

    Example:
        >>> metric = lamina.metrics.IoU(num_classes=2, target_class_ids=[0])
        >>> round(metric([0, 0, 1, 1], [0, 1, 0, 1]), 4)
        0.3333
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Iterable[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        where = type(self).__name__
        self.num_classes = _checks.integer(
            where, "num_classes", num_classes, low=1, high=_MOST_CLASSES
        )
        self.target_class_ids = [
            _checks.integer(where, "target_class_ids", i, low=0, high=self.num_classes - 1)
            for i in target_class_ids
        ]
        self.ignore_class = (
            None
            if ignore_class is None
            else _checks.integer(where, "ignore_class", ignore_class, low=-(2**31))
        )
        self.sparse_y_true = _checks.boolean(where, "sparse_y_true", sparse_y_true)
        self.sparse_y_pred = _checks.boolean(where, "sparse_y_pred", sparse_y_pred)
        self.axis = last_axis(where, axis)
        super().__init__(None if dtype in ("int", "int32", "int64") else dtype, name)

    def specification(self) -> _core.Metric:
        """What the core needs to compute it."""
        settings: dict[str, Any] = {}
        if self.ignore_class is not None:
            settings["ignore_class"] = self.ignore_class
        return _core.Metric(
            "iou",
            classes=self.num_classes,
            class_ids=self.target_class_ids,
            sparse_target=self.sparse_y_true,
            sparse_prediction=self.sparse_y_pred,
            **settings,
        )

    def _arrays(
        self, y_true: Any, y_pred: Any, sample_weight: Any
    ) -> tuple[Array, Array, Array | None]:
        prediction = floating_array(y_pred, "y_pred", self._dtype, floatx())
        target = real_array(y_true, "y_true")
        prediction = prediction.reshape(-1, 1 if self.sparse_y_pred else prediction.shape[-1])
        if not self.sparse_y_true:
            target = target.reshape(-1, target.shape[-1])
        else:
            target = target.reshape((-1, 1) if self.sparse_y_pred else (-1,))
        if len(target) != len(prediction):
            raise ValueError(
                f"{type(self).__name__}: one prediction for each target is needed. Received: "
                f"y_true.shape={np.shape(y_true)} and y_pred.shape={np.shape(y_pred)}"
            )
        weights = None
        if sample_weight is not None:
            weights = real_array(sample_weight, "sample_weight").reshape(-1)
            weights = np.ascontiguousarray(weights_like(weights, prediction[:, 0]))
        return target, prediction, weights

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "target_class_ids": self.target_class_ids,
            "ignore_class": self.ignore_class,
            "sparse_y_true": self.sparse_y_true,
            "sparse_y_pred": self.sparse_y_pred,
            "axis": self.axis,
        }


@register()
class BinaryIoU(IoU):
    """The intersection over union of the classes 0 and 1, for probabilities.

    Args:
        target_class_ids: Which of the two count.
        threshold: From here on a prediction says 1.
        name: The key in logs; by default a new one for each object.
        dtype: See `Metric`.
    """

    def __init__(
        self,
        target_class_ids: Iterable[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        self.threshold = _checks.number("BinaryIoU", "threshold", threshold)
        super().__init__(2, target_class_ids, name, dtype)

    def specification(self) -> _core.Metric:
        """What the core needs to compute it."""
        return _core.Metric(
            "iou", classes=2, class_ids=self.target_class_ids, threshold=self.threshold
        )

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {
            "target_class_ids": self.target_class_ids,
            "threshold": self.threshold,
            "name": self.name,
            "dtype": self._dtype,
        }


@register()
class MeanIoU(IoU):
    """The mean intersection over union of all classes.

    Args:
        num_classes, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis: See `IoU`.
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        count = _checks.integer(
            type(self).__name__, "num_classes", num_classes, low=1, high=_MOST_CLASSES
        )
        super().__init__(
            count, range(count), name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis
        )

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        config = super().get_config()
        del config["target_class_ids"]
        return config


@register()
class OneHotIoU(IoU):
    """The intersection over union of some classes, for one-hot targets.

    Args:
        num_classes, target_class_ids, name, dtype, ignore_class, sparse_y_pred, axis: See `IoU`.
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Iterable[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(
            num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis
        )

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        config = super().get_config()
        del config["sparse_y_true"]
        return config


@register()
class OneHotMeanIoU(MeanIoU):
    """The mean intersection over union of all classes, for one-hot targets.

    Args:
        num_classes, name, dtype, ignore_class, sparse_y_pred, axis: See `IoU`.
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        config = super().get_config()
        del config["sparse_y_true"]
        return config
