"""Builds the core's plan of a graph: values and nodes of a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import lamina._core as _core
from lamina._typing import Shape
from lamina.graph.keras_tensor import KerasTensor
from lamina.graph.tree import leaves


class NotInPlanError(Exception):
    """The core's plan cannot have it; the message says what, for people."""


class Value:
    """A value of a network that is being built.

    Args:
        place: Its number in the network.
        shape: The shape of a sample.
        dtype: The type that it has on the tape.
    """

    def __init__(self, place: int, shape: Shape, dtype: str) -> None:
        self.place, self.sample, self.dtype = place, shape, dtype

    @property
    def shape(self) -> tuple[int | None, ...]:
        """The shape with the batch, whose size is not known, in front."""
        return (None, *self.sample)


class Builder:
    """Adds the calls of a graph to a network.

    Args:
        network: The network, with its inputs.
        dtype: What it computes in.
        training: What calls may say of `training` themselves; it is the pass's then.

    Attributes:
        layers: The layer that each layer of the network is; None for parts of operations.
    """

    def __init__(self, network: _core.Network, dtype: str, training: bool | None = None) -> None:
        self.network, self.dtype, self._training = network, dtype, training
        self.layers: list[Any] = []
        #: Where the layers with weights are, by `id`.
        self._places: dict[int, int] = {}

    def call(self, operation: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """The values of the outputs of a call.

        Raises:
            NotInPlanError: If the plan cannot have it.
        """
        training = kwargs.get("training")
        if training is not None and training is not self._training and _acts(operation):
            raise NotInPlanError(f"{operation.name} is called with training={training}")
        try:
            return operation._lower(self, args, kwargs)
        except (ValueError, TypeError, IndexError) as error:
            raise NotInPlanError(f"{operation.name}: {error}") from error

    def run(self, function: Any, values: list[Value]) -> Any:
        """The outputs of a graph within the graph, in their structure."""
        inputs = [
            self.fitted(value, tensor)
            for value, tensor in zip(values, function.inputs, strict=True)
        ]
        return function.run(inputs, lambda node, a, k: self.call(node.operation, a, k))

    def fitted(self, x: Value, tensor: KerasTensor) -> Value:
        """A value as an input takes it: with or without an axis of 1 at the end."""
        sample = tuple(tensor.shape[1:])
        if x.sample == sample or (None in sample and len(x.sample) == len(sample)):
            return x
        if x.sample not in ((*sample, 1), sample[:-1]):
            raise NotInPlanError(f"an input of shape {x.shape} for {tensor.shape}")
        return self.reshape(x, [extent or 0 for extent in sample])

    def add_layer(self, layer: Any, x: Value) -> Value:
        """A layer that the core computes; a second call computes with the same weights."""
        parts = layer._leaves()
        for part in parts:
            if not part._is_planned():
                raise NotInPlanError(f"custom layers: {part.name}")
            if part.dtype != self.dtype:
                raise NotInPlanError(f"{part.name} computes in {part.dtype}, not in {self.dtype}")
        network = self.network
        network.seek(x.place)
        first = len(self.layers)
        holders = [place for place, part in enumerate(parts) if part._variables]
        known = [self._places.get(id(parts[place])) for place in holders]
        if any(place is not None for place in known):
            origin = known[0] if known[0] is not None else -1
            if known != [origin - holders[0] + place for place in holders]:
                raise NotInPlanError(f"{layer.name}: parts of it are called elsewhere")
            network.share(origin - holders[0], len(parts))
        else:
            for place in holders:
                self._places[id(parts[place])] = first + place
        layer._plan_into(network)
        self._sync(parts)
        return self.current()

    def current(self) -> Value:
        """What was added last."""
        place = self.network.value
        return Value(place, tuple(self.network.value_shape(place)), self.dtype)

    def _sync(self, parts: Sequence[Any] = ()) -> None:
        """The network has more layers: these, or parts of operations."""
        self.layers.extend(parts)
        missing = self.network.layer_count - len(self.layers)
        if parts and missing:
            raise RuntimeError(f"A plan has {missing} layers more than the model.")
        self.layers.extend([None] * missing)

    # Operations.

    def reshape(self, x: Value, sample: Sequence[int]) -> Value:
        """The value with samples of another shape."""
        if tuple(sample) == x.sample:
            return x
        if not sample:
            raise NotInPlanError("outputs without axes")
        self.network.seek(x.place)
        self.network.add_reshape(tuple(sample))
        self._sync()
        return self.current()

    def permute(self, x: Value, order: Sequence[int]) -> Value:
        """Axis i of a sample of the result is axis order[i] of the value's, counted from 0."""
        if list(order) == list(range(len(x.sample))):
            return x
        self.network.seek(x.place)
        self.network.add_permute(list(order))
        self._sync()
        return self.current()

    def merge(self, kind: str, values: Sequence[Value], axis: int = -1) -> Value:
        """Values of one rank joined element by element, or along an axis of a sample."""
        if kind != "concatenate":
            rank = max(len(value.sample) for value in values)
            values = [
                self.reshape(value, (*[1] * (rank - len(value.sample)), *value.sample))
                for value in values
            ]
        self.network.add_merge(kind, [value.place for value in values], axis)
        self._sync()
        return self.current()

    def number(self, kind: str, x: Value, number: float, number_first: bool = False) -> Value:
        """The value and a number."""
        self.network.seek(x.place)
        self.network.add_number(kind, number, number_first)
        self._sync()
        return self.current()

    def dot(self, x1: Value, x2: Value, axes: tuple[int, int], normalize: bool) -> Value:
        """Sums of products along an axis of each value's samples, counted from 0."""
        self.network.add_dot((x1.place, x2.place), axes, normalize)
        self._sync()
        return self.current()

    def matmul(self, x1: Value, x2: Value) -> Value:
        """Products of the matrices in the last two axes."""
        self.network.add_matmul(x1.place, x2.place)
        self._sync()
        return self.current()

    def slice(
        self, x: Value, begin: Sequence[int], count: Sequence[int], step: Sequence[int]
    ) -> Value:
        """A part of each sample."""
        if tuple(count) == x.sample and all(each == 1 for each in step):
            return x
        self.network.seek(x.place)
        self.network.add_slice(list(begin), list(count), list(step))
        self._sync()
        return self.current()

    def reduce(self, kind: str, x: Value, axes: Sequence[int], keepdims: bool) -> Value:
        """The sum, mean, max or min over axes of a sample, counted from 0."""
        self.network.seek(x.place)
        self.network.add_reduce(kind, list(axes), keepdims)
        self._sync()
        return self.current()

    def activation(self, x: Value, function: _core.Activation, axis: int = -1) -> Value:
        """An activation; those of whole rows along an axis of a sample."""
        self.network.seek(x.place)
        if axis in (-1, len(x.sample) - 1):
            self.network.add_activation(function)
        else:
            self.network.add_row_activation(function, axis % len(x.sample))
        self._sync()
        return self.current()


def _acts(operation: Any) -> bool:
    """Whether a call as in training does something else."""
    parts = operation._leaves() if hasattr(operation, "_leaves") else ()
    return any(
        hasattr(part, "seed")
        or part._moves_weights
        or any(variable.is_state for variable in part._variables.values())
        for part in parts
    )


def values_of(nest: Any) -> list[Value]:
    """The values in a nest of arguments.

    Raises:
        NotInPlanError: If there is anything else in it.
    """
    found = list(leaves(nest))
    for value in found:
        if not isinstance(value, Value):
            raise NotInPlanError("constants among its inputs")
    return found
