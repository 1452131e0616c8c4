"""What a data set is made of: each node yields elements, as a function of the pass's number.

An element is a tuple of one to three parts: x, maybe y, maybe a weight. A part is an array or a
number, or a list, tuple or dictionary of them. Nothing here has a state, so any pass can be started
at any element: that is what an exact resume needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import numpy as np

import lamina._core as _core
from lamina._typing import Array
from lamina.data.prefetch import prefetch
from lamina.graph import tree

Element = tuple[Any, ...]

# A buffer's draws come in blocks, each from a stream of its own.
_BLOCK = 1024
_PASSES = 2**20


class Node:
    """One step of a pipeline.

    Attributes:
        length: How many elements a pass has; None if that is not known, or endless.
        batched: Whether an element is a batch.
        shuffles: How many shuffles lie below: each draws from a stream of its own.
    """

    length: int | None = None
    batched = False
    shuffles = 0

    def iterate(self, epoch: int, skip: int = 0) -> Iterator[Element]:
        """The elements of pass `epoch`, without the first `skip` of them."""
        raise NotImplementedError

    def shuffling(self) -> list[ShuffledRows | BufferShuffled]:
        """All shuffles from here down."""
        found: list[ShuffledRows | BufferShuffled] = []
        waiting: list[Node] = [self]
        while waiting:
            node = waiting.pop()
            if isinstance(node, (ShuffledRows, BufferShuffled)):
                found.append(node)
            waiting.extend(reversed(node.below()))
        return found

    def below(self) -> list[Node]:
        """The nodes whose elements it takes."""
        node = getattr(self, "_base", None) or getattr(self, "_rows", None)
        return [] if node is None else [node]


class Rows(Node):
    """Rows of arrays, in an order that is known before any is read.

    Args:
        columns: Arrays of the same length, or nests of such arrays: one for each part.
    """

    def __init__(self, columns: tuple[Any, ...]) -> None:
        self.columns = columns
        self.length: int = int(next(tree.leaves(columns)).shape[0])
        self._nested = any(map(tree.is_nest, columns))

    def at(self, place: Any) -> Element:
        """The rows at a place: an index, a slice or an array of indices."""
        if not self._nested:
            return tuple(column[place] for column in self.columns)
        return tuple(tree.map_structure(lambda array: array[place], c) for c in self.columns)

    def order(self, epoch: int) -> Array | None:
        """The rows' indices in a pass; None when they come as they are."""
        return None

    def iterate(self, epoch: int, skip: int = 0) -> Iterator[Element]:
        """One row after the other."""
        order = self.order(epoch)
        for place in range(skip, self.length):
            yield self.at(place if order is None else order[place])

    def indices(self, epoch: int) -> Array:
        """`order` as an array always."""
        order = self.order(epoch)
        return np.arange(self.length) if order is None else order


class ShuffledRows(Rows):
    """Rows in random order: a function of the seed and the pass."""

    def __init__(self, base: Rows, seed: int, again: bool) -> None:
        super().__init__(base.columns)
        self.length = base.length
        self.shuffles = base.shuffles + 1
        self._base, self.seed, self._again = base, seed, again

    def order(self, epoch: int) -> Array | None:
        """The order below, permuted."""
        stream = _core.stream_id("shuffle", self.shuffles, epoch if self._again else 0)
        order = np.asarray(_core.permutation(self.length, self.seed, stream))
        below = self._base.order(epoch)
        return order if below is None else below[order]


class SlicedRows(Rows):
    """Some consecutive rows of those below."""

    def __init__(self, base: Rows, first: int, last: int) -> None:
        super().__init__(base.columns)
        self._base, self._first = base, min(first, base.length)
        self.length = max(0, min(last, base.length) - self._first)
        self.shuffles = base.shuffles

    def order(self, epoch: int) -> Array | None:
        """A part of the order below."""
        if self._first == 0 and self.length == self._base.length:
            return self._base.order(epoch)
        return self._base.indices(epoch)[self._first : self._first + self.length]


class RowBatches(Node):
    """Batches of rows, gathered column by column."""

    batched = True

    def __init__(self, rows: Rows, size: int, drop_remainder: bool) -> None:
        self._rows, self._size = rows, size
        self._count = rows.length // size * size if drop_remainder else rows.length
        self.length = -(-self._count // size)
        self.shuffles = rows.shuffles

    def iterate(self, epoch: int, skip: int = 0) -> Iterator[Element]:
        """One batch after the other; views where the rows come as they are."""
        order = self._rows.order(epoch)
        for first in range(skip * self._size, self._count, self._size):
            last = min(first + self._size, self._count)
            yield self._rows.at(slice(first, last) if order is None else order[first:last])


class Batches(Node):
    """Batches of the elements below, stacked."""

    batched = True

    def __init__(self, base: Node, size: int, drop_remainder: bool) -> None:
        self._base, self._size, self._drop = base, size, drop_remainder
        if base.length is not None:
            self.length = base.length // size if drop_remainder else -(-base.length // size)
        self.shuffles = base.shuffles

    def iterate(self, epoch: int, skip: int = 0) -> Iterator[Element]:
        """One batch after the other."""
        elements = self._base.iterate(epoch, skip * self._size)
        while True:
            block = list(islice(elements, self._size))
            if not block or (self._drop and len(block) < self._size):
                return
            if len({len(element) for element in block}) != 1:
                raise ValueError(
                    "Dataset.batch: all elements must have as many parts. Received: elements of "
                    f"{sorted({len(element) for element in block})} parts"
                )
            yield tuple(_stack(list(parts)) for parts in zip(*block, strict=True))


class Zipped(Node):
    """The elements of several nodes beside each other, as long as all have one."""

    def __init__(self, bases: list[Node]) -> None:
        self._bases = bases
        lengths = [base.length for base in bases]
        finite = [n for n, base in zip(lengths, bases, strict=True) if not _is_endless(base)]
        if finite and None not in finite:
            self.length = min(n for n in finite if n is not None)
        self.batched = bases[0].batched
        self.shuffles = max(base.shuffles for base in bases)

    def below(self) -> list[Node]:
        """All of them."""
        return self._bases

    def iterate(self, epoch: int, skip: int = 0) -> Iterator[Element]:
        """One part for each node: its only part, or the tuple of its parts."""
        for elements in zip(*(base.iterate(epoch, skip) for base in self._bases), strict=False):
            yield tuple(part[0] if len(part) == 1 else part for part in elements)


class Generated(Node):
    """What a function's iterator yields."""

    def __init__(self, factory: Callable[[], Any], length: int | None, batched: bool) -> None:
        self._factory, self.length, self.batched = factory, length, batched

    def iterate(self, epoch: int, skip: int = 0) -> Iterator[Element]:
        """A new iterator for each pass."""
        for element in islice(iter(self._factory()), skip, None):
            yield as_element(element)


class BufferShuffled(Node):
    """Elements that leave a buffer in random order."""

    def __init__(self, base: Node, buffer: int, seed: int, again: bool) -> None:
        self._base, self._buffer, self.seed, self._again = base, buffer, seed, again
        self.length, self.batched = base.length, base.batched
        self.shuffles = base.shuffles + 1

    def _draws(self, epoch: int) -> Iterator[int]:
        block = 0
        while True:
            step = (epoch if self._again else 0) * _PASSES + block
            stream = _core.stream_id("shuffle", self.shuffles, step)
            yield from _core.random_integers(_BLOCK, 0, self._buffer, self.seed, stream).tolist()
            block += 1

    def iterate(self, epoch: int, skip: int = 0) -> Iterator[Element]:
        """Each new element replaces a random one of the buffer, which leaves."""
        return islice(self._mixed(epoch), skip, None)

    def _mixed(self, epoch: int) -> Iterator[Element]:
        elements = self._base.iterate(epoch)
        kept = list(islice(elements, self._buffer))
        for element, place in zip(elements, self._draws(epoch), strict=False):
            yield kept[place]
            kept[place] = element
        step = (epoch if self._again else 0) * _PASSES + _PASSES - 1
        stream = _core.stream_id("shuffle", self.shuffles, step)
        for place in np.asarray(_core.permutation(len(kept), self.seed, stream)):
            yield kept[place]


class Mapped(Node):
    """A function of each element."""

    def __init__(self, base: Node, function: Callable[..., Any]) -> None:
        self._base, self._function = base, function
        self.length, self.batched, self.shuffles = base.length, base.batched, base.shuffles

    def iterate(self, epoch: int, skip: int = 0) -> Iterator[Element]:
        """The function gets an element's parts as arguments."""
        for element in self._base.iterate(epoch, skip):
            yield as_element(self._function(*element))


class Repeated(Node):
    """Several passes as one; without a count, endless ones."""

    def __init__(self, base: Node, count: int | None) -> None:
        self._base, self._count = base, count
        #: Whether a pass has no end.
        self.is_endless = count is None and base.length != 0
        if count is not None and base.length is not None:
            self.length = count * base.length
        self.batched, self.shuffles = base.batched, base.shuffles

    def iterate(self, epoch: int, skip: int = 0) -> Iterator[Element]:
        """Pass after pass, each with a number of its own."""
        turn = 0
        if self._base.length is not None:
            if self._base.length == 0:
                return
            turn, skip = divmod(skip, self._base.length)
        while self._count is None or turn < self._count:
            seen = 0
            number = epoch * (_PASSES if self._count is None else self._count) + turn
            for element in self._base.iterate(number % 2**40):
                seen += 1
                if seen > skip:
                    yield element
            if seen == 0:
                return
            turn, skip = turn + 1, max(0, skip - seen)


class Part(Node):
    """Some consecutive elements of those below; `last` of None means to the end."""

    def __init__(self, base: Node, first: int, last: int | None) -> None:
        self._base, self._first, self._last = base, first, last
        if base.length is not None:
            end = base.length if last is None else min(last, base.length)
            self.length = max(0, end - first)
        elif last is not None and isinstance(base, Repeated):
            self.length = last - first
        self.batched, self.shuffles = base.batched, base.shuffles

    def iterate(self, epoch: int, skip: int = 0) -> Iterator[Element]:
        """The part's elements."""
        count = None if self._last is None else max(0, self._last - self._first - skip)
        return islice(self._base.iterate(epoch, self._first + skip), count)


class Prefetched(Node):
    """The elements below, made by a thread in advance."""

    def __init__(self, base: Node, ahead: int) -> None:
        self._base, self._ahead = base, ahead
        self.length, self.batched, self.shuffles = base.length, base.batched, base.shuffles

    def iterate(self, epoch: int, skip: int = 0) -> Iterator[Element]:
        """The same elements in the same order."""
        return prefetch(lambda: self._base.iterate(epoch, skip), self._ahead)


def _is_endless(node: Node) -> bool:
    """Whether a pass has no end for sure."""
    if isinstance(node, Repeated):
        return node.is_endless
    if isinstance(node, (Mapped, Batches, BufferShuffled, Prefetched)):
        return all(map(_is_endless, node.below()))
    return isinstance(node, Zipped) and all(map(_is_endless, node.below()))


def _stack(parts: list[Any]) -> Any:
    """One part of several elements as a batch.

    Raises:
        ValueError: If they are not nested in the same way.
    """
    first = parts[0]
    if not any(map(tree.is_nest, parts)):
        return np.stack([np.asarray(part) for part in parts])
    kinds = [[place for place, _ in tree.paths(part)] for part in parts]
    if any(kind != kinds[0] for kind in kinds):
        other = next(part for part, kind in zip(parts, kinds, strict=True) if kind != kinds[0])
        raise ValueError(
            "Dataset.batch: all elements must be nested in the same way. "
            f"Received: {_described(first)} and {_described(other)}"
        )
    columns = zip(*map(tree.flatten, parts), strict=True)
    return tree.pack(first, [np.stack([np.asarray(v) for v in column]) for column in columns])


def _described(part: Any) -> str:
    if isinstance(part, dict):
        return f"a dictionary with keys {sorted(map(str, part))}"
    return f"a {type(part).__name__}" + (f" of length {len(part)}" if tree.is_nest(part) else "")


def as_element(value: Any) -> Element:
    """What a user's function gave, as a tuple of one to three parts."""
    if isinstance(value, (tuple, list)):
        if not 1 <= len(value) <= 3:
            raise ValueError(
                f"Elements must be x, (x, y) or (x, y, sample_weight). Received: {len(value)} parts"
            )
        return tuple(value)
    return (value,)
