"""Initializers with a fixed spread."""

from __future__ import annotations

from typing import Any

import lamina._core as _core
from lamina import _checks
from lamina._typing import Array, Config, Shape
from lamina.config import standardize_dtype
from lamina.initializers.initializer import INITIALIZERS, RandomInitializer
from lamina.random import SeedGenerator


@INITIALIZERS.register("random_normal", "normal")
class RandomNormal(RandomInitializer):
    """Normal numbers.

    Args:
        mean: The mean.
        stddev: The standard deviation.
        seed: See `RandomInitializer`.
    """

    def __init__(
        self,
        mean: float = 0.0,
        stddev: float = 0.05,
        seed: int | SeedGenerator | None = None,
    ) -> None:
        self.mean = _checks.number(type(self).__name__, "mean", mean)
        self.stddev = _checks.number(type(self).__name__, "stddev", stddev, low=0.0)
        super().__init__(seed)

    def __call__(self, shape: Shape, dtype: Any = None) -> Array:
        """The array: of `shape`, of `dtype` or `lamina.config.floatx()`."""
        return _core.random_normal(
            shape, self.mean, self.stddev, *self._key(), standardize_dtype(dtype)
        )

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {"mean": self.mean, "stddev": self.stddev, "seed": self._seed_config()}


@INITIALIZERS.register("truncated_normal")
class TruncatedNormal(RandomNormal):
    """Normal numbers, drawn again outside two standard deviations. Arguments as RandomNormal."""

    def __call__(self, shape: Shape, dtype: Any = None) -> Array:
        """The array: of `shape`, of `dtype` or `lamina.config.floatx()`."""
        return _core.random_truncated_normal(
            shape, self.mean, self.stddev, *self._key(), standardize_dtype(dtype)
        )


@INITIALIZERS.register("random_uniform", "uniform")
class RandomUniform(RandomInitializer):
    """Uniform numbers in [minval, maxval).

    Args:
        minval: The least value.
        maxval: The upper end.
        seed: See `RandomInitializer`.
    """

    def __init__(
        self,
        minval: float = -0.05,
        maxval: float = 0.05,
        seed: int | SeedGenerator | None = None,
    ) -> None:
        self.minval = _checks.number("RandomUniform", "minval", minval)
        self.maxval = _checks.number("RandomUniform", "maxval", maxval)
        super().__init__(seed)

    def __call__(self, shape: Shape, dtype: Any = None) -> Array:
        """The array: of `shape`, of `dtype` or `lamina.config.floatx()`."""
        return _core.random_uniform(
            shape, self.minval, self.maxval, *self._key(), standardize_dtype(dtype)
        )

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {"minval": self.minval, "maxval": self.maxval, "seed": self._seed_config()}
