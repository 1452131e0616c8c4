"""Models as boxes and arrows: what `plot_model` draws."""

from __future__ import annotations

from typing import Any, NamedTuple

from lamina.graph.function import Function
from lamina.graph.keras_tensor import KerasTensor
from lamina.graph.tracing import NotAGraphError, trace


class Details(NamedTuple):
    """What boxes say of a layer; see `plot_model`."""

    shapes: bool
    dtype: bool
    names: bool
    nested: bool
    activations: bool
    trainable: bool


class Box:
    """A layer: lines of text, and for a model inside maybe a diagram of its own."""

    def __init__(self, lines: list[str], inside: Diagram | None = None) -> None:
        self.lines = lines
        self.inside = inside


class Diagram:
    """Boxes in the order in which layers run, and the arrows between them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.boxes: list[Box] = []
        self._arrows: dict[tuple[int, int], None] = {}
        #: The boxes that give the outputs.
        self.outputs: list[int] = []

    def add(self, box: Box, sources: list[int]) -> int:
        """Adds a box with arrows from others and returns its place."""
        place = len(self.boxes)
        self.boxes.append(box)
        self.connect(sources, place)
        return place

    def connect(self, sources: list[int], target: int) -> None:
        """Adds arrows from boxes to another, each once."""
        self._arrows.update(dict.fromkeys((source, target) for source in sources))

    @property
    def arrows(self) -> list[tuple[int, int]]:
        """Pairs of places of boxes, each once."""
        return list(self._arrows)


def diagram_of(model: Any, details: Details) -> Diagram:
    """The diagram of a model.

    Raises:
        ValueError: If the model is not built.
    """
    if not model.built:
        raise ValueError(
            "plot_model: the model has not been built yet: its shapes are not known. "
            f"Received: model '{model.name}'"
        )
    function = _function_of(model)
    if function is not None:
        return _graph(model.name, function, details)
    diagram = Diagram(model.name)
    if not hasattr(model, "_preprocessing"):  # a `call` that is no graph
        diagram.outputs = [diagram.add(Box(_lines(model, details, "?", "?")), [])]
        return diagram
    return _chain(model, details, with_input=True)


def _function_of(model: Any) -> Function | None:
    """The graph of a model; None for a chain, and for a `call` that does more than a graph."""
    function: Function | None = model._function
    if function is not None or model._native:
        return function
    tensors = [KerasTensor((None, *sample), model.dtype) for sample in model._input_shapes()]
    try:
        return trace(lambda inputs: model.call(inputs), model._pack_inputs(tensors))
    except NotAGraphError:
        return None


def _graph(name: str, function: Function, details: Details) -> Diagram:
    diagram = Diagram(name)
    places: dict[int, int] = {}
    maker: dict[int, int] = {}
    for tensor in function.inputs:
        operation = tensor._keras_history.operation
        if operation is None:
            lines = _lines(None, details, str(tensor.shape), None, tensor)
            maker[id(tensor)] = diagram.add(Box(lines), [])
    for operation in function.operations:
        nodes = function.nodes_of(operation)
        inputs = [tensor for node in nodes for tensor in node.inputs]
        before = _shapes(nodes[-1].inputs) if nodes else "?"
        after = _shapes(nodes[-1].outputs) if nodes else "?"
        lines = _lines(operation, details, before if inputs else after, after)
        box = Box(lines, _inside(operation, details))
        if len(nodes) > 1:
            box.lines.append(f"{len(nodes)} calls")
        places[id(operation)] = diagram.add(box, [])
    for node in function.calls:  # a shared layer may run before and after another
        sources = [_place(tensor, places, maker) for tensor in node.inputs]
        found = [source for source in sources if source is not None]
        diagram.connect(found, places[id(node.operation)])
    made = [_place(tensor, places, maker) for tensor in function.outputs]
    diagram.outputs = [place for place in dict.fromkeys(made) if place is not None]
    return diagram


def _place(tensor: KerasTensor, places: dict[int, int], maker: dict[int, int]) -> int | None:
    if id(tensor) in maker:
        return maker[id(tensor)]
    return places.get(id(tensor._keras_history.operation))


def _inside(layer: Any, details: Details) -> Diagram | None:
    if not details.nested or not hasattr(layer, "layers") or not layer.layers:
        return None
    function = getattr(layer, "_function", None)
    if function is not None:
        return _graph(layer.name, function, details)
    return _chain(layer, details, with_input=False)


def _chain(model: Any, details: Details, with_input: bool) -> Diagram:
    diagram = Diagram(model.name)
    before: list[int] = []
    if with_input:
        lines = ["Input", *([str(model.input_shape)] if details.shapes else [])]
        if details.dtype:
            lines.append(f"dtype: {model.dtype}")
        before = [diagram.add(Box(lines), [])]
    for layer in model.layers:
        lines = _lines(layer, details, _shape(layer, "input"), _shape(layer, "output"))
        before = [diagram.add(Box(lines, _inside(layer, details)), before)]
    diagram.outputs = before
    return diagram


def _lines(
    layer: Any, details: Details, before: str, after: str | None, tensor: Any = None
) -> list[str]:
    """What a box says; `after` is None for an input."""
    kind = "Input" if layer is None else type(layer).__name__
    if getattr(layer, "_file_class_name", None):
        kind = layer._file_class_name
    name = getattr(layer, "name", None)
    lines = [f"{name} ({kind})" if details.names and name is not None else kind]
    if details.activations and getattr(layer, "activation", None) is not None:
        lines.append(f"activation: {_name(layer.activation)}")
    if details.shapes:
        lines.append(before if after is None or before == after == "?" else f"{before} → {after}")
        if kind in ("Input", "InputLayer"):
            lines[-1] = before
    if details.dtype:
        lines.append(f"dtype: {tensor.dtype if layer is None else _dtype(layer)}")
    if details.trainable and getattr(layer, "weights", None):
        lines.append("trainable" if layer.trainable else "not trainable")
    return lines


def _dtype(layer: Any) -> str:
    dtype = getattr(layer, "dtype", None)
    if dtype is None:  # a function
        dtype = layer._inbound_nodes[-1].outputs[0].dtype if layer._inbound_nodes else "?"
    return str(dtype)


def _name(activation: Any) -> str:
    return str(getattr(activation, "__name__", None) or getattr(activation, "name", activation))


def _shapes(tensors: list[KerasTensor]) -> str:
    return ", ".join(str(tensor.shape) for tensor in tensors)


def _shape(layer: Any, side: str) -> str:
    shape = getattr(layer, f"{side}_shape", None)
    if shape is None:
        sample = getattr(layer, f"_{side}", None)
        shape = "?" if sample is None else (None, *sample)
    return str(shape)
