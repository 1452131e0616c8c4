"""The activation functions on arrays.

Each keeps float32 and float64, and turns everything else into `lamina.config.floatx()`. The
formulas are in docs/numerics.md.

Example:
    >>> lamina.activations.relu([-1.0, 2.0])
    array([0., 2.])
"""

from __future__ import annotations

from typing import Any

from lamina._typing import Array
from lamina.activations import specification as spec


def linear(x: Any) -> Array:
    """x itself."""
    return spec.apply(spec.plain("linear"), x)


def relu(
    x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0
) -> Array:
    """max(x, 0).

    Args:
        x: An array.
        negative_slope: The slope below the threshold.
        max_value: The largest value of the function; None for no limit.
        threshold: Below it the function is damped or zero.
    """
    return spec.apply(spec.relu("relu", negative_slope, max_value, threshold), x)


def relu6(x: Any) -> Array:
    """x limited to [0, 6]."""
    return spec.apply(spec.plain("relu6"), x)


def leaky_relu(x: Any, negative_slope: float = 0.2) -> Array:
    """x where it is positive, negative_slope * x elsewhere."""
    return spec.apply(spec.leaky_relu("leaky_relu", negative_slope), x)


def elu(x: Any, alpha: float = 1.0) -> Array:
    """x where it is positive, alpha * (exp(x) - 1) elsewhere."""
    return spec.apply(spec.elu("elu", alpha), x)


def selu(x: Any) -> Array:
    """The scaled elu of self-normalising networks."""
    return spec.apply(spec.plain("selu"), x)


def celu(x: Any, alpha: float = 1.0) -> Array:
    """x where it is positive, alpha * (exp(x / alpha) - 1) elsewhere."""
    return spec.apply(spec.celu("celu", alpha), x)


def sigmoid(x: Any) -> Array:
    """1 / (1 + exp(-x))."""
    return spec.apply(spec.plain("sigmoid"), x)


def hard_sigmoid(x: Any) -> Array:
    """x / 6 + 1 / 2, limited to [0, 1]."""
    return spec.apply(spec.plain("hard_sigmoid"), x)


def tanh(x: Any) -> Array:
    """The hyperbolic tangent."""
    return spec.apply(spec.plain("tanh"), x)


def softplus(x: Any) -> Array:
    """log(1 + exp(x))."""
    return spec.apply(spec.plain("softplus"), x)


def softsign(x: Any) -> Array:
    """x / (1 + |x|)."""
    return spec.apply(spec.plain("softsign"), x)


def silu(x: Any) -> Array:
    """x * sigmoid(x), also called swish."""
    return spec.apply(spec.plain("silu"), x)


swish = silu


def gelu(x: Any, approximate: bool = False) -> Array:
    """x * Phi(x), Phi the normal distribution function.

    Args:
        x: An array.
        approximate: Use the tanh approximation (as a layer's activation: "gelu_tanh").
    """
    return spec.apply(spec.plain("gelu_tanh" if approximate else "gelu"), x)


def gelu_tanh(x: Any) -> Array:
    """gelu's tanh approximation."""
    return spec.apply(spec.plain("gelu_tanh"), x)


def mish(x: Any) -> Array:
    """x * tanh(softplus(x))."""
    return spec.apply(spec.plain("mish"), x)


def exponential(x: Any) -> Array:
    """exp(x)."""
    return spec.apply(spec.plain("exponential"), x)


def softmax(x: Any, axis: int = -1) -> Array:
    """exp(x) over its sum along `axis`."""
    return spec.apply_over(spec.plain("softmax"), x, axis)


def log_softmax(x: Any, axis: int = -1) -> Array:
    """The logarithm of softmax."""
    return spec.apply_over(spec.plain("log_softmax"), x, axis)
