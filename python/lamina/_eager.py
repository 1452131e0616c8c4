"""What layers, losses and models need of tensors and tapes; nothing here is loaded by `import`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

import lamina._core as _core
from lamina._arrays import real_array
from lamina._typing import Array

Tensor = _core.Tensor


def is_tensor(value: Any) -> bool:
    """Whether `value` is a tensor or variable."""
    return isinstance(value, Tensor) or hasattr(value, "__lamina_tensor__")


def is_eager(value: Any) -> bool:
    """Whether a call with `value` gives tensors: it holds tensors, or a tape records."""
    if _core.is_recording():
        return True
    if isinstance(value, (list, tuple)):
        return any(is_tensor(item) for item in value)
    if isinstance(value, dict):
        return any(is_tensor(item) for item in value.values())
    return is_tensor(value)


def tensor(value: Any, name: str = "inputs") -> Tensor:
    """`value` as a tensor; `name` is what messages call it."""
    if isinstance(value, Tensor):
        return value
    convert = getattr(value, "__lamina_tensor__", None)
    if convert is not None:
        result: Tensor = convert()
        return result
    return _converted(real_array(value, name))


#: Integers that tensors do not have, and those that hold all of their values.
_WIDER = {"int8": "int32", "int16": "int32", "uint16": "int32", "uint32": "int64"}


def _converted(array: Array) -> Tensor:
    """An array of real numbers as a tensor, integers in a type that tensors have."""
    name = array.dtype.name
    if name == "uint64":
        large = array.size > 0 and int(array.max()) >= 2**63
        array = array.astype("float64" if large else "int64")
    elif name in _WIDER:
        array = array.astype(_WIDER[name])
    return _core.convert(array)


def floating_tensor(value: Any, dtype: str) -> Tensor:
    """`value` as a tensor: floating numbers as `dtype`, others as they are."""
    if is_tensor(value):
        result = tensor(value)
        return result if not _is_floating(str(result.dtype)) else cast(result, dtype)
    array = real_array(value, "inputs")
    if array.dtype.kind == "f":
        array = array.astype(dtype, copy=False)
    return _converted(array)


def typed_tensor(value: Any, dtype: str) -> Tensor:
    """`value` as a tensor of `dtype`."""
    if is_tensor(value):
        return cast(tensor(value), dtype)
    return _core.convert(real_array(value, "inputs").astype(dtype, copy=False))


def floating_or(value: Any, default: str, name: str = "inputs") -> Tensor:
    """`value` as a floating tensor: of its own type, or of `default`."""
    result = tensor(value, name)
    return result if _is_floating(str(result.dtype)) else cast(result, default)


def cast(value: Tensor, dtype: str) -> Tensor:
    """The same numbers as another type."""
    if str(value.dtype) == dtype:
        return value
    from lamina import ops

    return ops.cast(value, dtype)


def array(value: Any) -> Array:
    """A tensor's numbers as an array."""
    return np.asarray(value)


def new_array(value: Any) -> Array:
    """A tensor's numbers as an array that shares no memory with anything."""
    return np.array(value)


def number(value: Any) -> float:
    """The number of a tensor without axes, an array or a number."""
    return float(np.asarray(value))


def _is_floating(dtype: str) -> bool:
    return dtype.startswith("float")


@contextmanager
def unrecorded() -> Iterator[None]:
    """No tape records in the `with` block."""
    with _core.Unrecorded():
        yield


def mean_penalty(regularizer: Any, output: Any) -> Tensor:
    """A penalty on a layer's output, divided by the batch size."""
    total: Tensor = regularizer(output)
    return total / float(output.shape[0])


def penalty(x: Any, l1: float, l2: float) -> Tensor:
    """l1 * sum |x| + l2 * sum x^2."""
    from lamina import ops

    value = tensor(x)
    total = None
    if l1 != 0.0:
        total = ops.sum(ops.absolute(value)) * l1
    if l2 != 0.0 or total is None:
        squares = ops.sum(ops.square(value)) * l2
        total = squares if total is None else total + squares
    return total


def orthogonal_penalty(x: Any, factor: float, rows: bool) -> Tensor:
    """factor * the mean magnitude of the products of different rows (columns) scaled to norm 1."""
    from lamina import ops

    value = tensor(x)
    vectors = value if rows else ops.transpose(value)
    count, length = vectors.shape
    if count < 2 or length < 1:
        return ops.sum(vectors) * 0.0
    squares = ops.sum(ops.square(vectors), axis=1, keepdims=True)
    unit = vectors * ops.rsqrt(ops.maximum(squares, 1e-24))
    products = ops.matmul(unit, ops.transpose(unit))
    others = 1.0 - np.eye(count, dtype=str(value.dtype))
    return ops.sum(ops.absolute(products * _core.convert(others))) * (
        factor / (count * (count - 1.0))
    )
