"""Measures the float64 elementary functions against mpmath.

Run ``python tests/accuracy/check_float64.py BUILD/tests/accuracy/map_float64 [function ...]``
(needs mpmath and numpy). Each function is sampled at 100,000 points and more: evenly and
logarithmically over the ranges where it is neither constant nor infinite, near its zeros and
the ends of its range, among denormals and over all bit patterns. Prints the largest error of
each in ulp, as JSON; status 1 when one exceeds 2 ulp.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable

import numpy as np
from mpmath import mp, mpf
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

mp.prec = 160


def softplus(x: mpf) -> mpf:
    return max(x, mpf(0)) + mp.log1p(mp.exp(-abs(x)))


def erfc(x: mpf) -> mpf:
    """mpmath's own fails for huge arguments."""
    if abs(x) > 1000:
        return mpf(0) if x > 0 else mpf(2)
    return mp.erfc(x)


def normal_pdf(x: mpf) -> mpf:
    return mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi)


def with_precision(function: Callable[[mpf], mpf]) -> Callable[[mpf], mpf]:
    """Adds the digits that a huge angle loses in its reduction."""

    def wrapped(x: mpf) -> mpf:
        with mp.extraprec(max(0, int(mp.mag(x)) if x else 0)):
            return function(x)

    return wrapped


REFERENCES: dict[str, Callable[[mpf], mpf]] = {
    "exp": mp.exp,
    "expm1": mp.expm1,
    "log": mp.log,
    "log1p": mp.log1p,
    "sigmoid": lambda x: 1 / (1 + mp.exp(-x)),
    "tanh": mp.tanh,
    "softplus": softplus,
    "erf": mp.erf,
    "erfc": erfc,
    "normal_cdf": lambda x: erfc(-x / mp.sqrt(2)) / 2,
    "normal_pdf": normal_pdf,
    "sinpi": mp.sinpi,
    "cospi": mp.cospi,
    "sin": with_precision(mp.sin),
    "cos": with_precision(mp.cos),
}

# Where each function is neither constant nor infinite.
RANGES = {
    "exp": (-746, 710),
    "expm1": (-40, 710),
    "log": (0, 10),
    "log1p": (-1, 10),
    "sigmoid": (-746, 40),
    "tanh": (-20, 20),
    "softplus": (-746, 60),
    "erf": (-6.5, 6.5),
    "erfc": (-6.5, 27.3),
    "normal_cdf": (-38.6, 9),
    "normal_pdf": (-38.6, 38.6),
    "sinpi": (-1000, 1000),
    "cospi": (-1000, 1000),
    "sin": (-1000, 1000),
    "cos": (-1000, 1000),
}


def sample(name: str, rng: np.random.Generator) -> Doubles:
    """The points at which a function of one argument is measured."""
    low, high = RANGES[name]
    even = rng.uniform(low, high, 40_000)
    around_zero = rng.uniform(-1.5, 1.5, 30_000)
    sizes = np.exp2(rng.uniform(-60, 10, 20_000)) * rng.choice([-1.0, 1.0], 20_000)
    anything = rng.integers(0, 2**64, 8_000, dtype=np.uint64).view(np.float64)
    denormal = rng.integers(0, 2**53, 2_000, dtype=np.uint64).view(np.float64)
    ends = np.array(
        [0.0, low, high, 0.5, 1.0, 2.0, 2.0**-1022, 2.0**-1074, 2.0**52, 2.0**53, 1.7e308]
    )
    ends = np.concatenate([ends, np.nextafter(ends, np.inf), np.nextafter(ends, -np.inf)])
    extra = (
        np.exp2(rng.uniform(-1074, 1023, 8_000)) if name in ("log", "log1p", "sin", "cos") else ends
    )
    near_one = 1 + rng.uniform(-1, 1, 4_000) * np.exp2(rng.uniform(-50, 0, 4_000))
    x = np.concatenate([even, around_zero, sizes, anything, denormal, ends, -ends, extra, near_one])
    x = x[np.isfinite(x)]
    if name == "log":
        x = x[x > 0]
    if name == "log1p":
        x = x[x > -1]
    return x


def sample_pow(rng: np.random.Generator) -> tuple[Doubles, Doubles]:
    """Pairs whose power is mostly neither 0 nor infinite."""
    x = np.exp2(rng.uniform(-1074, 1024, 60_000))
    x = x[np.isfinite(x) & (x > 0)]
    y = rng.uniform(-1, 1, x.size) * 750 / np.maximum(np.abs(np.log(x)), 1e-3)
    near_one = 1 + rng.uniform(-0.5, 0.5, 40_000)
    powers = rng.uniform(-1500, 1500, 40_000)
    powers[::3] = np.rint(powers[::3] / 10)
    return np.concatenate([x, near_one]), np.concatenate([y, powers])


def error_in_ulp(y: float, exact: mpf) -> float:
    """|y - exact| in ulp of float64 at `exact`."""
    if exact == 0:
        return 0.0 if y == 0 else math.inf
    exponent = max(int(mp.mag(exact)), -1021)
    if exponent > 1024:
        return 0.0 if math.isinf(y) and (y > 0) == (exact > 0) else math.inf
    if math.isinf(y):
        overflowed = abs(exact) >= mp.ldexp(mpf(1), 1024) - mp.ldexp(mpf(1), 970)
        return 0.0 if overflowed and (y > 0) == (exact > 0) else math.inf
    if math.isnan(y):
        return math.inf
    return float(mp.ldexp(abs(mpf(y) - exact), 53 - exponent))


def evaluate(program: str, name: str, *arguments: Doubles) -> Doubles:
    """Lamina's results."""
    packed = np.stack(arguments, axis=-1).tobytes()
    run = subprocess.run([program, name], input=packed, check=True, capture_output=True)
    return np.frombuffer(run.stdout)


def main() -> int:
    """Measures the functions named on the command line, or all."""
    program, *wanted = sys.argv[1:]
    results: dict[str, dict[str, object]] = {}
    for name in [*REFERENCES, "pow"]:
        if wanted and name not in wanted:
            continue
        rng = np.random.default_rng(20)
        arguments = sample_pow(rng) if name == "pow" else (sample(name, rng),)
        reference = mp.power if name == "pow" else REFERENCES[name]
        worst, where = 0.0, ""
        for y, *x in zip(evaluate(program, name, *arguments), *arguments, strict=True):
            error = error_in_ulp(float(y), reference(*(mpf(float(v)) for v in x)))
            if error > worst:
                worst, where = error, ", ".join(float(v).hex() for v in x)
        results[name] = {"points": arguments[0].size, "max_ulp": round(worst, 4), "at": where}
        print(name, results[name], file=sys.stderr, flush=True)
    print(json.dumps(results, indent=2))
    return 0 if all(float(str(r["max_ulp"])) <= 2 for r in results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
