"""Functions that only move numbers: where each number of the output comes from."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lamina import _eager
from lamina._typing import Array, Shape
from lamina.export.walk import Value
from lamina.graph.node import Node
from lamina.graph.tree import flatten, map_structure

#: Functions of one tensor that neither change numbers nor add any.
MOVES = frozenset(
    (
        *("reshape", "ravel", "transpose", "permute_dims", "matrix_transpose", "swapaxes"),
        *("moveaxis", "squeeze", "expand_dims", "broadcast_to", "flip", "roll", "split"),
        *("unstack", "tile", "repeat", "get_item", "slice", "take", "diagonal", "copy", "positive"),
        *("stop_gradient", "atleast_2d"),
    )
)


class Move(NamedTuple):
    """Where the numbers of a sample of the output come from.

    Attributes:
        shape: The shape of the output's sample.
        places: The place in the input's sample for each number, in that shape.
    """

    shape: Shape
    places: Array

    def strides(self) -> tuple[int, list[int]] | None:
        """The first place and the step along each axis, if there are such; else None."""
        start = int(self.places.flat[0]) if self.places.size else 0
        steps = []
        grid = np.full(self.shape, start, "int64")
        for axis, extent in enumerate(self.shape):
            step = 0
            if extent > 1 and self.places.size:
                second = [0] * len(self.shape)
                second[axis] = 1
                step = int(self.places[tuple(second)]) - start
            spread = [1] * len(self.shape)
            spread[axis] = extent
            grid = grid + step * np.arange(extent).reshape(spread)
            steps.append(step)
        return (start, steps) if np.array_equal(grid, self.places) else None

    def keeps_order(self, size: int) -> bool:
        """Whether the output's numbers are all `size` of the input's, in their order."""
        return self.places.size == size and np.array_equal(self.places.ravel(), np.arange(size))


def moves_of(node: Node, args: Any, kwargs: Any) -> list[Move] | None:
    """A move for each output of a call; None if samples are mixed.

    The function itself says it: it is called on the places of the numbers of two samples.
    """
    inputs = [value for value in flatten((args, kwargs)) if isinstance(value, Value)]
    if len(inputs) != 1 or None in inputs[0].shape[1:]:
        return None
    sample = inputs[0].sample
    size = int(np.prod(sample, dtype="int64"))
    places = _eager.tensor(np.arange(2 * size, dtype="int64").reshape(2, *sample))
    filled, options = map_structure(
        lambda value: places if isinstance(value, Value) else value, (args, kwargs)
    )
    try:
        with _eager.unrecorded():
            outputs = flatten(node.operation.call(*filled, **options))
    except (TypeError, ValueError, IndexError):
        return None
    found = []
    for output in outputs:
        both = np.asarray(output)
        if both.ndim == 0 or len(both) != 2 or not np.array_equal(both[0] + size, both[1]):
            return None
        if both[0].size and both[0].max() >= size:
            return None
        found.append(Move(both.shape[1:], both[0]))
    return found
