"""Python code that calls layers, as a graph: called with symbolic tensors to see what it calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lamina.graph.function import Function
from lamina.graph.keras_tensor import KerasTensor
from lamina.graph.node import Node
from lamina.graph.tree import flatten, map_structure, paths


class NotAGraphError(Exception):
    """Code does something that a graph cannot hold; the message says what."""


def trace(call: Callable[[Any], Any], inputs: Any) -> Function:
    """The graph of what `call` calls.

    It is called twice with new symbolic tensors. What it computes besides, such as NumPy's random
    numbers or a count that it keeps, becomes a constant of the graph or leads to other calls, so
    the two graphs must be the same.

    Args:
        call: Takes inputs and returns outputs.
        inputs: Symbolic tensors, in the structure that `call` takes.

    Returns:
        A function of new inputs like these. The layers that are called keep no record of it.

    Raises:
        NotAGraphError: If `call` needs numbers, returns what is no tensor, or does not do the same
            twice.
    """
    first, second = _traced(call, inputs), _traced(call, inputs)
    found = difference(first, second)
    if found is not None:
        raise NotAGraphError(f"two calls differ: {found}")
    return first


def _traced(call: Callable[[Any], Any], inputs: Any) -> Function:
    copies = map_structure(lambda tensor: KerasTensor(tensor.shape, tensor.dtype), inputs)
    try:
        outputs = call(copies)
    except Exception as error:
        raise NotAGraphError(f"{type(error).__name__}: {error}") from error
    for value in flatten(outputs):
        if not isinstance(value, KerasTensor):
            raise NotAGraphError(
                f"it returns what does not depend on its inputs: {type(value).__name__}"
            )
    try:
        function = Function(copies, outputs)
    except (TypeError, ValueError) as error:
        raise NotAGraphError(str(error)) from error
    for node in function.nodes:
        _forget(node)
    return function


def _forget(node: Node) -> None:
    """The operation's record of calls is as before the trace."""
    left = [other for other in node.operation._inbound_nodes if other is not node]
    object.__setattr__(node.operation, "_inbound_nodes", left)


def difference(first: Function, second: Function) -> str | None:
    """How two graphs differ, in words; None if they do not."""
    if len(first.calls) != len(second.calls):
        return f"{len(first.calls)} calls and {len(second.calls)} calls"
    same = {id(a): b for a, b in zip(first.inputs, second.inputs, strict=True)}
    for one, other in zip(first.calls, second.calls, strict=True):
        a, b = one.operation, other.operation
        settings = [getattr(each, "settings", None) for each in (a, b)]
        if (a is not b and settings[0] is None) or type(a) is not type(b):
            return f"'{a.name}' and '{b.name}' are called"
        where = f"arguments of '{a.name}'"
        if not _equal(
            (one.args, one.kwargs, settings[0]), (other.args, other.kwargs, settings[1]), same
        ):
            return where
        if len(one.outputs) != len(other.outputs):
            return f"outputs of '{a.name}'"
        same.update({id(x): y for x, y in zip(one.outputs, other.outputs, strict=True)})
    return None if _equal(first.output_structure, second.output_structure, same) else "outputs"


def _equal(first: Any, second: Any, same: dict[int, KerasTensor]) -> bool:
    one, other = list(paths(first)), list(paths(second))
    if [path for path, _ in one] != [path for path, _ in other]:
        return False
    return all(_alike(a, b, same) for (_, a), (_, b) in zip(one, other, strict=True))


def _alike(a: Any, b: Any, same: dict[int, KerasTensor]) -> bool:
    if isinstance(a, KerasTensor):
        return same.get(id(a)) is b
    if a is b:
        return True
    if hasattr(a, "shape") and hasattr(b, "shape"):
        return not hasattr(a, "assign") and np.array_equal(np.asarray(a), np.asarray(b))
    return type(a) is type(b) and bool(a == b)
