"""Layers that take several ONNX operations: normalizations, tables, rescaling."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina.export.onnx_graph import Graph
from lamina.export.walk import Value
from lamina.layers.axes import reduced_axes, sample_axis


def batch_normalization(graph: Graph, layer: Any, x: Value) -> str:
    """(x - mean) * factor + beta, with the factor rounded once, as the core has it."""
    weights = {variable.name: variable.numpy().astype("float64") for variable in layer.weights}
    factor = 1.0 / np.sqrt(weights["moving_variance"] + layer.epsilon)
    factor = factor * weights.get("gamma", 1.0)
    rank = len(x.shape)
    shape = [1] * rank
    axis = layer.axis if isinstance(layer.axis, int) else layer.axis[0]
    shape[axis % rank] = -1
    mean = graph.constant(f"{layer.name}/mean", weights["moving_mean"].reshape(shape))
    y = graph.node("Sub", [x, mean], f"{layer.name}/centered")
    y = graph.node(
        "Mul", [y, graph.constant(f"{layer.name}/factor", factor.reshape(shape))], layer.name
    )
    if "beta" in weights:
        beta = graph.constant(f"{layer.name}/beta", weights["beta"].reshape(shape))
        y = graph.node("Add", [y, beta], layer.name)
    return y


def _reduced(layer: Any, x: Value) -> tuple[list[int], bool, list[int]]:
    """The axes that are normalized, whether they are the last ones, and a weight's shape."""
    sample = x.sample
    axes, order = reduced_axes(layer.name, layer.axis, sample)
    spread = [extent if place in axes else 1 for place, extent in enumerate(sample)]
    return [axis + 1 for axis in axes], not order, spread


def layer_normalization(graph: Graph, layer: Any, x: Value) -> str:
    """One operation along the last axes, several along others."""
    weights = {variable.name: variable.numpy() for variable in layer.weights}
    axes, last, spread = _reduced(layer, x)
    name = layer.name
    if last and not layer.rms_scaling:
        first = axes[0] - len(x.shape)
        shape = x.sample[first:]
        gamma = graph.constant(f"{name}/gamma", weights.get("gamma", np.ones(shape)))
        beta = graph.constant(f"{name}/beta", weights.get("beta", np.zeros(shape)))
        inputs = [x, gamma, beta]
        epsilon = float(layer.epsilon)
        return graph.node("LayerNormalization", inputs, name, axis=first, epsilon=epsilon)
    mean = graph.node("ReduceMean", [x], f"{name}/mean", axes=axes, keepdims=1)
    y = graph.node("Sub", [x, mean], f"{name}/centered")
    square = graph.node("Mul", [y, y], f"{name}/square")
    variance = graph.node("ReduceMean", [square], f"{name}/variance", axes=axes, keepdims=1)
    y = _over_root(graph, x if layer.rms_scaling else y, variance, layer.epsilon, name)
    return _scaled_and_moved(graph, layer, y, spread)


def _scaled_and_moved(graph: Graph, layer: Any, y: str, shape: list[int]) -> str:
    """Times gamma and plus beta, where a layer has them."""
    weights = {variable.name: variable.numpy() for variable in layer.weights}
    for weight, operator in (("gamma", "Mul"), ("beta", "Add")):
        if weight in weights:
            value = weights[weight].reshape(shape)
            constant = graph.constant(f"{layer.name}/{weight}", value)
            y = graph.node(operator, [y, constant], layer.name)
    return y


def _over_root(graph: Graph, x: str, square: str, epsilon: float, name: str) -> str:
    """x / sqrt(square + epsilon)."""
    moved = graph.node("Add", [square, graph.constant("epsilon", epsilon)], f"{name}/moved")
    root = graph.node("Sqrt", [moved], f"{name}/root")
    return graph.node("Div", [x, root], f"{name}/normalized")


def rms_normalization(graph: Graph, layer: Any, x: Value) -> str:
    """X / sqrt(mean(x^2) + epsilon) * scale."""
    square = graph.node("Mul", [x, x], f"{layer.name}/square")
    axes, _, spread = _reduced(layer, x)
    mean = graph.node("ReduceMean", [square], f"{layer.name}/mean", axes=axes, keepdims=1)
    y = _over_root(graph, x, mean, layer.epsilon, layer.name)
    scale = graph.constant(f"{layer.name}/scale", layer.weights[0].numpy().reshape(spread))
    return graph.node("Mul", [y, scale], layer.name)


def unit_normalization(graph: Graph, layer: Any, x: Value) -> str:
    """X / |x|, and not times more than 10^12."""
    axes, _, _ = _reduced(layer, x)
    norm = graph.node("ReduceL2", [x], f"{layer.name}/norm", axes=axes, keepdims=1)
    bounded = graph.node("Max", [norm, graph.constant("least", 1e-12)], f"{layer.name}/bounded")
    return graph.node("Div", [x, bounded], layer.name)


def group_normalization(graph: Graph, layer: Any, x: Value) -> str:
    """Features in groups, each of mean 0 and variance 1 over all places of a sample."""
    sample, y = list(x.sample), str(x)
    rank = len(sample)
    axis = sample_axis(layer.name, layer.axis, x.sample)
    order = [place for place in range(rank) if place != axis] + [axis]
    if axis != rank - 1:
        perm = [0, *(place + 1 for place in order)]
        y = graph.node("Transpose", [y], f"{layer.name}/features_last", perm=perm)
        sample = [sample[place] for place in order]
    features = sample[-1]
    groups = features if layer.groups == -1 else layer.groups
    name = layer.name
    split = [-1, int(np.prod(sample[:-1], dtype="int64")), groups, features // groups]
    y = graph.node("Reshape", [y, graph.constant(f"{name}/split", split, "int64")], f"{name}/split")
    mean = graph.node("ReduceMean", [y], f"{name}/mean", axes=[1, 3], keepdims=1)
    y = graph.node("Sub", [y, mean], f"{name}/centered")
    square = graph.node("Mul", [y, y], f"{name}/square")
    variance = graph.node("ReduceMean", [square], f"{name}/variance", axes=[1, 3], keepdims=1)
    y = _over_root(graph, y, variance, layer.epsilon, name)
    shape = graph.constant(f"{name}/shape", [-1, *sample], "int64")
    y = graph.node("Reshape", [y, shape], f"{name}/joined")
    y = _scaled_and_moved(graph, layer, y, [features])
    if axis == rank - 1:
        return y
    perm = [0, *(order.index(place) + 1 for place in range(rank))]
    return graph.node("Transpose", [y], name, perm=perm)


def einsum_dense(graph: Graph, layer: Any, x: Value) -> str:
    """The product of an equation, and a bias that broadcasts."""
    weights = {variable.name: variable.numpy() for variable in layer.weights}
    kernel = graph.constant(f"{layer.name}/kernel", weights["kernel"])
    y = graph.node("Einsum", [x, kernel], f"{layer.name}/product", equation=layer.equation)
    if "bias" in weights:
        bias = graph.constant(f"{layer.name}/bias", weights["bias"])
        y = graph.node("Add", [y, bias], f"{layer.name}/sum")
    return y


def rescaling(graph: Graph, layer: Any, x: Value) -> str:
    """X * scale + offset."""
    return _scale(graph, layer, x, np.asarray(layer.scale), np.asarray(layer.offset))


def _scale(graph: Graph, layer: Any, x: Value, factor: Any, offset: Any) -> str:
    sample = x.sample
    y = graph.node(
        "Mul",
        [x, graph.constant(f"{layer.name}/scale", np.broadcast_to(factor, sample))],
        f"{layer.name}/scaled",
    )
    moved = graph.constant(f"{layer.name}/offset", np.broadcast_to(offset, sample))
    return graph.node("Add", [y, moved], layer.name)


def normalization(graph: Graph, layer: Any, x: Value) -> str:
    """(x - mean) / deviation, or the other way round."""
    mean, deviation = layer._statistics()
    if layer.invert:
        return _scale(graph, layer, x, deviation, mean)
    sample = x.sample
    center = graph.constant(f"{layer.name}/mean", np.broadcast_to(mean, sample))
    y = graph.node("Sub", [x, center], f"{layer.name}/centered")
    divisor = np.broadcast_to(deviation, sample)
    return graph.node("Div", [y, graph.constant(f"{layer.name}/deviation", divisor)], layer.name)


def embedding(graph: Graph, layer: Any, x: Value) -> str:
    """Rows of a table; the indices are numbers of the model's type, as in `predict`."""
    table = graph.constant(f"{layer.name}/embeddings", layer.weights[0].numpy())
    index = graph.node("Cast", [x], f"{layer.name}/index", to=7)
    return graph.node("Gather", [table, index], layer.name, axis=0)


def repeat_vector(graph: Graph, layer: Any, x: Value) -> str:
    """[batch, features] as [batch, n, features]."""
    axis = graph.constant(f"{layer.name}/axis", [1], "int64")
    y = graph.node("Unsqueeze", [x, axis], f"{layer.name}/row")
    times = graph.constant(f"{layer.name}/times", [1, layer.n, 1], "int64")
    return graph.node("Tile", [y, times], layer.name)
