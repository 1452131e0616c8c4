"""Losses of how much sets overlap."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina import _checks
from lamina._arrays import floating_array, real_array
from lamina._typing import Config
from lamina.config import floatx
from lamina.losses.loss import LOSSES, FormulaLoss, row_losses
from lamina.losses.targets import align_values


class _Overlap(FormulaLoss):
    """What both losses share: one value for the whole batch, or with axis -1 one for each row."""

    axis: int | None

    def _set_axis(self, axis: Any) -> None:
        if (
            axis is not None
            and _checks.integer(type(self).__name__, "axis", axis, low=-(2**31)) != -1
        ):
            raise NotImplementedError(
                f"{type(self).__name__}: `axis` must be None (the whole batch) or -1; other "
                f"axes are not supported. Received: axis={axis!r}"
            )
        self.axis = axis

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each row, or with axis None of the whole batch: an array without axes."""
        if self.axis is not None:
            return row_losses(self.specification(), y_true, y_pred, self._dtype)
        prediction = floating_array(y_pred, "y_pred", self._dtype, floatx())
        target = align_values(real_array(y_true, "y_true"), prediction.shape)
        one_row = row_losses(self.specification(), target.reshape(1, -1), prediction.reshape(1, -1))
        return np.asarray(one_row[0])

    def settings(self) -> Config:
        """What the formula takes."""
        return {"whole_batch": self.axis is None}

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {**super().get_config(), "axis": self.axis}


@LOSSES.register("dice")
class Dice(_Overlap):
    """1 - 2 sum(y_true * y_pred) / (sum(y_true) + sum(y_pred)).

    Args:
        reduction, name: See `Loss`.
        axis: None for sums over the whole batch, -1 for a value for each row.
        dtype: See `Loss`.
    """

    _kind = "dice"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "dice",
        axis: int | None = None,
        dtype: Any = None,
    ) -> None:
        self._set_axis(axis)
        super().__init__(name, reduction, dtype)


@LOSSES.register("tversky")
class Tversky(_Overlap):
    """1 - hit / (hit + alpha * missed + beta * wrong), with sums over the whole batch.

    hit = sum(y_true * y_pred), missed = sum(y_true * (1 - y_pred)),
    wrong = sum((1 - y_true) * y_pred).

    Args:
        alpha: The weight of what was missed.
        beta: The weight of what was found wrongly.
        reduction, name: See `Loss`.
        axis: None for sums over the whole batch, -1 for a value for each row.
        dtype: See `Loss`.
    """

    _kind = "tversky"

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "tversky",
        axis: int | None = None,
        dtype: Any = None,
    ) -> None:
        self.alpha = _checks.number("Tversky", "alpha", alpha, low=0.0, open_high=True)
        self.beta = _checks.number("Tversky", "beta", beta, low=0.0, open_high=True)
        self._set_axis(axis)
        super().__init__(name, reduction, dtype)

    def settings(self) -> Config:
        """What the formula takes."""
        return {**super().settings(), "alpha": self.alpha, "beta": self.beta}

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {**super().get_config(), "alpha": self.alpha, "beta": self.beta}


def dice(y_true: Any, y_pred: Any, axis: int | None = None) -> Any:
    """The Dice loss: of the whole batch, or with axis -1 of each row."""
    return Dice(axis=axis).call(y_true, y_pred)


def tversky(
    y_true: Any, y_pred: Any, alpha: float = 0.5, beta: float = 0.5, axis: int | None = None
) -> Any:
    """The Tversky loss: of the whole batch, or with axis -1 of each row."""
    return Tversky(alpha, beta, axis=axis).call(y_true, y_pred)
