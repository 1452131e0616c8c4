"""Stopping when nothing improves any more."""

from __future__ import annotations

import warnings

from lamina import _checks
from lamina._checks import unknown_name
from lamina._typing import Array
from lamina.callbacks.callback import Callback, Logs


class EarlyStopping(Callback):
    """Stops training when a number has not improved for some epochs.

    Args:
        monitor: The key in logs.
        min_delta: By how much it must improve to count.
        patience: How many epochs without improvement to allow.
        verbose: 1 prints when it acts.
        mode: "min", "max", or "auto" (by the name: accuracies grow, all else falls).
        baseline: The number must become better than this.
        restore_best_weights: Put the weights of the best epoch back at the end, whether or
            not training was stopped early.
        start_from_epoch: Epochs before this one do not count.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0.0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__()
        if mode not in ("auto", "min", "max"):
            raise unknown_name("`mode` of EarlyStopping", mode, ("auto", "min", "max"))
        self.monitor = monitor
        self.patience = _checks.integer("EarlyStopping", "patience", patience, low=0)
        self.min_delta = abs(_checks.number("EarlyStopping", "min_delta", min_delta))
        self.verbose = verbose
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        grows = monitor.rpartition("_")[2] in ("acc", "accuracy")
        self.mode = mode if mode != "auto" else ("max" if grows else "min")
        self.wait = 0
        self.stopped_epoch = 0
        self.best: float | None = None
        self.best_epoch = 0
        self.best_weights: list[Array] | None = None

    def _is_better(self, value: float, reference: float | None) -> bool:
        if reference is None:
            return True
        if self.mode == "max":
            return value - self.min_delta > reference
        return value + self.min_delta < reference

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Starts afresh."""
        self.wait = 0
        self.stopped_epoch = 0
        self.best = None
        self.best_epoch = 0
        self.best_weights = None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Looks at the epoch's logs."""
        if logs is None or self.monitor not in logs:
            warnings.warn(
                f"Early stopping conditioned on metric `{self.monitor}` which is not available. "
                f"Available metrics are: {','.join(logs or {})}",
                stacklevel=2,
            )
            return
        if epoch < self.start_from_epoch:
            return
        value = logs[self.monitor]
        if self.restore_best_weights and self.best_weights is None:
            self.best_weights = self.model.get_weights()
            self.best_epoch = epoch
        self.wait += 1
        if self._is_better(value, self.best):
            self.best = value
            self.best_epoch = epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self._is_better(value, self.baseline):
                self.wait = 0
            return
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Puts the best weights back, if that is wanted."""
        if self.stopped_epoch > 0 and self.verbose:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose:
                print(
                    "Restoring model weights from the end of the best epoch: "
                    f"{self.best_epoch + 1}."
                )
            self.model.set_weights(self.best_weights)
