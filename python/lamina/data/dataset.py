"""Data sets: chains of small steps that end in batches."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from lamina import _checks
from lamina._arrays import real_array
from lamina._typing import Array
from lamina.data import pipeline
from lamina.data.pipeline import Element, Node
from lamina.random import draw_seed


class Dataset:
    """Samples or batches that `fit`, `evaluate` and `predict` take, and `for` loops too.

    Every method returns a new data set and leaves this one as it is. Shuffles are functions
    of their seed and of how often the data set was gone through, on every machine.

    Example:
        >>> x, y = np.arange(6.0).reshape(6, 1), np.arange(6)
        >>> data = lamina.data.Dataset.from_arrays(x, y).shuffle(seed=1).batch(4).prefetch(2)
        >>> [len(batch_y) for batch_x, batch_y in data]
        [4, 2]
        >>> len(data)
        2
    """

    def __init__(self, node: Node) -> None:
        if not isinstance(node, Node):
            raise TypeError(
                "Dataset: use Dataset.from_arrays, from_npy or from_generator. "
                f"Received: {node!r} (of type {type(node).__name__})"
            )
        self._node = node
        #: How often it was gone through: chooses the next shuffle.
        self.passes = 0

    # Where data come from.

    @classmethod
    def from_arrays(cls, x: Any, y: Any = None, sample_weight: Any = None) -> Dataset:
        """The rows of arrays, which are read where they lie.

        Args:
            x: The inputs: anything that `fit` takes as an array.
            y: The targets, if any.
            sample_weight: A weight for each sample, if any; only together with `y`.

        Raises:
            TypeError: For what does not hold real numbers.
            ValueError: For different numbers of rows.
        """
        if y is None and sample_weight is not None:
            raise ValueError("Dataset: sample_weight needs y. Received: y=None")
        parts = {"x": x, "y": y, "sample_weight": sample_weight}
        columns: list[Array] = []
        for name, value in parts.items():
            if value is None and name != "x":
                continue
            array = real_array(value, name)
            if array.ndim == 0:
                raise ValueError(f"Dataset: `{name}` needs an axis of samples. Received: a number")
            if columns and len(array) != len(columns[0]):
                raise ValueError(
                    f"Dataset: `x` and `{name}` must have the same number of samples. "
                    f"Received: {len(columns[0])} and {len(array)}"
                )
            columns.append(array)
        return cls(pipeline.Rows(tuple(columns)))

    @classmethod
    def from_npy(cls, x: Any, y: Any = None, sample_weight: Any = None) -> Dataset:
        """The rows of .npy files, which are mapped into memory and read as they are needed.

        Args:
            x: The path of the inputs.
            y: The path of the targets, if any.
            sample_weight: The path of the weights, if any.

        Raises:
            OSError: For files that cannot be read.
            ValueError: For files that are not in NumPy's format, and as `from_arrays`.
        """
        opened = [
            None if path is None else np.load(os.fspath(path), mmap_mode="r", allow_pickle=False)
            for path in (x, y, sample_weight)
        ]
        return cls.from_arrays(*opened)

    @classmethod
    def from_generator(
        cls, factory: Callable[[], Any], length: int | None = None, batched: bool = False
    ) -> Dataset:
        """What a function's iterator yields: x, (x, y) or (x, y, sample_weight).

        Args:
            factory: Called without arguments at the start of each pass; gives an iterable.
            length: How many elements a pass has, if that is known.
            batched: Whether an element is a batch rather than a sample.

        Raises:
            TypeError: If `factory` cannot be called.
        """
        if not callable(factory):
            raise TypeError(
                "Dataset.from_generator: `factory` must be a function that gives an iterator, so "
                f"that each pass can start anew. Received: {factory!r}"
            )
        if length is not None:
            length = _checks.integer("Dataset", "length", length, low=0)
        return cls(
            pipeline.Generated(factory, length, _checks.boolean("Dataset", "batched", batched))
        )

    # What can be done to them.

    def shuffle(
        self,
        buffer_size: int | None = None,
        seed: int | None = None,
        reshuffle_each_iteration: bool = True,
    ) -> Dataset:
        """The elements in random order, another one in each pass.

        Args:
            buffer_size: None mixes all rows of arrays evenly. Data from generators need a
                number: elements leave a buffer of that size in random order.
            seed: An integer; None draws one from the global generator.
            reshuffle_each_iteration: Whether each pass has an order of its own.
        """
        number = draw_seed(seed)
        again = _checks.boolean("shuffle", "reshuffle_each_iteration", reshuffle_each_iteration)
        if buffer_size is not None:
            buffer_size = _checks.integer("shuffle", "buffer_size", buffer_size, low=1)
        node = self._node
        if isinstance(node, pipeline.Rows) and (buffer_size is None or buffer_size >= node.length):
            return Dataset(pipeline.ShuffledRows(node, number, again))
        if buffer_size is None:
            raise ValueError(
                "Dataset.shuffle: only rows of arrays can be mixed as a whole; after a batch, a "
                "map or from a generator, `buffer_size` is needed. Received: buffer_size=None"
            )
        return Dataset(pipeline.BufferShuffled(node, buffer_size, number, again))

    def batch(self, batch_size: int, drop_remainder: bool = False) -> Dataset:
        """Batches of so many elements; the last may be smaller, or is dropped."""
        size = _checks.integer("batch", "batch_size", batch_size, low=1)
        drop = _checks.boolean("batch", "drop_remainder", drop_remainder)
        if self._node.batched:
            raise ValueError(
                "Dataset.batch: the elements are batches already. "
                f"Received: batch_size={batch_size}"
            )
        if isinstance(self._node, pipeline.Rows):
            return Dataset(pipeline.RowBatches(self._node, size, drop))
        return Dataset(pipeline.Batches(self._node, size, drop))

    def prefetch(self, buffer_size: int = 2) -> Dataset:
        """The same elements, made by a thread up to `buffer_size` in advance."""
        ahead = _checks.integer("prefetch", "buffer_size", buffer_size, low=1)
        return Dataset(pipeline.Prefetched(self._node, ahead))

    def map(self, function: Callable[..., Any]) -> Dataset:
        """`function(x)`, `function(x, y)` or `function(x, y, sample_weight)` of each element."""
        if not callable(function):
            raise TypeError(f"Dataset.map: a function is needed. Received: {function!r}")
        return Dataset(pipeline.Mapped(self._node, function))

    def repeat(self, count: int | None = None) -> Dataset:
        """All passes as one: `count` of them, or endlessly many."""
        if count is not None and count != -1:
            count = _checks.integer("repeat", "count", count, low=1)
        return Dataset(pipeline.Repeated(self._node, None if count == -1 else count))

    def take(self, count: int) -> Dataset:
        """The first `count` elements."""
        return self._part(0, _checks.integer("take", "count", count, low=0))

    def skip(self, count: int) -> Dataset:
        """All but the first `count` elements."""
        return self._part(_checks.integer("skip", "count", count, low=0), None)

    def _part(self, first: int, last: int | None) -> Dataset:
        node = self._node
        if isinstance(node, pipeline.Rows):
            return Dataset(pipeline.SlicedRows(node, first, node.length if last is None else last))
        return Dataset(pipeline.Part(node, first, last))

    # What it is.

    @property
    def batched(self) -> bool:
        """Whether an element is a batch."""
        return self._node.batched

    @property
    def length(self) -> int | None:
        """How many elements a pass has; None if that is not known, or endless."""
        return self._node.length

    def __len__(self) -> int:
        if self._node.length is None:
            raise TypeError("The length of this data set is not known.")
        return self._node.length

    @property
    def seeds(self) -> list[int]:
        """The seeds of its shuffles, the last one first."""
        return [node.seed for node in self._node.shuffling()]

    @seeds.setter
    def seeds(self, seeds: list[int]) -> None:
        for node, seed in zip(self._node.shuffling(), seeds, strict=True):
            node.seed = _checks.seed_number("Dataset", seed)

    def start(self, number: int, skip: int = 0) -> Iterator[Element]:
        """The elements of pass `number`, without the first `skip`, as tuples."""
        return self._node.iterate(number, skip)

    def __iter__(self) -> Iterator[Any]:
        number, self.passes = self.passes, self.passes + 1
        for element in self.start(number):
            yield element[0] if len(element) == 1 else element

    as_numpy_iterator = __iter__

    def __repr__(self) -> str:
        return f"<Dataset length={self.length}, batched={self.batched}>"
