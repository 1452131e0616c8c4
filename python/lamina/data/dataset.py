"""Data sets: chains of small steps that end in batches."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from lamina import _checks
from lamina.data import pipeline
from lamina.data.columns import columns_of
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
            x: The inputs: anything that `fit` takes as an array, or a list, tuple or dictionary of
                arrays for a model with several inputs. Arrays may hold strings.
            y: The targets, if any: an array, or several in the same way.
            sample_weight: A weight for each sample, if any, or one array for each output; only
                together with `y`.

        Raises:
            TypeError: For what does not hold real numbers (or strings, in `x`).
            ValueError: For different numbers of rows.

        Example:
            >>> columns = {"age": np.arange(3.0), "town": np.array(["A", "B", "A"])}
            >>> data = lamina.data.Dataset.from_arrays(columns, np.ones(3)).batch(2)
            >>> [str(town) for town in next(iter(data))[0]["town"]]
            ['A', 'B']
        """
        if y is None and sample_weight is not None:
            raise ValueError("Dataset: sample_weight needs y. Received: y=None")
        parts = {"x": x, "y": y, "sample_weight": sample_weight}
        given = {name: value for name, value in parts.items() if value is not None or name == "x"}
        return cls(pipeline.Rows(tuple(columns_of(given))))

    @classmethod
    def from_tensor_slices(cls, tensors: Any) -> Dataset:
        """The rows of arrays, as TensorFlow's data sets take them.

        Args:
            tensors: `x`, or a tuple `(x, y)` or `(x, y, sample_weight)`, each as for `from_arrays`.

        Raises:
            TypeError: As `from_arrays`.
            ValueError: As `from_arrays`, and for a tuple of another length.

        Example:
            >>> inputs = {"a": np.ones((4, 2)), "b": np.zeros((4, 3))}
            >>> data = lamina.data.Dataset.from_tensor_slices((inputs, np.ones(4))).batch(4)
            >>> len(data)
            1
        """
        parts = tensors if isinstance(tensors, tuple) else (tensors,)
        if not 1 <= len(parts) <= 3:
            raise ValueError(
                "Dataset.from_tensor_slices: x, (x, y) or (x, y, sample_weight) is needed. "
                f"Received: a tuple of length {len(parts)}"
            )
        return cls.from_arrays(*parts)

    @classmethod
    def zip(cls, *datasets: Any) -> Dataset:
        """The elements of several data sets beside each other, as long as the shortest has one.

        Args:
            *datasets: Two or three data sets: of x, of y and of sample weights. What has several
                parts becomes a tuple, so that `zip(zip(a, b), y)` is for a model with two inputs.
                A tuple or list of data sets is taken, too.

        Raises:
            TypeError: For what is no data set.
            ValueError: For another number of them, and for batches beside samples.

        Example:
            >>> features = lamina.data.Dataset.from_arrays(np.ones((4, 2)))
            >>> labels = lamina.data.Dataset.from_arrays(np.zeros(4))
            >>> x, y = next(iter(lamina.data.Dataset.zip(features, labels).batch(4)))
            >>> x.shape, y.shape
            ((4, 2), (4,))
        """
        sets: Any = datasets
        if len(sets) == 1 and isinstance(sets[0], (tuple, list)):
            sets = sets[0]
        for each in sets:
            if not isinstance(each, Dataset):
                raise TypeError(f"Dataset.zip: data sets are needed. Received: {each!r}")
        if not 1 <= len(sets) <= 3:
            raise ValueError(
                "Dataset.zip: one to three data sets are needed, for x, y and sample_weight. "
                f"Received: {len(sets)}"
            )
        nodes = [each._node for each in sets]
        if len({node.batched for node in nodes}) > 1:
            raise ValueError(
                "Dataset.zip: all must have batches, or all samples. Received: batched="
                f"{[node.batched for node in nodes]}"
            )
        return cls(pipeline.Zipped(nodes))

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

        Each part is an array or a number, or a list, tuple or dictionary of them; a list or tuple
        of one to three that is yielded itself has the parts.

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
        """`function(x)`, `function(x, y)` or `function(x, y, sample_weight)` of each element.

        Args:
            function: Takes the parts of an element, which may be nests, and returns x, (x, y) or
                (x, y, sample_weight) in the same way.

        Raises:
            TypeError: If it cannot be called.
        """
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
