"""The part of a model that lets it be a layer of another one."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from lamina import _core
from lamina._typing import Array, Shape
from lamina.layers.input_layer import InputLayer
from lamina.layers.layer import Layer, variables_of

if TYPE_CHECKING:
    from lamina.variable import Variable


class Nestable:
    """What `Layer` has and a model needs to take a layer's place; see `lamina.layers.Layer`."""

    name: str
    activity_regularizer: Any = None
    _layers: list[Any]
    _input: InputLayer | None
    _trainable: bool

    def __init__(self) -> None:
        self._owner: weakref.ref[Any] | None = None
        self._prefix = ""
        self._calls = 0

    # What Stack defines.

    def _build_for(self, sample: Shape) -> None:
        raise NotImplementedError

    def _output_after(self, count: int) -> Shape:
        raise NotImplementedError

    def _leaves(self) -> list[Layer]:
        raise NotImplementedError

    # A layer's part in a model.

    def _model_around(self) -> Any:
        """The model or layer that this one is part of, or None."""
        return self._owner() if self._owner is not None else None

    def _require_free(self, what: str) -> None:
        around = self._model_around()
        if around is not None:
            raise RuntimeError(
                f"Model '{self.name}' is part of '{around.name}': {what} that one instead."
            )

    @property
    def _first_input(self) -> Any:
        return self._input._samples if self._input is not None else self._layers[0]._first_input

    @property
    def _input_shape(self) -> Shape | None:
        return self._input._samples if self._input is not None else None

    @property
    def _output(self) -> Shape | None:
        return self._output_after(len(self._layers)) if self._input is not None else None

    def _shape_after(self, shape: Shape) -> Shape:
        if self._input is not None and self._input._samples != shape:
            raise ValueError(
                f"Model '{self.name}' takes samples of shape {self._input._samples}. "
                f"Received: samples of shape {shape}"
            )
        for layer in self._layers:
            shape = layer._shape_after(shape)
        return shape

    def _build(self, shape: Shape) -> None:
        self._shape_after(shape)
        self._build_for(shape)

    def _unbuild(self) -> None:
        self._input = None
        for layer in self._layers:
            layer._unbuild()

    def _plan_into(self, network: _core.Network) -> None:
        for layer in self._layers:
            layer._plan_into(network)

    def _set_prefix(self, prefix: str) -> None:
        self._prefix = prefix
        inside = f"{prefix}{self.name}/" if self._model_around() is not None else ""
        for layer in self._layers:
            layer._set_prefix(inside)

    def _copied_network(self, sample: Shape, dtype: str) -> tuple[_core.Network, list[Variable]]:
        """A network of its own with the values of now, while the variables live elsewhere."""
        network = _core.Network(sample, dtype, "cpu", 0)
        self._plan_into(network)
        leaves = self._leaves()
        placed = variables_of(network, leaves)
        for place, variable in enumerate(placed):
            network.set_parameter(place, variable.numpy())
        for index, leaf in enumerate(leaves):
            if not leaf.trainable:
                network.set_trainable(index, False)
        return network, placed

    def _call_inside(self, x: Array, dtype: str, training: bool) -> Array:
        """The answer of a model that is part of another one."""
        network, placed = self._copied_network(x.shape[1:], dtype)
        if not training:
            return network.predict(x, max(1, x.shape[0]), None)
        network.calls_seen = self._calls
        self._calls += 1
        answer = network.call_training(x)
        moves = any(leaf._moves_weights for leaf in self._leaves())
        for place, variable in enumerate(placed):
            if variable.is_state or moves:
                variable.assign(network.get_parameter(place))
        return answer
