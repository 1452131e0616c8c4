"""A dense network as an ONNX model, written by hand: a few protobuf fields, no dependency."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

_FLOAT = 1
_OPERATORS = {"relu": "Relu", "tanh": "Tanh", "sigmoid": "Sigmoid"}


def _varint(n: int) -> bytes:
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes | str) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | 2) + _varint(len(raw)) + raw


def _tensor(name: str, array: npt.NDArray[np.float32]) -> bytes:
    dimensions = b"".join(_number(1, extent) for extent in array.shape)
    raw = np.ascontiguousarray(array, "<f4").tobytes()
    return dimensions + _number(2, _FLOAT) + _bytes(8, name) + _bytes(9, raw)


def _node(operator: str, inputs: Sequence[str], output: str) -> bytes:
    return b"".join(_bytes(1, name) for name in inputs) + _bytes(2, output) + _bytes(4, operator)


def _value(name: str, columns: int) -> bytes:
    shape = _bytes(1, _bytes(2, "rows")) + _bytes(1, _number(1, columns))
    kind = _bytes(1, _number(1, _FLOAT) + _bytes(2, shape))
    return _bytes(1, name) + _bytes(2, kind)


def encode_network(
    weights: Sequence[tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]], activation: str
) -> bytes:
    """Encodes a stack of dense layers.

    Args:
        weights: Kernel ``[inputs, units]`` and bias ``[units]`` of each layer.
        activation: Between the layers: "linear", "relu", "tanh" or "sigmoid".

    Returns:
        A model with the input "x" and the output "y", any number of rows each.
    """
    graph = b""
    tensors = b""
    at = "x"
    for i, (kernel, bias) in enumerate(weights):
        last = i == len(weights) - 1
        plain = last or activation == "linear"
        product = "y" if last else f"z{i}"
        graph += _bytes(1, _node("Gemm", (at, f"w{i}", f"b{i}"), product))
        at = product
        if not plain:
            at = f"a{i}"
            graph += _bytes(1, _node(_OPERATORS[activation], (product,), at))
        tensors += _bytes(5, _tensor(f"w{i}", kernel)) + _bytes(5, _tensor(f"b{i}", bias))
    graph += _bytes(2, "network") + tensors
    graph += _bytes(11, _value("x", weights[0][0].shape[0]))
    graph += _bytes(12, _value("y", weights[-1][0].shape[1]))
    operators = _bytes(1, "") + _number(2, 13)
    return _number(1, 8) + _bytes(2, "lamina") + _bytes(7, graph) + _bytes(8, operators)
