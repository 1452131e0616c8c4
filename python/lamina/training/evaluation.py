"""Evaluation over arrays and streams of batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from lamina import _checks, config
from lamina.callbacks.callback_list import CallbackList
from lamina.callbacks.progress import resolve_verbose
from lamina.data.adapters import DataAdapter, get_data_adapter
from lamina.data.samples import Samples
from lamina.execution.engine import Engine
from lamina.training.arguments import (
    abandon,
    batch_size_of,
    ignore_batch_size,
    poll_of,
    refuse_with_adapter,
)
from lamina.training.context import TrainingContext
from lamina.training.hooks import NO_HOOKS, BatchHooks, Means
from lamina.training.preparation import BatchPreparation, prepare


class ArrayBatches:
    """Samples in arrays, evaluated in one call unless hooks are called in between.

    Args:
        samples: The samples.
        size: The batch size.
        steps: How many batches to take; None means all.
    """

    def __init__(self, samples: Samples, size: int, steps: int | None) -> None:
        self._samples = samples if steps is None else samples.part(0, steps * size)
        self._size = size
        self.steps: int | None = -(-self._samples.rows // size)

    def evaluate(self, engine: Engine, hooks: BatchHooks) -> Means:
        """The means of loss and metrics, whose sums go on from where they are."""
        whole = self._samples
        if hooks.every == 0:
            return engine.evaluate(whole, self._size, hooks.poll)
        means = engine.metrics.numbers()
        assert self.steps is not None
        for step in range(0, self.steps, hooks.every):
            count = min(hooks.every, self.steps - step)
            part = whole.part(step * self._size, (step + count) * self._size)
            hooks.begin(step)
            means = engine.evaluate(part, self._size, None)
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

    def evaluate(self, engine: Engine, hooks: BatchHooks) -> Means:
        """The means of loss and metrics, whose sums go on from where they are."""
        return evaluate_all(engine, iter(self), hooks)


def evaluate_all(engine: Engine, batches: Iterator[Samples], hooks: BatchHooks) -> Means:
    """Evaluates batch after batch.

    Raises:
        ValueError: If there is none.
    """
    means: Means | None = None
    for step, samples in enumerate(batches):
        if hooks.every:
            hooks.begin(step)
        means = engine.test_batch(samples)
        if hooks.every:
            hooks.end(step, means)
        hooks.show(step + 1, means)
    if means is None:
        raise ValueError("The data to evaluate on gave no batch at all.")
    return means


def evaluate(
    trainer: TrainingContext,
    x: Any,
    y: Any,
    batch_size: int | None,
    verbose: Any,
    sample_weight: Any,
    steps: int | None,
    callbacks: Any,
    return_dict: bool,
) -> Any:
    """Loss and metrics on samples; see `Model.evaluate`."""
    trainer.compiled_config("evaluate")
    size = batch_size_of("evaluate", batch_size)
    if steps is not None:
        steps = _checks.integer("evaluate", "steps", steps, low=1)
    steps = config.limited_steps(steps)
    adapter = get_data_adapter(x, size)
    data: ArrayBatches | StreamBatches
    if adapter is None:
        samples, inputs = prepare(trainer, x, y, sample_weight)
        data = ArrayBatches(samples, size, steps)
        engine = trainer.ready_for(inputs.samples)
    else:
        refuse_with_adapter(x, "x", y=y, sample_weight=sample_weight)
        ignore_batch_size(x, batch_size, "batch_size")
        data = StreamBatches(adapter, BatchPreparation(trainer), steps)
        if trainer.model._has_shapes():
            engine = trainer.ready()
        else:
            engine = trainer.ready_for([array.shape[1:] for array in data.peek().x])
    metrics = engine.metrics
    if callbacks is None and resolve_verbose(verbose, quiet=True) == 0:
        metrics.reset()
        return metrics.result(data.evaluate(engine, NO_HOOKS), return_dict)
    callback_list = CallbackList.of(callbacks, trainer.model, verbose, data.steps, quiet=True)
    callback_list.on_test_begin({})
    metrics.reset()
    try:
        means = data.evaluate(engine, hooks_of(trainer, callback_list, show=True))
    except BaseException:
        abandon(callback_list)
        raise
    callback_list.on_test_end(metrics.logs(means))
    return metrics.result(means, return_dict)


def hooks_of(trainer: TrainingContext, callback_list: CallbackList, show: bool) -> BatchHooks:
    """The hooks for batches of an evaluation; without `show` it is a validation."""
    compiled = trainer.compiled_config()
    every = compiled.steps_per_execution if callback_list.wants_batches("test") else 0

    def logs(means: Means) -> dict[str, Any]:
        return trainer.ready().metrics.logs(means)

    def begin(step: int) -> None:
        callback_list.on_test_batch_begin(step, {})

    def end(step: int, means: Means) -> bool:
        callback_list.on_test_batch_end(step, logs(means))
        return False

    return BatchHooks(every, begin, end, poll_of(callback_list, logs) if show else None)


def _fewer(batches: int | None, steps: int | None) -> int | None:
    if batches is None or steps is None:
        return batches if steps is None else steps
    return min(batches, steps)
