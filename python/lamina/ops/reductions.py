"""Reductions over axes.

`axis` is an integer, a tuple of integers, or None for all axes; `keepdims` leaves reduced axes with
extent 1. The order of additions is that of docs/numerics.md: it follows from the axes, never from
memory layout or threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina._core import Tensor
from lamina._tensor_functions import functions as _ops

__all__ = [
    "all",
    "amax",
    "amin",
    "any",
    "argmax",
    "argmin",
    "count_nonzero",
    "cumprod",
    "cumsum",
    "cumulative_prod",
    "cumulative_sum",
    "logsumexp",
    "max",
    "mean",
    "min",
    "moments",
    "norm",
    "prod",
    "std",
    "sum",
    "var",
]

Function = Callable[..., Tensor]


def sum(x: Any, axis: Any = None, keepdims: bool = False, *, dtype: Any = None) -> Tensor:
    """The sum; integers and bool in int64.

    Args:
        x: Numbers.
        axis: The axes to reduce.
        keepdims: Whether reduced axes stay, with extent 1.
        dtype: The type to which `x` is converted first, and that of the result.
    """
    return _in_type(_ops.sum, dtype, x, axis, keepdims)


def prod(x: Any, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Tensor:
    """The product; integers and bool in int64."""
    return _in_type(_ops.prod, dtype, x, axis, keepdims)


def _in_type(function: Function, dtype: Any, x: Any, *arguments: Any) -> Tensor:
    """Of narrow integers, whose sums and products wrap, the same as in the type itself."""
    if dtype is None:
        return function(x, *arguments)
    return _ops.cast(function(_ops.cast(x, dtype), *arguments), dtype)


def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The sum divided by the number of elements."""
    return _ops.mean(x, axis, keepdims)


def max(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Tensor:
    """The largest; NaN where there is one.

    Args:
        x: Numbers; without elements only where `initial` is given.
        axis: The axes to reduce.
        keepdims: Whether reduced axes stay, with extent 1.
        initial: The smallest result.
    """
    return _extreme(_ops.max, _ops.maximum, x, axis, keepdims, initial)


def min(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Tensor:
    """The smallest; NaN where there is one. Arguments as for `max`."""
    return _extreme(_ops.min, _ops.minimum, x, axis, keepdims, initial)


def _extreme(
    fold: Function, join: Function, x: Any, axis: Any, keepdims: bool, initial: Any
) -> Tensor:
    if initial is None:
        return fold(x, axis, keepdims)
    x = _ops.convert(x)
    if x.size == 0:
        counts = _ops.count_nonzero(x, axis, keepdims)
        return _ops.full_of(x.dtype, counts.shape, initial)
    return join(fold(x, axis, keepdims), initial)


amax, amin = max, min


def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The first position of the largest, int64; NaN counts as the largest."""
    return _ops.argmax(x, axis, keepdims)


def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The first position of the smallest, int64; NaN counts as the smallest."""
    return _ops.argmin(x, axis, keepdims)


def var(x: Any, axis: Any = None, keepdims: bool = False, *, correction: float = 0.0) -> Tensor:
    """The mean square of x - mean(x); divided by the number of elements less `correction`."""
    return _ops.var(x, axis, keepdims, correction)


def std(x: Any, axis: Any = None, keepdims: bool = False, *, correction: float = 0.0) -> Tensor:
    """The square root of `var`."""
    return _ops.std(x, axis, keepdims, correction)


def moments(
    x: Any, axes: Any, keepdims: bool = False, synchronized: bool = False
) -> tuple[Tensor, Tensor]:
    """The mean and the variance over `axes`."""
    if synchronized:
        raise ValueError(
            "[moments] there are no processes to synchronize with. Received: synchronized=True"
        )
    return _ops.mean(x, axes, keepdims), _ops.var(x, axes, keepdims, 0.0)


def any(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Whether an element is not 0."""
    return _ops.any(x, axis, keepdims)


def all(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Whether every element is not 0."""
    return _ops.all(x, axis, keepdims)


def count_nonzero(x: Any, axis: Any = None, *, keepdims: bool = False) -> Tensor:
    """How many elements are not 0, int64."""
    return _ops.count_nonzero(x, axis, keepdims)


def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """log(sum(exp(x))), without overflow."""
    return _ops.logsumexp(x, axis, keepdims)


def cumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Tensor:
    """Running sums along an axis (None: of all elements in row-major order)."""
    return _scan(_ops.cumsum, x, axis, dtype)


def cumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Tensor:
    """Running products along an axis (None: of all elements in row-major order)."""
    return _scan(_ops.cumprod, x, axis, dtype)


def _scan(function: Function, x: Any, axis: int | None, dtype: Any) -> Tensor:
    flat = axis is None
    return _in_type(function, dtype, _ops.reshape(x, -1) if flat else x, 0 if flat else axis)


def cumulative_sum(
    x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Tensor:
    """The array API standard's running sums."""
    return _cumulative(cumsum, 0, x, axis, dtype, include_initial)


def cumulative_prod(
    x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Tensor:
    """The array API standard's running products."""
    return _cumulative(cumprod, 1, x, axis, dtype, include_initial)


def _cumulative(
    function: Any, start: int, x: Any, axis: int | None, dtype: Any, include_initial: bool
) -> Tensor:
    x = _ops.convert(x)
    if axis is None:
        if x.ndim != 1:
            raise ValueError(f"[cumulative] axis must be given for {x.ndim} axes")
        axis = 0
    result: Tensor = function(x, axis, dtype)
    if not include_initial:
        return result
    shape = list(result.shape)
    shape[axis] = 1
    return _ops.concatenate([_ops.full_of(result.dtype, shape, start), result], axis)


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The norm of vectors, or of all elements.

    Args:
        x: Numbers.
        ord: None or 2: the root of the sum of squares; 1: the sum of magnitudes; inf, -inf: the
            largest, smallest; 0: how many are not 0; another number p: the p-th root of the sum of
            p-th powers.
        axis: An integer, or None for all elements. (Norms of matrices other than the root of the
            sum of squares are not there.)
        keepdims: Whether reduced axes stay, with extent 1.
    """
    x = _ops.divide(x, 1)
    vector = (
        (axis is None and x.ndim <= 1)
        or isinstance(axis, int)
        or (axis is not None and len(axis) == 1)
    )
    if not vector and ord not in (None, "fro"):
        raise ValueError(f"[norm] of matrices there is 'fro'. Received: ord={ord!r}, axis={axis}")
    if ord in (None, 2, "fro"):
        return _ops.sqrt(_ops.sum(_ops.square(x), axis, keepdims))
    size = _ops.absolute(x)
    if ord == float("inf"):
        return _ops.max(size, axis, keepdims)
    if ord == float("-inf"):
        return _ops.min(size, axis, keepdims)
    if ord == 0:
        return _ops.cast(_ops.count_nonzero(x, axis, keepdims), x.dtype)
    if ord == 1:
        return _ops.sum(size, axis, keepdims)
    return _ops.power(_ops.sum(_ops.power(size, float(ord)), axis, keepdims), 1.0 / float(ord))
