"""How custom layers are called, and how their output shapes are found."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

import lamina._core as _core
from lamina import _eager
from lamina._typing import Shape
from lamina.layers import call_context
from lamina.layers.call_spec import call_takes
from lamina.layers.input_spec import check_inputs

if TYPE_CHECKING:
    from lamina.layers.layer import Layer


def call_layer(
    layer: Layer, inputs: Any, arguments: tuple[Any, ...], options: dict[str, Any], training: Any
) -> Any:
    """Calls a custom layer: on tensors gives tensors, on arrays arrays."""
    if type(inputs) is _core.Tensor and str.__eq__(inputs.dtype, layer._dtype):
        eager, tensors = True, inputs
    else:
        eager, tensors = _eager.is_eager(inputs), tensors_of(inputs, layer._dtype)
    if layer.input_spec is not None:
        check_inputs(layer.input_spec, tensors, f"Layer '{layer.name}'")
    if not layer._built:
        layer._build_custom(shapes_of(tensors))
    context = call_context.current
    before = context.training
    training = before if training is None else bool(training)
    if call_takes(type(layer), "training"):
        options["training"] = training
    if context.depth == 0:
        layer._clear_losses()
    else:
        layer._losses.clear()
    context.depth += 1
    context.training = training
    try:
        output = layer.call(tensors, *arguments, **options)
        if layer.activity_regularizer is not None:
            layer.add_loss(_eager.mean_penalty(layer.activity_regularizer, output))
    finally:
        context.depth -= 1
        context.training = before
    return output if eager else arrays_of(output)


def tensors_of(value: Any, dtype: str) -> Any:
    """Arrays as tensors: floating ones of the layer's dtype, others as they are."""
    if isinstance(value, (list, tuple)) and any(hasattr(item, "shape") for item in value):
        return type(value)(tensors_of(item, dtype) for item in value)
    if isinstance(value, dict):
        return {key: tensors_of(item, dtype) for key, item in value.items()}
    return _eager.floating_tensor(value, dtype)


def arrays_of(value: Any) -> Any:
    """Tensors as NumPy arrays, wherever they are."""
    if isinstance(value, (list, tuple)):
        return type(value)(arrays_of(item) for item in value)
    if isinstance(value, dict):
        return {key: arrays_of(item) for key, item in value.items()}
    return np.asarray(value)


def shapes_of(inputs: Any) -> Any:
    """The shapes of inputs with None for the batch, nested as the inputs are."""
    if isinstance(inputs, (list, tuple)):
        return [shapes_of(item) for item in inputs]
    if isinstance(inputs, dict):
        return {key: shapes_of(item) for key, item in inputs.items()}
    return (None, *inputs.shape[1:])


@contextmanager
def unchanged(layer: Layer) -> Iterator[None]:
    """A layer is called to learn what it gives: its metrics, state and random numbers stay."""
    leaves = layer._leaves()
    metrics = [(metric, metric.__dict__) for metric in layer._held_metrics()]
    seeds = [s for leaf in leaves for s in leaf._tracker.parts(leaf, "seed_generator")]
    drawn = [(seed, seed._drawn) for seed in seeds]
    state = [
        (variable, variable.numpy())
        for leaf in leaves
        for variable in leaf._variables.values()
        if variable.is_state
    ]
    try:
        for metric, _ in metrics:
            metric.__dict__ = copy.deepcopy(metric).__dict__
        yield
    finally:
        for metric, before in metrics:
            metric.__dict__ = before
        for seed, count in drawn:
            seed._drawn = count
        for variable, value in state:
            if not np.array_equal(variable.numpy(), value, equal_nan=True):
                variable.assign(value)


def traced_shape(layer: Layer, shape: Shape) -> Shape:
    """The shape of an output sample, found by calling the layer on zeros.

    Raises:
        ValueError: If the call fails.
    """
    zeros = _eager.floating_tensor(np.zeros((1, *shape), layer.dtype), layer.dtype)
    options = {"training": False} if call_takes(type(layer), "training") else {}
    try:
        with call_context.inside(False), _eager.unrecorded(), unchanged(layer):
            output = layer.call(zeros, **options)
    except Exception as error:
        raise ValueError(
            f"The output shape of layer '{layer.name}' ({type(layer).__name__}) was to be found by "
            f"calling it on zeros of shape {(1, *shape)}, which failed: {error}. Define "
            "`compute_output_shape(self, input_shape)` if it cannot be called on zeros."
        ) from error
    finally:
        layer._clear_losses()
    result: tuple[int, ...] = tuple(getattr(output, "shape", ()))
    if not result:
        raise ValueError(
            f"Layer '{layer.name}' ({type(layer).__name__}) must give one row for each sample. "
            f"Received: an output of shape {result}"
        )
    return result[1:]
