"""What every callback is, and how a model calls them."""

from __future__ import annotations

from typing import Any

Logs = dict[str, float]

#: Hooks that run for every batch, by what the model does. A whole epoch is one call into the
#: core unless a callback has one of these of its own; the results have the same bits either way.
BATCH_HOOKS = {
    "train": ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end"),
    "test": ("on_test_batch_begin", "on_test_batch_end"),
    "predict": ("on_predict_batch_begin", "on_predict_batch_end"),
}


class Callback:
    """The base of all callbacks: override the hooks that you need.

    `self.model` is the model, `self.params` a dictionary with "epochs", "steps" and
    "verbose". `self.model.stop_training = True` stops: after the epoch, or after the batch when
    a hook for batches sets it. A learning rate may be set in any hook. Hooks for batches make
    Python run for every batch; without them an epoch is one call into the core.

    Args in the hooks: `logs` is a dictionary of numbers; what a callback adds to an epoch's logs
    is seen by those after it and by `History`.

    Example:
        >>> class Print(lamina.callbacks.Callback):
        ...     def on_epoch_end(self, epoch, logs=None):
        ...         print(epoch, logs["loss"])
    """

    def __init__(self) -> None:
        self.params: dict[str, Any] = {}
        self._model: Any | None = None

    @property
    def model(self) -> Any:
        """The model that calls this callback."""
        return self._model

    def set_params(self, params: dict[str, Any]) -> None:
        """Called before training with "epochs", "steps" and "verbose"."""
        self.params = params

    def set_model(self, model: Any) -> None:
        """Called before training with the model."""
        self._model = model

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Before the first epoch."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """After the last epoch; `logs` are its."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Before an epoch; the first is 0."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """After an epoch and its validation; `logs` hold loss and metrics."""

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """The same as `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """The same as `on_train_batch_end`."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a training batch; the first is 0."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a training batch; `logs` hold the means of the epoch so far."""
        self.on_batch_end(batch, logs)

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a batch of an evaluation or validation; the first is 0."""

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a batch of an evaluation or validation; `logs` hold the means so far."""

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a batch of a prediction; the first is 0."""

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        """After a batch of a prediction; `logs["outputs"]` are its answers."""

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Before an evaluation or validation."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """After an evaluation or validation."""

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Before a prediction."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """After a prediction."""

    # What lamina adds.

    #: Whether it is called after all others: when they have seen the epoch.
    runs_last = False
    #: Whether its hooks may print even where its `verbose` is 0. A class says so for itself alone:
    #: one that is derived from it may print.
    prints = True
    #: The attributes that make up its state; None takes all that hold plain data.
    state_names: tuple[str, ...] | None = None

    def wants_batches(self, kind: str) -> bool:
        """Whether it has a hook of its own for batches.

        Args:
            kind: "train", "test" or "predict".
        """
        cls, own = type(self), vars(self)
        return True in [
            name in own or getattr(cls, name) is not getattr(Callback, name)
            for name in BATCH_HOOKS[kind]
        ]

    def may_print(self, hook: str) -> bool:
        """Whether a hook may print: it is the user's own, or that of a talkative callback."""
        if not vars(type(self)).get("prints", True) and not getattr(self, "verbose", 0):
            return False
        return hook in vars(self) or getattr(type(self), hook) is not getattr(Callback, hook)

    def get_state(self) -> dict[str, Any]:
        """What `BackupAndRestore` keeps: attributes with numbers, strings, arrays and the like.

        Of these it keeps what changed since training began. Override it together with
        `set_state` where a callback holds more than that.
        """
        names = self.state_names
        if names is None:
            names = tuple(n for n in vars(self) if n not in ("params", "_model"))
        return {name: getattr(self, name) for name in names}

    def set_state(self, state: dict[str, Any]) -> None:
        """Goes on from what `get_state` returned, after `on_train_begin`."""
        for name, value in state.items():
            setattr(self, name, value)
