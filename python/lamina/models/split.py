"""Holding out samples for validation."""

from __future__ import annotations

import numpy as np

import lamina._core as _core
from lamina.models.data import Samples


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
