"""What gives an output: layers and functions, the last first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from lamina.graph.keras_tensor import KerasTensor
from lamina.graph.node import node_of


def chain_of(layers: Iterable[Any]) -> Iterator[Any]:
    """Layers, with those of a model in its place.

    Args:
        layers: Layers that take one value each, the last first.
    """
    for layer in layers:
        yield from _within(layer, 0)


def chain_to(tensor: KerasTensor) -> Iterator[Any]:
    """What gives a symbolic tensor, up to where several values are joined."""
    node = node_of(tensor)
    while node is not None and not node.is_input:
        yield from _within(node.operation, tensor._keras_history.tensor_index)
        if len(node.inputs) != 1:
            return
        tensor = node.inputs[0]
        node = node_of(tensor)


def _within(operation: Any, place: int) -> Iterator[Any]:
    """The chain to an output of a model, or the layer or function itself."""
    chains = operation._output_chains() if hasattr(operation, "_output_chains") else []
    if chains:
        yield from chains[place]
    else:
        yield operation
