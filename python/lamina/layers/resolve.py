"""Layers as plain data and back."""

from __future__ import annotations

from typing import Any

from lamina.layers.layer import LAYERS, Layer
from lamina.registry import custom_object_scope, serialize_keras_object


def serialize(layer: Layer) -> Any:
    """A layer as plain data."""
    return serialize_keras_object(layer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Layer:
    """The layer of what `serialize` returned, or of a Keras configuration of the same layer.

    Raises:
        ValueError: For unknown classes and malformed configurations.
    """
    with custom_object_scope(custom_objects):
        layer = LAYERS.create(config)
    if not hasattr(layer, "_plan_into"):
        raise ValueError(f"A layer is needed. Received: {layer!r}")
    result: Layer = layer
    return result


def deserialize_operation(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The layer, model or function of `lamina.ops` that is called in a graph.

    Raises:
        ValueError: For unknown classes and malformed configurations.
    """
    module = str(config.get("module") or "") if isinstance(config, dict) else ""
    if module.rpartition(".")[2] == "ops":
        from lamina.ops.symbolic import OPERATIONS

        return OPERATIONS.create(config)
    return deserialize(config, custom_objects)
