"""What passes between an engine and the steps that a subclass defines."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina import _eager
from lamina.data.samples import Structure
from lamina.graph import tree
from lamina.variable import Variable


def pack(structure: Structure | None, x: list[Any], y: Any, weights: Any) -> Any:
    """A batch as `train_step` gets it: x, (x, y) or (x, y, sample_weight)."""
    if structure is None:
        packed = x[0], y and y[0], weights and weights[0]
    else:
        packed = (
            tree.pack(structure.x, x),
            None if y is None else tree.pack(structure.y, y),
            None if weights is None else tree.pack(structure.weights, weights),
        )
    if packed[2] is not None:
        return packed
    return packed[0] if packed[1] is None else packed[:2]


def unpack(data: Any) -> tuple[Any, Any, Any]:
    """x, y and weights of what `train_step` gets."""
    if not isinstance(data, tuple):
        return data, None, None
    x, y, weights = (*data, None, None)[:3]
    return x, y, weights


def numbers(logs: Any) -> dict[str, Any]:
    """The dictionary that a custom step returned, as numbers."""
    if not isinstance(logs, dict):
        raise TypeError(
            "`train_step` and `test_step` must return a dictionary of names to numbers. "
            f"Received: {type(logs).__name__}"
        )
    found: dict[str, Any] = {}
    for name, value in logs.items():
        array = np.asarray(value)
        found[name] = float(array) if array.ndim == 0 else array
    return found


def constrain(variables: list[Variable]) -> None:
    """Applies custom constraints."""
    for variable in variables:
        rule = variable.constraint
        if rule is not None and not rule.is_native():
            with _eager.unrecorded():
                variable.assign(rule(variable))
