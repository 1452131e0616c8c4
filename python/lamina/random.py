"""Random numbers: functions of a seed, the same on every machine.

A seed is an integer (the same numbers on every call), a `SeedGenerator` (new numbers on every
call) or None (the global generator, which `lamina.utils.set_random_seed` sets).

Example:
    >>> import lamina
    >>> a = lamina.random.normal((2, 3), seed=7)
    >>> b = lamina.random.normal((2, 3), seed=7)
    >>> bool((a == b).all())
    True
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

import lamina._core as _core
from lamina import _checks
from lamina._core import Tensor
from lamina._tensor_functions import functions as _ops
from lamina._typing import Config
from lamina.config import standardize_dtype

__all__ = [
    "SeedGenerator",
    "categorical",
    "dropout",
    "normal",
    "randint",
    "shuffle",
    "truncated_normal",
    "uniform",
]

# Streams of the purpose "user": seeds made of seeds stay apart from numbers drawn directly.
_DRAWS, _SEEDS = 0, 1


class SeedGenerator:
    """A sequence of seeds: function of its own seed and of how many were drawn.

    Args:
        seed: An integer of at most 64 bits; None takes one from the operating system.
        name: Ignored but kept, for compatibility.

    Example:
        >>> generator = lamina.random.SeedGenerator(1)
        >>> generator.next() == generator.next()
        False
    """

    #: What it is to the layers that have it as an attribute.
    _tracked_as = "seed_generator"

    def __init__(self, seed: int | None = None, name: str | None = None) -> None:
        self.name = name
        self._initial = (
            int.from_bytes(os.urandom(8), "little") // 2
            if seed is None
            else _checks.seed_number("SeedGenerator", seed)
        )
        self._drawn = 0

    @property
    def state(self) -> tuple[int, int]:
        """The seed and how many seeds were drawn from it."""
        return self._initial, self._drawn

    def next(self) -> int:
        """The next seed, an integer of 63 bits."""
        stream = _core.stream_id("user", _SEEDS, self._drawn)
        value = int(_core.random_integers(1, 0, 2**63 - 1, self._initial, stream)[0])
        self._drawn += 1
        return value

    def get_config(self) -> Config:
        """What `from_config` needs. The count of drawn seeds is not part of it."""
        return {"seed": self._initial}

    @classmethod
    def from_config(cls, config: Config) -> SeedGenerator:
        """A generator at its start."""
        return cls(**config)


_global: SeedGenerator | None = None


def global_generator() -> SeedGenerator:
    """The generator that gives a seed to whatever is created without one."""
    global _global
    if _global is None:
        _global = SeedGenerator()
    return _global


def seed_global_generator(seed: int) -> None:
    """Starts the global generator from `seed`; `set_random_seed` does this and more."""
    global _global
    _global = SeedGenerator(seed)


def set_global_state(seed: int, drawn: int) -> None:
    """Puts the global generator where one of `seed` is after so many draws."""
    generator = SeedGenerator(seed)
    generator._drawn = drawn
    global _global
    _global = generator


def draw_seed(seed: int | SeedGenerator | None) -> int:
    """The integer that `seed` stands for now."""
    if seed is None:
        return global_generator().next()
    if isinstance(seed, SeedGenerator):
        return seed.next()
    return _checks.seed_number("random", seed)


def _shape(where: str, shape: Any) -> tuple[int, ...]:
    if isinstance(shape, (int, np.integer)) and not isinstance(shape, bool):
        shape = (shape,)
    return tuple(_checks.integer(where, "shape", extent, low=0) for extent in shape)


def _stream() -> int:
    return _core.stream_id("user", _DRAWS, 0)


def normal(
    shape: Sequence[int],
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: Any = None,
    seed: int | SeedGenerator | None = None,
) -> Tensor:
    """Normal numbers.

    Args:
        shape: The shape of the result.
        mean: The mean.
        stddev: The standard deviation.
        dtype: "float32" or "float64"; None means `lamina.config.floatx()`.
        seed: See the module.

    Returns:
        A `lamina.Tensor`.
    """
    return _ops.random_normal(
        _shape("normal", shape),
        standardize_dtype(dtype),
        _checks.number("normal", "mean", mean),
        _checks.number("normal", "stddev", stddev, low=0.0),
        draw_seed(seed),
        _stream(),
    )


def uniform(
    shape: Sequence[int],
    minval: float = 0.0,
    maxval: float = 1.0,
    dtype: Any = None,
    seed: int | SeedGenerator | None = None,
) -> Tensor:
    """Uniform numbers in [minval, maxval). Arguments otherwise as for `normal`."""
    return _ops.random_uniform(
        _shape("uniform", shape),
        standardize_dtype(dtype),
        _checks.number("uniform", "minval", minval),
        _checks.number("uniform", "maxval", maxval),
        draw_seed(seed),
        _stream(),
    )


def truncated_normal(
    shape: Sequence[int],
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: Any = None,
    seed: int | SeedGenerator | None = None,
) -> Tensor:
    """Normal numbers within two standard deviations. Arguments as for `normal`."""
    return _ops.random_truncated_normal(
        _shape("truncated_normal", shape),
        standardize_dtype(dtype),
        _checks.number("truncated_normal", "mean", mean),
        _checks.number("truncated_normal", "stddev", stddev, low=0.0),
        draw_seed(seed),
        _stream(),
    )


def randint(
    shape: Sequence[int],
    minval: int,
    maxval: int,
    dtype: Any = "int32",
    seed: int | SeedGenerator | None = None,
) -> Tensor:
    """Integers in [minval, maxval), without bias.

    Args:
        shape: The shape of the result.
        minval: The smallest.
        maxval: The first that is too large.
        dtype: The type of the result, which must be able to hold them.
        seed: See the module.
    """
    low = _checks.integer("randint", "minval", minval, low=-(2**63))
    high = _checks.integer("randint", "maxval", maxval, low=low + 1, high=2**63 - 1)
    drawn = _ops.random_integers(_shape("randint", shape), low, high, draw_seed(seed), _stream())
    result = _ops.cast(drawn, "int32" if dtype is None else dtype)
    limits = _LIMITS.get(str(result.dtype))
    if limits is not None and not (limits[0] <= low and high - 1 <= limits[1]):
        raise ValueError(
            f"[randint] {result.dtype} cannot hold these. Received: minval={low}, maxval={high}"
        )
    return result


_LIMITS = {"bool": (0, 1), "uint8": (0, 255), "int32": (-(2**31), 2**31 - 1)}


def shuffle(x: Any, axis: int = 0, seed: int | SeedGenerator | None = None) -> Tensor:
    """A copy of `x` with its entries along `axis` in random order."""
    x = _ops.convert(x)
    if not -x.ndim <= axis < x.ndim:
        raise ValueError(
            f"[shuffle] there must be such an axis. Received: axis={axis}, shape {x.shape}"
        )
    return _ops.take(x, _ops.permutation(x.shape[axis], draw_seed(seed), _stream()), axis)


def categorical(
    logits: Any,
    num_samples: int,
    dtype: Any = "int32",
    seed: int | SeedGenerator | None = None,
) -> Tensor:
    """Classes drawn by their logits.

    Args:
        logits: One row of logarithms of weights for each row of the result.
        num_samples: How many to draw for each row.
        dtype: The integer type of the result.
        seed: See the module.

    Returns:
        A tensor of shape (rows, num_samples).

    Raises:
        ValueError: If `logits` is not a matrix with at least one column.
    """
    logits = _ops.cast(logits, "float64")
    if logits.ndim != 2 or logits.shape[1] == 0:
        raise ValueError(
            "categorical: `logits` must have a row of classes for each row of the result. "
            f"Received: logits.shape={logits.shape}"
        )
    count = _checks.integer("categorical", "num_samples", num_samples, low=0)
    rows, classes = logits.shape
    limits = _ops.cumsum(_ops.activate(_core.Activation("softmax"), logits), 1)
    drawn = _ops.multiply(uniform((rows, count), dtype="float64", seed=seed), limits[:, -1:])
    passed = _ops.greater_equal(_ops.expand_dims(drawn, 2), _ops.expand_dims(limits, 1))
    found = _ops.minimum(_ops.count_nonzero(passed, 2, False), classes - 1)
    return _ops.cast(found, "int32" if dtype is None else dtype)


def dropout(
    inputs: Any,
    rate: float,
    noise_shape: Sequence[int | None] | None = None,
    seed: int | SeedGenerator | None = None,
) -> Tensor:
    """`inputs` with elements set to 0 at random, and the others divided by 1 - `rate`.

    Args:
        inputs: Floating-point numbers.
        rate: The share of elements to drop, from 0 to less than 1.
        noise_shape: The shape of the mask, which is broadcast to that of the inputs; None stands
            for an extent of the inputs.
        seed: See the module.
    """
    inputs = _ops.divide(inputs, 1)
    rate = _checks.number("dropout", "rate", rate, low=0.0)
    if rate >= 1.0:
        raise ValueError(f"[dropout] rate must be less than 1. Received: rate={rate}")
    if noise_shape is None:
        return _ops.dropout(inputs, rate, draw_seed(seed), _stream())
    if len(noise_shape) != inputs.ndim:
        raise ValueError(
            f"[dropout] noise_shape has one extent for each axis of the inputs. "
            f"Received: noise_shape={tuple(noise_shape)}, shape {inputs.shape}"
        )
    extents = [n if m is None else m for m, n in zip(noise_shape, inputs.shape, strict=True)]
    ones = _ops.full_of(inputs.dtype, _shape("dropout", extents), 1)
    mask = _ops.dropout(ones, rate, draw_seed(seed), _stream())
    return _ops.multiply(inputs, _ops.broadcast_to(mask, inputs.shape))


def __dir__() -> list[str]:
    return sorted(__all__)
