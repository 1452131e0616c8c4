"""`lamina.Tensor`: the methods that Python adds to the type of the core."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from functools import wraps
from typing import TYPE_CHECKING, Any

import numpy as np

import lamina._core as _core
from lamina import _dtypes
from lamina._core import Tensor
from lamina._lazy import LazyModule

__all__ = ["Tensor"]

_SHOWN = 1000

if TYPE_CHECKING:
    from lamina import ops
else:
    ops = LazyModule("lamina.ops")


def _repr(self: Tensor) -> str:
    head = f"<Tensor shape={self.shape}, dtype={self.dtype}: "
    return head + np.array2string(self.numpy(), threshold=_SHOWN, prefix=head) + ">"


def _str(self: Tensor) -> str:
    return str(self.numpy())


def _format(self: Tensor, specification: str) -> str:
    return (
        format(self.item(), specification) if self.ndim == 0 else format(str(self), specification)
    )


def _iterate(self: Tensor) -> Iterator[Tensor]:
    if self.ndim == 0:
        raise TypeError("a Tensor without axes cannot be iterated over")
    return (self[i] for i in range(self.shape[0]))


def _contains(self: Tensor, value: Any) -> bool:
    return bool(ops.any(ops.equal(self, value)))


def _restore(array: np.ndarray[Any, Any]) -> Tensor:
    return ops.array(array)


def _reduce(self: Tensor) -> tuple[Any, ...]:
    # A contiguous copy: a view does not take the rest of its memory along.
    return _restore, (np.array(self.numpy(), order="C"),)


def _deepcopy(self: Tensor, memo: dict[int, Any]) -> Tensor:
    return ops.copy(self)


def _namespace(self: Tensor, *, api_version: str | None = None) -> Any:
    if api_version is not None and api_version not in ("2021.12", "2022.12", "2023.12", "2024.12"):
        raise ValueError(
            f"[__array_namespace__] unknown version. Received: api_version={api_version!r}"
        )
    return importlib.import_module("lamina.ops")


def _to_device(self: Tensor, device: Any, /, *, stream: Any = None) -> Tensor:
    """The tensor itself: there is one device, "cpu"."""
    if device != "cpu" or stream is not None:
        raise ValueError(
            f"[to_device] tensors are on 'cpu', without streams. Received: {device!r}, {stream}"
        )
    return self


def _tolist(self: Tensor) -> Any:
    """Nested lists of Python numbers."""
    return self.numpy().tolist()


def _reshape(self: Tensor, *shape: Any) -> Tensor:
    """The elements in another shape, given as one tuple or as integers."""
    return ops.reshape(self, shape[0] if len(shape) == 1 else shape)


def _transpose(self: Tensor, *axes: Any) -> Tensor:
    """The axes in another order, given as one tuple or as integers; by default reversed."""
    if not axes or axes == (None,):
        return ops.transpose(self)
    return ops.transpose(self, axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes)


def _astype(self: Tensor, dtype: Any, copy: bool = False) -> Tensor:
    """The tensor as another type."""
    return ops.astype(self, dtype, copy=copy)


def _reduction(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The method, which also takes what NumPy's functions hand on: np.sum(tensor) calls it."""

    @wraps(function)
    def method(
        self: Tensor,
        axis: Any = None,
        keepdims: bool = False,
        *,
        dtype: Any = None,
        out: None = None,
        ddof: float | None = None,
        **keywords: Any,
    ) -> Tensor:
        if out is not None:
            raise ValueError(f"[{function.__name__}] a Tensor has no out=. Received: out={out!r}")
        if dtype is not None:
            self = ops.cast(self, dtype)
        if ddof is not None:
            keywords["correction"] = ddof
        result = function(self, axis, keepdims, **keywords)
        return result if dtype is None else ops.cast(result, dtype)

    return method


_METHODS = {
    "__repr__": _repr,
    "__str__": _str,
    "__format__": _format,
    "__iter__": _iterate,
    "__contains__": _contains,
    "__reduce__": _reduce,
    "__deepcopy__": _deepcopy,
    "__array_namespace__": _namespace,
    "to_device": _to_device,
    "tolist": _tolist,
    "reshape": _reshape,
    "transpose": _transpose,
    "astype": _astype,
}
# Functions whose first argument is the tensor.
_FUNCTIONS = (
    *("argmax", "argmin", "argsort", "clip", "copy", "cumprod", "cumsum", "diagonal", "dot"),
    *("flatten", "nonzero", "ravel", "repeat", "round", "sort", "squeeze", "swapaxes", "take"),
    "trace",
)
_REDUCTIONS = ("all", "any", "max", "mean", "min", "prod", "std", "sum", "var")


def install(functions: Any) -> None:
    """Makes functions methods.

    Args:
        functions: The module `lamina.ops`, which calls this once it is loaded.
    """
    globals()["ops"] = functions
    for name in _FUNCTIONS:
        setattr(Tensor, name, getattr(functions, name))
    for name in _REDUCTIONS:
        setattr(Tensor, name, _reduction(getattr(functions, name)))


def _late(name: str) -> Callable[..., Any]:
    """The method until then: it loads `lamina.ops`, which replaces it."""

    def method(self: Tensor, *arguments: Any, **keywords: Any) -> Any:
        getattr(ops, name)
        return getattr(self, name)(*arguments, **keywords)

    method.__name__ = name
    method.__doc__ = f"`lamina.ops.{name}` of the tensor."
    return method


for _dtype in _dtypes.ALL:
    _core.set_dtype_object(str(_dtype), _dtype)
for _name, _method in _METHODS.items():
    setattr(Tensor, _name, _method)
for _name in (*_FUNCTIONS, *_REDUCTIONS):
    setattr(Tensor, _name, _late(_name))
