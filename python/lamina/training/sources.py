"""What epochs are made of: arrays, with as few calls as possible, and streams of batches."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

from lamina._typing import Array
from lamina.data.adapters import DataAdapter
from lamina.data.samples import Samples
from lamina.data.shuffle import permutations
from lamina.execution.engine import Engine
from lamina.training.hooks import BatchHooks, LostLossError, Means

_BLOCK_ELEMENTS = 2**22


class ArrayEpochs:
    """Epochs over arrays: one call into the core each, unless hooks are called in between.

    Args:
        samples: The samples.
        size: The batch size.
        shuffle: Whether each pass has a random order.
        steps: Batches an epoch; None for a whole pass. Epochs then go on where the last stopped.
    """

    def __init__(self, samples: Samples, size: int, shuffle: bool, steps: int | None) -> None:
        self.samples, self._size, self._shuffle = samples, size, shuffle
        self._batches = -(-len(samples.x[0]) // size)
        self._limited = steps is not None
        self.steps: int | None = self._batches if steps is None else steps
        #: Batches done of a pass that is not over.
        self.offset = 0
        self._order: Array | None = None
        # Rows in random order are copied for a call: so many batches at a time.
        row = 0
        for array in samples.x:
            row += array[:1].size
        elements = size * max(1, row)
        self._block = max(1, _BLOCK_ELEMENTS // elements)

    @property
    def passes(self) -> int:
        """The engine counts passes over arrays."""
        return 0

    @property
    def seeds(self) -> list[int]:
        """The engine has the only seed."""
        return []

    def resume(self, passes: int, offset: int, seeds: list[int]) -> None:
        """Goes on inside a pass."""
        self.offset = offset

    def run(self, engine: Engine, first: int, hooks: BatchHooks) -> Means:
        """One epoch from batch `first` on; returns the means of loss and metrics."""
        assert self.steps is not None
        rest = self.steps - first
        if hooks.every == 0 and self.offset == 0 and rest == self._batches:
            try:
                return engine.train_epoch(self.samples, self._size, self._shuffle, hooks.poll)
            except FloatingPointError:
                raise self._lost(engine, 0) from None
        means = engine.metrics.numbers()
        step = first
        while step < self.steps:
            if self._limited and self.offset == 0 and step > 0:
                out_of_data()
                break
            block = min(hooks.every or self._block, self.steps - step, self._batches - self.offset)
            hooks.begin(step)
            means = self._train(engine, step, block, hooks)
            self.offset += block
            step += block
            if self.offset == self._batches:
                engine.counters.epochs += 1
                self.offset, self._order = 0, None
            stopped = hooks.end(step - 1, means)
            hooks.show(step, means)
            if stopped:
                break
        return means

    def _train(self, engine: Engine, step: int, block: int, hooks: BatchHooks) -> Means:
        part = self._part(engine, self.offset, block)
        try:
            if block == 1:
                return engine.train_batch(part)
            seen = engine.counters.epochs
            # A pass of the core's over these rows alone: their order is settled already.
            poll = None if hooks.poll is None else lambda done, m: hooks.show(step + done, m)
            means = engine.train_epoch(part, self._size, False, poll)
            engine.counters.epochs = seen
            return means
        except FloatingPointError:
            raise self._lost(engine, step) from None

    def _lost(self, engine: Engine, step: int) -> LostLossError:
        done = engine.batches_done
        self._order = None
        return LostLossError(step + done, self._part(engine, self.offset + done, 1))

    def _part(self, engine: Engine, first: int, count: int) -> Samples:
        """Batches of the present pass."""
        rows = slice(first * self._size, (first + count) * self._size)
        if not self._shuffle:
            return self.samples.part(rows.start, rows.stop)
        if self._order is None:
            self._order = permutations(engine.counters.seed, engine.counters.epochs)(
                self.samples.rows
            )
        return self.samples.select(self._order[rows])

    def close(self) -> None:
        """There is nothing to close."""

    def finish(self, engine: Engine) -> None:
        """Training is over: a pass that was begun counts, so that the next has another order."""
        if self.offset:
            engine.counters.epochs += 1
            self.offset, self._order = 0, None


class StreamEpochs:
    """Epochs over batches that come one by one.

    Args:
        adapter: The batches.
        prepare: Turns a batch into checked samples.
        place: Gives the seed and the number of passes seen, which order batches that have
            numbers; None leaves them in order.
        steps: Batches an epoch; None for a whole pass.
    """

    def __init__(
        self,
        adapter: DataAdapter,
        prepare: Callable[[Any], Samples],
        place: Callable[[], tuple[int, int]] | None,
        steps: int | None,
    ) -> None:
        self._adapter, self._prepare, self._place = adapter, prepare, place
        #: Whether the last epoch saw no batch at all.
        self.is_empty = False
        self._limited = steps is not None
        self.steps = adapter.batches if steps is None else steps
        self.offset = 0
        self._started = 0
        self._iterator: Iterator[Any] | None = None
        self._peeked: list[Samples] = []

    @property
    def passes(self) -> int:
        """How many passes were begun, by the adapter's own count if it has one."""
        return self._adapter.passes or self._started

    @property
    def seeds(self) -> list[int]:
        """The seeds of the data's own shuffles."""
        return self._adapter.seeds

    def resume(self, passes: int, offset: int, seeds: list[int]) -> None:
        """Goes on where `passes` were begun and `offset` batches of the last were done."""
        self._adapter.seeds = seeds
        whole = passes - (1 if offset else 0)
        if self._iterator is None:
            self._adapter.fast_forward(whole)
            self._adapter.passes = whole
        elif whole > 0 or self._adapter.seeks:
            self.close()
            self._peeked = []
            if whole > 0:
                self._adapter.end()
                self._adapter.fast_forward(whole - 1)
            self._adapter.passes = whole
        else:
            for _ in range(offset):
                if self._peeked:
                    self._peeked.pop()
                elif next(self._iterator, None) is None:
                    break
        self._started = whole + (self._iterator is not None)
        self.offset = offset

    def peek(self) -> Samples | None:
        """The first batch, which `run` will see too; None if there is none."""
        if not self._peeked:
            batch = next(self._open(), None)
            if batch is None:
                return None
            self._peeked.append(self._prepare(batch))
        return self._peeked[0]

    def _open(self) -> Iterator[Any]:
        if self._iterator is None:
            order = None if self._place is None else permutations(*self._place())
            self._iterator = self._adapter.start(self.offset, order)
            self._started += 1
        return self._iterator

    def _next(self) -> Samples | None:
        if self._peeked:
            return self._peeked.pop()
        batch = next(self._open(), None)
        return None if batch is None else self._prepare(batch)

    def run(self, engine: Engine, first: int, hooks: BatchHooks) -> Means:
        """One epoch from batch `first` on; returns the means of loss and metrics."""
        means = engine.metrics.numbers()
        step = first
        group = max(hooks.every, 1)
        watched = hooks.every > 0
        begun = False
        stopped = False
        self.is_empty = first == 0
        while not stopped and (self.steps is None or step < self.steps):
            samples = self._next()
            if samples is None:
                self._pass_over(engine)
                if step > 0 and self.steps is not None:
                    out_of_data()
                break
            self.is_empty = False
            if watched and not begun:
                hooks.begin(step)
                begun = True
            try:
                means = engine.train_batch(samples)
            except FloatingPointError:
                raise LostLossError(step, samples) from None
            step += 1
            self.offset += 1
            if self._adapter.batches is not None and self.offset >= self._adapter.batches:
                self._pass_over(engine)
            if watched and ((step - first) % group == 0 or step == self.steps):
                stopped, begun = hooks.end(step - 1, means), False
            if hooks.poll is not None:
                hooks.poll(step, means)
            if self._limited and self.offset == 0 and self._shorter(step):
                out_of_data()
                break
        if begun:
            hooks.end(step - 1, means)
        return means

    def _shorter(self, step: int) -> bool:
        """Whether a pass that is over leaves the epoch incomplete."""
        return self._adapter.batches is not None and self.steps is not None and step < self.steps

    def _pass_over(self, engine: Engine) -> None:
        if self._iterator is None:
            return
        self.close()
        self.offset = 0
        engine.counters.epochs += 1
        self._adapter.end()

    def close(self) -> None:
        """Closes what is open, such as a thread that works ahead."""
        close = getattr(self._iterator, "close", None)
        # A generator of the user's stays open: its owner may go on with it.
        if callable(close) and self._adapter.owns_iterator:
            close()
        self._iterator = None

    def finish(self, engine: Engine) -> None:
        """Training is over."""
        if self.offset:
            self._pass_over(engine)


def out_of_data() -> None:
    """Warns that a source had fewer batches than were asked for."""
    warnings.warn(
        "Your input ran out of data; interrupting training. Make sure that your dataset or "
        "generator can generate at least `steps_per_epoch * epochs` batches. You may need to use "
        "the `.repeat()` function when building your dataset.",
        stacklevel=4,
    )
