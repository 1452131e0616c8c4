"""What every layer is: a name, a shape rule, variables, and its line in a network's plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

import numpy as np

import lamina._core as _core
from lamina import _checks, activations, constraints, initializers, regularizers
from lamina._arrays import real_array
from lamina._lazy import LazyModule
from lamina._names import checked_name
from lamina._typing import Array, BatchShape, Config, Shape
from lamina.config import standardize_dtype
from lamina.layers import _calls
from lamina.layers.owned import Owned
from lamina.registry import Registry
from lamina.variable import Variable

if TYPE_CHECKING:
    from lamina.layers import custom, tape
else:
    custom, tape = LazyModule("lamina.layers.custom"), LazyModule("lamina.layers.tape")

LAYERS = Registry("layer", "layers")

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


class Layer(Owned):
    """The base of all layers, also of layers of your own.

    One of your own defines `call(self, inputs)` or `call(self, inputs, training=False)` with
    functions of `lamina.ops` or other layers, and where it has weights
    `build(self, input_shape)`, which makes them with `add_weight`. A model with such a layer
    runs on the tape.

    Args:
        name: Its name, unique within a model; by default from its class.
        dtype: "float32" or "float64"; by default `lamina.config.floatx()`.
        trainable: Whether training changes its weights.
        activity_regularizer: A penalty on its output, divided by the batch size, that the loss
            contains: see `lamina.regularizers`.
        input_shape: For the first layer of a model: the shape of a sample (better: `Input`).
        input_dim: The same for samples of one axis.
        batch_input_shape: The same with the batch in front.

    Example:
        >>> class Scale(lamina.layers.Layer):
        ...     def build(self, input_shape):
        ...         self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones")
        ...     def call(self, inputs):
        ...         return inputs * self.factor
        >>> Scale()(np.ones((1, 2)))
        array([[1., 1.]], dtype=float32)
    """

    #: Whether the core computes it; otherwise `call` does.
    _native = False

    #: For a layer of your own: what its inputs must be like, an `InputSpec` or a list or dictionary
    #: of them. It is checked at each call.
    input_spec: Any = None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        plans = cls._append_to is not Layer._append_to or cls._plan_into is not Layer._plan_into
        cls._native = plans and cls.call is Layer.call

    #: For Keras' sake: there are no masks.
    supports_masking = False

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
        if self.activity_regularizer is not None and self.activity_regularizer.is_native():
            self.activity_regularizer.factors()  # raises for those of weights only
        self._calls = 0
        self._prefix = ""
        self._input_shape: Shape | None = None
        self._output: Shape | None = None
        self._variables: dict[str, Variable] = {}
        self._owner = None
        self._first_input: Any = None
        self._losses: list[Any] = []
        self._on_tape: Any = None
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
        if self._native:
            return shape
        if self._output is not None and self._input_shape == shape:
            return self._output
        self._build_own(shape)
        if type(self).compute_output_shape is not Layer.compute_output_shape:
            after = tuple(self.compute_output_shape((None, *shape)))[1:]
            return tuple(extent for extent in after if extent is not None)
        return custom.traced_shape(self, shape)

    def _create_variables(self, shape: Shape) -> list[Variable]:
        """The variables for samples of `shape`."""
        return []

    def _append_to(self, network: _core.Network) -> None:
        """Adds this layer to a network's plan."""
        raise NotImplementedError(
            f"Layer '{self.name}' ({type(self).__name__}) must define `call(self, inputs)`: "
            "only layers of lamina.layers are part of a plan."
        )

    # How layers become a plan.

    def _plan_into(self, network: _core.Network) -> None:
        """Adds the layer and its penalty on outputs."""
        self._append_to(network)
        if self.activity_regularizer is not None:
            network.add_activity_penalty(*self.activity_regularizer.factors())

    def _leaves(self) -> list[Layer]:
        """The layers that it puts into a plan, in their order there."""
        if self._native:
            return [self]
        return [self, *(leaf for layer in self._inner() for leaf in layer._leaves())]

    def _inner(self) -> list[Any]:
        """The layers that a layer of the user's own holds."""
        found: list[Any] = []
        for layer in custom.layers_in(self):
            if not any(layer is other for other in found):
                found.append(layer)
        return found

    def _is_planned(self) -> bool:
        """Whether the core can run it as part of a plan."""
        rules = all(
            (v.regularizer is None or v.regularizer.is_native())
            and (v.constraint is None or v.constraint.is_native())
            for v in self._variables.values()
        )
        activity = self.activity_regularizer
        return (
            self._native
            and rules
            and (activity is None or activity.is_native())
            and activations.is_native(getattr(self, "activation", None))
        )

    def _set_prefix(self, prefix: str) -> None:
        """Tells the layer the names of the models and layers that it is in."""
        self._prefix = prefix
        for variable in self._variables.values():
            variable.path = f"{prefix}{self.name}/{variable.name}"
        if not self._native:
            for layer in self._inner():
                layer._set_prefix(f"{prefix}{self.name}/")

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
        if constraint is not None and constraint.is_native():
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

    # For layers of the user's own.

    def add_weight(
        self,
        shape: Any = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        aggregation: str = "none",
        overwrite_with_gradient: bool = False,
        name: str | None = None,
    ) -> Variable:
        """Makes a variable of this layer; for `build` or the constructor.

        Args:
            shape: Its shape; () by default.
            initializer: See `lamina.initializers`; "glorot_uniform" by default.
            dtype: By default the layer's.
            trainable: Whether an optimizer trains it; others are state, such as a counter.
            autocast: Accepted for compatibility: a layer computes in one type.
            regularizer: A penalty on it that the loss contains.
            constraint: What holds for it after each step.
            aggregation: Accepted for compatibility.
            overwrite_with_gradient: Not supported: False only.
            name: Its name within the layer, without another of that name.

        Raises:
            ValueError: If the layer has a variable of that name already.
        """
        where = f"Layer '{self.name}'"
        _checks.require_default("add_weight", overwrite_with_gradient=overwrite_with_gradient)
        given = _checks.extents(where, "shape", () if shape is None else shape)
        extents = tuple(extent for extent in given if extent is not None)
        if name is None:
            name = "variable" if not self._variables else f"variable_{len(self._variables)}"
        if name in self._variables:
            raise ValueError(f"{where} has a variable of that name. Received: name={name!r}")
        if initializer is None:
            initializer = "glorot_uniform"
        if not self._building:
            self._plan_changed()
        variable = self._weight(
            name,
            extents,
            initializers.get(initializer),
            regularizers.get(regularizer),
            constraints.get(constraint),
            _checks.boolean(where, "trainable", trainable),
        )
        if dtype is not None and standardize_dtype(dtype) != self._dtype:
            raise ValueError(
                f"{where} computes in {self._dtype}, and its variables must be of that type. "
                f"Received: dtype={dtype!r}"
            )
        self._variables[name] = variable
        return variable

    def add_loss(self, loss: Any) -> None:
        """Adds a number to the loss of the step; for `call`.

        Args:
            loss: A tensor without axes, or a list of them.
        """
        from lamina import _eager

        for part in loss if isinstance(loss, (list, tuple)) else [loss]:
            self._losses.append(_eager.tensor(part))
        if self._native:
            self._losses_added()

    def _losses_added(self) -> None:
        for owner in self._living_owners():
            owner._losses_added()

    def _clear_losses(self) -> None:
        self._losses = []
        for layer in self._inner() if not self._native else []:
            layer._clear_losses()

    @property
    def losses(self) -> list[Any]:
        """What the last call adds to the loss, and the penalties on weights, as tensors.

        Frozen weights have no penalties.
        """
        found = []
        for leaf in self._leaves():
            found.extend(leaf._losses)
        for leaf in self._leaves():
            for variable in leaf._variables.values():
                if variable.regularizer is not None and variable.trainable:
                    found.append(variable.regularizer(variable))
        return found

    @property
    def metrics(self) -> list[Any]:
        """The metrics that a layer of your own, or a layer in it, has as attributes.

        A model resets them with its own and shows their results beside them.
        """
        return custom.metrics_in(self)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """The answer for a batch of tensors: what a layer of your own defines."""
        if self._native:
            return self(inputs, training=training)
        raise NotImplementedError(
            f"Layer '{self.name}' ({type(self).__name__}) must define `call(self, inputs)`."
        )

    # What users see.

    @property
    def dtype(self) -> str:
        """The floating-point type that it computes in."""
        return self._dtype

    @property
    def compute_dtype(self) -> str:
        """The same as `dtype`."""
        return self.dtype

    @property
    def variable_dtype(self) -> str:
        """The same as `dtype`."""
        return self.dtype

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
        if not self._native:
            for layer in self._inner():
                layer._freeze(frozen)

    def _plan_changed(self) -> None:
        """The plan of the model that it is in does not fit any more."""
        for owner in self._living_owners():
            owner._plan_changed()

    def _trainable_changed(self) -> None:
        for owner in self._living_owners():
            owner._trainable_changed()

    @property
    def built(self) -> bool:
        """Whether its input shape is known."""
        return self._input_shape is not None

    @built.setter
    def built(self, value: bool) -> None:
        """Accepted for compatibility: a layer is built when its input shape is known."""

    def build(self, input_shape: Any) -> None:
        """Fixes the shape of the input, and with it of the weights.

        Args:
            input_shape: The shape with the batch in front: `(None, 4)`.

        Raises:
            ValueError: If the layer cannot take such an input, or was built for another.
        """
        where = f"Layer '{self.name}'"
        if self._building:  # `super().build(input_shape)` in a layer of the user's own
            return
        full = _checks.extents(where, "input_shape", input_shape, batch=True)
        if not full:
            raise ValueError(f"{where}: `input_shape` needs a batch axis. Received: ()")
        self._build(tuple(extent for extent in full[1:] if extent is not None))

    #: Whether `build` of the user's own runs.
    _building = False

    def _build_own(self, shape: Shape) -> None:
        """Calls the `build` of a layer of the user's own."""
        if self._input_shape is not None:
            return
        self._input_shape = shape
        self._building = True
        try:
            if type(self).build is not Layer.build:
                self.build((None, *shape))
            self._set_prefix(self._prefix)
            if not self._trainable:
                self._freeze(True)
        except BaseException:
            self._input_shape = None
            raise
        finally:
            self._building = False

    def _build_from(self, inputs: Any) -> None:
        """Builds a layer of the user's own for what it is called with."""
        shape = custom.shape_of(inputs)
        self._build_own(() if shape is None else shape)

    def _build(self, shape: Shape) -> None:
        if not self._native:
            self._build_own(shape)
            if self._output is None:
                self._output = self._shape_after(shape)
            return
        if self._input_shape is not None:
            if self._input_shape != shape and (self._variables or self._living_owners()):
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
        self._on_tape = None
        if not self._native:
            for layer in self._inner():
                layer._unbuild()

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
        """Its variables, kernel before bias; then those of the layers inside."""
        if self._native:
            return list(self._variables.values())
        return [v for leaf in self._leaves() for v in leaf._variables.values()]

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

    @property
    def path(self) -> str:
        """Its name, with those of the models that it is in."""
        return f"{self._prefix}{self.name}"

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

    def __call__(
        self, inputs: Any, *args: Any, training: bool | None = None, **options: Any
    ) -> Any:
        """The layer's answer for a batch, on its own.

        Args:
            inputs: An array or tensor with one row for each sample; a layer of your own may take
                several in a list or dictionary.
            *args: Further arguments of a `call` of your own.
            training: Whether to act as in training: dropout drops, and BatchNormalization takes
                the batch's statistics and moves its averages. None: as the layer around does.
            **options: Further arguments of a `call` of your own.

        Returns:
            An array of the layer's dtype; a tensor for tensors, and while a tape records.
        """
        if not self._native:
            return custom.run(self, inputs, args, {**options, "training": training})
        if args:
            (training,) = args
        if options:
            raise TypeError(
                f"Layer '{self.name}' takes inputs and `training`. Received: {sorted(options)}"
            )
        training = _calls.training_of(training)
        if isinstance(inputs, Layer):
            raise NotImplementedError(
                "Models as graphs of layers (`Dense(3)(Input(...))`) are not supported yet: "
                f"use `lamina.Sequential`. Received: layer '{self.name}' called on a layer"
            )
        if type(inputs) is not np.ndarray or _core.is_recording():
            from lamina import _eager

            if _eager.is_eager(inputs):
                return tape.call_layer(self, inputs, training)
        if not self._is_planned():
            return custom.arrays_of(tape.call_layer(self, inputs, training))
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
        self._require_own_config()
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        return config

    def _require_own_config(self) -> None:
        """NotImplementedError for a layer with arguments of its own that nobody wrote down."""
        cls = type(self)
        if self._native or cls.get_config is not Layer.get_config:
            return
        known = {"self", "name", "dtype", "trainable", "activity_regularizer", "**", "*"}
        if not custom.constructor_of(cls) <= known | {"input_shape", "input_dim"}:
            raise NotImplementedError(
                f"Layer '{self.name}' ({cls.__name__}) has arguments of its own, so it must define "
                "`get_config(self)` to be saved or copied."
            )

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
