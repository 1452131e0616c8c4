"""Arrays in C files: shapes, weights, and axes in another order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina._typing import Array

if TYPE_CHECKING:
    from lamina.export.c_writer import Source


def size_of(shape: Sequence[int]) -> int:
    """The number of elements."""
    return int(np.prod(shape, dtype="int64"))


def weights_of(layer: Any) -> dict[str, Array]:
    """The values of a layer's variables, by their names."""
    return {variable.name: variable.numpy() for variable in layer.weights}


def optional(source: Source, layer: Any, name: str) -> str:
    """The constant of a weight, or NULL without it."""
    weights = weights_of(layer)
    return source.constant(name, weights[name]) if name in weights else "NULL"


def permuted(source: Source, x: str, shape: Sequence[int], order: Sequence[int]) -> str:
    """Axis i of the result is axis order[i]."""
    moving = [axis for axis in order if shape[axis] > 1]
    if moving == sorted(moving):
        return x
    strides = [size_of(shape[axis + 1 :]) for axis in range(len(shape))]
    y = source.take(size_of(shape))
    loops = "".join(
        f"for (size_t i{axis} = 0; i{axis} < {shape[axis]}; ++i{axis}) " for axis in moving
    )
    place = " + ".join(f"i{axis} * {strides[axis]}" for axis in moving)
    source.steps.append(f"{{ R *to = {y}; {loops}*to++ = {x}[{place}]; }}")
    source.give(x)
    return y


def inverse_order(order: Sequence[int]) -> list[int]:
    """The order that undoes another."""
    return [order.index(axis) for axis in range(len(order))]


def exchanged(rank: int, axis: int) -> list[int]:
    """The order with an axis and the last one exchanged."""
    order = list(range(rank))
    order[axis], order[-1] = order[-1], order[axis]
    return order
