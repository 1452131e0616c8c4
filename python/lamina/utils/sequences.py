"""Sequences and tuples of data."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina import _checks
from lamina._checks import unknown_name
from lamina._typing import Array

_SIDES = ("pre", "post")


def pad_sequences(
    sequences: Any,
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> Array:
    """Sequences of different lengths as one array.

    Args:
        sequences: A list of sequences; entries may be arrays of one shape.
        maxlen: The length of all; None means the longest.
        dtype: The element type.
        padding: Where short ones are filled up: "pre" or "post".
        truncating: Where long ones lose what is too much: "pre" or "post".
        value: What they are filled up with.

    Returns:
        An array of shape (sequences, maxlen, ...).

    Raises:
        ValueError: If an entry is no sequence, entries differ in shape, or a side is unknown.

    Example:
        >>> lamina.utils.pad_sequences([[1], [2, 3]])
        array([[0, 1],
               [2, 3]], dtype=int32)
    """
    for name, side in (("padding", padding), ("truncating", truncating)):
        if side not in _SIDES:
            raise unknown_name(f"`{name}`", side, _SIDES)
    entries = list(sequences)
    for entry in entries:
        if not hasattr(entry, "__len__"):
            raise ValueError(
                f"pad_sequences: `sequences` must be a list of sequences. Received: {entry!r}"
            )
    if maxlen is None:
        length = max((len(entry) for entry in entries), default=0)
    else:
        length = _checks.integer("pad_sequences", "maxlen", maxlen, low=0)
    shape = next((np.asarray(entry).shape[1:] for entry in entries if len(entry)), ())
    result: Array = np.full((len(entries), length, *shape), value, dtype=dtype)
    for row, entry in enumerate(entries):
        first = max(0, len(entry) - length) if truncating == "pre" else 0
        kept = np.asarray(entry[first : first + length], dtype=dtype)
        if len(kept) == 0:
            continue
        if kept.shape[1:] != shape:
            raise ValueError(
                f"pad_sequences: entries must have shape {shape}. "
                f"Received: shape {kept.shape[1:]} in sequence {row}"
            )
        at = length - len(kept) if padding == "pre" else 0
        result[row, at : at + len(kept)] = kept
    return result


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """What sources of batches give: x, (x, y) or (x, y, sample_weight).

    Args:
        x: Inputs.
        y: Targets, or None.
        sample_weight: Weights, or None.
    """
    if y is None:
        return (x,) if isinstance(x, (tuple, list)) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """x, y and sample_weight of a batch, None where it has none.

    Raises:
        ValueError: For a tuple of more than three.
    """
    parts = tuple(data) if isinstance(data, (tuple, list)) else (data,)
    if not 1 <= len(parts) <= 3:
        raise ValueError(
            f"A batch is x, (x,), (x, y) or (x, y, sample_weight). Received: {len(parts)} parts"
        )
    x, y, weights = (*parts, None, None)[:3]
    return x, y, weights
