"""Several callbacks as one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from lamina.callbacks.callback import Callback, Logs
from lamina.callbacks.history import History
from lamina.callbacks.progress import Poll, ProgbarLogger


class CallbackList(Callback):
    """The callbacks of one training, evaluation or prediction, called in order.

    Args:
        callbacks: None, a callback or an iterable of them, maybe nested.
        add_history: Add a `History` if there is none.
        add_progbar: Add a `ProgbarLogger` if there is none.
        model: The model.
        **params: What `set_params` hands on: "epochs", "steps", "verbose".

    Raises:
        TypeError: For what is no callback.
    """

    def __init__(
        self,
        callbacks: Any = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        **params: Any,
    ) -> None:
        super().__init__()
        self.callbacks: list[Callback] = [] if callbacks is None else list(_flat(callbacks))
        if add_history and self._first(History) is None:
            self.callbacks.append(History())
        if add_progbar and self._first(ProgbarLogger) is None:
            self.callbacks.append(ProgbarLogger())
        if len(self.callbacks) > 1:
            self.callbacks.sort(key=lambda callback: callback.runs_last)
        self._progress: ProgbarLogger | None = self._first(ProgbarLogger)
        if model is not None:
            self.set_model(model)
        self.set_params(params)

    def _first(self, kind: type[Any]) -> Any:
        for callback in self.callbacks:
            if isinstance(callback, kind):
                return callback
        return None

    @property
    def history(self) -> History | None:
        """The `History`, if there is one."""
        found: History | None = self._first(History)
        return found

    @property
    def progress(self) -> ProgbarLogger | None:
        """The `ProgbarLogger`, if there is one."""
        return self._progress

    @property
    def poll(self) -> Poll | None:
        """What shows progress within an epoch, or None if nothing would be seen."""
        return None if self._progress is None else self._progress.poll

    def append(self, callback: Callback) -> None:
        """Adds one; those that run last stay behind it."""
        self.callbacks.extend(_flat(callback))
        self.callbacks.sort(key=lambda each: each.runs_last)
        self._progress = self._first(ProgbarLogger)

    @property
    def watches_loss(self) -> bool:
        """Whether any callback is told of a loss that is not finite."""
        return any(getattr(callback, "watches_loss", False) for callback in self.callbacks)

    def wants_batches(self, kind: str) -> bool:
        """Whether any callback has a hook of its own for batches."""
        return any(callback.wants_batches(kind) for callback in self.callbacks)

    def set_params(self, params: dict[str, Any]) -> None:
        """Hands them on."""
        self.params = params
        if params:
            for callback in self.callbacks:
                callback.set_params(params)

    def set_model(self, model: Any) -> None:
        """Hands it on; the model's `history` becomes this list's."""
        self._model = model
        history = self.history
        if history is not None:
            model.history = history
        for callback in self.callbacks:
            callback.set_model(model)

    def _call(self, hook: str, *arguments: Any) -> None:
        progress = self._progress
        for callback in self.callbacks:
            if progress is not None and progress.waits and callback.may_print(hook):
                progress.flush()
            getattr(callback, hook)(*arguments)

    def flush(self) -> None:
        """Shows what waits to be shown, before others may print."""
        if self._progress is not None:
            self._progress.flush()

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Calls every callback's hook, as all methods of this name do."""
        self._call("on_train_begin", _given(logs))

    def on_train_end(self, logs: Logs | None = None) -> None:  # noqa: D102
        self._call("on_train_end", _given(logs))

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: D102
        self._call("on_epoch_begin", epoch, _given(logs))

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: D102
        self._call("on_epoch_end", epoch, _given(logs))

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:  # noqa: D102
        self._call("on_batch_begin", batch, _given(logs))

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:  # noqa: D102
        self._call("on_batch_end", batch, _given(logs))

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:  # noqa: D102
        self._call("on_train_batch_begin", batch, _given(logs))

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:  # noqa: D102
        self._call("on_train_batch_end", batch, _given(logs))

    def on_test_begin(self, logs: Logs | None = None) -> None:  # noqa: D102
        self._call("on_test_begin", _given(logs))

    def on_test_end(self, logs: Logs | None = None) -> None:  # noqa: D102
        self._call("on_test_end", _given(logs))

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:  # noqa: D102
        self._call("on_test_batch_begin", batch, _given(logs))

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:  # noqa: D102
        self._call("on_test_batch_end", batch, _given(logs))

    def on_predict_begin(self, logs: Logs | None = None) -> None:  # noqa: D102
        self._call("on_predict_begin", _given(logs))

    def on_predict_end(self, logs: Logs | None = None) -> None:  # noqa: D102
        self._call("on_predict_end", _given(logs))

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:  # noqa: D102
        self._call("on_predict_batch_begin", batch, _given(logs))

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: D102
        self._call("on_predict_batch_end", batch, _given(logs))


def _given(logs: Any) -> Any:
    return {} if logs is None else logs


def _flat(callbacks: Any) -> Iterator[Callback]:
    if callbacks is None:
        return
    if isinstance(callbacks, Callback):
        yield callbacks
        return
    if isinstance(callbacks, (str, bytes)) or not isinstance(callbacks, Iterable):
        raise TypeError(
            "`callbacks` must be a list of objects of classes derived from "
            f"lamina.callbacks.Callback. Received: callbacks={callbacks!r}"
        )
    for callback in callbacks:
        yield from _flat(callback)
