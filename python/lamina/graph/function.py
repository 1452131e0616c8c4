"""What lies between symbolic inputs and outputs: calls in an order in which they can be made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from lamina.graph.keras_tensor import KerasTensor
from lamina.graph.node import Node, node_of
from lamina.graph.operation import Operation
from lamina.graph.tree import flatten, pack, paths


class Function(Operation):
    """The calls that lead from inputs to outputs.

    Calls are ordered as Keras orders them: by depth, which is the longest way to an output, the
    deepest first; calls of one depth as they are met on the way from the outputs back. So the
    order follows from the graph alone, and a graph that comes from a file runs as the one that
    was saved.

    Args:
        inputs: A symbolic tensor, or a nest of them.
        outputs: Likewise.
        name: Its name.

    Raises:
        TypeError: For what is no symbolic tensor.
        ValueError: If there are no inputs or no outputs, an input is there twice, or an output is
            not connected to the inputs.

    Example:
        >>> x = lamina.Input((3,))
        >>> double = Function(x, x + x)
        >>> double(lamina.ops.ones((1, 3)))
        <Tensor shape=(1, 3), dtype=float32: [[2. 2. 2.]]>
    """

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None) -> None:
        super().__init__(name)
        self.input_structure = inputs
        self.output_structure = outputs
        self.inputs = _tensors("inputs", inputs)
        self.outputs = _tensors("outputs", outputs)
        if len({id(tensor) for tensor in self.inputs}) != len(self.inputs):
            raise ValueError(
                "`inputs` must be different tensors. "
                f"Received: inputs={[tensor.name for tensor in self.inputs]}"
            )
        graph = _ordered(self.inputs, self.outputs)
        #: All calls, those of input layers included, in the order in which they run.
        self.nodes = graph.nodes
        #: What is called, each once, in Keras' order.
        self.operations = graph.operations
        self._nodes_of: dict[Any, list[Node]] = {}
        for node in sorted(self.nodes, key=lambda node: node.order):
            self._nodes_of.setdefault(node.operation, []).append(node)
        given = {id(tensor) for tensor in self.inputs}
        #: The calls that are made: those that do not only give inputs.
        self.calls = [
            node
            for node in self.nodes
            if not node.is_input and any(id(output) not in given for output in node.outputs)
        ]
        self._check_connected()

    def _check_connected(self) -> None:
        known = {id(tensor) for tensor in self.inputs}
        for node in self.calls:
            for tensor in node.inputs:
                if id(tensor) not in known:
                    raise ValueError(_disconnected(self.output_structure, node, tensor))
            known.update(id(tensor) for tensor in node.outputs)
        for path, tensor in paths(self.output_structure):
            if id(tensor) not in known:
                where = ".".join(str(part) for part in path)
                raise ValueError(
                    f"Output with path `{where}` is not connected to `inputs`. "
                    f"Received: {tensor!r}, with inputs "
                    f"{[tensor.name for tensor in self.inputs]}"
                )

    def run(
        self, values: Any, call: Callable[[Node, Any, dict[str, Any]], Any] | None = None
    ) -> Any:
        """Makes the calls.

        Args:
            values: One value for each of `inputs`, in their order.
            call: Makes one call: takes the node and its arguments with values in them; by
                default the node's operation is called.

        Returns:
            The values of the outputs, in their structure.
        """
        known: dict[int, Any] = {
            id(tensor): value for tensor, value in zip(self.inputs, values, strict=True)
        }
        for node in self.calls:
            args, kwargs = node.arguments(known)
            result = node.operation(*args, **kwargs) if call is None else call(node, args, kwargs)
            parts = [result] if len(node.outputs) == 1 else flatten(result)
            if len(node.outputs) == 1 and isinstance(node.output_structure, (list, tuple, dict)):
                parts = flatten(result)
            for tensor, value in zip(node.outputs, parts, strict=True):
                known.setdefault(id(tensor), value)  # an input in between keeps its value
        return pack(self.output_structure, [known[id(tensor)] for tensor in self.outputs])

    def call(self, inputs: Any) -> Any:
        """The outputs for a nest of values like `input_structure`."""
        values = flatten(inputs)
        if len(values) != len(self.inputs):
            raise ValueError(
                f"Function '{self.name}' takes {len(self.inputs)} inputs: "
                f"{[tensor.name for tensor in self.inputs]}. Received: {len(values)} values"
            )
        return self.run(values)

    def _lower(self, builder: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return builder.run(self, flatten(args[0]))

    def compute_output_spec(self, inputs: Any) -> Any:
        """The outputs as symbolic tensors, for inputs of other shapes, too."""
        values = flatten(inputs)
        if [v.shape for v in values] == [tensor.shape for tensor in self.inputs]:
            specs = [KerasTensor(tensor.shape, tensor.dtype) for tensor in self.outputs]
            return pack(self.output_structure, specs)
        return self.run(
            values, lambda node, args, kwargs: node.operation.compute_output_spec(*args, **kwargs)
        )

    def connected_to(self, node: Node) -> list[str]:
        """What `summary` shows of a call's inputs: "dense[0][0]" is output 0 of its call 0."""
        return [
            f"{tensor._keras_history.operation.name}[{self.call_index(tensor)}]"
            f"[{tensor._keras_history.tensor_index}]"
            for tensor in node.inputs
        ]

    def call_index(self, tensor: KerasTensor) -> int:
        """Which of its operation's calls in this function made a tensor."""
        return self.nodes_of(tensor._keras_history.operation).index(tensor._node)

    def nodes_of(self, operation: Any) -> list[Node]:
        """The calls of an operation that are part of this function, in the order of calling."""
        return self._nodes_of.get(operation, [])


def _tensors(name: str, nest: Any) -> list[KerasTensor]:
    tensors = flatten(nest)
    if not tensors:
        raise ValueError(f"`{name}` argument cannot be empty. Received: {name}={nest!r}")
    for tensor in tensors:
        if not isinstance(tensor, KerasTensor):
            raise TypeError(
                f"All `{name}` values must be KerasTensors, as `Input` and calls on it give them. "
                f"Received: {name}={nest!r} including invalid value {tensor!r} of type "
                f"{type(tensor).__name__}"
            )
    return tensors


def _disconnected(structure: Any, node: Node, tensor: KerasTensor) -> str:
    maker = tensor._keras_history.operation
    source = f"input '{maker.name}'" if maker is not None else f"tensor '{tensor.name}'"
    paths_of_outputs = [".".join(map(str, path)) for path, _ in paths(structure)]
    return (
        f"The outputs (paths {paths_of_outputs}) are not connected to `inputs`: operation "
        f"'{node.operation.name}' needs {source}, which is none of them. Received: {tensor!r}"
    )


class _Graph(NamedTuple):
    nodes: list[Node]
    operations: list[Any]


def _ordered(inputs: list[KerasTensor], outputs: list[KerasTensor]) -> _Graph:
    """Nodes and operations between tensors, in Keras' order."""
    finished, met, entered = _walk(inputs, outputs)
    depth_of_node: dict[Node, int] = {}
    depth_of_operation: dict[Any, int] = {}
    given = {id(tensor) for tensor in inputs}
    # From the outputs back: a node is as deep as its operation is elsewhere, or deeper.
    for node in reversed(finished):
        depth = max(depth_of_node.get(node, 0), depth_of_operation.get(node.operation, 0))
        depth_of_node[node] = depth_of_operation[node.operation] = depth
        for parent in _parents(node, given):
            depth_of_node[parent] = max(depth + 1, depth_of_node.get(parent, 0))
    for tensor in inputs:  # inputs that no output needs
        source = node_of(tensor)
        if source is not None and source.operation not in depth_of_operation:
            depth_of_operation[source.operation] = depth_of_node[source] = 0
            met[source.operation] = entered[source] = -1
    nodes = sorted(depth_of_node, key=lambda node: (-depth_of_node[node], entered[node]))
    operations = sorted(depth_of_operation, key=lambda each: (-depth_of_operation[each], met[each]))
    return _Graph(nodes, operations)


def _walk(
    inputs: list[KerasTensor], outputs: list[KerasTensor]
) -> tuple[list[Node], dict[Any, int], dict[Node, int]]:
    """Nodes from the deepest on, and when each operation and each node is first met.

    Raises:
        ValueError: If a tensor is made of itself.
    """
    given = {id(tensor) for tensor in inputs}
    finished: dict[Node, None] = {}
    open_nodes: set[Node] = set()
    met: dict[Any, int] = {}
    entered: dict[Node, int] = {}

    def enter(node: Node, tensor: KerasTensor) -> tuple[Node, Iterator[KerasTensor]]:
        met.setdefault(node.operation, len(met))
        entered[node] = len(entered)
        open_nodes.add(node)
        return node, iter(() if id(tensor) in given else node.inputs)

    for output in outputs:
        first = node_of(output)
        if first is None or first in finished:
            continue
        stack = [enter(first, output)]  # no recursion: a graph may be thousands of calls deep
        while stack:
            node, rest = stack[-1]
            for tensor in rest:
                parent = node_of(tensor)
                if parent is None or parent in finished:
                    continue
                if parent in open_nodes:
                    raise ValueError(f"Tensor {tensor!r} is part of a cycle.")
                stack.append(enter(parent, tensor))
                break
            else:
                stack.pop()
                open_nodes.discard(node)
                finished[node] = None
    return list(finished), met, entered


def _parents(node: Node, given: set[int]) -> list[Node]:
    """The nodes that made the inputs of a node; nothing is behind the inputs of the function."""
    if all(id(output) in given for output in node.outputs):
        return []
    return node.parent_nodes
