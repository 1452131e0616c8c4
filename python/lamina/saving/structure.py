"""Names of weights in files, and those of a model that has the same weights under other names.

Automatic names count on within a process, so two models that one function made have different ones.
A file lists the names of its weights in the order of the model's structure, and that order matches
them with the model's.
"""

from __future__ import annotations

import json
from typing import Any

from lamina._typing import Array

#: The key of the list in a file's metadata.
KEY = "weights"


def listed(model: Any) -> str:
    """The names of a model's weights in their order, as JSON."""
    return json.dumps([variable.path for variable in model.weights] if model.built else [])


def names_in_model(
    model: Any, tensors: dict[str, Array], metadata: dict[str, str]
) -> dict[str, str]:
    """The names of weights in a file to those in a model; empty where they are the same.

    Args:
        model: The model, built.
        tensors: The file's tensors: "model/<name>" are the weights.
        metadata: The file's metadata.
    """
    mine = {variable.path: tuple(variable.shape) for variable in model.weights}
    try:
        theirs = json.loads(metadata.get(KEY, "[]"))
    except ValueError:
        return {}
    if not isinstance(theirs, list) or set(map(str, theirs)) == set(mine):
        return {}
    if len(theirs) != len(mine) or not all(f"model/{name}" in tensors for name in theirs):
        return {}
    shapes = [tuple(tensors[f"model/{name}"].shape) for name in theirs]
    return dict(zip(theirs, mine, strict=True)) if shapes == list(mine.values()) else {}


def renamed(tensors: dict[str, Array], names: dict[str, str]) -> dict[str, Array]:
    """Tensors of weights and of an optimizer's state under the model's names."""
    return {_renamed(key, names): value for key, value in tensors.items()} if names else tensors


def _renamed(key: str, names: dict[str, str]) -> str:
    kind, _, rest = key.partition("/")
    if kind == "model":
        return f"model/{names.get(rest, rest)}"
    slot, _, path = rest.partition("/")
    return f"optimizer/{slot}/{names[path]}" if kind == "optimizer" and path in names else key
