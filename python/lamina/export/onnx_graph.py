"""ONNX graphs, written by hand: a few protobuf fields, no dependency.

The numbers of the fields are those of onnx.proto (IR version 8, operator set 17).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina.export.protobuf import data, number, real

_IR_VERSION, _OPERATOR_SET = 8, 17
_TYPES = {
    "float32": 1,
    "uint8": 2,
    "int8": 3,
    "uint16": 4,
    "int16": 5,
    "int32": 6,
    "int64": 7,
    "bool": 9,
    "float64": 11,
    "uint32": 12,
    "uint64": 13,
}
_OPERATORS = {"relu": "Relu", "tanh": "Tanh", "sigmoid": "Sigmoid"}


class Graph:
    """Nodes in the order in which they are computed, and their constants.

    Args:
        name: The graph's name.
        dtype: "float32" or "float64", the type of its numbers; it may be changed on the way.

    Example:
        >>> graph = Graph("halves", "float32")
        >>> graph.input("x", (2,))
        >>> y = graph.node("Mul", ["x", graph.constant("half", 0.5)], output="y")
        >>> graph.output(y, (2,))
        >>> len(graph.encode()) > 100
        True
    """

    def __init__(self, name: str, dtype: str) -> None:
        self._name = name
        self.dtype = dtype
        self._nodes = b""
        self._constants = b""
        self._inputs = b""
        self._outputs = b""
        self._taken: set[str] = set()
        self._reserved: dict[str, str] = {}
        self._known: dict[tuple[Any, ...], str] = {}

    def unique(self, name: str) -> str:
        """The name, or with a number behind it if it is taken; from now on it is taken."""
        result, count = name, 0
        while result in self._taken:
            count += 1
            result = f"{name}_{count}"
        self._taken.add(result)
        return result

    def reserve(self, names: Sequence[str]) -> None:
        """Keeps names for outputs: no other result is called so."""
        self._reserved = {name: self.unique(name) for name in names}

    def input(self, name: str, shape: Sequence[int | None], dtype: str | None = None) -> None:
        """Declares an input: any number of samples of a shape."""
        self._taken.add(name)
        self._inputs += data(11, self._value(name, shape, dtype or self.dtype))

    def output(self, name: str, shape: Sequence[int | None], dtype: str | None = None) -> None:
        """Declares what is an output."""
        self._outputs += data(12, self._value(name, shape, dtype or self.dtype))

    def result(
        self, x: str, name: str, shape: Sequence[int | None], dtype: str | None = None
    ) -> None:
        """Declares an output that has the value of `x`, under a name that was reserved."""
        unique = self._reserved[name]
        self._add("Identity", [x], [unique], {})
        self.output(unique, shape, dtype)

    def constant(self, name: str, value: Any, dtype: str | None = None) -> str:
        """Adds a constant and returns its name; one that is there already is used again.

        Args:
            name: What to call it; a number is added where another is called so.
            value: An array or a number, converted to the type.
            dtype: The graph's type by default.
        """
        array = np.asarray(value, dtype or self.dtype)
        kind = _TYPES[array.dtype.name]
        raw = array.astype(array.dtype.newbyteorder("<"), order="C").tobytes()
        key = (name, kind, array.shape, raw)
        if key in self._known:  # a layer that is called several times
            return self._known[key]
        unique = self._known[key] = self.unique(name)
        sizes = b"".join(number(1, extent) for extent in array.shape)
        self._constants += data(5, sizes + number(2, kind) + data(8, unique) + data(9, raw))
        return unique

    def node(self, operator: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """Adds an operation and returns the name of its result.

        Args:
            operator: One of ONNX' operators.
            inputs: Names of constants and results.
            output: What to call the result; a number is added where that is taken.
            **attributes: Integers, numbers, texts, or lists of integers.
        """
        unique = self.unique(output)
        self._add(operator, inputs, [unique], attributes)
        return unique

    def nodes(
        self, operator: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any
    ) -> list[str]:
        """Adds an operation of several results and returns their names."""
        names = [self.unique(output) for output in outputs]
        self._add(operator, inputs, names, attributes)
        return names

    def _add(
        self, operator: str, inputs: Sequence[str], outputs: Sequence[str], attributes: Any
    ) -> None:
        message = b"".join(data(1, name) for name in inputs)
        message += b"".join(data(2, name) for name in outputs)
        message += data(3, outputs[0]) + data(4, operator)
        for name, value in attributes.items():
            message += data(5, _attribute(name, value))
        self._nodes += data(1, message)

    def encode(self) -> bytes:
        """The file's content."""
        graph = self._nodes + data(2, self._name) + self._constants + self._inputs + self._outputs
        operators = data(1, "") + number(2, _OPERATOR_SET)
        return number(1, _IR_VERSION) + data(2, "lamina") + data(7, graph) + data(8, operators)

    def convert(self, x: str, dtype: str, name: str) -> str:
        """Adds a conversion to another type."""
        return self.node("Cast", [x], name, to=_TYPES[dtype])

    def _value(self, name: str, shape: Sequence[int | None], dtype: str) -> bytes:
        sizes = data(1, data(2, "batch"))
        for extent in shape:
            sizes += data(1, b"" if extent is None else number(1, extent))
        kind = number(1, _TYPES[dtype]) + data(2, sizes)
        return data(1, name) + data(2, data(1, kind))


def _attribute(name: str, value: Any) -> bytes:
    if isinstance(value, float):
        return data(1, name) + real(2, value) + number(20, 1)
    if isinstance(value, int):
        return data(1, name) + number(3, value) + number(20, 2)
    if isinstance(value, str):
        return data(1, name) + data(4, value) + number(20, 3)
    integers = b"".join(number(8, item) for item in value)
    return data(1, name) + integers + number(20, 7)


def encode_network(weights: Sequence[tuple[Any, Any]], activation: str) -> bytes:
    """Encodes a stack of dense layers.

    Args:
        weights: Kernel ``[inputs, units]`` and bias ``[units]`` of each layer.
        activation: Between the layers: "linear", "relu", "tanh" or "sigmoid".

    Returns:
        A model with the input "x" and the output "y", any number of rows each.
    """
    graph = Graph("network", "float32")
    graph.input("x", weights[0][0].shape[:1])
    at = "x"
    for index, (kernel, bias) in enumerate(weights):
        last = index == len(weights) - 1
        names = [at, graph.constant(f"w{index}", kernel), graph.constant(f"b{index}", bias)]
        at = graph.node("Gemm", names, "y" if last else f"z{index}")
        if not last and activation != "linear":
            at = graph.node(_OPERATORS[activation], [at], f"a{index}")
    graph.output(at, weights[-1][0].shape[1:])
    return graph.encode()
