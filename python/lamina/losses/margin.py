"""Losses of margins."""

from __future__ import annotations

from typing import Any

import lamina._core as _core
from lamina.losses.loss import LOSSES, FormulaLoss, row_losses


@LOSSES.register("hinge")
class Hinge(FormulaLoss):
    """The mean over the last axis of max(0, 1 - y_true * y_pred).

    Targets are -1 and 1; those of a batch of nothing but 0 and 1 are taken as such.

    Args:
        reduction, name, dtype: See `Loss`.
    """

    _kind = "hinge"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "hinge",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


@LOSSES.register("squared_hinge")
class SquaredHinge(FormulaLoss):
    """The mean over the last axis of max(0, 1 - y_true * y_pred)^2; targets as for `Hinge`.

    Args:
        reduction, name, dtype: See `Loss`.
    """

    _kind = "squared_hinge"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "squared_hinge",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


@LOSSES.register("categorical_hinge")
class CategoricalHinge(FormulaLoss):
    """max(0, other - own + 1): own = sum(y_true * y_pred), other = max((1 - y_true) * y_pred).

    Targets are one-hot.

    Args:
        reduction, name, dtype: See `Loss`.
    """

    _kind = "categorical_hinge"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_hinge",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


def hinge(y_true: Any, y_pred: Any) -> Any:
    """The hinge loss of each row."""
    return row_losses(_core.Loss("hinge"), y_true, y_pred)


def squared_hinge(y_true: Any, y_pred: Any) -> Any:
    """The squared hinge loss of each row."""
    return row_losses(_core.Loss("squared_hinge"), y_true, y_pred)


def categorical_hinge(y_true: Any, y_pred: Any) -> Any:
    """The categorical hinge loss of each row."""
    return row_losses(_core.Loss("categorical_hinge"), y_true, y_pred)
