"""The same elements in another shape or order. What strides can say is a view."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from numpy.exceptions import AxisError

from lamina._core import Tensor
from lamina._tensor_functions import functions as _ops

__all__ = [
    "atleast_1d",
    "atleast_2d",
    "broadcast_arrays",
    "broadcast_shapes",
    "broadcast_to",
    "concat",
    "concatenate",
    "copy",
    "diag",
    "diagonal",
    "expand_dims",
    "flatten",
    "flip",
    "hstack",
    "matrix_transpose",
    "moveaxis",
    "ndim",
    "pad",
    "permute_dims",
    "ravel",
    "repeat",
    "reshape",
    "roll",
    "shape",
    "size",
    "split",
    "squeeze",
    "stack",
    "swapaxes",
    "tile",
    "trace",
    "transpose",
    "tril",
    "triu",
    "unstack",
    "vstack",
]


def _tensor(x: Any) -> Tensor:
    return x if isinstance(x, Tensor) else _ops.convert(x)


def _axis(where: str, axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise AxisError(
            f"[{where}] an axis of {rank} is in [{-rank}, {rank}). Received: axis={axis}"
        )
    return axis % rank


def _axes(axis: Any) -> tuple[int, ...]:
    return tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)


def shape(x: Any) -> tuple[int, ...]:
    """The extents of x."""
    return _tensor(x).shape


def ndim(x: Any) -> int:
    """The number of axes of x."""
    return _tensor(x).ndim


def size(x: Any) -> int:
    """The number of elements of x."""
    return _tensor(x).size


def reshape(x: Any, newshape: Any, *, copy: bool | None = None) -> Tensor:
    """The elements of x, in row-major order, in another shape; one extent may be -1."""
    result = _ops.reshape(x, newshape)
    if copy:
        return _ops.copy(result)
    if copy is False and not _ops.shares_memory(_tensor(x), result):
        raise ValueError("[reshape] these strides cannot be reshaped without a copy")
    return result


def ravel(x: Any) -> Tensor:
    """The elements of x, in row-major order, along one axis."""
    return _ops.reshape(x, -1)


flatten = ravel


def transpose(x: Any, axes: Any = None) -> Tensor:
    """The axes in another order, by default reversed."""
    return _ops.transpose(x) if axes is None else _ops.permute(x, axes)


def permute_dims(x: Any, /, axes: Any) -> Tensor:
    """The array API standard's `transpose`."""
    return _ops.permute(x, axes)


def matrix_transpose(x: Any, /) -> Tensor:
    """The last two axes exchanged."""
    return _ops.swapaxes(x, -2, -1)


def swapaxes(x: Any, axis1: int, axis2: int) -> Tensor:
    """Two axes exchanged."""
    return _ops.swapaxes(x, axis1, axis2)


def moveaxis(x: Any, source: Any, destination: Any) -> Tensor:
    """Axes in other places, the rest in their order."""
    x = _tensor(x)
    sources = [_axis("moveaxis", a, x.ndim) for a in _axes(source)]
    places = [_axis("moveaxis", a, x.ndim) for a in _axes(destination)]
    if (
        len(sources) != len(places)
        or len(set(sources)) != len(sources)
        or len(set(places)) != len(places)
    ):
        raise ValueError(
            f"[moveaxis] source and destination must name as many different axes. "
            f"Received: source={source}, destination={destination}"
        )
    order = [a for a in range(x.ndim) if a not in sources]
    for place, axis in sorted(zip(places, sources, strict=True)):
        order.insert(place, axis)
    return _ops.permute(x, order)


def squeeze(x: Any, axis: Any = None) -> Tensor:
    """Without axes of extent 1: those given, or all."""
    return _ops.squeeze(x) if axis is None else _ops.squeeze_axes(x, axis)


def expand_dims(x: Any, axis: Any) -> Tensor:
    """With new axes of extent 1 at these places of the result."""
    return _ops.expand_dims(x, axis)


def broadcast_to(x: Any, shape: Any) -> Tensor:
    """x repeated along axes of extent 1 and new leading ones; a view."""
    return _ops.broadcast_to(x, shape)


def broadcast_shapes(*shapes: Any) -> tuple[int, ...]:
    """The shape to which all of these broadcast.

    Raises:
        ValueError: If they do not.
    """
    result = _ops.zeros("bool", ())
    for one in shapes:
        empty = _ops.broadcast_to(_ops.zeros("bool", ()), one)
        result = _ops.broadcast_to(result, _joined(result.shape, empty.shape))
    return result.shape


def _joined(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    rank = len(a) if len(a) > len(b) else len(b)
    a, b = (1,) * (rank - len(a)) + a, (1,) * (rank - len(b)) + b
    out = []
    for one, other in zip(a, b, strict=True):
        if one != other and 1 not in (one, other):
            raise ValueError(
                f"[broadcast] extents must be equal or 1. Received: shapes {a} and {b}"
            )
        out.append(other if one == 1 else one)
    return tuple(out)


def broadcast_arrays(*x: Any) -> list[Tensor]:
    """Each of these broadcast to their common shape."""
    tensors = [_tensor(one) for one in x]
    shape = broadcast_shapes(*(one.shape for one in tensors))
    return [_ops.broadcast_to(one, shape) for one in tensors]


def flip(x: Any, axis: Any = None) -> Tensor:
    """The elements along these axes (None: all) in reverse order; a view."""
    return _ops.flip(x, axis)


def roll(x: Any, shift: Any, axis: Any = None) -> Tensor:
    """The elements moved along axes, those beyond the end back at the start."""
    x = _tensor(x)
    if axis is None:
        if isinstance(shift, (tuple, list)):
            raise ValueError(
                f"[roll] axis must be given for several shifts. Received: shift={shift}"
            )
        return _ops.reshape(roll(_ops.reshape(x, -1), shift, 0), x.shape)
    axes, shifts = _axes(axis), _axes(shift)
    if len(shifts) == 1:
        shifts = shifts * len(axes)
    if len(shifts) != len(axes):
        raise ValueError(f"[roll] one shift for each axis. Received: shift={shift}, axis={axis}")
    for one, by in zip(axes, shifts, strict=True):
        one = _axis("roll", one, x.ndim)
        extent = x.shape[one]
        if extent and by % extent:
            where: list[Any] = [slice(None)] * x.ndim
            where[one] = slice(extent - by % extent, None)
            end = x[tuple(where)]
            where[one] = slice(None, extent - by % extent)
            x = _ops.concatenate([end, x[tuple(where)]], one)
    return _tensor(x)


def concatenate(xs: Any, axis: int | None = 0) -> Tensor:
    """One after the other along an axis (None: all elements in row-major order)."""
    if axis is None:
        return _ops.concatenate([_ops.reshape(x, -1) for x in xs], 0)
    return _ops.concatenate(xs, axis)


concat = concatenate


def stack(x: Any, axis: int = 0) -> Tensor:
    """One after the other along a new axis."""
    tensors = [_tensor(one) for one in x]
    if not tensors:
        raise ValueError("[stack] at least one tensor is needed")
    for one in tensors:
        if one.shape != tensors[0].shape:
            raise ValueError(
                f"[stack] shapes must be equal. Received: {tensors[0].shape} and {one.shape}"
            )
    place = _axis("stack", axis, tensors[0].ndim + 1)
    return _ops.concatenate([_ops.expand_dims(one, place) for one in tensors], place)


def hstack(xs: Any) -> Tensor:
    """Along the second axis; vectors along their only one."""
    tensors = [_ops.reshape(x, -1) if _tensor(x).ndim == 0 else _tensor(x) for x in xs]
    return _ops.concatenate(tensors, 0 if tensors[0].ndim == 1 else 1)


def vstack(xs: Any) -> Tensor:
    """Along the first axis; vectors become rows."""
    tensors = [_tensor(x) for x in xs]
    return _ops.concatenate([_ops.reshape(x, (1, -1)) if x.ndim < 2 else x for x in tensors], 0)


def split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Tensor]:
    """Parts along an axis: so many equal ones, or those between the given positions; views."""
    x = _tensor(x)
    axis = _axis("split", axis, x.ndim)
    extent = x.shape[axis]
    if isinstance(indices_or_sections, int):
        sections = indices_or_sections
        if sections <= 0 or extent % sections:
            raise ValueError(
                f"[split] the axis must divide into equal parts. "
                f"Received: shape {x.shape}, axis={axis}, indices_or_sections={sections}"
            )
        bounds = [i * (extent // sections) for i in range(sections + 1)]
    else:
        bounds = [0, *(int(i) for i in indices_or_sections), extent]
    parts = []
    for start, stop in pairwise(bounds):
        where = [slice(None)] * x.ndim
        where[axis] = slice(start, stop)
        parts.append(x[tuple(where)])
    return parts


def unstack(x: Any, num: int | None = None, axis: int = 0) -> list[Tensor]:
    """The entries along an axis, as tensors without it; views."""
    x = _tensor(x)
    axis = _axis("unstack", axis, x.ndim)
    if num is not None and num != x.shape[axis]:
        raise ValueError(f"[unstack] num must be the extent {x.shape[axis]}. Received: num={num}")
    moved = moveaxis(x, axis, 0)
    return [moved[i] for i in range(x.shape[axis])]


def tile(x: Any, repeats: Any) -> Tensor:
    """x as a whole, so many times along each axis."""
    x = _tensor(x)
    counts = list(_axes(repeats))
    rank = x.ndim if x.ndim > len(counts) else len(counts)
    counts = [1] * (rank - len(counts)) + counts
    extents = [1] * (rank - x.ndim) + list(x.shape)
    pairs = [n for pair in zip(counts, extents, strict=True) for n in pair]
    single = [n for extent in extents for n in (1, extent)]
    wide = _ops.broadcast_to(_ops.reshape(x, single), pairs)
    return _ops.reshape(wide, [c * e for c, e in zip(counts, extents, strict=True)])


def repeat(x: Any, repeats: Any, axis: int | None = None) -> Tensor:
    """Each element so many times (None: of all elements in row-major order).

    Args:
        x: Numbers.
        repeats: An integer, or one for each entry along the axis.
        axis: Where.
    """
    x = _tensor(x)
    if axis is None:
        x, axis = _ops.reshape(x, -1), 0
    if isinstance(repeats, int):
        return _ops.repeat(x, repeats, axis)
    counts = [
        int(n) for n in (repeats.numpy().reshape(-1) if isinstance(repeats, Tensor) else repeats)
    ]
    if len(counts) == 1:
        return _ops.repeat(x, counts[0], axis)
    if len(counts) != x.shape[axis] or any(n < 0 for n in counts):
        raise ValueError(
            f"[repeat] one number, not negative, for each of {x.shape[axis]} entries. "
            f"Received: repeats={repeats}"
        )
    # Place p of the result is of the first entry up to which there are more than p.
    places = _ops.arange_integer("int64", 0, 1, sum(counts))
    ends = _ops.cumsum(_ops.cast(counts, "int64"), 0)
    return _ops.take(x, _ops.searchsorted(ends, places, True), axis)


def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> Tensor:
    """x with elements added before and after each axis.

    Args:
        x: Numbers.
        pad_width: (before, after) for each axis, one such pair, or one integer for all.
        mode: "constant", "reflect" (without the edge), "symmetric" (with it) or "edge".
        constant_values: What is added with "constant"; None means 0.
    """
    x = _tensor(x)
    pairs = _pairs(pad_width, x.ndim)
    if mode == "constant":
        value = _ops.cast(0 if constant_values is None else constant_values, x.dtype)
        return _ops.pad(x, [p[0] for p in pairs], [p[1] for p in pairs], value)
    if constant_values is not None:
        raise ValueError(f"[pad] constant_values is for mode='constant'. Received: mode={mode!r}")
    if mode not in ("reflect", "symmetric", "edge"):
        raise ValueError(
            f"[pad] mode is 'constant', 'reflect', 'symmetric' or 'edge'. Received: mode={mode!r}"
        )
    for axis, (before, after) in enumerate(pairs):
        if before or after:
            extent = x.shape[axis]
            places = _ops.arange_integer("int64", -before, 1, before + extent + after)
            x = _ops.take(x, _source(places, extent, mode), axis)
    return _tensor(x)


def _pairs(pad_width: Any, rank: int) -> list[tuple[int, int]]:
    if isinstance(pad_width, int):
        return [(pad_width, pad_width)] * rank
    items = list(pad_width)
    if len(items) == 2 and all(isinstance(n, int) for n in items):
        return [(items[0], items[1])] * rank
    pairs = [(int(before), int(after)) for before, after in items]
    if len(pairs) == 1:
        return pairs * rank
    if len(pairs) != rank:
        raise ValueError(f"[pad] one pair for each of {rank} axes. Received: pad_width={pad_width}")
    return pairs


def _source(places: Tensor, extent: int, mode: str) -> Tensor:
    if extent == 0:
        raise ValueError(f"[pad] mode={mode!r} needs an element to repeat")
    if mode == "edge" or extent == 1:
        return _ops.minimum(_ops.maximum(places, 0), extent - 1)
    # There and back again, the ends once or twice.
    period = 2 * extent if mode == "symmetric" else 2 * (extent - 1)
    places = _ops.mod(places, period)
    back = _ops.subtract(period - 1 if mode == "symmetric" else period, places)
    return _ops.minimum(places, back)


def tril(x: Any, k: int = 0) -> Tensor:
    """0 above diagonal `k` of the last two axes."""
    return _ops.tril(x, k)


def triu(x: Any, k: int = 0) -> Tensor:
    """0 below diagonal `k` of the last two axes."""
    return _ops.triu(x, k)


def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The elements of a diagonal of two axes, along a new last axis."""
    moved = moveaxis(x, (axis1, axis2), (-2, -1))
    rows, columns = moved.shape[-2:]
    first_row, first_column = (0, offset) if offset >= 0 else (-offset, 0)
    count = min(rows - first_row, columns - first_column)
    steps = _ops.arange_integer("int64", 0, 1, count)
    return moved[..., _ops.add(steps, first_row), _ops.add(steps, first_column)]


def diag(x: Any, k: int = 0) -> Tensor:
    """Diagonal `k` of a matrix, or the matrix that has a vector there and 0 elsewhere."""
    x = _tensor(x)
    if x.ndim == 2:
        return diagonal(x, k)
    if x.ndim != 1:
        raise ValueError(f"[diag] one or two axes are needed. Received: shape {x.shape}")
    extent = x.size + abs(k)
    place = _ops.arange_integer("int64", 0, 1, extent)
    on_diagonal = _ops.equal(_ops.subtract(place, k), _ops.expand_dims(place, -1))
    before, after = (k, 0) if k >= 0 else (0, -k)
    row = _ops.pad(x, [before], [after], _ops.zeros(x.dtype, ()))
    return _ops.where(on_diagonal, row, _ops.zeros(x.dtype, ()))


def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The sum of a diagonal."""
    return _ops.sum(diagonal(x, offset, axis1, axis2), -1, False)


def atleast_1d(x: Any) -> Tensor:
    """x with at least one axis."""
    x = _tensor(x)
    return _ops.reshape(x, 1) if x.ndim == 0 else x


def atleast_2d(x: Any) -> Tensor:
    """x with at least two axes, new ones first."""
    x = _tensor(x)
    return _ops.reshape(x, (1, -1)) if x.ndim < 2 else x


def copy(x: Any) -> Tensor:
    """A tensor with memory of its own."""
    return _ops.copy(x)
