"""The activation functions on arrays.

Each keeps float32 and float64, and turns everything else into `lamina.config.floatx()`; of a tensor
the result is a tensor, otherwise an array. The formulas are in docs/numerics.md.

Example:
    >>> lamina.activations.relu([-1.0, 2.0])
    array([0., 2.])
"""

from __future__ import annotations

from typing import Any

from lamina import _checks
from lamina.activations import specification as spec


def linear(x: Any) -> Any:
    """x itself."""
    return spec.apply(spec.plain("linear"), x)


def relu(
    x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0
) -> Any:
    """max(x, 0).

    Args:
        x: An array.
        negative_slope: The slope below the threshold.
        max_value: The largest value of the function; None for no limit.
        threshold: Below it the function is damped or zero.
    """
    return spec.apply(spec.relu("relu", negative_slope, max_value, threshold), x)


def relu6(x: Any) -> Any:
    """x limited to [0, 6]."""
    return spec.apply(spec.plain("relu6"), x)


def leaky_relu(x: Any, negative_slope: float = 0.2) -> Any:
    """x where it is positive, negative_slope * x elsewhere."""
    return spec.apply(spec.leaky_relu("leaky_relu", negative_slope), x)


def elu(x: Any, alpha: float = 1.0) -> Any:
    """x where it is positive, alpha * (exp(x) - 1) elsewhere."""
    return spec.apply(spec.elu("elu", alpha), x)


def selu(x: Any) -> Any:
    """The scaled elu of self-normalising networks."""
    return spec.apply(spec.plain("selu"), x)


def celu(x: Any, alpha: float = 1.0) -> Any:
    """x where it is positive, alpha * (exp(x / alpha) - 1) elsewhere."""
    return spec.apply(spec.celu("celu", alpha), x)


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x))."""
    return spec.apply(spec.plain("sigmoid"), x)


def hard_sigmoid(x: Any) -> Any:
    """x / 6 + 1 / 2, limited to [0, 1]."""
    return spec.apply(spec.plain("hard_sigmoid"), x)


def tanh(x: Any) -> Any:
    """The hyperbolic tangent."""
    return spec.apply(spec.plain("tanh"), x)


def softplus(x: Any) -> Any:
    """log(1 + exp(x))."""
    return spec.apply(spec.plain("softplus"), x)


def softsign(x: Any) -> Any:
    """x / (1 + |x|)."""
    return spec.apply(spec.plain("softsign"), x)


def silu(x: Any) -> Any:
    """x * sigmoid(x), also called swish."""
    return spec.apply(spec.plain("silu"), x)


swish = silu


def gelu(x: Any, approximate: bool = False) -> Any:
    """x * Phi(x), Phi the normal distribution function.

    Args:
        x: An array.
        approximate: Use the tanh approximation (as a layer's activation: "gelu_tanh").
    """
    return spec.apply(spec.plain("gelu_tanh" if approximate else "gelu"), x)


def gelu_tanh(x: Any) -> Any:
    """gelu's tanh approximation."""
    return spec.apply(spec.plain("gelu_tanh"), x)


def mish(x: Any) -> Any:
    """x * tanh(softplus(x))."""
    return spec.apply(spec.plain("mish"), x)


def exponential(x: Any) -> Any:
    """exp(x)."""
    return spec.apply(spec.plain("exponential"), x)


def threshold(x: Any, threshold: float, default_value: float) -> Any:
    """x where it is larger than the threshold, default_value elsewhere."""
    return spec.apply(spec.threshold("threshold", threshold, default_value), x)


def sparse_plus(x: Any) -> Any:
    """0 up to -1, x from 1 on, (x + 1)^2 / 4 between."""
    return spec.apply(spec.plain("sparse_plus"), x)


def sparse_sigmoid(x: Any) -> Any:
    """(x + 1) / 2, limited to [0, 1]."""
    return spec.apply(spec.plain("sparse_sigmoid"), x)


def squareplus(x: Any, b: float = 4) -> Any:
    """(x + sqrt(x^2 + b)) / 2."""
    return spec.apply(spec.squareplus("squareplus", b), x)


def hard_tanh(x: Any) -> Any:
    """x limited to [-1, 1]."""
    return spec.apply(spec.plain("hard_tanh"), x)


def hard_silu(x: Any) -> Any:
    """x * relu6(x + 3) / 6, also called hard_swish."""
    return spec.apply(spec.plain("hard_silu"), x)


hard_swish = hard_silu


def hard_shrink(x: Any, threshold: float = 0.5) -> Any:
    """x where its magnitude is larger than the threshold, 0 elsewhere."""
    return spec.apply(spec.shrink("hard_shrink", threshold), x)


def soft_shrink(x: Any, threshold: float = 0.5) -> Any:
    """x moved towards 0 by the threshold, but not past it."""
    return spec.apply(spec.shrink("soft_shrink", threshold), x)


def tanh_shrink(x: Any) -> Any:
    """x - tanh(x)."""
    return spec.apply(spec.plain("tanh_shrink"), x)


def log_sigmoid(x: Any) -> Any:
    """The logarithm of sigmoid."""
    return spec.apply(spec.plain("log_sigmoid"), x)


def glu(x: Any, axis: int = -1) -> Any:
    """The first half along `axis` times the sigmoid of the second.

    It halves its input, so layers do not take it as their activation.
    """
    return spec.at_edge(x, lambda value: _glu(value, axis))


def _glu(x: Any, axis: Any) -> Any:
    rank = len(x.shape)
    if rank == 0:
        raise ValueError("glu: `x` needs at least one axis. Received: shape ()")
    at = _checks.integer("glu", "axis", axis, low=-rank, high=rank - 1)
    if x.shape[at] % 2 != 0:
        raise ValueError(
            "glu: the extent along `axis` must be even. "
            f"Received: axis={axis} of an array of shape {tuple(x.shape)}"
        )
    half = x.shape[at] // 2
    before = (slice(None),) * (at % rank)
    return x[(*before, slice(None, half))] * sigmoid(x[(*before, slice(half, None))])


def sparsemax(x: Any, axis: int = -1) -> Any:
    """The nearest probabilities: many of them 0."""
    return spec.apply_over(spec.plain("sparsemax"), x, axis)


def softmax(x: Any, axis: int = -1) -> Any:
    """exp(x) over its sum along `axis`."""
    return spec.apply_over(spec.plain("softmax"), x, axis)


def log_softmax(x: Any, axis: int = -1) -> Any:
    """The logarithm of softmax."""
    return spec.apply_over(spec.plain("log_softmax"), x, axis)
