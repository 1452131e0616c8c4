"""What users pass in place of arrays, as passes over batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np

from lamina._typing import Array
from lamina.data.dataset import Dataset
from lamina.data.py_dataset import in_order


class DataAdapter:
    """Batches, pass after pass.

    Attributes:
        batches: How many batches a pass has; None if that is not known, or endless.
        seeks: Whether a pass can be started anew at any batch.
        owns_iterator: Whether an iterator of `start` is to be closed when it is not gone through.
    """

    batches: int | None = None
    owns_iterator = True
    seeks = False

    @property
    def passes(self) -> int:
        """How often the data were gone through: chooses the next shuffle of a data set."""
        return 0

    @passes.setter
    def passes(self, number: int) -> None: ...

    @property
    def seeds(self) -> list[int]:
        """The seeds of shuffles of its own."""
        return []

    @seeds.setter
    def seeds(self, seeds: list[int]) -> None: ...

    def start(self, skip: int = 0, order: Callable[[int], Array] | None = None) -> Iterator[Any]:
        """The batches of the next pass, without the first `skip` of them.

        Args:
            skip: How many batches to leave out.
            order: Gives a permutation, for data whose batches have numbers.
        """
        raise NotImplementedError

    def fast_forward(self, passes: int) -> None:
        """Brings custom data to where they were after so many passes."""

    def end(self) -> None:
        """A pass is over."""


class DatasetAdapter(DataAdapter):
    """A `lamina.data.Dataset`."""

    seeks = True

    def __init__(self, dataset: Dataset, batch_size: int) -> None:
        self._counter = dataset
        self._dataset = dataset if dataset.batched else dataset.batch(batch_size)
        self.batches = self._dataset.length

    @property
    def passes(self) -> int:
        """The data set's own count."""
        return self._counter.passes

    @passes.setter
    def passes(self, number: int) -> None:
        self._counter.passes = number

    @property
    def seeds(self) -> list[int]:
        """The data set's."""
        return self._dataset.seeds

    @seeds.setter
    def seeds(self, seeds: list[int]) -> None:
        self._dataset.seeds = seeds

    def start(self, skip: int = 0, order: Callable[[int], Array] | None = None) -> Iterator[Any]:
        """The data set shuffles itself."""
        number = self._counter.passes
        self._counter.passes = number + 1
        return self._dataset.start(number, skip)


class IndexedAdapter(DataAdapter):
    """Batches by their number: `PyDataset` and whatever looks like one."""

    seeks = True

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset
        count = getattr(dataset, "num_batches", None) if _declares_batches(dataset) else None
        if count is None and hasattr(type(dataset), "__len__"):
            count = len(dataset)
        self.batches = None if count is None else int(count)

    def start(self, skip: int = 0, order: Callable[[int], Array] | None = None) -> Iterator[Any]:
        """Batches in order, or as `order` says; endless ones are counted on."""
        begin = getattr(self._dataset, "on_epoch_begin", None)
        if callable(begin):
            begin()
        if self.batches is None:
            return in_order(self._dataset, _count_from(skip))
        indices = np.arange(self.batches) if order is None else order(self.batches)
        return in_order(self._dataset, [int(i) for i in indices[skip:]])

    def fast_forward(self, passes: int) -> None:
        """Calls the hooks as the passes before did."""
        for _ in range(passes):
            begin = getattr(self._dataset, "on_epoch_begin", None)
            if callable(begin):
                begin()
            self.end()

    def end(self) -> None:
        """Calls the data set's hook."""
        hook = getattr(self._dataset, "on_epoch_end", None)
        if callable(hook):
            hook()


class IterableAdapter(DataAdapter):
    """What can be iterated again and again, such as a PyTorch DataLoader."""

    def __init__(self, iterable: Any) -> None:
        self._iterable = iterable
        if hasattr(iterable, "as_numpy_iterator"):
            count = int(iterable.cardinality())
            self.batches = count if count >= 0 else None
        elif hasattr(type(iterable), "__len__"):
            try:
                self.batches = len(iterable)
            except TypeError:  # a DataLoader of an iterable data set
                self.batches = None

    def start(self, skip: int = 0, order: Callable[[int], Array] | None = None) -> Iterator[Any]:
        """A new iterator for each pass."""
        make = getattr(self._iterable, "as_numpy_iterator", None)
        iterator = iter(make() if callable(make) else self._iterable)
        return islice(iterator, skip, None)

    def fast_forward(self, passes: int) -> None:
        """Starts and drops an iterator a pass: shuffles draw their seed when one starts."""
        for _ in range(passes):
            next(iter(self._iterable), None)


class IteratorAdapter(DataAdapter):
    """An iterator or generator: it can be gone through once."""

    owns_iterator = False

    def __init__(self, iterator: Iterator[Any]) -> None:
        self._iterator = iterator

    def start(self, skip: int = 0, order: Callable[[int], Array] | None = None) -> Iterator[Any]:
        """The iterator, wherever it is."""
        return islice(self._iterator, skip, None) if skip else self._iterator


def get_data_adapter(x: Any, batch_size: int, name: str = "x") -> DataAdapter | None:
    """The adapter for `x`, or None if it is meant as one array or several.

    Raises:
        TypeError: For what gives no batches.
    """
    if (
        type(x) is np.ndarray
        or x is None
        or isinstance(x, (list, np.ndarray, tuple, int, float, str, Mapping))
    ):
        return None
    if isinstance(x, Dataset):
        return DatasetAdapter(x, batch_size)
    if isinstance(x, Iterator):
        return IteratorAdapter(x)
    if hasattr(x, "as_numpy_iterator"):
        return IterableAdapter(x)
    if any(hasattr(x, what) for what in ("to_numpy", "__array__", "__array_interface__", "dtype")):
        return None
    if callable(x) and not hasattr(x, "__getitem__") and not isinstance(x, Iterable):
        raise TypeError(
            f"`{name}` is a function: call it, so that it gives a generator, or use "
            f"lamina.data.Dataset.from_generator. Received: {x!r}"
        )
    indexed = hasattr(type(x), "__getitem__")
    if indexed and (hasattr(type(x), "__len__") or _declares_batches(x)):
        if hasattr(x, "on_epoch_end") or not hasattr(type(x), "__iter__"):
            return IndexedAdapter(x)
        if isinstance(x, (range, bytes, bytearray, memoryview)):
            return None
    if hasattr(type(x), "__iter__"):
        return IterableAdapter(x)
    return None


def unpack(batch: Any, need_targets: bool = True) -> tuple[Any, Any, Any]:
    """A batch as x, y and sample weights.

    Raises:
        TypeError: For dictionaries.
        ValueError: For another number of parts.
    """
    if isinstance(batch, Mapping) and need_targets:
        raise TypeError(
            "A batch must be (x, y) or (x, y, sample_weight), where x and y may be dictionaries. "
            f"Received: a dictionary with keys {sorted(map(str, batch))}"
        )
    parts = batch if isinstance(batch, (tuple, list)) else (batch,)
    if not 1 <= len(parts) <= 3 or (need_targets and len(parts) == 1):
        raise ValueError(
            "A batch must be (x, y) or (x, y, sample_weight). "
            f"Received: {type(batch).__name__}"
            + (f" of length {len(batch)}" if isinstance(batch, (tuple, list)) else "")
        )
    x, y, weights = (*parts, None, None)[:3]
    return x, y, weights


def _declares_batches(x: Any) -> bool:
    return hasattr(type(x), "num_batches")


def _count_from(number: int) -> Iterator[int]:
    while True:
        yield number
        number += 1
