"""Products of matrices and tensors. Each sum is the contract's chain of fused multiply-adds."""

from __future__ import annotations

from typing import Any

from lamina._core import Tensor
from lamina._tensor_functions import functions as _ops
from lamina.ops.shaping import moveaxis

__all__ = [
    "cross",
    "dot",
    "inner",
    "matmul",
    "outer",
    "tensordot",
    "vecdot",
]


def _tensor(x: Any) -> Tensor:
    return x if isinstance(x, Tensor) else _ops.convert(x)


def matmul(x1: Any, x2: Any) -> Tensor:
    """The matrix product over the last axis of x1 and the one before the last of x2.

    Axes before the last two broadcast; a vector is a row on the left, a column on the right.
    """
    return _ops.matmul(x1, x2)


def dot(x1: Any, x2: Any) -> Tensor:
    """NumPy's dot: a product with a number, else sums over two axes.

    These are the last of x1 and the one before the last of x2 (its only one, if it has one); the
    other axes stand side by side.
    """
    x1, x2 = _tensor(x1), _tensor(x2)
    if x1.ndim == 0 or x2.ndim == 0:
        return _ops.multiply(x1, x2)
    return tensordot(x1, x2, ((-1,), (-2 if x2.ndim > 1 else -1,)))


def tensordot(x1: Any, x2: Any, axes: Any = 2) -> Tensor:
    """The sum of products over pairs of axes.

    Args:
        x1: Numbers.
        x2: Numbers.
        axes: How many axes, the last of x1 with the first of x2; or two sequences of axes.
    """
    x1, x2 = _tensor(x1), _tensor(x2)
    if isinstance(axes, int):
        first, second = list(range(x1.ndim - axes, x1.ndim)), list(range(axes))
        if axes < 0 or axes > min(x1.ndim, x2.ndim):
            raise ValueError(f"[tensordot] more axes than there are. Received: axes={axes}")
    else:
        first, second = ([a] if isinstance(a, int) else list(a) for a in axes)
    first = [a + x1.ndim if a < 0 else a for a in first]
    second = [a + x2.ndim if a < 0 else a for a in second]
    shapes = [x1.shape[a] for a in first], [x2.shape[a] for a in second]
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"[tensordot] paired axes must have the same extents. "
            f"Received: shapes {x1.shape} and {x2.shape}, axes={axes}"
        )
    kept_1 = [a for a in range(x1.ndim) if a not in first]
    kept_2 = [a for a in range(x2.ndim) if a not in second]
    depth, rows, columns = 1, 1, 1
    for extent in shapes[0]:
        depth *= extent
    for a in kept_1:
        rows *= x1.shape[a]
    for a in kept_2:
        columns *= x2.shape[a]
    left = _ops.reshape(_ops.permute(x1, kept_1 + first), (rows, depth))
    right = _ops.reshape(_ops.permute(x2, second + kept_2), (depth, columns))
    shape = [x1.shape[a] for a in kept_1] + [x2.shape[a] for a in kept_2]
    return _ops.reshape(_ops.matmul(left, right), shape)


def vecdot(x1: Any, x2: Any, axis: int = -1) -> Tensor:
    """The sum of products along one axis, the others broadcast."""
    x1, x2 = _tensor(x1), _tensor(x2)
    if (
        not -min(x1.ndim, x2.ndim) <= axis < min(x1.ndim, x2.ndim)
        or x1.shape[axis] != x2.shape[axis]
    ):
        raise ValueError(
            f"[vecdot] the axis must have the same extent in both. "
            f"Received: shapes {x1.shape} and {x2.shape}, axis={axis}"
        )
    x1, x2 = moveaxis(x1, axis, -1), moveaxis(x2, axis, -1)
    product = _ops.matmul(_ops.expand_dims(x1, -2), _ops.expand_dims(x2, -1))
    return _ops.squeeze_axes(product, (-2, -1))


def inner(x1: Any, x2: Any) -> Tensor:
    """The sum of products along the last axes of both."""
    x1, x2 = _tensor(x1), _tensor(x2)
    if x1.ndim == 0 or x2.ndim == 0:
        return _ops.multiply(x1, x2)
    return tensordot(x1, x2, ((-1,), (-1,)))


def outer(x1: Any, x2: Any) -> Tensor:
    """The product of each element of x1 with each of x2."""
    return _ops.multiply(_ops.reshape(x1, (-1, 1)), _ops.reshape(x2, (1, -1)))


def cross(
    x1: Any,
    x2: Any,
    axisa: int = -1,
    axisb: int = -1,
    axisc: int = -1,
    axis: int | None = None,
) -> Tensor:
    """The vector product of vectors of three.

    Args:
        x1: Vectors along `axisa`.
        x2: Vectors along `axisb`.
        axisa: The axis of the vectors in x1.
        axisb: The axis of the vectors in x2.
        axisc: The axis of the vectors in the result.
        axis: All three at once.

    Raises:
        ValueError: If the vectors do not have 3 elements.
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    x1, x2 = moveaxis(_tensor(x1), axisa, -1), moveaxis(_tensor(x2), axisb, -1)
    if x1.shape[-1] != 3 or x2.shape[-1] != 3:
        raise ValueError(
            f"[cross] vectors have 3 elements. Received: vectors along the last axes of {x1.shape} "
            f"and {x2.shape}"
        )
    after, before = [1, 2, 0], [2, 0, 1]
    product = _ops.subtract(
        _ops.multiply(_ops.take(x1, after, -1), _ops.take(x2, before, -1)),
        _ops.multiply(_ops.take(x1, before, -1), _ops.take(x2, after, -1)),
    )
    return product if axisc in (-1, product.ndim - 1) else moveaxis(product, -1, axisc)
