"""Penalties on weights and outputs, which the loss contains."""

from lamina.regularizers.regularizer import L1, L1L2, L2, Regularizer
from lamina.regularizers.resolve import deserialize, get, serialize

l1 = L1
l2 = L2
l1_l2 = L1L2

__all__ = [
    "L1",
    "L1L2",
    "L2",
    "Regularizer",
    "deserialize",
    "get",
    "l1",
    "l1_l2",
    "l2",
    "serialize",
]
