"""Functions of `lamina.ops` in the core's plan."""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from lamina.activations import specification as spec
from lamina.graph.builder import Builder, NotInPlanError, Value

Rule = Callable[..., Any]


def lower(builder: Builder, name: str, arguments: dict[str, Any]) -> Any:
    """The values of a function's outputs.

    Args:
        builder: Adds operations to the plan.
        name: The function's name.
        arguments: All its arguments by name.

    Raises:
        NotInPlanError: If the plan cannot have it.
    """
    rule = _RULES.get(name)
    if rule is None:
        raise NotInPlanError(f"op {name}")
    for value in _values(arguments):
        if value.dtype != builder.dtype:
            raise NotInPlanError(f"op {name} of {value.dtype}")
    return rule(builder, **arguments)


def _values(nest: Any) -> list[Value]:
    if isinstance(nest, Value):
        return [nest]
    if isinstance(nest, dict):
        nest = list(nest.values())
    if isinstance(nest, (list, tuple)):
        return [value for item in nest for value in _values(item)]
    return []


def _value(x: Any) -> Value:
    if not isinstance(x, Value):
        raise NotInPlanError("op with an array among its arguments")
    return x


def _number(x: Any) -> float | None:
    """A number that does not change the type of what it is joined with."""
    if isinstance(x, (builtins.bool, int, float)):
        return float(x)
    return None


# Arithmetic.


def _binary(kind: str) -> Rule:
    def rule(b: Builder, x1: Any, x2: Any) -> Value:
        if isinstance(x1, Value) and isinstance(x2, Value):
            if len(x1.sample) != len(x2.sample):
                raise NotInPlanError(f"op {kind} of different ranks")
            return b.merge(kind, [x1, x2])
        first = isinstance(x2, Value)
        number = _number(x1 if first else x2)
        if number is None:
            raise NotInPlanError(f"op {kind} with an array")
        return b.number(kind, _value(x2 if first else x1), number, first)

    return rule


def _negative(b: Builder, x: Any) -> Value:
    return b.number("multiply", _value(x), -1.0)


def _square(b: Builder, x: Any) -> Value:
    return b.merge("multiply", [_value(x), _value(x)])


def _same(b: Builder, x: Any, **options: Any) -> Value:
    if any(value not in (None, b.dtype) for value in options.values()):
        raise NotInPlanError("op cast")
    return _value(x)


# Activations.


def _kind(kind: str) -> Rule:
    def rule(b: Builder, x: Any) -> Value:
        return b.activation(_value(x), spec.plain(kind))

    return rule


def _relu(b: Builder, x: Any) -> Value:
    return b.activation(_value(x), spec.relu("relu", 0.0, None, 0.0))


def _leaky_relu(b: Builder, x: Any, negative_slope: float) -> Value:
    return b.activation(_value(x), spec.leaky_relu("leaky_relu", negative_slope))


def _elu(b: Builder, x: Any, alpha: float) -> Value:
    return b.activation(_value(x), spec.elu("elu", alpha))


def _celu(b: Builder, x: Any, alpha: float) -> Value:
    return b.activation(_value(x), spec.celu("celu", alpha))


def _gelu(b: Builder, x: Any, approximate: bool) -> Value:
    return b.activation(_value(x), spec.plain("gelu_tanh" if approximate else "gelu"))


def _rows(kind: str) -> Rule:
    def rule(b: Builder, x: Any, axis: Any) -> Value:
        if not isinstance(axis, int):
            raise NotInPlanError(f"op {kind} over several axes")
        return b.activation(_value(x), spec.plain(kind), _axis(_value(x), axis))

    return rule


# Shapes. Axes count from the batch; those of samples from 0.


def _axis(x: Value, axis: Any, more: int = 0) -> int:
    """An axis of a sample."""
    rank = len(x.sample) + 1 + more
    if not isinstance(axis, int) or not -rank <= axis < rank:
        raise NotInPlanError(f"op along axis {axis!r}")
    if axis % rank == 0:
        raise NotInPlanError("op along the batch")
    return axis % rank - 1


def _axes(x: Value, axis: Any) -> list[int]:
    if axis is None:
        raise NotInPlanError("op along the batch")
    each = axis if isinstance(axis, (list, tuple)) else [axis]
    return sorted({_axis(x, one) for one in each})


def _concatenate(b: Builder, xs: Any, axis: Any) -> Value:
    values = [_value(x) for x in xs]
    return b.merge("concatenate", values, _axis(values[0], axis))


def _stack(b: Builder, x: Any, axis: Any) -> Value:
    values = [_value(each) for each in x]
    at = _axis(values[0], axis, 1)
    wide = [b.reshape(v, (*v.sample[:at], 1, *v.sample[at:])) for v in values]
    return b.merge("concatenate", wide, at)


def _part(b: Builder, x: Value, at: int, start: int, stop: int) -> Value:
    begin, count = [0] * len(x.sample), list(x.sample)
    begin[at], count[at] = start, stop - start
    return b.slice(x, begin, count, [1] * len(count))


def _split(b: Builder, x: Any, indices_or_sections: Any, axis: Any) -> list[Value]:
    value = _value(x)
    at = _axis(value, axis)
    extent = value.sample[at]
    if isinstance(indices_or_sections, int):
        size = extent // indices_or_sections
        bounds = [i * size for i in range(indices_or_sections + 1)]
    else:
        bounds = [0, *(int(i) for i in indices_or_sections), extent]
    if any(stop <= start for start, stop in pairwise(bounds)):
        raise NotInPlanError("op split into empty parts")
    return [_part(b, value, at, start, stop) for start, stop in pairwise(bounds)]


def _unstack(b: Builder, x: Any, num: Any, axis: Any) -> list[Value]:
    value = _value(x)
    at = _axis(value, axis)
    rest = (*value.sample[:at], *value.sample[at + 1 :])
    return [
        b.reshape(_part(b, value, at, place, place + 1), rest) for place in range(value.sample[at])
    ]


def _get_item(b: Builder, x: Any, key: Any) -> Value:
    value = _value(x)
    keys = list(key) if isinstance(key, (list, tuple)) else [key]
    taken = builtins.sum(each is not None and each is not Ellipsis for each in keys)
    rest = [slice(None)] * (len(value.sample) + 1 - taken)
    if any(each is Ellipsis for each in keys):
        at = next(place for place, each in enumerate(keys) if each is Ellipsis)
        keys[at : at + 1] = rest
    else:
        keys.extend(rest)
    first, *inner = keys
    if not isinstance(first, slice) or first not in (slice(None), slice(0, None)):
        raise NotInPlanError("op get_item along the batch")
    part: list[tuple[int, int, int]] = []
    shape: list[int] = []
    extents = iter(value.sample)
    for each in inner:
        if each is None:
            shape.append(1)
            continue
        extent = next(extents)
        if isinstance(each, slice):
            start, stop, stride = each.indices(extent)
            length = len(range(start, stop, stride))
            if stride < 0 or length == 0:
                raise NotInPlanError(f"op get_item with {each}")
            part.append((start, length, stride))
            shape.append(length)
        elif isinstance(each, int) and not isinstance(each, builtins.bool):
            if not -extent <= each < extent:
                raise NotInPlanError(f"op get_item with {each}")
            part.append((each % extent, 1, 1))
        else:
            raise NotInPlanError(f"op get_item with {type(each).__name__}")
    begin, count, step = zip(*part, strict=True)
    return b.reshape(b.slice(value, begin, count, step), shape)


def _reshape(b: Builder, x: Any, newshape: Any, copy: Any = None) -> Value:
    value = _value(x)
    target = [newshape] if isinstance(newshape, int) else [int(extent) for extent in newshape]
    total = math.prod(value.sample)
    sample = target[1:]
    if not target or target[0] != -1 or math.prod(sample) != total:
        raise NotInPlanError("op reshape of the batch")
    return b.reshape(value, sample)


def _expand_dims(b: Builder, x: Any, axis: Any) -> Value:
    value = _value(x)
    each = list(axis) if isinstance(axis, (list, tuple)) else [axis]
    places = {_axis(value, one, len(each)) for one in each}
    extents = iter(value.sample)
    rank = len(value.sample) + len(each)
    return b.reshape(value, [1 if at in places else next(extents) for at in range(rank)])


def _squeeze(b: Builder, x: Any, axis: Any) -> Value:
    value = _value(x)
    gone = _axes(value, axis)
    if any(value.sample[at] != 1 for at in gone):
        raise NotInPlanError("op squeeze")
    return b.reshape(value, [n for at, n in enumerate(value.sample) if at not in gone])


def _transpose(b: Builder, x: Any, axes: Any) -> Value:
    value = _value(x)
    if axes is None:
        raise NotInPlanError("op transpose of the batch")
    order = [int(axis) % (len(value.sample) + 1) for axis in axes]
    if order[:1] != [0]:
        raise NotInPlanError("op transpose of the batch")
    return b.permute(value, [axis - 1 for axis in order[1:]])


def _swapaxes(b: Builder, x: Any, axis1: Any, axis2: Any) -> Value:
    value = _value(x)
    order = list(range(len(value.sample)))
    first, second = _axis(value, axis1), _axis(value, axis2)
    order[first], order[second] = order[second], order[first]
    return b.permute(value, order)


def _moveaxis(b: Builder, x: Any, source: Any, destination: Any) -> Value:
    value = _value(x)
    sources = source if isinstance(source, (list, tuple)) else [source]
    targets = destination if isinstance(destination, (list, tuple)) else [destination]
    pairs = sorted(
        (_axis(value, t), _axis(value, s)) for s, t in zip(sources, targets, strict=True)
    )
    order = [axis for axis in range(len(value.sample)) if axis not in [s for _, s in pairs]]
    for target, origin in pairs:
        order.insert(target, origin)
    return b.permute(value, order)


# Reductions and products.


def _reduction(kind: str) -> Rule:
    def rule(b: Builder, x: Any, axis: Any, keepdims: bool, **options: Any) -> Value:
        if any(value is not None for value in options.values()):
            raise NotInPlanError(f"op {kind} with {sorted(options)}")
        value = _value(x)
        axes = _axes(value, axis)
        if len(axes) == len(value.sample) and not keepdims:
            raise NotInPlanError(f"op {kind} over all axes of a sample")
        return b.reduce(kind, value, axes, keepdims)

    return rule


def _matmul(b: Builder, x1: Any, x2: Any) -> Value:
    first, second = _value(x1), _value(x2)
    if len(first.sample) < 2 or len(first.sample) != len(second.sample):
        raise NotInPlanError("op matmul across the batch")
    if first.sample[-2] == second.sample[-1] == 1:  # the plan adds these up along a row, as Dot
        raise NotInPlanError("op matmul of a row and a column")
    return b.matmul(first, second)


_RULES: dict[str, Rule] = {
    "add": _binary("add"),
    "subtract": _binary("subtract"),
    "multiply": _binary("multiply"),
    "divide": _binary("divide"),
    "true_divide": _binary("divide"),
    "maximum": _binary("maximum"),
    "minimum": _binary("minimum"),
    "negative": _negative,
    "square": _square,
    "positive": _same,
    "copy": _same,
    "cast": _same,
    "relu": _relu,
    "leaky_relu": _leaky_relu,
    "elu": _elu,
    "celu": _celu,
    "gelu": _gelu,
    "softmax": _rows("softmax"),
    "log_softmax": _rows("log_softmax"),
    "concatenate": _concatenate,
    "stack": _stack,
    "split": _split,
    "unstack": _unstack,
    "get_item": _get_item,
    "reshape": _reshape,
    "expand_dims": _expand_dims,
    "squeeze": _squeeze,
    "transpose": _transpose,
    "permute_dims": _transpose,
    "swapaxes": _swapaxes,
    "moveaxis": _moveaxis,
    "sum": _reduction("sum"),
    "mean": _reduction("mean"),
    "max": _reduction("max"),
    "min": _reduction("min"),
    "matmul": _matmul,
}
for _name in (
    *("relu6", "selu", "sigmoid", "hard_sigmoid", "softplus", "softsign", "silu", "mish", "tanh"),
    *("sparse_plus", "sparse_sigmoid", "hard_tanh", "hard_silu", "tanh_shrink", "log_sigmoid"),
):
    _RULES[_name] = _kind(_name)
