"""What `compile` settles: loss, metrics, optimizer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import lamina._core as _core
from lamina import _checks, losses, metrics, optimizers
from lamina._checks import unknown_name
from lamina._typing import Config, Shape
from lamina.callbacks.callback import Logs
from lamina.losses.targets import TargetRule
from lamina.metrics.counted import number_or_array
from lamina.metrics.resolve import CROSSENTROPY_NAMES, LATE_NAMES, metric_for
from lamina.optimizers.optimizer import Optimizer
from lamina.variable import Variable


class CompileConfig:
    """The arguments of `compile`, resolved as far as they can be without the model's shapes.

    Args:
        optimizer, loss, metrics, loss_weights, weighted_metrics, missing_targets: As for
            `Sequential.compile`.

    Raises:
        ValueError, TypeError, NotImplementedError: For what cannot train a model.
    """

    def __init__(
        self,
        optimizer: Any,
        loss: Any,
        metric_list: Any,
        loss_weights: Any = None,
        weighted_metrics: Any = None,
        missing_targets: str = "error",
    ) -> None:
        self.optimizer: Optimizer = optimizers.get(optimizer)
        loss = _only("loss", loss)
        self.loss_weight = _loss_weight(_only("loss_weights", loss_weights))
        if missing_targets not in ("error", "ignore"):
            raise unknown_name("`missing_targets`", missing_targets, ("error", "ignore"))
        self.missing_targets = missing_targets
        #: Whether the loss is "crossentropy": the first targets say which.
        self.loss_is_inferred = isinstance(loss, str) and loss.lower() in CROSSENTROPY_NAMES
        self.loss = None if loss is None or self.loss_is_inferred else losses.get(loss)
        #: Whether the steps run on the tape although they could run as a plan.
        self.run_eagerly = False
        #: Whether the model has steps of its own, which need no loss.
        self.own_steps = False
        if self.loss is not None:
            if self.loss.is_native() or type(self.loss).call is losses.Loss.call:
                self.loss.specification()
            if self.loss.reduction not in _REDUCTIONS:
                raise NotImplementedError(
                    "compile: a loss trains as one number; with reduction='none' it can be called. "
                    f"Received: reduction={self.loss.reduction!r}"
                )
        unweighted = _flat("metrics", metric_list)
        weighted = _flat("weighted_metrics", weighted_metrics)
        self._weighted_from = len(unweighted)
        self.metrics: list[str | metrics.Metric] = []
        for identifier in (*unweighted, *weighted):
            if isinstance(identifier, str) and identifier.lower() in LATE_NAMES:
                self.metrics.append(identifier)
            else:
                self.metrics.append(metrics.get(identifier))
        for place, metric in enumerate(self.metrics):
            if not isinstance(metric, str):
                if any(metric is other for other in self.metrics[:place]):
                    raise ValueError(
                        "compile: a metric object can be given only once. "
                        f"Received: metric '{metric.name}' twice"
                    )
                if metric.is_native():
                    self._require_same_targets(metric)
                elif type(metric) in (metrics.Mean, metrics.Sum):
                    metric.specification()  # raises: they take no targets
        self.names = ["loss", *self._unique_names()]
        self._resolved: list[metrics.Metric] = []
        #: After how many batches callbacks with hooks for batches are called.
        self.steps_per_execution = 1
        #: How many numbers each metric's result has; 0 for a single one.
        self._sizes: list[int] = []

    def _unique_names(self) -> list[str]:
        """The keys in logs: a name that is there already gets a number, as Keras gives it."""
        names: list[str] = []
        counts = {"loss": 0}
        for place, metric in enumerate(self.metrics):
            own = metric if isinstance(metric, str) else metric.name
            if own == "loss":
                raise ValueError("compile: no metric may be called 'loss'. Received: metric 'loss'")
            name = own
            if name in counts and place >= self._weighted_from:
                name = f"weighted_{name}"
            if name in counts:
                counts[name] += 1
                name = f"{name}_{counts[name] - 1}"
            else:
                counts[name] = 1
            if name in names:
                raise ValueError(
                    "compile: metrics must have different names. "
                    f"Received: two metrics that are called '{name}'"
                )
            names.append(name)
        return names

    def _require_same_targets(self, metric: metrics.Metric) -> None:
        if self.loss is None or not self.loss.is_native():
            return
        if metric.takes_labels() != self.loss.takes_labels():
            kinds = ("targets shaped like the predictions", "integer labels")
            raise ValueError(
                f"compile: metric '{metric.name}' takes {kinds[metric.takes_labels()]}, but the "
                f"loss takes {kinds[self.loss.takes_labels()]}. "
                f"Received: loss '{self.loss.name}' and metric '{metric.name}'"
            )

    @property
    def targets(self) -> TargetRule:
        """What targets may be."""
        ignored = getattr(self.loss, "ignore_class", None) if self.labels else None
        columns = self.loss is None or self.loss.labels_are_columns()
        free = self.own_steps or (self.loss is not None and not self.loss.is_native())
        return TargetRule(self.labels, ignored, self.missing_targets == "ignore", columns, free)

    def resolve_loss(self, targets: Any, output: Shape) -> None:
        """Decides, as Keras does, which crossentropy is meant.

        Args:
            targets: The first targets.
            output: The shape of one prediction.
        """
        shape = np.shape(targets)
        single = len(shape) == len(output) or shape[-1] == 1
        if output and output[-1] == 1:
            name = "binary_crossentropy"
        elif single:
            name = "sparse_categorical_crossentropy"
        else:
            name = "categorical_crossentropy"
        self.loss = losses.get(name)
        try:
            for metric in self.metrics:
                if not isinstance(metric, str) and metric.is_native():
                    self._require_same_targets(metric)
        except ValueError:
            self.loss = None
            raise

    @property
    def has_objective(self) -> bool:
        """Whether there is anything to train for."""
        return self.loss is not None or self.own_steps

    @property
    def casts_targets(self) -> bool:
        """Whether targets are converted to the model's type."""
        return self.loss is not None and self.loss.is_native() and not self.labels

    @property
    def needs_tape(self) -> bool:
        """Whether any part is the user's own."""
        return self.run_eagerly or bool(self.own_parts())

    def own_parts(self) -> list[str]:
        """The names of the parts that are the user's own."""
        parts: list[Any] = [self.optimizer, *([] if self.loss is None else [self.loss])]
        parts.extend(metric for metric in self.metrics if not isinstance(metric, str))
        return [part.name for part in parts if not part.is_native()]

    @property
    def weighted_from(self) -> int:
        """The first of the metrics that count weights."""
        return self._weighted_from

    @property
    def labels(self) -> bool:
        """Whether targets are integer labels."""
        return self.loss is not None and self.loss.takes_labels()

    def resolve(self, output: Shape) -> list[metrics.Metric]:
        """The metrics for predictions of a shape.

        Raises:
            NotImplementedError: If the loss or a metric works along another axis than the last.
        """
        resolved = [
            metric_for(m, output, self.labels) if isinstance(m, str) else m for m in self.metrics
        ]
        if self.loss is not None and self.loss.is_native():
            self.loss.check_axis(output)
        for metric in resolved:
            loss = getattr(metric, "_loss", None)
            if isinstance(loss, losses.Loss):
                loss.check_axis(output)
        return resolved

    def native_loss(self, y: Any, y_pred: Any, weights: Any) -> tuple[Any, float, float, int]:
        """The loss of tensors as the plan computes it: a tensor, the mean, the sum and the rows."""
        assert self.loss is not None
        return self.loss.on_tape(y, y_pred, weights, self.loss_weight)

    def _apply_on_tape(
        self, network: Any, output: Shape, weights: list[tuple[int, Variable]]
    ) -> None:
        network.compile_on_tape(self, output, weights)
        self._resolved = [kept.metric for kept in network._kept]
        self._sizes = []
        start = 1
        for place, kept in enumerate(network._kept):
            size = (
                kept.metric.specification().result_size(output[-1])
                if kept.metric.is_native()
                else kept.size
            )
            self._sizes.append(size)
            if kept.metric.is_native():
                kept.metric._model = _reader(network, place, start, size)
            start += max(size, 1)
        if self.optimizer.is_native():
            self.optimizer.bind(network.home, weights)
        else:
            self.optimizer._build_for([v for _, v in weights if v.trainable])

    def apply(self, network: Any, output: Shape, weights: list[tuple[int, Variable]]) -> None:
        """Compiles a network; it is unchanged when this raises.

        Args:
            network: The network.
            output: The shape of one prediction.
            weights: The model's variables with their places in the network.
        """
        if not isinstance(network, _core.Network):
            self._apply_on_tape(network, output, weights)
            return
        if self.loss is None:
            return
        resolved = self.resolve(output)
        specifications = [metric.specification() for metric in resolved]
        for specification in specifications[self._weighted_from :]:
            specification.weighted = True
        network.compile(
            self.loss.specification(),
            self.optimizer.specification(weights),
            specifications,
            reduction=_REDUCTIONS[self.loss.reduction or ""],
            loss_weight=self.loss_weight,
            skip_missing=self.missing_targets == "ignore",
        )
        self._resolved = resolved
        self._sizes = [s.result_size(output[-1]) for s in specifications]
        start = 1
        for place, (metric, size) in enumerate(zip(resolved, self._sizes, strict=True)):
            metric._model = _reader(network, place, start, size)
            start += max(size, 1)
        self.optimizer.bind(network, weights)

    def release_metrics(self, successor: CompileConfig) -> None:
        """The model is compiled anew: metrics that it no longer has are on their own again."""
        for metric in self._resolved:
            if not any(metric is other for other in successor._resolved):
                metric._model = None

    def objects(self, network: _core.Network | None) -> list[metrics.Metric]:
        """The mean of the loss and the metrics, reading the model's state."""
        if network is None or not self.has_objective:
            return []
        loss = metrics.Mean(name="loss")
        loss._model = (lambda: network.metric_values()[0], list)
        return [loss, *self._resolved]

    def values(self, numbers: list[float]) -> list[Any]:
        """The core's numbers as the values of loss and metrics."""
        own = getattr(numbers, "logs", None)
        if own is not None:
            return list(own.values())
        values: list[Any] = [numbers[0]]
        place = 1
        for size in self._sizes:
            values.append(number_or_array(numbers[place : place + max(size, 1)], size))
            place += max(size, 1)
        return values

    def logs(self, means: list[float]) -> Logs:
        """The values by name, sorted as Keras sorts them."""
        own = getattr(means, "logs", None)
        if own is not None:
            return dict(sorted(own.items()))
        return dict(sorted(zip(self.names, self.values(means), strict=True)))

    def get_config(self) -> Config:
        """The arguments of `compile`, as plain data."""
        serialized = [m if isinstance(m, str) else metrics.serialize(m) for m in self.metrics]
        config: Config = {
            "optimizer": optimizers.serialize(self.optimizer),
            "loss": self._given_loss(),
            "metrics": serialized[: self._weighted_from],
            "loss_weights": self._given_loss_weight(),
            "weighted_metrics": serialized[self._weighted_from :],
            "missing_targets": self.missing_targets,
        }
        if self.run_eagerly:
            config["run_eagerly"] = True
        if self.steps_per_execution != 1:
            config["steps_per_execution"] = self.steps_per_execution
        return config

    def _given_loss(self) -> Any:
        if self.loss is None:
            return "crossentropy" if self.loss_is_inferred else None
        return losses.serialize(self.loss)

    def _given_loss_weight(self) -> float | None:
        return None if self.loss_weight == 1.0 else self.loss_weight


#: Keras' reductions that give one number, and the core's names of them.
_REDUCTIONS = {
    "sum_over_batch_size": "mean",
    "mean": "mean",
    "mean_with_sample_weight": "weighted_mean",
    "sum": "sum",
}


def _reader(
    network: _core.Network, place: int, start: int, size: int
) -> tuple[Callable[[], Any], Callable[[], list[Any]]]:
    """How the result and the variables of the metric at `place` are read from the model.

    Knows the network alone, so that models and their metrics are no reference cycle.
    """

    def result() -> Any:
        return number_or_array(network.metric_values()[start : start + max(size, 1)], size)

    def variables() -> list[Any]:
        return [value for _, value in network.metric_variables(place)]

    return result, variables


def _only(argument: str, value: Any) -> Any:
    """The one element of a list, tuple or dictionary, as models with one output take it."""
    if isinstance(value, Mapping) and "class_name" not in value:
        value = list(value.values())
    if not isinstance(value, (list, tuple)):
        return value
    if len(value) != 1:
        raise ValueError(
            f"compile: `{argument}` must have one element, because the model has one output. "
            f"Received: {argument}={value!r}"
        )
    return value[0]


def _loss_weight(value: Any) -> float:
    if value is None:
        return 1.0
    return _checks.number("compile", "loss_weights", value, low=0.0, open_high=True)


def _flat(argument: str, metric_list: Any) -> list[Any]:
    if metric_list is None:
        return []
    if not isinstance(metric_list, (list, tuple, Mapping)):
        raise ValueError(
            f"compile: `{argument}` must be a list of metrics. "
            f"Received: {argument}={metric_list!r} of type {type(metric_list).__name__}"
        )
    elements = metric_list.values() if isinstance(metric_list, Mapping) else metric_list
    flat: list[Any] = []
    for element in elements:
        flat.extend(element if isinstance(element, (list, tuple)) else [element])
    return flat
