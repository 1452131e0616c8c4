"""Graphs of layers in the core's plan: what of a graph it has, and what Python does before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import lamina._core as _core
from lamina._typing import Shape
from lamina.graph.builder import Builder, NotInPlanError, Value
from lamina.graph.function import Function
from lamina.graph.keras_tensor import KerasTensor
from lamina.graph.node import Node
from lamina.graph.tree import flatten


class Partition:
    """What of a function runs in the plan, and what Python computes before it.

    Args:
        function: The calls.
        dtype: What the plan computes in.
        training: What calls may say of `training` themselves; it is the pass's then.

    Attributes:
        function: The calls.
        before: The calls that Python makes before the plan, such as preprocessing layers.
        inputs: The tensors that the plan takes.
        reason: Why there can be no plan; None where there can be.
    """

    def __init__(self, function: Function, dtype: str, training: bool | None = None) -> None:
        self.function, self._dtype, self._training = function, dtype, training
        self.before: list[Node] = []
        self.inputs: list[KerasTensor] = list(function.inputs)
        self.reason: str | None = None
        self._divide()
        try:
            self._check_inputs()
            shapes = self.input_shapes()
            network = _core.Network(shapes[0], dtype, "cpu", 0)
            self.lower(network)
        except NotInPlanError as error:
            self.reason = str(error)

    def _divide(self) -> None:
        """Finds the calls that need no gradient and come before all others."""
        known = {id(tensor) for tensor in self.function.inputs}
        rest: list[Node] = []
        for node in self.function.calls:
            ready = all(id(tensor) in known for tensor in node.inputs)
            if ready and _prepares(node, self._dtype):
                self.before.append(node)
                known.update(id(tensor) for tensor in node.outputs)
            else:
                rest.append(node)
        if not self.before:
            return
        read = {id(tensor) for node in rest for tensor in node.inputs}
        read.update(id(tensor) for tensor in self.function.outputs)
        made = [tensor for node in self.before for tensor in node.outputs]
        self.inputs = [t for t in [*self.function.inputs, *made] if id(t) in read]

    def _check_inputs(self) -> None:
        if not self.inputs:
            raise NotInPlanError("no inputs")
        for tensor in self.inputs:
            if tensor.dtype == "string":
                raise NotInPlanError("strings that no layer looks up")
            if None in tensor.shape[1:] or tensor.ndim < 2:
                raise NotInPlanError(f"samples of unknown shape: {tensor.name} {tensor.shape}")

    def input_shapes(self) -> list[Shape]:
        """The shapes of the samples that the plan takes."""
        return [tuple(extent or 0 for extent in tensor.shape[1:]) for tensor in self.inputs]

    def lower(self, network: _core.Network) -> list[Any]:
        """Adds the calls to a network whose first input is there already.

        Returns:
            The layer that each layer of the network is, or None.

        Raises:
            NotInPlanError: If the plan cannot have them.
        """
        builder = Builder(network, self._dtype, self._training)
        values: dict[int, Value] = {}
        for place, (tensor, shape) in enumerate(zip(self.inputs, self.input_shapes(), strict=True)):
            where = network.add_input(shape) if place else 0
            values[id(tensor)] = Value(where, shape, tensor.dtype)
        made = {id(node) for node in self.before}
        for node in self.function.calls:
            if id(node) in made:
                continue
            args, kwargs = node.arguments(values)
            results = flatten(builder.call(node.operation, args, kwargs))
            for tensor, value in zip(node.outputs, results, strict=True):
                if tuple(tensor.shape[1:]) != value.sample or tensor.dtype != self._dtype:
                    raise NotInPlanError(f"op {node.operation.name} ({tensor.dtype})")
                values.setdefault(id(tensor), value)
        outputs = [values[id(tensor)] for tensor in self.function.outputs]
        if any(value.dtype != self._dtype for value in outputs):
            raise NotInPlanError("outputs of different types")
        network.set_outputs([value.place for value in outputs])
        return builder.layers

    def values_before(self, inputs: Sequence[Any], call: Any) -> list[Any]:
        """What the plan takes, for values of the function's inputs.

        Args:
            inputs: The values.
            call: Makes one call: takes the node and its arguments.
        """
        if not self.before:
            return list(inputs)
        known = {id(t): v for t, v in zip(self.function.inputs, inputs, strict=True)}
        for node in self.before:
            args, kwargs = node.arguments(known)
            results = flatten(call(node, args, kwargs))
            for tensor, value in zip(node.outputs, results, strict=True):
                known[id(tensor)] = value
        return [known[id(tensor)] for tensor in self.inputs]


def _prepares(node: Node, dtype: str) -> bool:
    """Whether Python computes a call before the plan."""
    operation = node.operation
    if getattr(operation, "_prepares_data", False):
        return True
    if getattr(operation, "weights", ()) or getattr(operation, "_native", False):
        return False
    graph = getattr(operation, "_graph", None)
    if graph is not None:
        return any(getattr(each, "_prepares_data", False) for each in graph.layers)
    # Functions of integers and strings, which have no gradients.
    return not hasattr(operation, "_leaves") and all(
        tensor.dtype in _DISCRETE for tensor in node.inputs
    )


_DISCRETE = frozenset(
    ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "string")
)
