"""Activation functions in C, by lamina's formulas (cpp/numerics/activation.h)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

#: Those of a whole row.
ROWS = frozenset({"softmax", "log_softmax", "sparsemax"})

_GATED = "(x < -1000 ? -1000 : x)"  # x times a gate that is 0 there
_RELU = "return x <= 0 ? 0 : x;"
#: An expression of x for each function without parameters.
_PLAIN = {
    "relu6": "x <= 0 ? 0 : x > 6 ? 6 : x",
    "selu": "x > 0 ? (R)1.0507009873554805 * x : (R)1.7580993408473766 * F(expm1)(x)",
    "sigmoid": "sigmoid(x)",
    "hard_sigmoid": "clamp(x + 3, 0, 6) / 6",
    "tanh": "F(tanh)(x)",
    "softplus": "softplus(x)",
    "silu": f"{_GATED} * sigmoid(x)",
    "gelu": f"{_GATED} * ((R)0.5 * F(erfc)(x * (R)-0.7071067811865476))",
    "exponential": "F(exp)(x)",
    "sparse_plus": "x <= -1 ? 0 : x >= 1 ? x : (x + 1) * (x + 1) * (R)0.25",
    "sparse_sigmoid": "clamp(x + 1, 0, 2) * (R)0.5",
    "hard_tanh": "clamp(x, -1, 1)",
    "hard_silu": "x <= -3 ? 0 : x >= 3 ? x : x * ((x + 3) / 6)",
    "tanh_shrink": "x - F(tanh)(x)",
    "log_sigmoid": "-softplus(-x)",
}
#: The same with a statement in front.
_LONGER = {
    "gelu_tanh": (
        "const R t = clamp(x, -64, 64);",
        f"{_GATED} * "
        "sigmoid(t * F(fma)((R)0.0713548162726002527, t * t, (R)1.5957691216057307117))",
    ),
    "mish": (
        "const R e = F(exp)(clamp(x, -1000, 32)), n = e * (e + 2);",
        f"{_GATED} * (n / (n + 2))",
    ),
}

Literal = Callable[[float], str]


def body(function: Any, literal: Literal, double: bool) -> str | None:
    """What computes an element-wise function of x; None for the function that does nothing.

    Args:
        function: What the core has of it: kind and parameters.
        literal: Writes a number, rounded to the type.
        double: Whether the type is double.

    Raises:
        NotImplementedError: If it cannot be written; the message names it.
    """
    kind = function.kind
    if kind == "linear":
        return None
    if kind in _PLAIN:
        return f"return {_PLAIN[kind]};"
    if kind in _LONGER:
        return "{} return {};".format(*_LONGER[kind])
    write = _WITH_PARAMETERS.get(kind)
    if write is None:
        raise NotImplementedError(
            f"export: this activation cannot be written as C yet. Received: {kind}"
        )
    return write(function, literal, double)


def helpers(text: str) -> set[str]:
    """The functions that a body calls."""
    return {name for name in ("sigmoid", "softplus", "clamp") if f"{name}(" in text}


def _relu(function: Any, literal: Literal, double: bool) -> str:
    # A maximum that rounds to infinity is none.
    bounded = function.b < (float("inf") if double else 3.4028235677973366e38)
    below, start, above = literal(function.a), literal(function.c), "x"
    if bounded:
        limit = literal(function.b)
        above = f"x > {limit} ? {limit} : x"
    if below == literal(0.0):
        return f"return x <= {start} ? 0 : {above};"
    return f"return x < {start} ? {below} * (x - {start}) : x <= {start} ? 0 : {above};"


def _leaky_relu(function: Any, literal: Literal, double: bool) -> str:
    below = literal(function.a)
    return f"return x < 0 ? {below} * x : x <= 0 ? 0 : x;" if below != literal(0.0) else _RELU


def _elu(function: Any, literal: Literal, double: bool) -> str:
    return f"return x > 0 ? x : {literal(function.a)} * F(expm1)(x);"


def _celu(function: Any, literal: Literal, double: bool) -> str:
    alpha = literal(function.a)
    return f"return x > 0 ? x : {alpha} * F(expm1)(x / {alpha});"


def _softsign(function: Any, literal: Literal, double: bool) -> str:
    most = literal(1.7976931348623157e308 if double else 3.4028234663852886e38)
    return f"x = clamp(x, -{most}, {most}); return x / (1 + F(fabs)(x));"


def _squareplus(function: Any, literal: Literal, double: bool) -> str:
    return (
        "const R t = clamp(x, (R)-1e15, (R)1e15), size = F(fabs)(x);"
        f" const R s = F(sqrt)(F(fma)(t, t, {literal(function.a)})), r = size > s ? size : s;"
        f" return x < 0 ? {literal(0.5 * function.a)} / (r - x) : (x + r) * (R)0.5;"
    )


def _hard_shrink(function: Any, literal: Literal, double: bool) -> str:
    return f"return F(fabs)(x) <= {literal(function.a)} ? 0 : x;"


def _soft_shrink(function: Any, literal: Literal, double: bool) -> str:
    start = literal(function.a)
    return f"return F(fabs)(x) <= {start} ? 0 : x - F(copysign)({start}, x);"


_WITH_PARAMETERS: dict[str, Callable[[Any, Literal, bool], str]] = {
    "relu": _relu,
    "leaky_relu": _leaky_relu,
    "elu": _elu,
    "celu": _celu,
    "softsign": _softsign,
    "squareplus": _squareplus,
    "hard_shrink": _hard_shrink,
    "soft_shrink": _soft_shrink,
}
