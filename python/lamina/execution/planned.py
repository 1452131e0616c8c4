"""The engine of models that the core computes as a whole: one call for an epoch or a step."""

from __future__ import annotations

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
        self.network, self.placed = lower(model, counters.seed, device, precision, True)
        self.counters, self.device = counters, device
        self._name = model.name
        self._tape_layers: Any = None
        self._leaves = model._leaves()
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
        """Takes the loss, metrics and the optimizer; unchanged when this raises."""
        (output,) = objective.outputs
        loss, optimizer = output.loss, objective.optimizer
        if loss is None:
            return
        weights = trained_of(self.placed)
        specifications = []
        for reported in objective.metrics:
            specification = reported.metric.specification()
            if reported.weighted:
                specification.weighted = True
            specifications.append(specification)
        self.network.compile(
            loss.specification(),
            optimizer.specification(weights),
            specifications,
            reduction=REDUCTIONS[loss.reduction or ""],
            loss_weight=output.weight,
            skip_missing=objective.skips_missing,
        )
        sizes = [s.result_size(columns_of(output)) for s in specifications]
        self.metrics = MetricSet(self.network, objective, sizes)
        self.fast_train = self.network.try_train_on_batch
        optimizer.bind(self.network, weights)

    def set_trainable(self) -> None:
        """Layers were frozen or thawed."""
        for index, leaf in enumerate(self._leaves):
            self.network.set_trainable(index, leaf.trainable)

    def train_epoch(
        self, samples: Samples, size: int, shuffle: bool, poll: Poll | None
    ) -> list[float]:
        """One pass over samples; loss and metrics so far."""
        y: Any = None if samples.y is None else samples.y[0]
        weights = samples.weights
        return self.network.train(
            samples.x[0],
            y,
            None if weights is None else weights[0],
            size,
            shuffle,
            poll,
        )

    def train_batch(self, samples: Samples, fresh: bool = False) -> list[float]:
        """One step; loss and metrics so far, or with `fresh` of this batch."""
        y: Any = None if samples.y is None else samples.y[0]
        weights = samples.weights
        return self.network.train_on_batch(
            samples.x[0],
            y,
            None if weights is None else weights[0],
            fresh,
        )

    def evaluate(self, samples: Samples, size: int, poll: Poll | None) -> list[float]:
        """Loss and metrics with these samples more."""
        return self.network.evaluate(*_single(samples), size, poll)

    def test_batch(self, samples: Samples, fresh: bool = False) -> list[float]:
        """Loss and metrics with a batch more, or with `fresh` of this one."""
        return self.network.test_on_batch(*_single(samples), fresh)

    def predict(self, inputs: list[Array], size: int, poll: Poll | None) -> Array:
        """The outputs for rows of arrays."""
        outputs: Array = self.network.predict(inputs[0], size, poll)
        return outputs

    def call_training(self, inputs: list[Array]) -> Array:
        """The outputs as in training."""
        outputs: Array = self.network.call_training(inputs[0])
        return outputs

    def call(self, inputs: list[Any], training: bool) -> Any:
        """The output as a tensor for a tensor."""
        x = inputs[0]
        if self.device != "cpu":
            return self._call_elsewhere(x, training)
        layers = self._tape_layers
        if layers is None:
            handles = [variable.handle() for _, variable in self.placed]
            layers = self._tape_layers = _core.Layers(self.network, handles)
        step = call_context.step_of()
        if step is None:
            step = self.counters.next_call(training)
        output, penalty, _ = layers(x, training, step)
        self.call_losses = [] if penalty is None else [penalty]
        self.fast_call = layers.try_call if penalty is None else None
        return output

    def _call_elsewhere(self, x: Any, training: bool) -> Any:
        if _core.is_recording():
            raise RuntimeError(
                f"Model '{self._name}' is on '{self.device}', and tapes compute on the CPU "
                "so far: `compile(..., device='cpu')` moves it there."
            )
        rows = np.asarray(x)
        output = (
            self.network.call_training(rows)
            if training
            else self.network.predict(rows, len(rows), None)
        )
        return _eager.typed_tensor(output, str(x.dtype))


def _single(samples: Samples) -> tuple[Array, Any, Array | None]:
    """The arrays of samples with one input and one output."""
    weights = samples.weights
    return (
        samples.x[0],
        None if samples.y is None else samples.y[0],
        None if weights is None else weights[0],
    )


def lower(
    model: Trainable, seed: int, device: str, precision: str, whole: bool
) -> tuple[_core.Network, Placed]:
    """A network with the model's parameters, which live there from now on.

    Args:
        model: The model, built.
        seed: The seed of layers that have none.
        device: Where it computes.
        precision: How products of layers are rounded.
        whole: Whether the network computes the model; else it keeps the parameters alone.
    """
    shape = model._input_shapes()[0] if whole else (1,)
    network = _core.Network(shape, model.dtype, device, seed, precision)
    leaves = model._leaves()
    model._name_weights()
    if whole:
        model._plan_into(network)
        placed = list(enumerate(variables_of(network, leaves)))
    else:
        placed = list(enumerate(_held_by(network, model.weights)))
    for place, variable in placed:  # each array is given up before there are gradients
        variable.bind(network, place, model)
        _attach_rules(variable, network, place)
    if whole:
        for index, leaf in enumerate(leaves):
            if not leaf.trainable:
                network.set_trainable(index, False)
    else:
        for place, variable in placed:
            if not variable.trainable:
                network.set_trainable(place, False)
    return network, placed


def trained_of(placed: Placed) -> Placed:
    """Those that an optimizer can train: also frozen ones, which may be thawed later."""
    return [(place, variable) for place, variable in placed if not variable.is_state]


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
