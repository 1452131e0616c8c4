"""Calls of layers that the core computes: each is one node of a tape, with a plan's arithmetic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lamina._core as _core
from lamina import _eager, activations
from lamina.layers import call_context

if TYPE_CHECKING:
    from lamina._typing import Shape
    from lamina.layers.layer import Layer

#: Steps from here on are calls outside of a training.
FIRST_CALL = 2**39


def call_layer(layer: Layer, inputs: Any, training: bool) -> Any:
    """Calls a layer: on tensors gives a tensor, on arrays an array."""
    eager = _eager.is_eager(inputs)
    x = _eager.typed_tensor(inputs, layer.dtype)
    if not x.shape:
        raise ValueError(f"Layer '{layer.name}' needs a batch axis. Received: shape ()")
    shape = tuple(x.shape[1:])
    layer._build(shape)
    call = layer._native_call
    if call is None or call.shape != shape:
        call = NativeCall(layer, shape, 0 if call is None else call.count)
        layer._native_call = call
    if call_context.outermost():
        layer._clear_losses()
    step = call_context.step_of()
    if step is None:
        step = FIRST_CALL + call.count
        call.count += training
    y = call(layer, x, training, step)
    return y if eager else _eager.new_array(y)


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
        self._frozen: list[bool] = []
        network = _core.Network(shape, layer.dtype, "cpu", 0)
        plan_without_custom_parts(layer, network)
        self._leaves = layer._leaves()
        self._network = network
        variables = [self._leaves[i.layer]._variables[i.name] for i in network.parameters()]
        self._layers = _core.Layers(network, [variable.handle() for variable in variables])

    def __call__(self, layer: Layer, x: Any, training: bool, step: int) -> Any:
        """The output; what it adds to the loss is the layer's `_losses` then."""
        frozen = [not leaf._trainable for leaf in self._leaves]
        if frozen != self._frozen:
            for index, is_frozen in enumerate(frozen):
                self._network.set_trainable(index, not is_frozen)
            self._frozen = frozen
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
