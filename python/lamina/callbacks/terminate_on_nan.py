"""Stopping when the loss is lost."""

from __future__ import annotations

from lamina.callbacks.callback import Callback


class TerminateOnNaN(Callback):
    """Stops training at the first batch whose loss is NaN or infinite, and says where it began.

    The core looks at each batch's loss, which costs nothing. The step of that batch is not taken.
    The message names the epoch, the batch and the first layer whose weights, gradient or output
    are not finite.

    Args:
        raise_error: Raise RuntimeError instead of ending the training.

    Attributes:
        report: What was found, or None.
    """

    #: What makes `fit` watch the loss.
    watches_loss = True
    state_names = ()

    def __init__(self, raise_error: bool = False) -> None:
        super().__init__()
        self.raise_error = raise_error
        self.report: str | None = None

    def on_loss_lost(self, report: str) -> None:
        """Called by `fit` when a batch's loss is not finite."""
        self.report = report
        if self.raise_error:
            raise RuntimeError(report)
        print(f"{report} Terminating training.")
        self.model.stop_training = True
