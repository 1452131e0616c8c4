"""The state of one training, which callbacks can see and a backup keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lamina.training.evaluation import ArrayBatches, StreamBatches
from lamina.training.sources import ArrayEpochs, StreamEpochs

if TYPE_CHECKING:
    from lamina.callbacks.callback_list import CallbackList
    from lamina.data.samples import Samples


class FitState:
    """Where a training is.

    Attributes:
        epochs: The data.
        callbacks: All callbacks.
        validation: The data to validate on.
        resplit: Holds out random samples again, when a backup brought another seed.
        epoch: The epoch that runs, or the next one.
        step: How many of its batches are done.
        sums: The sums of loss and metrics after those batches, when a backup was restored.
    """

    def __init__(
        self,
        epochs: ArrayEpochs | StreamEpochs,
        callbacks: CallbackList,
        epoch: int,
        validation: ArrayBatches | StreamBatches | None,
        resplit: Callable[[], tuple[Samples, ArrayBatches]] | None,
    ) -> None:
        self.epochs = epochs
        self.callbacks = callbacks
        self.epoch = epoch
        self.validation = validation
        self.resplit = resplit
        self.step = 0
        self.sums: list[float] | None = None
