"""Callbacks that set the learning rate."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from lamina import _checks
from lamina.callbacks.callback import Callback, Logs
from lamina.callbacks.monitor import MonitorCallback, available


class LearningRateScheduler(Callback):
    """Sets the learning rate before each epoch.

    Args:
        schedule: A function of (epoch, learning rate so far) that gives the new one; one of
            (epoch) alone will do.
        verbose: 1 prints it.
    """

    state_names = ()

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        super().__init__()
        if not callable(schedule):
            raise TypeError(
                f"LearningRateScheduler: `schedule` must be a function. Received: {schedule!r}"
            )
        self.schedule = schedule
        self.verbose = verbose

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Sets the learning rate."""
        rate: Any = _rate(self.model)
        try:
            rate = self.schedule(epoch, rate)
        except TypeError:  # as Keras: the function may not want the rate so far
            rate = self.schedule(epoch)
        number = _checks.number("LearningRateScheduler", "schedule's result", rate, low=0.0)
        self.model.optimizer.learning_rate = number
        if self.verbose:
            print(f"\nEpoch {epoch + 1}: LearningRateScheduler setting learning rate to {number}.")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Adds the learning rate to the logs."""
        if logs is not None:
            logs["learning_rate"] = _rate(self.model)


class ReduceLROnPlateau(MonitorCallback):
    """Reduces the learning rate when a number has not improved for some epochs.

    Args:
        monitor: The key in logs.
        factor: What to multiply the learning rate by; less than 1.
        patience: After how many epochs without improvement.
        verbose: 1 prints when it acts.
        mode: "min", "max", or "auto" (by the name).
        min_delta: By how much the number must improve to count.
        cooldown: How many epochs to wait after a reduction before counting again.
        min_lr: The learning rate does not fall below this.

    Raises:
        ValueError: For a factor of 1 or more.
    """

    prints = False
    state_names = ("best", "wait", "cooldown_counter")

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, min_delta=min_delta)
        where = "ReduceLROnPlateau"
        self.factor = _checks.number(where, "factor", factor, low=0.0, high=1.0, open_high=True)
        self.patience = _checks.integer(where, "patience", patience, low=0)
        self.verbose = verbose
        self.cooldown = _checks.integer(where, "cooldown", cooldown, low=0)
        self.min_lr = _checks.number(where, "min_lr", min_lr, low=0.0)
        self.cooldown_counter = 0
        self.wait = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Starts afresh."""
        self.best, self.wait, self.cooldown_counter = None, 0, 0

    def in_cooldown(self) -> bool:
        """Whether epochs do not count yet after a reduction."""
        return self.cooldown_counter > 0

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Looks at the epoch's logs, and adds the learning rate to them."""
        if logs is None:
            logs = {}
        logs["learning_rate"] = _rate(self.model)
        value = logs.get(self.monitor)
        if value is None:
            warnings.warn(
                f"Learning rate reduction is conditioned on metric `{self.monitor}` which is not "
                f"available. Available metrics are: {available(logs)}.",
                stacklevel=2,
            )
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self._is_improvement(value, self.best):
            self.best, self.wait = value, 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def _reduce(self, epoch: int) -> None:
        old = _rate(self.model)
        if old <= self.min_lr:
            return
        new = max(old * self.factor, self.min_lr)
        self.model.optimizer.learning_rate = new
        if self.verbose:
            print(f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {new}.")
        self.cooldown_counter = self.cooldown
        self.wait = 0


def _rate(model: Any) -> float:
    return float(model.optimizer.learning_rate)
