"""The order in which a pass takes its batches or rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import lamina._core as _core
from lamina._typing import Array


def permutations(seed: int, seen: int) -> Callable[[int], Array]:
    """The order of a pass, as a function of how many there are to order."""
    stream = _core.stream_id("shuffle", 0, seen)
    return lambda count: np.asarray(_core.permutation(count, seed, stream))
