"""Penalties on weights and outputs, which the loss contains."""

from lamina.regularizers.regularizer import L1, L1L2, L2, OrthogonalRegularizer, Regularizer
from lamina.regularizers.resolve import deserialize, get, serialize

l1 = L1
l2 = L2
l1_l2 = L1L2
orthogonal_regularizer = OrthogonalRegularizer

__all__ = [
    "L1",
    "L1L2",
    "L2",
    "OrthogonalRegularizer",
    "Regularizer",
    "deserialize",
    "get",
    "l1",
    "l1_l2",
    "l2",
    "orthogonal_regularizer",
    "serialize",
]


def __dir__() -> list[str]:
    return sorted(__all__)
