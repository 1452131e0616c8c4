"""Normalizations as steps of a C function; formulas as cpp/cpu/normalization/normalization.h."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina.export.c_arrays import (
    exchanged,
    inverse_order,
    optional,
    permuted,
    size_of,
    weights_of,
)
from lamina.layers.axes import reduced_axes, sample_axis

if TYPE_CHECKING:
    from lamina.export.c_writer import Source
    from lamina.export.walk import Value


def batch_normalization(source: Source, layer: Any, x: Value) -> str:
    """By moving averages: (x - mean) * scale + beta."""
    weights, shape = weights_of(layer), x.sample
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
    inner = size_of(shape[axis + 1 :])
    x = source.writable(x, size_of(shape))
    source.steps.append(f"columns({size_of(shape)}, {inner}, {features}, {', '.join(names)}, {x});")
    return x


def normalized_rows(
    source: Source,
    x: str,
    rows: int,
    columns: int,
    kind: str,
    epsilon: float,
    period: int = 1,
    gamma: str = "NULL",
    beta: str = "NULL",
) -> str:
    """Normalises rows; kinds as cpp/cpu/normalization/normalization.h has them."""
    source.used.add("normalize_rows")
    centred, varied = kind == "standard", kind in ("standard", "variance_only")
    x = source.writable(x, rows * columns)
    bias = "-1" if kind == "unit" else source.literal(epsilon)
    source.steps.append(
        f"normalize_rows({rows}, {columns}, {period}, {centred:d}, {varied:d}, {bias}, "
        f"{gamma}, {beta}, {x});"
    )
    return x


def _over_axes(source: Source, layer: Any, x: Value, kind: str, epsilon: float, factor: str) -> str:
    """A normalization over any axes of a sample."""
    shape = x.sample
    axes, order = reduced_axes(layer.name, layer.axis, shape)
    order = order or list(range(len(shape)))
    after = [shape[axis] for axis in order]
    columns = size_of([shape[axis] for axis in axes])
    y = permuted(source, x, shape, order)
    gamma, beta = optional(source, layer, factor), optional(source, layer, "beta")
    y = normalized_rows(
        source, y, size_of(shape) // columns, columns, kind, epsilon, 1, gamma, beta
    )
    return permuted(source, y, after, inverse_order(order))


def layer_normalization(source: Source, layer: Any, x: Value) -> str:
    """Of mean 0 and variance 1 over some axes of a sample."""
    kind = "variance_only" if layer.rms_scaling else "standard"
    return _over_axes(source, layer, x, kind, layer.epsilon, "gamma")


def rms_normalization(source: Source, layer: Any, x: Value) -> str:
    """X / sqrt(mean(x^2) + epsilon) * scale."""
    return _over_axes(source, layer, x, "rms", layer.epsilon, "scale")


def unit_normalization(source: Source, layer: Any, x: Value) -> str:
    """X / |x|, and not times more than 10^12."""
    return _over_axes(source, layer, x, "unit", 0.0, "gamma")


def group_normalization(source: Source, layer: Any, x: Value) -> str:
    """Features in groups, each normalized over all places of a sample."""
    shape = x.sample
    rank = len(shape)
    axis = sample_axis(layer.name, layer.axis, shape)
    features = shape[axis]
    groups = features if layer.groups == -1 else layer.groups
    if rank == 1:
        gamma, beta = optional(source, layer, "gamma"), optional(source, layer, "beta")
        each = features // groups
        return normalized_rows(
            source, x, groups, each, "standard", layer.epsilon, groups, gamma, beta
        )
    # The features last, then their groups first.
    order = exchanged(rank, axis)
    after = [shape[place] for place in order]
    y = permuted(source, x, shape, order)
    split = [*after[:-1], groups, features // groups]
    there = [rank - 1, *range(rank - 1), rank]
    y = permuted(source, y, split, there)
    y = normalized_rows(source, y, groups, size_of(shape) // groups, "standard", layer.epsilon)
    y = permuted(source, y, [split[place] for place in there], inverse_order(there))
    weights = weights_of(layer)
    if weights:
        scale = weights.get("gamma", np.ones(features, source.dtype))
        y = _columns(source, y, after, rank - 1, None, scale, weights.get("beta"))
    return permuted(source, y, after, order)
