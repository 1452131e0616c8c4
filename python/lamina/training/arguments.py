"""What `fit`, `evaluate` and `predict` do with their arguments."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from lamina import _checks
from lamina.callbacks.callback import Logs
from lamina.callbacks.callback_list import CallbackList
from lamina.data.dataset import Dataset
from lamina.training.hooks import Means, Poll

#: Keras' batch size.
BATCH_SIZE = 32


def batch_size_of(where: str, value: Any, name: str = "batch_size") -> int:
    """A checked batch size; None means Keras' 32."""
    return BATCH_SIZE if value is None else _checks.integer(where, name, value, low=1)


def poll_of(callback_list: CallbackList, logs: Callable[[Means], Logs]) -> Poll | None:
    """What the core calls now and then, or None if nothing would be seen."""
    poll = callback_list.poll
    if poll is None:
        return None
    return lambda done, means: poll(done, lambda: logs(means))


def abandon(callback_list: CallbackList) -> None:
    """Ends the line of progress after an exception."""
    if callback_list.progress is not None:
        callback_list.progress.abandon()


def refuse_with_adapter(x: Any, name: str, **arguments: Any) -> None:
    """Raises for arguments that belong to arrays."""
    for argument, value in arguments.items():
        if value is not None:
            raise ValueError(
                f"`{argument}` must not be given when `{name}` is a data set, generator or other "
                f"source of batches: its batches are (x, y) or (x, y, sample_weight). "
                f"Received: {name} of type {type(x).__name__} and {argument} of type "
                f"{type(value).__name__}"
            )


def ignore_batch_size(x: Any, batch_size: int | None, name: str) -> None:
    """Warns about a batch size for what comes in batches already."""
    if batch_size is not None and not (isinstance(x, Dataset) and not x.batched):
        warnings.warn(
            f"`{name}` is ignored: the data come in batches of their own. "
            f"Received: {name}={batch_size} and data of type {type(x).__name__}",
            stacklevel=5,
        )


def validation_epochs(frequency: Any) -> Callable[[int], bool]:
    """A function that tells whether to validate after an epoch; the first is 1."""
    if isinstance(frequency, (list, tuple, set, frozenset)):
        chosen = {_checks.integer("fit", "validation_freq", epoch, low=1) for epoch in frequency}
        return chosen.__contains__
    every = _checks.integer("fit", "validation_freq", frequency, low=1)
    return lambda epoch: epoch % every == 0
