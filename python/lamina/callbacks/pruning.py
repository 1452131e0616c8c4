"""Ending trials of a search that do not promise anything."""

from __future__ import annotations

import sys
from typing import Any

from lamina import _checks
from lamina.callbacks.callback import Callback, Logs


class TrialPrunedError(Exception):
    """A trial was ended early; with Optuna, `optuna.TrialPruned` is raised instead."""


class Pruning(Callback):
    """Reports a number to a trial after each epoch, and ends the trial when it says so.

    It works with Optuna's trials, and with any object that has `report(value, step)` and
    `should_prune()`.

    Args:
        trial: The trial.
        monitor: The key in logs.
        interval: After how many epochs to report.

    Raises:
        TypeError: If `trial` lacks a method.
        optuna.TrialPruned: In training, for a trial of Optuna's.
        TrialPrunedError: In training, for any other trial.

    Example:
        >>> def objective(trial):
        ...     model = build(trial)
        ...     stop = lamina.callbacks.Pruning(trial, "val_loss")
        ...     history = model.fit(x, y, validation_split=0.2, callbacks=[stop])
        ...     return history.history["val_loss"][-1]
    """

    state_names = ()

    def __init__(self, trial: Any, monitor: str = "val_loss", interval: int = 1) -> None:
        super().__init__()
        for method in ("report", "should_prune"):
            if not callable(getattr(trial, method, None)):
                raise TypeError(f"Pruning: `trial` needs a method `{method}`. Received: {trial!r}")
        self.trial = trial
        self.monitor = monitor
        self.interval = _checks.integer("Pruning", "interval", interval, low=1)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Reports, and prunes where the trial says so."""
        if (epoch + 1) % self.interval:
            return
        if logs is None or self.monitor not in logs:
            raise ValueError(
                f"Pruning: the logs hold {sorted(logs or {})}. Received: monitor={self.monitor!r}"
            )
        self.trial.report(float(logs[self.monitor]), epoch)
        if self.trial.should_prune():
            message = f"Trial was pruned at epoch {epoch}."
            optuna: Any = sys.modules.get("optuna")
            if optuna is not None:
                raise optuna.TrialPruned(message)
            raise TrialPrunedError(message)
