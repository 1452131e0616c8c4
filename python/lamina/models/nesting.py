"""The part of a model that lets it be a layer of another one."""

from __future__ import annotations

from typing import Any

import lamina._core as _core
from lamina._typing import Shape
from lamina.layers.input_layer import InputLayer
from lamina.layers.layer import Layer
from lamina.layers.preprocessing.data_layer import DataLayer
from lamina.layers.tracking import Tracker


class Nestable:
    """What `Layer` has and a model needs to take a layer's place; see `lamina.layers.Layer`."""

    _tracked_as = "layer"

    name: str
    activity_regularizer: Any = None
    _own_front: list[DataLayer]
    _layers: list[Any]
    _input: InputLayer | None
    _trainable: bool

    def __init__(self) -> None:
        self._tracker = Tracker()
        self._prefix = ""

    # What Stack defines.

    def _build_for(self, sample: Shape) -> None:
        raise NotImplementedError

    def _output_after(self, count: int) -> Shape:
        raise NotImplementedError

    def _leaves(self) -> list[Layer]:
        raise NotImplementedError

    # A layer's part in a model.

    def _parents(self) -> list[Any]:
        return self._tracker.parents()

    def _children(self) -> list[Any]:
        return list(self._layers)

    def _held_metrics(self) -> list[Any]:
        return [metric for layer in self._layers for metric in layer._held_metrics()]

    def _require_free(self) -> None:
        around = [parent for parent in self._parents() if getattr(parent, "_native", True)]
        if around:
            raise RuntimeError(
                f"Model '{self.name}' is part of '{around[-1].name}', which was built with the "
                "layers that it has: make a new model of them. Received: a change of its layers"
            )

    @property
    def _first_input(self) -> Any:
        if self._input is not None:
            return self._input._samples
        if self._own_front or not self._layers:
            return None  # what its first layer takes is not what the data are
        return self._layers[0]._first_input

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
        for layer in [*self._own_front, *self._layers]:
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
        inside = f"{prefix}{self.name}/" if prefix or self._parents() else ""
        for layer in self._layers:
            layer._set_prefix(inside)

    def _name_weights(self) -> None:
        """Gives the weights their names in this model: shared ones may have others elsewhere."""
        for layer in self._layers:
            layer._set_prefix("")
