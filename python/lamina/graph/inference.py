"""Shapes and types of outputs, found by calling a function on zeros."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lamina._core as _core
from lamina._core import Tensor
from lamina._tensor_functions import functions as _ops
from lamina._typing import BatchShape
from lamina.graph.keras_tensor import KerasTensor
from lamina.graph.tree import leaves, map_structure

#: Sizes that stand for unknown extents. Extents of the output that differ between the two of a
#: pair are unknown, too. The later pairs can be divided into more groups.
_SIZES = ((2, 3), (60, 120), (840, 1680))

#: Types that tensors do not have, and those that are used instead.
STAND_INS = {
    "int8": "int32",
    "int16": "int32",
    "uint16": "int32",
    "uint32": "int64",
    "uint64": "int64",
    "float16": "float32",
    "bfloat16": "float32",
}


def infer(name: str, function: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
    """The symbolic outputs of a call.

    Args:
        name: What error messages call the function.
        function: Takes and returns tensors, or nests of them.
        args: Its positional arguments, with symbolic tensors among them.
        kwargs: Its keyword arguments.

    Returns:
        What the function returns, with a symbolic tensor in the place of each tensor.

    Raises:
        TypeError, ValueError: What the function raises for such arguments, with their shapes.
    """
    inputs = [v for v in leaves((args, kwargs)) if isinstance(v, KerasTensor)]
    for tensor in inputs:
        if tensor.dtype == "string":
            raise TypeError(
                f"{name} takes numbers, and strings need a preprocessing layer such as "
                f"StringLookup first. Received: {tensor!r}"
            )

    def at(size: int) -> Any:
        def zeros(value: Any) -> Any:
            return zeros_like(value, size) if isinstance(value, KerasTensor) else value

        filled, options = map_structure(zeros, (tuple(args), kwargs))
        with _core.Unrecorded():
            return function(*filled, **options)

    if not any(None in tensor.shape for tensor in inputs):
        try:
            return map_structure(_symbol, at(1))
        except (TypeError, ValueError, IndexError) as error:
            raise _explained(name, error, inputs) from error
    failure: Exception | None = None
    for sizes in _SIZES:
        try:
            results = [at(size) for size in sizes]
        except (TypeError, ValueError, IndexError) as error:
            failure = failure or error
        else:
            return _joined(*results)
    # An unknown extent may have to be one of those that are known.
    shapes = [tuple(getattr(value, "shape", ())) for value in leaves((args, kwargs))]
    for size in sorted({extent for shape in shapes for extent in shape if extent is not None}):
        try:
            return map_structure(_symbol, at(size))
        except (TypeError, ValueError, IndexError):
            continue
    assert failure is not None
    raise _explained(name, failure, inputs) from failure


def zeros_like(tensor: KerasTensor, size: int) -> Tensor:
    """Zeros in the shape of a symbolic tensor, with `size` for what is unknown."""
    shape = tuple(size if extent is None else extent for extent in tensor.shape)
    zero = _ops.zeros(STAND_INS.get(tensor.dtype, tensor.dtype), ())
    return _ops.broadcast_to(zero, shape)


def _symbol(value: Any) -> Any:
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return KerasTensor(tuple(value.shape), str(value.dtype))
    return value


def _joined(first: Any, second: Any) -> Any:
    """The symbolic tensors for results with two different sizes of unknown extents."""
    others = iter(list(leaves(second)))

    def join(value: Any) -> Any:
        other = next(others)
        if not (hasattr(value, "shape") and hasattr(value, "dtype")):
            return value
        if len(value.shape) != len(other.shape):
            raise ValueError("The number of axes of the output depends on the batch size.")
        return KerasTensor(common_shape(value.shape, other.shape), str(value.dtype))

    return map_structure(join, first)


def common_shape(first: Any, second: Any) -> BatchShape:
    """The extents that two shapes have in common, None for others."""
    return tuple(a if a == b else None for a, b in zip(first, second, strict=True))


def _explained(name: str, error: Exception, inputs: list[KerasTensor]) -> Exception:
    shapes = ", ".join(str(tensor.shape) for tensor in inputs)
    kind = type(error) if type(error) in (TypeError, ValueError, IndexError) else ValueError
    return kind(f"{error} ({name} was called on symbolic tensors of shape {shapes}.)")
