"""Data sets cut in two, and windows over time series."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina import _checks
from lamina._arrays import real_array
from lamina._checks import unknown_name
from lamina.data.dataset import Dataset


def split_dataset(
    dataset: Any,
    left_size: Any = None,
    right_size: Any = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: str | None = None,
) -> tuple[Dataset, Dataset]:
    """A data set as two: the first elements and the last ones.

    Args:
        dataset: A `lamina.data.Dataset` of known length, an array, or a tuple of arrays.
        left_size: How many elements the first part has: a number, or a share in (0, 1). None
            leaves it to `right_size`.
        right_size: The same for the second part.
        shuffle: Whether to shuffle before; needs rows of arrays.
        seed: The seed of the shuffle.
        preferred_backend: None or "lamina": what is returned is always a lamina data set.

    Returns:
        The two parts.

    Raises:
        ValueError: For sizes that do not fit.

    Example:
        >>> left, right = lamina.utils.split_dataset(np.arange(10), left_size=0.8)
        >>> len(left), list(right)
        (8, [np.int64(8), np.int64(9)])
    """
    if preferred_backend not in (None, "lamina"):
        raise ValueError(
            "split_dataset: `preferred_backend` must be None. "
            f"Received: preferred_backend={preferred_backend!r}"
        )
    if not isinstance(dataset, Dataset):
        parts = dataset if isinstance(dataset, tuple) else (dataset,)
        dataset = Dataset.from_arrays(*parts)
    total = len(dataset)
    left, right = _size("left_size", left_size, total), _size("right_size", right_size, total)
    if left is None and right is None:
        raise ValueError("split_dataset: give `left_size` or `right_size`. Received: neither")
    if left is None:
        assert right is not None
        left = total - right
    if right is None:
        right = total - left
    if left + right > total or left < 1 or right < 1:
        raise ValueError(
            f"split_dataset: both parts need elements, and there are {total}. "
            f"Received: left_size={left_size}, right_size={right_size}"
        )
    if _checks.boolean("split_dataset", "shuffle", shuffle):
        dataset = dataset.shuffle(seed=seed, reshuffle_each_iteration=False)
    return dataset.take(left), dataset.skip(left).take(right)


def _size(name: str, value: Any, total: int) -> int | None:
    if value is None:
        return None
    if isinstance(value, float):
        share = _checks.number(
            "split_dataset", name, value, low=0.0, high=1.0, open_low=True, open_high=True
        )
        return round(share * total)
    return _checks.integer("split_dataset", name, value, low=1, high=max(total, 1))


def timeseries_dataset_from_array(
    data: Any,
    targets: Any,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
    format: str = "numpy",
) -> Dataset:
    """Windows over a time series, which are views of the array until they are batched.

    Args:
        data: The series: an array with one row for each moment.
        targets: A target for each window, by the index of its first moment; None for none.
        sequence_length: How many moments a window has.
        sequence_stride: How far the next window starts.
        sampling_rate: How far apart the moments of a window are.
        batch_size: Windows a batch; None leaves them one by one.
        shuffle: Whether windows come in random order, another one in each pass.
        seed: The seed of the shuffle.
        start_index: Moments before this one are left out.
        end_index: Moments from this one on are left out.
        format: "numpy": what the batches are made of.

    Returns:
        A `lamina.data.Dataset`; a window has the shape (sequence_length, ...).

    Raises:
        ValueError: For indices and sizes that leave no window.

    Example:
        >>> series = np.arange(6)
        >>> data = lamina.utils.timeseries_dataset_from_array(series[:-2], series[2:], 2)
        >>> [(x.tolist(), y.tolist()) for x, y in data]
        [([[0, 1], [1, 2], [2, 3]], [2, 3, 4])]
    """
    where = "timeseries_dataset_from_array"
    if format != "numpy":
        raise unknown_name("`format`", format, ("numpy",))
    array = real_array(data, "data")
    if array.ndim == 0:
        raise ValueError(f"{where}: `data` needs an axis of moments. Received: a number")
    first = _checks.integer(where, "start_index", start_index or 0, low=0, high=len(array))
    last = len(array)
    if end_index is not None:
        last = _checks.integer(where, "end_index", end_index, low=0, high=len(array))
    length = _checks.integer(where, "sequence_length", sequence_length, low=1)
    stride = _checks.integer(where, "sequence_stride", sequence_stride, low=1)
    rate = _checks.integer(where, "sampling_rate", sampling_rate, low=1)
    array = array[first:last]
    count = len(array) - (length - 1) * rate
    columns = []
    if targets is not None:
        labels = real_array(targets, "targets")[first:last]
        count = min(count, len(labels))
        columns = [labels[: max(count, 0) : stride]]
    if count < 1:
        raise ValueError(
            f"{where}: no window fits into {len(array)} moments. "
            f"Received: sequence_length={length}, sampling_rate={rate}"
        )
    windows = np.lib.stride_tricks.sliding_window_view(array, (length - 1) * rate + 1, axis=0)
    windows = np.moveaxis(windows, -1, 1)[:count:stride, ::rate]
    dataset = Dataset.from_arrays(windows, *columns)
    if _checks.boolean(where, "shuffle", shuffle):
        dataset = dataset.shuffle(seed=seed)
    return dataset if batch_size is None else dataset.batch(batch_size)
