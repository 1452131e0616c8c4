"""The structure of a model: its layers, their shapes, and the network that they plan."""

from __future__ import annotations

from _thread import RLock  # threading takes a millisecond to load
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

import lamina._core as _core
from lamina import _checks
from lamina._names import checked_name
from lamina._typing import Array, BatchShape, Shape
from lamina.config import floatx
from lamina.data.samples import fit_inputs
from lamina.graph.keras_tensor import KerasTensor
from lamina.layers import call_context
from lamina.layers.input_layer import InputLayer
from lamina.layers.layer import Layer
from lamina.layers.preprocessing.data_layer import DataLayer, data_array
from lamina.layers.weights import variables_of
from lamina.models.compiling import trainable_of
from lamina.models.nesting import Nestable
from lamina.models.steps import STEPS
from lamina.models.training import Trainer
from lamina.random import draw_seed
from lamina.variable import Variable

if TYPE_CHECKING:
    from lamina.training.compile_config import CompileConfig


class Stack(Nestable, Trainer):
    """Layers one after the other, and how they become a network; see `Sequential`."""

    def __init__(
        self,
        layers: Iterable[Layer] | None = None,
        trainable: bool = True,
        name: str | None = None,
    ) -> None:
        Nestable.__init__(self)
        Trainer.__init__(self)
        self._trainable = _checks.boolean("Sequential", "trainable", trainable)
        self.name = checked_name("Sequential", name, "Sequential")
        self._layers: list[Layer] = []
        self._input: InputLayer | None = None
        self._network: _core.Network | None = None
        self._lock = RLock()
        self._seed = draw_seed(None)
        self._epochs_seen = 0
        self._steps_seen = 0
        self._calls_seen = 0
        self._tape_layers: Any = None
        self._listed: tuple[Any, list[Variable]] | None = None
        self._call_losses: list[Any] = []
        if layers is not None:
            if isinstance(layers, Layer) or not isinstance(layers, Iterable):
                raise TypeError(f"`layers` must be a list of layers. Received: {layers!r}")
            for layer in layers:
                self.add(layer)
        if not self._trainable:
            self._freeze(True)

    def _freeze(self, frozen: bool) -> None:
        self._trainable = not frozen
        for layer in self._layers:
            layer._freeze(frozen)

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
        if layer is self or (isinstance(layer, Stack) and not layer.layers):
            raise ValueError(
                "A model in a model needs layers, and cannot be in itself. "
                f"Received: model '{layer.name}'"
            )
        if not isinstance(layer, (Layer, Stack)):
            raise TypeError(
                "Only instances of `lamina.layers.Layer` can be added to a Sequential model. "
                f"Received: {layer!r} (of type {type(layer).__name__})"
            )
        if isinstance(layer, InputLayer):
            self._add_input(layer)
            return
        if isinstance(layer, Stack) and layer._front and self._layers:
            raise ValueError(
                f"Model '{layer.name}' begins with '{layer._front[0].name}', which prepares data "
                "(it takes strings or whole numbers and has no gradient), so it must come before "
                f"all layers of a network. Received: model '{layer.name}' after "
                f"'{self._layers[-1].name}'"
            )
        if isinstance(layer, Layer) and not layer._native and type(layer).call is Layer.call:
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
        if isinstance(layer, DataLayer):
            self._add_front(layer)
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
        with self._lock:
            if self._input is not None:
                layer._build(self._output_after(len(self._layers)))
            elif first_input is not None:
                layer._build(tuple(first_input))
                self._input = InputLayer(shape=first_input)
            self._forget_network()
            layer._tracker.add_parent(self)
            added: Any = layer
            self._layers.append(added)
            if isinstance(layer, Stack):
                self._front.extend(layer._front)
            layer._set_prefix("")

    def _plans_already(self, layer: Any) -> bool:
        """Whether a part of it is in the plan; layers of the user's own may use what others do."""

        def parts(of: Any) -> list[Layer]:
            return of._leaves() if isinstance(of, Stack) or of._native else []

        there = {id(leaf) for other in self._layers for leaf in parts(other)}
        return any(id(leaf) in there for leaf in parts(layer))

    def _add_front(self, layer: DataLayer) -> None:
        if self._layers:
            raise ValueError(
                f"{type(layer).__name__} prepares data: it must come before all other layers. "
                f"Received: layer '{layer.name}' after '{self._layers[-1].name}'"
            )
        if self._input is not None:
            layer._build(self._after_front())
        layer._tracker.add_parent(self)
        self._own_front.append(layer)
        self._front.append(layer)

    def _after_own_front(self, sample: Shape) -> Shape:
        """The shape that the first of the other layers takes; that may be a model that prepares."""
        for layer in self._own_front:
            sample = layer._shape_after(sample)
        return sample

    def _after_front(self, sample: Shape | None = None) -> Shape:
        """The shape of a sample once all layers in front have prepared it, those inside too."""
        if sample is None:
            assert self._input is not None
            sample = self._input._samples
        for layer in self._front:
            sample = layer._shape_after(sample)
        return sample

    def _prepared(self, array: Array) -> Array:
        """What the layers in front make of data."""
        for layer in self._front:
            array = layer(array)
        return data_array(array, "x")

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

    def pop(self, rebuild: bool = True) -> Layer:
        """Removes the last layer and returns it, with its weights.

        Raises:
            IndexError: If there is none.
        """
        self._require_free()
        if not self._layers and self._own_front:
            front = self._own_front.pop()
            self._front.pop()
            front._tracker.remove_parent(self)
            return front
        if not self._layers:
            raise IndexError(f"Model '{self.name}' has no layers to pop.")
        with self._lock:
            self._forget_network()
            layer = self._layers.pop()
            if not self._layers:
                self._front = list(self._own_front)
            for leaf in layer._leaves():
                for variable in leaf.weights:
                    variable.unbind(self)
            layer._tracker.remove_parent(self)
            layer._set_prefix("")
        return layer

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
        self._build_for(sample)

    def _build_for(self, sample: Shape) -> None:
        with self._lock:
            if self._input is not None:
                return
            built = []
            try:
                shape = sample
                for front in self._own_front:
                    front._build(shape)
                    shape = front._shape_after(shape)
                for layer in self._layers:
                    if not layer.built:
                        layer._build(shape)
                        built.append(layer)
                    else:
                        layer._build(shape)
                    shape = layer._shape_after(shape)
                self._input = InputLayer(shape=sample)
            except BaseException:
                for layer in built:
                    layer._unbuild()
                raise

    def _shapes_for(self, x: Array) -> tuple[Shape, Shape]:
        """The shapes of a sample and of its prediction, were the model built for `x`."""
        if not self._layers:
            raise ValueError(
                f"Sequential model '{self.name}' has no layers. Call `model.add(layer)`."
            )
        sample = self._input._samples if self._input is not None else x.shape[1:]
        shape = self._after_own_front(sample)
        for layer in self._layers:
            shape = layer._shape_after(shape)
        return sample, shape

    def _is_small(self) -> bool:
        """Whether planning takes next to no time, and so need not wait for the first batch."""
        return self.built and sum(v.size for layer in self._layers for v in layer.weights) <= 2**16

    def _sample(self) -> Shape:
        assert self._input is not None
        return self._input._samples

    def _output_after(self, count: int) -> Shape:
        assert self._input is not None
        if count == 0:
            return self._after_own_front(self._input._samples)
        output = self._layers[count - 1]._output
        assert output is not None
        return output

    @property
    def layers(self) -> list[Layer]:
        """The layers without the input."""
        return [*self._own_front, *self._layers]

    @property
    def built(self) -> bool:
        """Whether the shapes of all weights are known."""
        return self._input is not None and bool(self._layers)

    @property
    def dtype(self) -> str:
        """The floating-point type that the model computes in."""
        return self._layers[0].dtype if self._layers else floatx()

    @property
    def batch_size(self) -> int | None:
        """The batch size that `Input` was given, if any."""
        return self._input.batch_size if self._input is not None else None

    @property
    def inputs(self) -> list[InputLayer]:
        """The input."""
        if self._input is None:
            raise AttributeError(f"Sequential model '{self.name}' has no defined inputs yet.")
        return [self._input]

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
        return (self.batch_size, *self._output_after(len(self._layers)))

    # The network.

    def _forget_network(self) -> None:
        """The plan no longer fits; variables stay in the old network until the next plan."""
        if self._network is not None:
            self._epochs_seen = self._network.epochs_seen
            self._steps_seen = self._network.steps_seen
            self._calls_seen = self._network.calls_seen
            self._network = None
            self._tape_layers = self._quick_call = self._listed = None

    def _leaves(self) -> list[Layer]:
        """The layers in the plan, in its order."""
        return [leaf for layer in self._layers for leaf in layer._leaves()]

    def _plan_changed(self) -> None:
        for around in self._parents():
            around._plan_changed()
        self._forget_network()

    def _trainable_changed(self) -> None:
        for around in self._parents():
            around._trainable_changed()
        network: Any = self._network
        if network is not None:
            if isinstance(network, _core.Network) or network.whole:
                for index, leaf in enumerate(self._leaves()):
                    network.set_trainable(index, leaf.trainable)
            else:
                for place, variable in self._placed:
                    network.set_trainable(place, variable.trainable)
            if self._compiled is not None:
                self._compiled.optimizer.mark_trainable()

    # On the tape.

    def _trains_itself(self) -> bool:
        return self._has_own("train_step", "test_step", "compute_loss", "compute_metrics")

    def _needs_tape(self, compiled: CompileConfig | None) -> bool:
        """Whether something of the user's own makes the steps run on the tape."""
        return (
            (compiled is not None and compiled.needs_tape)
            or self._has_own(*STEPS)
            or not all(leaf._is_planned() for leaf in self._leaves())
        )

    def _driver(self) -> str:
        """What runs the steps, and why, for people."""
        own = [leaf.name for leaf in self._leaves() if not leaf._is_planned()]
        steps = [name for name in STEPS if self._has_own(name)]
        compiled = self._compiled
        if own:
            return f"tape (layers of your own: {', '.join(own)})"
        if steps:
            return f"tape (steps of your own: {', '.join(steps)})"
        if compiled is not None and compiled.run_eagerly:
            return "tape (run_eagerly=True)"
        if compiled is not None and compiled.needs_tape:
            return f"tape (parts of your own: {', '.join(compiled.own_parts())})"
        return "plan"

    @property
    def losses(self) -> list[Any]:
        """What the last call adds to the loss, and the penalties on weights, as tensors.

        Frozen weights have no penalties.
        """
        found = list(self._call_losses)
        leaves = self._leaves()
        for leaf in leaves:
            found.extend(leaf._losses)
        weights = {id(v): v for leaf in leaves for v in leaf._variables.values()}
        for variable in weights.values():
            if variable.regularizer is not None and variable.trainable:
                found.append(variable.regularizer(variable))
        return found

    def _clear_losses(self) -> None:
        self._call_losses = []
        for layer in self._layers:
            layer._clear_losses()

    def _input_tensor(self, inputs: Any) -> Any:
        """Inputs as a tensor of the model's type and of the shape that it was built for."""
        from lamina import _eager

        x = _eager.typed_tensor(inputs, self.dtype)
        sample = self._after_front() if self._input is not None else None
        if sample is None or tuple(x.shape[1:]) == sample:
            return x
        fitted = fit_inputs(np.empty(x.shape, np.bool_), sample)  # raises if it does not fit
        return x.reshape(fitted.shape)

    def _call_on_tape(self, inputs: Any, training: bool | None) -> Any:
        """A tensor of the model's answers."""
        from lamina import _eager

        train = call_context.training_of(training)
        if self._front and not call_context.is_prepared(self):
            inputs, _, _ = self._inputs(np.asarray(inputs) if _eager.is_tensor(inputs) else inputs)
        x = self._input_tensor(inputs)
        if not x.shape:
            raise ValueError("`x` must have one row for each sample. Received: x.shape=()")
        if not self._front:
            self._build_for(tuple(x.shape[1:]))
        if not call_context.outermost():  # a part of a layer or model that is being called
            return self._through_layers(x, train)
        self._clear_losses()
        network: Any = self._plan()
        if not isinstance(network, _core.Network):
            answer = network.answer(x, train)
            if network.whole and network.penalty is not None:
                self._call_losses = [network.penalty[0]]
            return answer
        if network.device != "cpu":
            if _core.is_recording():
                raise RuntimeError(
                    f"Model '{self.name}' is on '{network.device}', and tapes compute on the CPU "
                    "so far: `compile(..., device='cpu')` moves it there."
                )
            rows = np.asarray(x)
            own_answer = (
                network.call_training(rows) if train else network.predict(rows, len(rows), None)
            )
            return _eager.typed_tensor(own_answer, self.dtype)
        own = self._tape_layers
        if own is None or own[0] is not network:
            handles = [variable.handle() for _, variable in self._placed]
            own = self._tape_layers = network, _core.Layers(network, handles)
        step = call_context.step_of()
        if step is None:
            step = FIRST_CALL + network.calls_seen
            network.calls_seen += train
        answer, penalty, _ = own[1](x, train, step)
        self._call_losses = [] if penalty is None else [penalty]
        if penalty is None and not self._front:
            self._quick_call = own[1].try_call
        return answer

    def _losses_added(self) -> None:
        """A layer has losses that the next call has to clear."""
        self._quick_call = None
        for around in self._parents():
            around._losses_added()

    def _all_weights(self) -> list[Variable]:
        weights: list[Variable] = self.weights  # type: ignore[attr-defined]
        return weights

    def _through_layers(self, x: Any, training: bool) -> Any:
        """The answer of one layer after the other."""
        with call_context.inside(training):
            layers: list[Any] = list(self._layers)
            for layer in layers:
                if isinstance(layer, Stack) and layer._front:  # x went through those already
                    with call_context.prepared_for(layer):
                        x = layer(x, training=training)
                else:
                    x = layer(x, training=training) if _takes_training(layer) else layer(x)
        return x

    def _plan(self) -> _core.Network:
        """The network: planned, and compiled if the model is."""
        network = self._network
        if network is not None:
            return network
        with self._lock:
            if self._network is not None:
                return self._network
            if not self.built or self._input is None:
                raise ValueError(
                    f"Model '{self.name}' has not been built yet: its input shape is not known. "
                    "Put an `Input` in front, call `build()`, or call the model on data."
                )
            network = _core.Network(
                self._after_front(), self.dtype, self._device, self._seed, self._precision
            )
            leaves = self._leaves()
            self._name_weights()
            whole = all(leaf._is_planned() for leaf in leaves)
            if whole:
                for layer in self._layers:
                    layer._plan_into(network)
                placed = list(enumerate(variables_of(network, leaves)))
            else:
                placed = list(enumerate(held_by(network, self._all_weights())))
            for place, variable in placed:  # each array is given up before there are gradients
                variable.bind(network, place, self)
                _attach_rules(variable, network, place)
            if whole:
                for index, leaf in enumerate(leaves):
                    if not leaf.trainable:
                        network.set_trainable(index, False)
            else:
                for place, variable in placed:
                    if not variable.trainable:
                        network.set_trainable(place, False)
            if self._needs_tape(self._compiled):
                from lamina.models.tape_network import TapeNetwork

                network = TapeNetwork(self, network, whole, placed)  # type: ignore[assignment]
            network.epochs_seen = self._epochs_seen
            network.steps_seen = self._steps_seen
            network.calls_seen = self._calls_seen
            if self._compiled is not None:
                self._compiled.apply(
                    network, self._output_after(len(self._layers)), trainable_of(placed)
                )
            self._placed = placed
            self._network = network
            return network


#: Calls outside of a training name their random numbers from here on.
FIRST_CALL = 2**39


def held_by(network: _core.Network, weights: list[Variable]) -> list[Variable]:
    """The weights that an optimizer may train, after making room for them in a network.

    State of layers stays where it is.
    """
    held = [variable for variable in weights if not variable.is_state]
    for variable in held:
        network.add_parameter(variable.name, variable.shape)
    return held


def _takes_training(layer: Any) -> bool:
    return layer._native if isinstance(layer, Layer) else True


def _attach_rules(variable: Variable, network: _core.Network, place: int) -> None:
    """Tells the network of a variable's penalty and constraint."""
    if variable.regularizer is not None and variable.regularizer.is_native():
        variable.regularizer._attach_to(network, place)
    if variable.constraint is not None and variable.constraint.is_native():
        network.add_constraint(place, **variable.constraint.specification(variable.shape))
