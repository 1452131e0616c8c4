"""What an engine is to minimize and to report."""

from __future__ import annotations

from typing import Any, NamedTuple

from lamina._typing import Shape
from lamina.losses.loss import Loss
from lamina.metrics.metric import Metric
from lamina.optimizers.optimizer import Optimizer


class OutputObjective(NamedTuple):
    """What is minimized of one output.

    Attributes:
        loss: Its loss, or None where it has none.
        weight: What the loss is multiplied by in the sum.
        shape: The shape of one prediction.
        log_name: The key of its loss in logs; None where only the sum is reported.
    """

    loss: Loss | None
    weight: float
    shape: Shape
    log_name: str | None = None

    @property
    def takes_labels(self) -> bool:
        """Whether targets are integer labels."""
        return self.loss is not None and self.loss.takes_labels()

    @property
    def casts_targets(self) -> bool:
        """Whether targets are converted to the model's type."""
        return self.loss is not None and self.loss.is_native() and not self.loss.takes_labels()


class ReportedMetric(NamedTuple):
    """A metric with its place in reports.

    Attributes:
        name: Its key in logs.
        metric: The metric.
        output: The number of the output that it looks at.
        weighted: Whether weights of samples count.
    """

    name: str
    metric: Metric
    output: int
    weighted: bool


class Objective(NamedTuple):
    """Losses and metrics of all outputs, and the optimizer.

    Attributes:
        outputs: One for each output.
        metrics: All metrics, in the order of reports.
        optimizer: The optimizer.
        skips_missing: Whether NaN among the targets count nowhere.
    """

    outputs: list[OutputObjective]
    metrics: list[ReportedMetric]
    optimizer: Optimizer
    skips_missing: bool = False

    @property
    def custom_parts(self) -> list[str]:
        """The names of the parts that the core does not compute."""
        parts: list[Any] = [self.optimizer, *(o.loss for o in self.outputs if o.loss is not None)]
        parts.extend(reported.metric for reported in self.metrics)
        return [part.name for part in parts if not part.is_native()]
