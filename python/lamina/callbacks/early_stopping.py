"""Stopping when nothing improves any more."""

from __future__ import annotations

import warnings

from lamina import _checks
from lamina._typing import Array
from lamina.callbacks.callback import Callback, Logs
from lamina.callbacks.monitor import MonitorCallback, available, grows


class EarlyStopping(MonitorCallback):
    """Stops training when a number has not improved for some epochs.

    Args:
        monitor: The key in logs.
        min_delta: By how much it must improve to count.
        patience: How many epochs without improvement to allow.
        verbose: 1 prints when it acts.
        mode: "min", "max", or "auto" (by the name).
        baseline: The number must become better than this.
        restore_best_weights: Put the weights of the best epoch back at the end, whether or
            not training was stopped early.
        start_from_epoch: Epochs before this one do not count.

    Raises:
        ValueError: For an unknown mode, and with "auto" for a name that does not tell.
    """

    prints = False
    state_names = ("wait", "stopped_epoch", "best", "best_epoch", "best_weights")

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
        super().__init__(monitor, mode, min_delta=min_delta)
        where = "EarlyStopping"
        self.patience = _checks.integer(where, "patience", patience, low=0)
        self.verbose = verbose
        self.baseline = None if baseline is None else _checks.number(where, "baseline", baseline)
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = _checks.integer(where, "start_from_epoch", start_from_epoch, low=0)
        self.wait = 0
        self.stopped_epoch = 0
        self.best_epoch = 0
        self.best_weights: list[Array] | None = None

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
                f"Available metrics are: {available(logs)}",
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
        if self._is_improvement(value, self.best):
            self.best = value
            self.best_epoch = epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self._is_improvement(value, self.baseline):
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


class StopOnTolerance(Callback):
    """Stops as scikit-learn's networks do: when the loss does not fall by `tol` any more.

    An epoch whose loss is not at least `tol` below the best one so far counts as one without
    change; training stops after more than `n_iter_no_change` of them in a row. (For numbers that
    grow, such as an accuracy, the other way round.)

    Args:
        tol: The tolerance.
        n_iter_no_change: How many such epochs in a row to allow.
        monitor: The key in logs.
        verbose: 1 prints when it acts.
    """

    prints = False
    state_names = ("best", "count", "stopped_epoch")

    def __init__(
        self,
        tol: float = 1e-4,
        n_iter_no_change: int = 10,
        monitor: str = "loss",
        verbose: int = 0,
    ) -> None:
        super().__init__()
        self.tol = _checks.number("StopOnTolerance", "tol", tol, low=0.0)
        self.n_iter_no_change = _checks.integer(
            "StopOnTolerance", "n_iter_no_change", n_iter_no_change, low=1
        )
        self.monitor = monitor
        self.verbose = verbose
        self.best: float | None = None
        self.count = 0
        self.stopped_epoch: int | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Starts afresh."""
        self.best, self.count, self.stopped_epoch = None, 0, None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Looks at the epoch's logs."""
        if logs is None or self.monitor not in logs:
            warnings.warn(
                f"StopOnTolerance: `{self.monitor}` is not available. "
                f"Available metrics are: {available(logs)}",
                stacklevel=2,
            )
            return
        value = -logs[self.monitor] if grows(self.monitor) else logs[self.monitor]
        if self.best is not None and value > self.best - self.tol:
            self.count += 1
        else:
            self.count = 0
        if self.best is None or value < self.best:
            self.best = value
        if self.count > self.n_iter_no_change:
            self.stopped_epoch = epoch
            self.model.stop_training = True
            if self.verbose:
                print(
                    f"Epoch {epoch + 1}: {self.monitor} did not improve by {self.tol} for "
                    f"{self.n_iter_no_change} epochs: stopping"
                )
