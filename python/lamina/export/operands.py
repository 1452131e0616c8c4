"""What both formats need to know of the arguments of functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina import ops
from lamina.export.walk import Value

#: Functions of `lamina.ops` that are activation functions.
FUNCTIONS = frozenset(
    (
        *("relu", "relu6", "leaky_relu", "elu", "selu", "celu", "sigmoid", "hard_sigmoid"),
        *("softplus", "softsign", "silu", "swish", "gelu", "mish", "softmax", "log_softmax"),
        *("hard_tanh", "hard_silu", "hard_swish", "log_sigmoid", "hard_shrink", "soft_shrink"),
        *("tanh_shrink", "sparse_plus", "sparse_sigmoid", "squareplus"),
    )
)
_LAYERS = {"leaky_relu": "LeakyReLU", "elu": "ELU", "softmax": "Softmax"}
_SETTINGS = ("negative_slope", "alpha", "axis")


def activation_of(operation: Any, given: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The name of an activation function and its configuration.

    Args:
        operation: The function.
        given: All its arguments by name.

    Raises:
        NotImplementedError: For settings that activation functions of layers do not have.
    """
    name = operation.function_name
    settings = {key: value for key, value in given.items() if not isinstance(value, Value)}
    if name == "gelu":
        return ("gelu_tanh" if settings["approximate"] else "gelu"), {}
    if name in _LAYERS:
        return _LAYERS[name], {key: settings[key] for key in _SETTINGS if key in settings}
    usual = {"axis": -1, "alpha": 1.0, "threshold": 0.5, "b": 4}
    for key, value in settings.items():
        if value != usual.get(key):
            raise NotImplementedError(
                f"export: `lamina.ops.{name}` is written with its usual settings only. "
                f"Received: {key}={value!r}"
            )
    return name, {}


def axes_of(axis: Any, rank: int) -> list[int]:
    """The axes of a reduction, counted from the first, in ascending order."""
    if axis is None:
        return list(range(rank))
    given = (axis,) if isinstance(axis, int) else tuple(axis)
    return sorted(int(each) % rank for each in given)


def promoted(operands: Any) -> str:
    """The type in which values, constants and numbers are compared."""
    parts: list[Any] = []
    for operand in operands:
        if isinstance(operand, (bool, int, float)):
            parts.append(operand)
        else:
            parts.append(operand.dtype if isinstance(operand, Value) else _type(operand))
    return str(ops.result_type(*parts))


def _type(operand: Any) -> str:
    return str(getattr(operand, "dtype", np.asarray(operand).dtype))
