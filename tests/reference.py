"""Dense networks in float64 NumPy, written from the formulas; shares no code with lamina."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
_erf = np.vectorize(math.erf, otypes=[np.float64])


def sigmoid(x: Array) -> Array:
    return np.where(x >= 0, 1 / (1 + np.exp(-np.abs(x))), 1 - 1 / (1 + np.exp(-np.abs(x))))


def softplus(x: Array) -> Array:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def softmax(x: Array) -> Array:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def sparsemax(x: Array) -> Array:
    """The nearest point of the simplex, its threshold by bisection."""
    low, high = x.max(axis=-1, keepdims=True) - 1.0, x.max(axis=-1, keepdims=True)
    for _ in range(200):
        middle = (low + high) / 2
        over = np.maximum(x - middle, 0).sum(axis=-1, keepdims=True) > 1
        low, high = np.where(over, middle, low), np.where(over, high, middle)
    return np.maximum(x - (low + high) / 2, 0)


SELU = 1.0507009873554805, 1.6732632423543772

#: Functions by Keras' names.
ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.2 * x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "selu": lambda x: SELU[0] * np.where(x > 0, x, SELU[1] * np.expm1(x)),
    "celu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "sigmoid": sigmoid,
    "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "tanh": np.tanh,
    "softplus": softplus,
    "softsign": lambda x: x / (1 + np.abs(x)),
    "silu": lambda x: x * sigmoid(x),
    "swish": lambda x: x * sigmoid(x),
    "gelu": lambda x: 0.5 * x * (1 + _erf(x / math.sqrt(2))),
    "gelu_tanh": lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "mish": lambda x: x * np.tanh(softplus(x)),
    "exponential": np.exp,
    "sparse_plus": lambda x: np.where(x <= -1, 0, np.where(x >= 1, x, (x + 1) ** 2 / 4)),
    "sparse_sigmoid": lambda x: np.clip((x + 1) / 2, 0, 1),
    "squareplus": lambda x: (x + np.sqrt(x * x + 4)) / 2,
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "hard_silu": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "hard_swish": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "hard_shrink": lambda x: np.where(np.abs(x) > 0.5, x, 0),
    "soft_shrink": lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0),
    "tanh_shrink": lambda x: x - np.tanh(x),
    "log_sigmoid": lambda x: -softplus(-x),
    "softmax": softmax,
    "sparsemax": sparsemax,
    "log_softmax": lambda x: (
        x
        - x.max(axis=-1, keepdims=True)
        - np.log(np.exp(x - x.max(axis=-1, keepdims=True)).sum(axis=-1, keepdims=True))
    ),
}


def mse(t: Array, p: Array) -> Array:
    return ((t - p) ** 2).mean(axis=-1)


def mae(t: Array, p: Array) -> Array:
    return np.abs(t - p).mean(axis=-1)


def huber(t: Array, p: Array, delta: float = 1.0) -> Array:
    e = np.abs(t - p)
    return np.where(e <= delta, e * e / 2, delta * e - delta * delta / 2).mean(axis=-1)


def binary_crossentropy(t: Array, p: Array, smoothing: float = 0.0) -> Array:
    t = t * (1 - smoothing) + smoothing / 2
    q = np.clip(p, 1e-7, 1 - 1e-7)
    return -(t * np.log(q) + (1 - t) * np.log(1 - q)).mean(axis=-1)


def categorical_crossentropy(t: Array, p: Array, smoothing: float = 0.0) -> Array:
    t = t * (1 - smoothing) + smoothing / t.shape[-1]
    q = np.clip(p / p.sum(axis=-1, keepdims=True), 1e-7, 1 - 1e-7)
    return -(t * np.log(q)).sum(axis=-1)


def sparse_categorical_crossentropy(t: Array, p: Array) -> Array:
    return categorical_crossentropy(np.eye(p.shape[-1])[t.astype(int)], p)


def forward(layers: list[tuple[Array, Array | None, str]], x: Array) -> Array:
    """Dense layers (kernel, bias, activation) one after the other."""
    for kernel, bias, activation in layers:
        x = x @ kernel
        if bias is not None:
            x = x + bias
        x = ACTIVATIONS[activation](x)
    return x


def linear_gradient(x: Array, y: Array, kernel: Array, bias: Array) -> tuple[Array, Array]:
    """The gradient of the mean squared error of x @ kernel + bias."""
    error = 2 * (x @ kernel + bias - y) / y.size
    return x.T @ error, error.sum(axis=0)
