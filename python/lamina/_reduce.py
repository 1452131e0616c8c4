"""Sums in Python that are the same everywhere: exact, then rounded once."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lamina._arrays import real_array
from lamina._typing import Array


def exact_sum(values: Array) -> float:
    """The sum of all elements, rounded once to double; NaN and infinities as IEEE has them."""
    flat = values.astype(np.float64, copy=False).ravel()
    try:
        return math.fsum(flat.tolist())
    except (OverflowError, ValueError):
        # Intermediate overflow, or infinities of both signs: nothing to be exact about.
        return float(flat.sum())


def weights_like(sample_weight: Any, values: Array, name: str = "sample_weight") -> Array:
    """Weights that broadcast over `values` from the front: one a sample, or one a value."""
    weights = real_array(sample_weight, name)
    if weights.ndim == values.ndim + 1 and weights.shape[-1] == 1:
        weights = weights[..., 0]
    if weights.ndim > values.ndim or weights.shape != values.shape[: weights.ndim]:
        raise ValueError(
            f"`{name}` must have one weight for each sample, or for each value: values have "
            f"shape {values.shape}. Received: {name}.shape={weights.shape}"
        )
    spread = weights.reshape(weights.shape + (1,) * (values.ndim - weights.ndim))
    return np.broadcast_to(spread, values.shape)
