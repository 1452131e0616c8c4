"""What every layer is: a name, a shape rule, variables, and its line in a network's plan."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

import lamina._core as _core
from lamina import _checks, activations, regularizers
from lamina._lazy import LazyModule
from lamina._names import checked_name
from lamina._typing import Array, BatchShape, Config, Shape
from lamina.config import standardize_dtype
from lamina.graph.keras_tensor import KerasTensor, any_symbolic
from lamina.graph.node import Node
from lamina.graph.operation import Operation
from lamina.layers import weights as _weights
from lamina.layers.tracking import PLAIN, Tracker
from lamina.registry import Registry
from lamina.variable import Variable

if TYPE_CHECKING:
    from lamina.layers import building, call_spec, calling, native, symbolic
else:
    building = LazyModule("lamina.layers.building")
    call_spec = LazyModule("lamina.layers.call_spec")
    calling = LazyModule("lamina.layers.calling")
    native = LazyModule("lamina.layers.native")
    symbolic = LazyModule("lamina.layers.symbolic")

LAYERS = Registry("layer", "layers")

Self = TypeVar("Self", bound="Layer")

#: What a copy of a layer has anew: its parents, calls and graph nodes are its own.
_NOT_COPIED = frozenset(("_adopted", "_inbound_nodes", "_losses", "_native_call", "_tracker"))

_NESTS = frozenset((list, tuple, dict))


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


class Layer(Operation):
    """The base of all layers, also of custom ones.

    A custom layer defines `call(self, inputs)` or `call(self, inputs, training=False)` with
    functions of `lamina.ops` or other layers, and where it has weights
    `build(self, input_shape)`, which makes them with `add_weight`. A model with such a layer
    runs on the tape. Layers, metrics and seed generators that it has as attributes, or in lists,
    tuples and dictionaries among them, are part of it.

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

    #: What the constructor of a custom class got beside what all layers take; None where that is
    #: no plain data.
    _made_with: Config | None = MappingProxyType({})  # type: ignore[assignment]

    #: What it is to the layers and models that have it as an attribute.
    _tracked_as = "layer"

    #: For a custom layer: what its inputs must be like, an `InputSpec` or a list or dictionary
    #: of them. It is checked at each call.
    input_spec: Any = None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        plans = cls._append_to is not Layer._append_to or cls._plan_into is not Layer._plan_into
        cls._native = plans and cls.call is Layer.call
        if "build" in cls.__dict__:
            cls.build = building.build_of(cls.__dict__["build"])  # type: ignore[method-assign]

    #: Whether the layers in it have one place in a chain, and so samples of one shape.
    _fixes_shapes = False

    #: For Keras' sake: there are no masks.
    supports_masking = False

    def __new__(cls, *args: Any, **options: Any) -> Any:  # noqa: D102
        if options:
            _checks.require_known_words(cls, options)
        self = super().__new__(cls)
        object.__setattr__(self, "_tracker", Tracker())
        if (args or options) and not cls.__module__.startswith("lamina."):
            object.__setattr__(self, "_made_with", call_spec.plain_arguments(cls, args, options))
        return self

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
        self._prefix = ""
        self._input_shape: Shape | None = None
        self._output: Shape | None = None
        self._variables: dict[str, Variable] = {}
        #: The identities of those that are attributes, and whether another layer named them first.
        self._adopted: dict[int, bool] = {}
        #: What `_variables` was when the layer was not built.
        self._before_build: dict[str, Variable] = {}
        self._first_input: Any = None
        self._losses: list[Any] = []
        self._native_call: Any = None
        self._built = False
        if batch_input_shape is not None:
            input_shape = tuple(batch_input_shape)[1:]
        if input_dim is not None:
            input_shape = (_checks.integer(where, "input_dim", input_dim, low=1),)
        if input_shape is not None:
            self._first_input = _checks.extents(where, "input_shape", input_shape)

    # What it holds, and what holds it.

    _tracker: Tracker

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        if type(value) not in PLAIN or name in self._tracker.names:
            self._tracker.note(name, value)
        if self._call_plan is not None:
            self._attribute_set(name)

    #: What of a model's custom `call` runs in the core's plan, once that was found out.
    _call_plan: Any = None

    def _attribute_set(self, name: str) -> None:
        """An attribute is set, on which `call` may depend."""

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        self._tracker.changed = True

    # Copies are apart from what the layer is part of; `copy.copy` has the same weights and parts.

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in _NOT_COPIED}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._native_call = None
        self._losses = []
        self._variables = dict(state.get("_variables", ()))
        self._adopted = {}

    def _children(self) -> list[Any]:
        """The layers and models that it holds."""
        return [] if self._native else self._tracker.parts(self, "layer")

    def _parents(self) -> list[Any]:
        """The layers and models that hold it, the most recent last."""
        return self._tracker.parents()

    def _held_metrics(self) -> list[Any]:
        """The metrics that it and the layers in it hold."""
        if self._native:
            return []
        found = {id(metric): metric for metric in self._tracker.parts(self, "metric")}
        for child in self._children():
            if not getattr(child, "_native", False):
                for metric in child._held_metrics():
                    found[id(metric)] = metric
        return list(found.values())

    #: Whether a pass as in training changes weights that are no state.
    _moves_weights = False

    # What a layer class defines.

    def _shape_after(self, shape: Shape) -> Shape:
        """The shape of an output sample; ValueError if the layer cannot take the input."""
        if self._native:
            return shape
        if self._output is not None and self._input_shape == shape:
            return self._output
        self._build_custom((None, *shape))
        if type(self).compute_output_shape is not Layer.compute_output_shape:
            after = tuple(self.compute_output_shape((None, *shape)))[1:]
            return tuple(extent for extent in after if extent is not None)
        return calling.traced_shape(self, shape)

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

    def _plan_into(self, network: _core.Network) -> Any:
        """Adds the layer and its penalty on outputs."""
        self._append_to(network)
        if self.activity_regularizer is not None:
            network.add_activity_penalty(*self.activity_regularizer.factors())

    def _lower(self, builder: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        from lamina.graph.builder import NotInPlanError, values_of

        if not self._native:
            raise NotInPlanError(f"custom layers: {self.name}")
        (x,) = values_of(args)
        return builder.add_layer(self, x)

    def _leaves(self) -> list[Layer]:
        """The layers that it puts into a plan, in their order there."""
        if self._native:
            return [self]
        leaves: list[Layer] = [self]
        for child in self._children():
            leaves += child._leaves()
        return leaves

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
        children = self._children()
        _weights.set_paths(self)
        for child in children:
            child._set_prefix(f"{prefix}{self.name}/")

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
        return _weights.make_weight(
            self, name, shape, initializer, regularizer, constraint, trainable
        )

    # For custom layers.

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
        _checks.require_default("add_weight", overwrite_with_gradient=overwrite_with_gradient)
        return _weights.add_weight(
            self, shape, initializer, dtype, trainable, regularizer, constraint, name
        )

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
        for parent in self._parents():
            parent._losses_added()

    def _clear_losses(self) -> None:
        self._losses.clear()
        for child in self._children():
            child._clear_losses()

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
        """The metrics that it, or a layer in it, has as attributes.

        A model resets them with its own and shows their results beside them.
        """
        return self._held_metrics()

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """The output for a batch of tensors: what a custom layer defines."""
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
        children = self._children()
        for variable in self._variables.values():
            variable.trainable = not (frozen or variable.is_state)
        for child in children:
            child._freeze(frozen)

    def _plan_changed(self) -> None:
        """The plan of the model that it is in does not fit any more."""
        for parent in self._parents():
            parent._plan_changed()

    def _trainable_changed(self) -> None:
        for parent in self._parents():
            parent._trainable_changed()

    @property
    def built(self) -> bool:
        """Whether it has its weights.

        A custom layer may set it: True, if it needs no `build`; False, to be built again.
        """
        return self._built or self._input_shape is not None

    @built.setter
    def built(self, value: bool) -> None:
        if not value and not self._building and self.built:
            self._unbuild()
            self._plan_changed()
        self._built = bool(value)

    def build(self, input_shape: Any) -> None:
        """Makes the weights for inputs of a shape.

        A custom layer makes them here, with `add_weight`.

        Args:
            input_shape: The shape with the batch in front: `(None, 4)`. A custom layer that takes
                several inputs gets a list or dictionary of shapes.

        Raises:
            ValueError: If the layer cannot take such an input, or was built for another.
        """
        if not self._native:
            if not self._building:  # else it is a `super().build(input_shape)`
                self._build_custom(input_shape)
            return
        where = f"Layer '{self.name}'"
        full = _checks.extents(where, "input_shape", input_shape, batch=True)
        if not full:
            raise ValueError(f"{where}: `input_shape` needs a batch axis. Received: ()")
        self._build(tuple(extent for extent in full[1:] if extent is not None))

    #: Whether a custom `build` runs.
    _building = False

    def _build_custom(self, shapes: Any, build: Any = None) -> None:
        """Builds a custom layer for inputs of these shapes, with the batch in front."""
        building.build_custom(self, shapes, build)

    def _build(self, shape: Shape) -> None:
        if not self._native:
            self._build_custom((None, *shape))
            if self._output is None:
                self._output = self._shape_after(shape)
            return
        if self._input_shape is None and not self._building and type(self).build is not Layer.build:
            self.build((None, *shape))
        if self._input_shape is not None:
            # Without weights it may be called on samples of another shape elsewhere.
            if self._input_shape != shape and (
                self._variables or any(parent._fixes_shapes for parent in self._parents())
            ):
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
        self._input_shape = self._output = self._native_call = None
        self._built = False
        building.drop_variables(self, self._before_build)
        for child in self._children():
            child._unbuild()

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
        found = {id(v): v for leaf in self._leaves() for v in leaf._variables.values()}
        return list(found.values())

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
        _weights.set_weights(self.weights, weights, f"Layer '{self.name}'")

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
        """The layer's output for a batch, on its own.

        Args:
            inputs: An array or tensor with one row for each sample; a custom layer may take
                several in a list or dictionary.
            *args: Further arguments of a custom `call`.
            training: Whether to act as in training: dropout drops, and BatchNormalization takes
                the batch's statistics and moves its averages. None: as the layer around does.
            **options: Further arguments of a custom `call`.

        Returns:
            An array of the layer's dtype; a tensor for tensors, and while a tape records; a
            symbolic tensor for symbolic ones, of which it becomes a part of a graph.
        """
        if type(inputs) is KerasTensor or (
            (args or options or type(inputs) in _NESTS) and any_symbolic(inputs, args, options)
        ):
            if training is not None:
                options["training"] = training
            return self.symbolic_call(inputs, *args, **options)
        if not self._native:
            return calling.call_layer(self, inputs, args, options, training)
        if args:
            (training,) = args
        if options:
            raise TypeError(
                f"Layer '{self.name}' takes inputs and `training`. Received: {sorted(options)}"
            )
        return native.call_layer(self, inputs, training)

    def _node(self, index: int, what: str) -> Node:
        if not self._inbound_nodes:
            symbolic.record_in_stacks(self)
        return super()._node(index, what)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """The outputs for symbolic inputs, which build the layer, without recording a call."""
        return symbolic.output_spec(self, args, kwargs)

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        config: Config = {"name": self.name, "trainable": self._trainable, "dtype": self._dtype}
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        cls = type(self)
        if self._native or not cls.get_config.__module__.startswith("lamina."):
            return config
        # A custom class that does not define it.
        if self._made_with is None:
            raise NotImplementedError(
                f"Layer '{self.name}' ({cls.__name__}) has arguments that are no plain data, so it "
                "must define `get_config(self)` to be saved or copied."
            )
        takes = call_spec.constructor_of(cls)
        if "**" not in takes:
            config = {key: value for key, value in config.items() if key in takes}
        return {**self._made_with, **config}

    @classmethod
    def from_config(cls: type[Self], config: Config) -> Self:
        """The layer that `get_config` described."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"
