"""Models from other models' configurations."""

from __future__ import annotations

from typing import Any

from lamina.models.sequential import Sequential
from lamina.saving.serialization import custom_object_scope, shorten


def clone_model(model: Any, input_tensors: Any = None, **unsupported: Any) -> Sequential:
    """A model with the same layers and weights of its own, freshly drawn.

    Args:
        model: The model to copy. It need not be compiled, and the copy is not.
        input_tensors: Not supported: None only.
        **unsupported: Keras' other arguments, which are not supported yet.

    Raises:
        NotImplementedError: For arguments that are not supported.
        TypeError: If `model` is not a `Sequential`.
    """
    if not isinstance(model, Sequential):
        raise TypeError(f"clone_model: a Sequential is needed. Received: {model!r}")
    if input_tensors is not None or len(unsupported) > 0:
        names = ", ".join([*unsupported] or ["input_tensors"])
        raise NotImplementedError(f"clone_model: arguments not supported yet. Received: {names}")
    return Sequential.from_config(model.get_config())


def model_from_json(json_string: str, custom_objects: dict[str, Any] | None = None) -> Sequential:
    """The model of what `Sequential.to_json` returned, with freshly drawn weights.

    Raises:
        ValueError: If it is not the JSON of a Sequential model.
    """
    import json

    try:
        data = json.loads(json_string)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"model_from_json: not valid JSON: {error}") from None
    if not isinstance(data, dict) or data.get("class_name") != "Sequential":
        raise ValueError(
            f"model_from_json: the JSON of a Sequential is needed. Received: {shorten(data)}"
        )
    with custom_object_scope(custom_objects):
        return Sequential.from_config(data.get("config"))
