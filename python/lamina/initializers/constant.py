"""Initializers that draw nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina import _checks
from lamina._arrays import real_array
from lamina._typing import Array, Config, Shape
from lamina.config import standardize_dtype
from lamina.initializers.initializer import INITIALIZERS, Initializer


@INITIALIZERS.register("zeros", "zero")
class Zeros(Initializer):
    """All 0.

    Example:
        >>> lamina.initializers.Zeros()((2,))
        array([0., 0.], dtype=float32)
    """

    def __call__(self, shape: Shape, dtype: Any = None) -> Array:
        """The array: of `shape`, of `dtype` or `lamina.config.floatx()`."""
        return np.zeros(shape, dtype=standardize_dtype(dtype))


@INITIALIZERS.register("ones", "one")
class Ones(Initializer):
    """All 1."""

    def __call__(self, shape: Shape, dtype: Any = None) -> Array:
        """The array: of `shape`, of `dtype` or `lamina.config.floatx()`."""
        return np.ones(shape, dtype=standardize_dtype(dtype))


@INITIALIZERS.register("constant")
class Constant(Initializer):
    """All the same number, or an array that broadcasts to the shape.

    Args:
        value: The number or array.
    """

    def __init__(self, value: Any = 0.0) -> None:
        self.value = value
        self._array = real_array(value, "value")

    def __call__(self, shape: Shape, dtype: Any = None) -> Array:
        """The array: of `shape`, of `dtype` or `lamina.config.floatx()`."""
        result = np.empty(shape, dtype=standardize_dtype(dtype))
        try:
            result[...] = self._array
        except ValueError:
            raise ValueError(
                f"Constant: the value does not broadcast to shape {tuple(shape)}. "
                f"Received: value of shape {self._array.shape}"
            ) from None
        return result

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {"value": self._array.tolist()}


@INITIALIZERS.register("identity", "IdentityInitializer", "eye")
class Identity(Initializer):
    """The identity matrix times a gain; zeros beyond the square.

    Args:
        gain: What stands on the diagonal.
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = _checks.number("Identity", "gain", gain)

    def __call__(self, shape: Shape, dtype: Any = None) -> Array:
        """The array: of `shape`, of `dtype` or `lamina.config.floatx()`."""
        if len(shape) != 2:
            raise ValueError(
                "Identity: only matrices have a diagonal to fill. "
                f"Received: shape={tuple(shape)} of rank {len(shape)}"
            )
        result = np.zeros(shape, dtype=standardize_dtype(dtype))
        np.fill_diagonal(result, self.gain)
        return result

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {"gain": self.gain}
