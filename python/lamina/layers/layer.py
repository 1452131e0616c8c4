"""What every layer is: a name, a shape rule, variables, and its line in a network's plan."""

from __future__ import annotations

import weakref
from typing import Any, TypedDict, TypeVar

from lamina import _checks, _core, regularizers
from lamina._arrays import real_array
from lamina._names import checked_name
from lamina._typing import Array, BatchShape, Config, Shape
from lamina.config import standardize_dtype
from lamina.saving.serialization import Family
from lamina.variable import Variable

LAYERS = Family("layer", "layers")

Self = TypeVar("Self", bound="Layer")


class PlainOptions(TypedDict, total=False):
    """Arguments that every layer takes."""

    name: str | None
    dtype: Any
    trainable: bool
    input_shape: Any
    input_dim: int | None
    batch_input_shape: Any


class LayerOptions(PlainOptions, total=False):
    """The same, and the penalty on outputs, for layers that do not name it themselves."""

    activity_regularizer: Any


class Layer:
    """The base of all layers.

    Args:
        name: Its name, unique within a model; by default from its class.
        dtype: "float32" or "float64"; by default `lamina.config.floatx()`.
        trainable: Whether training changes its weights.
        activity_regularizer: A penalty on its output, divided by the batch size, that the loss
            contains: see `lamina.regularizers`.
        input_shape: For the first layer of a model: the shape of a sample (better: `Input`).
        input_dim: The same for samples of one axis.
        batch_input_shape: The same with the batch in front.
    """

    def __init__(
        self,
        name: str | None = None,
        dtype: Any = None,
        trainable: bool = True,
        activity_regularizer: Any = None,
        input_shape: Any = None,
        input_dim: int | None = None,
        batch_input_shape: Any = None,
    ) -> None:
        where = type(self).__name__
        self.name = checked_name(where, name, where)
        self._dtype = standardize_dtype(dtype)
        self._trainable = _checks.boolean(where, "trainable", trainable)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        if self.activity_regularizer is not None:
            self.activity_regularizer.factors()  # raises for those of weights only
        self._calls = 0
        self._prefix = ""
        self._input_shape: Shape | None = None
        self._output: Shape | None = None
        self._variables: dict[str, Variable] = {}
        self._owner: weakref.ref[Any] | None = None
        self._first_input: Any = None
        if batch_input_shape is not None:
            input_shape = tuple(batch_input_shape)[1:]
        if input_dim is not None:
            input_shape = (_checks.integer(where, "input_dim", input_dim, low=1),)
        if input_shape is not None:
            self._first_input = _checks.extents(where, "input_shape", input_shape)

    #: Whether a pass as in training changes weights that are no state.
    _moves_weights = False

    # What a layer class defines.

    def _shape_after(self, shape: Shape) -> Shape:
        """The shape of an output sample; ValueError if the layer cannot take the input."""
        return shape

    def _create_variables(self, shape: Shape) -> list[Variable]:
        """The variables for samples of `shape`."""
        return []

    def _append_to(self, network: _core.Network) -> None:
        """Adds this layer to a network's plan."""
        raise NotImplementedError(
            "Layers of your own are not supported yet: only those of lamina.layers can be "
            f"computed. Received: layer '{self.name}' of class {type(self).__name__}"
        )

    # How layers become a plan.

    def _plan_into(self, network: _core.Network) -> None:
        """Adds the layer and its penalty on outputs."""
        self._append_to(network)
        if self.activity_regularizer is not None:
            network.add_activity_penalty(*self.activity_regularizer.factors())

    def _leaves(self) -> list[Layer]:
        """The layers that it puts into a plan, in their order there."""
        return [self]

    def _set_prefix(self, prefix: str) -> None:
        """Tells the layer the names of the models and layers that it is in."""
        self._prefix = prefix
        for variable in self._variables.values():
            variable.path = f"{prefix}{self.name}/{variable.name}"

    def _weight(
        self,
        name: str,
        shape: Shape,
        initializer: Any,
        regularizer: Any = None,
        constraint: Any = None,
        trainable: bool = True,
    ) -> Variable:
        """A variable of this layer."""
        if constraint is not None:
            constraint.specification(shape)  # raises if it does not fit
        if regularizer is not None:
            regularizer._check(shape, name)
        variable = Variable(
            initializer,
            shape,
            self._dtype,
            name,
            f"{self._prefix}{self.name}/{name}",
            trainable,
            regularizer,
            constraint,
        )
        variable.trainable = trainable and self._trainable
        return variable

    # What users see.

    @property
    def dtype(self) -> str:
        """The floating-point type that it computes in."""
        return self._dtype

    @property
    def trainable(self) -> bool:
        """Whether training changes its weights; setting it takes effect at the next step."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._freeze(not _checks.boolean(type(self).__name__, "trainable", value))
        self._trainable_changed()

    def _freeze(self, frozen: bool) -> None:
        self._trainable = not frozen
        for variable in self._variables.values():
            variable.trainable = not (frozen or variable.is_state)

    def _plan_changed(self) -> None:
        """The plan of the model that it is in does not fit any more."""
        owner = self._owner() if self._owner is not None else None
        if owner is not None:
            owner._plan_changed()

    def _trainable_changed(self) -> None:
        owner = self._owner() if self._owner is not None else None
        if owner is not None:
            owner._trainable_changed()

    @property
    def built(self) -> bool:
        """Whether its input shape is known."""
        return self._input_shape is not None

    def build(self, input_shape: Any) -> None:
        """Fixes the shape of the input, and with it of the weights.

        Args:
            input_shape: The shape with the batch in front: `(None, 4)`.

        Raises:
            ValueError: If the layer cannot take such an input, or was built for another.
        """
        where = f"Layer '{self.name}'"
        full = _checks.extents(where, "input_shape", input_shape, batch=True)
        if not full:
            raise ValueError(f"{where}: `input_shape` needs a batch axis. Received: ()")
        self._build(tuple(extent for extent in full[1:] if extent is not None))

    def _build(self, shape: Shape) -> None:
        if self._input_shape is not None:
            if self._input_shape != shape and (self._variables or self._owner is not None):
                raise ValueError(
                    f"Layer '{self.name}' was built for samples of shape {self._input_shape}. "
                    f"Received: samples of shape {shape}"
                )
            if self._input_shape == shape:
                return
        output = self._shape_after(shape)
        self._variables = {variable.name: variable for variable in self._create_variables(shape)}
        self._input_shape, self._output = shape, output

    def _unbuild(self) -> None:
        self._input_shape = self._output = None
        self._variables = {}

    def compute_output_shape(self, input_shape: Any) -> BatchShape:
        """The output's shape for an input's, both with the batch in front."""
        full = _checks.extents(type(self).__name__, "input_shape", input_shape, batch=True)
        return (full[0], *self._shape_after(tuple(e for e in full[1:] if e is not None)))

    @property
    def input_shape(self) -> BatchShape:
        """The input's shape with None for the batch; AttributeError before building."""
        if self._input_shape is None:
            raise AttributeError(f"Layer '{self.name}' has no defined input shape yet.")
        return (None, *self._input_shape)

    @property
    def output_shape(self) -> BatchShape:
        """The output's shape with None for the batch; AttributeError before building."""
        if self._output is None:
            raise AttributeError(f"Layer '{self.name}' has no defined output shape yet.")
        return (None, *self._output)

    @property
    def weights(self) -> list[Variable]:
        """Its variables, kernel before bias."""
        return list(self._variables.values())

    @property
    def variables(self) -> list[Variable]:
        """The same as `weights`."""
        return self.weights

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights that training changes."""
        return [variable for variable in self.weights if variable.trainable]

    @property
    def trainable_variables(self) -> list[Variable]:
        """The same as `trainable_weights`."""
        return self.trainable_weights

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The weights that no optimizer changes: frozen ones, and state such as moving averages."""
        return [variable for variable in self.weights if not variable.trainable]

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """The same as `non_trainable_weights`."""
        return self.non_trainable_weights

    def get_weights(self) -> list[Array]:
        """Copies of the weights, kernel before bias."""
        return [variable.numpy() for variable in self.weights]

    def set_weights(self, weights: Any) -> None:
        """Sets all weights.

        Args:
            weights: One array for each of `weights`.

        Raises:
            ValueError: If number or shapes differ; nothing has changed then.
        """
        set_weights(self.weights, weights, f"Layer '{self.name}'")

    def count_params(self) -> int:
        """The number of all elements of the weights.

        Raises:
            ValueError: If the layer is not built.
        """
        if not self.built:
            raise ValueError(
                f"You tried to call `count_params` on layer '{self.name}', but the layer isn't "
                f"built. You can build it manually via: `layer.build(input_shape)`."
            )
        return sum(variable.size for variable in self.weights)

    def __call__(self, inputs: Any, training: bool | None = False) -> Array:
        """The layer's answer for a batch, on its own.

        Args:
            inputs: An array with one row for each sample.
            training: Whether to act as in training: dropout drops, and BatchNormalization takes
                the batch's statistics and moves its averages.

        Returns:
            A NumPy array of the layer's dtype.
        """
        if isinstance(inputs, Layer):
            raise NotImplementedError(
                "Models as graphs of layers (`Dense(3)(Input(...))`) are not supported yet: "
                f"use `lamina.Sequential`. Received: layer '{self.name}' called on a layer"
            )
        x = real_array(inputs, "inputs")
        if x.ndim == 0:
            raise ValueError(f"Layer '{self.name}' needs a batch axis. Received: shape ()")
        self._build(x.shape[1:])
        network = _core.Network(x.shape[1:], self._dtype, "cpu", 0)
        self._plan_into(network)
        leaves = self._leaves()
        placed = variables_of(network, leaves)
        for index, variable in enumerate(placed):
            network.set_parameter(index, variable.numpy())
        if not training:
            return network.predict(x, max(1, x.shape[0]), None)
        for index, leaf in enumerate(leaves):
            network.set_trainable(index, leaf.trainable)
        network.calls_seen = self._calls
        self._calls += 1
        answer = network.call_training(x)
        moves = any(leaf._moves_weights for leaf in leaves)
        for index, variable in enumerate(placed):
            if variable.is_state or moves:
                variable.assign(network.get_parameter(index))
        return answer

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        config: Config = {"name": self.name, "trainable": self._trainable, "dtype": self._dtype}
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        return config

    @classmethod
    def from_config(cls: type[Self], config: Config) -> Self:
        """The layer that `get_config` described."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


def variables_of(network: _core.Network, leaves: list[Layer]) -> list[Variable]:
    """The variables of a network's layers, in the order of its parameters."""
    return [leaves[info.layer]._variables[info.name] for info in network.parameters()]


def set_weights(variables: list[Variable], weights: Any, where: str) -> None:
    """Sets all variables, or none if any value does not fit."""
    if not isinstance(weights, (list, tuple)):
        raise TypeError(
            f"{where}: `weights` must be a list of arrays. Received: {type(weights).__name__}"
        )
    if len(weights) != len(variables):
        raise ValueError(
            f"{where} has {len(variables)} weights. Received: a list of {len(weights)} arrays"
        )
    values = [variable.checked(weight) for variable, weight in zip(variables, weights, strict=True)]
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
