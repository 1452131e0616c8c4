"""Models as calls in order: what writers of all formats go through."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from lamina._typing import BatchShape, Shape
from lamina.graph import tree
from lamina.graph.function import Function
from lamina.graph.keras_tensor import KerasTensor
from lamina.graph.node import Node
from lamina.graph.tracing import NotAGraphError, trace
from lamina.layers import call_context
from lamina.layers.call_spec import call_takes
from lamina.layers.input_layer import InputLayer
from lamina.layers.layer import LAYERS


class Value(str):
    """A name in a file, with the shape and the type of what it stands for.

    Args:
        name: The name.
        shape: The shape with the batch in front, None where unknown.
        dtype: The name of the element type.
    """

    shape: BatchShape
    dtype: str

    def __new__(cls, name: str, shape: BatchShape, dtype: str) -> Value:
        """A text, as all names are."""
        value = super().__new__(cls, name)
        value.shape, value.dtype = tuple(shape), dtype
        return value

    @property
    def sample(self) -> Shape:
        """The shape of one sample, without the batch."""
        return tuple(extent or 0 for extent in self.shape[1:])


#: Writes one call: takes the node, and its arguments with values in them.
Write = Callable[[Node, Any, dict[str, Any]], Any]
#: Is told how many uses a value has in a graph from now on.
Count = Callable[[Any, int], None]


def walk(function: Function, values: list[Any], write: Write, count: Count) -> list[Any]:
    """Writes the calls of a graph in their order.

    Args:
        function: The graph.
        values: What stands for its inputs.
        write: Writes one call and returns what stands for its outputs.
        count: Told the number of uses of each input and of each result before it is used.

    Returns:
        What stands for its outputs.
    """
    uses = Counter(id(tensor) for node in function.calls for tensor in node.inputs)
    uses.update(id(tensor) for tensor in function.outputs)
    for tensor, value in zip(function.inputs, values, strict=True):
        count(value, uses[id(tensor)])

    def call(node: Node, args: Any, kwargs: dict[str, Any]) -> Any:
        results = tree.flatten(write(node, args, kwargs))
        for tensor, value in zip(node.outputs, results, strict=True):
            count(value, uses[id(tensor)])
        return tree.pack(node.output_structure, results)

    return tree.flatten(function.run(values, call))


def function_of(model: Any) -> Function:
    """The graph of a model.

    Raises:
        NotImplementedError: If the model's `call` does more than call layers and functions.
        ValueError: If the model is not built.
    """
    if not model.built:
        raise ValueError(
            f"export: model '{model.name}' has not been built yet. Put an `Input` in front or call "
            "`build()`."
        )
    function: Function | None = model._function
    if function is not None:
        return function
    if model._native:
        inputs: Any = KerasTensor(model.input_shape, model.dtype)
        source = model._input
        if source is not None and source.dtype not in ("float32", "float64"):
            inputs = KerasTensor(source.batch_shape, source.dtype)
        return _chain(model, inputs)
    return inlined(model, (_traced_inputs(model),), {})


def input_names(model: Any, function: Function) -> list[str]:
    """What files call the inputs: as the model does."""
    if model._function is not None:
        return list(model._graph.signature.names)
    if model._native and model._input is not None:
        return [model._input.name]
    count = len(function.inputs)
    structure = function.input_structure
    if isinstance(structure, dict) and not any(map(tree.is_nest, structure.values())):
        return [str(key) for key in tree.sorted_keys(structure)]
    return ["input"] if count == 1 else [f"input_{place}" for place in range(count)]


def output_names(model: Any, function: Function) -> list[str]:
    """What files call the outputs: "output", or several as the model does."""
    count = len(function.outputs)
    if count == 1:
        return ["output"]
    names = model.output_names
    if names is not None and len(names) == count:
        return [str(name) for name in names]
    return [f"output_{place}" for place in range(count)]


def inlined(operation: Any, args: Any, kwargs: dict[str, Any]) -> Function:
    """The graph of what a model or a custom layer calls, for arguments like these.

    Args:
        operation: The model or layer.
        args: Its arguments, with values or symbolic tensors.
        kwargs: Its keyword arguments.

    Raises:
        NotImplementedError: If it does more than call layers and functions.
    """
    function: Function | None = getattr(operation, "_function", None)
    if function is not None:
        return function

    def symbol(value: Any) -> Any:
        if isinstance(value, (Value, KerasTensor)):
            return KerasTensor(value.shape, value.dtype, getattr(value, "name", None))
        return value

    inputs = tree.map_structure(symbol, args[0]) if args else None
    if operation._native and hasattr(operation, "layers"):
        return _chain(operation, inputs)
    options = {key: value for key, value in kwargs.items() if key != "training"}
    if any(isinstance(value, (Value, KerasTensor)) for value in tree.leaves((args[1:], options))):
        raise NotImplementedError(
            "export: a layer of this kind takes its tensors in the first argument. "
            f"Received: layer '{operation.name}' of class {type(operation).__name__}"
        )
    if call_takes(type(operation), "training"):
        options["training"] = False

    def call(tensors: Any) -> Any:
        with call_context.inside(False):
            return operation.call(tensors, *args[1:], **options)

    try:
        return trace(call, inputs)
    except NotAGraphError as error:
        raise NotImplementedError(
            "export: what Python code computes can be written if it only calls layers and "
            f"functions of `lamina.ops` on its inputs, but {error}. "
            f"Received: layer '{operation.name}' of class {type(operation).__name__}"
        ) from None


def kind_of(operation: Any) -> str:
    """The name of the class of lamina's own that says what a layer computes, else ""."""
    if operation._native:
        for cls in type(operation).__mro__:
            if LAYERS.is_builtin(cls):
                return cls.__name__
    return type(operation).__name__ if LAYERS.is_builtin(type(operation)) else ""


def refused(operation: Any, form: str) -> NotImplementedError:
    """The error for a layer or function that a format cannot have."""
    kind = type(operation).__name__
    if hasattr(operation, "settings"):
        return NotImplementedError(
            f"export: this function cannot be written as {form} yet. Received: "
            f"`lamina.ops.{operation.function_name}` (operation '{operation.name}')"
        )
    return NotImplementedError(
        f"export: this layer cannot be written as {form} yet. "
        f"Received: layer '{operation.name}' of class {kind}"
    )


def check_inference(node: Node) -> None:
    """NotImplementedError for a call that acts as in training, always."""
    if node.kwargs.get("training"):
        raise NotImplementedError(
            "export: files are for inference, but a layer is called with training=True. "
            f"Received: layer '{node.operation.name}'"
        )


def _chain(model: Any, inputs: Any) -> Function:
    def call(x: Any) -> Any:
        for layer in model.layers:
            if not isinstance(layer, InputLayer):
                x = layer(x)
        return x

    try:
        return trace(call, inputs)
    except NotAGraphError as error:
        raise NotImplementedError(f"export: model '{model.name}': {error}") from None


def _traced_inputs(model: Any) -> Any:
    """Symbolic tensors like the inputs of the model's first call."""
    samples = model._input_shapes()
    dtype = model.dtype
    tensors = [KerasTensor((None, *sample), dtype) for sample in samples]
    return model._pack_inputs(tensors)
