"""Tensors from data and from nothing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lamina._core import Tensor
from lamina._tensor_functions import functions as _ops
from lamina.config import floatx

__all__ = [
    "arange",
    "array",
    "asarray",
    "convert_to_numpy",
    "convert_to_tensor",
    "empty",
    "empty_like",
    "eye",
    "from_dlpack",
    "from_numpy",
    "full",
    "full_like",
    "identity",
    "linspace",
    "meshgrid",
    "ones",
    "ones_like",
    "tri",
    "zeros",
    "zeros_like",
]


def convert_to_tensor(
    x: Any, dtype: Any = None, sparse: Any = None, *, copy: bool | None = None
) -> Tensor:
    """`x` as a tensor.

    Args:
        x: A tensor, a `Variable`, numbers, nested lists of them, or an array. NumPy arrays of the
            six element types are shared, not copied.
        dtype: The element type; None keeps it. Python's floats become `lamina.config.floatx()`,
            its integers int64. Arrays of other element types need a `dtype` to be converted to.
        sparse: Must be None or False: there are no sparse tensors.
        copy: True makes a copy, False raises where one would be needed.

    Raises:
        TypeError: For what is no numbers, or an element type that tensors do not have.
        ValueError: If `copy` is False and there is no way without, or for `sparse=True`.

    Example:
        >>> lamina.ops.convert_to_tensor([1.0, 2.0])
        <Tensor shape=(2,), dtype=float32: [1. 2.]>
    """
    if sparse:
        raise ValueError(
            f"[convert_to_tensor] there are no sparse tensors. Received: sparse={sparse}"
        )
    if dtype is not None and not isinstance(x, (Tensor, bool, int, float)):
        array = x if isinstance(x, np.ndarray) else _foreign_array(x)
        if array is not None and array.dtype.kind in "biuf" and array.dtype.name not in _NAMES:
            if copy is False:
                raise ValueError("[convert_to_tensor] another dtype cannot be had without a copy")
            return _ops.cast(_ops.convert(array.astype(_wide(array.dtype))), dtype)
    own = isinstance(x, (bool, int, float, list, tuple))
    if dtype is not None and own:
        # Straight to the type, so that neither digits nor large integers are lost on the way.
        result = _ops.convert(np.asarray(x)) if _has_no_tensors(x) else _ops.convert(x)
    else:
        result = _ops.convert(x)
    if dtype is not None:
        cast = _ops.cast(result, dtype)
        if copy is False and (cast is not result and cast.dtype != result.dtype):
            raise ValueError("[convert_to_tensor] another dtype cannot be had without a copy")
        if cast.dtype != result.dtype:
            return cast
    if copy is False and own:
        raise ValueError("[convert_to_tensor] Python's numbers cannot be shared without a copy")
    return _ops.copy(result) if copy else result


_NAMES = frozenset(("bool", "uint8", "int32", "int64", "float32", "float64"))


def _foreign_array(x: Any) -> np.ndarray[Any, Any] | None:
    return np.asarray(x) if isinstance(x, np.generic) else None


def _wide(dtype: np.dtype[Any]) -> Any:
    if dtype.kind == "f":
        return np.float64 if dtype.itemsize > 4 else np.float32
    return np.int64


def _has_no_tensors(x: Any) -> bool:
    if isinstance(x, (list, tuple)):
        return all(_has_no_tensors(item) for item in x)
    return isinstance(x, (bool, int, float))


def convert_to_numpy(x: Any) -> np.ndarray[Any, Any]:
    """`x` as a NumPy array, without a copy where possible."""
    return np.asarray(x)


def array(x: Any, dtype: Any = None) -> Tensor:
    """A tensor with memory of its own. Arguments as for `convert_to_tensor`."""
    return convert_to_tensor(x, dtype, copy=True)


def asarray(
    obj: Any, /, *, dtype: Any = None, device: Any = None, copy: bool | None = None
) -> Tensor:
    """The array API standard's name for `convert_to_tensor`."""
    _check_device(device)
    return convert_to_tensor(obj, dtype, copy=copy)


def from_numpy(x: np.ndarray[Any, Any]) -> Tensor:
    """A tensor over the memory of a NumPy array: a change of the array is one of the tensor.

    Raises:
        TypeError: If `x` is no array, or of an element type that tensors do not have.
    """
    if not isinstance(x, np.ndarray):
        raise TypeError(f"[from_numpy] a NumPy array is needed. Received: {type(x).__name__}")
    return _ops.convert(x)


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor over the memory of another library's array, through DLPack.

    Args:
        x: An array with `__dlpack__`, in host memory.
        device: "cpu" or None.
        copy: True makes a copy; False and None share.

    Raises:
        TypeError: For other devices and element types.
    """
    _check_device(device)
    if not hasattr(x, "__dlpack__"):
        raise TypeError(f"[from_dlpack] no array with __dlpack__. Received: {type(x).__name__}")
    try:
        capsule = x.__dlpack__(max_version=(1, 0))
    except TypeError:
        capsule = x.__dlpack__()  # of a library that knows only the first version
    result = _ops.from_dlpack(capsule)
    return _ops.copy(result) if copy else result


def _check_device(device: Any) -> None:
    if device is not None and device != "cpu":
        raise ValueError(f"[device] tensors are on 'cpu'. Received: device={device!r}")


def zeros(shape: Any, dtype: Any = None, *, device: Any = None) -> Tensor:
    """A tensor of zeros; `dtype` None means `lamina.config.floatx()`."""
    _check_device(device)
    return _ops.zeros(floatx() if dtype is None else dtype, shape)


def ones(shape: Any, dtype: Any = None, *, device: Any = None) -> Tensor:
    """A tensor of ones; `dtype` None means `lamina.config.floatx()`."""
    _check_device(device)
    return _ops.full_of(floatx() if dtype is None else dtype, shape, 1)


def empty(shape: Any, dtype: Any = None, *, device: Any = None) -> Tensor:
    """The same as `zeros`: nothing is left uninitialised."""
    return zeros(shape, dtype, device=device)


def full(shape: Any, fill_value: Any, dtype: Any = None, *, device: Any = None) -> Tensor:
    """A tensor of `fill_value`, by default of its type (Python's numbers: as convert_to_tensor)."""
    _check_device(device)
    value = convert_to_tensor(fill_value, dtype)
    return _ops.full_of(value.dtype, shape, value)


def zeros_like(x: Any, dtype: Any = None, *, device: Any = None) -> Tensor:
    """Zeros of the shape and, by default, the type of `x`."""
    _check_device(device)
    x = _ops.convert(x)
    return _ops.zeros(x.dtype if dtype is None else dtype, x.shape)


def ones_like(x: Any, dtype: Any = None, *, device: Any = None) -> Tensor:
    """Ones of the shape and, by default, the type of `x`."""
    x = _ops.convert(x)
    return ones(x.shape, x.dtype if dtype is None else dtype, device=device)


empty_like = zeros_like


def full_like(x: Any, fill_value: Any, dtype: Any = None, *, device: Any = None) -> Tensor:
    """`fill_value` in the shape and, by default, the type of `x`."""
    x = _ops.convert(x)
    return full(x.shape, fill_value, x.dtype if dtype is None else dtype, device=device)


def arange(
    start: Any, stop: Any = None, step: Any = None, dtype: Any = None, *, device: Any = None
) -> Tensor:
    """start, start + step, ... before `stop`.

    Args:
        start: The first number, or `stop` where that is None (then the first is 0).
        stop: The first number that is not there.
        step: The distance; may be negative, not 0. None is 1.
        dtype: int64 if all three are integers, else `lamina.config.floatx()`.
        device: "cpu" or None.
    """
    _check_device(device)
    step = 1 if step is None else step
    if stop is None:
        start, stop = 0, start
    numbers = [n.item() if hasattr(n, "item") else n for n in (start, stop, step)]
    start, stop, step = numbers
    if step == 0:
        raise ValueError(f"[arange] step must not be 0. Received: step={step}")
    if all(isinstance(n, int) for n in numbers):
        count = max(0, -((start - stop) // step))
        return _ops.arange_integer("int64" if dtype is None else dtype, start, step, count)
    count = max(0, math.ceil((stop - start) / step))
    return _ops.arange(floatx() if dtype is None else dtype, start, step, count)


def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
    *,
    device: Any = None,
) -> Any:
    """`num` numbers at equal distances from `start` to `stop`, which `endpoint` includes.

    Args:
        start: The first number.
        stop: The last, or with `endpoint=False` the first that is not there.
        num: How many.
        endpoint: Whether `stop` is among them.
        retstep: Also return the distance.
        dtype: None means `lamina.config.floatx()`.
        axis: Must be 0: start and stop are numbers.
        device: "cpu" or None.
    """
    _check_device(device)
    if axis not in (0, -1):
        raise ValueError(
            f"[linspace] start and stop are numbers, so there is one axis. Received: axis={axis}"
        )
    if num < 0:
        raise ValueError(f"[linspace] num must not be negative. Received: num={num}")
    start, stop = float(start), float(stop)
    result = _ops.linspace(floatx() if dtype is None else dtype, start, stop, num, endpoint)
    if not retstep:
        return result
    parts = num - 1 if endpoint else num
    return result, (stop - start) / parts if parts > 0 else math.nan


def eye(
    N: int,  # noqa: N803 (NumPy's name)
    M: int | None = None,  # noqa: N803
    k: int = 0,
    dtype: Any = None,
    *,
    device: Any = None,
) -> Tensor:
    """Ones on diagonal `k` of an N x M matrix, zeros elsewhere."""
    _check_device(device)
    columns = N if M is None else M
    return _ops.eye(floatx() if dtype is None else dtype, N, columns, max(-N, min(k, columns)))


def identity(n: int, dtype: Any = None) -> Tensor:
    """The n x n identity matrix."""
    return eye(n, dtype=dtype)


def tri(
    N: int,  # noqa: N803 (NumPy's name)
    M: int | None = None,  # noqa: N803
    k: int = 0,
    dtype: Any = None,
) -> Tensor:
    """Ones on and below diagonal `k` of an N x M matrix, zeros above."""
    return _ops.tril(ones((N, N if M is None else M), dtype), k)


def meshgrid(*x: Any, indexing: str = "xy") -> list[Tensor]:
    """One tensor for each vector, with its numbers along an axis of its own.

    Args:
        *x: Vectors (tensors of at most one axis).
        indexing: "xy" exchanges the first two axes, "ij" does not.
    """
    if indexing not in ("xy", "ij"):
        raise ValueError(f"[meshgrid] indexing is 'xy' or 'ij'. Received: indexing={indexing!r}")
    vectors = [_ops.reshape(_ops.convert(v), -1) for v in x]
    shape = [v.size for v in vectors]
    grids = []
    for place, vector in enumerate(vectors):
        extents = [1] * len(vectors)
        extents[place] = vector.size
        grid = _ops.broadcast_to(_ops.reshape(vector, extents), shape)
        grids.append(_ops.swapaxes(grid, 0, 1) if indexing == "xy" and len(vectors) > 1 else grid)
    return grids
