"""Calls of layers that the core computes: each is one node of a tape, with a plan's arithmetic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lamina._core as _core
from lamina import _eager, activations
from lamina.layers import call_context

if TYPE_CHECKING:
    from lamina._typing import Shape
    from lamina.layers.layer import Layer

#: Compares the names of element types without a call of Python.
_same = str.__eq__

#: Steps from here on are calls outside of a training.
FIRST_CALL = 2**39


def call_layer(layer: Layer, inputs: Any, training: Any) -> Any:
    """Calls a layer: on tensors gives a tensor, on arrays an array."""
    context = call_context.current
    training = context.training if training is None else bool(training)
    eager = type(inputs) is _core.Tensor or _eager.is_eager(inputs)
    x = inputs
    if type(x) is not _core.Tensor or not _same(x.dtype, layer._dtype):
        x = _eager.typed_tensor(inputs, layer._dtype)
    call: NativeCall | None = layer._native_call
    if call is None or x.shape[1:] != call.shape:
        call = _prepared(layer, x)
    step = context.step
    if step is None:
        step = FIRST_CALL + call.count
        call.count += training
    y = call(layer, x, training, step)
    return y if eager else _eager.new_array(y)


def _prepared(layer: Layer, x: Any) -> NativeCall:
    """Builds a layer for inputs like `x`, and what calls it from now on."""
    if not x.shape:
        raise ValueError(f"Layer '{layer.name}' needs a batch axis. Received: shape ()")
    shape = tuple(x.shape[1:])
    layer._build(shape)
    before = layer._native_call
    call = layer._native_call = NativeCall(layer, shape, 0 if before is None else before.count)
    return call


class NativeCall:
    """What the core needs to run a layer for inputs of one shape.

    Args:
        layer: The layer, built.
        shape: The shape of a sample.
        count: How many calls as in training there were outside of a model's steps.
    """

    def __init__(self, layer: Layer, shape: Shape, count: int) -> None:
        self.shape = shape
        #: It names the random numbers of the next such call.
        self.count = count
        self._activation = custom_activation(layer)
        network = _core.Network(shape, layer.dtype, "cpu", 0)
        plan_without_custom_parts(layer, network)
        self._leaves = layer._leaves()
        self._trainable = [True] * len(self._leaves)
        self._network = network
        variables = [self._leaves[i.layer]._variables[i.name] for i in network.parameters()]
        self._layers = _core.Layers(network, [variable.handle() for variable in variables])

    def __call__(self, layer: Layer, x: Any, training: bool, step: int) -> Any:
        """The output; what it adds to the loss is the layer's `_losses` then."""
        for index, leaf in enumerate(self._leaves):
            if leaf._trainable != self._trainable[index]:
                self._trainable[index] = leaf._trainable
                self._network.set_trainable(index, leaf._trainable)
        y, penalty, _ = self._layers(x, training, step)
        losses = layer._losses
        losses.clear()
        if penalty is not None:
            losses.append(penalty)
        if self._activation is not None:
            y = self._activation(y)
        regularizer = layer.activity_regularizer
        if regularizer is not None and (
            self._activation is not None or not regularizer.is_native()
        ):
            losses.append(_eager.mean_penalty(regularizer, y))
        return y


def custom_activation(layer: Any) -> Any:
    """The activation of a layer if the core does not compute it, else None."""
    function = getattr(layer, "activation", None)
    return None if function is None or activations.is_native(function) else function


def plan_without_custom_parts(layer: Any, network: _core.Network) -> None:
    """Adds a layer to a plan, without the parts that only a tape can run."""
    custom = custom_activation(layer)
    if custom is not None:
        object.__setattr__(layer, "activation", activations.linear)
        try:
            layer._append_to(network)
        finally:
            object.__setattr__(layer, "activation", custom)
        return
    layer._append_to(network)
    regularizer = layer.activity_regularizer
    if regularizer is not None and regularizer.is_native():
        network.add_activity_penalty(*regularizer.factors())
