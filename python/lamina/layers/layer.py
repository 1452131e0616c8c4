"""What every layer is: a name, a shape rule, variables, and its line in a network's plan."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

from lamina import _checks, _core
from lamina._arrays import real_array
from lamina._names import checked_name
from lamina._typing import Array, BatchShape, Config, Shape
from lamina.config import standardize_dtype
from lamina.saving.serialization import Family
from lamina.variable import Variable

if TYPE_CHECKING:
    from lamina.models.stack import Stack

LAYERS = Family("layer", "layers")

Self = TypeVar("Self", bound="Layer")


class LayerOptions(TypedDict, total=False):
    """Arguments that every layer takes."""

    name: str | None
    dtype: Any
    trainable: bool
    input_shape: Any
    input_dim: int | None
    batch_input_shape: Any


class Layer:
    """The base of all layers.

    Args:
        name: Its name, unique within a model; by default from its class.
        dtype: "float32" or "float64"; by default `lamina.config.floatx()`.
        trainable: Freezing layers is not supported yet: True only.
        activity_regularizer: Not supported yet: None only.
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
        _checks.require_default(where, activity_regularizer=activity_regularizer)
        self.name = checked_name(where, name, where)
        self._dtype = standardize_dtype(dtype)
        self.trainable = trainable
        self._input_shape: Shape | None = None
        self._output: Shape | None = None
        self._variables: dict[str, Variable] = {}
        self._owner: weakref.ref[Stack] | None = None
        self._first_input: Any = None
        if batch_input_shape is not None:
            input_shape = tuple(batch_input_shape)[1:]
        if input_dim is not None:
            input_shape = (_checks.integer(where, "input_dim", input_dim, low=1),)
        if input_shape is not None:
            self._first_input = _checks.extents(where, "input_shape", input_shape)

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

    # What users see.

    @property
    def dtype(self) -> str:
        """The floating-point type that it computes in."""
        return self._dtype

    @property
    def trainable(self) -> bool:
        """Whether training changes its weights: always True."""
        return True

    @trainable.setter
    def trainable(self, value: bool) -> None:
        if _checks.boolean(type(self).__name__, "trainable", value) is not True:
            raise _checks.unsupported(type(self).__name__, "trainable", value)

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
        """The weights that training changes: all of them."""
        return self.weights

    @property
    def trainable_variables(self) -> list[Variable]:
        """The same as `trainable_weights`."""
        return self.weights

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The weights that training leaves alone: none."""
        return []

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """The same as `non_trainable_weights`."""
        return []

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
            training: True is possible only where it makes no difference.

        Returns:
            A NumPy array of the layer's dtype.
        """
        if isinstance(inputs, Layer):
            raise NotImplementedError(
                "Models as graphs of layers (`Dense(3)(Input(...))`) are not supported yet: "
                f"use `lamina.Sequential`. Received: layer '{self.name}' called on a layer"
            )
        self._require_inference(training)
        x = real_array(inputs, "inputs")
        if x.ndim == 0:
            raise ValueError(f"Layer '{self.name}' needs a batch axis. Received: shape ()")
        self._build(x.shape[1:])
        network = _core.Network(x.shape[1:], self._dtype, "cpu", 0)
        self._append_to(network)
        for index, variable in enumerate(self.weights):
            network.set_parameter(index, variable.numpy())
        return network.predict(x, max(1, x.shape[0]), None)

    def _require_inference(self, training: bool | None) -> None:
        """Raises if the layer would act differently in training."""

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {"name": self.name, "trainable": True, "dtype": self._dtype}

    @classmethod
    def from_config(cls: type[Self], config: Config) -> Self:
        """The layer that `get_config` described."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


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
