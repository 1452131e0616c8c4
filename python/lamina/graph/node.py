"""One call of an operation on symbolic tensors."""

from __future__ import annotations

from itertools import count
from typing import Any

from lamina.graph.keras_tensor import KerasHistory, KerasTensor
from lamina.graph.tree import flatten, leaves, map_structure

_order = count()


class Node:
    """A call: the operation, its arguments and its outputs.

    An operation that is called several times, such as a shared layer, has a node for each call.

    Args:
        operation: What was called.
        args: Its positional arguments, with symbolic tensors anywhere in them.
        kwargs: Its keyword arguments.
        outputs: The symbolic tensors that the call gives, or a nest of them.

    Raises:
        TypeError: For an output that is no symbolic tensor.
    """

    def __init__(self, operation: Any, args: Any, kwargs: dict[str, Any], outputs: Any) -> None:
        self.operation = operation
        #: Grows from call to call.
        self.order = next(_order)
        self.args = tuple(args)
        self.kwargs = dict(kwargs)
        self.output_structure = outputs
        self.outputs: list[KerasTensor] = flatten(outputs)
        for output in self.outputs:
            if not isinstance(output, KerasTensor):
                raise TypeError(
                    "All outputs of an operation must be tensors. "
                    f"Received: {output!r} of operation '{operation.name}'"
                )
        self.inputs: list[KerasTensor] = [
            value for value in leaves((self.args, self.kwargs)) if isinstance(value, KerasTensor)
        ]
        self._is_plain = (
            len(self.args) == 1 and not self.kwargs and isinstance(self.args[0], KerasTensor)
        )
        nodes: list[Node] = operation._inbound_nodes
        for index, output in enumerate(self.outputs):
            output._keras_history = KerasHistory(operation, len(nodes), index)
            output._node = self
        # Past the attribute tracking of layers: nodes are no parts of a layer.
        object.__setattr__(operation, "_inbound_nodes", [*nodes, self])

    @property
    def is_input(self) -> bool:
        """Whether it has no inputs: the node of an input layer."""
        return not self.inputs

    @property
    def input_tensors(self) -> list[KerasTensor]:
        """The symbolic tensors among the arguments, in their order."""
        return self.inputs

    @property
    def output_tensors(self) -> list[KerasTensor]:
        """The outputs as a list."""
        return self.outputs

    @property
    def parent_nodes(self) -> list[Node]:
        """The calls that made the inputs."""
        parents = (node_of(tensor) for tensor in self.inputs)
        return [parent for parent in parents if parent is not None]

    def arguments(self, values: dict[int, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments with values in the place of symbolic tensors.

        Args:
            values: A value for the `id` of each symbolic tensor.
        """
        if self._is_plain:  # most calls: one tensor
            return (values[id(self.args[0])],), {}

        def value_of(argument: Any) -> Any:
            return values[id(argument)] if isinstance(argument, KerasTensor) else argument

        args, kwargs = map_structure(value_of, (self.args, self.kwargs))
        return args, kwargs

    def without_training(self, training: bool) -> None:
        """Leaves it to the pass whether a layer is called as in training.

        Args:
            training: What the call said, if it said anything.
        """
        if not hasattr(self.operation, "_leaves"):
            return
        if len(self.args) == 2 and self.args[1] is training:
            self.args = self.args[:1]
        if self.kwargs.get("training") is training:
            self.kwargs = {**self.kwargs, "training": None}

    def __repr__(self) -> str:
        return f"<Node operation={self.operation.name}>"


def node_of(tensor: KerasTensor) -> Node | None:
    """The call that made a symbolic tensor; None where there was none."""
    node: Node | None = tensor._node
    return node
