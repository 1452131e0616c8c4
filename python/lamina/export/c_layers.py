"""Layers as steps of a C function: each reads one buffer and leaves its result in one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina._typing import Array, Shape
from lamina.activations.resolve import specification
from lamina.export.c_activations import ROWS, body
from lamina.layers.axes import reduced_axes, sample_axis
from lamina.layers.preprocessing.rescaling import spread

if TYPE_CHECKING:
    from lamina.export.c_source import Source

_Write = Callable[["Source", Any, str], str]
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


def write_layer(source: Source, layer: Any, x: str) -> str:
    """Adds the steps of a layer.

    Args:
        source: What has been written so far.
        layer: The layer, built.
        x: The buffer with its input, which may be overwritten or given back.

    Returns:
        The buffer with its output.

    Raises:
        NotImplementedError: If the layer cannot be written; the message names it.
    """
    kind = type(layer).__name__
    if kind in NOTHING:
        return x
    write = LAYERS.get(kind)
    if write is None:
        raise NotImplementedError(
            "export: this layer cannot be written as C yet. "
            f"Received: layer '{layer.name}' of class {kind}"
        )
    return write(source, layer, x)


def write_stack(source: Source, model: Any, x: str) -> str:
    """Adds the steps of a model's layers."""
    for layer in model.layers:
        x = write_layer(source, layer, x)
    return x


def _sample(layer: Any) -> Shape:
    """The shape of an input sample."""
    return tuple(layer.input_shape[1:])


def _size(shape: Sequence[int]) -> int:
    return int(np.prod(shape, dtype="int64"))


def _weights(layer: Any) -> dict[str, Array]:
    return {variable.name: variable.numpy() for variable in layer.weights}


def _optional(source: Source, layer: Any, name: str) -> str:
    """The constant of a weight, or NULL without it."""
    weights = _weights(layer)
    return source.constant(name, weights[name]) if name in weights else "NULL"


# Orders of axes.


def _permuted(source: Source, x: str, shape: Sequence[int], order: Sequence[int]) -> str:
    """Axis i of the result is axis order[i]."""
    moving = [axis for axis in order if shape[axis] > 1]
    if moving == sorted(moving):
        return x
    strides = [_size(shape[axis + 1 :]) for axis in range(len(shape))]
    y = source.take(_size(shape))
    loops = "".join(
        f"for (size_t i{axis} = 0; i{axis} < {shape[axis]}; ++i{axis}) " for axis in moving
    )
    place = " + ".join(f"i{axis} * {strides[axis]}" for axis in moving)
    source.steps.append(f"{{ R *to = {y}; {loops}*to++ = {x}[{place}]; }}")
    source.give(x)
    return y


def _back(order: Sequence[int]) -> list[int]:
    return [order.index(axis) for axis in range(len(order))]


def _exchanged(rank: int, axis: int) -> list[int]:
    """The order with an axis and the last one exchanged."""
    order = list(range(rank))
    order[axis], order[-1] = order[-1], order[axis]
    return order


def _permute(source: Source, layer: Any, x: str) -> str:
    return _permuted(source, x, _sample(layer), [axis - 1 for axis in layer.dims])


def _repeat(source: Source, layer: Any, x: str) -> str:
    size = _size(_sample(layer))
    y = source.take(size * layer.n)
    source.steps.append(f"for (i = 0; i < {size * layer.n}; ++i) {y}[i] = {x}[i % {size}];")
    source.give(x)
    return y


# Products.


def _dense(source: Source, layer: Any, x: str) -> str:
    y = _product(source, layer, x)
    return _function(source, layer, specification(layer.activation), y, layer.output_shape[1:])


def _product(source: Source, layer: Any, x: str) -> str:
    """x @ kernel + bias."""
    shape = _sample(layer)
    depth, units, rows = shape[-1], layer.units, _size(shape[:-1])
    kernel = source.constant("kernel", _weights(layer)["kernel"])
    bias = _optional(source, layer, "bias")
    y = source.take(rows * units)
    source.add_dense(rows, depth, units, x, kernel, bias, y)
    source.give(x)
    return y


def _einsum_dense(source: Source, layer: Any, x: str) -> str:
    """Permutations around a product for each group, as cpp/nn/network_einsum.cpp has it."""
    shape = _sample(layer)
    plan = layer._plan(shape)
    extents = dict(zip(plan.input + plan.kernel, (*shape, *plan.kernel_shape), strict=True))
    groups = [c for c in plan.kernel if c in plan.input and c in plan.output]
    deep = [c for c in plan.kernel if c in plan.input and c not in plan.output]
    columns = [c for c in plan.kernel if c not in plan.input]
    rows = [c for c in plan.input if c not in plan.kernel]
    count = {
        name: _size([extents[c] for c in labels])
        for name, labels in (("rows", rows), ("groups", groups), ("deep", deep), ("out", columns))
    }
    order = [plan.kernel.index(c) for c in (*groups, *deep, *columns)]
    kernel = source.constant("kernel", _weights(layer)["kernel"].transpose(order))
    x = _permuted(source, x, shape, [plan.input.index(c) for c in (*rows, *groups, *deep)])
    y = source.take(count["rows"] * count["groups"] * count["out"])
    source.add_dense(
        count["rows"], count["deep"], count["out"], x, kernel, "NULL", y, count["groups"]
    )
    source.give(x)
    answered = [*rows, *groups, *columns]
    answer = [extents[c] for c in answered]
    y = _permuted(source, y, answer, [answered.index(c) for c in plan.output])
    weights = _weights(layer)
    if "bias" in weights:
        size = _size(plan.output_shape)
        last = plan.output_shape[len(plan.output_shape) - weights["bias"].ndim :]
        values = np.broadcast_to(weights["bias"], last)
        bias = source.constant("bias", values)
        source.steps.append(f"for (i = 0; i < {size}; ++i) {y}[i] += {bias}[i % {values.size}];")
    return _function(source, layer, specification(layer.activation), y, plan.output_shape)


def _embedding(source: Source, layer: Any, x: str) -> str:
    source.used.add("look_up")
    entries, width = layer.input_dim, layer.output_dim
    table = source.constant("embeddings", layer.weights[0].numpy())
    count = _size(_sample(layer))
    y = source.take(count * width)
    source.steps.append(f"look_up({count}, {entries}, {width}, {table}, {x}, {y});")
    source.give(x)
    return y


# Functions of each number, or of each row.


def _activation(source: Source, layer: Any, x: str) -> str:
    return _function(source, layer, specification(layer.activation), x, _sample(layer))


def _activation_layer(source: Source, layer: Any, x: str) -> str:
    return _function(source, layer, layer.activation_specification(), x, _sample(layer))


def _softmax(source: Source, layer: Any, x: str) -> str:
    shape = _sample(layer)
    order = _exchanged(len(shape), sample_axis(layer.name, layer.axis, shape))
    after = [shape[axis] for axis in order]
    y = _permuted(source, x, shape, order)
    y = _function(source, layer, layer.activation_specification(), y, after)
    return _permuted(source, y, after, order)


def _function(source: Source, layer: Any, function: Any, x: str, shape: Sequence[int]) -> str:
    """An activation function, in place."""
    size, width = _size(shape), shape[-1] if shape else 1
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
        raise NotImplementedError(f"{error} of layer '{layer.name}'") from None
    if text is not None:
        name = source.function(function.kind, text)
        source.steps.append(f"for (i = 0; i < {size}; ++i) {x}[i] = {name}({x}[i]);")
    return x


def _prelu(source: Source, layer: Any, x: str) -> str:
    alpha = layer.weights[0].numpy()
    name = source.constant("alpha", alpha)
    source.steps.append(
        f"for (i = 0; i < {_size(_sample(layer))}; ++i) "
        f"if (!({x}[i] > 0)) {x}[i] = {name}[i % {alpha.size}] * {x}[i];"
    )
    return x


def _rescale(source: Source, layer: Any, x: str, divide: bool, a: Any, b: Any) -> str:
    """x * a + b, or (x - a) / b; each operation rounded."""
    shape = _sample(layer)
    names = [
        source.constant(name, np.asarray(spread(layer.name, name, value, shape), source.dtype))
        for name, value in (("first", a), ("second", b))
    ]
    first, second = (f"{name}[i]" for name in names)
    value = f"({x}[i] - {first}) / {second}" if divide else f"{x}[i] * {first} + {second}"
    source.steps.append(f"for (i = 0; i < {_size(shape)}; ++i) {x}[i] = {value};")
    return x


def _rescaling(source: Source, layer: Any, x: str) -> str:
    return _rescale(source, layer, x, False, layer._scale, layer._offset)


def _normalization(source: Source, layer: Any, x: str) -> str:
    mean, deviation = layer._statistics()
    if layer.invert:
        return _rescale(source, layer, x, False, deviation, mean)
    return _rescale(source, layer, x, True, mean, deviation)


# Normalizations.


def _batch_normalization(source: Source, layer: Any, x: str) -> str:
    weights, shape = _weights(layer), _sample(layer)
    axis = sample_axis(layer.name, layer.axis, shape)
    variance = weights["moving_variance"]
    one, epsilon = np.asarray(1.0, source.dtype), np.asarray(layer.epsilon, source.dtype)
    inverse = one / np.sqrt(variance + epsilon)
    scale = weights["gamma"] * inverse if "gamma" in weights else inverse
    return _columns(source, x, shape, axis, weights["moving_mean"], scale, weights.get("beta"))


def _columns(
    source: Source, x: str, shape: Sequence[int], axis: int, mean: Any, scale: Any, beta: Any
) -> str:
    """(x - mean) * scale + beta along an axis; without a mean it is 0, without a beta, too."""
    features = shape[axis]
    source.used.add("columns")
    zeros = np.zeros(features, source.dtype)
    names = [
        source.constant(name, zeros if value is None else value)
        for name, value in (("mean", mean), ("scale", scale), ("shift", beta))
    ]
    source.steps.append(
        f"columns({_size(shape)}, {_size(shape[axis + 1 :])}, {features}, {', '.join(names)}, {x});"
    )
    return x


def _rows(
    source: Source,
    x: str,
    rows: int,
    columns: int,
    kind: str,
    epsilon: float,
    period: int = 1,
    gamma: str = "NULL",
    beta: str = "NULL",
) -> None:
    """Normalises rows in place; kinds as cpp/cpu/normalization/normalization.h has them."""
    source.used.add("normalize_rows")
    centred, varied = kind == "standard", kind in ("standard", "variance_only")
    bias = "-1" if kind == "unit" else source.literal(epsilon)
    source.steps.append(
        f"normalize_rows({rows}, {columns}, {period}, {centred:d}, {varied:d}, {bias}, "
        f"{gamma}, {beta}, {x});"
    )


def _over_axes(source: Source, layer: Any, x: str, kind: str, epsilon: float, factor: str) -> str:
    """A normalization over any axes of a sample."""
    shape = _sample(layer)
    axes, order = reduced_axes(layer.name, layer.axis, shape)
    order = order or list(range(len(shape)))
    after = [shape[axis] for axis in order]
    columns = _size([shape[axis] for axis in axes])
    x = _permuted(source, x, shape, order)
    gamma, beta = _optional(source, layer, factor), _optional(source, layer, "beta")
    _rows(source, x, _size(shape) // columns, columns, kind, epsilon, 1, gamma, beta)
    return _permuted(source, x, after, _back(order))


def _layer_normalization(source: Source, layer: Any, x: str) -> str:
    kind = "variance_only" if layer.rms_scaling else "standard"
    return _over_axes(source, layer, x, kind, layer.epsilon, "gamma")


def _rms_normalization(source: Source, layer: Any, x: str) -> str:
    return _over_axes(source, layer, x, "rms", layer.epsilon, "scale")


def _unit_normalization(source: Source, layer: Any, x: str) -> str:
    return _over_axes(source, layer, x, "unit", 0.0, "gamma")


def _group_normalization(source: Source, layer: Any, x: str) -> str:
    shape = _sample(layer)
    rank = len(shape)
    axis = sample_axis(layer.name, layer.axis, shape)
    features = shape[axis]
    groups = features if layer.groups == -1 else layer.groups
    if rank == 1:
        gamma, beta = _optional(source, layer, "gamma"), _optional(source, layer, "beta")
        each = features // groups
        _rows(source, x, groups, each, "standard", layer.epsilon, groups, gamma, beta)
        return x
    # The features last, then their groups first.
    order = _exchanged(rank, axis)
    after = [shape[place] for place in order]
    x = _permuted(source, x, shape, order)
    split = [*after[:-1], groups, features // groups]
    there = [rank - 1, *range(rank - 1), rank]
    x = _permuted(source, x, split, there)
    _rows(source, x, groups, _size(shape) // groups, "standard", layer.epsilon)
    x = _permuted(source, x, [split[place] for place in there], _back(there))
    weights = _weights(layer)
    if weights:
        scale = weights.get("gamma", np.ones(features, source.dtype))
        x = _columns(source, x, after, rank - 1, None, scale, weights.get("beta"))
    return _permuted(source, x, after, order)


# Layers of layers.


def _residual(source: Source, layer: Any, x: str) -> str:
    size = _size(_sample(layer))
    kept = source.take(size)
    source.steps.append(f"for (i = 0; i < {size}; ++i) {kept}[i] = {x}[i];")
    for inner in layer._layers:
        x = write_layer(source, inner, x)
    if layer.projection is not None:
        kept = _dense(source, layer.projection, kept)
    size = _size(layer.output_shape[1:])
    source.steps.append(f"for (i = 0; i < {size}; ++i) {x}[i] += {kept}[i];")
    source.give(kept)
    return x


def _spectral(source: Source, layer: Any, x: str) -> str:
    return write_layer(source, layer.layer, x)  # its kernel is normalized in training only


LAYERS: dict[str, _Write] = {
    "Activation": _activation,
    "BatchNormalization": _batch_normalization,
    "Dense": _dense,
    "ELU": _activation_layer,
    "EinsumDense": _einsum_dense,
    "Embedding": _embedding,
    "GroupNormalization": _group_normalization,
    "LayerNormalization": _layer_normalization,
    "LeakyReLU": _activation_layer,
    "Normalization": _normalization,
    "PReLU": _prelu,
    "Permute": _permute,
    "RMSNormalization": _rms_normalization,
    "ReLU": _activation_layer,
    "RepeatVector": _repeat,
    "Rescaling": _rescaling,
    "Residual": _residual,
    "Sequential": write_stack,
    "Softmax": _softmax,
    "SpectralNormalization": _spectral,
    "UnitNormalization": _unit_normalization,
}
