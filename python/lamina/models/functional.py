"""Models that are graphs of layers: `Model(inputs, outputs)`."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina import _eager
from lamina._typing import Array, Config
from lamina.execution.trainable import PreparedInputs
from lamina.graph import tree
from lamina.graph.config import function_config, function_from_config, unique_names
from lamina.graph.function import Function
from lamina.graph.inference import STAND_INS
from lamina.graph.keras_tensor import KerasTensor
from lamina.graph.lowering import Partition
from lamina.graph.node import Node
from lamina.graph.rooting import with_inputs
from lamina.graph.signature import Signature
from lamina.layers import call_context
from lamina.layers.input_layer import InputLayer
from lamina.layers.layer import Layer
from lamina.layers.preprocessing.preprocessing_layer import PreprocessingLayer, data_array
from lamina.layers.resolve import deserialize_operation
from lamina.models.custom_model import Traced
from lamina.registry import serialize_keras_object, shorten


class Graph:
    """What a model that is a graph of layers knows of itself.

    Args:
        inputs: Symbolic tensors, in any structure.
        outputs: Symbolic tensors that are computed from them.
        name: The model's name.

    Raises:
        TypeError: For what is no symbolic tensor.
        ValueError: If outputs are not connected to inputs, or two layers have one name.
    """

    def __init__(self, inputs: Any, outputs: Any, name: str) -> None:
        inputs, outputs = with_inputs(inputs, outputs, _input_like)
        self.function = Function(inputs, outputs, name)
        self.signature = Signature(inputs, f"Model '{name}'")
        unique_names(self.function.operations)  # raises if two layers have one
        #: All layers, inputs among them, in Keras' order.
        self.layers = [each for each in self.function.operations if isinstance(each, Layer)]
        self.output_names = _output_names(outputs, self.function.outputs)
        self.traced = Traced(
            tree.map_structure(lambda _: None, inputs),
            [_sample(tensor) for tensor in self.function.outputs],
            self.output_names,
            [_sample(tensor) for tensor in self.function.inputs],
        )

        calls = [node.operation for node in self.function.calls]
        self._partition: Partition | None = None
        #: Layers that are called several times.
        self._shared = {id(each) for each in self.layers if calls.count(each) > 1}

    def partition(self, dtype: str) -> Partition:
        """What of it runs in the core's plan."""
        found = self._partition
        if found is None:
            found = self._partition = Partition(self.function, dtype)
        return found

    def plan_changed(self) -> None:
        """A layer is not what it was."""
        self._partition = None

    def call(self, node: Node, args: Any, kwargs: dict[str, Any]) -> Any:
        """Makes one call of the graph."""
        operation = node.operation
        if isinstance(operation, PreprocessingLayer):
            result = operation(*args, **kwargs)
            return result if node.outputs[0].dtype == "string" else _eager.tensor(result)
        if id(operation) not in self._shared:
            return operation(*args, **kwargs)
        # A call forgets what the one before it added to the loss.
        before = [(leaf, list(leaf._losses)) for leaf in operation._leaves()]
        result = operation(*args, **kwargs)
        for leaf, losses in before:
            leaf._losses[:0] = losses
        return result

    @property
    def dtype(self) -> str | None:
        """The floating type of the outputs, if they have one."""
        found = [t.dtype for t in self.function.outputs if t.dtype in ("float32", "float64")]
        return found[0] if found else None


def _input_like(tensor: KerasTensor) -> KerasTensor:
    output: KerasTensor = InputLayer(batch_shape=tensor.shape, dtype=tensor.dtype, name=None).output
    return output


def _sample(tensor: KerasTensor) -> tuple[int, ...]:
    return tuple(-1 if extent is None else extent for extent in tensor.shape[1:])


def _output_names(structure: Any, outputs: list[KerasTensor]) -> list[str]:
    """The keys of a flat dictionary, else the names of the layers that give the outputs."""
    if isinstance(structure, dict) and not any(map(tree.is_nest, structure.values())):
        return [str(key) for key in tree.sorted_keys(structure)]
    names: list[str] = []
    for tensor in outputs:
        name = base = str(tensor._keras_history.operation.name)
        count = 0
        while name in names:
            count += 1
            name = f"{base}_{count}"
        names.append(name)
    return names


# Calling.


def call_graph(graph: Graph, inputs: Any) -> Any:
    """The outputs for tensors; strings are arrays. A list of one output is that output."""
    return _unpacked(graph.function.run(graph.signature.tensors_of(inputs), graph.call))


def _unpacked(outputs: Any) -> Any:
    return outputs[0] if isinstance(outputs, (list, tuple)) and len(outputs) == 1 else outputs


def call_model(model: Any, graph: Graph, inputs: Any, training: bool | None) -> Any:
    """Calls a model: on tensors gives tensors, on arrays arrays."""
    train = call_context.training_of(training)
    eager = _eager.is_eager(inputs) or any(map(_eager.is_tensor, tree.leaves(inputs)))
    if call_context.outermost() and model._can_plan():
        if not eager:
            return model._trainer.predict_arrays(inputs, train)
        values = graph.partition(model.dtype).values_before(
            graph.signature.tensors_of(inputs), graph.call
        )
        model._clear_losses()
        engine = model._trainer.ready()
        result = engine.call([_eager.typed_tensor(v, model.dtype) for v in values], train)
        model._call_losses = engine.call_losses
        return result
    step = call_context.step_of()
    outermost = call_context.outermost()
    if outermost:
        model._clear_losses()
        if step is None:
            step = model._trainer.counters.next_call(train)
    with call_context.inside(train):
        if outermost:
            with call_context.at_step(step if step is not None else 0):
                output = model.call(inputs)
        else:
            output = model.call(inputs)
    return output if eager else tree.map_structure(np.asarray, output)


def output_spec(graph: Graph, inputs: Any) -> Any:
    """The symbolic outputs for symbolic inputs."""
    values = graph.signature.tensors_of(inputs)
    for place, value in enumerate(values):
        if not isinstance(value, KerasTensor):
            values[place] = KerasTensor(tuple(value.shape), str(value.dtype))
    return graph.function.compute_output_spec(values)


# Data.


def prepare_inputs(graph: Graph, x: Any, name: str) -> PreparedInputs:
    """The arrays of what a user passed, one for each input, checked."""
    signature = graph.signature
    arrays = []
    for place, value in enumerate(signature.flatten(x)):
        arrays.append(_input_array(signature, place, value, name))
    rows = arrays[0].shape[0]
    if any(array.shape[0] != rows for array in arrays):
        raise ValueError(
            f"All inputs in `{name}` must have the same number of samples. "
            f"Received: {[array.shape[0] for array in arrays]}"
        )
    structure = graph.traced.inputs if tree.is_nest(graph.traced.inputs) else None
    samples = [tuple(array.shape[1:]) for array in arrays]
    return PreparedInputs(arrays, samples, graph.traced.outputs, structure)


def plan_inputs(model: Any, inputs: PreparedInputs) -> PreparedInputs:
    """The arrays that the model's plan takes: preprocessing layers have seen them."""
    graph = model._graph
    partition = graph.partition(model.dtype)
    arrays = [
        _whole(array, dtype)
        for array, dtype in zip(inputs.arrays, graph.signature.dtypes, strict=True)
    ]
    if partition.before:
        found = partition.values_before(arrays, graph.call)
        arrays = [data_array(np.asarray(value), "x") for value in found]
    return inputs._replace(arrays=arrays)


def _whole(array: Array, dtype: str) -> Array:
    """Numbers for an input of integers are cut off as in a conversion to its type."""
    if array.dtype.kind == "f" and "int" in dtype:
        return array.astype(STAND_INS.get(dtype, dtype))
    return array


def is_plain(partition: Any) -> bool:
    """Whether one array goes in and one comes out, as they are."""
    return (
        partition is not None
        and not partition.before
        and len(partition.inputs) == 1
        and partition.inputs[0].dtype in ("float32", "float64")
        and isinstance(partition.function.input_structure, KerasTensor)
        and isinstance(_unpacked(partition.function.output_structure), KerasTensor)
    )


def pack_outputs(partition: Partition, outputs: list[Any]) -> Any:
    """Outputs in the structure of the model's."""
    return _unpacked(tree.pack(partition.function.output_structure, outputs))


def _input_array(signature: Signature, place: int, value: Any, name: str) -> Array:
    if value is None:
        raise ValueError(
            f"The input '{signature.names[place]}' is not optional, but None was passed. Please "
            "provide a valid tensor."
        )
    array = data_array(value, name)
    if signature.dtypes[place] != "string" and array.dtype.kind in "UOS":
        raise TypeError(
            f"The input '{signature.names[place]}' takes numbers. Received: strings in `{name}`"
        )
    shape = signature.shapes[place]
    if array.ndim == len(shape) + 1 and array.shape[-1] == 1:
        array = array[..., 0]
    elif array.ndim == len(shape) - 1 and shape[-1] == 1:
        array = array[..., None]
    signature.check_shape(place, array.shape)
    if array.shape[0] == 0:
        raise ValueError(
            f"`{name}` must hold at least one sample. Received: {name}.shape={array.shape}"
        )
    return array


def input_tensors(graph: Graph, arrays: list[Array]) -> list[Any]:
    """Arrays as tensors of the inputs' types; strings stay arrays."""
    signature = graph.signature
    return [signature.tensor(place, array) for place, array in enumerate(arrays)]


# Configurations.


def graph_config(model: Any, graph: Graph) -> Config:
    """The configuration of a model, as Keras' functional models have it."""
    config = function_config(graph.function, serialize_keras_object)
    return {"name": model.name, "trainable": model._trainable, **config}


def model_from_config(cls: Any, config: Any) -> Any:
    """The model that `graph_config`, or Keras, described.

    Raises:
        ValueError: If the configuration is malformed or names what is not registered.
    """
    known = {"name", "trainable", "layers", "input_layers", "output_layers", "dtype"}
    if not isinstance(config, dict) or not set(config) <= known:
        raise ValueError(
            f"Unknown keys in the configuration of a model. Received: {shorten(config)}"
        )
    inputs, outputs = function_from_config(config, deserialize_operation)
    model = cls(inputs=inputs, outputs=outputs, name=config.get("name"))
    if config.get("trainable") is False:
        model._trainable = False  # each layer's own configuration says whether it is frozen
    return model
