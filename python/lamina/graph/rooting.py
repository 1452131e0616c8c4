"""Graphs that begin at tensors in the middle of others get inputs of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina.graph.function import Function
from lamina.graph.keras_tensor import KerasTensor
from lamina.graph.node import Node, node_of
from lamina.graph.tree import map_structure, pack


def with_inputs(
    inputs: Any, outputs: Any, make_input: Callable[[KerasTensor], KerasTensor]
) -> tuple[Any, Any]:
    """The same calls from inputs that nothing computes: what `Model(layer.output, ...)` needs.

    Args:
        inputs: Symbolic tensors.
        outputs: Symbolic tensors that are computed from them.
        make_input: Makes an input like a tensor.

    Returns:
        Inputs and outputs in the same structures; the same ones where all inputs are inputs
        already. Calls that depend on new inputs are recorded once more.
    """
    function = Function(inputs, outputs)
    replaced: dict[int, KerasTensor] = {}
    for tensor in function.inputs:
        node = node_of(tensor)
        if node is None or not node.is_input:
            replaced[id(tensor)] = make_input(tensor)
    if not replaced:
        return inputs, outputs

    def new(value: Any) -> Any:
        return replaced.get(id(value), value) if isinstance(value, KerasTensor) else value

    for node in function.calls:
        if any(id(tensor) in replaced for tensor in node.inputs):
            made = [KerasTensor(tensor.shape, tensor.dtype) for tensor in node.outputs]
            args, kwargs = map_structure(new, (node.args, node.kwargs))
            Node(node.operation, args, kwargs, pack(node.output_structure, made))
            for old, tensor in zip(node.outputs, made, strict=True):
                replaced.setdefault(id(old), tensor)
    return map_structure(new, inputs), map_structure(new, outputs)
