"""Initializers whose spread follows from the shape of a kernel."""

from __future__ import annotations

import math
from typing import Any

import lamina._core as _core
from lamina import _checks
from lamina._checks import unknown_name
from lamina._typing import Array, Config, Shape
from lamina.config import standardize_dtype
from lamina.initializers.initializer import INITIALIZERS, RandomInitializer
from lamina.random import SeedGenerator

_MODES = ("fan_in", "fan_out", "fan_avg")
_DISTRIBUTIONS = ("truncated_normal", "untruncated_normal", "normal", "uniform")
# The standard deviation of a normal number within two standard deviations.
_TRUNCATED_STDDEV = 0.87962566103423978


def fans(shape: Shape) -> tuple[int, int]:
    """How many inputs and outputs a kernel of this shape connects."""
    if len(shape) == 0:
        return 1, 1
    if len(shape) == 1:
        return shape[0], shape[0]
    field = 1
    for extent in shape[:-2]:
        field *= extent
    return shape[-2] * field, shape[-1] * field


@INITIALIZERS.register("variance_scaling")
class VarianceScaling(RandomInitializer):
    """Numbers with variance `scale / n`, n from the shape.

    Only division and square roots are used, which are the same on every machine.

    Args:
        scale: A positive number.
        mode: n is the number of inputs ("fan_in"), outputs ("fan_out") or their mean ("fan_avg").
        distribution: "truncated_normal", "untruncated_normal" or "uniform".
        seed: See `RandomInitializer`.
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | SeedGenerator | None = None,
    ) -> None:
        self.scale = _checks.number("VarianceScaling", "scale", scale, low=0.0, open_low=True)
        if mode not in _MODES:
            raise unknown_name("`mode` of VarianceScaling", mode, _MODES)
        distribution = str(distribution).lower()
        if distribution not in _DISTRIBUTIONS:
            raise unknown_name("`distribution` of VarianceScaling", distribution, _DISTRIBUTIONS)
        self.mode = mode
        self.distribution = "truncated_normal" if distribution == "normal" else distribution
        super().__init__(seed)

    def __call__(self, shape: Shape, dtype: Any = None) -> Array:
        """The array: of `shape`, of `dtype` or `lamina.config.floatx()`."""
        name = standardize_dtype(dtype)
        fan_in, fan_out = fans(shape)
        n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2.0}[self.mode]
        variance = self.scale / max(1.0, n)
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * variance)
            return _core.random_uniform(shape, -limit, limit, *self._key(), name)
        if self.distribution == "truncated_normal":
            stddev = math.sqrt(variance) / _TRUNCATED_STDDEV
            return _core.random_truncated_normal(shape, 0.0, stddev, *self._key(), name)
        return _core.random_normal(shape, 0.0, math.sqrt(variance), *self._key(), name)

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {
            "scale": self.scale,
            "mode": self.mode,
            "distribution": self.distribution,
            "seed": self._seed_config(),
        }


class _Fixed(VarianceScaling):
    """A VarianceScaling of which only the seed is free."""

    _scale, _mode, _distribution = 1.0, "fan_in", "truncated_normal"

    def __init__(
        self,
        seed: int | SeedGenerator | None = None,
        input_axes: None = None,
        output_axes: None = None,
    ) -> None:
        _checks.require_default(type(self).__name__, input_axes=input_axes, output_axes=output_axes)
        super().__init__(self._scale, self._mode, self._distribution, seed)

    def get_config(self) -> Config:
        return {"seed": self._seed_config()}


@INITIALIZERS.register("glorot_uniform")
class GlorotUniform(_Fixed):
    """Uniform in +-sqrt(6 / (fan_in + fan_out)): the default of Dense kernels.

    Args:
        seed: See `RandomInitializer`.

    Example:
        >>> kernel = lamina.initializers.GlorotUniform(seed=1)((64, 32))
        >>> bool(abs(kernel).max() <= 0.25)
        True
    """

    _scale, _mode, _distribution = 1.0, "fan_avg", "uniform"


@INITIALIZERS.register("glorot_normal")
class GlorotNormal(_Fixed):
    """Truncated normal with variance 2 / (fan_in + fan_out)."""

    _scale, _mode, _distribution = 1.0, "fan_avg", "truncated_normal"


@INITIALIZERS.register("he_uniform")
class HeUniform(_Fixed):
    """Uniform in +-sqrt(6 / fan_in)."""

    _scale, _mode, _distribution = 2.0, "fan_in", "uniform"


@INITIALIZERS.register("he_normal")
class HeNormal(_Fixed):
    """Truncated normal with variance 2 / fan_in."""

    _scale, _mode, _distribution = 2.0, "fan_in", "truncated_normal"


@INITIALIZERS.register("lecun_uniform")
class LecunUniform(_Fixed):
    """Uniform in +-sqrt(3 / fan_in)."""

    _scale, _mode, _distribution = 1.0, "fan_in", "uniform"


@INITIALIZERS.register("lecun_normal")
class LecunNormal(_Fixed):
    """Truncated normal with variance 1 / fan_in."""

    _scale, _mode, _distribution = 1.0, "fan_in", "truncated_normal"
