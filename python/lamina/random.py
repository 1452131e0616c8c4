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

from lamina import _checks, _core
from lamina._typing import Array, Config
from lamina.config import standardize_dtype

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


def normal(
    shape: Sequence[int],
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: Any = None,
    seed: int | SeedGenerator | None = None,
) -> Array:
    """Normal numbers.

    Args:
        shape: The shape of the result.
        mean: The mean.
        stddev: The standard deviation.
        dtype: "float32" or "float64"; None means `lamina.config.floatx()`.
        seed: See the module.

    Returns:
        A NumPy array.
    """
    return _core.random_normal(
        _shape("normal", shape),
        _checks.number("normal", "mean", mean),
        _checks.number("normal", "stddev", stddev, low=0.0),
        draw_seed(seed),
        _core.stream_id("user", _DRAWS, 0),
        standardize_dtype(dtype),
    )


def uniform(
    shape: Sequence[int],
    minval: float = 0.0,
    maxval: float = 1.0,
    dtype: Any = None,
    seed: int | SeedGenerator | None = None,
) -> Array:
    """Uniform numbers in [minval, maxval). Arguments otherwise as for `normal`."""
    return _core.random_uniform(
        _shape("uniform", shape),
        _checks.number("uniform", "minval", minval),
        _checks.number("uniform", "maxval", maxval),
        draw_seed(seed),
        _core.stream_id("user", _DRAWS, 0),
        standardize_dtype(dtype),
    )


def truncated_normal(
    shape: Sequence[int],
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: Any = None,
    seed: int | SeedGenerator | None = None,
) -> Array:
    """Normal numbers within two standard deviations. Arguments as for `normal`."""
    return _core.random_truncated_normal(
        _shape("truncated_normal", shape),
        _checks.number("truncated_normal", "mean", mean),
        _checks.number("truncated_normal", "stddev", stddev, low=0.0),
        draw_seed(seed),
        _core.stream_id("user", _DRAWS, 0),
        standardize_dtype(dtype),
    )


def randint(
    shape: Sequence[int],
    minval: int,
    maxval: int,
    dtype: Any = "int32",
    seed: int | SeedGenerator | None = None,
) -> Array:
    """Integers in [minval, maxval), without bias. Arguments otherwise as for `normal`."""
    extents = _shape("randint", shape)
    low = _checks.integer("randint", "minval", minval, low=-(2**63))
    high = _checks.integer("randint", "maxval", maxval, low=low + 1)
    count = 1
    for extent in extents:
        count *= extent
    drawn = _core.random_integers(
        count, low, high, draw_seed(seed), _core.stream_id("user", _DRAWS, 0)
    )
    result: Array = np.asarray(drawn).reshape(extents).astype(np.dtype(dtype))
    return result


def shuffle(x: Any, axis: int = 0, seed: int | SeedGenerator | None = None) -> Array:
    """A copy of `x` with its entries along `axis` in random order."""
    array = np.asarray(x)
    count = array.shape[axis]
    order = _core.permutation(count, draw_seed(seed), _core.stream_id("user", _DRAWS, 0))
    return np.take(array, order, axis=axis)


def categorical(
    logits: Any,
    num_samples: int,
    dtype: Any = "int32",
    seed: int | SeedGenerator | None = None,
) -> Array:
    """Classes drawn by their logits.

    Args:
        logits: One row of logarithms of weights for each row of the result.
        num_samples: How many to draw for each row.
        dtype: The integer type of the result.
        seed: See the module.

    Returns:
        An array of shape (rows, num_samples).

    Raises:
        ValueError: If `logits` is not a matrix with at least one column.
    """
    array = np.asarray(logits)
    if array.ndim != 2 or array.shape[1] == 0:
        raise ValueError(
            "categorical: `logits` must have a row of classes for each row of the result. "
            f"Received: logits.shape={array.shape}"
        )
    count = _checks.integer("categorical", "num_samples", num_samples, low=0)
    rows, classes = array.shape
    network = _core.Network((classes,), "float64")
    network.add_activation(_core.Activation("softmax"))
    if rows == 0 or count == 0:
        return np.zeros((rows, count), dtype)
    shares = network.predict(array.astype("float64"), rows, None)
    limits = np.cumsum(shares, axis=1)
    drawn = uniform((rows, count), dtype="float64", seed=seed) * limits[:, -1:]
    found = (drawn[:, :, None] >= limits[:, None, :]).sum(axis=2)
    result: Array = np.minimum(found, classes - 1).astype(dtype)
    return result


def dropout(
    inputs: Any,
    rate: float,
    noise_shape: Sequence[int | None] | None = None,
    seed: int | SeedGenerator | None = None,
) -> Array:
    """`inputs` with elements set to 0 at random, and the others divided by 1 - `rate`.

    Args:
        inputs: An array with one row for each sample.
        rate: The share of elements to drop, from 0 to less than 1.
        noise_shape: The shape of the mask, as for `lamina.layers.Dropout`.
        seed: See the module.
    """
    from lamina.layers.dropout import Dropout

    layer = Dropout(rate, noise_shape=noise_shape, seed=draw_seed(seed) % 2**32)
    dropped: Array = layer(inputs, training=True)
    return dropped
