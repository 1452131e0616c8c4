"""What can be called on symbolic tensors: layers, functions, models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina._names import checked_name
from lamina.graph.keras_tensor import any_symbolic
from lamina.graph.node import Node


class Operation:
    """Something with a name that is called on tensors; on symbolic ones the call is recorded.

    Args:
        name: Its name, by default from its class.
    """

    name: str
    #: The calls on symbolic tensors, in their order.
    _inbound_nodes: Sequence[Node] = ()
    #: What number its first call has where files name inputs and outputs of a graph: 1 for Keras'
    #: functional models.
    _node_offset = 0
    #: Whether a file may give it another name where its own is taken.
    _renamable = False

    def __init__(self, name: str | None = None) -> None:
        where = type(self).__name__
        self.name = checked_name(where, name, where)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The outputs for the arguments: symbolic ones if an argument is."""
        if any_symbolic(args, kwargs):
            return self.symbolic_call(*args, **kwargs)
        return self.call(*args, **kwargs)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Computes the outputs: what an operation defines."""
        raise NotImplementedError(f"Operation '{self.name}' must define `call`.")

    def symbolic_call(self, *args: Any, **kwargs: Any) -> Any:
        """Infers the outputs and records the call."""
        outputs = self.compute_output_spec(*args, **kwargs)
        Node(self, args, kwargs, outputs)
        return outputs

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """The outputs as symbolic tensors, without recording a call."""
        from lamina.graph.inference import infer

        return infer(f"'{self.name}'", self.call, args, kwargs)

    def _lower(self, builder: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Adds a call to the core's plan.

        Args:
            builder: A `lamina.graph.builder.Builder`.
            args: The arguments, with values of the plan in the place of tensors.
            kwargs: Likewise.

        Returns:
            The values of the outputs, nested as the outputs are.

        Raises:
            NotInPlanError: If the plan cannot have it.
        """
        from lamina.graph.builder import NotInPlanError

        raise NotInPlanError(f"op {self.name}")

    def __getstate__(self) -> dict[str, Any]:
        # A copy is not part of the graph.
        return {key: value for key, value in vars(self).items() if key != "_inbound_nodes"}

    @property
    def input(self) -> Any:
        """The symbolic tensor, or the list of them, of the first call.

        Raises:
            AttributeError: If there was no such call.
        """
        return _only(self._node(0, "input").inputs)

    @property
    def output(self) -> Any:
        """What the first call on symbolic tensors returned.

        Raises:
            AttributeError: If there was no such call.
        """
        return _only(self._node(0, "output").outputs)

    def _node(self, index: int, what: str) -> Node:
        if not self._inbound_nodes:
            raise AttributeError(
                f"The layer {self.name} has never been called and thus has no defined {what}."
            )
        if index >= len(self._inbound_nodes):
            raise ValueError(
                f"Asked to get {what} at node {index}, but the operation has only "
                f"{len(self._inbound_nodes)} inbound nodes."
            )
        return self._inbound_nodes[index]


def _only(tensors: list[Any]) -> Any:
    return tensors[0] if len(tensors) == 1 else tensors
