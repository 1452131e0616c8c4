"""Evaluation with averaged weights."""

from __future__ import annotations

from typing import Any

from lamina import _checks
from lamina.callbacks.callback import Callback, Logs


class SwapEMAWeights(Callback):
    """Exchanges the weights with their moving averages while the model is evaluated.

    For an optimizer with `use_ema=True`. The exchange happens in place, without rounding, for
    each evaluation and prediction, and is undone after it. `fit` ends with the averages as
    weights in any case.

    Args:
        swap_on_epoch: Whether the averages are also in place from the end of each epoch to the
            start of the next, so that callbacks behind this one (such as a checkpoint) see
            them.

    Raises:
        ValueError: When it is used with an optimizer that keeps no averages.

    Example:
        >>> optimizer = lamina.optimizers.SGD(0.1, use_ema=True)
        >>> callbacks = [lamina.callbacks.SwapEMAWeights()]
    """

    prints = False

    def __init__(self, swap_on_epoch: bool = False) -> None:
        super().__init__()
        self.swap_on_epoch = _checks.boolean("SwapEMAWeights", "swap_on_epoch", swap_on_epoch)

    def _store(self) -> Any:
        optimizer = self.model.optimizer
        inner = getattr(optimizer, "inner_optimizer", optimizer)
        if inner is None or not inner.use_ema or inner._store is None:
            raise ValueError(
                "SwapEMAWeights must be used when `use_ema=True` is set on the optimizer. "
                f"Received: optimizer={inner!r}"
            )
        return inner._store

    def _put(self, averages: bool) -> None:
        """Puts the averages or the weights in place, wherever they are now."""
        store = self._store()
        if store.swapped != averages:
            store.swap_average()

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Training starts from the weights, also after a run that was interrupted."""
        self._put(averages=False)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Back to the weights that are trained."""
        self._put(averages=False)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """With `swap_on_epoch`, the averages for the callbacks that follow."""
        if self.swap_on_epoch:
            self._put(averages=True)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """The averages, before an evaluation."""
        self._put(averages=True)

    def on_test_end(self, logs: Logs | None = None) -> None:
        """The weights again, after it."""
        self._put(averages=False)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """The averages, before a prediction."""
        self._put(averages=True)

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """The weights again, after it."""
        self._put(averages=False)
