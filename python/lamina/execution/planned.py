"""The engine of models that the core computes as a whole: one call for an epoch or a step."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

import lamina._core as _core
from lamina import _eager
from lamina._typing import Array
from lamina.data.samples import Samples
from lamina.execution.engine import Counters, Poll
from lamina.execution.metric_set import MetricSet, columns_of
from lamina.execution.objective import Objective
from lamina.execution.trainable import Trainable
from lamina.layers import call_context
from lamina.layers.weights import variables_of
from lamina.variable import Variable

Placed = list[tuple[int, Variable]]

#: Keras' reductions that give one number, and the core's names of them.
REDUCTIONS = {
    "sum_over_batch_size": "mean",
    "mean": "mean",
    "mean_with_sample_weight": "weighted_mean",
    "sum": "sum",
}

_NOTHING = Objective([], [], None)  # type: ignore[arg-type]


class PlannedEngine:
    """Runs batches in the core's plan of the whole model.

    Args:
        model: The model, built.
        counters: Its counters; the plan counts from now on.
        device: Where it computes: "cpu" or "cuda".
        precision: How products of layers are rounded.
    """

    is_planned = True

    def __init__(self, model: Trainable, counters: Counters, device: str, precision: str) -> None:
        plan = lower(model, counters.seed, device, precision, True)
        self.network, self.placed, self._leaves = plan
        self._model = weakref.ref(model)
        self._is_single = self.network.input_count == self.network.output_count == 1
        self.counters, self.device = counters, device
        self._name = model.name
        self._tape_layers: Any = None
        self._state: _StateByOutput | None = None
        self.metrics = MetricSet(self.network, _NOTHING, [])
        self.fast_predict: Callable[[Any], Array | None] | None = self.network.try_predict
        self.fast_train: Callable[[Any, Any], Any] | None = None
        #: What penalties on outputs added to the loss in the last call on a tape.
        self.call_losses: list[Any] = []
        #: The core's call on tensors, once it is known that a call is nothing else.
        self.fast_call: Any = None
        counters.bind(self.network)

    @property
    def watch(self) -> bool:
        """Whether a training step whose loss is not finite is a FloatingPointError."""
        return self.network.watch

    @watch.setter
    def watch(self, value: bool) -> None:
        self.network.watch = value

    @property
    def batches_done(self) -> int:
        """How many batches the last training or evaluation finished."""
        return self.network.batches_done

    @property
    def iterations(self) -> int:
        """Steps of the optimizer, also those that only added up gradients."""
        return self.network.iterations

    @iterations.setter
    def iterations(self, value: int) -> None:
        self.network.iterations = value

    def compile(self, objective: Objective) -> None:
        """Takes losses, metrics and the optimizer; unchanged when this raises."""
        optimizer = objective.optimizer
        if all(output.loss is None for output in objective.outputs):
            return
        model = self._model()
        weights = trained_of(self.placed, [] if model is None else model.weights)
        specifications = []
        for reported in objective.metrics:
            specification = reported.metric.specification()
            if reported.weighted:
                specification.weighted = True
            specifications.append(specification)
        objectives = [
            _core.OutputObjective(
                None if output.loss is None else output.loss.specification(),
                "mean" if output.loss is None else REDUCTIONS[output.loss.reduction or ""],
                output.weight,
                [
                    specification
                    for reported, specification in zip(
                        objective.metrics, specifications, strict=True
                    )
                    if reported.output == place
                ],
                objective.skips_missing,
            )
            for place, output in enumerate(objective.outputs)
        ]
        self.network.compile(objectives, optimizer.specification(weights))
        sizes = [
            specification.result_size(columns_of(objective.outputs[reported.output]))
            for reported, specification in zip(objective.metrics, specifications, strict=True)
        ]
        self._state = None
        if len(objectives) > 1:
            self._state = _StateByOutput(self.network, objective, sizes)
        self.metrics = MetricSet(self._state or self.network, objective, sizes)
        self.fast_train = self.network.try_train_on_batch if self._is_single else None
        optimizer.bind(self.network, weights)

    def try_train_on_lists(self, x: list[Any], y: list[Any]) -> Any:
        """As `fast_train`, on lists of arrays, one for each input and output."""
        numbers = self.network.try_train_on_batch(x, y)
        state = self._state
        return numbers if state is None or not isinstance(numbers, list) else state.ordered(numbers)

    def set_trainable(self) -> None:
        """Layers were frozen or thawed."""
        for index, leaf in enumerate(self._leaves):
            if leaf is not None:
                self.network.set_trainable(index, leaf.trainable)

    def train_epoch(
        self, samples: Samples, size: int, shuffle: bool, poll: Poll | None
    ) -> list[float]:
        """One pass over samples; loss and metrics so far."""
        x, y, weights = samples.x, samples.y, samples.weights
        state = self._state
        if state is None:
            return self.network.train(x, y, weights, size, shuffle, poll)
        poll = state.ordered_poll(poll)
        return state.ordered(self.network.train(x, y, weights, size, shuffle, poll))

    def train_batch(self, samples: Samples, fresh: bool = False) -> list[float]:
        """One step; loss and metrics so far, or with `fresh` of this batch."""
        numbers = self.network.train_on_batch(samples.x, samples.y, samples.weights, fresh)
        return numbers if self._state is None else self._state.ordered(numbers)

    def evaluate(self, samples: Samples, size: int, poll: Poll | None) -> list[float]:
        """Loss and metrics with these samples more."""
        x, y, weights = samples.x, samples.y, samples.weights
        state = self._state
        if state is None:
            return self.network.evaluate(x, y, weights, size, poll)
        poll = state.ordered_poll(poll)
        return state.ordered(self.network.evaluate(x, y, weights, size, poll))

    def test_batch(self, samples: Samples, fresh: bool = False) -> list[float]:
        """Loss and metrics with a batch more, or with `fresh` of this one."""
        numbers = self.network.test_on_batch(samples.x, samples.y, samples.weights, fresh)
        return numbers if self._state is None else self._state.ordered(numbers)

    def _packed(self, outputs: Any) -> Any:
        """The network's outputs as the model returns them."""
        model = self._model()
        each = outputs if isinstance(outputs, list) else [outputs]
        return each[0] if model is None else model._pack_outputs(each)

    def predict(self, inputs: list[Array], size: int, poll: Poll | None) -> Any:
        """The outputs for rows of arrays."""
        return self._packed(self.network.predict(inputs, size, poll))

    def call_training(self, inputs: list[Array]) -> Any:
        """The outputs as in training."""
        return self._packed(self.network.call_training(inputs))

    def call(self, inputs: list[Any], training: bool) -> Any:
        """The outputs as tensors for tensors."""
        if self.device != "cpu":
            return self._call_elsewhere(inputs, training)
        layers = self._tape_layers
        if layers is None:
            handles = [variable.handle() for _, variable in self.placed]
            layers = self._tape_layers = _core.Layers(self.network, handles)
        step = call_context.step_of()
        if step is None:
            step = self.counters.next_call(training)
        outputs, penalty, _ = layers(inputs, training, step)
        self.call_losses = [] if penalty is None else [penalty]
        self.fast_call = layers.try_call if penalty is None and self._is_single else None
        return self._packed(outputs)

    def _call_elsewhere(self, inputs: list[Any], training: bool) -> Any:
        if _core.is_recording():
            raise RuntimeError(
                f"Model '{self._name}' is on '{self.device}', and tapes compute on the CPU "
                "so far: `compile(..., device='cpu')` moves it there."
            )
        rows = [np.asarray(x) for x in inputs]
        outputs = (
            self.network.call_training(rows)
            if training
            else self.network.predict(rows, len(rows[0]), None)
        )
        each = outputs if isinstance(outputs, list) else [outputs]
        return self._packed([_eager.typed_tensor(y, str(inputs[0].dtype)) for y in each])


class _StateByOutput:
    """Loss and metrics of a network with several outputs, in the order of reports.

    The network lists the losses of outputs first, and metrics output by output.

    Args:
        network: The network, compiled.
        objective: What is reported.
        sizes: How many numbers each metric's result has; 0 for a single one.
    """

    def __init__(self, network: _core.Network, objective: Objective, sizes: list[int]) -> None:
        self._network = network
        places = range(len(objective.metrics))
        #: The metrics in the network's order.
        order = sorted(places, key=lambda place: objective.metrics[place].output)
        self._places = [order.index(place) for place in places]
        losses: dict[int, int] = {}
        for output, part in enumerate(objective.outputs):
            if part.loss is not None:
                losses[output] = 1 + len(losses)
        starts: dict[int, int] = {}
        start = 1 + len(losses)
        for place in order:
            starts[place] = start
            start += max(sizes[place], 1)
        self._order = [0]
        for place in places:
            self._order.extend(range(starts[place], starts[place] + max(sizes[place], 1)))
        reported = [i for i, part in enumerate(objective.outputs) if part.log_name is not None]
        self._order.extend(losses[output] for output in reported)

    def ordered(self, numbers: list[float]) -> list[float]:
        """The network's numbers as `metric_values` lists them."""
        return [numbers[place] for place in self._order]

    def ordered_poll(self, poll: Poll | None) -> Poll | None:
        """A function that is called between batches, with the numbers in that order."""
        if poll is None:
            return None
        return lambda done, numbers: poll(done, self.ordered(numbers))

    def metric_values(self) -> list[float]:
        """The mean loss, each metric's numbers, then the mean loss of each output."""
        return self.ordered(self._network.metric_values())

    def metric_variables(self, i: int) -> list[tuple[str, Array]]:
        """The state of a metric."""
        return self._network.metric_variables(self._places[i])

    def metric_state(self) -> list[float]:
        """What `set_metric_state` goes on from."""
        return self._network.metric_state()

    def set_metric_state(self, state: list[float]) -> None:
        """Goes on from a `metric_state`."""
        self._network.set_metric_state(state)

    def reset_metrics(self) -> None:
        """Starts all sums again."""
        self._network.reset_metrics()


def lower(
    model: Trainable, seed: int, device: str, precision: str, whole: bool
) -> tuple[_core.Network, Placed, list[Any]]:
    """A network with the model's parameters, which live there from now on.

    Args:
        model: The model, built.
        seed: The seed of layers that have none.
        device: Where it computes.
        precision: How products of layers are rounded.
        whole: Whether the network computes the model; else it keeps the parameters alone.

    Returns:
        The network, the variables with their places there, and the layer that each layer of the
        network is.
    """
    shape = model._input_shapes()[0] if whole else (1,)
    network = _core.Network(shape, model.dtype, device, seed, precision)
    leaves: list[Any] = []
    model._name_weights()
    if whole:
        leaves = model._plan_into(network)
        placed = list(enumerate(variables_of(network, leaves)))
    else:
        placed = list(enumerate(_held_by(network, model.weights)))
    for place, variable in placed:  # each array is given up before there are gradients
        variable.bind(network, place, model)
        _attach_rules(variable, network, place)
    if whole:
        for index, leaf in enumerate(leaves):
            if leaf is not None and not leaf.trainable:
                network.set_trainable(index, False)
    else:
        for place, variable in placed:
            if not variable.trainable:
                network.set_trainable(place, False)
    return network, placed, leaves


def trained_of(placed: Placed, weights: list[Variable]) -> Placed:
    """Those that an optimizer can train: also frozen ones, which may be thawed later.

    Args:
        placed: Variables with their places in a network.
        weights: The model's weights, in whose order they come.
    """
    order = {id(variable): place for place, variable in enumerate(weights)}
    found = [(place, variable) for place, variable in placed if not variable.is_state]
    return sorted(found, key=lambda each: order.get(id(each[1]), len(order)))


def _held_by(network: _core.Network, weights: list[Variable]) -> list[Variable]:
    """The weights that an optimizer may train, after making room for them in a network.

    State of layers stays where it is.
    """
    held = [variable for variable in weights if not variable.is_state]
    for variable in held:
        network.add_parameter(variable.name, variable.shape)
    return held


def _attach_rules(variable: Variable, network: _core.Network, place: int) -> None:
    """Tells the network of a variable's penalty and constraint."""
    if variable.regularizer is not None and variable.regularizer.is_native():
        variable.regularizer._attach_to(network, place)
    if variable.constraint is not None and variable.constraint.is_native():
        network.add_constraint(place, **variable.constraint.specification(variable.shape))
