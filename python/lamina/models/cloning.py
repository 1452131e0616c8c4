"""Models from other models, or from their configurations, with weights of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina.graph import tree
from lamina.graph.keras_tensor import KerasTensor
from lamina.graph.node import Node
from lamina.layers.call_spec import constructor_of
from lamina.layers.input_layer import Input
from lamina.layers.layer import Layer
from lamina.models.model import Model
from lamina.models.sequential import Sequential
from lamina.registry import custom_object_scope, deserialize_keras_object, shorten

_Clone = Callable[[Any], Any]
_Call = Callable[..., Any]


def clone_model(
    model: Any,
    input_tensors: Any = None,
    clone_function: _Clone | None = None,
    call_function: _Call | None = None,
    recursive: bool = False,
    **unknown: Any,
) -> Any:
    """A model with the same layers and weights of its own, freshly drawn.

    What is shared in the model is shared in the copy. The copy is compiled if the model is.

    Args:
        model: The model to copy. A subclass with a `call` of its own must have a configuration,
            and takes none of the other arguments.
        input_tensors: Symbolic tensors in the structure of the model's inputs, to use in place of
            new ones.
        clone_function: Called with each layer but the inputs; what it returns takes its place. By
            default a layer of the same configuration.
        call_function: For graphs of layers: called as `call_function(layer, *args, **kwargs)` in
            place of `layer(*args, **kwargs)`, with what `clone_function` gave.
        recursive: Whether models inside are copied by `clone_model`, with the same functions, in
            place of `clone_function`.
        **unknown: Anything else is an error.

    Returns:
        The copy: of a graph of layers a `Model`, or an object of the model's class if that takes
        `inputs` and `outputs`.

    Raises:
        TypeError: If `model` is no model, or for other arguments.
        ValueError: For arguments that the kind of model does not have.
        NotImplementedError: For a subclass without a configuration.

    Example:
        >>> x = lamina.Input((4,))
        >>> model = lamina.Model(x, lamina.layers.Dense(2)(x))
        >>> twin = lamina.models.clone_model(model)
        >>> twin.layers[1].name == model.layers[1].name and twin.layers[1] is not model.layers[1]
        True
    """
    if unknown:
        raise TypeError(f"clone_model: unexpected keyword arguments: {', '.join(unknown)}")
    if not isinstance(model, Model):
        raise TypeError(f"clone_model: a model is needed. Received: {model!r}")
    from lamina.saving.custom_objects import custom_objects

    with custom_object_scope(custom_objects(model)):
        cloned = _cloned(model, input_tensors, _Cloner(clone_function, call_function, recursive))
        compiled = model.get_compile_config()
        if compiled is not None:
            cloned.compile_from_config(compiled)
    return cloned


class _Cloner:
    """Gives one copy for each layer."""

    def __init__(
        self, clone_function: _Clone | None, call_function: _Call | None, recursive: bool
    ) -> None:
        self.clone_function, self.call_function = clone_function, call_function
        self.recursive = recursive
        self._copies: dict[int, Any] = {}

    def __call__(self, layer: Any) -> Any:
        if id(layer) not in self._copies:
            self._copies[id(layer)] = self._copy(layer)
        return self._copies[id(layer)]

    def _copy(self, layer: Any) -> Any:
        is_graph = isinstance(layer, Model) and layer._function is not None
        if self.recursive and (is_graph or isinstance(layer, Sequential)):
            return _cloned(layer, None, self)
        if self.clone_function is not None and isinstance(layer, Layer):
            return self.clone_function(layer)
        return type(layer).from_config(layer.get_config())


def _cloned(model: Any, input_tensors: Any, clone: _Cloner) -> Any:
    if isinstance(model, Sequential):
        if clone.call_function is not None and not clone.recursive:
            raise ValueError(
                "`call_function` argument is not supported with Sequential models, whose layers "
                f"are listed, not called. Received: call_function={clone.call_function!r}"
            )
        return _cloned_chain(model, input_tensors, clone)
    if model._function is not None:
        return _cloned_graph(model, input_tensors, clone)
    if clone.clone_function is not None or input_tensors is not None:
        raise ValueError(
            "Arguments `clone_function` and `input_tensors` are only supported for Sequential "
            f"models or Functional models. Received model of type '{type(model).__name__}', with "
            f"clone_function={clone.clone_function} and input_tensors={input_tensors}"
        )
    if clone.call_function is not None:
        raise ValueError(
            "Argument `call_function` is only supported for Functional models. Received model of "
            f"type '{type(model).__name__}', with call_function={clone.call_function}"
        )
    return type(model).from_config(model.get_config())


def _cloned_chain(model: Any, input_tensors: Any, clone: _Cloner) -> Any:
    if input_tensors is None and clone.clone_function is None and not clone.recursive:
        return type(model).from_config(model.get_config())
    source = model._input
    copy = Sequential(name=model.name)
    if input_tensors is not None:
        tensors = tree.flatten(input_tensors)
        if len(tensors) != 1:
            raise ValueError("Argument `input_tensors` must contain a single tensor.")
        _check_tensors(tensors)
        copy.add(Input(tensor=tensors[0], name=source.name if source is not None else None))
    elif source is not None:
        copy.add(type(source).from_config(source.get_config()))
    for layer in model.layers:
        copy.add(clone(layer))
    copy._trainable = model._trainable
    return copy


def _cloned_graph(model: Any, input_tensors: Any, clone: _Cloner) -> Any:
    function = model._function
    if input_tensors is None:
        input_tensors = tree.map_structure(_input_like, function.input_structure)
    else:
        _check_tensors(tree.flatten(input_tensors))
        shapes = [list(tree.paths(nest)) for nest in (input_tensors, function.input_structure)]
        if [path for path, _ in shapes[0]] != [path for path, _ in shapes[1]]:
            raise ValueError(
                "`input_tensors` must have the same structure as model.input. Received: "
                f"{input_tensors}, where the model has {function.input_structure}"
            )

    def call(node: Node, args: Any, kwargs: dict[str, Any]) -> Any:
        layer = clone(node.operation)
        if clone.call_function is not None:
            return clone.call_function(layer, *args, **kwargs)
        return layer(*args, **kwargs)

    outputs = function.run(tree.flatten(input_tensors), call)
    takes = constructor_of(type(model))
    plain = type(model).__init__ is Model.__init__ or {"inputs", "outputs", "name"} <= takes
    copy = (type(model) if plain else Model)(input_tensors, outputs, name=model.name)
    copy._trainable = model._trainable  # each layer's own configuration says whether it is frozen
    return copy


def _input_like(tensor: KerasTensor) -> KerasTensor:
    operation = tensor._keras_history.operation
    name = tensor.name if operation is None else operation.name
    return Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=name)


def _check_tensors(tensors: list[Any]) -> None:
    if not all(isinstance(tensor, KerasTensor) for tensor in tensors):
        raise ValueError(
            "All entries in `input_tensors` must be KerasTensors. "
            f"Received invalid values: input_tensors={tensors}"
        )


def model_from_json(json_string: str, custom_objects: dict[str, Any] | None = None) -> Any:
    """The model of what `Model.to_json` returned, with freshly drawn weights.

    Args:
        json_string: The JSON of a `Sequential`, of a graph of layers, or of a subclass that is
            registered or among the custom objects.
        custom_objects: Classes and functions by their names.

    Raises:
        ValueError: If it is not the JSON of a model.

    Example:
        >>> x = lamina.Input((4,))
        >>> text = lamina.Model(x, lamina.layers.Dense(2)(x)).to_json()
        >>> lamina.models.model_from_json(text).output_shape
        (None, 2)
    """
    import json

    try:
        data = json.loads(json_string)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"model_from_json: not valid JSON: {error}") from None
    if not isinstance(data, dict) or not isinstance(data.get("class_name"), str):
        raise ValueError(
            f"model_from_json: the JSON of a model is needed. Received: {shorten(data)}"
        )
    with custom_object_scope(custom_objects):
        model = deserialize_keras_object(data)
    if not isinstance(model, Model):
        raise ValueError(
            f"model_from_json: the JSON of a model is needed. Received: {shorten(data)}"
        )
    return model
