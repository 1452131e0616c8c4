"""Models whose `call` a subclass defines: how they are called, built and given data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from lamina import _eager
from lamina._arrays import real_array
from lamina._checks import unknown_name
from lamina._typing import Array, Shape
from lamina.execution.trainable import PreparedInputs
from lamina.graph import tree
from lamina.layers import building, call_context, calling
from lamina.layers.call_spec import call_takes
from lamina.layers.calling import arrays_of as arrays_of


class Traced(NamedTuple):
    """What a first call told of a model.

    Attributes:
        inputs: A nest like the inputs.
        outputs: The shapes of predictions, without the batch.
        names: The names of the outputs, where they come in a dictionary.
        samples: The shapes of the inputs' samples.
        dtypes: The types of the inputs; None where the inputs say them themselves.
    """

    inputs: Any
    outputs: list[Shape]
    names: list[str] | None
    samples: list[Shape]
    dtypes: list[str] | None = None

    def input_shapes(self) -> Any:
        """The shapes of the inputs with None for the batch, nested as the inputs are."""
        shapes = iter(self.samples)
        return tree.map_structure(lambda _: [None, *next(shapes)], self.inputs)


def call_model(
    model: Any, inputs: Any, args: tuple[Any, ...], training: bool | None, options: dict[str, Any]
) -> Any:
    """Calls a model: on tensors gives tensors, on arrays arrays."""
    train = call_context.training_of(training)
    if not call_context.outermost():
        return run_call(model, inputs, args, train, options)
    if not args and not options and model._can_plan() and _fits(model, inputs):
        return call_planned(model, inputs, train)
    step = call_context.step_of()
    if step is None:
        step = model._trainer.counters.next_call(train)
    with call_context.at_step(step):
        output = run_call(model, inputs, args, train, options)
    if model._traced is None and not args and not options:
        model._traced = _described(inputs, output, model.dtype)
    return output


def call_planned(model: Any, inputs: Any, training: bool) -> Any:
    """The outputs by the model's plan."""
    if not (_eager.is_eager(inputs) or any(map(_eager.is_tensor, tree.leaves(inputs)))):
        return model._trainer.predict_arrays(inputs, training)
    model._clear_losses()
    engine = model._trainer.ready()
    values = values_before(model, tree.flatten(inputs))
    output = engine.call(model._input_tensors(values), training)
    model._call_losses = engine.call_losses
    return output


def values_before(model: Any, values: list[Any]) -> list[Any]:
    """What a model's plan takes: some functions of integers are computed before it."""
    partition = model._partition()
    if not partition.before:
        return values
    tensors = calling.tensors_of(values, model.dtype)
    found: list[Any] = partition.values_before(
        tensors, lambda node, args, kwargs: node.operation(*args, **kwargs)
    )
    return found


def _fits(model: Any, inputs: Any) -> bool:
    """Whether inputs are like those that the plan was made for."""
    traced = model._traced
    values = tree.flatten(inputs)
    if len(values) != len(traced.samples) or tree.is_nest(inputs) != tree.is_nest(traced.inputs):
        return False
    return all(
        tuple(getattr(value, "shape", ()))[1:] == sample
        and value.shape[:1] not in ((), (0,))
        and _type_of(value, model.dtype) == dtype
        for value, sample, dtype in zip(values, traced.samples, traced.dtypes, strict=True)
    )


def _type_of(value: Any, dtype: str) -> str:
    """The type of an input as `call` gets it."""
    found = str(value.dtype)
    return dtype if "float" in found else found


def run_call(
    model: Any, inputs: Any, args: tuple[Any, ...], training: bool, options: dict[str, Any]
) -> Any:
    """Calls a model's `call`."""
    return calling.call_layer(model, inputs, args, options, training)


def _described(inputs: Any, output: Any, dtype: str) -> Traced:
    names = None
    if isinstance(output, Mapping) and all(
        not isinstance(value, (list, tuple, Mapping)) for value in output.values()
    ):
        names = [str(key) for key in tree.sorted_keys(dict(output))]
    return Traced(
        tree.map_structure(lambda _: None, inputs),
        [tuple(leaf.shape)[1:] for leaf in tree.flatten(output)],
        names,
        [tuple(leaf.shape)[1:] for leaf in tree.flatten(inputs)],
        [_type_of(leaf, dtype) for leaf in tree.flatten(inputs)],
    )


def trace(model: Any, inputs: Any) -> Traced:
    """Builds a model by a call on one row of each input, and tells what came out.

    Raises:
        ValueError: If the call fails.
    """
    tensors = calling.tensors_of(inputs, model.dtype)
    model._tracing = True
    try:
        if not model.built:
            model._build_custom(calling.shapes_of(tensors))
        output = _traced_call(model, tensors)
    finally:
        model._tracing = False
        model._clear_losses()
    model._name_weights()
    if not model._trainable:
        model._freeze(True)
    for leaf in tree.flatten(output):
        if not tuple(getattr(leaf, "shape", ())):
            raise ValueError(
                f"Model '{model.name}' must give one row for each sample. "
                "Received: an output without axes"
            )
    traced = model._traced = _described(tensors, output, model.dtype)
    model._call_changed()
    return traced


def _traced_call(model: Any, tensors: Any) -> Any:
    options = {"training": False} if call_takes(type(model), "training") else {}
    with (
        call_context.inside(False),
        call_context.at_step(0),
        _eager.unrecorded(),
        calling.unchanged(model),
    ):
        return model.call(tensors, **options)


def trace_shapes(model: Any, shapes: Any) -> None:
    """Builds a model for inputs of these shapes, with the batch in front."""
    if isinstance(shapes, Mapping):
        zeros: Any = {key: _zeros(shape, model.dtype) for key, shape in shapes.items()}
    elif building.is_shape(shapes):
        zeros = _zeros(shapes, model.dtype)
    else:
        each = [_zeros(shape, model.dtype) for shape in shapes]
        zeros = each[0] if len(each) == 1 else each
    trace(model, zeros)


def _zeros(shape: Any, dtype: str) -> Array:
    return np.zeros((1, *(1 if extent is None else extent for extent in tuple(shape)[1:])), dtype)


def prepare_inputs(model: Any, x: Any, name: str) -> PreparedInputs:
    """The arrays of what a user passed, in order, and how they are nested."""
    nested = isinstance(x, Mapping) or (
        isinstance(x, (list, tuple))
        and len(x) > 0
        and any(hasattr(item, "shape") or isinstance(item, Mapping) for item in x)
    )
    if not nested:
        arrays = [_array(x, name)]
        structure = None
        inputs: Any = arrays[0]
    else:
        inputs = tree.map_structure(lambda item: item, dict(x) if isinstance(x, Mapping) else x)
        arrays = [_array(item, f"{name}[{place}]") for place, item in enumerate(tree.flatten(x))]
        structure = tree.map_structure(lambda _: None, inputs)
        inputs = tree.pack(structure, arrays)
    rows = arrays[0].shape[0]
    if any(array.shape[0] != rows for array in arrays):
        raise ValueError(
            f"All inputs in `{name}` must have the same number of samples. "
            f"Received: {[array.shape[0] for array in arrays]}"
        )
    samples = [tuple(array.shape[1:]) for array in arrays]
    traced = model._traced
    types = [_type_of(array, model.dtype) for array in arrays]
    if traced is None or traced.samples != samples or traced.dtypes not in (None, types):
        traced = trace(model, tree.map_structure(lambda array: array[:1], inputs))
    if model._can_plan() and model._partition().before:
        arrays = [np.asarray(value) for value in values_before(model, arrays)]
    return PreparedInputs(arrays, samples, traced.outputs, structure)


def _array(x: Any, name: str) -> Array:
    array = real_array(x, name)
    if array.ndim == 0 or array.shape[0] == 0:
        raise ValueError(
            f"`{name}` must hold at least one sample. Received: {name}.shape={array.shape}"
        )
    return array


def pack_inputs(model: Any, arrays: list[Any]) -> Any:
    """Inputs as `call` takes them."""
    traced = model._traced
    if traced is None or not tree.is_nest(traced.inputs):
        return arrays[0]
    return tree.pack(traced.inputs, arrays)


def flatten_like_outputs(model: Any, value: Any, argument: str, spread: bool) -> list[Any]:
    """Targets or weights in the order of the outputs; None for those that have none.

    Args:
        model: The model, whose outputs are known.
        value: One for the only output, or a list, or a dictionary by the outputs' names.
        argument: What messages call it.
        spread: Whether one value serves all outputs.

    Raises:
        ValueError: If there is another number of them, or a name that no output has.
    """
    count, names = model._output_count(), model.output_names
    if count == 1 and not (isinstance(value, Mapping) and names):
        if isinstance(value, (list, tuple)) and len(value) == 1 and hasattr(value[0], "shape"):
            return [value[0]]
        return [value]
    if isinstance(value, Mapping):
        if names is None:
            raise ValueError(
                f"`{argument}` can be a dictionary only where the model's outputs have names. "
                f"Received: a dictionary with keys {sorted(map(str, value))}"
            )
        for key in value:
            if key not in names:
                raise unknown_name(f"output in `{argument}`", key, names)
        return [value.get(name) for name in names]
    if isinstance(value, (list, tuple)) and len(value) == count:
        return list(value)
    if spread and hasattr(value, "shape"):
        return [value] * count
    flat = tree.flatten(value) if isinstance(value, (list, tuple)) else []
    config = model._trainer.config
    losses = [] if config is None else [o.loss for o in config.outputs or []]
    if flat and len(flat) == sum(loss is not None for loss in losses):
        rest = iter(flat)
        return [None if loss is None else next(rest) for loss in losses]
    received = f"{len(value)} of them" if isinstance(value, (list, tuple)) else type(value).__name__
    raise ValueError(
        f"`{argument}` must be a list of {count} arrays, one for each output of the model, or a "
        f"dictionary by the outputs' names. Received: {received}"
    )
