"""Functions of `lamina.ops`, and layers that join inputs, as steps of a C function.

A buffer holds one sample, so what mixes samples cannot be written. All numbers have the file's
type: of integers and truth values only what that type holds exactly is computed with.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina import activations
from lamina._eager import is_tensor
from lamina._typing import Shape
from lamina.activations.resolve import specification
from lamina.export.c_arrays import exchanged, permuted, size_of
from lamina.export.c_functions import HELPERS
from lamina.export.c_layers import add_function
from lamina.export.c_normalizations import normalized_rows
from lamina.export.moves import MOVES, Move, moves_of
from lamina.export.operands import FUNCTIONS, activation_of, axes_of
from lamina.export.walk import Value, refused
from lamina.graph.node import Node

if TYPE_CHECKING:
    from lamina.export.c_writer import Source

#: Functions of one number, a.
_UNARY = {
    "abs": "F(fabs)({a})",
    "absolute": "F(fabs)({a})",
    "ceil": "F(ceil)({a})",
    "cos": "F(cos)({a})",
    "cosh": "F(cosh)({a})",
    "erf": "F(erf)({a})",
    "exp": "F(exp)({a})",
    "expm1": "F(expm1)({a})",
    "floor": "F(floor)({a})",
    "isnan": "{a} != {a}",
    "log": "F(log)({a})",
    "log10": "F(log10)({a})",
    "log1p": "F(log1p)({a})",
    "log2": "F(log2)({a})",
    "logical_not": "{a} == 0",
    "negative": "-{a}",
    "reciprocal": "1 / {a}",
    "rsqrt": "1 / F(sqrt)({a})",
    "sign": "{a} > 0 ? 1 : {a} < 0 ? -1 : {a} == 0 ? 0 : {a}",
    "sin": "F(sin)({a})",
    "sinh": "F(sinh)({a})",
    "sqrt": "F(sqrt)({a})",
    "square": "{a} * {a}",
    "tan": "F(tan)({a})",
    "tanh": "F(tanh)({a})",
    "trunc": "F(trunc)({a})",
}
#: Functions of two numbers, a and b.
_BINARY = {
    "add": "{a} + {b}",
    "arctan2": "F(atan2)({a}, {b})",
    "divide": "{a} / {b}",
    "equal": "{a} == {b}",
    "greater": "{a} > {b}",
    "greater_equal": "{a} >= {b}",
    "less": "{a} < {b}",
    "less_equal": "{a} <= {b}",
    "logical_and": "{a} != 0 && {b} != 0",
    "logical_or": "{a} != 0 || {b} != 0",
    "logical_xor": "({a} != 0) != ({b} != 0)",
    "maximum": "maximum({a}, {b})",
    "minimum": "minimum({a}, {b})",
    "multiply": "{a} * {b}",
    "not_equal": "{a} != {b}",
    "power": "F(pow)({a}, {b})",
    "subtract": "{a} - {b}",
    "true_divide": "{a} / {b}",
}
_REDUCTIONS = {"max": "maximum", "mean": "sum", "min": "minimum", "sum": "sum"}


class _Call:
    """A call that is being written."""

    def __init__(self, source: Source, node: Node, args: Any, kwargs: dict[str, Any]) -> None:
        self.source, self.node, self.args, self.kwargs = source, node, args, kwargs
        self.function: str = node.operation.function_name
        self.given: dict[str, Any] = node.operation.arguments(args, kwargs)

    @property
    def shape(self) -> Shape:
        """The shape of a sample of the output."""
        tensor = self.node.outputs[0]
        if not tensor.shape or None in tensor.shape[1:]:
            raise self.refused()
        return tuple(extent or 0 for extent in tensor.shape[1:])

    def elementwise(self, text: str, *operands: Any) -> str:
        """A buffer with an expression of a, b and c for each number of the output."""
        shape = self.shape
        names = dict(zip("abc", (self.element(x, shape) for x in operands), strict=False))
        y = self.source.take(size_of(shape))
        self.source.used |= {name for name in HELPERS if f"{name}(" in text}
        value = text.format(**names)
        self.source.steps.append(f"for (i = 0; i < {size_of(shape)}; ++i) {y}[i] = {value};")
        for operand in operands:
            if isinstance(operand, Value):
                self.source.give(operand)
        return y

    def element(self, operand: Any, shape: Shape) -> str:
        """The number of an operand that belongs to number i of an output of that shape."""
        if isinstance(operand, Value):
            if len(operand.shape) != len(shape) + 1 or not self._is_exact(operand):
                raise self.refused()
            return f"{operand}[{_index(operand.sample, shape)}]"
        array = np.asarray(operand.numpy() if is_tensor(operand) else operand, self.source.dtype)
        if array.ndim > len(shape):
            if array.ndim > len(shape) + 1 or array.shape[0] != 1:
                raise self.refused()
            array = array[0]
        if array.size == 1:
            return self.source.literal(float(array.ravel()[0]))
        name = self.source.constant("constant", array)
        extents = (1,) * (len(shape) - array.ndim) + array.shape
        return f"{name}[{_index(extents, shape)}]"

    def _is_exact(self, x: Value) -> bool:
        exact = ("bool", "uint8", self.source.dtype)
        return x.dtype in (*exact, "int32") if self.source.double else x.dtype in exact

    def refused(self) -> NotImplementedError:
        return refused(self.node.operation, "C")


def _index(extents: Shape, shape: Shape) -> str:
    """Where number i of an output comes from in an operand that is broadcast to it."""
    if extents == shape:
        return "i"
    parts = []
    for axis, extent in enumerate(extents):
        if extent > 1:
            inner, step = size_of(shape[axis + 1 :]), size_of(extents[axis + 1 :])
            place = f"i / {inner} % {extent}" if inner > 1 else f"i % {extent}"
            parts.append(f"{place} * {step}" if step > 1 else place)
    return " + ".join(parts) or "0"


def write(source: Source, node: Node, args: Any, kwargs: dict[str, Any]) -> list[Value]:
    """Adds the steps of a call of a function of `lamina.ops`.

    Args:
        source: What has been written so far.
        node: The call.
        args: Its arguments, with buffers in them, of each of which one use ends here.
        kwargs: Its keyword arguments.

    Raises:
        NotImplementedError: If it cannot be written; the message names the function.
    """
    call = _Call(source, node, args, kwargs)
    names = _moved(call) if call.function in MOVES else [_written(call)]
    return [
        Value(name, tensor.shape, tensor.dtype)
        for name, tensor in zip(names, node.outputs, strict=True)
    ]


def _written(call: _Call) -> str:
    function, given = call.function, call.given
    if function in _UNARY:
        return call.elementwise(_UNARY[function], next(iter(given.values())))
    if function in _BINARY:
        if call.node.outputs[0].dtype not in ("bool", call.source.dtype):
            raise call.refused()  # sums of integers
        return call.elementwise(_BINARY[function], *list(given.values())[:2])
    if function in _REDUCTIONS:
        return _reduced(call)
    if function in FUNCTIONS:
        return _activation(call)
    special = _SPECIAL.get(function)
    if special is None:
        raise call.refused()
    return special(call)


def _activation(call: _Call) -> str:
    kind, config = activation_of(call.node.operation, call.given)
    x = next(value for value in call.given.values() if isinstance(value, Value))
    if x.dtype != call.source.dtype:
        raise call.refused()
    if kind in ("LeakyReLU", "ELU"):
        name = {"LeakyReLU": "leaky_relu", "ELU": "elu"}[kind]
        given = activations.get({"class_name": kind, "config": {"name": name, **config}})
        return add_function(call.source, name, specification(given), x, x.sample)
    axis = config.get("axis", -1)
    if kind == "Softmax":
        kind = "softmax"
    function = specification(activations.get(kind))
    rank = len(x.shape)
    if not isinstance(axis, int) or axis % rank == 0:
        raise call.refused()
    order = exchanged(rank - 1, axis % rank - 1)
    shape = x.sample
    after = [shape[place] for place in order]
    y = permuted(call.source, x, shape, order)
    y = add_function(call.source, call.node.operation.name, function, y, after)
    return permuted(call.source, y, after, order)


def _reduced(call: _Call) -> str:
    given, x = call.given, call.given["x"]
    axes = axes_of(given["axis"], len(x.shape))
    special = given.get("initial") is not None or given.get("dtype") is not None
    if 0 in axes or special or x.dtype != call.source.dtype:
        raise call.refused()
    return _over(call.source, x, x.sample, [axis - 1 for axis in axes], call.function)


def _over(source: Source, x: str, shape: Shape, axes: list[int], function: str) -> str:
    """A reduction along axes of a sample, in the order of docs/numerics.md."""
    kept = [axis for axis in range(len(shape)) if axis not in axes]
    count, rest = size_of([shape[axis] for axis in axes]), size_of([shape[axis] for axis in kept])
    along_rows = len(shape) - 1 in axes
    moved = permuted(source, x, shape, [*kept, *axes] if along_rows else [*axes, *kept])
    y = source.take(rest)
    kind = _REDUCTIONS[function]
    step, place = (1, f"i * {count}") if along_rows else (rest, "i")
    if kind != "sum":
        source.used.add(f"{kind}_of")
        value = f"{kind}_of({count}, {step}, {moved} + {place})"
    elif along_rows:
        source.used.add("row_sum")
        value = f"row_sum({count}, {moved} + {place}, 0, 0)"
    else:
        source.used.add("column_sum")
        value = f"column_sum({count}, {step}, {moved} + {place})"
    if function == "mean":
        value += f" / (R){count}"
    source.steps.append(f"for (i = 0; i < {rest}; ++i) {y}[i] = {value};")
    source.give(moved)
    return y


def _round(call: _Call) -> str:
    if call.given["decimals"]:
        raise call.refused()
    return call.elementwise("F(rint)({a})", call.given["x"])


def _clip(call: _Call) -> str:
    given = call.given
    low = given["min"] if given["x_min"] is None else given["x_min"]
    high = given["max"] if given["x_max"] is None else given["x_max"]
    text, operands = "{a}", [given["x"]]
    for function, limit in (("maximum", low), ("minimum", high)):
        if limit is not None:
            text = f"{function}({text}, {{{'abc'[len(operands)]}}})"
            operands.append(limit)
    return call.elementwise(text, *operands)


def _where(call: _Call) -> str:
    given = call.given
    if call.node.outputs[0].dtype not in ("bool", call.source.dtype):
        raise call.refused()
    return call.elementwise("{a} != 0 ? {b} : {c}", given["condition"], given["x1"], given["x2"])


def _cast(call: _Call) -> str:
    x, dtype = call.given["x"], call.node.outputs[0].dtype
    if dtype in (call.source.dtype, x.dtype):  # integers were rounded when they were read
        return str(x)
    if dtype != "bool":
        raise call.refused()
    return call.elementwise("{a} != 0", x)


def _concatenate(call: _Call) -> str:
    axis = call.given["axis"]
    rank = len(call.node.outputs[0].shape)
    if axis is None or axis % rank == 0:
        raise call.refused()
    return _joined(call, list(call.given["xs"]), axis % rank - 1)


def _stack(call: _Call) -> str:
    axis = call.given["axis"] % len(call.node.outputs[0].shape)
    if axis == 0:
        raise call.refused()
    return _joined(call, list(call.given["x"]), axis - 1)


def _joined(call: _Call, inputs: list[Any], axis: int) -> str:
    """Inputs side by side along an axis of a sample."""
    source, shape = call.source, call.shape
    if not all(isinstance(x, Value) for x in inputs):
        raise call.refused()
    y = source.take(size_of(shape))
    outer, total, start = size_of(shape[:axis]), size_of(shape[axis:]), 0
    for x in inputs:
        part = size_of(x.sample) // max(outer, 1)
        place = f"i / {part} * {total} + i % {part}" if outer > 1 else "i"
        to = f"{y}[{start} + {place}]" if start else f"{y}[{place}]"
        source.steps.append(f"for (i = 0; i < {outer * part}; ++i) {to} = {x}[i];")
        start += part
    for x in inputs:
        source.give(x)
    return y


def _matmul(call: _Call) -> str:
    source = call.source
    x1, x2 = call.given["x1"], call.given["x2"]
    if not isinstance(x1, Value) or x1.dtype != source.dtype:
        raise call.refused()
    shape = x1.sample
    if isinstance(x2, Value):
        if len(x1.shape) != 3 or len(x2.shape) != 3 or x2.dtype != source.dtype:
            raise call.refused()
        return _product(source, x1, x2, (shape[0], shape[1], x2.sample[1]))
    array = np.asarray(x2.numpy() if is_tensor(x2) else x2, source.dtype)
    if array.ndim != 2 or not shape:
        raise call.refused()
    depth, columns = array.shape
    kernel = source.constant("matrix", array)
    return _product(source, x1, kernel, (size_of(shape[:-1]), depth, columns))


def _product(source: Source, x1: str, x2: str, sizes: tuple[int, int, int]) -> str:
    """A matrix product; x2 is a buffer or a constant."""
    rows, depth, columns = sizes
    y = source.take(rows * columns)
    source.add_dense(rows, depth, columns, x1, x2, "NULL", y)
    for x in (x1, x2):
        if source.is_buffer(x):
            source.give(x)
    return y


def _normalize(call: _Call) -> str:
    given, x = call.given, call.given["x"]
    if given["order"] != 2 or x.dtype != call.source.dtype or given["axis"] % len(x.shape) == 0:
        raise call.refused()
    least = 1e-12 if given["epsilon"] is None else given["epsilon"]
    axis = given["axis"] % len(x.shape) - 1
    return _normalized(call.source, x, x.sample, axis, least)


def _normalized(source: Source, x: str, shape: Shape, axis: int, least: float) -> str:
    """The numbers over their norm along an axis, and not times more than 1 / least."""
    size = size_of(shape)
    square = source.take(size)
    source.steps.append(f"for (i = 0; i < {size}; ++i) {square}[i] = {x}[i] * {x}[i];")
    total = _over(source, square, shape, [axis], "sum")
    source.used.add("maximum")
    spread = _index(tuple(1 if place == axis else e for place, e in enumerate(shape)), shape)
    y = source.take(size)
    factor = f"1 / F(sqrt)(maximum({total}[{spread}], {source.literal(least * least)}))"
    source.steps.append(f"for (i = 0; i < {size}; ++i) {y}[i] = {x}[i] * ({factor});")
    source.give(total)
    source.give(x)
    return y


_SPECIAL: dict[str, Callable[[_Call], str]] = {
    "cast": _cast,
    "clip": _clip,
    "concatenate": _concatenate,
    "matmul": _matmul,
    "normalize": _normalize,
    "round": _round,
    "stack": _stack,
    "where": _where,
}


def _moved(call: _Call) -> list[str]:
    moves = moves_of(call.node, call.args, call.kwargs)
    if moves is None:
        raise call.refused()
    x = next(value for value in call.given.values() if isinstance(value, Value))
    if len(moves) == 1 and moves[0].keeps_order(size_of(x.sample)):
        return [x]
    names = [_one_moved(call.source, x, move) for move in moves]
    call.source.give(x)
    return names


def _one_moved(source: Source, x: Value, move: Move) -> str:
    size = move.places.size
    y = source.take(size)
    found = move.strides()
    if found is None:
        table = source.table("places", move.places)
        place = f"{table}[i]"
    else:
        start, steps = found
        place = str(start)
        for axis, step in enumerate(steps):
            extent, inner = move.shape[axis], size_of(move.shape[axis + 1 :])
            if step:
                index = f"i / {inner}" if inner > 1 else "i"
                index += f" % {extent}" if axis else ""
                sign = "-" if step < 0 else "+"
                place += f" {sign} {index}" + (f" * {abs(step)}" if abs(step) > 1 else "")
        place = place.removeprefix("0 + ")
    source.steps.append(f"for (i = 0; i < {size}; ++i) {y}[i] = {x}[{place}];")
    return y


def write_dot(source: Source, layer: Any, inputs: Any) -> str:
    """The layer `Dot`: one matrix product, or a sum along a row for two rows."""
    x1, x2 = inputs
    first, second = layer._axes(x1.shape, x2.shape)
    depth = x1.shape[first]
    matrices: list[str] = []
    counts: list[int] = []
    for x, axis in ((x1, first - 1), (x2, second - 1)):
        shape = x.sample
        rest = [other for other in range(len(shape)) if other != axis]
        y = permuted(source, x, shape, [*rest, axis])
        count = size_of([shape[other] for other in rest])
        if layer.normalize:
            y = normalized_rows(source, y, count, depth, "unit", 0.0)
        matrices.append(y)
        counts.append(count)
    rows, columns = counts
    if rows == columns == 1:
        return _row_product(source, matrices[0], matrices[1], depth)
    kernel = permuted(source, matrices[1], (columns, depth), [1, 0])
    return _product(source, matrices[0], kernel, (rows, depth, columns))


def _row_product(source: Source, x1: str, x2: str, depth: int) -> str:
    """The sum of the products of two rows, each rounded."""
    product, y = source.take(depth), source.take(1)
    source.used.add("row_sum")
    source.steps.append(f"for (i = 0; i < {depth}; ++i) {product}[i] = {x1}[i] * {x2}[i];")
    source.steps.append(f"{y}[0] = row_sum({depth}, {product}, 0, 0);")
    for x in (x1, x2, product):
        source.give(x)
    return y
