"""Several callbacks as one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from lamina.callbacks.callback import Callback, Logs
from lamina.callbacks.history import History
from lamina.callbacks.progress import Poll, ProgbarLogger, resolve_verbose


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

    @classmethod
    def of(
        cls, callbacks: Any, model: Any, verbose: Any, steps: int | None, quiet: bool, **params: Any
    ) -> CallbackList:
        """The callbacks of a call, with what shows progress unless it is to be silent.

        Args:
            callbacks: What the user passed.
            model: The model; None if `set_model` is to follow.
            verbose: As for `Model.fit`.
            steps: How many batches there are, if that is known.
            quiet: Whether it is no training.
            **params: Further parameters of callbacks.
        """
        mode = 0 if verbose == 0 else resolve_verbose(verbose, quiet)
        parameters = {"verbose": mode, **params, "steps": steps}
        if isinstance(callbacks, CallbackList):
            if not quiet:
                if model is not None:
                    callbacks.set_model(model)
                callbacks.set_params(parameters)
            elif callbacks.model is None:
                callbacks.set_model(model)
            return callbacks
        return cls(callbacks, not quiet, mode != 0, model, **parameters)

    def __init__(
        self,
        callbacks: Any = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        **params: Any,
    ) -> None:
        super().__init__()
        self.callbacks: list[Callback] = []
        if callbacks is not None:
            self.callbacks.extend(_flat(callbacks))
        #: The `History`, if there is one.
        self.history: History | None = None
        #: The `ProgbarLogger`, if there is one.
        self.progress: ProgbarLogger | None = None
        if self.callbacks:
            self._find()
        if add_history and self.history is None:
            self.history = History()
            self.callbacks.append(self.history)
        if add_progbar and self.progress is None:
            self.progress = ProgbarLogger()
            self.callbacks.append(self.progress)
        if len(self.callbacks) > 1:
            self.callbacks.sort(key=lambda callback: callback.runs_last)
        if model is not None:
            self.set_model(model)
        self.set_params(params)

    def _find(self) -> None:
        """Looks for the callbacks that the list treats differently."""
        self.history = self._first(History)
        self.progress = self._first(ProgbarLogger)

    def _first(self, kind: type[Any]) -> Any:
        for callback in self.callbacks:
            if isinstance(callback, kind):
                return callback
        return None

    @property
    def poll(self) -> Poll | None:
        """What shows progress within an epoch, or None if nothing would be seen."""
        return None if self.progress is None else self.progress.poll

    def append(self, callback: Callback) -> None:
        """Adds one; those that run last stay behind it."""
        self.callbacks.extend(_flat(callback))
        self.callbacks.sort(key=lambda each: each.runs_last)
        self._find()

    @property
    def watches_loss(self) -> bool:
        """Whether any callback is told of a loss that is not finite."""
        return True in [getattr(each, "watches_loss", False) for each in self.callbacks]

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
        if history is not None and getattr(model, "history", None) is not history:
            model.history = history
        for callback in self.callbacks:
            callback.set_model(model)

    def _call(self, hook: str, *arguments: Any) -> None:
        progress, base = self.progress, getattr(Callback, hook)
        for callback in self.callbacks:
            method = getattr(callback, hook)
            if getattr(method, "__func__", None) is base:
                continue  # it does nothing
            if progress is not None and progress.has_pending and callback.may_print(hook):
                progress.flush()
            method(*arguments)

    def flush(self) -> None:
        """Writes pending lines, before other code may print."""
        if self.progress is not None:
            self.progress.flush()

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Calls every callback's hook, as all methods of this name do."""
        self._call("on_train_begin", {} if logs is None else logs)

    def on_train_end(self, logs: Logs | None = None) -> None:  # noqa: D102
        self._call("on_train_end", {} if logs is None else logs)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: D102
        self._call("on_epoch_begin", epoch, {} if logs is None else logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: D102
        self._call("on_epoch_end", epoch, {} if logs is None else logs)

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:  # noqa: D102
        self._call("on_batch_begin", batch, {} if logs is None else logs)

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:  # noqa: D102
        self._call("on_batch_end", batch, {} if logs is None else logs)

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:  # noqa: D102
        self._call("on_train_batch_begin", batch, {} if logs is None else logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:  # noqa: D102
        self._call("on_train_batch_end", batch, {} if logs is None else logs)

    def on_test_begin(self, logs: Logs | None = None) -> None:  # noqa: D102
        self._call("on_test_begin", {} if logs is None else logs)

    def on_test_end(self, logs: Logs | None = None) -> None:  # noqa: D102
        self._call("on_test_end", {} if logs is None else logs)

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:  # noqa: D102
        self._call("on_test_batch_begin", batch, {} if logs is None else logs)

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:  # noqa: D102
        self._call("on_test_batch_end", batch, {} if logs is None else logs)

    def on_predict_begin(self, logs: Logs | None = None) -> None:  # noqa: D102
        self._call("on_predict_begin", {} if logs is None else logs)

    def on_predict_end(self, logs: Logs | None = None) -> None:  # noqa: D102
        self._call("on_predict_end", {} if logs is None else logs)

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:  # noqa: D102
        self._call("on_predict_batch_begin", batch, {} if logs is None else logs)

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: D102
        self._call("on_predict_batch_end", batch, {} if logs is None else logs)


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
