"""Computes the polynomial coefficients of cpp/numerics/elementary_*.h.

Every polynomial there is a weighted minimax fit, found by Remez exchange in
multiple precision and then rounded to its dtype one coefficient at a time,
lowest degree first; after each rounding the later coefficients are corrected
by least squares for what it changed.

Run ``python tests/accuracy/fit_polynomials.py [name ...]`` (needs mpmath and numpy); it
prints each polynomial as C++ literals, lowest degree first, with the largest
weighted error in bits.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from mpmath import mp, mpf

mp.dps = 60

Function = Callable[[mpf], mpf]


def round_to(value: mpf, dtype: str) -> mpf:
    """Rounds to the nearest "f" (float32) or "d" (float64)."""
    if dtype == "d":
        return mpf(float(value))
    mantissa, exponent = mp.frexp(value)
    return mp.ldexp(mp.nint(mp.ldexp(mantissa, 24)), int(exponent) - 24)


def literal(value: mpf, dtype: str) -> str:
    """The value as a C++ hexadecimal floating-point literal."""
    head, exponent = float(value).hex().split("p")
    return head.rstrip("0").rstrip(".") + "p" + exponent.lstrip("+") + ("f" if dtype == "f" else "")


@dataclass
class Fit:
    """target(x) ~ sum of c[i] x^i over [low, high]; the error is weighted."""

    name: str
    target: Function
    weight: Function
    low: mpf
    high: mpf
    degree: int
    dtype: str
    points: int = 0
    split_first: bool = False  # keep c[0] as the sum of two numbers

    def grid(self) -> list[mpf]:
        count = self.points or 48 * (self.degree + 2)
        middle, half = (self.low + self.high) / 2, (self.high - self.low) / 2
        # An irrational shift keeps the grid off the removable singularity at zero.
        xs = [middle + half * mp.cos(mp.pi * i / (count - 1)) for i in range(count)]
        return sorted(
            x + half * mpf("1e-9") * mp.sqrt(2) if abs(x) < mpf("1e-6") * half else x for x in xs
        )


def remez(xs: list[mpf], ys: list[mpf], ws: list[mpf], powers: list[int]) -> tuple[list[mpf], mpf]:
    """Minimax coefficients of the given powers on a grid, and the levelled error."""
    n = len(powers)
    table = [[w * x**p for p in powers] for x, w in zip(xs, ws, strict=True)]
    goal = [w * y for w, y in zip(ws, ys, strict=True)]
    # xs is Chebyshev-spaced, so an even spread of indices is a good first reference.
    chosen = [round(i * (len(xs) - 1) / n) for i in range(n + 1)]
    best: list[mpf] = []
    worst = mpf(0)
    for _ in range(40):
        matrix = mp.matrix(n + 1, n + 1)
        right = mp.matrix(n + 1, 1)
        for row, i in enumerate(chosen):
            for column in range(n):
                matrix[row, column] = table[i][column]
            matrix[row, n] = (-1) ** row
            right[row] = goal[i]
        solution = mp.lu_solve(matrix, right)
        best = [solution[i] for i in range(n)]
        level = abs(solution[n])
        errors = [goal[i] - mp.fdot(table[i], best) for i in range(len(xs))]
        worst = max(abs(e) for e in errors)
        if worst <= level * mpf("1.0005"):
            break
        # The extremum of every run of one sign, then the n + 1 neighbouring ones that are largest.
        extrema: list[int] = []
        for i, e in enumerate(errors):
            if extrema and (errors[extrema[-1]] > 0) == (e > 0):
                if abs(e) > abs(errors[extrema[-1]]):
                    extrema[-1] = i
            else:
                extrema.append(i)
        while len(extrema) > n + 1:
            if abs(errors[extrema[0]]) < abs(errors[extrema[-1]]):
                extrema.pop(0)
            else:
                extrema.pop()
        if len(extrema) < n + 1 or extrema == chosen:
            break
        chosen = extrema
    return best, worst


def run(fit: Fit) -> tuple[list[mpf], mpf]:
    """The rounded coefficients, lowest degree first, and their largest weighted error."""
    xs = fit.grid()
    ys = [fit.target(x) for x in xs]
    ws = [abs(fit.weight(x)) for x in xs]
    coefficients, _ = remez(xs, ys, ws, list(range(fit.degree + 1)))
    powers = np.array(
        [[float(w * x**p) for p in range(fit.degree + 1)] for x, w in zip(xs, ws, strict=True)]
    )
    scales = np.abs(powers).max(axis=0)
    for k in range(fit.degree + 1):
        rounded = round_to(coefficients[k], fit.dtype)
        if k == 0 and fit.split_first:
            rounded += round_to(coefficients[k] - rounded, fit.dtype)
        change = coefficients[k] - rounded
        coefficients[k] = rounded
        if k == fit.degree or change == 0:
            continue
        # Least squares on the Chebyshev grid is close to minimax; float64 suffices for corrections.
        lost = powers[:, k] * float(change * mp.mpf(2) ** 80)
        correction = (
            np.linalg.lstsq(powers[:, k + 1 :] / scales[k + 1 :], lost, rcond=None)[0]
            / scales[k + 1 :]
        )
        for p, c in enumerate(correction, start=k + 1):
            coefficients[p] += mpf(float(c)) / mp.mpf(2) ** 80
    errors = [
        w * (y - mp.polyval(coefficients[::-1], x)) for x, y, w in zip(xs, ys, ws, strict=True)
    ]
    return coefficients, max(abs(e) for e in errors)


def fits() -> list[Fit]:
    """Every polynomial in use, named <function>_<dtype>."""
    out: list[Fit] = []
    half_ln2 = mp.log(2) / 2 * mpf("1.002")
    # exp(r) = 1 + r + r^2 P(r), the error relative to exp(r), or to expm1(r) where 1 is subtracted.
    for name, of, dtype, degree in (
        ("exp", mp.exp, "f", 4),
        ("expm1", mp.expm1, "f", 5),
        ("exp", mp.exp, "d", 9),
        ("expm1", mp.expm1, "d", 10),
    ):
        out.append(
            Fit(
                f"{name}_{dtype}",
                lambda r: (mp.expm1(r) - r) / r**2,
                lambda r, of=of: r**2 / of(r),
                -half_ln2,
                half_ln2,
                degree,
                dtype,
            )
        )
    # log(1 + f) = f - f^2 / 2 + f^3 P(f), f in [-1/3, 1/3].
    third = mpf(1) / 3
    out.append(
        Fit(
            "log_f",
            lambda f: (mp.log1p(f) - f + f * f / 2) / f**3,
            lambda f: f**3 / mp.log1p(f),
            -third,
            third,
            8,
            "f",
        )
    )
    # log((1 + s) / (1 - s)) = 2 s + s z P(z), z = s^2, |s| <= (sqrt(2) - 1) / (sqrt(2) + 1).
    largest = ((mp.sqrt(2) - 1) / (mp.sqrt(2) + 1)) ** 2 * mpf("1.0001")
    out.append(
        Fit(
            "log_d",
            lambda z: (2 * mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 2) / z,
            lambda z: z,
            largest * mpf("1e-8"),
            largest,
            6,
            "d",
        )
    )
    # The same with a long first coefficient, for the logarithm inside pow.
    for dtype, degree in (("f", 3), ("d", 8)):
        out.append(
            Fit(
                f"pow_{dtype}",
                lambda z: (2 * mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 2) / z,
                lambda z: z / 2,
                largest * mpf("1e-8"),
                largest,
                degree,
                dtype,
                split_first=True,
            )
        )
    # exp(t^2 / 2) Phi(-t) (t + k) = P(u), u = (t - k) / (t + k), until Phi(-t) underflows.
    for dtype, degree, k, last in (
        ("f", 9, mpf("3.4375"), mpf("14.5")),
        ("d", 21, mpf("5.482421875"), mpf("38.8")),
    ):

        def scaled_tail(u: mpf, k: mpf = k) -> mpf:
            t = k * (1 + u) / (1 - u)
            return mp.exp(t * t / 2) * mp.erfc(t / mp.sqrt(2)) / 2 * (t + k)

        out.append(
            Fit(
                f"normal_{dtype}",
                scaled_tail,
                lambda u, q=scaled_tail: 1 / q(u),
                mpf(-1),
                (last - k) / (last + k),
                degree,
                dtype,
                20 * (degree + 2),
                split_first=True,
            )
        )
    # erf(x) = x + x P(x^2), |x| <= 1.
    for dtype, degree in (("f", 6), ("d", 11)):
        out.append(
            Fit(
                f"erf_{dtype}",
                lambda z: mp.erf(mp.sqrt(z)) / mp.sqrt(z) - 1,
                lambda z: mp.sqrt(z) / mp.erf(mp.sqrt(z)),
                mpf("1e-20"),
                mpf("1.0001"),
                degree,
                dtype,
            )
        )
    # sin(pi r) = pi r + r^3 S(r^2), cos(pi r) = 1 - pi^2 / 2 r^2 + r^4 C(r^2), |r| <= 1/4;
    # the same in radians, |r| <= pi / 4.
    pi_r = mpf("1.001") / 16
    radian = (mp.pi / 4) ** 2 * mpf("1.001")
    for dtype, degree in (("f", 2), ("d", 5)):
        out.append(
            Fit(
                f"sinpi_{dtype}",
                lambda z: (mp.sin(mp.pi * mp.sqrt(z)) / mp.sqrt(z) - mp.pi) / z,
                lambda z: z * mp.sqrt(z) / mp.sin(mp.pi * mp.sqrt(z)),
                pi_r * mpf("1e-9"),
                pi_r,
                degree + 1,
                dtype,
            )
        )
        out.append(
            Fit(
                f"cospi_{dtype}",
                lambda z: (mp.cos(mp.pi * mp.sqrt(z)) - 1) / z,
                lambda z: z / mp.cos(mp.pi * mp.sqrt(z)),
                pi_r * mpf("1e-9"),
                pi_r,
                degree + 1,
                dtype,
            )
        )
        out.append(
            Fit(
                f"sin_{dtype}",
                lambda z: (mp.sin(mp.sqrt(z)) / mp.sqrt(z) - 1) / z,
                lambda z: z * mp.sqrt(z) / mp.sin(mp.sqrt(z)),
                radian * mpf("1e-9"),
                radian,
                degree,
                dtype,
            )
        )
        out.append(
            Fit(
                f"cos_{dtype}",
                lambda z: (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2,
                lambda z: z**2 / mp.cos(mp.sqrt(z)),
                radian * mpf("1e-9"),
                radian,
                degree,
                dtype,
            )
        )
    # atan(r) = r + r z P(z), z = r^2, |r| <= tan(pi / 8).
    eighth = mp.tan(mp.pi / 8) ** 2 * mpf("1.0001")
    for dtype, degree in (("f", 4), ("d", 10)):
        out.append(
            Fit(
                f"atan_{dtype}",
                lambda z: (mp.atan(mp.sqrt(z)) / mp.sqrt(z) - 1) / z,
                lambda z: z * mp.sqrt(z) / mp.atan(mp.sqrt(z)),
                eighth * mpf("1e-9"),
                eighth,
                degree,
                dtype,
            )
        )
    return out


def main() -> None:
    wanted = sys.argv[1:]
    for fit in fits():
        if wanted and fit.name not in wanted:
            continue
        coefficients, error = run(fit)
        print(f"{fit.name}: largest weighted error 2^{float(mp.log(error, 2)):.2f}")
        if fit.split_first:
            first = round_to(coefficients[0], fit.dtype)
            print("  low part of the first:", literal(coefficients[0] - first, fit.dtype))
            coefficients[0] = first
        print("  " + ", ".join(literal(c, fit.dtype) for c in coefficients))


if __name__ == "__main__":
    main()
