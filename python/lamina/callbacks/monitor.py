"""Callbacks that watch one number and know whether it became better."""

from __future__ import annotations

from lamina import _checks
from lamina._checks import unknown_name
from lamina.callbacks.callback import Callback, Logs

# By the metric's name, or its last part: "val_top_k_categorical_accuracy" grows.
_GROWS = (
    "acc",
    "accuracy",
    "auc",
    "precision",
    "recall",
    "f1",
    "f1_score",
    "fbeta_score",
    "r2_score",
    "cosine_similarity",
    "iou",
    "io_u",
    "true_positives",
    "true_negatives",
    "sensitivity",
    "specificity",
    "at_recall",
    "at_precision",
    "at_specificity",
    "at_sensitivity",
)
_FALLS = (
    "loss",
    "error",
    "crossentropy",
    "divergence",
    "hinge",
    "poisson",
    "logcosh",
    "log_cosh",
    "mse",
    "mae",
    "rmse",
    "mape",
    "msle",
    "kld",
    "kl_divergence",
    "false_positives",
    "false_negatives",
)


def grows(monitor: str, metrics: object = ()) -> bool | None:
    """Whether a higher value is better; None if the name does not tell.

    Args:
        monitor: The key in logs.
        metrics: The model's metrics: one of that name may say it by its `_direction`.
    """
    name = monitor.removeprefix("val_")
    for metric in metrics if isinstance(metrics, (list, tuple)) else ():
        direction = getattr(metric, "_direction", None)
        if getattr(metric, "name", None) == name and direction in ("up", "down"):
            return bool(direction == "up")
    plain = name.rstrip("0123456789").rstrip("_") or name
    for endings, answer in ((_GROWS, True), (_FALLS, False)):
        if any(n == e or n.endswith("_" + e) for e in endings for n in (name, plain)):
            return answer
    return None


class MonitorCallback(Callback):
    """The base of callbacks that watch one number.

    Args:
        monitor: The key in logs.
        mode: "min", "max", or "auto": by the name.
        baseline: What `best` is at first; None takes the first value.
        min_delta: By how much the number must improve to count.

    Raises:
        ValueError: For an unknown mode, and with "auto" for a name that does not tell.
    """

    state_names: tuple[str, ...] | None = ("best",)

    def __init__(
        self,
        monitor: str = "val_loss",
        mode: str = "auto",
        baseline: float | None = None,
        min_delta: float = 0.0,
    ) -> None:
        super().__init__()
        where = type(self).__name__
        if mode not in ("auto", "min", "max"):
            raise unknown_name(f"`mode` of {where}", mode, ("auto", "min", "max"))
        if not isinstance(monitor, str):
            raise TypeError(f"{where}: `monitor` must be a string. Received: monitor={monitor!r}")
        self.monitor = monitor
        self.mode = mode
        self.best = None if baseline is None else _checks.number(where, "baseline", baseline)
        self.min_delta = abs(_checks.number(where, "min_delta", min_delta))

    def _higher_is_better(self) -> bool:
        if self.mode != "auto":
            return self.mode == "max"
        compiled = getattr(self.model, "_compiled", None)
        found = grows(self.monitor, getattr(compiled, "metrics", ()))
        if found is None:
            raise ValueError(
                f"{type(self).__name__}: the name does not tell whether a higher value is better. "
                f"Pass mode='max' or mode='min'. Received: monitor={self.monitor!r}"
            )
        return found

    def _is_improvement(self, value: float, reference: float | None) -> bool:
        if reference is None:
            return True
        if self._higher_is_better():
            return value - self.min_delta > reference
        return value + self.min_delta < reference


def available(logs: Logs | None) -> str:
    """The keys of logs, for messages."""
    return ",".join(logs or {})
