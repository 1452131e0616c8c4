"""Models as one C99 file: weights and forward pass, with no dependency but libm.

Everything that is made of single operations, fused multiply-adds, divisions and square roots is
computed in lamina's own order (docs/numerics.md), so it gives lamina's own bits wherever `fma` is
IEEE's. Functions such as tanh and exp are libm's and differ in the last places.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np

import lamina._core as _core
from lamina.export import c_operations
from lamina.export.c_functions import texts
from lamina.export.c_layers import LAYERS, NOTHING, write_layer
from lamina.export.c_writer import Source
from lamina.export.walk import (
    Value,
    check_inference,
    function_of,
    inlined,
    input_names,
    kind_of,
    output_names,
    refused,
    walk,
)
from lamina.graph import tree
from lamina.graph.function import Function
from lamina.graph.inference import STAND_INS
from lamina.graph.node import Node

_HEADER = """\
/* {title}
 *
 * Written by lamina {version}. C99, reentrant, no memory from the heap; link with libm.
 * void {signature}: one sample, {inputs} in,
 * {outputs} out.
 */
#include <math.h>
#include <stddef.h>
{include}
/* Nothing is fused but what calls fma. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("fp-contract=off")
#else
#pragma STDC FP_CONTRACT OFF
#endif

{sizes}
typedef {real} R;
#define F(function) {call}

"""
#: The types of inputs in C; of numbers of the model's type it is that type.
_TYPES = {
    **{f"int{bits}": f"int{bits}_t" for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": f"uint{bits}_t" for bits in (8, 16, 32, 64)},
    "bool": "uint8_t",
}


class _Array(NamedTuple):
    """An argument of the C function."""

    name: str
    macro: str
    type: str
    size: int
    buffer: str


def encode(model: Any) -> bytes:
    """The content of a C file that computes what `model.predict` does, one sample at a time.

    Several inputs and outputs are arguments in their order, named after the model's.

    Raises:
        ValueError: If the model is not built, or a weight is not finite.
        NotImplementedError: For layers, functions and types that cannot be written; the message
            names them.
    """
    function = function_of(model)
    source = Source(model.dtype == "float64")
    names = input_names(model, function)
    inputs, values = [], []
    for name, tensor in zip(_distinct("x", names), function.inputs, strict=True):
        size = _size(tensor.shape)
        value = Value(source.take(size), (None, *tensor.shape[1:]), _read_type(source, tensor))
        values.append(value)
        inputs.append(_Array(name, "INPUTS", _c_type(source, tensor), size, value))
    loads = [
        f"for (i = 0; i < {each.size}; ++i) {each.buffer}[i] = "
        + ("" if each.type in ("float", "double") else "(R)")
        + f"{each.name}[i];"
        for each in inputs
    ]
    results = _write_function(source, function, values)
    real = "double" if source.double else "float"
    outputs = []
    for name, value in zip(_distinct("y", output_names(model, function)), results, strict=True):
        if value.dtype not in ("bool", source.dtype):
            raise NotImplementedError(
                "export: outputs of C files are floating point numbers. "
                f"Received: an output of type {value.dtype}"
            )
        outputs.append(_Array(name, "OUTPUTS", real, _size(value.shape), value))
    name = _identifier(model.name)
    arguments = [f"const {_short(each, real)} *{each.name}" for each in inputs]
    arguments += [f"{_short(each, real)} *{each.name}" for each in outputs]
    signature = f"{name}_predict({', '.join(arguments)})"
    integers = any(each.type.endswith("_t") for each in inputs)
    header = _HEADER.format(
        title=name,
        version=_core.__version__,
        signature=signature.replace("R *", f"{real} *"),
        inputs=_amounts(inputs),
        outputs=_amounts(outputs),
        include="#include <stdint.h>\n" if integers else "",
        sizes=_sizes(name.upper(), inputs) + _sizes(name.upper(), outputs),
        real=real,
        call="function" if source.double else "function##f",
    )
    buffers = ", ".join(f"b{place}[{size}]" for place, size in enumerate(source.sizes))
    stores = [f"for (i = 0; i < {y.size}; ++i) {y.name}[i] = {y.buffer}[i];" for y in outputs]
    lines = "\n".join(f"  {step}" for step in [*loads, *source.steps, *stores])
    predict = (
        f"void {signature};\nvoid {signature} {{\n"
        f"  R {buffers}, parts[{source.parts}];\n"
        f"  size_t i;\n  (void)parts;\n{lines}\n}}\n"
    )
    functions = "".join(f"{text}\n" for text in texts(source.used))
    functions += "".join(source.functions.values())
    return (header + "".join(source.constants) + "\n" + functions + predict).encode("ascii")


def _write_function(source: Source, function: Function, values: list[Value]) -> list[Value]:
    def write(node: Node, args: Any, kwargs: dict[str, Any]) -> list[Value]:
        return _write_call(source, node, args, kwargs)

    def count(value: Value, uses: int) -> None:
        source.share(value, uses - 1)

    return walk(function, values, write, count)


def _write_call(source: Source, node: Node, args: Any, kwargs: dict[str, Any]) -> list[Value]:
    operation = node.operation
    for tensor in node.outputs:
        if tensor.dtype in ("float32", "float64") and tensor.dtype != source.dtype:
            raise NotImplementedError(
                f"export: all numbers of a C file have one type, here {source.dtype}. "
                f"Received: {tensor.dtype} of '{operation.name}'"
            )
    if hasattr(operation, "settings"):
        return c_operations.write(source, node, args, kwargs)
    check_inference(node)
    kind = kind_of(operation)
    if kind == "Dot":
        name: str = c_operations.write_dot(source, operation, args[0])
    elif kind in LAYERS or kind in NOTHING:
        name = write_layer(source, operation, args[0])
    elif hasattr(operation, "layers") or not operation._native:
        inside = inlined(operation, args, kwargs)
        return _write_function(source, inside, tree.flatten(args[0]))
    else:
        raise refused(operation, "C")
    return [Value(name, node.outputs[0].shape, node.outputs[0].dtype)]


def _size(shape: tuple[int | None, ...]) -> int:
    return int(np.prod([extent for extent in shape[1:] if extent is not None], dtype="int64"))


def _identifier(name: str) -> str:
    name = re.sub(r"\W", "_", name, flags=re.ASCII)
    return name if not name[0].isdigit() else f"model_{name}"


def _distinct(prefix: str, names: list[str]) -> list[str]:
    """Names of arguments: x or y alone, else with the model's names behind."""
    if len(names) == 1:
        return [prefix]
    found: list[str] = []
    for name in names:
        word = f"{prefix}_{re.sub(r'[^0-9A-Za-z_]', '_', name)}"
        while word in found:
            word += "_"
        found.append(word)
    return found


def _c_type(source: Source, tensor: Any) -> str:
    if tensor.dtype in ("float32", "float64"):
        return "double" if source.double else "float"
    if tensor.dtype not in _TYPES:
        raise NotImplementedError(
            "export: inputs of C files are numbers of types that C has. "
            f"Received: an input of type {tensor.dtype}"
        )
    return _TYPES[tensor.dtype]


def _read_type(source: Source, tensor: Any) -> str:
    floating = tensor.dtype in ("float32", "float64")
    return source.dtype if floating else STAND_INS.get(tensor.dtype, tensor.dtype)


def _short(each: _Array, real: str) -> str:
    return "R" if each.type == real else each.type


def _amounts(arrays: list[_Array]) -> str:
    return " and ".join(f"{each.size} numbers" for each in arrays)


def _sizes(prefix: str, arrays: list[_Array]) -> str:
    if len(arrays) == 1:
        return f"#define {prefix}_{arrays[0].macro} {arrays[0].size}\n"
    return "".join(f"#define {prefix}_{each.name.upper()} {each.size}\n" for each in arrays)
