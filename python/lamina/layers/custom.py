"""Layers of the user's own: how they are called, and what they keep."""

from __future__ import annotations

import contextlib
import copy
import inspect
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina._typing import Shape
from lamina.layers import _calls
from lamina.layers.input_spec import check_inputs

if TYPE_CHECKING:
    from lamina.layers.layer import Layer

_signatures: dict[type, frozenset[str]] = {}


def takes(cls: type, argument: str, method: str = "call") -> bool:
    """Whether a method of a class has an argument of that name, or takes any."""
    names = _signatures.get(cls)
    if names is None:
        parameters = inspect.signature(getattr(cls, method)).parameters.values()
        names = frozenset(
            "**" if p.kind is inspect.Parameter.VAR_KEYWORD else p.name for p in parameters
        )
        _signatures[cls] = names
    return argument in names or "**" in names


def layers_in(owner: Any) -> Iterator[Any]:
    """The layers and models among an object's attributes, in the order of their assignment.

    Not among them: those that the object is itself part of.
    """
    above = list(_above(owner))
    for name, value in vars(owner).items():
        if name != "_owners":
            yield from (
                layer
                for layer in _layers_of(value)
                if not any(layer is container for container in above)
            )


def _above(part: Any) -> Iterator[Any]:
    """The part, and all that it is in."""
    yield part
    for container in getattr(part, "_living_owners", list)():
        yield from _above(container)


def _layers_of(value: Any) -> Iterator[Any]:
    if hasattr(value, "_plan_into"):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _layers_of(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _layers_of(item)


def metrics_in(owner: Any) -> list[Any]:
    """The metrics among an object's attributes and those of the layers that it holds."""
    from lamina.metrics.metric import Metric

    found: list[Any] = []

    def look(value: Any) -> None:
        if isinstance(value, Metric):
            found.append(value)
        elif isinstance(value, (list, tuple)):
            for item in value:
                look(item)
        elif isinstance(value, dict):
            look(list(value.values()))

    for name, value in vars(owner).items():
        if name != "_owners":
            look(value)
    for layer in layers_in(owner):
        found.extend(metrics_in(layer))
    return list({id(metric): metric for metric in found}.values())


@contextlib.contextmanager
def _unchanged(metrics: list[Any]) -> Iterator[None]:
    """What is added to metrics meanwhile goes to copies of their states."""
    before = [(metric, metric.__dict__) for metric in metrics]
    try:
        for metric in metrics:
            metric.__dict__ = copy.deepcopy(metric).__dict__
        yield
    finally:
        for metric, state in before:
            metric.__dict__ = state


def tensors_of(value: Any, dtype: str) -> Any:
    """Arrays as tensors: floating ones of the layer's dtype, others as they are."""
    from lamina import _eager

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


def shape_of(inputs: Any) -> Shape | None:
    """The shape of a sample of one array; None for several."""
    if isinstance(inputs, (list, tuple, dict)):
        return None
    shape = tuple(inputs.shape)
    return shape[1:]


def run(layer: Layer, inputs: Any, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Calls a layer of the user's own: on tensors gives tensors, on arrays arrays."""
    from lamina import _eager

    eager = _eager.is_eager(inputs)
    tensors = tensors_of(inputs, layer.dtype)
    if layer.input_spec is not None:
        check_inputs(layer.input_spec, tensors, f"Layer '{layer.name}'")
    if not layer.built:
        layer._build_from(tensors)
    given = options.pop("training", None)
    training = _calls.training_of(given)
    if takes(type(layer), "training"):
        options["training"] = training
    if _calls.outermost():
        layer._clear_losses()
    with _calls.inside(training):
        layer._losses = []
        answer = layer.call(tensors, *arguments, **options)
        if layer.activity_regularizer is not None:
            layer.add_loss(_eager.mean_penalty(layer.activity_regularizer, answer))
    return answer if eager else arrays_of(answer)


def traced_shape(layer: Layer, shape: Shape) -> Shape:
    """The shape of an output sample, found by calling the layer on zeros.

    Raises:
        ValueError: If the call fails.
    """
    from lamina import _eager

    zeros = _eager.floating_tensor(np.zeros((1, *shape), layer.dtype), layer.dtype)
    options = {"training": False} if takes(type(layer), "training") else {}
    try:
        with _calls.inside(False), _eager.unrecorded(), _unchanged(metrics_in(layer)):
            answer = layer.call(zeros, **options)
    except Exception as error:
        raise ValueError(
            f"The output shape of layer '{layer.name}' ({type(layer).__name__}) was to be found by "
            f"calling it on zeros of shape {(1, *shape)}, which failed: {error}. Define "
            "`compute_output_shape(self, input_shape)` if it cannot be called on zeros."
        ) from error
    finally:
        layer._clear_losses()
    result: tuple[int, ...] = tuple(getattr(answer, "shape", ()))
    if not result:
        raise ValueError(
            f"Layer '{layer.name}' ({type(layer).__name__}) must give one row for each sample. "
            f"Received: an output of shape {result}"
        )
    return result[1:]


def constructor_of(cls: type) -> frozenset[str]:
    """The names of a constructor's arguments; "*" and "**" for those that take any."""
    kinds: dict[Any, str] = {
        inspect.Parameter.VAR_KEYWORD: "**",
        inspect.Parameter.VAR_POSITIONAL: "*",
    }
    parameters = inspect.signature(cls.__init__).parameters.values()  # type: ignore[misc]
    return frozenset(kinds.get(p.kind, p.name) for p in parameters)


def function_takes(function: Any, argument: str) -> bool:
    """Whether a function has an argument of that name."""
    try:
        return argument in inspect.signature(function).parameters
    except (TypeError, ValueError):  # built in
        return False
