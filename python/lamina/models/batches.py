"""Evaluation and prediction over arrays and streams of batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import numpy as np

import lamina._core as _core
from lamina._typing import Array
from lamina.data.adapters import DataAdapter
from lamina.data.samples import Samples
from lamina.training.hooks import BatchHooks, Means


class ArrayBatches:
    """Samples in arrays, evaluated in one call unless somebody looks in between.

    Args:
        samples: The samples.
        size: The batch size.
        steps: How many batches to take; None means all.
    """

    def __init__(self, samples: Samples, size: int, steps: int | None) -> None:
        self._samples = samples if steps is None else samples.part(0, steps * size)
        self._size = size
        self.steps: int | None = -(-self._samples.rows // size)

    def evaluate(self, network: _core.Network, hooks: BatchHooks) -> Means:
        """The means of loss and metrics, whose sums go on from where they are."""
        whole = self._samples
        if hooks.every == 0:
            return network.evaluate(whole.x, whole.y, whole.weights, self._size, hooks.poll)
        means = network.metric_values()
        assert self.steps is not None
        for step in range(0, self.steps, hooks.every):
            count = min(hooks.every, self.steps - step)
            part = whole.part(step * self._size, (step + count) * self._size)
            hooks.begin(step)
            means = network.evaluate(part.x, part.y, part.weights, self._size, None)
            hooks.end(step + count - 1, means)
            hooks.show(step + count, means)
        return means


class StreamBatches:
    """Batches that come one by one.

    Args:
        adapter: The batches.
        prepare: Turns a batch into checked samples.
        steps: How many batches to take; None means a whole pass.
    """

    def __init__(
        self, adapter: DataAdapter, prepare: Callable[[Any], Samples], steps: int | None
    ) -> None:
        self._adapter, self._prepare = adapter, prepare
        self._steps = steps
        self.steps = _fewer(adapter.batches, steps)
        self._begun: Iterator[Any] | None = None
        self._first: list[Samples] = []
        self._passes = self._taken = 0

    @property
    def position(self) -> list[Any]:
        """How often the data were gone through, the batches taken in all, and seeds of shuffles."""
        return [self._adapter.passes or self._passes, self._taken, self._adapter.seeds]

    def resume(self, position: list[Any]) -> None:
        """Goes on from a `position`, in a new process."""
        self._passes, self._taken, self._adapter.seeds = position
        if self._adapter.owns_iterator:
            self._adapter.fast_forward(self._passes)
            self._adapter.passes = self._passes
        else:  # an iterator that goes on from evaluation to evaluation
            for _ in islice(self._adapter.start(), self._taken):
                pass

    def peek(self) -> Samples:
        """The first batch, which an evaluation will see too."""
        self._begun = self._adapter.start()
        batch = next(self._begun, None)
        if batch is None:
            raise ValueError("The data to evaluate on gave no batch at all.")
        self._first = [self._prepare(batch)]
        return self._first[0]

    def __iter__(self) -> Iterator[Samples]:
        iterator = self._adapter.start() if self._begun is None else self._begun
        first, self._begun, self._first = self._first, None, []
        self._passes += 1
        self._taken += len(first)
        try:
            yield from first
            count = None if self._steps is None else self._steps - len(first)
            for batch in islice(iterator, count):
                self._taken += 1
                yield self._prepare(batch)
        finally:
            close = getattr(iterator, "close", None)
            if callable(close) and self._adapter.owns_iterator:
                close()
        self._adapter.end()

    def evaluate(self, network: _core.Network, hooks: BatchHooks) -> Means:
        """The means of loss and metrics, whose sums go on from where they are."""
        return evaluate_all(network, iter(self), hooks)


def evaluate_all(network: _core.Network, batches: Iterator[Samples], hooks: BatchHooks) -> Means:
    """Evaluates batch after batch.

    Raises:
        ValueError: If there is none.
    """
    means: Means | None = None
    for step, samples in enumerate(batches):
        if hooks.every:
            hooks.begin(step)
        means = network.test_on_batch(samples.x, samples.y, samples.weights)
        if hooks.every:
            hooks.end(step, means)
        hooks.show(step + 1, means)
    if means is None:
        raise ValueError("The data to evaluate on gave no batch at all.")
    return means


def predict_all(
    network: _core.Network,
    batches: Iterator[Array],
    begin: Callable[[int], None],
    end: Callable[[int, Array], None],
) -> Array:
    """The answers for batch after batch, joined.

    Raises:
        ValueError: If there is none.
    """
    answers = []
    for step, x in enumerate(batches):
        begin(step)
        answers.append(network.predict(x, x.shape[0], None))
        end(step, answers[-1])
    if not answers:
        raise ValueError("The data to predict from gave no batch at all.")
    return np.concatenate(answers)


def _fewer(batches: int | None, steps: int | None) -> int | None:
    if batches is None or steps is None:
        return batches if steps is None else steps
    return min(batches, steps)
