"""A stack of layers, one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

import lamina._core as _core
from lamina import _checks, _eager
from lamina._arrays import NATIVE, real_array
from lamina._checks import unknown_name
from lamina._typing import Array, BatchShape, Config, Shape
from lamina.config import floatx
from lamina.data.samples import fit_inputs, input_array, only_input
from lamina.execution.trainable import PreparedInputs
from lamina.graph.keras_tensor import KerasTensor
from lamina.layers import call_context
from lamina.layers.input_layer import InputLayer
from lamina.layers.layer import LAYERS, Layer
from lamina.layers.preprocessing.preprocessing_layer import PreprocessingLayer, data_array
from lamina.layers.resolve import deserialize
from lamina.layers.resolve import serialize as serialize_layer
from lamina.layers.symbolic import record_in_stacks
from lamina.models import custom_model
from lamina.models.model import Model
from lamina.models.output_chains import chain_of
from lamina.models.stack_graph import record_stack
from lamina.registry import custom_object_scope, shorten
from lamina.variable import Variable

_CONFIG_KEYS = {"name", "trainable", "dtype", "layers", "build_input_shape"}


@LAYERS.register()
class Sequential(Model):
    """A stack of layers, one after the other.

    Without an `Input` in front, the model is built when it first sees data. Layers may be
    added and removed at any time; the others keep their weights, and a compiled model's
    optimizer starts afresh.

    Layers, and models as layers, may be in several models: their weights are one value then, and
    training one of the models changes all (transfer learning: `Sequential([*base.layers[:-1],
    Dense(3)])`). Each model has its own optimizer state. Freezing a layer freezes it in all.

    A subclass may define `call`, which then runs wherever the model is called, on a tape.

    Args:
        layers: The layers, maybe with an `Input` in front.
        trainable: Whether training changes the weights.
        name: The model's name.

    Raises:
        TypeError: For what is not a layer.
        ValueError: If a layer cannot take what the one before it gives.

    Example:
        >>> model = lamina.Sequential()
        >>> model.add(lamina.Input((3,)))
        >>> model.add(lamina.layers.Dense(2))
        >>> model.compile("sgd", "mse")
        >>> model.predict(np.zeros((1, 3)), verbose=0)
        array([[0., 0.]], dtype=float32)
        >>> len(model), model[0].units
        (1, 2)
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls._native = cls.call is Sequential.call

    _fixes_shapes = True

    def __init__(
        self,
        layers: Iterable[Layer] | None = None,
        trainable: bool = True,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable)
        self._layers: list[Any] = []
        self._input: InputLayer | None = None
        #: The layers of its own that preprocess data, and with them those of a model in front.
        self._own_preprocessing: list[PreprocessingLayer] = []
        self._preprocessing: list[PreprocessingLayer] = []
        self._listed: tuple[Any, list[Variable]] | None = None
        self._shapes: PreparedInputs | None = None
        self._network_sample: Shape | None = None
        if layers is not None:
            if isinstance(layers, Layer) or not isinstance(layers, Iterable):
                raise TypeError(f"`layers` must be a list of layers. Received: {layers!r}")
            for layer in layers:
                self.add(layer)
        if not self._trainable:
            self._freeze(True)

    # Its layers.

    @property  # type: ignore[misc]
    def layers(self) -> list[Any]:
        """The layers without the input."""
        return [*self._own_preprocessing, *self._layers]

    def __len__(self) -> int:
        return len(self.layers)

    def __bool__(self) -> bool:
        return True

    def __getitem__(self, index: Any) -> Any:
        return self.layers[index]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.layers)

    def _children(self) -> list[Any]:
        if self._native:
            return list(self._layers)
        held = [part for part in super()._children() if not isinstance(part, InputLayer)]
        inside = {id(layer) for layer in self.layers}
        return [*self._layers, *(part for part in held if id(part) not in inside)]

    def _leaves(self) -> list[Layer]:
        """The layers in the plan, in its order; a custom `call` is none that the core computes."""
        inside = [leaf for layer in self._children() for leaf in layer._leaves()]
        return inside if self._native else [self, *inside]

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Puts a layer on top.

        Args:
            layer: A layer of `lamina.layers`, or a model. Other models may have it too: its weights
                are then one, and training one of the models changes all.
            rebuild: Accepted for compatibility.

        Raises:
            TypeError: If it is not a layer.
            ValueError: If its name is taken, it is in the model already, or it cannot take
                what the layer before it gives. The model is unchanged then.
        """
        self._require_free()
        if isinstance(layer, KerasTensor):  # what `Input` returns
            layer = layer._keras_history.operation
        if layer is self or (isinstance(layer, Sequential) and not layer.layers):
            raise ValueError(
                "A model in a model needs layers, and cannot be in itself. "
                f"Received: model '{layer.name}'"
            )
        if not isinstance(layer, Layer):
            raise TypeError(
                "Only instances of `lamina.layers.Layer` can be added to a Sequential model. "
                f"Received: {layer!r} (of type {type(layer).__name__})"
            )
        if isinstance(layer, InputLayer):
            self._add_input(layer)
            return
        if isinstance(layer, Sequential) and layer._preprocessing and self._layers:
            raise ValueError(
                f"Model '{layer.name}' begins with '{layer._preprocessing[0].name}', which "
                "prepares data (it takes strings or whole numbers and has no gradient), so it must "
                f"come before all layers of a network. Received: model '{layer.name}' after "
                f"'{self._layers[-1].name}'"
            )
        without_call = not layer._native and type(layer).call in (Layer.call, Model.call)
        if without_call and not _is_graph(layer):
            layer._append_to(_core.Network((1,)))  # raises: it cannot be computed
        if any(layer is other for other in self.layers) or self._plans_already(layer):
            raise ValueError(
                "A layer can be in a model only once; other models may have it too. "
                f"Received: layer '{layer.name}'"
            )
        if any(layer.name == other.name for other in self.layers):
            raise ValueError(
                "All layers added to a Sequential model should have unique names. Name "
                f"'{layer.name}' is already the name of a layer in this model. Update the `name` "
                "argument to pass a unique name."
            )
        if isinstance(layer, PreprocessingLayer):
            self._add_preprocessing(layer)
            return
        if self._layers and self._layers[0].dtype != layer.dtype:
            raise ValueError(
                f"All layers of a model compute in one dtype; this model's is "
                f"{self._layers[0].dtype}. Received: layer '{layer.name}' of {layer.dtype}"
            )
        first_input = None
        if not self.layers:
            first_input = layer._first_input
            if first_input is None and layer._parents():  # another model has built it
                first_input = layer._input_shape
        with self._trainer.lock:
            if self._input is not None:
                layer._build(self._output_sample())
            elif first_input is not None:
                layer._build(tuple(first_input))
                self._input = InputLayer(shape=first_input)
            layer._tracker.add_parent(self)
            self._layers.append(layer)
            if isinstance(layer, Sequential):
                self._preprocessing.extend(layer._preprocessing)
            self._structure_changed()
            layer._set_prefix("")

    def _plans_already(self, layer: Any) -> bool:
        """Whether a part of it is in the plan; custom layers may use what others do."""

        def parts(of: Any) -> list[Layer]:
            return of._leaves() if isinstance(of, Model) or of._native else []

        there = {id(leaf) for other in self._layers for leaf in parts(other)}
        return any(id(leaf) in there for leaf in parts(layer))

    def _add_preprocessing(self, layer: PreprocessingLayer) -> None:
        if self._layers:
            raise ValueError(
                f"{type(layer).__name__} prepares data: it must come before all other layers. "
                f"Received: layer '{layer.name}' after '{self._layers[-1].name}'"
            )
        if self._input is not None:
            layer._build(self._preprocessed_sample())
        layer._tracker.add_parent(self)
        self._own_preprocessing.append(layer)
        self._preprocessing.append(layer)
        self._structure_changed()

    def _add_input(self, layer: InputLayer) -> None:
        if self._input is not None:
            raise ValueError(
                f"Sequential model '{self.name}' has already been configured to use input shape "
                f"{self._input.batch_shape}. You cannot add a different Input layer to it."
            )
        if self.layers:
            raise ValueError(
                f"An Input must be the first layer of a model. Received: '{layer.name}' after "
                f"'{self.layers[-1].name}'"
            )
        self._input = layer
        self._structure_changed()

    def pop(self, rebuild: bool = True) -> Layer:
        """Removes the last layer and returns it, with its weights.

        Raises:
            IndexError: If there is none.
        """
        self._require_free()
        if not self._layers and self._own_preprocessing:
            front = self._own_preprocessing.pop()
            self._preprocessing.pop()
            front._tracker.remove_parent(self)
            self._structure_changed()
            return front
        if not self._layers:
            raise IndexError(f"Model '{self.name}' has no layers to pop.")
        with self._trainer.lock:
            layer: Layer = self._layers.pop()
            if not self._layers:
                self._preprocessing = list(self._own_preprocessing)
            self._structure_changed()
            for leaf in layer._leaves():
                for variable in leaf.weights:
                    variable.unbind(self)
            layer._tracker.remove_parent(self)
            layer._set_prefix("")
        return layer

    def _require_free(self) -> None:
        around = [parent for parent in self._parents() if getattr(parent, "_native", True)]
        if around:
            raise RuntimeError(
                f"Model '{self.name}' is part of '{around[-1].name}', which was built with the "
                "layers that it has: make a new model of them. Received: a change of its layers"
            )

    def _structure_changed(self) -> None:
        """Its layers or its shapes are others now."""
        self._trainer.release_engine()
        self._listed = None
        self._traced = None
        self._call_changed()
        sample = self._input._samples if self._input is not None else None
        self._input_shape = sample
        self._output = None
        if sample is not None:
            self._output = (
                self._layers[-1]._output if self._layers else self._after_own_preprocessing(sample)
            )
        self._shapes = self._network_sample = None
        if sample is not None:
            self._network_sample = self._preprocessed_sample()
            if self._layers:
                self._shapes = PreparedInputs([], [sample], [self._output_sample()])
        self._first_input = sample
        if sample is None and self._layers and not self._own_preprocessing:
            self._first_input = self._layers[0]._first_input

    def _freeze(self, frozen: bool) -> None:
        self._trainable = not frozen
        for variable in self._variables.values():
            variable.trainable = not (frozen or variable.is_state)
        for layer in self._children():
            layer._freeze(frozen)

    # Building.

    def build(self, input_shape: Any = None) -> None:
        """Fixes the shape of the input, and with it of all weights.

        Args:
            input_shape: The shape with the batch in front: `(None, 4)`.

        Raises:
            ValueError: If there are no layers, or the model was built for another shape.
        """
        if not self._layers:
            raise ValueError(
                f"Sequential model {self.name} cannot be built because it has no layers. "
                "Call `model.add(layer)`."
            )
        if input_shape is None:
            if self._input is None:
                raise ValueError(
                    f"Sequential model '{self.name}' needs an input shape to be built. "
                    "Received: input_shape=None"
                )
            return
        full = _checks.extents("build", "input_shape", input_shape, batch=True)
        sample = tuple(extent for extent in full[1:] if extent is not None)
        if self._input is not None and self._input._samples != sample:
            raise ValueError(
                f"Sequential model '{self.name}' has already been configured to use input shape "
                f"{self._input.batch_shape}. You cannot build it with input_shape {full}"
            )
        self._build_for([sample])

    def _build_for(self, samples: list[Shape]) -> None:
        with self._trainer.lock:
            if self._input is not None:
                return
            (sample,) = samples
            built = []
            try:
                shape = sample
                for front in self._own_preprocessing:
                    front._build(shape)
                    shape = front._shape_after(shape)
                for layer in self._layers:
                    if not layer.built:
                        built.append(layer)
                    layer._build(shape)
                    shape = layer._shape_after(shape)
                self._input = InputLayer(shape=sample)
            except BaseException:
                for layer in built:
                    layer._unbuild()
                raise
            self._structure_changed()

    def _build(self, shape: Shape) -> None:
        self._shape_after(shape)
        self._build_for([shape])

    def _build_custom(self, shapes: Any, build: Any = None) -> None:
        if build is None:
            self.build(shapes)
            return
        self._building = True
        try:
            build()
        finally:
            self._building = False

    def _unbuild(self) -> None:
        self._input = None
        for layer in self._layers:
            layer._unbuild()
        self._structure_changed()

    def _shape_after(self, shape: Shape) -> Shape:
        if self._input is not None and self._input._samples != shape:
            raise ValueError(
                f"Model '{self.name}' takes samples of shape {self._input._samples}. "
                f"Received: samples of shape {shape}"
            )
        for layer in self.layers:
            shape = layer._shape_after(shape)
        return shape

    def _after_own_preprocessing(self, sample: Shape) -> Shape:
        """The shape that the first of the other layers takes; that may be a model that prepares."""
        for layer in self._own_preprocessing:
            sample = layer._shape_after(sample)
        return sample

    def _preprocessed_sample(self) -> Shape:
        """The shape of a sample once all layers in front have prepared it, those inside too."""
        sample = self._sample()
        for layer in self._preprocessing:
            sample = layer._shape_after(sample)
        return sample

    def _sample(self) -> Shape:
        if self._input is None:
            raise ValueError(f"Model '{self.name}' has not been built yet.")
        return self._input._samples

    def _output_sample(self) -> Shape:
        if self._output is None:
            raise ValueError(f"Model '{self.name}' has not been built yet.")
        return self._output

    def compute_output_shape(self, input_shape: Any) -> BatchShape:
        """The output's shape for an input's, both with the batch in front."""
        for layer in self.layers:
            input_shape = layer.compute_output_shape(input_shape)
        return tuple(input_shape)

    @property
    def built(self) -> bool:
        """Whether the shapes of all weights are known."""
        return self._input is not None and bool(self._layers)

    @built.setter
    def built(self, value: bool) -> None:
        """Accepted for compatibility: it is built when its input shape is known."""

    @property
    def dtype(self) -> str:
        """The floating-point type that the model computes in."""
        return self._layers[0].dtype if self._layers else floatx()

    @property
    def batch_size(self) -> int | None:
        """The batch size that `Input` was given, if any."""
        return self._input.batch_size if self._input is not None else None

    @property
    def inputs(self) -> list[Any]:
        """The symbolic input in a list; AttributeError before the input shape is known."""
        if self._input is None:
            raise AttributeError(f"Sequential model '{self.name}' has no defined inputs yet.")
        return [self._input.output]

    @property
    def outputs(self) -> list[Any]:
        """The symbolic output in a list; AttributeError before building."""
        if not self.built:
            raise AttributeError(f"Sequential model '{self.name}' has no defined outputs yet.")
        return [self._record_calls()]

    @property
    def input(self) -> Any:
        """The symbolic input of the model's first call as a layer; without one, of `inputs`."""
        return self._node(0, "input").inputs[0] if self._is_called() else self.inputs[0]

    @property
    def output(self) -> Any:
        """The symbolic output of the model's first call as a layer; without one, of `outputs`."""
        return self._node(0, "output").outputs[0] if self._is_called() else self.outputs[0]

    def _is_called(self) -> bool:
        if not self._inbound_nodes:
            record_in_stacks(self)
        return bool(self._inbound_nodes)

    @property
    def input_names(self) -> list[str]:
        """The name of the only input; AttributeError before the input shape is known."""
        return [self.inputs[0].name]

    def _record_calls(self) -> Any:
        """The output for the symbolic input; its layers then have nodes.

        A layer's first node is of the first model that it is in, whichever is looked at first.
        """
        for layer in self.layers:
            if not layer._inbound_nodes:
                record_in_stacks(layer, before=self)
        with self._trainer.lock:
            return record_stack(self.layers, self.inputs[0])

    @property
    def output_names(self) -> list[str] | None:
        """The name of the only output: that of the last layer."""
        return [self._layers[-1].name] if self._layers else None

    @property
    def input_spec(self) -> Any:
        """What the inputs must be like, an `InputSpec`; None before the model is built."""
        if not self.built:
            return None
        from lamina.layers.input_spec import InputSpec

        return InputSpec(shape=self.input_shape)

    @property
    def input_shape(self) -> BatchShape:
        """The shape of the input with the batch in front; AttributeError before building."""
        if self._input is None:
            raise AttributeError(f"Sequential model '{self.name}' has no defined input shape yet.")
        return self._input.batch_shape

    @property
    def output_shape(self) -> BatchShape:
        """The shape of the output with the batch in front; AttributeError before building."""
        if not self.built:
            raise AttributeError(f"Sequential model '{self.name}' has no defined output shape yet.")
        return (self.batch_size, *self._output_sample())

    @property
    def weights(self) -> list[Variable]:
        """All variables, layer by layer; ValueError before building."""
        # Names do not change while there is an engine, unless a layer's does or others share it.
        parts = [(layer.name, layer._tracker.parent_refs) for layer in self._layers]
        names = [name for name, parents in parts if len(parents) == 1]
        listed = self._listed
        if listed is not None and listed[0] == names and len(names) == len(parts):
            return list(listed[1])
        if self._layers and self._input is None:
            self._require_built("weights")
        found = super().weights
        own = len(names) == len(parts) and not self._parents()
        simple = all(
            type(layer)._leaves is Layer._leaves and layer._native for layer in self._layers
        )
        if own and simple and self._native and self._trainer.engine is not None:
            self._listed = names, found
        return list(found)

    # Configuration.

    def get_build_config(self) -> Config | None:
        """The input's shape, with the batch in front; None before building."""
        return {"input_shape": list(self.input_shape)} if self._input is not None else None

    def build_from_config(self, config: Config) -> None:
        """Builds for what `get_build_config` returned."""
        if not self.built and config:
            self.build(config.get("input_shape"))

    def get_config(self) -> Config:
        """Layers and input shape, as plain data."""
        layers: list[Any] = [serialize_layer(layer) for layer in self.layers]
        config: Config = {"name": self.name, "trainable": self._trainable, "dtype": self.dtype}
        if self._input is not None:
            layers.insert(0, serialize_layer(self._input))
            config["build_input_shape"] = list(self._input.batch_shape)
        config["layers"] = layers
        return config

    @classmethod
    def from_config(cls, config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
        """The model that `get_config` described, with freshly drawn weights.

        Raises:
            ValueError: If the configuration is malformed or names what is not registered.
        """
        if not isinstance(config, dict) or not isinstance(config.get("layers"), list):
            raise ValueError(
                "A Sequential model configuration must be a dictionary containing the 'name' "
                f"and 'layers' keys. Received: config={shorten(config)}"
            )
        for key in config:
            if key not in _CONFIG_KEYS:
                raise unknown_name("key of a Sequential configuration", key, _CONFIG_KEYS)
        model = cls(name=config.get("name"))
        with custom_object_scope(custom_objects):
            for layer in config["layers"]:
                model.add(deserialize(layer))
        if config.get("trainable") is False:
            model._trainable = False  # each layer's own configuration says whether it is frozen
        shape = config.get("build_input_shape")
        if shape is not None and model._input is None and model._layers:
            model.build(shape)
        return model

    # Calling.

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """The output of one layer after the other.

        Args:
            inputs: A tensor.
            training: Whether it is called as in training; None: as a layer around it is.
        """
        train = call_context.training_of(training)
        x = inputs
        with call_context.inside(train):
            for layer in self._layers:
                if isinstance(layer, Sequential) and layer._preprocessing:
                    with call_context.prepared_for(layer):  # x went through those already
                        x = layer(x, training=train)
                elif layer._native or isinstance(layer, Model):
                    x = layer(x, training=train)
                else:
                    x = layer(x)
        return x

    def _call_on_values(
        self, inputs: Any, args: tuple[Any, ...], training: bool | None, options: dict[str, Any]
    ) -> Any:
        if args and self._native:
            (training,) = args
        inputs = only_input(inputs, self._input.name if self._input is not None else None)
        plain = isinstance(inputs, np.ndarray) and not _core.is_recording()
        if not plain and _eager.is_eager(inputs):
            return self._call_on_tensors(inputs, args, training, options)
        if not self._native:
            output = self._call_on_tensors(inputs, args, training, options)
            return custom_model.arrays_of(output)
        fast = self._fast_predict
        if fast is not None and not training and not isinstance(inputs, np.ndarray):
            result = fast(real_array(inputs, "x"))
            if result is not None:
                return result
        return self._trainer.predict_arrays(inputs, bool(training))

    def _call_on_tensors(
        self, inputs: Any, args: tuple[Any, ...], training: bool | None, options: dict[str, Any]
    ) -> Any:
        train = call_context.training_of(training)
        if self._preprocessing and not call_context.is_prepared(self):
            rows = np.asarray(inputs) if _eager.is_tensor(inputs) else inputs
            inputs = self._prepare_inputs(rows, "x").arrays[0]
        (x,) = self._input_tensors([inputs])
        if not x.shape:
            raise ValueError("`x` must have one row for each sample. Received: x.shape=()")
        if not self._preprocessing:
            self._build_for([tuple(x.shape[1:])])
        if not self._native:
            with call_context.prepared_for(self):
                return custom_model.call_model(self, x, args, train, options)
        if not call_context.outermost():  # a part of a layer or model that is being called
            return self.call(x, train)
        self._clear_losses()
        engine = self._trainer.ready()
        output = engine.call([x], train)
        self._call_losses = engine.call_losses
        if not self._preprocessing:
            self._fast_call = engine.fast_call
        return output

    def compute_output_spec(
        self, inputs: Any, training: bool | None = None, mask: Any = None, **options: Any
    ) -> Any:
        """The output for a symbolic input, which builds the model, without recording a call."""
        if not self._native:
            return super().compute_output_spec(inputs, training, mask, **options)
        output = inputs
        for layer in self.layers:
            output = layer.compute_output_spec(output)
        if not self._preprocessing and isinstance(inputs, KerasTensor):
            self._build_for([tuple(extent or 0 for extent in inputs.shape[1:])])
        return output

    # What engines and trainers need: see `lamina.execution.trainable.Trainable`.

    def _has_shapes(self) -> bool:
        return self.built

    def _takes_inputs_as_they_are(self) -> bool:
        return not self._preprocessing and self._native

    def _can_plan(self) -> bool:
        if self._is_chain():
            return all(leaf._is_planned() for leaf in self._leaves())
        return super()._can_plan()

    def _is_chain(self) -> bool:
        """Whether each layer, also of models inside, takes what the one before gives."""
        return self._native and all(
            layer._is_chain() if isinstance(layer, Sequential) else layer._native
            for layer in self._layers
        )

    def _find_call_plan(self) -> Any:
        if self._traced is None and self.built:
            samples = [self._preprocessed_sample()]
            outputs = [self._output_sample()]
            self._traced = custom_model.Traced(None, outputs, None, samples, [self.dtype])
        return super()._find_call_plan()

    def _plan_into(self, network: _core.Network) -> list[Any]:
        if not self._is_chain():
            return super()._plan_into(network)
        for layer in self._layers:
            layer._plan_into(network)
        return self._leaves()

    def _lower(self, builder: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not self._native:
            return super()._lower(builder, args, kwargs)
        output = args[0]
        for layer in self.layers:
            output = builder.call(layer, (output,), {})
        return output

    @property
    def _prepares_data(self) -> bool:
        """Whether it only prepares data, which Python computes before a plan."""
        return bool(self._preprocessing) and not self._layers

    def _output_chains(self) -> list[Iterable[Any]]:
        return [chain_of(reversed(self.layers))] if self._native else []

    def _output_count(self) -> int | None:
        return 1

    def _input_shapes(self) -> list[Shape]:
        return [self._preprocessed_sample()]

    def _output_shapes(self) -> list[Shape]:
        return [self._output_sample()]

    def _prepare_inputs(
        self, x: Any, name: str, known: PreparedInputs | None = None
    ) -> PreparedInputs:
        if type(x) is not np.ndarray:
            x = only_input(x, self._input.name if self._input is not None else None, name)
        if self._preprocessing:
            return self._preprocess(x, name, known)
        plain = type(x) is np.ndarray and x.dtype in NATIVE and x.ndim > 0 and x.shape[0] > 0
        array = x if plain else input_array(x, name)
        if known is None:
            known = self._shapes
            if known is None:
                known = self._shapes_for(array)
        sample = known.samples[0]
        if array.shape[1:] != sample:
            array = fit_inputs(array, sample, name)
        return PreparedInputs([array], known.samples, known.outputs)

    def _shapes_for(self, array: Array) -> PreparedInputs:
        """The shapes of a sample and of its prediction, were the model built for an array."""
        if not self._layers:
            raise ValueError(
                f"Sequential model '{self.name}' has no layers. Call `model.add(layer)`."
            )
        if self._shapes is not None:
            return self._shapes
        sample = tuple(array.shape[1:])
        output = self._after_own_preprocessing(sample)
        for layer in self._layers:
            output = layer._shape_after(output)
        return PreparedInputs([], [sample], [output])

    def _preprocess(self, x: Any, name: str, known: PreparedInputs | None) -> PreparedInputs:
        """Inputs that the layers in front have prepared."""
        array = data_array(x, name)
        if array.ndim == 0 or array.shape[0] == 0:
            raise ValueError(
                f"`{name}` must hold at least one sample. Received: {name}.shape={array.shape}"
            )
        if known is None:
            known = self._shapes_for(array)
            self._build_for(known.samples)
        array = fit_inputs(array, known.samples[0], name)
        for layer in self._preprocessing:
            array = layer(array)
        return PreparedInputs([data_array(array, "x")], known.samples, known.outputs)

    def _input_tensors(self, arrays: list[Any]) -> list[Any]:
        """Inputs as tensors of the model's type and of the shape that it was built for."""
        (array,) = arrays
        x = _eager.typed_tensor(array, self.dtype)
        sample = self._network_sample
        if sample is None or tuple(x.shape[1:]) == sample:
            return [x]
        fitted = fit_inputs(np.empty(x.shape, np.bool_), sample)  # raises if it does not fit
        return [x.reshape(fitted.shape)]

    def _pack_inputs(self, arrays: list[Any]) -> Any:
        return arrays[0]

    def _flatten_targets(self, y: Any, argument: str) -> list[Any]:
        return [y]

    def _flatten_weights(self, weights: Any, argument: str = "sample_weight") -> list[Any]:
        return [weights]

    def _forward(self, inputs: list[Any], training: bool) -> Any:
        if self._native:
            return self.call(inputs[0], training)
        return custom_model.run_call(self, inputs[0], (), training, {})

    def _each_output(self, arrays: list[Array]) -> list[tuple[Any, Array]]:
        """Layers with their outputs for inputs that the layers in front have prepared."""
        found = []
        with _eager.unrecorded(), call_context.inside(False):
            (x,) = self._input_tensors(arrays)
            for layer in self._layers:
                with call_context.prepared_for(layer):
                    x = layer(x)
                found.append((layer, np.asarray(x)))
        return found

    def _set_prefix(self, prefix: str) -> None:
        self._prefix = prefix
        inside = f"{prefix}{self.name}/" if prefix or self._parents() else ""
        for variable in self._variables.values():
            variable.path = f"{inside}{variable.name}"
        for layer in self._children():
            layer._set_prefix(inside)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


Sequential._native = True


def _is_graph(layer: Any) -> bool:
    """Whether it is a graph of layers, which becomes values and nodes of the plan."""
    return isinstance(layer, Model) and layer._graph is not None
