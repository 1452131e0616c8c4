"""What `compile` settles: loss, metrics, optimizer."""

from __future__ import annotations

from typing import Any

from lamina import _core, losses, metrics, optimizers
from lamina._typing import Config, Shape
from lamina.callbacks.callback import Logs
from lamina.metrics.resolve import ACCURACY_NAMES, accuracy_for
from lamina.optimizers.optimizer import Optimizer
from lamina.variable import Variable


class Compiled:
    """The arguments of `compile`, resolved as far as they can be without the model's shapes.

    Args:
        optimizer, loss, metrics: As for `Sequential.compile`.

    Raises:
        ValueError, TypeError, NotImplementedError: For what cannot train a model.
    """

    def __init__(self, optimizer: Any, loss: Any, metric_list: Any) -> None:
        self.optimizer: Optimizer = optimizers.get(optimizer)
        self.loss = None if loss is None else losses.get(loss)
        if self.loss is not None:
            self.loss.specification()
            if self.loss.reduction not in ("sum_over_batch_size", "mean"):
                raise NotImplementedError(
                    "compile: a loss trains with reduction='sum_over_batch_size' only. "
                    f"Received: reduction={self.loss.reduction!r}"
                )
        self.metrics: list[str | metrics.Metric] = []
        for identifier in _flat(metric_list):
            if isinstance(identifier, str) and identifier in ACCURACY_NAMES:
                self.metrics.append(identifier)
            else:
                self.metrics.append(metrics.get(identifier))
        for metric in self.metrics:
            if not isinstance(metric, str):
                metric.specification()
                self._require_same_targets(metric)
        self.names = ["loss", *(m if isinstance(m, str) else m.name for m in self.metrics)]
        if len(set(self.names)) != len(self.names):
            raise ValueError(
                "compile: metrics must have different names, and none may be called 'loss'. "
                f"Received: {self.names[1:]}"
            )
        self._resolved: list[metrics.Metric] = []
        #: After how many batches callbacks with hooks for batches are called.
        self.steps_per_execution = 1

    def _require_same_targets(self, metric: metrics.Metric) -> None:
        if self.loss is not None and metric.takes_labels() != self.loss.takes_labels():
            kinds = ("targets shaped like the predictions", "integer labels")
            raise ValueError(
                f"compile: metric '{metric.name}' takes {kinds[metric.takes_labels()]}, but the "
                f"loss takes {kinds[self.loss.takes_labels()]}. "
                f"Received: loss '{self.loss.name}' and metric '{metric.name}'"
            )

    @property
    def labels(self) -> bool:
        """Whether targets are integer labels."""
        return self.loss is not None and self.loss.takes_labels()

    def apply(
        self, network: _core.Network, output: Shape, weights: list[tuple[int, Variable]]
    ) -> None:
        """Compiles a network; it is unchanged when this raises.

        Args:
            network: The network.
            output: The shape of one prediction.
            weights: The model's variables with their places in the network.
        """
        if self.loss is None:
            return
        resolved = [
            accuracy_for(m, output, self.labels) if isinstance(m, str) else m for m in self.metrics
        ]
        network.compile(
            self.loss.specification(),
            self.optimizer.specification(weights),
            [metric.specification() for metric in resolved],
        )
        self._resolved = resolved
        self.optimizer.bind(network, weights)

    def values(self, means: list[float]) -> list[float]:
        """The core's means as the metrics' values: loss first."""
        rest = zip(self._resolved, means[1:], strict=True)
        return [means[0], *(metric.from_mean(mean) for metric, mean in rest)]

    def logs(self, means: list[float]) -> Logs:
        """The values by name, sorted as Keras sorts them."""
        return dict(sorted(zip(self.names, self.values(means), strict=True)))

    def get_config(self) -> Config:
        """The arguments of `compile`, as plain data."""
        config: Config = {
            "optimizer": optimizers.serialize(self.optimizer),
            "loss": None if self.loss is None else losses.serialize(self.loss),
            "metrics": [m if isinstance(m, str) else metrics.serialize(m) for m in self.metrics],
        }
        if self.steps_per_execution != 1:
            config["steps_per_execution"] = self.steps_per_execution
        return config


def _flat(metric_list: Any) -> list[Any]:
    if metric_list is None:
        return []
    if not isinstance(metric_list, (list, tuple)):
        raise ValueError(
            "compile: `metrics` must be a list of metrics. "
            f"Received: metrics={metric_list!r} of type {type(metric_list).__name__}"
        )
    if len(metric_list) == 1 and isinstance(metric_list[0], (list, tuple)):
        return list(metric_list[0])
    return list(metric_list)
