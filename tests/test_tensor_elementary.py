"""The elementary functions of tensors near the ends of their domains, against mpmath.

The bounds are those that the comments of cpp/numerics/elementary_*.h promise, in units of the last
place of the exact result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lamina import ops

mpmath = pytest.importorskip("mpmath")

Array = np.ndarray[Any, Any]


def near(dtype: str, *places: float) -> Array:
    """Each place and neighbours of it, up to many steps away, on both sides."""
    kind = np.dtype(dtype).type
    points = []
    for place in places:
        for direction in (-np.inf, np.inf):
            x = kind(place)
            with np.errstate(all="ignore"):
                for step in range(24):
                    points.append(x)
                    x = np.nextafter(x, kind(direction))
                    if step > 4 and np.isfinite(x):
                        x = x + (x - kind(place)) * kind(0.9)
    return np.array(points, dtype)


def spread(dtype: str, low: int, high: int) -> Array:
    """Numbers of all sizes from 2^low to 2^high, of both signs."""
    rng = np.random.default_rng(7)
    with np.errstate(all="ignore"):
        size = np.ldexp(1.0 + rng.random(200), np.linspace(low, high, 200).astype(int))
        values: Array = np.concatenate([size, -size]).astype(dtype)
    return values


def everywhere(dtype: str) -> Array:
    limits = np.finfo(dtype)
    ends = near(
        dtype, 0.0, float(limits.tiny), float(limits.max), float(-limits.max), np.inf, -np.inf
    )
    low, high = (-149, 127) if dtype == "float32" else (-1074, 1023)
    return np.concatenate([ends, spread(dtype, low, high)])


def points(name: str, dtype: str) -> Array:
    if name in ("arcsin", "arccos", "arctanh"):
        extra = near(dtype, -1.0, 1.0, 0.5, -0.5, 0.7071067811865476)
    elif name == "arccosh":
        extra = near(dtype, 1.0, -1.0, 1.5, 2.0)
    elif name in ("sinh", "cosh"):
        end = 89.41598629223294 if dtype == "float32" else 710.4758600739439
        extra = near(dtype, end, -end, 0.34657359, 1.0, 20.0, 40.0)
    elif name == "tan":
        extra = near(dtype, *(k * np.pi / 4 for k in (1, 2, 3, 4, 5, 101, 1002, 10**6)))
    else:
        extra = near(dtype, 1.0, 2.0, 10.0, 1000.0)
    return np.concatenate([extra, everywhere(dtype)])


def units(got: Array, exact: list[Any], dtype: str) -> float:
    """The largest distance, in units of the last place of the exact results."""
    limits = np.finfo(dtype)
    least = mpmath.mpf(2) ** (-149 if dtype == "float32" else -1074)
    digits = 23 if dtype == "float32" else 52
    worst = 0.0
    for value, wanted in zip(got.tolist(), exact, strict=True):
        if wanted is None or mpmath.isnan(wanted):
            assert np.isnan(value)
            continue
        if mpmath.isinf(wanted):
            assert value == float(wanted)
            continue
        unit = least
        if wanted != 0:
            unit = max(least, mpmath.mpf(2) ** (mpmath.mag(wanted) - 1 - digits))
        if np.isinf(value):  # beyond the largest number by half a unit
            assert abs(wanted) > mpmath.mpf(float(limits.max)) and (value > 0) == (wanted > 0)
            continue
        worst = max(worst, float(abs(mpmath.mpf(value) - wanted) / unit))
    return worst


def exactly(function: Callable[[Any], Any], low: float, high: float) -> Callable[[float], Any]:
    """NaN outside of [low, high]; limits are the caller's."""

    def of(x: float) -> Any:
        if np.isnan(x) or not low <= x <= high:
            return None
        return function(mpmath.mpf(x))

    return of


def angle_of_infinite(x: Any) -> Any:
    return mpmath.sign(x) * mpmath.pi / 2 if mpmath.isinf(x) else mpmath.atan(x)


FUNCTIONS: dict[str, tuple[Callable[[float], Any], float]] = {
    "tan": (exactly(lambda x: mpmath.tan(x), -1.8e308, 1.7976931348623157e308), 2.0),
    "sinh": (exactly(lambda x: mpmath.sinh(x), -np.inf, np.inf), 2.5),
    "cosh": (exactly(lambda x: mpmath.cosh(x), -np.inf, np.inf), 2.5),
    "arcsin": (exactly(lambda x: mpmath.asin(x), -1.0, 1.0), 1.7),
    "arccos": (exactly(lambda x: mpmath.acos(x), -1.0, 1.0), 1.7),
    "arctan": (exactly(angle_of_infinite, -np.inf, np.inf), 0.62),
    "arcsinh": (exactly(lambda x: mpmath.asinh(x), -np.inf, np.inf), 2.5),
    "arccosh": (exactly(lambda x: mpmath.acosh(x), 1.0, np.inf), 2.5),
    "arctanh": (
        exactly(lambda x: mpmath.atanh(x) if abs(x) < 1 else x * mpmath.inf, -1.0, 1.0),
        2.5,
    ),
    "log2": (exactly(lambda x: mpmath.log(x) / mpmath.log(2), 0.0, np.inf), 0.51),
    "log10": (exactly(lambda x: mpmath.log(x) / mpmath.log(10), 0.0, np.inf), 0.51),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_ends_of_domains(name: str, dtype: str) -> None:
    function, bound = FUNCTIONS[name]
    x = points(name, dtype)
    if name == "tan":
        x = np.where(np.isinf(x), np.nan, x).astype(dtype)
    with mpmath.workprec(160 if name != "tan" else 1400):
        exact = [function(float(value)) for value in x]
        got = getattr(ops, name)(x).numpy()
        assert got.dtype == dtype
        assert units(got, exact, dtype) <= bound


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_angles_of_points(dtype: str) -> None:
    tiny, huge = float(np.finfo(dtype).tiny), float(np.finfo(dtype).max)
    least = tiny * float(np.finfo(dtype).eps)
    sizes = [0.0, least, tiny, 1e-20, 0.4, 1.0, 1.0000001, 3.0, 1e20, huge / 3, huge, np.inf]
    values = np.array([sign * size for size in sizes for sign in (1.0, -1.0)], dtype)
    y, x = np.meshgrid(values, values)
    got = ops.arctan2(y, x).numpy()
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(np.signbit(got), np.signbit(np.arctan2(y, x)))
    finite = np.isfinite(y) & np.isfinite(x)
    with mpmath.workprec(400):
        exact = [
            mpmath.atan2(mpmath.mpf(float(b)), mpmath.mpf(float(a)))
            if b != 0.0 or not np.signbit(a)
            else (-mpmath.pi if np.signbit(b) else mpmath.pi)
            for b, a in zip(y[finite], x[finite], strict=True)
        ]
        assert units(got[finite], exact, dtype) <= 0.62
    # The limits are NumPy's, rounded to the type.
    wanted = np.arctan2(y.astype(np.float64), x.astype(np.float64)).astype(dtype)
    np.testing.assert_array_equal(got[~finite], wanted[~finite])
