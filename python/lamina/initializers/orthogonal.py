"""Orthogonal matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

import lamina._core as _core
from lamina import _checks
from lamina._typing import Array, Config, Shape
from lamina.config import standardize_dtype
from lamina.initializers.initializer import INITIALIZERS, RandomInitializer
from lamina.random import SeedGenerator


@INITIALIZERS.register("orthogonal", "OrthogonalInitializer")
class Orthogonal(RandomInitializer):
    """A matrix of orthonormal rows or columns, whichever are fewer, times a gain.

    All axes but the last together are the rows. Computed in float64 by the core's
    factorisation of normal numbers, so the same on every machine.

    Args:
        gain: A number.
        seed: See `RandomInitializer`.

    Raises:
        ValueError: When called, for shapes with fewer than two axes.

    Example:
        >>> kernel = lamina.initializers.Orthogonal(seed=1)((3, 2), "float64")
        >>> bool(np.allclose(kernel.T @ kernel, np.eye(2)))
        True
    """

    def __init__(self, gain: float = 1.0, seed: int | SeedGenerator | None = None) -> None:
        self.gain = _checks.number("Orthogonal", "gain", gain)
        super().__init__(seed)

    def __call__(self, shape: Shape, dtype: Any = None) -> Array:
        """The array: of `shape`, of `dtype` or `lamina.config.floatx()`."""
        name = standardize_dtype(dtype)
        if len(shape) < 2:
            raise ValueError(
                "Orthogonal: the shape needs at least two axes. "
                f"Received: shape={tuple(shape)} of rank {len(shape)}"
            )
        rows = 1
        for extent in shape[:-1]:
            rows *= extent
        count, length = sorted((rows, shape[-1]))
        if count == 0:
            return np.zeros(shape, name)
        drawn = _core.random_normal((count, length), 0.0, 1.0, *self._key(), "float64")
        vectors = np.asarray(_core.orthonormalize(drawn))
        matrix = vectors.T if rows > shape[-1] else vectors
        result: Array = (self.gain * matrix).reshape(shape).astype(name, order="C")
        return result

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {"gain": self.gain, "seed": self._seed_config()}
