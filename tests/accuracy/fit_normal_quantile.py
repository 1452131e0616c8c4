"""Computes the coefficients of the normal quantile in cpp/numerics/distributions.h.

With t = p - 1/2 and q = 1/2 - |t| the quantile z(p) is approximated by
    t * polynomial(y - 5/2)         y = -log(4 q (1 - q)) in [0, 5]     (centre)
    sign(t) * P(r) / Q(r)           r = sqrt(-log q), below that        (tails)
Both are fits of the relative error, found by Lawson's reweighted least squares over
Chebyshev nodes in multiple precision (the denominator is carried by Sanathanan and
Koerner's iteration) and then rounded.

Run ``python tests/accuracy/fit_normal_quantile.py`` (needs mpmath); it prints each as C++
literals, lowest degree first, with the largest relative error before rounding.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from mpmath import mp, mpf

mp.dps = 50

NODES = 80
PLAIN_ROUNDS, LAWSON_ROUNDS = 8, 30


def upper_tail_inverse(log_q: mpf) -> mpf:
    """The z >= 0 for which a standard normal exceeds z with probability exp(log_q) <= 1/2."""
    q = mp.exp(log_q)
    if q > mpf("0.01"):
        start = mp.sqrt(2) * mp.erfinv(1 - 2 * q)
    else:
        start = mp.sqrt(-2 * (log_q + mp.log(mp.sqrt(-4 * mp.pi * log_q))))
    return mp.findroot(lambda z: mp.log(mp.erfc(z / mp.sqrt(2)) / 2) - log_q, start)


def centre(y: mpf) -> mpf:
    """z / t as a function of y."""
    t = mp.sqrt(-mp.expm1(-y)) / 2
    return upper_tail_inverse(-y - mp.log(4 * (mpf(1) / 2 + t))) / t


def tail(r: mpf) -> mpf:
    """z as a function of r."""
    return upper_tail_inverse(-r * r)


def expand(chebyshev: list[mpf], middle: mpf, half: mpf, origin: mpf) -> list[mpf]:
    """Coefficients in powers of (x - origin) of a series in T_j((x - middle) / half)."""
    step = [(origin - middle) / half, 1 / half]

    def times(u: list[mpf], v: list[mpf]) -> list[mpf]:
        out = [mpf(0)] * (len(u) + len(v) - 1)
        for i, a in enumerate(u):
            for j, b in enumerate(v):
                out[i + j] += a * b
        return out

    result = [mpf(0)] * len(chebyshev)
    before, now = [mpf(1)], step
    for j, c in enumerate(chebyshev):
        basis = before if j == 0 else now
        for i, b in enumerate(basis):
            result[i] += c * b
        if j > 0:
            following = [2 * v for v in times(step, now)]
            for i, b in enumerate(before):
                following[i] -= b
            before, now = now, following
    return result


def fit(
    f: Callable[[mpf], mpf], low: mpf, high: mpf, above: int, below: int, origin: mpf
) -> tuple[mpf, list[mpf], list[mpf]]:
    """The largest relative error, numerator and denominator (whose constant term is 1)."""
    middle, half = (low + high) / 2, (high - low) / 2
    xs = [mp.cos(mp.pi * (i + mpf(1) / 2) / NODES) for i in range(NODES)]
    fs = [f(middle + half * x) for x in xs]
    basis = [[mp.chebyt(j, x) for j in range(max(above, below) + 1)] for x in xs]
    linear, lawson = [mpf(1)] * NODES, [mpf(1)] * NODES
    best = None
    for step in range(PLAIN_ROUNDS + LAWSON_ROUNDS):
        matrix, right = mp.matrix(NODES, above + below + 1), mp.matrix(NODES, 1)
        for i in range(NODES):
            weight = linear[i] * mp.sqrt(lawson[i]) / fs[i]
            for j in range(above + 1):
                matrix[i, j] = weight * basis[i][j]
            for j in range(1, below + 1):
                matrix[i, above + j] = -weight * fs[i] * basis[i][j]
            right[i] = weight * fs[i]
        solution, _ = mp.qr_solve(matrix, right)
        p = [solution[j] for j in range(above + 1)]
        q = [mpf(1)] + [solution[above + j] for j in range(1, below + 1)]
        bottoms = [mp.fdot(q, row[: below + 1]) for row in basis]
        errors = [
            abs(mp.fdot(p, row[: above + 1]) / b / y - 1)
            for row, b, y in zip(basis, bottoms, fs, strict=True)
        ]
        linear = [1 / abs(b) for b in bottoms]
        worst = max(errors)
        if best is None or worst < best[0]:
            best = (worst, p, q)
        if step >= PLAIN_ROUNDS:
            lawson = [w * e / worst for w, e in zip(lawson, errors, strict=True)]
            top = max(lawson)
            lawson = [w / top + mpf("1e-12") for w in lawson]
    assert best is not None
    worst, p, q = best
    p, q = (expand(c, middle, half, origin) for c in (p, q))
    return worst, [c / q[0] for c in p], [c / q[0] for c in q]


def literal(value: mpf, single: bool) -> str:
    """The nearest float32 or float64 as a C++ hexadecimal literal."""
    number = float(value)
    if single:
        number = struct.unpack("f", struct.pack("f", number))[0]
    head, exponent = number.hex().split("p")
    return head.rstrip("0").rstrip(".") + "p" + exponent.lstrip("+") + ("f" if single else "")


def main() -> None:
    five_halves = mpf(5) / 2
    fits = [
        ("float32 centre", True, fit(centre, mpf(0), mpf(5), 9, 0, five_halves)),
        ("float32 tail", True, fit(tail, five_halves, mpf("4.79"), 3, 2, mpf(0))),
        ("float64 centre", False, fit(centre, mpf(0), mpf(5), 20, 0, five_halves)),
        ("float64 tail", False, fit(tail, five_halves, mpf("6.72"), 7, 6, mpf(0))),
    ]
    for name, single, (error, top, bottom) in fits:
        print(f"{name}: relative error {mp.nstr(error, 3)}")
        print("  ", ", ".join(literal(c, single) for c in top))
        if len(bottom) > 1:
            print("  ", ", ".join(literal(c, single) for c in bottom))


if __name__ == "__main__":
    main()
