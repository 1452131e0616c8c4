"""Functions of `lamina.ops`, and layers that join inputs, as ONNX operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lamina._eager import is_tensor
from lamina.export.moves import MOVES, Move, moves_of
from lamina.export.onnx_activations import write_activation
from lamina.export.onnx_graph import Graph
from lamina.export.operands import FUNCTIONS, activation_of, axes_of, promoted
from lamina.export.walk import Value, refused
from lamina.graph.node import Node

_UNARY = {
    "abs": "Abs",
    "absolute": "Abs",
    "arccos": "Acos",
    "arcsin": "Asin",
    "arctan": "Atan",
    "ceil": "Ceil",
    "cos": "Cos",
    "cosh": "Cosh",
    "erf": "Erf",
    "exp": "Exp",
    "floor": "Floor",
    "isinf": "IsInf",
    "isnan": "IsNaN",
    "log": "Log",
    "logical_not": "Not",
    "negative": "Neg",
    "reciprocal": "Reciprocal",
    "sign": "Sign",
    "sin": "Sin",
    "sinh": "Sinh",
    "sqrt": "Sqrt",
    "tan": "Tan",
    "tanh": "Tanh",
}
_BINARY = {
    "add": "Add",
    "divide": "Div",
    "maximum": "Max",
    "minimum": "Min",
    "multiply": "Mul",
    "power": "Pow",
    "subtract": "Sub",
    "true_divide": "Div",
    "matmul": "MatMul",
}
_LOGICAL = {"logical_and": "And", "logical_or": "Or", "logical_xor": "Xor"}
_COMPARISONS = {
    "equal": ("Equal", False),
    "greater": ("Greater", False),
    "greater_equal": ("GreaterOrEqual", False),
    "less": ("Less", False),
    "less_equal": ("LessOrEqual", False),
    "not_equal": ("Equal", True),
}
_REDUCTIONS = {
    "logsumexp": "ReduceLogSumExp",
    "max": "ReduceMax",
    "mean": "ReduceMean",
    "min": "ReduceMin",
    "prod": "ReduceProd",
    "sum": "ReduceSum",
}


class _Call:
    """A call that is being written: the function's arguments and what they are in the file."""

    def __init__(self, graph: Graph, node: Node, args: Any, kwargs: dict[str, Any]) -> None:
        self.graph, self.node, self.args, self.kwargs = graph, node, args, kwargs
        self.name: str = node.operation.name
        self.function: str = node.operation.function_name
        self.given: dict[str, Any] = node.operation.arguments(args, kwargs)
        #: The type of the output.
        self.dtype: str = node.outputs[0].dtype

    def add(self, operator: str, inputs: list[str], part: str = "", **attributes: Any) -> str:
        """Adds an operation; `part` is appended to the name."""
        return self.graph.node(operator, inputs, self.name + part, **attributes)

    def constant(self, name: str, value: Any, dtype: str = "int64") -> str:
        return self.graph.constant(f"{self.name}/{name}", value, dtype)

    def operand(self, value: Any, dtype: str | None = None) -> str:
        """A value or constant as that type, by default the output's."""
        dtype = dtype or self.dtype
        if isinstance(value, Value):
            if value.dtype == dtype:
                return value
            return self.graph.convert(value, dtype, f"{self.name}/{dtype}")
        array = np.asarray(value.numpy() if is_tensor(value) else value)
        return self.graph.constant(f"{self.name}/constant", array, dtype)

    def refused(self) -> NotImplementedError:
        return refused(self.node.operation, "ONNX")


def write(graph: Graph, node: Node, args: Any, kwargs: dict[str, Any]) -> list[Value]:
    """Adds a call of a function of `lamina.ops`.

    Args:
        graph: The graph.
        node: The call.
        args: Its arguments, with values in them.
        kwargs: Its keyword arguments.

    Raises:
        NotImplementedError: If there are no such operations; the message names the function.
    """
    call = _Call(graph, node, args, kwargs)
    if call.dtype in ("float32", "float64"):
        graph.dtype = call.dtype
    names = _moved(call) if call.function in MOVES else [_written(call)]
    return [
        Value(name, tensor.shape, tensor.dtype)
        for name, tensor in zip(names, node.outputs, strict=True)
    ]


def _written(call: _Call) -> str:
    function, given = call.function, list(call.given.values())
    if function in _UNARY:
        dtype = given[0].dtype if call.dtype == "bool" else call.dtype
        return call.add(_UNARY[function], [call.operand(given[0], dtype)])
    if function in _BINARY:
        return call.add(_BINARY[function], [call.operand(value) for value in given[:2]])
    if function in _LOGICAL:
        return call.add(_LOGICAL[function], [call.operand(value, "bool") for value in given[:2]])
    if function in _COMPARISONS:
        operator, inverted = _COMPARISONS[function]
        dtype = promoted(given[:2])
        result = call.add(operator, [call.operand(value, dtype) for value in given[:2]])
        return call.add("Not", [result], "/not") if inverted else result
    if function in _REDUCTIONS:
        return _reduced(call)
    if function in FUNCTIONS:
        kind, config = activation_of(call.node.operation, call.given)
        x = call.operand(next(iter(call.given.values())))
        return write_activation(call.graph, kind, x, call.name, config)
    special = _SPECIAL.get(function)
    if special is None:
        raise call.refused()
    return special(call)


def _reduced(call: _Call) -> str:
    given = call.given
    if given.get("initial") is not None or given.get("dtype") is not None:
        raise call.refused()
    x = given["x"]
    axes, keep = axes_of(given["axis"], len(x.shape)), int(bool(given["keepdims"]))
    name = call.operand(x)
    if call.function == "sum":
        return call.add("ReduceSum", [name, call.constant("axes", axes)], keepdims=keep)
    return call.add(_REDUCTIONS[call.function], [name], axes=axes, keepdims=keep)


def _variance(call: _Call) -> str:
    given = call.given
    if given["correction"]:
        raise call.refused()
    x = call.operand(given["x"])
    axes = axes_of(given["axis"], len(given["x"].shape))
    mean = call.add("ReduceMean", [x], "/mean", axes=axes, keepdims=1)
    y = call.add("Sub", [x, mean], "/centered")
    square = call.add("Mul", [y, y], "/square")
    keep = int(bool(given["keepdims"]))
    variance = call.add("ReduceMean", [square], axes=axes, keepdims=keep)
    return variance if call.function == "var" else call.add("Sqrt", [variance], "/root")


def _square(call: _Call) -> str:
    x = call.operand(call.given["x"])
    return call.add("Mul", [x, x])


def _rsqrt(call: _Call) -> str:
    return call.add("Reciprocal", [call.add("Sqrt", [call.operand(call.given["x"])], "/root")])


def _round(call: _Call) -> str:
    if call.given["decimals"]:
        raise call.refused()
    return call.add("Round", [call.operand(call.given["x"])])


def _clip(call: _Call) -> str:
    given = call.given
    low = given["min"] if given["x_min"] is None else given["x_min"]
    high = given["max"] if given["x_max"] is None else given["x_max"]
    y = call.operand(given["x"])
    if low is not None:
        y = call.add("Max", [y, call.operand(low)], "/low")
    return y if high is None else call.add("Min", [y, call.operand(high)])


def _where(call: _Call) -> str:
    given = call.given
    condition = call.operand(given["condition"], "bool")
    return call.add("Where", [condition, call.operand(given["x1"]), call.operand(given["x2"])])


def _cast(call: _Call) -> str:
    return call.operand(call.given["x"])


def _concatenate(call: _Call) -> str:
    xs = [call.operand(x) for x in call.given["xs"]]
    axis = call.given["axis"]
    if axis is None:
        raise call.refused()
    return call.add("Concat", xs, axis=axis)


def _stack(call: _Call) -> str:
    axis = call.given["axis"] % len(call.node.outputs[0].shape)
    where = call.constant("axis", [axis])
    xs = [call.add("Unsqueeze", [call.operand(x), where], "/part") for x in call.given["x"]]
    return call.add("Concat", xs, axis=axis)


def _arg(call: _Call) -> str:
    given = call.given
    if given["axis"] is None:
        raise call.refused()
    operator = "ArgMax" if call.function == "argmax" else "ArgMin"
    keep = int(bool(given["keepdims"]))
    y = call.add(operator, [given["x"]], axis=int(given["axis"]), keepdims=keep)
    return y if call.dtype == "int64" else call.graph.convert(y, call.dtype, f"{call.name}/type")


def _normalize(call: _Call) -> str:
    given = call.given
    if given["order"] != 2:
        raise call.refused()
    least = 1e-12 if given["epsilon"] is None else given["epsilon"]
    return _normalized(call.graph, call.operand(given["x"]), given["axis"], least, call.name)


def _normalized(graph: Graph, x: str, axis: int, least: float, name: str) -> str:
    """X over its norm along an axis, and not times more than 1 / least."""
    square = graph.node("Mul", [x, x], f"{name}/square")
    axes = graph.constant(f"{name}/axes", [axis], "int64")
    total = graph.node("ReduceSum", [square, axes], f"{name}/sum", keepdims=1)
    bound = graph.constant(f"{name}/least", least * least)
    root = graph.node(
        "Sqrt", [graph.node("Max", [total, bound], f"{name}/bounded")], f"{name}/root"
    )
    return graph.node("Div", [x, root], f"{name}/normalized")


_SPECIAL: dict[str, Callable[[_Call], str]] = {
    "argmax": _arg,
    "argmin": _arg,
    "cast": _cast,
    "clip": _clip,
    "concatenate": _concatenate,
    "normalize": _normalize,
    "round": _round,
    "rsqrt": _rsqrt,
    "square": _square,
    "stack": _stack,
    "std": _variance,
    "var": _variance,
    "where": _where,
}


def _moved(call: _Call) -> list[str]:
    moves = moves_of(call.node, call.args, call.kwargs)
    if moves is None:
        raise call.refused()
    x = next(value for value in call.given.values() if isinstance(value, Value))
    return [_one_moved(call, x, move) for move in moves]


def _one_moved(call: _Call, x: Value, move: Move) -> str:
    """A reshape, a transposition, or the numbers at places of the flattened sample."""
    sample = x.sample
    size = int(np.prod(sample, dtype="int64"))
    if move.keeps_order(size):
        return _reshaped(call, x, move) if move.shape != sample else x
    order = _transposition(sample, move)
    if order is not None:
        return call.add("Transpose", [x], perm=[0, *(axis + 1 for axis in order)])
    flat = x
    if len(sample) != 1:
        flat = Value(call.add("Reshape", [x, call.constant("flat", [-1, size])], "/flat"), (), "")
    places = call.constant("places", move.places.ravel())
    y = call.add("Gather", [flat, places], "/places" if len(move.shape) != 1 else "", axis=1)
    return y if len(move.shape) == 1 else _reshaped(call, y, move)


def _reshaped(call: _Call, x: str, move: Move) -> str:
    return call.add("Reshape", [x, call.constant("shape", [-1, *move.shape])])


def _transposition(sample: tuple[int, ...], move: Move) -> list[int] | None:
    """The order of axes, if the move is nothing else."""
    found = move.strides()
    if found is None or found[0] or sorted(sample) != sorted(move.shape) or 1 in sample:
        return None
    steps = [int(np.prod(sample[axis + 1 :], dtype="int64")) for axis in range(len(sample))]
    if sorted(steps) != sorted(found[1]):
        return None
    return [steps.index(step) for step in found[1]]


def write_dot(graph: Graph, layer: Any, inputs: Any) -> str:
    """The layer `Dot`: one matrix product for each sample."""
    x1, x2 = inputs
    graph.dtype = layer.dtype
    first, second = layer._axes(x1.shape, x2.shape)
    output = layer.compute_output_shape([x1.shape, x2.shape])
    depth = x1.shape[first]
    names = []
    for place, (x, axis) in enumerate(((x1, first), (x2, second))):
        name = f"{layer.name}/input_{place}"
        y: str = x if x.dtype == layer.dtype else graph.convert(x, layer.dtype, name)
        if layer.normalize:
            y = _normalized(graph, y, axis, 1e-12, name)
        rest = [other for other in range(1, len(x.shape)) if other != axis]
        order = [0, *rest, axis] if place == 0 else [0, axis, *rest]
        if order != sorted(order):
            y = graph.node("Transpose", [y], f"{name}/order", perm=order)
        count = int(np.prod([x.shape[other] for other in rest], dtype="int64"))
        shape = [-1, count, depth] if place == 0 else [-1, depth, count]
        sizes = graph.constant(f"{name}/shape", shape, "int64")
        names.append(graph.node("Reshape", [y, sizes], f"{name}/matrix"))
    product = graph.node("MatMul", names, f"{layer.name}/product")
    sizes = graph.constant(f"{layer.name}/shape", [-1, *output[1:]], "int64")
    return graph.node("Reshape", [product, sizes], layer.name)
