"""The driver that runs a model's steps on the tape, with the interface of a planned network."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import lamina._core as _core
from lamina import _eager, metrics
from lamina._typing import Array, Shape
from lamina.autograd.gradient_tape import GradientTape
from lamina.data.shuffle import permutations
from lamina.layers import call_context
from lamina.metrics.counted import number_or_array
from lamina.optimizers.apply import apply_to_store
from lamina.optimizers.optimizer import Optimizer
from lamina.training.compile_config import CompileConfig
from lamina.variable import Variable

Poll = Callable[[int, list[float]], None]


class Values(list[float]):
    """The numbers of loss and metrics; with `logs`, by the names that a `train_step` gave."""

    logs: dict[str, Any] | None = None


class TapeNetwork:
    """Parameters in a network's flat memory, and steps that are recorded on a tape.

    What a planned network has beside steps (parameters, the optimizer's state, counters) is that
    of `home`.

    Args:
        model: The model.
        home: A network with the model's parameters.
        whole: Whether it is the plan of all layers: they are then one call.
        places: The model's variables with their places in `home`.
    """

    def __init__(
        self, model: Any, home: _core.Network, whole: bool, places: list[tuple[int, Variable]]
    ) -> None:
        self._model = weakref.ref(model)
        self.home = home
        self.whole = whole
        self._places = places
        self._layers = _core.Layers(home, [v.handle() for _, v in places]) if whole else None
        self.watch = False
        self.batches_done = 0
        self._optimizer: Optimizer | None = None
        self._compiled: CompileConfig | None = None
        self._loss: Any = None
        self._kept: list[_Kept] = []
        self._total = self._count = 0.0
        self._logs: dict[str, Any] | None = None
        self._layer_metrics: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        if name == "home":
            raise AttributeError(name)
        return getattr(self.home, name)

    # What a network lets one set.

    _OWN_COUNTERS = ("epochs_seen", "steps_seen", "calls_seen", "learning_rate")

    def __setattr__(self, name: str, value: Any) -> None:
        if name in TapeNetwork._OWN_COUNTERS:
            setattr(self.home, name, value)
        else:
            object.__setattr__(self, name, value)

    @property
    def iterations(self) -> int:
        """Steps taken, also those that only added up gradients."""
        optimizer = self._optimizer
        if optimizer is not None and not optimizer.is_native():
            return optimizer.iterations
        return self.home.iterations

    @iterations.setter
    def iterations(self, value: int) -> None:
        optimizer = self._optimizer
        if optimizer is not None and not optimizer.is_native():
            optimizer.iterations = value
        else:
            self.home.iterations = value

    @property
    def model(self) -> Any:
        """The model; it owns this object."""
        model = self._model()
        assert model is not None
        return model

    # Compiling.

    def compile_on_tape(
        self, compiled: CompileConfig, output: Shape, weights: list[tuple[int, Variable]]
    ) -> None:
        """Takes what `compile` settled; nothing has changed when this raises."""
        optimizer = compiled.optimizer
        kept = []
        for place, metric in enumerate(compiled.resolve(output)):
            weighted = place >= compiled.weighted_from
            kept.append(_Kept(metric, compiled.labels, weighted))
        if optimizer.full_batch:
            raise ValueError(
                f"compile: {type(optimizer).__name__} asks for the loss of all samples by itself, "
                "so it cannot train a model that runs on the tape."
            )
        if compiled.missing_targets != "error":
            raise NotImplementedError(
                "compile: missing_targets='ignore' is for models that run as a plan, and this one "
                f"runs on the tape. Received: missing_targets={compiled.missing_targets!r}"
            )
        if optimizer.is_native():
            self.home.set_optimizer(optimizer.specification(weights))
        self._compiled, self._optimizer, self._kept = compiled, optimizer, kept
        self._loss = compiled.loss
        self._total = self._count = 0.0
        self._layer_metrics = self.model._layer_metrics()

    @property
    def compiled(self) -> CompileConfig:
        """What `compile` settled."""
        assert self._compiled is not None
        return self._compiled

    # Loss and metrics so far.

    def reset_metrics(self) -> None:
        """Starts all sums again."""
        self._total = self._count = 0.0
        self._logs = None
        for kept in self._kept:
            kept.reset()
        for metric in self._own_metrics():
            metric.reset_state()
        self._layer_metrics = self.model._layer_metrics()

    def _own_metrics(self) -> list[Any]:
        return self.model._own_metrics() if self._compiled is not None else []

    def metric_values(self) -> Values:
        """The mean loss, then each metric's result."""
        values = Values([self._total / self._count if self._count else 0.0])
        for kept in self._kept:
            values.extend(kept.values())
        values.logs = self._logs
        if self._layer_metrics:
            names = self.compiled.names
            logs = dict(self._logs or zip(names, self.compiled.values(values), strict=True))
            logs.update((metric.name, metric.result()) for metric in self._layer_metrics)
            values.logs = logs
        return values

    def results(self) -> dict[str, Any]:
        """The same by name."""
        return self.compiled.logs(Values(self.metric_values()))

    def metric_variables(self, place: int) -> list[tuple[str, Array]]:
        """The state of a metric."""
        return self._kept[place].variables()

    def metric_state(self) -> list[float]:
        """What `set_metric_state` goes on from."""
        state = [self._total, self._count]
        for kept in self._kept:
            numbers = kept.state()
            state.extend([float(len(numbers)), *numbers])
        return state

    def set_metric_state(self, state: list[float]) -> None:
        """Goes on from a `metric_state`."""
        self._total, self._count = state[:2]
        at = 2
        for kept in self._kept:
            length = int(state[at])
            kept.set_state(list(state[at + 1 : at + 1 + length]))
            at += 1 + length

    def track_loss(self, value: float, rows: int) -> None:
        """Adds a batch's mean loss."""
        self._total += value * rows
        self._count += rows

    def update_metrics(self, y: Any, y_pred: Any, weights: Any) -> None:
        """Adds a batch to all metrics."""
        for kept in self._kept:
            kept.update(y, y_pred, weights)

    # Steps.

    def answer(self, x: Any, training: bool) -> Any:
        """A tensor of the model's answers, and what its layers add to the loss."""
        step = call_context.step_of()
        if step is None:
            step = 2**39 + self.home.calls_seen
            self.home.calls_seen += training
        if self._layers is None:
            with call_context.at_step(step):
                return self.model._through_layers(x, training)
        y, penalty, value = self._layers(x, training, step)
        self.penalty = None if penalty is None else (penalty, value)
        return y

    penalty: tuple[Any, float] | None = None

    def train_on_batch(
        self, x: Array, y: Array, weights: Array | None, fresh: bool = False
    ) -> Values:
        """One step; the values so far."""
        if fresh:
            self.reset_metrics()
        self._train(x, y, weights)
        self.batches_done = 1
        return self.metric_values()

    def train(
        self,
        x: Array,
        y: Array,
        weights: Array | None,
        size: int,
        shuffle: bool,
        poll: Poll | None,
    ) -> Values:
        """One pass over arrays."""
        order = permutations(self.home.seed, self.home.epochs_seen)(len(x)) if shuffle else None
        self.batches_done = 0
        for batch in _batches(x, y, weights, size, order):
            self._train(*batch)
            self.batches_done += 1
            if poll is not None:
                poll(self.batches_done, self.metric_values())
        self.home.epochs_seen += 1
        return self.metric_values()

    def _train(self, x: Array, y: Any, weights: Any) -> None:
        model = self.model
        data = self._tensors(x, y, weights)
        with call_context.at_step(self.home.steps_seen), call_context.prepared_for(model):
            if model._has_own("train_step", "compute_loss", "compute_metrics"):
                self._logs = _numbers(model.train_step(_packed(*data)))
                if self.watch:
                    self._require_finite(self._logs)
            else:
                self._plain_step(*data)
        self.home.steps_seen += 1

    def _require_finite(self, logs: dict[str, Any]) -> None:
        loss = logs.get("loss", 0.0)
        if not math.isfinite(loss):
            raise FloatingPointError(f"[fit] the loss is not finite. Received: {loss}")

    def _plain_step(self, x: Any, y: Any, weights: Any) -> None:
        """A step with nobody in between: the order of the planned one."""
        variables = [v for _, v in self._places if v.trainable]
        with GradientTape() as tape:
            y_pred = self.answer(x, True)
            loss, _, total, rows = self._batch_loss(y, y_pred, weights)
            extra, value = self._extra()
            for term in extra:
                loss = loss + term
        if self.watch and not math.isfinite(total):
            self._total += total
            self._count += rows
            raise FloatingPointError(f"[fit] the loss is not finite. Received: {total}")
        states = [kept.after(y, y_pred, weights) for kept in self._kept]
        optimizer = self._optimizer
        assert optimizer is not None
        if optimizer.is_native():
            scale = self.home.loss_scale
            seed = (
                None if scale == 1.0 else _eager.typed_tensor(np.full((), scale), str(loss.dtype))
            )
            gradients = tape.gradient(loss, variables, seed)
            value += apply_to_store(self.home, self._by_place(), gradients, variables, True)
            constrain_own(variables)
        else:
            value += self.home.penalty_value()
            gradients = tape.gradient(loss, variables)
            optimizer.apply(self._with_penalties(variables, gradients), variables)
            self.home.constrain()
        for kept, state in zip(self._kept, states, strict=True):
            kept.take(state)
        self._total += total if value == 0.0 else total + value * rows
        self._count += rows

    def _with_penalties(self, variables: list[Variable], gradients: list[Any]) -> list[Any]:
        """Gradients with those of lamina's own penalties, for optimizers of the user's own."""
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

    def _by_place(self) -> dict[int, int]:
        return {id(variable): place for place, variable in self._places}

    def _batch_loss(self, y: Any, y_pred: Any, weights: Any) -> tuple[Any, float, float, int]:
        """The loss as a tensor, its mean and its sum over the rows, and their number."""
        compiled = self.compiled
        assert compiled.loss is not None
        if compiled.loss.is_native():
            return compiled.native_loss(y, y_pred, weights)
        loss = compiled.loss(y, y_pred, weights)
        if compiled.loss_weight != 1.0:
            loss = loss * compiled.loss_weight
        rows = int(y_pred.shape[0])
        mean = _eager.number(loss)
        return loss, mean, mean * rows, rows

    def _extra(self) -> tuple[list[Any], float]:
        """What layers and penalties of the user's own add to the loss, and the sum of that."""
        terms, value = [], 0.0
        if self.penalty is not None:
            terms.append(self.penalty[0])
            value += self.penalty[1]
        if self._layers is None:
            for layer in self.model._leaves():
                for term in layer._losses:
                    terms.append(term)
                    value += _eager.number(term)
        for _, variable in self._places:
            rule = variable.regularizer
            if rule is not None and variable.trainable and not rule.is_native():
                terms.append(rule(variable))
                value += _eager.number(terms[-1])
        return terms, value

    def _tensors(self, x: Array, y: Any, weights: Any) -> tuple[Any, Any, Any]:
        dtype = self.model.dtype
        keep = self.compiled.labels or not self.compiled.casts_targets
        return (
            self.model._input_tensor(x),
            None
            if y is None
            else _eager.floating_tensor(y, dtype)
            if keep
            else _eager.typed_tensor(y, dtype),
            None if weights is None else _eager.typed_tensor(weights, dtype),
        )

    # Evaluating.

    def test_on_batch(
        self, x: Array, y: Array, weights: Array | None, fresh: bool = False
    ) -> Values:
        """The values with a batch more."""
        if fresh:
            self.reset_metrics()
        self._test(x, y, weights)
        return self.metric_values()

    def evaluate(
        self,
        x: Array,
        y: Array,
        weights: Array | None,
        size: int,
        poll: Poll | None,
        fresh: bool = False,
    ) -> Values:
        """The values with these rows more."""
        if fresh:
            self.reset_metrics()
        self.batches_done = 0
        for batch in _batches(x, y, weights, size, None):
            self._test(*batch)
            self.batches_done += 1
            if poll is not None:
                poll(self.batches_done, self.metric_values())
        return self.metric_values()

    def _test(self, x: Array, y: Any, weights: Any) -> None:
        model = self.model
        data = self._tensors(x, y, weights)
        if model._has_own("test_step", "compute_loss", "compute_metrics"):
            with _eager.unrecorded(), call_context.prepared_for(model):
                self._logs = _numbers(model.test_step(_packed(*data)))
            return
        tensor_x, target, sample_weight = data
        with GradientTape():  # a crossentropy finds the logits, as in a plan
            y_pred = self.answer(tensor_x, False)
            _, _, total, rows = self._batch_loss(target, y_pred, sample_weight)
            _, value = self._extra()
        with _eager.unrecorded():
            self.update_metrics(target, y_pred, sample_weight)
        value += self.home.penalty_value()
        self._total += total if value == 0.0 else total + value * rows
        self._count += rows

    # Predicting.

    def try_train_on_batch(self, x: Any, y: Any) -> None:
        """The quick way is the plan's alone."""

    def try_predict(self, x: Any) -> Array | None:
        """The plan's quick way, where there is one."""
        if self.whole and not self.model._has_own("predict_step"):
            return self.home.try_predict(x)
        return None

    def predict(self, x: Array, size: int, poll: Poll | None) -> Array:
        """The answers to rows of an array."""
        model = self.model
        own = model._has_own("predict_step")
        if self.whole and not own:
            return self.home.predict(x, size, poll)
        answers = []
        with _eager.unrecorded(), call_context.prepared_for(model):
            for first in range(0, len(x), size):
                part = model._input_tensor(x[first : first + size])
                answer = model.predict_step(part) if own else self.answer(part, False)
                answers.append(np.asarray(answer))
        return answers[0] if len(answers) == 1 else np.concatenate(answers)

    def call_training(self, x: Array) -> Array:
        """The answer as in training."""
        with _eager.unrecorded():
            return np.asarray(self.answer(self.model._input_tensor(x), True))

    # The optimizer.

    def adopt_average(self) -> None:
        """The parameters become their moving averages, if there are any."""
        if self._optimizer is not None and self._optimizer.is_native():
            self.home.adopt_average()


class _Kept:
    """A metric of a model on the tape, and its state.

    Args:
        metric: The metric.
        labels: Whether targets are integer labels.
        weighted: Whether samples' weights count.
    """

    def __init__(self, metric: metrics.Metric, labels: bool, weighted: bool) -> None:
        self.metric, self._weighted = metric, weighted
        self._core: _core.MetricState | None = None
        if metric.is_native():
            specification = metric.specification()
            self._core = _core.MetricState(specification)

    def reset(self) -> None:
        if self._core is not None:
            self._core.reset()
        else:
            self.metric.reset_state()

    def values(self) -> list[float]:
        """The result as numbers."""
        if self._core is not None:
            return self._core.result() or [0.0]
        result = np.asarray(self.metric.result())
        return [float(v) for v in result.reshape(-1)]

    @property
    def size(self) -> int:
        """How many numbers it has; 0 for a single one."""
        if self._core is not None:
            return self._core.result_size()
        shape = np.shape(self.metric.result())
        return int(np.prod(shape)) if shape else 0

    def update(self, y: Any, y_pred: Any, weights: Any) -> None:
        self.take(self.after(y, y_pred, weights))

    def after(self, y: Any, y_pred: Any, weights: Any) -> Any:
        """The state with a batch more, not taken over yet; user's own metrics are updated."""
        weight = weights if self._weighted else None
        if self._core is None:
            if weight is None:
                self.metric.update_state(y, y_pred)
            else:
                self.metric.update_state(y, y_pred, sample_weight=weight)
            return None
        before = self._core.get()
        target = np.ascontiguousarray(np.asarray(y))
        self._core.update(
            target, np.asarray(y_pred), None if weight is None else np.asarray(weight)
        )
        after = self._core.get()
        self._core.set(*before)
        return after

    def take(self, state: Any) -> None:
        if self._core is not None:
            self._core.set(*state)

    def variables(self) -> list[tuple[str, Array]]:
        if self._core is not None:
            return self._core.variables()
        return [("", np.asarray(v)) for v in self.metric.variables]

    def state(self) -> list[float]:
        if self._core is not None:
            columns, numbers = self._core.get()
            return [float(columns), *numbers]
        return [float(n) for v in self.metric.variables for n in np.asarray(v).reshape(-1)]

    def set_state(self, numbers: list[float]) -> None:
        if self._core is not None:
            self._core.set(int(numbers[0]), numbers[1:])
        else:
            self.metric._set_numbers(numbers)


def constrain_own(variables: list[Variable]) -> None:
    """Applies the constraints of the user's own."""
    for variable in variables:
        rule = variable.constraint
        if rule is not None and not rule.is_native():
            with _eager.unrecorded():
                variable.assign(rule(variable))


def _batches(
    x: Array, y: Any, weights: Any, size: int, order: Array | None
) -> Iterator[tuple[Array, Any, Any]]:
    for first in range(0, len(x), size):
        rows: Any = slice(first, first + size) if order is None else order[first : first + size]
        yield (
            x[rows],
            None if y is None else y[rows],
            None if weights is None else weights[rows],
        )


def _packed(x: Any, y: Any, weights: Any) -> Any:
    """A batch as `train_step` gets it."""
    if weights is not None:
        return x, y, weights
    return x if y is None else (x, y)


def _numbers(logs: Any) -> dict[str, Any]:
    """The dictionary that a step of the user's own returned, as numbers."""
    if not isinstance(logs, dict):
        raise TypeError(
            "`train_step` and `test_step` must return a dictionary of names to numbers. "
            f"Received: {type(logs).__name__}"
        )
    numbers: dict[str, Any] = {}
    for name, value in logs.items():
        array = np.asarray(value)
        numbers[name] = float(array) if array.ndim == 0 else array
    return numbers


def unpacked(data: Any) -> tuple[Any, Any, Any]:
    """x, y and weights of what `train_step` gets."""
    if not isinstance(data, tuple):
        return data, None, None
    x, y, weights = (*data, None, None)[:3]
    return x, y, weights


__all__ = ["TapeNetwork", "Values", "constrain_own", "number_or_array", "unpacked"]
