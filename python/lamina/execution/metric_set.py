"""Loss and metrics of an engine: their names, their values, and where their state is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

import lamina._core as _core
from lamina import metrics
from lamina._typing import Array
from lamina.execution.objective import Objective, OutputObjective
from lamina.metrics.counted import number_or_array

Logs = dict[str, Any]


class Values(list[float]):
    """The numbers of loss and metrics; with `logs`, by the names that a `train_step` gave."""

    logs: Logs | None = None


class MetricState(Protocol):
    """Where loss and metrics are kept: a planned network has these methods, too."""

    def metric_values(self) -> list[float]:
        """The mean loss, each metric's numbers, then the mean loss of each output."""

    def metric_variables(self, i: int) -> list[tuple[str, Array]]:
        """The state of a metric."""

    def metric_state(self) -> list[float]:
        """What `set_metric_state` goes on from."""

    def set_metric_state(self, state: list[float]) -> None:
        """Goes on from a `metric_state`."""

    def reset_metrics(self) -> None:
        """Starts all sums again."""


class MetricSet:
    """Loss and metrics by name.

    Args:
        state: Where they are kept.
        objective: What is reported.
        sizes: How many numbers each metric's result has; 0 for a single one.
    """

    def __init__(self, state: MetricState, objective: Objective, sizes: list[int]) -> None:
        self._state = state
        self._sizes = sizes
        self._plain = not any(sizes)
        self._metrics = [reported.metric for reported in objective.metrics]
        reported = [metric.name for metric in objective.metrics]
        parts = [output.log_name for output in objective.outputs if output.log_name is not None]
        #: The names of the values, in the order of `values`.
        self.names = ["loss", *reported, *parts]
        order = range(len(self.names))
        #: The same in the order of what `evaluate` returns: as Keras has it.
        self.listed = self.names
        if parts:
            self.listed = ["loss", *parts, *sorted(reported)]
            order = [self.names.index(name) for name in self.listed]  # type: ignore[assignment]
        self._listed = list(order)
        ranked = sorted(range(len(self.names)), key=lambda place: self.names[place])
        self._sorted = [self.names[place] for place in ranked]
        self._ranked = ranked
        self._reorders = self.listed is not self.names
        start = 1
        for place, (metric, size) in enumerate(zip(self._metrics, sizes, strict=True)):
            metric._model = _reader(state, place, start, size)
            start += max(size, 1)

    def reset(self) -> None:
        """Starts all sums again."""
        self._state.reset_metrics()

    def numbers(self) -> list[float]:
        """The numbers of now."""
        return self._state.metric_values()

    def values(self, numbers: list[float]) -> list[Any]:
        """An engine's numbers as the values of loss and metrics, in the order of `listed`."""
        named = getattr(numbers, "logs", None)
        if named is not None:
            return list(named.values())
        each = numbers if self._plain else split_numbers(numbers, self._sizes)
        return [each[place] for place in self._listed] if self._reorders else list(each)

    def logs(self, numbers: list[float]) -> Logs:
        """The values by name, sorted as Keras sorts them."""
        named = getattr(numbers, "logs", None)
        if named is not None:
            return dict(sorted(named.items()))
        each = numbers if self._plain else split_numbers(numbers, self._sizes)
        return dict(zip(self._sorted, map(each.__getitem__, self._ranked), strict=True))

    def result(self, numbers: list[float], return_dict: bool) -> Any:
        """What Keras returns: the loss, a list of loss and metrics, or a dictionary."""
        if return_dict:
            return self.logs(numbers)
        values = self.values(numbers)
        return values[0] if len(values) == 1 else values

    def state(self) -> list[float]:
        """What `set_state` goes on from."""
        return self._state.metric_state()

    def set_state(self, state: list[float]) -> None:
        """Goes on from a `state`."""
        self._state.set_metric_state(state)

    def objects(self) -> list[metrics.Metric]:
        """The mean of the loss and the metrics, reading the engine's state."""
        state = self._state
        loss = metrics.Mean(name="loss")
        loss._model = (lambda: state.metric_values()[0], list)
        return [loss, *self._metrics]

    def release(self, keep: list[Any]) -> None:
        """The model is compiled anew: metrics that it does not keep stand alone again."""
        for metric in self._metrics:
            if not any(metric is other for other in keep):
                metric._model = None


class MetricTracker:
    """A metric of an eager engine, and its state.

    Args:
        metric: The metric.
        weighted: Whether samples' weights count.
    """

    def __init__(self, metric: metrics.Metric, weighted: bool) -> None:
        self.metric, self._weighted = metric, weighted
        self._core = _core.MetricState(metric.specification()) if metric.is_native() else None

    def reset(self) -> None:
        """Starts again."""
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

    def size(self, columns: int) -> int:
        """How many numbers the result has for so many columns; 0 for a single one."""
        if self._core is not None:
            return self.metric.specification().result_size(columns)
        shape = np.shape(self.metric.result())
        return int(np.prod(shape)) if shape else 0

    def preview(self, y: Any, y_pred: Any, weights: Any) -> Any:
        """The state with a batch more, for `commit`; custom metrics are updated at once."""
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

    def commit(self, state: Any) -> None:
        """Takes over what `preview` gave."""
        if self._core is not None:
            self._core.set(*state)

    def variables(self) -> list[tuple[str, Array]]:
        """The state by names."""
        if self._core is not None:
            return self._core.variables()
        return [("", np.asarray(v)) for v in self.metric.variables]

    def state(self) -> list[float]:
        """The state as numbers."""
        if self._core is not None:
            columns, numbers = self._core.get()
            return [float(columns), *numbers]
        return [float(n) for v in self.metric.variables for n in np.asarray(v).reshape(-1)]

    def set_state(self, numbers: list[float]) -> None:
        """Goes on from a `state`."""
        if self._core is not None:
            self._core.set(int(numbers[0]), numbers[1:])
        else:
            self.metric._set_numbers(numbers)


class TrackedMetrics:
    """The sums of losses and metrics of an eager engine.

    Args:
        objective: What is reported.
        held: Gives the metrics that the model and its layers hold: all, which are reset with the
            others, and those that are reported beside the compiled ones.
    """

    def __init__(
        self,
        objective: Objective,
        held: Callable[[], tuple[list[Any], list[Any]]],
    ) -> None:
        self.trackers = [MetricTracker(m.metric, m.weighted) for m in objective.metrics]
        self._outputs = [metric.output for metric in objective.metrics]
        #: How many numbers each metric's result has.
        self.sizes = [
            tracker.size(columns_of(objective.outputs[output]))
            for tracker, output in zip(self.trackers, self._outputs, strict=True)
        ]
        self._names = ["loss", *(metric.name for metric in objective.metrics)]
        self._held = held
        self._shown = held()[1]
        self._parts: list[OutputObjective] = [o for o in objective.outputs if o.log_name]
        self._names.extend(str(part.log_name) for part in self._parts)
        #: With several outputs: the sums and rows of each output's loss, and of penalties.
        self._several = len(objective.outputs) > 1
        self._outputs_sums = [[0.0, 0.0] for _ in range(len(objective.outputs) + 1)]
        self._weights = [None if o.loss is None else o.weight for o in objective.outputs]
        self._reported = [i for i, o in enumerate(objective.outputs) if o.log_name]
        self._sums = [0.0] * (1 + len(self._parts))
        self._rows = 0.0
        #: What the last custom step returned.
        self.step_logs: Logs | None = None

    def reset_metrics(self) -> None:
        """Starts all sums again."""
        self._sums = [0.0] * len(self._sums)
        self._rows = 0.0
        self._outputs_sums = [[0.0, 0.0] for _ in self._outputs_sums]
        self.step_logs = None
        for tracker in self.trackers:
            tracker.reset()
        held, self._shown = self._held()
        for metric in held:
            metric.reset_state()

    def add_losses(self, total: float, parts: list[float], rows: float) -> None:
        """Adds the sums over a batch's rows: of the loss, and of the losses of outputs."""
        self._sums[0] += total
        if len(self._sums) > 1:
            for place, value in enumerate(parts, 1):
                self._sums[place] += value
        self._rows += rows

    def add_batch(
        self, total: float, penalty: float, losses: list[tuple[float, int] | None], rows: int
    ) -> None:
        """Adds a batch's losses as a plan does.

        Args:
            total: The sum of the weighted loss over the rows.
            penalty: What penalties add to the loss.
            losses: The sum of each output's unweighted loss over its rows, and their number.
            rows: The number of rows; with several outputs that of samples.
        """
        more = 0.0 if penalty == 0.0 else penalty * rows
        if not self._several:
            self._sums[0] += total + more if more else total
            self._rows += rows
            return
        for entry, loss in zip(self._outputs_sums, losses, strict=False):
            if loss is not None:
                entry[0] += loss[0]
                entry[1] += loss[1]
        last = self._outputs_sums[-1]
        last[0] += more
        last[1] += rows

    def _means(self) -> list[float]:
        """The mean loss, then that of each reported output."""
        if not (self._several and self._outputs_sums[-1][1]):
            return [total / self._rows if self._rows else 0.0 for total in self._sums]
        means = [total / count if count else 0.0 for total, count in self._outputs_sums]
        loss = 0.0
        for weight, mean in zip(self._weights, means, strict=False):
            if weight is not None:
                loss += weight * mean
        return [loss + means[-1], *(means[place] for place in self._reported)]

    def preview(self, y: list[Any], y_pred: list[Any], weights: list[Any] | None) -> list[Any]:
        """The states of the metrics with a batch more, for `commit`."""
        return [
            tracker.preview(y[output], y_pred[output], None if weights is None else weights[output])
            for tracker, output in zip(self.trackers, self._outputs, strict=True)
        ]

    def commit(self, states: list[Any]) -> None:
        """Takes over what `preview` gave."""
        for tracker, state in zip(self.trackers, states, strict=True):
            tracker.commit(state)

    def metric_values(self) -> Values:
        """The mean loss, each metric's numbers, then the mean loss of each output."""
        if self._several:
            means = self._means()
        else:
            means = [self._sums[0] / self._rows if self._rows else 0.0]
        values = Values([means[0]])
        for tracker in self.trackers:
            values.extend(tracker.values())
        values.extend(means[1:])
        values.logs = self.step_logs
        if self._shown:
            logs = self.step_logs
            logs = dict(
                zip(self._names, split_numbers(values, self.sizes), strict=True)
                if logs is None
                else logs
            )
            logs.update((metric.name, metric.result()) for metric in self._shown)
            values.logs = logs
        return values

    def metric_variables(self, i: int) -> list[tuple[str, Array]]:
        """The state of a metric."""
        return self.trackers[i].variables()

    def metric_state(self) -> list[float]:
        """What `set_metric_state` goes on from."""
        state = [*self._sums, self._rows]
        if self._several:
            state.extend(number for entry in self._outputs_sums for number in entry)
        for tracker in self.trackers:
            numbers = tracker.state()
            state.extend([float(len(numbers)), *numbers])
        return state

    def set_metric_state(self, state: list[float]) -> None:
        """Goes on from a `metric_state`."""
        at = len(self._sums)
        self._sums, self._rows = list(state[:at]), state[at]
        at += 1
        if self._several:
            for entry in self._outputs_sums:
                entry[:] = state[at : at + 2]
                at += 2
        for tracker in self.trackers:
            length = int(state[at])
            tracker.set_state(list(state[at + 1 : at + 1 + length]))
            at += 1 + length


def split_numbers(numbers: list[float], sizes: list[int]) -> list[Any]:
    """The loss, each metric's result, and what follows, of an engine's numbers."""
    values: list[Any] = [numbers[0]]
    place = 1
    for size in sizes:
        values.append(number_or_array(numbers[place : place + max(size, 1)], size))
        place += max(size, 1)
    values.extend(numbers[place:])
    return values


def columns_of(output: OutputObjective) -> int:
    """The columns of an output's predictions."""
    return output.shape[-1] if output.shape else 1


def _reader(
    state: MetricState, place: int, start: int, size: int
) -> tuple[Callable[[], Any], Callable[[], list[Any]]]:
    """How the result and the variables of the metric at `place` are read.

    Knows the state alone, so that models and their metrics are no reference cycle.
    """

    def result() -> Any:
        return number_or_array(state.metric_values()[start : start + max(size, 1)], size)

    def variables() -> list[Any]:
        return [value for _, value in state.metric_variables(place)]

    return result, variables
