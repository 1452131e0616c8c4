"""The graph of a stack of layers: made when a tensor of it is needed, for training needs none."""

from __future__ import annotations

from typing import Any

from lamina.graph.keras_tensor import KerasTensor
from lamina.graph.node import Node


def record_stack(layers: list[Any], tensor: KerasTensor) -> KerasTensor:
    """Calls layers one after the other on symbolic tensors.

    A call that a layer has recorded is taken as it is, so that there is one, and a layer's
    `output` stays the same tensor when the stack grows.

    Args:
        layers: The layers.
        tensor: The input of the first.

    Returns:
        The output of the last.
    """
    for layer in layers:
        output = next((node.outputs[0] for node in layer._inbound_nodes if _is(node, tensor)), None)
        tensor = layer.symbolic_call(tensor) if output is None else output
    return tensor


def _is(node: Node, tensor: KerasTensor) -> bool:
    """Whether a call is that of one tensor, without other arguments."""
    return len(node.args) == 1 and node.args[0] is tensor and not node.kwargs
