"""Graphs as plain data, in the form of Keras' functional models, and back.

A configuration has `layers`, each with the calls that are part of the graph as `inbound_nodes`, and
`input_layers` and `output_layers`, which name tensors: ["dense", 0, 0] is output 0 of call 0 of
'dense'. Inside of arguments a tensor is a dictionary of the class "__keras_tensor__".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import lamina._core as _core
from lamina._typing import Config
from lamina.graph.function import Function
from lamina.graph.keras_tensor import KerasTensor
from lamina.graph.node import Node
from lamina.graph.tree import leaves, map_structure

_TENSOR, _SLICE, _ELLIPSIS = "__keras_tensor__", "__slice__", "__ellipsis__"


def function_config(function: Function, serialize: Callable[[Any], Config]) -> Config:
    """A graph as plain data.

    Args:
        function: The graph.
        serialize: Gives the configuration of one operation.

    Raises:
        ValueError: If two layers have one name, or an argument cannot be written as plain data.
    """
    writer = _Writer(function)
    layers = []
    for operation in function.operations:
        config = dict(serialize(operation))
        name = writer.names[operation]
        config["name"] = name
        if isinstance(config.get("config"), dict) and "name" in config["config"]:
            config["config"] = {**config["config"], "name": name}
        config["inbound_nodes"] = [
            {"args": writer.plain(list(node.args)), "kwargs": writer.plain(node.kwargs)}
            for node in function.nodes_of(operation)
            if not node.is_input
        ]
        layers.append(config)
    return {
        "layers": layers,
        "input_layers": map_structure(writer.place, _lists(function.input_structure)),
        "output_layers": map_structure(writer.place, _lists(function.output_structure)),
    }


class _Writer:
    """Names of operations and places of tensors in one graph."""

    def __init__(self, function: Function) -> None:
        self._function = function
        self.names = unique_names(function.operations)

    def place(self, tensor: KerasTensor) -> list[Any]:
        """Which operation, call and output a tensor is, as inputs and outputs say it."""
        operation = tensor._keras_history.operation
        name, index, output = self._history(tensor)
        return [name, index + operation._node_offset, output]

    def _history(self, tensor: KerasTensor) -> list[Any]:
        operation, _, output = tensor._keras_history
        return [self.names[operation], self._function.call_index(tensor), output]

    def plain(self, value: Any) -> Any:
        """An argument as plain data."""
        if isinstance(value, KerasTensor):
            config = {
                "shape": list(value.shape),
                "dtype": value.dtype,
                "keras_history": self._history(value),
            }
            return {"class_name": _TENSOR, "config": config}
        if isinstance(value, (list, tuple)):
            return [self.plain(item) for item in value]
        if isinstance(value, dict):
            return {key: self.plain(item) for key, item in value.items()}
        return plain(value)


def unique_names(operations: list[Any]) -> dict[Any, str]:
    """A name for each operation: its own; functions get another where theirs is taken.

    Raises:
        ValueError: If two layers have one name.
    """
    names: dict[Any, str] = {}
    taken: set[str] = set()
    automatic = [each for each in operations if each._renamable]
    for operation in operations:
        if not operation._renamable:
            if operation.name in taken:
                raise ValueError(
                    f'The name "{operation.name}" is used more than once in the model. All layer '
                    "names should be unique."
                )
            names[operation] = operation.name
            taken.add(operation.name)
    for operation in automatic:
        name, count = operation.name, 0
        while name in taken:
            count += 1
            name = f"{operation.name}_{count}"
        names[operation] = name
        taken.add(name)
    return names


def plain(value: Any) -> Any:
    """An argument that is no tensor of the graph as plain data, in Keras' form.

    Raises:
        ValueError: If it cannot be written.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if value is Ellipsis:
        return {"class_name": _ELLIPSIS, "config": {}}
    if isinstance(value, slice):
        parts = {"start": plain(value.start), "stop": plain(value.stop), "step": plain(value.step)}
        return {"class_name": _SLICE, "config": parts}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, np.generic)):
        return np.dtype(value).name
    if hasattr(value, "assign"):
        raise ValueError(
            "A Variable that a function of a graph uses is not part of the model, so it cannot be "
            f"saved: use it in a layer. Received: {value!r}"
        )
    if hasattr(value, "__lamina_tensor__") or type(value).__name__ == "Tensor":
        config = {"value": np.asarray(value).tolist(), "dtype": str(value.dtype)}
        return {"class_name": "__tensor__", "config": config}
    if isinstance(value, np.ndarray):
        config = {"value": value.tolist(), "dtype": value.dtype.name}
        return {"class_name": "__numpy__", "config": config}
    raise ValueError(
        f"An argument of a call in a graph cannot be written as plain data. Received: {value!r}"
    )


def _lists(structure: Any) -> Any:
    """The structure with lists for tuples, as JSON has them."""
    if isinstance(structure, dict):
        return {key: _lists(item) for key, item in structure.items()}
    if isinstance(structure, (list, tuple)):
        return [_lists(item) for item in structure]
    return structure


def function_from_config(config: Any, create: Callable[[Any], Any]) -> tuple[Any, Any]:
    """The symbolic inputs and outputs of a graph that `function_config`, or Keras, described.

    Args:
        config: With the keys "layers", "input_layers" and "output_layers".
        create: Makes an operation of its configuration.

    Returns:
        The inputs and the outputs, in their structures.

    Raises:
        ValueError: If the configuration is malformed, or calls cannot be made.
    """
    reader = _Reader(config, create)
    reader.make_calls()
    return reader.tensors(config["input_layers"]), reader.tensors(config["output_layers"])


class _Reader:
    """Makes the operations of a configuration and repeats their calls."""

    def __init__(self, config: Any, create: Callable[[Any], Any]) -> None:
        for key in ("layers", "input_layers", "output_layers"):
            if not isinstance(config, dict) or key not in config:
                raise ValueError(
                    "The configuration of a graph of layers must be a dictionary with 'layers', "
                    f"'input_layers' and 'output_layers'. Received: {_short(config)}"
                )
        if not isinstance(config["layers"], list):
            raise ValueError(f"'layers' must be a list. Received: {_short(config['layers'])}")
        self._operations: dict[str, Any] = {}
        self._waiting: dict[str, list[Any]] = {}
        for layer in config["layers"]:
            inner = layer.get("config") if isinstance(layer, dict) else None
            name = layer.get("name", (inner or {}).get("name")) if isinstance(layer, dict) else None
            calls = layer.get("inbound_nodes") if isinstance(layer, dict) else None
            if not isinstance(name, str) or not isinstance(calls, list):
                raise ValueError(
                    "Each layer of a graph must have a 'name' and a list of 'inbound_nodes'. "
                    f"Received: {_short(layer)}"
                )
            if name in self._operations:
                raise ValueError(f"Names of layers must be unique. Received: {name!r} twice")
            self._operations[name] = create(layer)
            self._waiting[name] = calls

    def make_calls(self) -> None:
        """Makes each call once what it needs is there, in the order of the layers."""
        while any(self._waiting.values()):
            made = False
            for name, calls in self._waiting.items():
                while calls and self._is_ready(calls[0]):
                    self._call(name, calls[0])
                    self._waiting[name] = calls = calls[1:]
                    made = True
            if not made:
                left = [name for name, calls in self._waiting.items() if calls]
                raise ValueError(
                    "Invalid configuration of a graph: it has loops, or calls of layers that are "
                    f"not there. Calls of these layers could not be made: {_short(left)}"
                )

    def _is_ready(self, call: Any) -> bool:
        if not isinstance(call, dict):
            raise ValueError(
                "A call in a graph must be a dictionary of 'args' and 'kwargs', as Keras 3 writes "
                f"it. Received: {_short(call)}"
            )
        return all(self._find(*place) is not None for place in _places(call))

    def _call(self, name: str, call: Any) -> None:
        args, kwargs = call.get("args", []), call.get("kwargs", {})
        if not isinstance(args, list) or not isinstance(kwargs, dict):
            raise ValueError(f"Malformed call of layer {name!r}. Received: {_short(call)}")
        # What Keras writes for arguments that were not given.
        kwargs = {
            key: value
            for key, value in kwargs.items()
            if key not in ("mask", "training") or any(leaf is not None for leaf in leaves(value))
        }
        self._operations[name](
            *(self._value(arg) for arg in args),
            **{key: self._value(value) for key, value in kwargs.items()},
        )

    def _value(self, value: Any) -> Any:
        """An argument of plain data."""
        if isinstance(value, list):
            return [self._value(item) for item in value]
        if not isinstance(value, dict):
            return value
        kind = value.get("class_name")
        config = value.get("config")
        if kind == _TENSOR and isinstance(config, dict):
            return self._tensor(config.get("keras_history"))
        if kind == _SLICE and isinstance(config, dict):
            return slice(*(config.get(key) for key in ("start", "stop", "step")))
        if kind == _ELLIPSIS:
            return Ellipsis
        if kind in ("__tensor__", "__numpy__") and isinstance(config, dict):
            array = np.array(config.get("value"), _number_type(config.get("dtype")))
            return _core.convert(array) if kind == "__tensor__" else array
        if kind is not None:
            raise ValueError(f"An argument of a call cannot be read. Received: {_short(value)}")
        return {key: self._value(item) for key, item in value.items()}

    def _tensor(self, place: Any) -> KerasTensor:
        if not _is_place(place):
            raise ValueError(
                "A tensor of a graph is named by its layer, call and output. "
                f"Received: {_short(place)}"
            )
        tensor = self._find(*place)
        if tensor is None:
            raise ValueError(f"The graph has no such tensor. Received: {_short(place)}")
        return tensor

    def _find(self, name: Any, index: int, output: int) -> KerasTensor | None:
        operation = self._operations.get(name)
        if operation is None:
            raise ValueError(f"The graph has no layer of that name. Received: {_short(name)}")
        nodes: Any = operation._inbound_nodes
        if not 0 <= index < len(nodes):
            return None
        node: Node = nodes[index]
        return node.outputs[output] if 0 <= output < len(node.outputs) else None

    def tensors(self, structure: Any) -> Any:
        """The tensors that a nest of places names."""
        if _is_place(structure):
            name, index, output = structure
            operation = self._operations.get(name)
            offset = 0 if operation is None else operation._node_offset
            return self._tensor([name, index - offset, output])
        if isinstance(structure, dict):
            return {key: self.tensors(item) for key, item in structure.items()}
        if isinstance(structure, (list, tuple)):
            return [self.tensors(item) for item in structure]
        raise ValueError(
            f"Inputs and outputs are named by layer, call and output. Received: {_short(structure)}"
        )


def _places(value: Any) -> list[Any]:
    """The places of all tensors in arguments of plain data."""
    if isinstance(value, list):
        return [place for item in value for place in _places(item)]
    if not isinstance(value, dict):
        return []
    if value.get("class_name") == _TENSOR and isinstance(value.get("config"), dict):
        place = value["config"].get("keras_history")
        if not _is_place(place):
            raise ValueError(f"A tensor of a graph has no place. Received: {_short(value)}")
        return [place]
    return [place for item in value.values() for place in _places(item)]


def _is_place(value: Any) -> bool:
    return (
        isinstance(value, (list, tuple))
        and len(value) == 3
        and isinstance(value[0], str)
        and all(isinstance(part, int) and not isinstance(part, bool) for part in value[1:])
    )


def _number_type(dtype: Any) -> Any:
    known = ("bool", "uint8", "int32", "int64", "float32", "float64")
    if dtype not in known:
        raise ValueError(f"A constant of a graph has one of the types {known}. Received: {dtype!r}")
    return dtype


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else text[:200] + "..."
