"""Activation functions as ONNX operations, by lamina's formulas (cpp/numerics/activation.h)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lamina.export.onnx_graph import Graph

_Write = Callable[[Graph, str, str, Mapping[str, Any]], str]
#: The activation functions that are one operation with these attributes.
_OPERATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "relu": ("Relu", {}),
    "elu": ("Elu", {"alpha": 1.0}),
    "selu": ("Selu", {"alpha": 1.6732632423543772, "gamma": 1.0507009873554805}),
    "celu": ("Celu", {"alpha": 1.0}),
    "sigmoid": ("Sigmoid", {}),
    "hard_sigmoid": ("HardSigmoid", {"alpha": 1.0 / 6.0, "beta": 0.5}),
    "tanh": ("Tanh", {}),
    "softplus": ("Softplus", {}),
    "softsign": ("Softsign", {}),
    "exponential": ("Exp", {}),
    "softmax": ("Softmax", {"axis": -1}),
    "log_softmax": ("LogSoftmax", {"axis": -1}),
}


def write_activation(graph: Graph, kind: str, x: str, name: str, config: Mapping[str, Any]) -> str:
    """Adds an activation function and returns the name of its result.

    Args:
        graph: The graph.
        kind: The function's name in `lamina.activations`, or the class name of a layer.
        x: The name of its input.
        name: What to call the result.
        config: The layer's configuration; empty for functions.

    Raises:
        NotImplementedError: If there is no such operation; the message names the function.
    """
    special = _SPECIAL.get(kind)
    if special is not None:
        return special(graph, x, name, config)
    if kind not in _OPERATIONS:
        raise NotImplementedError(
            f"export: this activation cannot be written as ONNX yet. Received: {kind}"
        )
    operator, attributes = _OPERATIONS[kind]
    return graph.node(operator, [x], name, **attributes)


def _linear(graph: Graph, x: str, name: str, config: Mapping[str, Any]) -> str:
    return x


def _relu6(graph: Graph, x: str, name: str, config: Mapping[str, Any]) -> str:
    low, high = graph.constant("zero", 0.0), graph.constant("six", 6.0)
    return graph.node("Clip", [x, low, high], name)


def _leaky(graph: Graph, x: str, name: str, config: Mapping[str, Any]) -> str:
    return graph.node("LeakyRelu", [x], name, alpha=float(config.get("negative_slope", 0.2)))


def _elu(graph: Graph, x: str, name: str, config: Mapping[str, Any]) -> str:
    return graph.node("Elu", [x], name, alpha=float(config["alpha"]))


def _relu(graph: Graph, x: str, name: str, config: Mapping[str, Any]) -> str:
    slope, limit, start = config["negative_slope"], config["max_value"], config["threshold"]
    if slope == 0.0 and start == 0.0 and limit is None:
        return graph.node("Relu", [x], name)
    threshold = graph.constant("threshold", start)
    below = graph.node("Less", [x, threshold], f"{name}/below")
    away = graph.node("Sub", [x, threshold], f"{name}/away")
    damped = graph.node("Mul", [away, graph.constant("slope", slope)], f"{name}/damped")
    y = graph.node("Where", [below, damped, x], name)
    if limit is None:
        return y
    return graph.node("Min", [y, graph.constant("limit", limit)], name)


def _softmax(graph: Graph, x: str, name: str, config: Mapping[str, Any]) -> str:
    axis = config.get("axis", -1)
    if not isinstance(axis, int):
        raise NotImplementedError(
            f"export: softmax along one axis can be written as ONNX. Received: axis={axis}"
        )
    return graph.node("Softmax", [x], name, axis=axis)


def _silu(graph: Graph, x: str, name: str, config: Mapping[str, Any]) -> str:
    return graph.node("Mul", [x, graph.node("Sigmoid", [x], f"{name}/gate")], name)


def _hard_silu(graph: Graph, x: str, name: str, config: Mapping[str, Any]) -> str:
    gate = graph.node("HardSigmoid", [x], f"{name}/gate", alpha=1.0 / 6.0, beta=0.5)
    return graph.node("Mul", [x, gate], name)


def _log_sigmoid(graph: Graph, x: str, name: str, config: Mapping[str, Any]) -> str:
    minus = graph.node("Neg", [x], f"{name}/minus")
    return graph.node("Neg", [graph.node("Softplus", [minus], f"{name}/softplus")], name)


def _mish(graph: Graph, x: str, name: str, config: Mapping[str, Any]) -> str:
    inner = graph.node("Softplus", [x], f"{name}/softplus")
    return graph.node("Mul", [x, graph.node("Tanh", [inner], f"{name}/gate")], name)


def _half_of_one_plus(graph: Graph, x: str, gate: str, name: str) -> str:
    """x * (1 + gate) / 2."""
    one = graph.node("Add", [gate, graph.constant("one", 1.0)], f"{name}/one")
    half = graph.node("Mul", [x, graph.constant("half", 0.5)], f"{name}/half")
    return graph.node("Mul", [half, one], name)


def _gelu(graph: Graph, x: str, name: str, config: Mapping[str, Any]) -> str:
    scale = graph.constant("root_half", 0.7071067811865476)
    scaled = graph.node("Mul", [x, scale], f"{name}/scaled")
    return _half_of_one_plus(graph, x, graph.node("Erf", [scaled], f"{name}/erf"), name)


def _gelu_tanh(graph: Graph, x: str, name: str, config: Mapping[str, Any]) -> str:
    square = graph.node("Mul", [x, x], f"{name}/square")
    part = graph.node("Mul", [square, graph.constant("cubic", 0.044715)], f"{name}/part")
    factor = graph.node("Add", [part, graph.constant("one", 1.0)], f"{name}/factor")
    inner = graph.node("Mul", [x, factor], f"{name}/inner")
    scale = graph.constant("root", 0.7978845608028654)
    scaled = graph.node("Mul", [inner, scale], f"{name}/scaled")
    return _half_of_one_plus(graph, x, graph.node("Tanh", [scaled], f"{name}/tanh"), name)


def _bounded(graph: Graph, x: str, low: float, high: float, name: str) -> str:
    return graph.node("Clip", [x, graph.constant("low", low), graph.constant("high", high)], name)


def _hard_tanh(graph: Graph, x: str, name: str, config: Mapping[str, Any]) -> str:
    return _bounded(graph, x, -1.0, 1.0, name)


def _sparse_sigmoid(graph: Graph, x: str, name: str, config: Mapping[str, Any]) -> str:
    return graph.node("HardSigmoid", [x], name, alpha=0.5, beta=0.5)


def _sparse_plus(graph: Graph, x: str, name: str, config: Mapping[str, Any]) -> str:
    one = graph.constant("one", 1.0)
    moved = graph.node("Add", [_bounded(graph, x, -1.0, 1.0, f"{name}/near"), one], f"{name}/moved")
    square = graph.node("Mul", [moved, moved], f"{name}/square")
    bent = graph.node("Mul", [square, graph.constant("quarter", 0.25)], f"{name}/bent")
    straight = graph.node("GreaterOrEqual", [x, one], f"{name}/straight")
    return graph.node("Where", [straight, x, bent], name)


def _squareplus(graph: Graph, x: str, name: str, config: Mapping[str, Any]) -> str:
    """(b / 2) / (r - x) for a negative x, without cancellation, else (x + r) / 2."""
    square = graph.node("Mul", [x, x], f"{name}/square")
    moved = graph.node("Add", [square, graph.constant("smoothness", 4.0)], f"{name}/moved")
    root = graph.node("Sqrt", [moved], f"{name}/root")
    total = graph.node("Add", [x, root], f"{name}/total")
    above = graph.node("Mul", [total, graph.constant("half", 0.5)], f"{name}/above")
    distance = graph.node("Sub", [root, x], f"{name}/distance")
    below = graph.node("Div", [graph.constant("two", 2.0), distance], f"{name}/below")
    negative = graph.node("Less", [x, graph.constant("zero", 0.0)], f"{name}/negative")
    return graph.node("Where", [negative, below, above], name)


def _hard_shrink(graph: Graph, x: str, name: str, config: Mapping[str, Any]) -> str:
    return graph.node("Shrink", [x], name, lambd=0.5, bias=0.0)


def _soft_shrink(graph: Graph, x: str, name: str, config: Mapping[str, Any]) -> str:
    return graph.node("Shrink", [x], name, lambd=0.5, bias=0.5)


def _tanh_shrink(graph: Graph, x: str, name: str, config: Mapping[str, Any]) -> str:
    return graph.node("Sub", [x, graph.node("Tanh", [x], f"{name}/tanh")], name)


_SPECIAL: dict[str, _Write] = {
    "linear": _linear,
    "relu6": _relu6,
    "leaky_relu": _leaky,
    "silu": _silu,
    "hard_silu": _hard_silu,
    "hard_tanh": _hard_tanh,
    "hard_shrink": _hard_shrink,
    "soft_shrink": _soft_shrink,
    "tanh_shrink": _tanh_shrink,
    "sparse_plus": _sparse_plus,
    "sparse_sigmoid": _sparse_sigmoid,
    "squareplus": _squareplus,
    "log_sigmoid": _log_sigmoid,
    "mish": _mish,
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "ReLU": _relu,
    "LeakyReLU": _leaky,
    "ELU": _elu,
    "Softmax": _softmax,
}
#: The layers that are an activation function and nothing else.
ACTIVATION_LAYERS = frozenset({"ReLU", "LeakyReLU", "ELU", "Softmax"})
