"""What the core needs to know of an activation: its kind and parameters."""

from __future__ import annotations

import copyreg
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import lamina._core as _core
from lamina import _checks
from lamina._tensor_functions import functions as _ops
from lamina.config import floatx


@lru_cache(maxsize=64)
def plain(kind: str) -> _core.Activation:
    """A function without parameters."""
    return _core.Activation(kind, 0.0, float("inf"), 0.0)


def relu(where: str, negative_slope: Any, max_value: Any, threshold: Any) -> _core.Activation:
    """relu with a slope below its threshold and a maximum."""
    slope = _checks.number(where, "negative_slope", negative_slope, low=0.0)
    limit = float("inf")
    if max_value is not None:
        limit = _checks.number(where, "max_value", max_value, low=0.0)
    start = _checks.number(where, "threshold", threshold, low=0.0)
    return _core.Activation("relu", slope, limit, start)


def leaky_relu(where: str, negative_slope: Any) -> _core.Activation:
    """relu with a slope below zero."""
    slope = _checks.number(where, "negative_slope", negative_slope)
    return _core.Activation("leaky_relu", slope, float("inf"), 0.0)


def elu(where: str, alpha: Any) -> _core.Activation:
    """Exponential linear unit."""
    return _core.Activation("elu", _checks.number(where, "alpha", alpha), float("inf"), 0.0)


def celu(where: str, alpha: Any) -> _core.Activation:
    """Continuously differentiable exponential linear unit."""
    value = _checks.number(where, "alpha", alpha)
    if value == 0.0:
        raise ValueError(f"{where}: `alpha` must not be 0. Received: alpha={alpha}")
    return _core.Activation("celu", value, float("inf"), 0.0)


def threshold(where: str, start: Any, below: Any) -> _core.Activation:
    """x above its start, a constant up to it."""
    first = _checks.number(where, "threshold", start)
    return _core.Activation("threshold", first, _checks.number(where, "default_value", below), 0.0)


def squareplus(where: str, b: Any) -> _core.Activation:
    """A smooth relu of square roots."""
    smoothness = _checks.number(where, "b", b, low=0.0, open_high=True)
    return _core.Activation("squareplus", smoothness, float("inf"), 0.0)


def shrink(kind: str, start: Any) -> _core.Activation:
    """hard_shrink or soft_shrink."""
    return _core.Activation(
        kind, _checks.number(kind, "threshold", start, low=0.0), float("inf"), 0.0
    )


def apply(specification: _core.Activation, x: Any) -> Any:
    """The function of an array: float32 and float64 keep their type, others become floatx().

    Of a tensor, and while a tape records, a tensor.
    """
    return at_edge(x, lambda value: _core.activation(specification, value))


def apply_over(specification: _core.Activation, x: Any, axis: Any) -> Any:
    """The same for softmax and log_softmax, along any axis."""

    def of_tensor(value: Any) -> Any:
        kind, rank = specification.kind, len(value.shape)
        if rank == 0:
            raise ValueError(f"{kind}: `x` needs at least one axis. Received: shape ()")
        at = _checks.integer(kind, "axis", axis, low=-rank, high=rank - 1)
        if at in (-1, rank - 1):
            return _core.activation(specification, value)
        return _ops.swapaxes(_core.activation(specification, _ops.swapaxes(value, at, -1)), -1, at)

    return at_edge(x, of_tensor)


def at_edge(x: Any, function: Callable[[Any], Any]) -> Any:
    """A function of tensors, on what users pass: arrays for arrays."""
    from lamina import _eager

    eager = _eager.is_eager(x)
    result = function(_eager.floating_or(x, floatx(), "x"))
    return result if eager else _eager.new_array(result)


def _reduce(activation: _core.Activation) -> tuple[Any, ...]:
    return _core.Activation, (activation.kind, activation.a, activation.b, activation.c)


copyreg.pickle(_core.Activation, _reduce)  # layers that have one are copied and pickled
