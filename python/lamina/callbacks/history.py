"""What `fit` returns."""

from __future__ import annotations

from lamina.callbacks.callback import Callback, Logs


class History(Callback):
    """Keeps the logs of each epoch.

    Attributes:
        history: For each key ("loss", "accuracy", "val_loss", ...) a list with one number for
            each epoch.
        epoch: The epochs' numbers.
    """

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Starts afresh."""
        self.history = {}
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Looks at the epoch's logs."""
        self.epoch.append(epoch)
        for key, value in (logs or {}).items():
            self.history.setdefault(key, []).append(value)
