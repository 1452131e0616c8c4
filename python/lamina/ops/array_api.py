"""What the array API standard requires of a namespace beside its functions."""

from __future__ import annotations

from typing import Any, NamedTuple

from lamina import _dtypes
from lamina._core import Tensor
from lamina._tensor_functions import functions as _ops
from lamina.config import floatx

__all__ = [
    "FloatLimits",
    "Info",
    "IntegerLimits",
    "__array_api_version__",
    "__array_namespace_info__",
    "can_cast",
    "finfo",
    "iinfo",
    "isdtype",
    "result_type",
]

__array_api_version__ = "2024.12"

_LIMITS = {
    "uint8": (8, 0, 2**8 - 1),
    "int32": (32, -(2**31), 2**31 - 1),
    "int64": (64, -(2**63), 2**63 - 1),
}
_FLOATS = {
    "float32": (32, 2.0**-23, 3.4028234663852886e38, 2.0**-126),
    "float64": (64, 2.0**-52, 1.7976931348623157e308, 2.0**-1022),
}
_ORDER = ("bool", "uint8", "int32", "int64", "float32", "float64")
_KINDS = {
    "bool": ("bool",),
    "signed integer": ("int32", "int64"),
    "unsigned integer": ("uint8",),
    "integral": ("uint8", "int32", "int64"),
    "real floating": ("float32", "float64"),
    "complex floating": (),
    "numeric": ("uint8", "int32", "int64", "float32", "float64"),
}


class IntegerLimits(NamedTuple):
    """What an integer type can hold."""

    bits: int
    min: int
    max: int
    dtype: str


class FloatLimits(NamedTuple):
    """What a floating type can hold: eps is the distance from 1 to the next number."""

    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float
    dtype: str


def _type_of(x: Any) -> str:
    return str(x.dtype) if isinstance(x, Tensor) else str(_ops.zeros(x, ()).dtype)


def _object(name: str) -> _dtypes.DType:
    return next(dtype for dtype in _dtypes.ALL if dtype == name)


def iinfo(type: Any, /) -> IntegerLimits:
    """The limits of an integer type, or of a tensor's."""
    name = _type_of(type)
    if name not in _LIMITS:
        raise TypeError(f"[iinfo] an integer type is needed. Received: {name}")
    return IntegerLimits(*_LIMITS[name], _object(name))


def finfo(type: Any, /) -> FloatLimits:
    """The limits of a floating type, or of a tensor's."""
    name = _type_of(type)
    if name not in _FLOATS:
        raise TypeError(f"[finfo] a floating type is needed. Received: {name}")
    bits, eps, largest, smallest = _FLOATS[name]
    return FloatLimits(bits, eps, largest, -largest, smallest, _object(name))


def isdtype(dtype: Any, kind: Any) -> bool:
    """Whether a type is of a kind ("bool", "integral", "real floating", ...) or one of several."""
    name = _type_of(dtype)
    if isinstance(kind, tuple):
        return any(isdtype(dtype, one) for one in kind)
    if str(kind) in _KINDS and not isinstance(kind, _dtypes.DType):
        return name in _KINDS[str(kind)]
    return name == _type_of(kind)


def can_cast(from_: Any, to: Any, /) -> bool:
    """Whether promotion would turn the one type into the other."""
    return bool(result_type(from_, to) == _type_of(to))


def result_type(*arrays_and_dtypes: Any) -> _dtypes.DType:
    """The type to which all of these are promoted."""
    if not arrays_and_dtypes:
        raise ValueError("[result_type] at least one type is needed")
    tensors = [_ops.zeros(_type_of(x), ()) for x in arrays_and_dtypes if not _is_number(x)]
    numbers = [x for x in arrays_and_dtypes if _is_number(x)]
    result = tensors[0] if tensors else _ops.convert(numbers[0])
    for x in tensors[1:]:
        result = _ops.where(True, result, x)
    for number in numbers:
        result = _ops.where(True, result, type(number)(0))
    return _object(str(result.dtype))


def _is_number(x: Any) -> bool:
    return isinstance(x, (bool, int, float))


class Info:
    """What the namespace can do (the standard's inspection functions)."""

    def capabilities(self) -> dict[str, Any]:
        """What optional parts there are."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 16}

    def default_device(self) -> str:
        """Where tensors are."""
        return "cpu"

    def default_dtypes(self, *, device: Any = None) -> dict[str, Any]:
        """The types of what is created without one."""
        return {
            "real floating": _object(floatx()),
            "complex floating": None,
            "integral": _dtypes.int64,
            "indexing": _dtypes.int64,
        }

    def dtypes(self, *, device: Any = None, kind: Any = None) -> dict[str, Any]:
        """The types there are, or those of a kind."""
        return {str(t): t for t in _dtypes.ALL if kind is None or isdtype(t, kind)}

    def devices(self) -> list[str]:
        """The devices there are."""
        return ["cpu"]


def __array_namespace_info__() -> Info:  # noqa: N807 (the standard's name)
    """The standard's inspection functions."""
    return Info()
