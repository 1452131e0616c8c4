"""Layers on symbolic tensors: the shapes and types of their outputs."""

from __future__ import annotations

from typing import Any

from lamina._typing import Shape
from lamina.graph.inference import infer
from lamina.graph.keras_tensor import KerasTensor
from lamina.graph.tree import flatten, map_structure
from lamina.layers import call_context, calling
from lamina.layers.call_spec import call_takes
from lamina.layers.input_spec import check_inputs


def output_spec(layer: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """The symbolic outputs of a layer, which is built for the inputs."""
    if layer._native:
        return native_spec(layer, args, options)
    return custom_spec(layer, args, options)


def native_spec(layer: Any, args: tuple[Any, ...], options: dict[str, Any]) -> KerasTensor:
    """The output of a built-in layer, which takes one tensor."""
    inputs = args[0] if args else None
    if not isinstance(inputs, KerasTensor):
        raise ValueError(
            f"Layer '{layer.name}' expected 1 input. Received: {len(flatten(inputs))} input "
            f"tensors: inputs={inputs!r}"
        )
    for key in options:
        if key != "training":
            raise TypeError(
                f"Layer '{layer.name}' takes inputs and `training`. Received: {sorted(options)}"
            )
    if inputs.dtype == "string":
        raise TypeError(
            f"Layer '{layer.name}' takes numbers: put a layer such as StringLookup in front of it. "
            f"Received: {inputs!r}"
        )
    sample = _sample(layer, inputs)
    layer._build(sample)
    return KerasTensor((inputs.shape[0], *layer._shape_after(sample)), layer.dtype)


def _sample(layer: Any, inputs: KerasTensor) -> Shape:
    if not inputs.shape:
        raise ValueError(f"Layer '{layer.name}' needs a batch axis. Received: {inputs!r}")
    known = tuple(extent for extent in inputs.shape[1:] if extent is not None)
    if len(known) != inputs.ndim - 1:
        raise ValueError(
            f"Layer '{layer.name}' must know every extent of its samples; only the batch size may "
            f"be unknown. Received: {inputs!r}"
        )
    return known


def custom_spec(layer: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """The outputs of a custom layer: as its `compute_output_shape` says, or as `call` gives."""
    from lamina.layers.layer import Layer

    inputs = args[0] if args else None
    if layer.input_spec is not None:
        check_inputs(layer.input_spec, inputs, f"Layer '{layer.name}'")
    if not layer.built:
        layer._build_custom(calling.shapes_of(inputs))
    if type(layer).compute_output_shape is not Layer.compute_output_shape:
        shapes = map_structure(lambda x: getattr(x, "shape", None), inputs)
        return _specs(layer.compute_output_shape(shapes), layer.dtype)

    def call(first: Any, *given: Any, **keywords: Any) -> Any:
        keywords.pop("training", None)  # shapes are the same, and averages do not move
        if call_takes(type(layer), "training"):
            keywords["training"] = False
        first = calling.tensors_of(first, layer.dtype)
        with call_context.inside(False), calling.unchanged(layer):
            try:
                return layer.call(first, *given, **keywords)
            finally:
                layer._clear_losses()

    outputs = infer(f"layer '{layer.name}' ({type(layer).__name__})", call, args, options)
    for output in flatten(outputs):
        if not isinstance(output, KerasTensor):
            raise ValueError(
                f"Layer '{layer.name}' ({type(layer).__name__}) must return tensors. "
                f"Received: {output!r}"
            )
    return outputs


def record_in_stacks(layer: Any, before: Any = None) -> None:
    """Records the calls of a layer that follow from the models that it is in, the first first.

    A stack of layers whose input is known has a graph without a call on symbolic tensors; it is
    made when a tensor of it is needed.

    Args:
        layer: A layer without calls.
        before: Only models that it was in before this one.
    """
    for parent in layer._parents():
        if parent is before:
            break
        record = getattr(parent, "_record_calls", None)
        if record is not None and parent.built:
            record()
        if layer._inbound_nodes:
            break


def data_spec(layer: Any, args: tuple[Any, ...]) -> KerasTensor:
    """The output of a preprocessing layer."""
    shapes = map_structure(lambda x: getattr(x, "shape", None), args[0])
    return KerasTensor(tuple(layer.compute_output_shape(shapes)), layer._output_dtype())


def _specs(shape: Any, dtype: str) -> Any:
    """Symbolic tensors for a shape, or for a list, tuple or dictionary of shapes."""
    if isinstance(shape, dict):
        return {key: _specs(one, dtype) for key, one in shape.items()}
    if all(extent is None or isinstance(extent, int) for extent in shape):
        return KerasTensor(tuple(shape), dtype)
    return type(shape)(_specs(one, dtype) for one in shape)
