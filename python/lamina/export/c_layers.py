"""Layers as steps of a C function: each reads one buffer and leaves its result in one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina.activations.resolve import specification
from lamina.export import c_normalizations
from lamina.export.c_activations import ROWS, body
from lamina.export.c_arrays import (
    exchanged,
    optional,
    permuted,
    size_of,
    weights_of,
)
from lamina.export.walk import Value, kind_of, refused
from lamina.layers.axes import sample_axis
from lamina.layers.preprocessing.rescaling import spread

if TYPE_CHECKING:
    from lamina.export.c_writer import Source

_Write = Callable[["Source", Any, Value], str]
#: Layers that do nothing in inference, or to the order of the numbers.
NOTHING = frozenset(
    {
        "ActivityRegularization",
        "AlphaDropout",
        "Dropout",
        "Flatten",
        "GaussianDropout",
        "GaussianNoise",
        "Identity",
        "Reshape",
        "SpatialDropout1D",
    }
)


def write_layer(source: Source, layer: Any, x: Value) -> Value:
    """Adds the steps of a layer.

    Args:
        source: What has been written so far.
        layer: The layer, built.
        x: The buffer with its input, of which one use ends here.

    Returns:
        The buffer with its output.

    Raises:
        NotImplementedError: If the layer cannot be written; the message names it.
    """
    kind = kind_of(layer)
    shape = (x.shape[0], *layer._shape_after(x.sample))
    if kind in NOTHING:
        return Value(x, shape, x.dtype)
    if kind == "Sequential":
        return write_stack(source, layer.layers, x)
    write = LAYERS.get(kind)
    if write is None:
        raise refused(layer, "C")
    return Value(write(source, layer, x), shape, x.dtype)


def write_stack(source: Source, layers: Any, x: Value) -> Value:
    """Adds the steps of layers, one after the other."""
    for layer in layers:
        x = write_layer(source, layer, x)
    return x


# Orders of axes.


def _permute(source: Source, layer: Any, x: Value) -> str:
    return permuted(source, x, x.sample, [axis - 1 for axis in layer.dims])


def _repeat(source: Source, layer: Any, x: Value) -> str:
    size = size_of(x.sample)
    y = source.take(size * layer.n)
    source.steps.append(f"for (i = 0; i < {size * layer.n}; ++i) {y}[i] = {x}[i % {size}];")
    source.give(x)
    return y


# Products.


def _dense(source: Source, layer: Any, x: Value) -> str:
    y = _product(source, layer, x)
    return add_function(
        source, layer.name, specification(layer.activation), y, (*x.sample[:-1], layer.units)
    )


def _product(source: Source, layer: Any, x: Value) -> str:
    """x @ kernel + bias."""
    shape = x.sample
    depth, units, rows = shape[-1], layer.units, size_of(shape[:-1])
    kernel = source.constant("kernel", weights_of(layer)["kernel"])
    bias = optional(source, layer, "bias")
    y = source.take(rows * units)
    source.add_dense(rows, depth, units, x, kernel, bias, y)
    source.give(x)
    return y


def _einsum_dense(source: Source, layer: Any, x: Value) -> str:
    """Permutations around a product for each group, as cpp/nn/network_einsum.cpp has it."""
    shape = x.sample
    plan = layer._plan(shape)
    extents = dict(zip(plan.input + plan.kernel, (*shape, *plan.kernel_shape), strict=True))
    groups = [c for c in plan.kernel if c in plan.input and c in plan.output]
    deep = [c for c in plan.kernel if c in plan.input and c not in plan.output]
    columns = [c for c in plan.kernel if c not in plan.input]
    rows = [c for c in plan.input if c not in plan.kernel]
    count = {
        name: size_of([extents[c] for c in labels])
        for name, labels in (("rows", rows), ("groups", groups), ("deep", deep), ("out", columns))
    }
    order = [plan.kernel.index(c) for c in (*groups, *deep, *columns)]
    kernel = source.constant("kernel", weights_of(layer)["kernel"].transpose(order))
    moved = permuted(source, x, shape, [plan.input.index(c) for c in (*rows, *groups, *deep)])
    y = source.take(count["rows"] * count["groups"] * count["out"])
    source.add_dense(
        count["rows"], count["deep"], count["out"], moved, kernel, "NULL", y, count["groups"]
    )
    source.give(moved)
    answered = [*rows, *groups, *columns]
    answer = [extents[c] for c in answered]
    y = permuted(source, y, answer, [answered.index(c) for c in plan.output])
    weights = weights_of(layer)
    if "bias" in weights:
        size = size_of(plan.output_shape)
        last = plan.output_shape[len(plan.output_shape) - weights["bias"].ndim :]
        values = np.broadcast_to(weights["bias"], last)
        bias = source.constant("bias", values)
        source.steps.append(f"for (i = 0; i < {size}; ++i) {y}[i] += {bias}[i % {values.size}];")
    return add_function(source, layer.name, specification(layer.activation), y, plan.output_shape)


def _embedding(source: Source, layer: Any, x: Value) -> str:
    source.used.add("look_up")
    entries, width = layer.input_dim, layer.output_dim
    table = source.constant("embeddings", layer.weights[0].numpy())
    count = size_of(x.sample)
    y = source.take(count * width)
    source.steps.append(f"look_up({count}, {entries}, {width}, {table}, {x}, {y});")
    source.give(x)
    return y


# Functions of each number, or of each row.


def _activation(source: Source, layer: Any, x: Value) -> str:
    return add_function(source, layer.name, specification(layer.activation), x, x.sample)


def _activation_layer(source: Source, layer: Any, x: Value) -> str:
    return add_function(source, layer.name, layer.activation_specification(), x, x.sample)


def _softmax(source: Source, layer: Any, x: Value) -> str:
    shape = x.sample
    order = exchanged(len(shape), sample_axis(layer.name, layer.axis, shape))
    after = [shape[axis] for axis in order]
    y = permuted(source, x, shape, order)
    y = add_function(source, layer.name, layer.activation_specification(), y, after)
    return permuted(source, y, after, order)


def add_function(source: Source, layer: str, function: Any, x: str, shape: Sequence[int]) -> str:
    """Adds an activation function, which is applied in place.

    Args:
        source: What has been written so far.
        layer: The name of the layer, for messages.
        function: What the core has of the function.
        x: The buffer, of which one use ends.
        shape: The shape of a sample; functions of rows work on those along its last axis.

    Returns:
        The buffer with the results.
    """
    size, width = size_of(shape), shape[-1] if shape else 1
    if function.kind == "linear":
        return x
    x = source.writable(x, size)
    if function.kind in ROWS:
        source.used.add(function.kind)
        source.parts = max(source.parts, width)
        source.steps.append(
            f"for (i = 0; i < {size // width}; ++i) "
            f"{function.kind}({width}, parts, {x} + i * {width});"
        )
        return x
    try:
        text = body(function, source.literal, source.double)
    except NotImplementedError as error:
        raise NotImplementedError(f"{error} of layer '{layer}'") from None
    if text is None:
        return x
    name = source.function(function.kind, text)
    source.steps.append(f"for (i = 0; i < {size}; ++i) {x}[i] = {name}({x}[i]);")
    return x


def _prelu(source: Source, layer: Any, x: Value) -> str:
    alpha = layer.weights[0].numpy()
    name = source.constant("alpha", alpha)
    size = size_of(x.sample)
    y = source.writable(x, size)
    source.steps.append(
        f"for (i = 0; i < {size}; ++i) "
        f"if (!({y}[i] > 0)) {y}[i] = {name}[i % {alpha.size}] * {y}[i];"
    )
    return y


def _rescale(source: Source, layer: Any, x: Value, divide: bool, a: Any, b: Any) -> str:
    """x * a + b, or (x - a) / b; each operation rounded."""
    shape = x.sample
    names = [
        source.constant(name, np.asarray(spread(layer.name, name, value, shape), source.dtype))
        for name, value in (("first", a), ("second", b))
    ]
    first, second = (f"{name}[i]" for name in names)
    y = source.writable(x, size_of(shape))
    value = f"({y}[i] - {first}) / {second}" if divide else f"{y}[i] * {first} + {second}"
    source.steps.append(f"for (i = 0; i < {size_of(shape)}; ++i) {y}[i] = {value};")
    return y


def _rescaling(source: Source, layer: Any, x: Value) -> str:
    return _rescale(source, layer, x, False, layer._scale, layer._offset)


def _normalization(source: Source, layer: Any, x: Value) -> str:
    mean, deviation = layer._statistics()
    if layer.invert:
        return _rescale(source, layer, x, False, deviation, mean)
    return _rescale(source, layer, x, True, mean, deviation)


# Layers of layers.


def _residual(source: Source, layer: Any, x: Value) -> str:
    source.share(x, 1)
    y = write_stack(source, layer._layers, x)
    kept: str = x if layer.projection is None else _dense(source, layer.projection, x)
    size = size_of(y.sample)
    to = source.writable(y, size)
    source.steps.append(f"for (i = 0; i < {size}; ++i) {to}[i] += {kept}[i];")
    source.give(kept)
    return to


def _spectral(source: Source, layer: Any, x: Value) -> str:
    return write_layer(source, layer.layer, x)  # its kernel is normalized in training only


LAYERS: dict[str, _Write] = {
    "Activation": _activation,
    "BatchNormalization": c_normalizations.batch_normalization,
    "Dense": _dense,
    "ELU": _activation_layer,
    "EinsumDense": _einsum_dense,
    "Embedding": _embedding,
    "GroupNormalization": c_normalizations.group_normalization,
    "LayerNormalization": c_normalizations.layer_normalization,
    "LeakyReLU": _activation_layer,
    "Normalization": _normalization,
    "PReLU": _prelu,
    "Permute": _permute,
    "RMSNormalization": c_normalizations.rms_normalization,
    "ReLU": _activation_layer,
    "RepeatVector": _repeat,
    "Rescaling": _rescaling,
    "Residual": _residual,
    "Softmax": _softmax,
    "SpectralNormalization": _spectral,
    "UnitNormalization": c_normalizations.unit_normalization,
}
