"""Models as ONNX files, for ONNX Runtime and all that reads them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina import activations
from lamina.export import onnx_layers, onnx_operations
from lamina.export.onnx_activations import ACTIVATION_LAYERS, write_activation
from lamina.export.onnx_graph import Graph
from lamina.export.walk import (
    Value,
    check_inference,
    function_of,
    inlined,
    input_names,
    kind_of,
    output_names,
    refused,
    walk,
)
from lamina.graph import tree
from lamina.graph.function import Function
from lamina.graph.inference import STAND_INS
from lamina.graph.node import Node

_Write = Callable[[Graph, Any, Value], str]
#: Layers that do nothing in inference.
_NOTHING = frozenset(
    {
        "ActivityRegularization",
        "AlphaDropout",
        "Dropout",
        "GaussianDropout",
        "GaussianNoise",
        "Identity",
        "SpatialDropout1D",
    }
)


def encode(model: Any) -> bytes:
    """The content of an ONNX file that computes what `model.predict` does.

    Inputs are called as the model's and have their types; a single output is called "output",
    several as the model's. All have any number of samples. What is shared is there once.

    Raises:
        ValueError: If the model is not built.
        NotImplementedError: For layers, functions and types that cannot be written; the message
            names them.
    """
    function = function_of(model)
    graph = Graph(model.name, model.dtype if model.dtype in ("float32", "float64") else "float32")
    values = []
    for name, tensor in zip(input_names(model, function), function.inputs, strict=True):
        if tensor.dtype in ("string", "float16", "bfloat16"):
            raise NotImplementedError(
                "export: ONNX inputs are numbers of types that lamina computes with. "
                f"Received: input '{name}' of type {tensor.dtype}"
            )
        graph.input(name, tensor.shape[1:], tensor.dtype)
        value = Value(name, (None, *tensor.shape[1:]), tensor.dtype)
        values.append(_as(graph, value, STAND_INS.get(tensor.dtype, tensor.dtype)))
    names = output_names(model, function)
    graph.reserve(names)
    for name, value in zip(names, _write_function(graph, function, values), strict=True):
        graph.result(value, name, value.shape[1:], value.dtype)
    return graph.encode()


def _write_function(graph: Graph, function: Function, values: list[Value]) -> list[Value]:
    def write(node: Node, args: Any, kwargs: dict[str, Any]) -> list[Value]:
        return _write_call(graph, node, args, kwargs)

    return walk(function, values, write, lambda value, uses: None)


def _write_call(graph: Graph, node: Node, args: Any, kwargs: dict[str, Any]) -> list[Value]:
    operation = node.operation
    if hasattr(operation, "settings"):
        return onnx_operations.write(graph, node, args, kwargs)
    check_inference(node)
    kind = kind_of(operation)
    if kind == "Dot":
        names = [onnx_operations.write_dot(graph, operation, args[0])]
    elif kind in _LAYERS or kind in _NOTHING or kind in ACTIVATION_LAYERS:
        graph.dtype = operation.dtype
        x = args[0]
        x = x if kind == "Embedding" else _as(graph, x, operation.dtype)
        names = [_write_layer(graph, operation, x)]
    elif _is_python(operation):
        inside = inlined(operation, args, kwargs)
        return _write_function(graph, inside, tree.flatten(args[0]))
    else:
        raise refused(operation, "ONNX")
    return [
        Value(name, tensor.shape, tensor.dtype)
        for name, tensor in zip(names, node.outputs, strict=True)
    ]


def _is_python(operation: Any) -> bool:
    """Whether it is a model, or a layer whose `call` calls others."""
    return hasattr(operation, "layers") or not operation._native


def _as(graph: Graph, x: Value, dtype: str) -> Value:
    if x.dtype == dtype:
        return x
    return Value(graph.convert(x, dtype, f"{x}/{dtype}"), x.shape, dtype)


def _write_layer(graph: Graph, layer: Any, x: Value) -> str:
    kind = kind_of(layer)
    if kind in _NOTHING:
        return x
    if kind in ACTIVATION_LAYERS:
        return write_activation(graph, kind, x, layer.name, layer.get_config())
    write = _LAYERS.get(kind)
    if write is None:
        raise refused(layer, "ONNX")
    return write(graph, layer, x)


def _stack(graph: Graph, stack: Any, x: Value) -> Value:
    """Layers of a block, one after the other."""
    for layer in stack:
        sample = x.sample
        shape = (x.shape[0], *layer._shape_after(sample))
        inner = layer.layers if kind_of(layer) == "Sequential" else None
        name = _write_layer(graph, layer, x) if inner is None else _stack(graph, inner, x)
        x = Value(name, shape, x.dtype)
    return x


def _dense(graph: Graph, layer: Any, x: Value) -> str:
    weights = {variable.name: variable.numpy() for variable in layer.weights}
    kernel = graph.constant(f"{layer.name}/kernel", weights["kernel"])
    inputs = [x, kernel]
    flat = len(x.shape) == 2
    if "bias" in weights and flat:
        inputs.append(graph.constant(f"{layer.name}/bias", weights["bias"]))
    y = graph.node("Gemm" if flat else "MatMul", inputs, f"{layer.name}/product")
    if "bias" in weights and not flat:
        bias = graph.constant(f"{layer.name}/bias", weights["bias"])
        y = graph.node("Add", [y, bias], f"{layer.name}/sum")
    return _function(graph, layer.activation, y, layer.name)


def _activation(graph: Graph, layer: Any, x: Value) -> str:
    return _function(graph, layer.activation, x, layer.name)


def _function(graph: Graph, function: Any, x: str, name: str) -> str:
    """An activation function, or an activation layer that stands for one."""
    described = activations.serialize(function)
    if isinstance(described, str):
        return write_activation(graph, described, x, name, {})
    return write_activation(graph, described["class_name"], x, name, described["config"])


def _reshape(graph: Graph, layer: Any, x: Value) -> str:
    sizes = [-1, *layer._shape_after(x.sample)]
    shape = graph.constant(f"{layer.name}/shape", sizes, "int64")
    return graph.node("Reshape", [x, shape], layer.name)


def _prelu(graph: Graph, layer: Any, x: Value) -> str:
    slope = graph.constant(f"{layer.name}/alpha", layer.weights[0].numpy())
    return graph.node("PRelu", [x, slope], layer.name)


def _permute(graph: Graph, layer: Any, x: Value) -> str:
    return graph.node("Transpose", [x], layer.name, perm=[0, *layer.dims])


def _residual(graph: Graph, layer: Any, x: Value) -> str:
    y = _stack(graph, layer._layers, x)
    shortcut = x if layer.projection is None else _dense(graph, layer.projection, x)
    return graph.node("Add", [y, shortcut], layer.name)


def _einsum_dense(graph: Graph, layer: Any, x: Value) -> str:
    y = onnx_layers.einsum_dense(graph, layer, x)
    return _function(graph, layer.activation, y, layer.name)


def _spectral(graph: Graph, layer: Any, x: Value) -> str:
    return _stack(graph, [layer.layer], x)  # its kernel is normalized in training only


_LAYERS: dict[str, _Write] = {
    "Activation": _activation,
    "BatchNormalization": onnx_layers.batch_normalization,
    "Dense": _dense,
    "EinsumDense": _einsum_dense,
    "Embedding": onnx_layers.embedding,
    "Flatten": _reshape,
    "GroupNormalization": onnx_layers.group_normalization,
    "LayerNormalization": onnx_layers.layer_normalization,
    "Normalization": onnx_layers.normalization,
    "PReLU": _prelu,
    "Permute": _permute,
    "RMSNormalization": onnx_layers.rms_normalization,
    "RepeatVector": onnx_layers.repeat_vector,
    "Rescaling": onnx_layers.rescaling,
    "Reshape": _reshape,
    "Residual": _residual,
    "SpectralNormalization": _spectral,
    "UnitNormalization": onnx_layers.unit_normalization,
}
