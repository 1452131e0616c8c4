"""Elements by position, orders, and updates that leave what they update as it is."""

from __future__ import annotations

import builtins
from typing import Any, NamedTuple

from lamina._core import Tensor
from lamina._tensor_functions import functions as _ops
from lamina.config import floatx

__all__ = [
    "argsort",
    "argwhere",
    "bincount",
    "diff",
    "get_item",
    "in_top_k",
    "isin",
    "multi_hot",
    "nonzero",
    "one_hot",
    "scatter",
    "scatter_update",
    "searchsorted",
    "slice",
    "slice_update",
    "sort",
    "take",
    "take_along_axis",
    "top_k",
    "unique_all",
    "unique_counts",
    "unique_inverse",
    "unique_values",
]


def _tensor(x: Any) -> Tensor:
    return x if isinstance(x, Tensor) else _ops.convert(x)


def take(x: Any, indices: Any, axis: int | None = None) -> Tensor:
    """The entries at `indices` along an axis (None: of all elements in row-major order).

    Args:
        x: Numbers.
        indices: Integers of any shape; negative ones count from the end.
        axis: Where.

    Raises:
        IndexError: For a position outside of the axis.
    """
    if axis is None:
        return _ops.take(_ops.reshape(x, -1), indices, 0)
    return _ops.take(x, indices, axis)


def get_item(x: Any, key: Any) -> Tensor:
    """`x[key]`.

    Args:
        x: Numbers.
        key: An integer, a slice, None, `...`, a tensor of integers or bool, or a tuple (or list)
            of them.
    """
    return _tensor(x)[tuple(key) if isinstance(key, list) else key]


def take_along_axis(x: Any, indices: Any, axis: int | None = None) -> Tensor:
    """For each element of `indices`, the element of x at that position along the axis."""
    if axis is None:
        return _ops.take_along_axis(_ops.reshape(x, -1), _ops.reshape(indices, -1), 0)
    return _ops.take_along_axis(x, indices, axis)


def nonzero(x: Any) -> tuple[Tensor, ...]:
    """The positions of the elements that are not 0: one int64 tensor for each axis.

    Raises:
        ValueError: For a tensor without axes.
    """
    x = _tensor(x)
    if x.ndim == 0:
        raise ValueError("[nonzero] at least one axis is needed. Received: shape ()")
    return tuple(_ops.nonzero(x))


def argwhere(x: Any) -> Tensor:
    """The positions of the elements that are not 0, one row for each."""
    x = _tensor(x)
    rows = [_ops.expand_dims(axis, 1) for axis in _ops.nonzero(x)]
    if not rows:
        return _ops.zeros("int64", (int(bool(x)), 0))
    return _ops.concatenate(rows, 1)


def scatter(indices: Any, values: Any, shape: Any) -> Tensor:
    """Zeros of `shape` with `values` added at `indices`.

    Args:
        indices: Integers of shape (..., k): each row names a position along the first k axes.
        values: What is added there; of shape (..., *shape[k:]).
        shape: The shape of the result.
    """
    values = _tensor(values)
    return _ops.join_item(_ops.zeros(values.dtype, shape), _rows(indices), values, "add")


def scatter_update(inputs: Any, indices: Any, updates: Any, reduction: str | None = None) -> Tensor:
    """A copy of `inputs` with `updates` at `indices`.

    Args:
        inputs: Numbers.
        indices: Integers of shape (..., k), as for `scatter`.
        updates: The new values.
        reduction: None replaces (the last of several wins); "add", "max" and "min" join.
    """
    if reduction not in (None, "add", "max", "min"):
        raise ValueError(
            f"[scatter_update] reduction is None, 'add', 'max' or 'min'. "
            f"Received: reduction={reduction!r}"
        )
    return _ops.join_item(inputs, _rows(indices), updates, reduction or "set")


def _rows(indices: Any) -> tuple[Tensor, ...]:
    indices = _tensor(indices)
    return tuple(indices[..., i] for i in range(indices.shape[-1]))


def slice(inputs: Any, start_indices: Any, shape: Any) -> Tensor:
    """The part of `inputs` of this shape from `start_indices` on; a view."""
    return _tensor(inputs)[_part(start_indices, shape)]


def slice_update(inputs: Any, start_indices: Any, updates: Any) -> Tensor:
    """A copy of `inputs` with `updates` from `start_indices` on.

    Example:
        >>> lamina.ops.slice_update(lamina.ops.zeros((3,)), [1], [5.0])
        <Tensor shape=(3,), dtype=float32: [0. 5. 0.]>
    """
    updates = _tensor(updates)
    return _ops.set_item(inputs, _part(start_indices, updates.shape), updates)


def _part(start_indices: Any, shape: Any) -> tuple[Any, ...]:
    starts = [int(s) for s in start_indices]
    return tuple(_slice(s, s + int(n)) for s, n in zip(starts, shape, strict=True))


_slice = builtins.slice


def one_hot(
    x: Any, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False
) -> Tensor:
    """1 at the position that x names along a new axis, 0 elsewhere.

    Args:
        x: Classes; one that is not in [0, num_classes) gives nothing but 0.
        num_classes: The extent of the new axis.
        axis: Where it is in the result.
        dtype: None means `lamina.config.floatx()`.
        sparse: Must be False.
    """
    if sparse:
        raise ValueError("[one_hot] there are no sparse tensors. Received: sparse=True")
    result = _ops.one_hot(x, num_classes, floatx() if dtype is None else dtype)
    if axis in (-1, result.ndim - 1):
        return result
    order = list(range(result.ndim - 1))
    order.insert(axis if axis >= 0 else axis + result.ndim, result.ndim - 1)
    return _ops.permute(result, order)


def multi_hot(
    inputs: Any, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False
) -> Tensor:
    """1 at each of the positions that the last axis of the inputs names, 0 elsewhere."""
    hot = one_hot(inputs, num_classes, axis=axis, dtype=dtype, sparse=sparse)
    return _ops.max(hot, 0 if _tensor(inputs).ndim == 1 else 1, False)


def argsort(
    x: Any, axis: int | None = -1, *, descending: bool = False, stable: bool = True
) -> Tensor:
    """The order that sorts along an axis, int64. Always stable; NaN counts as the largest."""
    if axis is None:
        x, axis = _ops.reshape(x, -1), 0
    return _ops.argsort(x, axis, descending)


def sort(x: Any, axis: int | None = -1, *, descending: bool = False, stable: bool = True) -> Tensor:
    """The elements in order along an axis; NaN last (with `descending` first)."""
    if axis is None:
        x, axis = _ops.reshape(x, -1), 0
    return _ops.sort(x, axis, descending)


def top_k(x: Any, k: int, sorted: bool = True) -> tuple[Tensor, Tensor]:
    """The k largest along the last axis, largest first, and their positions."""
    x = _tensor(x)
    if not 0 <= k <= x.shape[-1]:
        raise ValueError(f"[top_k] k is at most the last extent. Received: k={k}, shape {x.shape}")
    order = _ops.argsort(x, -1, True)[..., :k]
    return _ops.take_along_axis(x, order, -1), order


def in_top_k(targets: Any, predictions: Any, k: int) -> Tensor:
    """Whether each target is among the k largest of its row of predictions."""
    predictions = _tensor(predictions)
    chosen = _ops.take_along_axis(predictions, _ops.expand_dims(targets, -1), -1)
    larger = _ops.count_nonzero(_ops.greater(predictions, chosen), -1, False)
    return _ops.less(larger, k)


def searchsorted(
    sorted_sequence: Any, values: Any, side: str = "left", *, sorter: Any = None
) -> Tensor:
    """How many elements of a sorted vector lie before each value, int64.

    Args:
        sorted_sequence: A vector in ascending order.
        values: Numbers.
        side: "left", or "right" to count those that are equal too.
        sorter: The order that sorts the vector, if it is not sorted.
    """
    if side not in ("left", "right"):
        raise ValueError(f"[searchsorted] side is 'left' or 'right'. Received: side={side!r}")
    if sorter is not None:
        sorted_sequence = _ops.take(sorted_sequence, sorter, 0)
    return _ops.searchsorted(sorted_sequence, values, side == "right")


def bincount(x: Any, weights: Any = None, minlength: int = 0, sparse: bool = False) -> Tensor:
    """How often (with `weights`: how much of them) each of 0, 1, ... is among x."""
    if sparse:
        raise ValueError("[bincount] there are no sparse tensors. Received: sparse=True")
    x = _tensor(x)
    if x.ndim != 1:
        raise ValueError(f"[bincount] a vector is needed. Received: shape {x.shape}")
    if x.size and int(_ops.min(x, None, False)) < 0:
        raise ValueError("[bincount] numbers must not be negative")
    count = max(minlength, int(_ops.max(x, None, False)) + 1 if x.size else 0)
    values = _ops.full_of("int64", x.shape, 1) if weights is None else _tensor(weights)
    return _ops.join_item(_ops.zeros(values.dtype, count), (x,), values, "add")


def diff(a: Any, n: int = 1, axis: int = -1, *, prepend: Any = None, append: Any = None) -> Tensor:
    """The differences of neighbours along an axis, n times.

    Args:
        a: Numbers.
        n: How often.
        axis: Where.
        prepend: What to put before `a` along the axis first, of the other axes' extents.
        append: What to put after it.
    """
    result = _tensor(a)
    if not -result.ndim <= axis < result.ndim or n < 0:
        raise ValueError(
            f"[diff] axis names one that there is, and n is not negative. "
            f"Received: shape {result.shape}, n={n}, axis={axis}"
        )
    axis %= result.ndim
    ends = [_tensor(part) for part in (prepend, result, append) if part is not None]
    if len(ends) > 1:
        result = _ops.concatenate(ends, axis)
    for _ in range(min(n, result.shape[axis])):
        lower: list[Any] = [_slice(None)] * result.ndim
        upper = list(lower)
        lower[axis], upper[axis] = _slice(None, -1), _slice(1, None)
        join = _ops.not_equal if result.dtype == "bool" else _ops.subtract
        result = join(result[tuple(upper)], result[tuple(lower)])
    return result


class UniqueCounts(NamedTuple):
    """What `unique_counts` gives."""

    values: Tensor
    counts: Tensor


class UniqueInverse(NamedTuple):
    """What `unique_inverse` gives."""

    values: Tensor
    inverse_indices: Tensor


class UniqueAll(NamedTuple):
    """What `unique_all` gives."""

    values: Tensor
    indices: Tensor
    inverse_indices: Tensor
    counts: Tensor


def unique_values(x: Any, /) -> Tensor:
    """The different elements, in order; each NaN is its own."""
    return unique_all(x).values


def unique_counts(x: Any, /) -> UniqueCounts:
    """The different elements, in order, and how often each is there."""
    everything = unique_all(x)
    return UniqueCounts(everything.values, everything.counts)


def unique_inverse(x: Any, /) -> UniqueInverse:
    """The different elements, in order, and for each element of x its place among them."""
    everything = unique_all(x)
    return UniqueInverse(everything.values, everything.inverse_indices)


def unique_all(x: Any, /) -> UniqueAll:
    """The different elements; where each is first; each element's place among them; counts."""
    x = _tensor(x)
    flat = _ops.reshape(x, -1)
    order = _ops.argsort(flat, 0, False)
    ordered = _ops.take(flat, order, 0)
    if not flat.size:
        none = _ops.zeros("int64", 0)
        return UniqueAll(flat, none, _ops.reshape(none, x.shape), none)
    first = _ops.concatenate(
        [_ops.full_of("bool", 1, True), _ops.not_equal(ordered[1:], ordered[:-1])], 0
    )
    starts = nonzero(first)[0]
    place = _ops.subtract(_ops.cumsum(first, 0), 1)
    inverse = _ops.set_item(_ops.zeros("int64", flat.shape), order, place)
    ends = _ops.concatenate([starts[1:], _ops.full_of("int64", 1, flat.size)], 0)
    return UniqueAll(
        _ops.take(ordered, starts, 0),
        _ops.take(order, starts, 0),
        _ops.reshape(inverse, x.shape),
        _ops.subtract(ends, starts),
    )


def isin(x1: Any, x2: Any, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """Whether each element of x1 is among x2.

    Args:
        x1: Numbers.
        x2: What to look for.
        assume_unique: Accepted: repeated elements take no time here.
        invert: Whether each is *not* among x2.
    """
    found = _ops.any(_ops.equal(_ops.expand_dims(x1, -1), _ops.reshape(x2, -1)), -1, False)
    return _ops.logical_not(found) if invert else found
