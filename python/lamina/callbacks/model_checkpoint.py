"""Saving the model while it trains."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

from lamina import _checks
from lamina.callbacks.callback import Logs
from lamina.callbacks.monitor import MonitorCallback


class SaveFrequency:
    """Counts batches: says after which of them to save.

    Args:
        where: The callback that saves.
        save_freq: "epoch", or a number of batches.
    """

    def __init__(self, where: str, save_freq: Any) -> None:
        self.batches: int | None = None
        if save_freq != "epoch":
            if isinstance(save_freq, str):
                raise ValueError(
                    f"{where}: `save_freq` must be 'epoch' or a number of batches. "
                    f"Received: save_freq={save_freq!r}"
                )
            self.batches = _checks.integer(where, "save_freq", save_freq, low=1)
        #: Batches since it last said yes, and the last batch of this epoch.
        self.state = [0, -1]

    def due(self, batch: int) -> bool:
        """Whether to save after this batch, which may be the last of several."""
        if self.batches is None:
            return False
        seen, last = self.state
        seen += batch + 1 if batch <= last else batch - last
        self.state = [0 if seen >= self.batches else seen, batch]
        return seen >= self.batches


class ModelCheckpoint(MonitorCallback):
    """Saves the model or its weights, after epochs or batches. Files are replaced in one step.

    Args:
        filepath: Where to; may hold `{epoch}` (the first is 1), `{batch}` and keys of the logs,
            with formats: "{epoch:02d}-{val_loss:.2f}.safetensors". Folders are made.
        monitor: The key in logs that tells which model is best.
        verbose: 1 prints when it acts.
        save_best_only: Save only when the number became better.
        save_weights_only: Save the weights rather than the whole model.
        mode: "min", "max", or "auto" (by the name).
        save_freq: "epoch", or after how many batches to save.
        initial_value_threshold: With `save_best_only`, what the first number must be better than.

    Raises:
        ValueError: For an unknown mode or frequency.
        KeyError: In training, if `filepath` names what the logs do not hold.
    """

    prints = False

    def __init__(
        self,
        filepath: Any,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: Any = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode, initial_value_threshold)
        self.filepath = os.fspath(filepath)
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.save_freq = save_freq
        self._frequency = SaveFrequency("ModelCheckpoint", save_freq)
        self._epoch = 0

    def wants_batches(self, kind: str) -> bool:
        """Only where `save_freq` counts batches, or a subclass looks at them."""
        if kind == "train" and type(self) is ModelCheckpoint:
            return self._frequency.batches is not None
        return super().wants_batches(kind)

    def get_state(self) -> dict[str, Any]:
        """The best value and the batches since the last file."""
        return {"best": self.best, "frequency": self._frequency.state}

    def set_state(self, state: dict[str, Any]) -> None:
        """Goes on from there."""
        self.best = state["best"]
        self._frequency.state = state["frequency"]

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Remembers the epoch."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Saves, if it is time."""
        if self._frequency.due(batch):
            self._save(self._epoch, batch, logs or {})

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Saves, if that is wanted after epochs."""
        if self._frequency.batches is None:
            self._save(epoch, None, logs or {})

    def _save(self, epoch: int, batch: int | None, logs: Logs) -> None:
        path = self._path(epoch, batch, logs)
        if not self._wanted(epoch, logs, path):
            return
        if Path(path).is_dir():
            raise IsADirectoryError(
                f"ModelCheckpoint: `filepath` must be a file, not a folder. Received: {path}"
            )
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path, overwrite=True)
        else:
            self.model.save(path, overwrite=True)
        if self.verbose:
            print(f"\nEpoch {epoch + 1}: finished saving model to {path}")

    def _wanted(self, epoch: int, logs: Logs, path: str) -> bool:
        if not self.save_best_only:
            if self.verbose:
                print(f"\nEpoch {epoch + 1}: saving model to {path}")
            return True
        value = logs.get(self.monitor)
        if value is None:
            warnings.warn(
                f"Can save best model only with {self.monitor} available. "
                f"Received: logs of {sorted(logs)}",
                stacklevel=5,
            )
            return True
        old = "None" if self.best is None else f"{self.best:.5f}"
        if not self._is_improvement(value, self.best):
            if self.verbose:
                print(f"\nEpoch {epoch + 1}: {self.monitor} did not improve from {old}")
            return False
        if self.verbose:
            print(
                f"\nEpoch {epoch + 1}: {self.monitor} improved from {old} to {value:.5f}, "
                f"saving model to {path}"
            )
        self.best = value
        return True

    def _path(self, epoch: int, batch: int | None, logs: Logs) -> str:
        values: dict[str, Any] = dict(logs)
        if batch is not None:
            values.setdefault("batch", batch + 1)
        try:
            return str(self.filepath.format(epoch=epoch + 1, **values))
        except KeyError as error:
            raise KeyError(
                f"ModelCheckpoint: `filepath` names {error}, and the logs hold "
                f"{sorted(values)}. Received: filepath={self.filepath!r}"
            ) from None
