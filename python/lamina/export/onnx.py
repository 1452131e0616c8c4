"""Models as ONNX files, for ONNX Runtime and all that reads them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lamina import activations
from lamina.export import onnx_layers
from lamina.export.onnx_activations import ACTIVATION_LAYERS, write_activation
from lamina.export.onnx_graph import Graph

if TYPE_CHECKING:
    from lamina.layers.layer import Layer

_Write = Callable[[Graph, Any, str], str]
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

    The input and the output are called as the model's input and last layer; both have any
    number of samples. Numbers have the model's type.

    Raises:
        ValueError: If the model is not built.
        NotImplementedError: For layers that cannot be written; the message names them.
    """
    if not model.built:
        raise ValueError(
            f"export: model '{model.name}' has not been built yet. Put an `Input` in front or call "
            "`build()`."
        )
    graph = Graph(model.name, model.dtype)
    source = model.inputs[0].name
    graph.input(source, tuple(extent for extent in model.input_shape[1:] if extent is not None))
    at = _write_stack(graph, model, source)
    result = graph.node("Identity", [at], "output")
    graph.output(result, tuple(e for e in model.output_shape[1:] if e is not None))
    return graph.encode()


def _write_stack(graph: Graph, model: Any, x: str) -> str:
    for layer in model.layers:
        x = _write_layer(graph, layer, x)
    return x


def _write_layer(graph: Graph, layer: Layer, x: str) -> str:
    kind = type(layer).__name__
    if kind in _NOTHING:
        return x
    if kind in ACTIVATION_LAYERS:
        return write_activation(graph, kind, x, layer.name, layer.get_config())
    write = _LAYERS.get(kind)
    if write is None:
        raise NotImplementedError(
            "export: this layer cannot be written as ONNX yet. "
            f"Received: layer '{layer.name}' of class {kind}"
        )
    return write(graph, layer, x)


def _dense(graph: Graph, layer: Any, x: str) -> str:
    weights = {variable.name: variable.numpy() for variable in layer.weights}
    kernel = graph.constant(f"{layer.name}/kernel", weights["kernel"])
    inputs = [x, kernel]
    flat = len(layer.input_shape) == 2
    if "bias" in weights and flat:
        inputs.append(graph.constant(f"{layer.name}/bias", weights["bias"]))
    y = graph.node("Gemm" if flat else "MatMul", inputs, f"{layer.name}/product")
    if "bias" in weights and not flat:
        bias = graph.constant(f"{layer.name}/bias", weights["bias"])
        y = graph.node("Add", [y, bias], f"{layer.name}/sum")
    return _function(graph, layer.activation, y, layer.name)


def _activation(graph: Graph, layer: Any, x: str) -> str:
    return _function(graph, layer.activation, x, layer.name)


def _function(graph: Graph, function: Any, x: str, name: str) -> str:
    """An activation function, or an activation layer that stands for one."""
    described = activations.serialize(function)
    if isinstance(described, str):
        return write_activation(graph, described, x, name, {})
    return write_activation(graph, described["class_name"], x, name, described["config"])


def _reshape(graph: Graph, layer: Any, x: str) -> str:
    sizes = [-1, *(extent for extent in layer.output_shape[1:])]
    shape = graph.constant(f"{layer.name}/shape", sizes, "int64")
    return graph.node("Reshape", [x, shape], layer.name)


def _prelu(graph: Graph, layer: Any, x: str) -> str:
    slope = graph.constant(f"{layer.name}/alpha", layer.weights[0].numpy())
    return graph.node("PRelu", [x, slope], layer.name)


def _permute(graph: Graph, layer: Any, x: str) -> str:
    return graph.node("Transpose", [x], layer.name, perm=[0, *layer.dims])


def _residual(graph: Graph, layer: Any, x: str) -> str:
    y = x
    for inner in layer._layers:
        y = _write_layer(graph, inner, y)
    shortcut = x if layer.projection is None else _dense(graph, layer.projection, x)
    return graph.node("Add", [y, shortcut], layer.name)


def _einsum_dense(graph: Graph, layer: Any, x: str) -> str:
    y = onnx_layers.einsum_dense(graph, layer, x)
    return _function(graph, layer.activation, y, layer.name)


def _spectral(graph: Graph, layer: Any, x: str) -> str:
    return _write_layer(graph, layer.layer, x)  # its kernel is normalized in training only


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
    "Sequential": _write_stack,
    "SpectralNormalization": _spectral,
    "UnitNormalization": onnx_layers.unit_normalization,
}
