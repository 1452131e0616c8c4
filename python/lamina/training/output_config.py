"""What `compile` was given for one output of a model."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina import losses, metrics
from lamina._typing import Shape
from lamina.losses.targets import TargetRule
from lamina.metrics.resolve import metric_for


class OutputConfig:
    """Loss, weight and metrics of one output.

    Args:
        name: The output's name in dictionaries and logs; None where it has none.
        loss: Its loss, or None.
        loss_is_inferred: Whether the loss is "crossentropy": the first targets say which.
        weight: What its loss is multiplied by in the sum.
        unweighted: Metrics, or names whose meaning depends on shapes.
        weighted: The same for those that count weights of samples.
        missing: Whether targets may be missing (NaN).

    Raises:
        ValueError: For metrics that take other targets than the loss.
    """

    def __init__(
        self,
        name: str | None,
        loss: losses.Loss | None,
        loss_is_inferred: bool,
        weight: float,
        unweighted: list[Any],
        weighted: list[Any],
        missing: bool,
    ) -> None:
        self.name, self.loss, self.loss_is_inferred = name, loss, loss_is_inferred
        self.weight, self.missing = weight, missing
        self.unweighted, self.weighted = unweighted, weighted
        #: Whether a custom step takes the targets, whatever they are.
        self.custom_steps = False
        #: What targets may be.
        self.targets = TargetRule(False)
        self.update()
        for metric in (*unweighted, *weighted):
            if not isinstance(metric, str):
                if metric.is_native():
                    self._require_same_targets(metric)
                elif type(metric) in (metrics.Mean, metrics.Sum):
                    metric.specification()  # raises: they take no targets

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
    def takes_labels(self) -> bool:
        """Whether targets are integer labels."""
        return self.loss is not None and self.loss.takes_labels()

    def update(self) -> None:
        """The loss, or who takes the targets, has changed."""
        loss, labels = self.loss, self.takes_labels
        ignored = getattr(loss, "ignore_class", None) if labels else None
        columns = loss is None or loss.labels_are_columns()
        free = self.custom_steps or loss is None or not loss.is_native()
        self.targets = TargetRule(labels, ignored, self.missing, columns, free)

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
            for metric in (*self.unweighted, *self.weighted):
                if not isinstance(metric, str) and metric.is_native():
                    self._require_same_targets(metric)
        except ValueError:
            self.loss = None
            raise

    def resolved(self, metric: Any, output: Shape) -> metrics.Metric:
        """A metric for predictions of a shape.

        Raises:
            NotImplementedError: If it works along another axis than the last.
        """
        found = metric_for(metric, output, self.takes_labels) if isinstance(metric, str) else metric
        loss = getattr(found, "_loss", None)
        if isinstance(loss, losses.Loss):
            loss.check_axis(output)
        return found
