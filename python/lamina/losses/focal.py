"""Crossentropies that care most about what is predicted badly."""

from __future__ import annotations

from typing import Any

from lamina import _checks
from lamina._typing import Config
from lamina.losses.crossentropy import DenseCrossentropy
from lamina.losses.loss import LOSSES


class _Focal(DenseCrossentropy):
    """What both focal losses share."""

    def _focus(self, alpha: Any, gamma: Any) -> None:
        where = type(self).__name__
        self.alpha: float | list[float] = _checks.number(
            where, "alpha", alpha, low=0.0, open_high=True
        )
        self.gamma = _checks.number(where, "gamma", gamma, low=0.0, open_high=True)

    def settings(self) -> Config:
        """What the formula takes."""
        return {**super().settings(), "alpha": self.alpha, "gamma": self.gamma}

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {**super().get_config(), "alpha": self.alpha, "gamma": self.gamma}


@LOSSES.register("binary_focal_crossentropy")
class BinaryFocalCrossentropy(_Focal):
    """The binary crossentropy, times (1 - p_t)^gamma, p_t the probability of the target.

    Args:
        apply_class_balancing: Whether to weigh class 1 by `alpha` and class 0 by 1 - `alpha`.
        alpha: See above.
        gamma: The larger, the less well-predicted targets count.
        from_logits: Whether predictions are logits, to which the loss applies a sigmoid.
        label_smoothing: s turns a target t into t (1 - s) + s / 2.
        axis: The axis of the classes; in training the last one.
        reduction, name, dtype: See `Loss`.
    """

    _kind = "binary_focal_crossentropy"

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        self.apply_class_balancing = _checks.boolean(
            "BinaryFocalCrossentropy", "apply_class_balancing", apply_class_balancing
        )
        self._focus(alpha, gamma)
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype)

    def settings(self) -> Config:
        """What the formula takes."""
        return {**super().settings(), "class_balancing": self.apply_class_balancing}

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {**super().get_config(), "apply_class_balancing": self.apply_class_balancing}


@LOSSES.register("categorical_focal_crossentropy")
class CategoricalFocalCrossentropy(_Focal):
    """-sum of alpha (1 - p)^gamma t log(p) over the last axis.

    Args:
        alpha: The weight of all classes, or a list with one for each class.
        gamma: The larger, the less well-predicted targets count.
        from_logits: Whether predictions are logits, to which the loss applies a softmax.
        label_smoothing: s turns a target t into t (1 - s) + s / classes.
        axis: The axis of the classes; in training the last one.
        reduction, name, dtype: See `Loss`.
    """

    _kind = "categorical_focal_crossentropy"

    def __init__(
        self,
        alpha: Any = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        each = isinstance(alpha, (list, tuple)) or getattr(alpha, "ndim", 0) > 0
        self._focus(0.25 if each else alpha, gamma)
        if each:
            self.alpha = [
                _checks.number(
                    "CategoricalFocalCrossentropy", "alpha", one, low=0.0, open_high=True
                )
                for one in alpha
            ]
            if not self.alpha:
                raise ValueError(
                    "CategoricalFocalCrossentropy: `alpha` is a number, or one for each class. "
                    "Received: alpha=[]"
                )
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype)

    def settings(self) -> Config:
        """What the formula takes."""
        settings = super().settings()
        if isinstance(self.alpha, list):
            settings["alpha"] = 0.25
            settings["alphas"] = self.alpha
        return settings


def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """The binary focal crossentropy of each row; arguments as for the class."""
    loss = BinaryFocalCrossentropy(
        apply_class_balancing, alpha, gamma, from_logits, label_smoothing, axis
    )
    return loss.call(y_true, y_pred)


def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: Any = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """The categorical focal crossentropy of each row; arguments as for the class."""
    loss = CategoricalFocalCrossentropy(alpha, gamma, from_logits, label_smoothing, axis)
    return loss.call(y_true, y_pred)
