"""Losses of distributions and counts."""

from __future__ import annotations

from typing import Any

import lamina._core as _core
from lamina.losses.loss import LOSSES, FormulaLoss, row_losses


@LOSSES.register("kl_divergence", "kld", "KLD")
class KLDivergence(FormulaLoss):
    """The sum over the last axis of y_true * log(y_true / y_pred), both kept to [1e-7, 1].

    Args:
        reduction, name, dtype: See `Loss`.
    """

    _kind = "kl_divergence"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "kl_divergence",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


@LOSSES.register("poisson")
class Poisson(FormulaLoss):
    """The mean over the last axis of y_pred - y_true * log(y_pred + 1e-7).

    Args:
        reduction, name, dtype: See `Loss`.
    """

    _kind = "poisson"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "poisson",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


def kl_divergence(y_true: Any, y_pred: Any) -> Any:
    """The Kullback-Leibler divergence of each row."""
    return row_losses(_core.Loss("kl_divergence"), y_true, y_pred)


def poisson(y_true: Any, y_pred: Any) -> Any:
    """The Poisson loss of each row."""
    return row_losses(_core.Loss("poisson"), y_true, y_pred)
