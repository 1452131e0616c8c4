"""Models from other models' configurations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina.graph.config import function_from_config
from lamina.layers.input_layer import InputLayer
from lamina.layers.resolve import deserialize_operation
from lamina.models import functional
from lamina.models.model import Model
from lamina.models.sequential import Sequential
from lamina.registry import custom_object_scope, shorten


def clone_model(
    model: Any,
    input_tensors: Any = None,
    clone_function: Callable[[Any], Any] | None = None,
    call_function: None = None,
    recursive: bool = False,
    **unsupported: Any,
) -> Any:
    """A model with the same layers and weights of its own, freshly drawn.

    Args:
        model: The model to copy. It need not be compiled, and the copy is not.
        input_tensors: Not supported: None only.
        clone_function: Called with each layer; what it returns takes the layer's place. By
            default a layer of the same configuration.
        call_function: Not supported: None only.
        recursive: Whether `clone_function` is called with the layers of models inside, not with
            those models.
        **unsupported: Anything else is an error.

    Raises:
        NotImplementedError: For arguments that are not supported.
        TypeError: If `model` is neither a `Sequential` nor a graph of layers.
    """
    if not isinstance(model, Model) or (not isinstance(model, Sequential) and model._graph is None):
        raise TypeError(
            f"clone_model: a Sequential or a graph of layers is needed. Received: {model!r}"
        )
    given = {"input_tensors": input_tensors, "call_function": call_function, **unsupported}
    names = [name for name, value in given.items() if value is not None]
    if names:
        raise NotImplementedError(
            f"clone_model: arguments not supported yet. Received: {', '.join(names)}"
        )
    if clone_function is None:
        from lamina.saving.custom_objects import custom_objects

        return type(model).from_config(model.get_config(), custom_objects(model))
    if not isinstance(model, Sequential):
        return _cloned_graph(model, clone_function, recursive)
    copy = Sequential(name=model.name)
    if model._input is not None:
        copy.add(InputLayer.from_config(model._input.get_config()))
    inside: list[Any] = list(model.layers)
    for layer in inside:
        if recursive and isinstance(layer, Model):
            copy.add(clone_model(layer, clone_function=clone_function, recursive=True))
        else:
            copy.add(clone_function(layer))
    copy._trainable = model._trainable
    return copy


def _cloned_graph(model: Any, clone_function: Callable[[Any], Any], recursive: bool) -> Any:
    """The same graph of other layers."""
    layers = {layer.name: layer for layer in model.layers}

    def create(config: Any) -> Any:
        layer = layers.get(config["name"])
        if layer is None or isinstance(layer, InputLayer):
            return deserialize_operation(config)
        if recursive and isinstance(layer, Model):
            return clone_model(layer, clone_function=clone_function, recursive=True)
        return clone_function(layer)

    config = functional.graph_config(model, model._graph)
    inputs, outputs = function_from_config(config, create)
    copy = Model(inputs, outputs, name=model.name)
    copy._trainable = model._trainable
    return copy


def model_from_json(json_string: str, custom_objects: dict[str, Any] | None = None) -> Any:
    """The model of what `Sequential.to_json` returned, with freshly drawn weights.

    Raises:
        ValueError: If it is not the JSON of a Sequential or of a graph of layers.
    """
    import json

    try:
        data = json.loads(json_string)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"model_from_json: not valid JSON: {error}") from None
    classes: dict[str, Any] = {"Sequential": Sequential, "Functional": Model}
    cls = classes.get(str(data.get("class_name"))) if isinstance(data, dict) else None
    if cls is None:
        raise ValueError(
            "model_from_json: the JSON of a Sequential or of a graph of layers is needed. "
            f"Received: {shorten(data)}"
        )
    with custom_object_scope(custom_objects):
        return cls.from_config(data.get("config"))
