"""The functions of layers: activations, softmax, normalisation, crossentropies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from lamina import activations as _activations
from lamina._core import Tensor
from lamina._tensor_functions import Functions
from lamina._tensor_functions import functions as _ops
from lamina.config import epsilon

__all__ = [
    "binary_crossentropy",
    "categorical_crossentropy",
    "celu",
    "elu",
    "gelu",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "normalize",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_categorical_crossentropy",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh_shrink",
    "threshold",
]

_convert = _ops.convert
activations = cast(Functions, _activations)


def relu6(x: Any) -> Tensor:
    """x limited to [0, 6]."""
    return activations.relu6(_convert(x))


def selu(x: Any) -> Tensor:
    """The scaled elu of self-normalising networks."""
    return activations.selu(_convert(x))


def sigmoid(x: Any) -> Tensor:
    """1 / (1 + exp(-x))."""
    return activations.sigmoid(_convert(x))


def hard_sigmoid(x: Any) -> Tensor:
    """x / 6 + 1 / 2, limited to [0, 1]."""
    return activations.hard_sigmoid(_convert(x))


def softplus(x: Any) -> Tensor:
    """log(1 + exp(x))."""
    return activations.softplus(_convert(x))


def softsign(x: Any) -> Tensor:
    """x / (1 + |x|)."""
    return activations.softsign(_convert(x))


def silu(x: Any) -> Tensor:
    """x * sigmoid(x), also called swish."""
    return activations.silu(_convert(x))


def mish(x: Any) -> Tensor:
    """x * tanh(softplus(x))."""
    return activations.mish(_convert(x))


def sparse_plus(x: Any) -> Tensor:
    """0 up to -1, x from 1 on, (x + 1)^2 / 4 between."""
    return activations.sparse_plus(_convert(x))


def sparse_sigmoid(x: Any) -> Tensor:
    """(x + 1) / 2, limited to [0, 1]."""
    return activations.sparse_sigmoid(_convert(x))


def hard_tanh(x: Any) -> Tensor:
    """x limited to [-1, 1]."""
    return activations.hard_tanh(_convert(x))


def hard_silu(x: Any) -> Tensor:
    """x * relu6(x + 3) / 6, also called hard_swish."""
    return activations.hard_silu(_convert(x))


def tanh_shrink(x: Any) -> Tensor:
    """x - tanh(x)."""
    return activations.tanh_shrink(_convert(x))


def log_sigmoid(x: Any) -> Tensor:
    """The logarithm of sigmoid."""
    return activations.log_sigmoid(_convert(x))


swish, hard_swish = silu, hard_silu


def relu(x: Any) -> Tensor:
    """max(x, 0)."""
    return activations.relu(_convert(x))


def leaky_relu(x: Any, negative_slope: float = 0.2) -> Tensor:
    """x where it is positive, negative_slope * x elsewhere."""
    return activations.leaky_relu(_convert(x), negative_slope)


def elu(x: Any, alpha: float = 1.0) -> Tensor:
    """x where it is positive, alpha * (exp(x) - 1) elsewhere."""
    return activations.elu(_convert(x), alpha)


def celu(x: Any, alpha: float = 1.0) -> Tensor:
    """x where it is positive, alpha * (exp(x / alpha) - 1) elsewhere."""
    return activations.celu(_convert(x), alpha)


def gelu(x: Any, approximate: bool = True) -> Tensor:
    """x * Phi(x), Phi the normal distribution function, by default its tanh approximation."""
    return activations.gelu(_convert(x), approximate)


def glu(x: Any, axis: int = -1) -> Tensor:
    """The first half along `axis` times the sigmoid of the second."""
    return activations.glu(_convert(x), axis)


def hard_shrink(x: Any, threshold: float = 0.5) -> Tensor:
    """x where its magnitude is larger than the threshold, 0 elsewhere."""
    return activations.hard_shrink(_convert(x), threshold)


def soft_shrink(x: Any, threshold: float = 0.5) -> Tensor:
    """x moved towards 0 by the threshold, but not past it."""
    return activations.soft_shrink(_convert(x), threshold)


def threshold(x: Any, threshold: float, default_value: float) -> Tensor:
    """x where it is larger than the threshold, default_value elsewhere."""
    return activations.threshold(_convert(x), threshold, default_value)


def squareplus(x: Any, b: int = 4) -> Tensor:
    """(x + sqrt(x^2 + b)) / 2."""
    return activations.squareplus(_convert(x), b)


def softmax(x: Any, axis: Any = -1) -> Tensor:
    """exp(x) over its sum along `axis` (several axes, or None: over all of them together)."""
    return _over(activations.softmax, x, axis)


def log_softmax(x: Any, axis: Any = -1) -> Tensor:
    """The logarithm of softmax."""
    return _over(activations.log_softmax, x, axis)


def sparsemax(x: Any, axis: int = -1) -> Tensor:
    """The nearest probabilities: many of them 0."""
    return activations.sparsemax(_convert(x), axis)


def _over(function: Callable[..., Tensor], x: Any, axis: Any) -> Tensor:
    x = _convert(x)
    if isinstance(axis, int):
        return function(x, axis)
    axes = list(range(x.ndim)) if axis is None else [a % x.ndim for a in axis]
    order = [a for a in range(x.ndim) if a not in axes] + axes
    moved = _ops.permute(x, order)
    kept = moved.shape[: x.ndim - len(axes)]
    result = _ops.reshape(function(_ops.reshape(moved, [*kept, -1]), -1), moved.shape)
    return _ops.permute(result, [order.index(a) for a in range(x.ndim)])


def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Tensor:
    """-(t log(p) + (1 - t) log(1 - p)) of each element; probabilities are clipped by epsilon."""
    output = _ops.divide(output, 1)
    target = _ops.cast(target, output.dtype)
    if from_logits:
        # max(z, 0) - z t + log(1 + exp(-|z|))
        positive = _ops.maximum(output, 0.0)
        rest = _ops.log1p(_ops.exp(_ops.negative(_ops.absolute(output))))
        return _ops.add(_ops.subtract(positive, _ops.multiply(output, target)), rest)
    p = _clipped(output)
    yes = _ops.multiply(target, _ops.log(p))
    no = _ops.multiply(_ops.subtract(1.0, target), _ops.log(_ops.subtract(1.0, p)))
    return _ops.negative(_ops.add(yes, no))


def categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> Tensor:
    """-sum of t log(p) along `axis`; probabilities are divided by their sum and clipped."""
    output = _ops.divide(output, 1)
    target = _ops.cast(target, output.dtype)
    if target.shape != output.shape:
        raise ValueError(
            f"[categorical_crossentropy] target and output must have the same shape. "
            f"Received: {target.shape} and {output.shape}"
        )
    return _ops.negative(
        _ops.sum(_ops.multiply(target, _log(output, from_logits, axis)), axis, False)
    )


def sparse_categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> Tensor:
    """-log(p) of each target class along `axis`."""
    output = _ops.divide(output, 1)
    target = _convert(target)
    if target.ndim == output.ndim and target.shape[-1:] == (1,):
        target = _ops.squeeze_axes(target, -1)
    place = _ops.expand_dims(_ops.cast(target, "int64"), axis)
    chosen = _ops.take_along_axis(_log(output, from_logits, axis), place, axis)
    return _ops.negative(_ops.squeeze_axes(chosen, axis))


def _log(output: Tensor, from_logits: bool, axis: int) -> Tensor:
    if from_logits:
        return log_softmax(output, axis)
    return _ops.log(_clipped(_ops.divide(output, _ops.sum(output, axis, True))))


def _clipped(p: Tensor) -> Tensor:
    return _ops.minimum(_ops.maximum(p, epsilon()), 1.0 - epsilon())


def normalize(x: Any, axis: int = -1, order: int = 2, epsilon: float | None = None) -> Tensor:
    """x divided by its norm along `axis`, but not by less than epsilon (None: 1e-12)."""
    x = _ops.divide(x, 1)
    least = 1e-12 if epsilon is None else epsilon
    if order == 2:
        square = _ops.sum(_ops.square(x), axis, True)
        return _ops.multiply(x, _ops.rsqrt(_ops.maximum(square, least * least)))
    powers = _ops.sum(_ops.power(_ops.absolute(x), float(order)), axis, True)
    return _ops.divide(x, _ops.maximum(_ops.power(powers, 1.0 / order), least))
