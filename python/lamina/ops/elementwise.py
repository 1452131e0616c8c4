"""Functions of each element, with broadcasting.

Operands are tensors, Variables, arrays or numbers; they broadcast, and their types are promoted as
docs/tensors.md says: bool < uint8 < int32 < int64 < float32 < float64, where Python's numbers take
the type of what they meet. Functions of real numbers compute integers in `lamina.config.floatx()`.
"""

from __future__ import annotations

import math
from typing import Any

from lamina._core import Tensor
from lamina._tensor_functions import functions as _ops

__all__ = [
    "abs",
    "absolute",
    "acos",
    "acosh",
    "add",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "asin",
    "asinh",
    "astype",
    "atan",
    "atan2",
    "atanh",
    "bitwise_and",
    "bitwise_invert",
    "bitwise_left_shift",
    "bitwise_not",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "cast",
    "ceil",
    "clip",
    "conj",
    "conjugate",
    "copysign",
    "cos",
    "cosh",
    "deg2rad",
    "divide",
    "equal",
    "erf",
    "exp",
    "expm1",
    "floor",
    "floor_divide",
    "greater",
    "greater_equal",
    "hypot",
    "imag",
    "isclose",
    "isfinite",
    "isinf",
    "isnan",
    "left_shift",
    "less",
    "less_equal",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "maximum",
    "minimum",
    "mod",
    "multiply",
    "nan_to_num",
    "negative",
    "nextafter",
    "not_equal",
    "positive",
    "pow",
    "power",
    "real",
    "reciprocal",
    "remainder",
    "right_shift",
    "round",
    "rsqrt",
    "sign",
    "signbit",
    "sin",
    "sinh",
    "sqrt",
    "square",
    "subtract",
    "tan",
    "tanh",
    "true_divide",
    "trunc",
    "where",
]


def negative(x: Any) -> Tensor:
    """-x."""
    return _ops.negative(x)


def absolute(x: Any) -> Tensor:
    """The magnitude of x."""
    return _ops.absolute(x)


def sign(x: Any) -> Tensor:
    """-1, 0 or 1; NaN for NaN."""
    return _ops.sign(x)


def square(x: Any) -> Tensor:
    """x * x."""
    return _ops.square(x)


def sqrt(x: Any) -> Tensor:
    """The square root; NaN below 0."""
    return _ops.sqrt(x)


def rsqrt(x: Any) -> Tensor:
    """1 / sqrt(x)."""
    return _ops.rsqrt(x)


def reciprocal(x: Any) -> Tensor:
    """1 / x, in floating point."""
    return _ops.reciprocal(x)


def exp(x: Any) -> Tensor:
    """e to the power x."""
    return _ops.exp(x)


def expm1(x: Any) -> Tensor:
    """exp(x) - 1, without cancellation."""
    return _ops.expm1(x)


def log(x: Any) -> Tensor:
    """The natural logarithm."""
    return _ops.log(x)


def log1p(x: Any) -> Tensor:
    """log(1 + x), without cancellation."""
    return _ops.log1p(x)


def log2(x: Any) -> Tensor:
    """The logarithm to the base 2, exact for powers of 2."""
    return _ops.log2(x)


def log10(x: Any) -> Tensor:
    """The logarithm to the base 10, exact for powers of 10."""
    return _ops.log10(x)


def sin(x: Any) -> Tensor:
    """The sine of x in radians."""
    return _ops.sin(x)


def cos(x: Any) -> Tensor:
    """The cosine of x in radians."""
    return _ops.cos(x)


def tan(x: Any) -> Tensor:
    """The tangent of x in radians."""
    return _ops.tan(x)


def sinh(x: Any) -> Tensor:
    """The hyperbolic sine."""
    return _ops.sinh(x)


def cosh(x: Any) -> Tensor:
    """The hyperbolic cosine."""
    return _ops.cosh(x)


def tanh(x: Any) -> Tensor:
    """The hyperbolic tangent."""
    return _ops.tanh(x)


def arcsin(x: Any) -> Tensor:
    """The angle whose sine is x; NaN outside [-1, 1]."""
    return _ops.arcsin(x)


def arccos(x: Any) -> Tensor:
    """The angle whose cosine is x; NaN outside [-1, 1]."""
    return _ops.arccos(x)


def arctan(x: Any) -> Tensor:
    """The angle whose tangent is x."""
    return _ops.arctan(x)


def arcsinh(x: Any) -> Tensor:
    """The inverse of sinh."""
    return _ops.arcsinh(x)


def arccosh(x: Any) -> Tensor:
    """The inverse of cosh; NaN below 1."""
    return _ops.arccosh(x)


def arctanh(x: Any) -> Tensor:
    """The inverse of tanh; NaN outside [-1, 1]."""
    return _ops.arctanh(x)


def erf(x: Any) -> Tensor:
    """The error function."""
    return _ops.erf(x)


def floor(x: Any) -> Tensor:
    """The largest integer that is not above x, in x's type."""
    return _ops.floor(x)


def ceil(x: Any) -> Tensor:
    """The smallest integer that is not below x, in x's type."""
    return _ops.ceil(x)


def trunc(x: Any) -> Tensor:
    """x without its fraction, in x's type."""
    return _ops.trunc(x)


def isfinite(x: Any) -> Tensor:
    """Whether x is neither infinite nor NaN."""
    return _ops.isfinite(x)


def isinf(x: Any) -> Tensor:
    """Whether x is infinite."""
    return _ops.isinf(x)


def isnan(x: Any) -> Tensor:
    """Whether x is NaN."""
    return _ops.isnan(x)


def logical_not(x: Any) -> Tensor:
    """Whether x is 0."""
    return _ops.logical_not(x)


def add(x1: Any, x2: Any) -> Tensor:
    """x1 + x2."""
    return _ops.add(x1, x2)


def subtract(x1: Any, x2: Any) -> Tensor:
    """x1 - x2."""
    return _ops.subtract(x1, x2)


def multiply(x1: Any, x2: Any) -> Tensor:
    """x1 * x2."""
    return _ops.multiply(x1, x2)


def divide(x1: Any, x2: Any) -> Tensor:
    """x1 / x2, in floating point."""
    return _ops.divide(x1, x2)


def true_divide(x1: Any, x2: Any) -> Tensor:
    """The same as `divide`: what the operator / calls."""
    return _ops.divide(x1, x2)


def floor_divide(x1: Any, x2: Any) -> Tensor:
    """x1 / x2 rounded down; 0 for integers divided by 0."""
    return _ops.floor_divide(x1, x2)


def mod(x1: Any, x2: Any) -> Tensor:
    """The remainder of `floor_divide`, with the sign of x2."""
    return _ops.mod(x1, x2)


def power(x1: Any, x2: Any) -> Tensor:
    """x1 to the power x2."""
    return _ops.power(x1, x2)


def arctan2(x1: Any, x2: Any) -> Tensor:
    """The angle of the point (x2, x1)."""
    return _ops.arctan2(x1, x2)


def maximum(x1: Any, x2: Any) -> Tensor:
    """The larger; NaN where one is NaN."""
    return _ops.maximum(x1, x2)


def minimum(x1: Any, x2: Any) -> Tensor:
    """The smaller; NaN where one is NaN."""
    return _ops.minimum(x1, x2)


def equal(x1: Any, x2: Any) -> Tensor:
    """x1 == x2."""
    return _ops.equal(x1, x2)


def not_equal(x1: Any, x2: Any) -> Tensor:
    """x1 != x2."""
    return _ops.not_equal(x1, x2)


def less(x1: Any, x2: Any) -> Tensor:
    """x1 < x2."""
    return _ops.less(x1, x2)


def less_equal(x1: Any, x2: Any) -> Tensor:
    """x1 <= x2."""
    return _ops.less_equal(x1, x2)


def greater(x1: Any, x2: Any) -> Tensor:
    """x1 > x2."""
    return _ops.greater(x1, x2)


def greater_equal(x1: Any, x2: Any) -> Tensor:
    """x1 >= x2."""
    return _ops.greater_equal(x1, x2)


def logical_and(x1: Any, x2: Any) -> Tensor:
    """Whether both are not 0."""
    return _ops.logical_and(x1, x2)


def logical_or(x1: Any, x2: Any) -> Tensor:
    """Whether one is not 0."""
    return _ops.logical_or(x1, x2)


def logical_xor(x1: Any, x2: Any) -> Tensor:
    """Whether exactly one is not 0."""
    return _ops.logical_xor(x1, x2)


def bitwise_and(x: Any, y: Any) -> Tensor:
    """x & y, of integers or bool."""
    return _ops.bitwise_and(x, y)


def bitwise_or(x: Any, y: Any) -> Tensor:
    """x | y, of integers or bool."""
    return _ops.bitwise_or(x, y)


def bitwise_xor(x: Any, y: Any) -> Tensor:
    """x ^ y, of integers or bool."""
    return _ops.bitwise_xor(x, y)


def bitwise_left_shift(x: Any, y: Any) -> Tensor:
    """x shifted left by y bits, zeros shifted in."""
    return _ops.left_shift(x, y)


def bitwise_right_shift(x: Any, y: Any) -> Tensor:
    """x shifted right by y bits, its sign kept."""
    return _ops.right_shift(x, y)


def bitwise_not(x: Any) -> Tensor:
    """All bits of x exchanged; of bool, its opposite."""
    return _ops.invert(x)


def positive(x: Any) -> Tensor:
    """x itself."""
    return _ops.positive(x)


def round(x: Any, decimals: int = 0) -> Tensor:
    """The nearest number with so many decimals, ties to the even one, in x's type.

    Args:
        x: Numbers.
        decimals: How many; negative ones count to the left of the point.
    """
    if decimals == 0:
        return _ops.round(x)
    scale = 10.0 ** abs(decimals)
    x = _ops.convert(x)
    if decimals > 0:
        return x if x.dtype in _EXACT else _ops.divide(_ops.round(_ops.multiply(x, scale)), scale)
    scaled = _ops.multiply(_ops.round(_ops.divide(x, scale)), scale)
    return _ops.cast(scaled, x.dtype)


_EXACT = frozenset(("bool", "uint8", "int32", "int64"))


def clip(
    x: Any, x_min: Any = None, x_max: Any = None, *, min: Any = None, max: Any = None
) -> Tensor:
    """x, but not below `x_min` nor above `x_max` (None: no limit).

    Args:
        x: Numbers.
        x_min: The smallest result.
        x_max: The largest.
        min: The array API standard's name for `x_min`.
        max: Its name for `x_max`.
    """
    result = _ops.convert(x)
    x_min, x_max = min if x_min is None else x_min, max if x_max is None else x_max
    if x_min is not None:
        result = _ops.maximum(result, x_min)
    return result if x_max is None else _ops.minimum(result, x_max)


def where(condition: Any, x1: Any = None, x2: Any = None) -> Any:
    """x1 where the condition holds, else x2; the positions where it does, without x1 and x2."""
    if x1 is None and x2 is None:
        return tuple(_ops.nonzero(condition))
    if x1 is None or x2 is None:
        raise ValueError("[where] x1 and x2 are given together or not at all")
    return _ops.where(condition, x1, x2)


def cast(x: Any, dtype: Any) -> Tensor:
    """x as another type: from floating point to integers towards zero, within the type's range."""
    return _ops.cast(x, dtype)


def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Tensor:
    """The array API standard's `cast`; `copy` makes one even where nothing changes."""
    result = _ops.cast(x, dtype)
    return _ops.copy(result) if copy and result is x else result


def nan_to_num(
    x: Any, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """x with NaN and infinities replaced, infinities by default by the type's largest numbers."""
    x = _ops.convert(x)
    if x.dtype in _EXACT:
        return _ops.alias(x)
    largest = 3.4028234663852886e38 if x.dtype == "float32" else 1.7976931348623157e308
    high = largest if posinf is None else posinf
    low = -largest if neginf is None else neginf
    x_or_nan = _ops.where(_ops.isnan(x), nan, x)
    x_or_high = _ops.where(_ops.logical_and(_ops.isinf(x), _ops.greater(x, 0.0)), high, x_or_nan)
    return _ops.where(_ops.logical_and(_ops.isinf(x), _ops.less(x, 0.0)), low, x_or_high)


def isclose(
    x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """Whether |x1 - x2| <= atol + rtol * |x2|."""
    x1, x2 = _ops.convert(x1), _ops.convert(x2)
    distance = _ops.absolute(_ops.subtract(x1, x2))
    near = _ops.less_equal(distance, _ops.add(_ops.multiply(_ops.absolute(x2), rtol), atol))
    near = _ops.logical_and(near, _ops.isfinite(x2))
    near = _ops.logical_or(near, _ops.equal(x1, x2))
    if not equal_nan:
        return near
    return _ops.logical_or(near, _ops.logical_and(_ops.isnan(x1), _ops.isnan(x2)))


def logaddexp(x1: Any, x2: Any) -> Tensor:
    """log(exp(x1) + exp(x2)), without overflow."""
    x1, x2 = _ops.divide(x1, 1), _ops.divide(x2, 1)
    largest = _ops.maximum(x1, x2)
    distance = _ops.negative(_ops.absolute(_ops.subtract(x1, x2)))
    # Of two equal infinities the distance is NaN, and it does not matter.
    distance = _ops.where(
        _ops.logical_and(_ops.isnan(distance), _ops.isinf(largest)), 0.0, distance
    )
    return _ops.add(largest, _ops.log1p(_ops.exp(distance)))


def _bits(x: Tensor) -> Tensor:
    return _ops.bitcast(x, "int32" if x.dtype == "float32" else "int64")


def signbit(x: Any) -> Tensor:
    """Whether the sign is a minus, also of -0 and NaN."""
    x = _ops.convert(x)
    return _ops.less(x if x.dtype in _EXACT else _bits(x), 0)


def copysign(x1: Any, x2: Any) -> Tensor:
    """x1 with the sign of x2, in floating point."""
    x1, x2 = _floats(x1, x2)
    other = _ops.not_equal(signbit(x1), signbit(x2))
    return _ops.where(other, _ops.negative(x1), x1)


def nextafter(x1: Any, x2: Any) -> Tensor:
    """x1's neighbour on the side of x2; a constant to every tape."""
    x1, x2 = _floats(x1, x2)
    bits = _bits(_ops.broadcast_to(x1, _ops.add(x1, x2).shape))
    away = _ops.equal(_ops.less(x1, x2), _ops.greater(x1, 0.0))
    step = _ops.where(away, 1, -1)
    least = _ops.where(_ops.less(x2, 0.0), _bits(_ops.negative(_ops.zeros(x1.dtype, ()))), 0)
    bits = _ops.where(_ops.equal(x1, 0.0), _ops.add(least, 1), _ops.add(bits, step))
    moved = _ops.bitcast(_ops.cast(bits, _bits(x1).dtype), x1.dtype)
    unordered = _ops.logical_or(_ops.isnan(x1), _ops.isnan(x2))
    result = _ops.where(unordered, _ops.add(x1, x2), moved)
    return _ops.where(_ops.equal(x1, x2), x2, result)


def hypot(x1: Any, x2: Any) -> Tensor:
    """sqrt(x1^2 + x2^2), without overflow; at most 2 units in the last place off."""
    x1, x2 = _floats(x1, x2)
    a, b = _ops.absolute(x1), _ops.absolute(x2)
    long, short = _ops.maximum(a, b), _ops.minimum(a, b)
    ratio = _ops.divide(short, _ops.where(_ops.equal(long, 0.0), 1.0, long))
    length = _ops.multiply(long, _ops.sqrt(_ops.add(1.0, _ops.square(ratio))))
    infinite = _ops.logical_or(_ops.isinf(a), _ops.isinf(b))
    return _ops.where(infinite, math.inf, length)


def _unit(x: Any) -> Any:
    if isinstance(x, (bool, int, float)):
        return 1
    return _ops.zeros(_ops.convert(x).dtype, ())


def _floats(x1: Any, x2: Any) -> tuple[Tensor, Tensor]:
    """Both in the floating type that they promote to."""
    # One element of each type; Python's numbers take the other's.
    dtype = _ops.divide(*(_unit(x) for x in (x1, x2))).dtype
    return _ops.cast(x1, dtype), _ops.cast(x2, dtype)


def conj(x: Any) -> Tensor:
    """x itself: there are no complex numbers."""
    return _ops.alias(x)


def imag(x: Any) -> Tensor:
    """The imaginary part of real numbers: zeros."""
    x = _ops.convert(x)
    return _ops.zeros(x.dtype, x.shape)


def deg2rad(x: Any) -> Tensor:
    """Degrees in radians."""
    return _ops.multiply(x, 0.017453292519943295)


abs = absolute
conjugate = real = conj
remainder = mod
pow = power
acos, asin, atan, acosh, asinh, atanh, atan2 = (
    arccos,
    arcsin,
    arctan,
    arccosh,
    arcsinh,
    arctanh,
    arctan2,
)
bitwise_invert = bitwise_not
left_shift, right_shift = bitwise_left_shift, bitwise_right_shift
