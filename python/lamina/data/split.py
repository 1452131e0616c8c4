"""Holding out samples for validation."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

import lamina._core as _core
from lamina._typing import Array
from lamina.data.samples import Samples


def split_samples(samples: Samples, share: float, seed: int | None) -> tuple[Samples, Samples]:
    """All but the held-out rows, and those: the last `share` of them, or random ones.

    Args:
        samples: The samples.
        share: The share to hold out.
        seed: None takes the last rows; a seed takes random ones. Both sides keep their order.

    Raises:
        ValueError: If either part would be empty.
    """
    # floor(rows * (1 - share)), computed as Keras does.
    split = int(samples.rows * (1.0 - share))
    if split in (0, samples.rows):
        raise ValueError(
            f"Training data contains {samples.rows} samples, which is not sufficient to split it "
            "into a validation and training set. Either provide more data, or a different value "
            f"for `validation_split`. Received: validation_split={share}"
        )
    if seed is None:
        return samples.part(0, split), samples.part(split, samples.rows)
    stream = _core.stream_id("shuffle", 1, 0)
    order = np.asarray(_core.permutation(samples.rows, seed, stream))
    return samples.select(np.sort(order[:split])), samples.select(np.sort(order[split:]))


def warn_of_missing_classes(losses: list[Any], trained: Samples, held_out: Samples) -> None:
    """Warns if a class is on one side of a split only.

    Args:
        losses: The loss of each output, or None.
        trained: The samples to train on.
        held_out: The others.
    """
    for place, loss in enumerate(losses):
        if trained.y is not None and held_out.y is not None and trained.y[place] is not None:
            _warn_of_missing(loss, trained.y[place], held_out.y[place])


def _warn_of_missing(loss: Any, trained: Array, held_out: Array) -> None:
    first, second = classes_in(loss, trained), classes_in(loss, held_out)
    if first is None or second is None:
        return
    for name, absent in (("validation", first - second), ("training", second - first)):
        missing = sorted(absent)
        if missing:
            shown = ", ".join(map(str, missing[:10])) + (", ..." if len(missing) > 10 else "")
            warnings.warn(
                f"fit: no sample of class {shown} is in the {name} part of `validation_split`, "
                "which takes the last rows. Shuffle the data before, or pass "
                "`validation_shuffle=True`.",
                stacklevel=5,
            )


def classes_in(loss: Any, y: Array) -> set[int] | None:
    """The classes among targets of a loss; None if they are no classes."""
    name = getattr(loss, "name", "")
    if loss is None or not loss.takes_labels():
        if y.ndim == 2 and y.shape[1] > 1 and name.startswith("categorical"):
            y = y.argmax(axis=1)
        elif not (name.startswith("binary") and y.size == y.shape[0]):
            return None
    flat = y.reshape(-1)
    if flat.dtype.kind == "f" and not bool((flat == np.floor(flat)).all()):
        return None
    labels = flat.astype(np.int64)
    if int(labels.min()) >= 0 and int(labels.max()) < 2**20:  # quicker than sorting
        return set(np.flatnonzero(np.bincount(labels)).tolist())
    return set(np.unique(labels).tolist())
