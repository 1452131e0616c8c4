"""Losses of integer labels, but for the crossentropy."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina import _checks
from lamina._arrays import real_array
from lamina._typing import Array, Config
from lamina.losses.loss import LOSSES, FormulaLoss


class _LabelLoss(FormulaLoss):
    """What both share."""

    def takes_labels(self) -> bool:
        """Whether targets are integer labels: yes."""
        return True


@LOSSES.register("categorical_generalized_cross_entropy")
class CategoricalGeneralizedCrossEntropy(_LabelLoss):
    """(1 - p^q) / q, p the probability of the label: less misled by wrong labels.

    With q near 0 it is the crossentropy, with q near 1 the absolute error (Zhang and Sabuncu,
    2018). Where p is below 1e-7 its slope is that at 1e-7.

    Args:
        q: A number between 0 and 1, without both.
        reduction, name, dtype: See `Loss`.

    Raises:
        ValueError: If q is out of range; when called, if a label is no class.

    Example:
        >>> loss = lamina.losses.CategoricalGeneralizedCrossEntropy()
        >>> float(loss([0, 1], np.array([[0.25, 0.75], [0.75, 0.25]])))
        1.0
    """

    _kind = "categorical_generalized_cross_entropy"

    def __init__(
        self,
        q: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_generalized_cross_entropy",
        dtype: Any = None,
    ) -> None:
        self.q = _checks.number(
            "CategoricalGeneralizedCrossEntropy",
            "q",
            q,
            low=0.0,
            high=1.0,
            open_low=True,
            open_high=True,
        )
        super().__init__(name, reduction, dtype)

    def settings(self) -> Config:
        """What the formula takes."""
        return {"exponent": self.q}

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {**super().get_config(), "q": self.q}


@LOSSES.register("circle")
class Circle(_LabelLoss):
    """The circle loss (Sun et al., 2020) of embeddings of length 1, for integer labels.

    Each row is compared with all others of its batch: rows of its label should be near, all
    others far. End the model in `UnitNormalization`. A row counts if its batch has another of its
    label and one of another label. Takes memory for the square of the batch size.

    Args:
        gamma: The scale of similarities.
        margin: How near is near enough.
        remove_diagonal: Whether a row is no partner of itself.
        reduction, name, dtype: See `Loss`.

    Raises:
        ValueError: If a number is negative; when called, if a label is no integer from 0 on.

    Example:
        >>> near = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
        >>> bool(lamina.losses.Circle()([0, 0, 1, 1], near) < 1e-9)
        True
    """

    _kind = "circle"

    def __init__(
        self,
        gamma: float = 80.0,
        margin: float = 0.4,
        remove_diagonal: bool = True,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "circle",
        dtype: Any = None,
    ) -> None:
        self.gamma = _checks.number("Circle", "gamma", gamma, low=0.0, open_high=True)
        self.margin = _checks.number("Circle", "margin", margin, low=0.0, open_high=True)
        self.remove_diagonal = _checks.boolean("Circle", "remove_diagonal", remove_diagonal)
        super().__init__(name, reduction, dtype)

    def settings(self) -> Config:
        """What the formula takes."""
        return {
            "gamma": self.gamma,
            "margin": self.margin,
            "remove_diagonal": self.remove_diagonal,
        }

    def labels_are_columns(self) -> bool:
        """Whether labels are columns of the predictions: no, they name groups of rows."""
        return False

    def counted(self, y_true: Any, values: Array) -> Array:
        """The rows with a partner of their label and one of another."""
        labels = real_array(y_true, "y_true").reshape(values.shape)
        same = (labels[:, None] == labels[None]).sum(axis=1)
        least = 1 if self.remove_diagonal else 0
        return np.asarray((same > least) & (same < labels.size))

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {**super().get_config(), **self.settings()}


def categorical_generalized_cross_entropy(y_true: Any, y_pred: Any, q: float) -> Any:
    """The generalized cross entropy of each label; see `CategoricalGeneralizedCrossEntropy`."""
    return CategoricalGeneralizedCrossEntropy(q).call(y_true, y_pred)


def circle(
    y_true: Any,
    y_pred: Any,
    ref_labels: Any = None,
    ref_embeddings: Any = None,
    remove_diagonal: bool = True,
    gamma: float = 80,
    margin: float = 0.4,
) -> Any:
    """The circle loss of each row; see `Circle`.

    Args:
        y_true: The labels.
        y_pred: The embeddings.
        ref_labels: Not supported: None only; a batch is compared with itself.
        ref_embeddings: Not supported: None only.
        remove_diagonal: See `Circle`.
        gamma: See `Circle`.
        margin: See `Circle`.
    """
    _checks.require_default("circle", ref_labels=ref_labels, ref_embeddings=ref_embeddings)
    return Circle(gamma, margin, remove_diagonal).call(y_true, y_pred)
