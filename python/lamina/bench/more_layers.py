"""Layers beside the dense stack: einsums, normalised kernels, and what prepares data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

#: The name of the section, and its title.
SECTION = "more-layers"
TITLE = "Einsums, normalised kernels, prepared data"

_ROWS = 256
#: What is timed, the multiply-adds of its products and the numbers that it moves at least.
WORK: dict[str, tuple[float, float]] = {
    "einsum abc,cd->abd step 256x16x64x64": (3.0 * _ROWS * 16 * 64 * 64, 4.0 * _ROWS * 16 * 64),
    "einsum abc,bcd->abd step 256x16x64x64": (3.0 * _ROWS * 16 * 64 * 64, 4.0 * _ROWS * 16 * 64),
    "spectral normalization step 256x256x256": (3.0 * _ROWS * 256 * 256, 6.0 * 256 * 256),
    "orthogonal penalty step 256x256x256": (5.0 * _ROWS * 256 * 256, 6.0 * 256 * 256),
    "layer normalization of axis 1 step 256x16x64": (0.0, 8.0 * _ROWS * 16 * 64),
    "hashing 65536 strings": (0.0, 2.0 * 65536),
    "crossing 65536 strings and integers": (0.0, 4.0 * 65536),
    "string lookup 65536": (0.0, 2.0 * 65536),
    "integer lookup 65536": (0.0, 2.0 * 65536),
    "category encoding 65536 of 32": (0.0, 32.0 * 65536),
    "discretization 65536": (0.0, 2.0 * 65536),
}


def prepared(what: str) -> Callable[[], object]:
    """What does the work of `WORK` once."""
    import lamina
    from lamina import layers

    rng = np.random.default_rng(0)
    numbers = rng.integers(0, 1000, 65536)
    strings = np.char.add("token ", numbers.astype(str))
    if what.startswith("hashing"):
        return _called(layers.Hashing(1000), strings)
    if what.startswith("crossing"):
        return _called(layers.HashedCrossing(1000), (strings, numbers))
    if what.startswith("string"):
        return _called(layers.StringLookup(vocabulary=sorted(set(strings.tolist()))), strings)
    if what.startswith("integer"):
        return _called(layers.IntegerLookup(vocabulary=np.unique(numbers)), numbers)
    if what.startswith("category"):
        return _called(layers.CategoryEncoding(32, "one_hot"), numbers % 32)
    if what.startswith("discretization"):
        return _called(layers.Discretization(np.linspace(0, 1000, 32)), numbers)
    layer: Any
    shape: tuple[int, ...] = (256,)
    if what.startswith("spectral"):
        layer = layers.SpectralNormalization(layers.Dense(256))
    elif what.startswith("orthogonal"):
        regularizer = lamina.regularizers.OrthogonalRegularizer()
        layer = layers.Dense(256, kernel_regularizer=regularizer)
    else:
        shape = (16, 64)
        if what.startswith("einsum"):
            layer = layers.EinsumDense(what.split()[1], (16, 64))
        else:
            layer = layers.LayerNormalization(axis=1)
    parts: list[Any] = [lamina.Input(shape), layer]
    model = lamina.Sequential(parts)
    model.compile(lamina.optimizers.SGD(1e-4), "mse")
    x, y = (rng.normal(size=(_ROWS, *shape)).astype("float32") for _ in range(2))
    return lambda: model.train_on_batch(x, y)


def _called(layer: Any, data: Any) -> Callable[[], object]:
    return lambda: layer(data)
