"""Layers of lamina's own on the tape: one call each, with the arithmetic of a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lamina._core as _core
from lamina import _eager
from lamina.layers import _calls

if TYPE_CHECKING:
    from lamina._typing import Shape
    from lamina.layers.layer import Layer

#: Steps from here on are calls outside of a training.
FIRST_CALL = 2**39


def call_layer(layer: Layer, inputs: Any, training: bool) -> Any:
    """A tensor of the layer's answers."""
    x = _eager.typed_tensor(inputs, layer.dtype)
    if not x.shape:
        raise ValueError(f"Layer '{layer.name}' needs a batch axis. Received: shape ()")
    layer._build(tuple(x.shape[1:]))
    own = layer._on_tape
    if own is None or own.shape != tuple(x.shape[1:]):
        own = layer._on_tape = OnTape(layer, tuple(x.shape[1:]))
    if _calls.outermost():
        layer._clear_losses()
    step = _calls.step_of()
    if step is None:
        step = FIRST_CALL + layer._calls
        layer._calls += training
    return own(layer, x, training, step)


class OnTape:
    """What the core needs to run a layer for inputs of one shape.

    Args:
        layer: The layer, built.
        shape: The shape of a sample.
    """

    def __init__(self, layer: Layer, shape: Shape) -> None:
        self.shape = shape
        self._activation = _own_activation(layer)
        self._frozen: list[bool] = []
        network = _core.Network(shape, layer.dtype, "cpu", 0)
        plain_plan(layer, network)
        self._leaves = layer._leaves()
        self._network = network
        variables = [self._leaves[i.layer]._variables[i.name] for i in network.parameters()]
        self._layers = _core.Layers(network, [variable.handle() for variable in variables])

    def __call__(self, layer: Layer, x: Any, training: bool, step: int) -> Any:
        """The answer; what it adds to the loss is the layer's `_losses` then."""
        frozen = [not leaf.trainable for leaf in self._leaves]
        if frozen != self._frozen:
            for index, is_frozen in enumerate(frozen):
                self._network.set_trainable(index, not is_frozen)
            self._frozen = frozen
        y, penalty, _ = self._layers(x, training, step)
        layer._losses = [] if penalty is None else [penalty]
        if self._activation is not None:
            y = self._activation(y)
        regularizer = layer.activity_regularizer
        if regularizer is not None and (
            self._activation is not None or not regularizer.is_native()
        ):
            layer._losses.append(_eager.mean_penalty(regularizer, y))
        return y


def _own_activation(layer: Any) -> Any:
    from lamina import activations

    function = getattr(layer, "activation", None)
    return None if function is None or activations.is_native(function) else function


def plain_plan(layer: Any, network: _core.Network) -> None:
    """Adds a layer to a plan, without what only the tape can do."""
    if _own_activation(layer) is not None:
        from lamina import activations

        own, layer.activation = layer.activation, activations.linear
        try:
            layer._append_to(network)
        finally:
            layer.activation = own
        return
    layer._append_to(network)
    regularizer = layer.activity_regularizer
    if regularizer is not None and regularizer.is_native():
        network.add_activity_penalty(*regularizer.factors())
