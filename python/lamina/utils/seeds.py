"""One seed for everything."""

from __future__ import annotations

import numpy as np

from lamina import _checks
from lamina.random import seed_global_generator


def set_random_seed(seed: int) -> None:
    """Seeds lamina, NumPy and Python's `random`.

    Models created and trained afterwards, in the same order, have the same bits: on every
    machine, instruction set and number of threads.

    Args:
        seed: An integer from 0 to 2**32 - 1 (what NumPy takes).

    Raises:
        TypeError: If `seed` is not an integer.
        ValueError: If it is out of range.

    Example:
        >>> lamina.utils.set_random_seed(42)
    """
    number = _checks.integer("set_random_seed", "seed", seed, low=0, high=2**32 - 1)
    import random

    random.seed(number)
    np.random.seed(number)  # noqa: NPY002 - the generator that Keras users' code draws from
    seed_global_generator(number)
