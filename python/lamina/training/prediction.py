"""Prediction over arrays and streams of batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import Any

import numpy as np

from lamina import _checks, config
from lamina._typing import Array
from lamina.callbacks.callback_list import CallbackList
from lamina.callbacks.progress import resolve_verbose
from lamina.data.adapters import DataAdapter, get_data_adapter, unpack
from lamina.execution.engine import Engine
from lamina.graph import tree
from lamina.training.arguments import (
    abandon,
    batch_size_of,
    ignore_batch_size,
)
from lamina.training.context import TrainingContext


def fast(call: Callable[[Any], Any], x: Any, batch_size: int | None, verbose: Any) -> Any:
    """The outputs by an engine's fast way; None where the longer one is to be taken."""
    if batch_size is not None:
        batch_size_of("predict", batch_size)
    if resolve_verbose(verbose, quiet=True) != 0 or config.limited_steps(None) is not None:
        return None
    return call(x)


def predict(
    trainer: TrainingContext,
    x: Any,
    batch_size: int | None,
    verbose: Any,
    steps: int | None,
    callbacks: Any,
) -> Any:
    """The outputs for samples; see `Model.predict`."""
    model = trainer.model
    size = batch_size_of("predict", batch_size)
    quiet = callbacks is None and resolve_verbose(verbose, quiet=True) == 0
    steps = config.limited_steps(steps)
    if steps is not None:
        steps = _checks.integer("predict", "steps", steps, low=1)
    adapter = get_data_adapter(x, size)
    if adapter is not None:
        ignore_batch_size(x, batch_size, "batch_size")
        return _predict_stream(trainer, adapter, verbose, steps, callbacks)
    inputs = model._prepare_inputs(x, "x")
    arrays = inputs.arrays
    if steps is not None:
        arrays = [array[: steps * size] for array in arrays]
    rows = len(arrays[0])
    engine = trainer.ready_for(inputs.samples)
    if quiet:
        return engine.predict(arrays, size, None)
    count = -(-rows // size)
    callback_list = CallbackList.of(callbacks, model, verbose, count, quiet=True)
    callback_list.on_predict_begin({})
    try:
        if callback_list.wants_batches("predict"):
            parts = ([a[i : i + size] for a in arrays] for i in range(0, rows, size))
            result = predict_all(engine, parts, *_hooks_of(callback_list))
        else:
            result = engine.predict(arrays, size, None)
    except BaseException:
        abandon(callback_list)
        raise
    callback_list.on_predict_end({})
    return result


def _predict_stream(
    trainer: TrainingContext, adapter: DataAdapter, verbose: Any, steps: int | None, callbacks: Any
) -> Any:
    model = trainer.model
    count = adapter.batches if steps is None else steps
    callback_list = CallbackList.of(callbacks, model, verbose, count, quiet=True)
    iterator = adapter.start()
    batches = (model._prepare_inputs(unpack(b, False)[0], "x") for b in islice(iterator, steps))
    first = next(batches, None)
    if first is None:
        raise ValueError("The data to predict from gave no batch at all.")
    engine = trainer.ready_for(first.samples)
    callback_list.on_predict_begin({})
    try:
        arrays = (inputs.arrays for inputs in chain([first], batches))
        result = predict_all(engine, arrays, *_hooks_of(callback_list))
    except BaseException:
        abandon(callback_list)
        raise
    finally:
        close = getattr(iterator, "close", None)
        if callable(close) and adapter.owns_iterator:
            close()
    adapter.end()
    callback_list.on_predict_end({})
    return result


def _hooks_of(
    callback_list: CallbackList,
) -> tuple[Callable[[int], None], Callable[[int, Any], None]]:
    poll = callback_list.poll

    def begin(step: int) -> None:
        callback_list.on_predict_batch_begin(step, {})

    def end(step: int, outputs: Any) -> None:
        callback_list.on_predict_batch_end(step, {"outputs": outputs})
        if poll is not None:
            poll(step + 1, dict)

    return begin, end


def predict_all(
    engine: Engine,
    batches: Iterator[list[Array]],
    begin: Callable[[int], None],
    end: Callable[[int, Any], None],
) -> Any:
    """The outputs for batch after batch, joined.

    Raises:
        ValueError: If there is none.
    """
    outputs = []
    for step, x in enumerate(batches):
        begin(step)
        outputs.append(engine.predict(x, x[0].shape[0], None))
        end(step, outputs[-1])
    if not outputs:
        raise ValueError("The data to predict from gave no batch at all.")
    return joined(outputs)


def joined(outputs: list[Any]) -> Any:
    """The outputs of several batches as one: arrays, or structures of arrays."""
    if isinstance(outputs[0], np.ndarray):
        return np.concatenate(outputs)
    columns = zip(*(tree.flatten(part) for part in outputs), strict=True)
    return tree.pack(outputs[0], [np.concatenate(column) for column in columns])
