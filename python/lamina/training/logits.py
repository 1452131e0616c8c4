"""Crossentropies that do not fit what the layer before them gives."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

from lamina import activations
from lamina.training.compile_config import CompileConfig

#: Layers whose outputs are what `activation` gives.
_ACTIVATED = frozenset(("Activation", "Dense", "EinsumDense"))
#: Layers that leave numbers as they are, apart from their place.
_PASSING = frozenset(
    (
        "ActivityRegularization",
        "Dropout",
        "Flatten",
        "Identity",
        "Permute",
        "RepeatVector",
        "Reshape",
    )
)


def kind_of_output(operations: Iterable[Any]) -> str | None:
    """What an output holds: "linear", "sigmoid" or "softmax"; None for anything else.

    Args:
        operations: The layers and functions that give it, the last first.
    """
    for operation in operations:
        function = getattr(operation, "function_name", None)
        if function in ("sigmoid", "softmax"):
            return str(function)
        name = type(operation).__name__
        if not getattr(operation, "_native", False):
            return None
        if name == "Softmax":
            return "softmax"
        if name in _ACTIVATED:
            kind = _kind_of_function(operation.activation)
            if kind != "linear" or name != "Activation":
                return kind
        elif name not in _PASSING:
            return None
    return None


def _kind_of_function(function: Any) -> str | None:
    if type(function).__name__ == "Softmax":
        return "softmax"
    known = {
        activations.linear: "linear",
        activations.sigmoid: "sigmoid",
        activations.softmax: "softmax",
    }
    return known.get(function)


def misfits(config: CompileConfig, chains: list[Iterable[Any]]) -> list[str]:
    """What is wrong with the losses of a model, in words.

    Args:
        config: The arguments of `compile`.
        chains: For each output the layers and functions that give it, the last first.
    """
    outputs = config.outputs or []
    if len(outputs) != len(chains):
        return []
    crossentropies = config.crossentropies()
    found = []
    for output, operations in zip(outputs, chains, strict=True):
        loss: Any = output.loss
        if loss not in crossentropies:
            continue
        from_logits = loss.from_logits
        kind = kind_of_output(operations)
        where = "The output" if len(outputs) == 1 else f"Output '{output.name}'"
        name = type(loss).__name__
        if not from_logits and kind == "linear":
            fitting = "sigmoid" if name.startswith("Binary") else "softmax"
            found.append(
                f"{where} has no activation, but loss '{loss.name}' takes probabilities: use "
                f"{name}(from_logits=True), or activation='{fitting}' in the last layer."
            )
        elif from_logits and kind in ("sigmoid", "softmax"):
            found.append(
                f"{where} is a {kind}, but loss '{loss.name}' has from_logits=True and applies "
                f"another: use {name}() without it, or no activation in the last layer."
            )
    return found


def warn_of_misfits(config: CompileConfig, chains: list[Iterable[Any]], stacklevel: int) -> bool:
    """Warns of all that is wrong, and tells whether anything is."""
    found = misfits(config, chains)
    if found:
        warnings.warn(" ".join(found), stacklevel=stacklevel + 1)
    return bool(found)
