"""The engine of models with custom parts: steps that are recorded on a tape."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import lamina._core as _core
from lamina import _eager
from lamina._typing import Array
from lamina.autograd.gradient_tape import GradientTape
from lamina.data.samples import Samples
from lamina.data.shuffle import permutations
from lamina.execution import custom_steps
from lamina.execution.engine import Counters, Poll
from lamina.execution.metric_set import MetricSet, TrackedMetrics, Values
from lamina.execution.objective import Objective, OutputObjective
from lamina.execution.planned import lower, trained_of
from lamina.execution.trainable import Trainable
from lamina.graph import tree
from lamina.layers import call_context
from lamina.optimizers.apply import apply_to_store
from lamina.optimizers.optimizer import Optimizer
from lamina.variable import Variable

#: Overriding any of these makes a step the user's.
_TRAINING = ("train_step", "compute_loss", "compute_metrics")
_TESTING = ("test_step", "compute_loss", "compute_metrics")


class EagerEngine:
    """Runs batches on a tape, with any number of inputs and outputs.

    Args:
        model: The model, built.
        counters: Its counters.
        whole: Whether the core can compute all layers as one plan: they are then one call.
    """

    is_planned = False
    device = "cpu"

    def __init__(self, model: Trainable, counters: Counters, whole: bool) -> None:
        self._model = weakref.ref(model)
        plan = lower(model, counters.seed, "cpu", "strict", whole)
        self.network, self.placed, self._leaves = plan
        self._indices = {id(variable): index for index, variable in self.placed}
        self.counters, self.whole = counters, whole
        handles = [variable.handle() for _, variable in self.placed] if whole else []
        self._layers = _core.Layers(self.network, handles) if whole else None
        self.watch = False
        self.batches_done = 0
        self._objective = Objective([], [], None)  # type: ignore[arg-type]
        self._optimizer: Optimizer | None = None
        self._reset_objective(self._objective)
        self._penalty: tuple[Any, float] | None = None
        self._parts: list[float] = []
        self.call_losses: list[Any] = []
        self.fast_predict: Callable[[Any], Array | None] | None = None
        single = self.network.input_count == self.network.output_count == 1
        if whole and single and not model._custom_steps("predict_step"):
            self.fast_predict = self.network.try_predict
        self.fast_train: Callable[[Any, Any], Any] | None = None
        self.fast_call: Any = None

    @property
    def model(self) -> Any:
        """The model; it owns this object."""
        model = self._model()
        if model is None:
            raise RuntimeError("The model of this engine is gone.")
        return model

    @property
    def iterations(self) -> int:
        """Steps of the optimizer, also those that only added up gradients."""
        optimizer = self._optimizer
        if optimizer is not None and not optimizer.is_native():
            return optimizer.iterations
        return self.network.iterations

    @iterations.setter
    def iterations(self, value: int) -> None:
        optimizer = self._optimizer
        if optimizer is not None and not optimizer.is_native():
            optimizer.iterations = value
        else:
            self.network.iterations = value

    # Compiling.

    def _reset_objective(self, objective: Objective) -> None:
        reference = self._model

        def held() -> tuple[list[Any], list[Any]]:
            model = reference()
            return ([], []) if model is None else model._metrics_of_parts()

        self._tracked = TrackedMetrics(objective, held)
        self._casts = [output.casts_targets for output in objective.outputs]
        self.metrics = MetricSet(self._tracked, objective, self._tracked.sizes)

    def compile(self, objective: Objective) -> None:
        """Takes losses, metrics and the optimizer; unchanged when this raises."""
        optimizer = objective.optimizer
        if optimizer.full_batch:
            raise ValueError(
                f"compile: {type(optimizer).__name__} needs the loss of all samples several times "
                "in a step, so it cannot train a model that runs on the tape."
            )
        if objective.skips_missing:
            raise NotImplementedError(
                "compile: missing_targets='ignore' is for models that run as a plan, and this one "
                "runs on the tape. Received: missing_targets='ignore'"
            )
        weights = trained_of(self.placed, self.model.weights)
        if optimizer.is_native():
            self.network.set_optimizer(optimizer.specification(weights))
        self._objective, self._optimizer = objective, optimizer
        self._reset_objective(objective)
        if optimizer.is_native():
            optimizer.bind(self.network, weights)
        else:
            optimizer._build_for([v for _, v in weights if v.trainable])

    def set_trainable(self) -> None:
        """Layers were frozen or thawed."""
        if self.whole:
            for index, leaf in enumerate(self._leaves):
                if leaf is not None:
                    self.network.set_trainable(index, leaf.trainable)
        else:
            for place, variable in self.placed:
                self.network.set_trainable(place, variable.trainable)

    # What steps of subclasses use.

    def track_loss(self, value: float, rows: int) -> None:
        """Adds a batch's mean loss, and those of its outputs that were noted."""
        self._tracked.add_losses(value * rows, [part * rows for part in self._parts], rows)

    def note_parts(self, means: list[float]) -> None:
        """The mean losses of the outputs, for the next `track_loss`."""
        self._parts = means

    def update_metrics(self, y: Any, y_pred: Any, weights: Any) -> None:
        """Adds a batch to all metrics."""
        model = self.model
        if not self._objective.metrics:
            return
        single = len(self._objective.outputs) == 1
        targets = [y] if single else model._flatten_targets(y, "y")
        each = None
        if weights is not None:
            each = [weights] if single else model._flatten_weights(weights)
        tracked = self._tracked
        tracked.commit(tracked.preview(targets, tree.flatten(y_pred), each))

    def results(self) -> dict[str, Any]:
        """Loss and metrics so far by name."""
        return self.metrics.logs(Values(self._tracked.metric_values()))

    # Steps.

    def call(self, inputs: list[Any], training: bool) -> Any:
        """The outputs as tensors for tensors; `call_losses` are what layers add to the loss."""
        step = call_context.step_of()
        if step is None:
            step = self.counters.next_call(training)
        self._penalty, self.call_losses = None, []
        if self._layers is None:
            with call_context.at_step(step):
                return self.model._forward(inputs, training)
        outputs, penalty, value = self._layers(inputs, training, step)
        if penalty is not None:
            self._penalty, self.call_losses = (penalty, value), [penalty]
        return self.model._pack_outputs(outputs)

    def train_batch(self, samples: Samples, fresh: bool = False) -> Values:
        """One step; loss and metrics so far, or with `fresh` of this batch."""
        if fresh:
            self._tracked.reset_metrics()
        self._train(samples)
        self.batches_done = 1
        return self._tracked.metric_values()

    def train_epoch(self, samples: Samples, size: int, shuffle: bool, poll: Poll | None) -> Values:
        """One pass over samples; loss and metrics so far."""
        counters = self.counters
        order = permutations(counters.seed, counters.epochs)(samples.rows) if shuffle else None
        self.batches_done = 0
        for batch in _batches(samples, size, order):
            self._train(batch)
            self.batches_done += 1
            if poll is not None:
                poll(self.batches_done, self._tracked.metric_values())
        counters.epochs += 1
        return self._tracked.metric_values()

    def _train(self, samples: Samples) -> None:
        model = self.model
        x, y, weights = self._tensors(samples)
        with call_context.at_step(self.counters.steps), call_context.prepared_for(model):
            if model._custom_steps(*_TRAINING):
                data = custom_steps.pack(samples.structure, x, y, weights)
                self._tracked.step_logs = custom_steps.numbers(model.train_step(data))
                if self.watch:
                    self._require_finite(self._tracked.step_logs)
            else:
                self._plain_step(x, y, weights)
        self.counters.steps += 1

    def _require_finite(self, logs: dict[str, Any]) -> None:
        loss = logs.get("loss", 0.0)
        if not math.isfinite(loss):
            raise FloatingPointError(f"[fit] the loss is not finite. Received: {loss}")

    def _plain_step(self, x: list[Any], y: list[Any] | None, weights: list[Any] | None) -> None:
        """A step without custom methods: the order of the planned one."""
        variables = [variable for _, variable in self.placed if variable.trainable]
        with GradientTape() as tape:
            y_pred = self._flat(self.call(x, True))
            loss, total, parts, rows = self._losses(y, y_pred, weights)
            extra, value = self._extra()
            for term in extra:
                loss = term if loss is None else loss + term
        if loss is None:
            raise ValueError(
                "No loss to compute. Provide a `loss` argument in `compile()`, or call `add_loss` "
                "in a layer."
            )
        if self.watch and not math.isfinite(total):
            self._tracked.add_batch(total, 0.0, parts, rows)
            raise FloatingPointError(f"[fit] the loss is not finite. Received: {total}")
        states = self._tracked.preview(y or [], y_pred, weights)
        optimizer = self._optimizer
        if optimizer is None:
            raise RuntimeError("You must call `compile()` before using the model.")
        if optimizer.is_native():
            scale = self.network.loss_scale
            seed = (
                None if scale == 1.0 else _eager.typed_tensor(np.full((), scale), str(loss.dtype))
            )
            gradients = tape.gradient(loss, variables, seed) if variables else []
            for place, variable in enumerate(variables):
                if gradients[place] is None and variable.regularizer is not None:
                    # No loss reaches it, and yet the core adds its penalty's gradient.
                    zeros = np.zeros(variable.shape, variable.dtype)
                    gradients[place] = _eager.typed_tensor(zeros, variable.dtype)
            value += apply_to_store(self.network, self._indices, gradients, variables, True)
            custom_steps.constrain(variables)
        else:
            value += self.network.penalty_value()
            gradients = tape.gradient(loss, variables) if variables else []
            optimizer.apply(self._with_penalties(variables, gradients), variables)
            self.network.constrain()
        self._tracked.commit(states)
        self._tracked.add_batch(total, value, parts, rows)

    def _flat(self, outputs: Any) -> list[Any]:
        return tree.flatten(outputs) if isinstance(outputs, (list, tuple, dict)) else [outputs]

    def _with_penalties(self, variables: list[Variable], gradients: list[Any]) -> list[Any]:
        """Gradients with those of the core's penalties, for custom optimizers."""
        penalized = [
            v for v in variables if v.regularizer is not None and v.regularizer.is_native()
        ]
        if not penalized:
            return gradients
        with GradientTape() as tape:
            terms = [v.regularizer(v) for v in penalized]
        more = {id(v): g for v, g in zip(penalized, tape.gradient(terms, penalized), strict=True)}
        return [
            g if id(v) not in more else more[id(v)] if g is None else g + more[id(v)]
            for v, g in zip(variables, gradients, strict=True)
        ]

    def _losses(
        self, y: list[Any] | None, y_pred: list[Any], weights: list[Any] | None
    ) -> tuple[Any, float, list[tuple[float, int] | None], int]:
        """The weighted sum of losses as a tensor, its sum over the rows, the same of each
        output without its weight, with its rows, and the number of rows or, of several outputs,
        of samples."""  # noqa: D205, D209
        loss: Any = None
        total, rows = 0.0, int(y_pred[0].shape[0]) if y_pred else 0
        several = len(self._objective.outputs) > 1
        parts: list[tuple[float, int] | None] = []
        for place, output in enumerate(self._objective.outputs):
            if output.loss is None:
                parts.append(None)
                continue
            target = None if y is None else y[place]
            weight = None if weights is None else weights[place]
            value, whole, count = _weighted(output, target, y_pred[place], weight, output.weight)
            if not several:
                rows = count
            loss = value if loss is None else loss + value
            total += whole
            if several and output.weight != 1.0:
                with _eager.unrecorded():
                    whole = _weighted(output, target, y_pred[place], weight, 1.0)[1]
            parts.append((whole, count))
        return loss, total, parts, rows

    def _extra(self) -> tuple[list[Any], float]:
        """What custom layers and penalties add to the loss, and the sum of that."""
        terms, value = [], 0.0
        if self._penalty is not None:
            terms.append(self._penalty[0])
            value += self._penalty[1]
        if self._layers is None:
            for layer in self.model._leaves():
                for term in layer._losses:
                    terms.append(term)
                    value += _eager.number(term)
        for _, variable in self.placed:
            rule = variable.regularizer
            if rule is not None and variable.trainable and not rule.is_native():
                terms.append(rule(variable))
                value += _eager.number(terms[-1])
        return terms, value

    def _tensors(self, samples: Samples) -> tuple[list[Any], list[Any] | None, list[Any] | None]:
        model = self.model
        dtype = model.dtype
        y, weights = samples.y, samples.weights
        targets = None
        if y is not None:
            casts = [*self._casts, *[False] * (len(y) - len(self._casts))]
            targets = [
                None
                if target is None
                else (_eager.typed_tensor if cast else _eager.floating_tensor)(target, dtype)
                for target, cast in zip(y, casts, strict=False)
            ]
        each = (
            None
            if weights is None
            else [None if w is None else _eager.typed_tensor(w, dtype) for w in weights]
        )
        return model._input_tensors(samples.x), targets, each

    # Evaluating.

    def test_batch(self, samples: Samples, fresh: bool = False) -> Values:
        """Loss and metrics with a batch more, or with `fresh` of this one."""
        if fresh:
            self._tracked.reset_metrics()
        self._test(samples)
        return self._tracked.metric_values()

    def evaluate(self, samples: Samples, size: int, poll: Poll | None) -> Values:
        """Loss and metrics with these samples more."""
        self.batches_done = 0
        for batch in _batches(samples, size, None):
            self._test(batch)
            self.batches_done += 1
            if poll is not None:
                poll(self.batches_done, self._tracked.metric_values())
        return self._tracked.metric_values()

    def _test(self, samples: Samples) -> None:
        model = self.model
        x, y, weights = self._tensors(samples)
        if model._custom_steps(*_TESTING):
            data = custom_steps.pack(samples.structure, x, y, weights)
            with _eager.unrecorded(), call_context.prepared_for(model):
                self._tracked.step_logs = custom_steps.numbers(model.test_step(data))
            return
        with GradientTape():  # a crossentropy finds the logits, as in a plan
            with call_context.prepared_for(model):
                y_pred = self._flat(self.call(x, False))
            _, total, parts, rows = self._losses(y, y_pred, weights)
            _, value = self._extra()
        with _eager.unrecorded():
            self._tracked.commit(self._tracked.preview(y or [], y_pred, weights))
        value += self.network.penalty_value()
        self._tracked.add_batch(total, value, parts, rows)

    # Predicting.

    def predict(self, inputs: list[Array], size: int, poll: Poll | None) -> Any:
        """The outputs for rows of arrays: an array, or a structure of arrays."""
        model = self.model
        custom = model._custom_steps("predict_step")
        if self.whole and not custom:
            outputs = self.network.predict(inputs, size, poll)
            return model._pack_outputs(outputs if isinstance(outputs, list) else [outputs])
        structure: Any = None
        found: list[list[Array]] = []
        with _eager.unrecorded(), call_context.prepared_for(model):
            for first in range(0, len(inputs[0]), size):
                part = model._input_tensors([array[first : first + size] for array in inputs])
                structure = (
                    model.predict_step(model._pack_inputs(part))
                    if custom
                    else self.call(part, False)
                )
                found.append([np.asarray(output) for output in tree.flatten(structure)])
        if len(found) == 1:
            return tree.pack(structure, found[0])
        return tree.pack(structure, [np.concatenate(each) for each in zip(*found, strict=True)])

    def call_training(self, inputs: list[Array]) -> Any:
        """The outputs as in training."""
        with _eager.unrecorded():
            output = self.call(self.model._input_tensors(inputs), True)
            return tree.map_structure(np.asarray, output)


def _weighted(
    output: OutputObjective, target: Any, prediction: Any, weights: Any, factor: float
) -> tuple[Any, float, int]:
    """The loss of an output times a factor as a tensor, the sum over the rows, their number."""
    loss = output.loss
    if loss is None:
        raise ValueError("There is no loss for this output.")
    if loss.is_native():
        value, _, whole, rows = loss.on_tape(target, prediction, weights, factor)
        return value, whole, rows
    value = loss(target, prediction, weights)
    if factor != 1.0:
        value = value * factor
    rows = int(prediction.shape[0])
    return value, _eager.number(value) * rows, rows


def _batches(samples: Samples, size: int, order: Array | None) -> Iterator[Samples]:
    for first in range(0, samples.rows, size):
        if order is None:
            yield samples.part(first, first + size)
        else:
            yield samples.select(order[first : first + size])
