"""From the arguments of `fit` to a training."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina import _checks, config
from lamina.callbacks.callback_list import CallbackList
from lamina.callbacks.history import History
from lamina.data.adapters import DataAdapter, get_data_adapter
from lamina.data.samples import Samples
from lamina.data.split import split_samples, warn_of_missing_classes
from lamina.execution.trainable import PreparedInputs
from lamina.training.arguments import (
    BATCH_SIZE,
    abandon,
    as_callback_list,
    batch_size_of,
    ignore_batch_size,
    refuse_with_adapter,
    validation_epochs,
)
from lamina.training.context import TrainingContext
from lamina.training.evaluation import ArrayBatches, StreamBatches
from lamina.training.fit_state import FitState
from lamina.training.loop import run_epochs
from lamina.training.preparation import batches_of, prepare
from lamina.training.sources import ArrayEpochs, StreamEpochs

if TYPE_CHECKING:
    from lamina.training.compile_config import CompileConfig

Evaluation = ArrayBatches | StreamBatches
Split = Callable[[], tuple[Samples, ArrayBatches]]


class _Training:
    """What a training is made of, as the arguments say."""

    def __init__(
        self,
        data: ArrayEpochs | StreamEpochs,
        shapes: list[Any],
        validation: Evaluation | None = None,
        resplit: Split | None = None,
        known: PreparedInputs | None = None,
    ) -> None:
        self.data, self.shapes = data, shapes
        self.validation, self.resplit, self.known = validation, resplit, known


def fit(
    trainer: TrainingContext,
    x: Any,
    y: Any,
    batch_size: int | None,
    epochs: Any,
    verbose: Any,
    callbacks: Any,
    validation_split: Any,
    validation_data: Any,
    shuffle: Any,
    class_weight: Any,
    sample_weight: Any,
    initial_epoch: Any,
    steps_per_epoch: int | None,
    validation_steps: int | None,
    validation_batch_size: int | None,
    validation_freq: Any,
    validation_shuffle: Any,
) -> History:
    """Trains for some epochs; see `Model.fit`."""
    compiled = trainer.compiled_config("fit")
    size = BATCH_SIZE if batch_size is None else batch_size_of("fit", batch_size)
    last, first = _count("epochs", epochs), _count("initial_epoch", initial_epoch)
    mixed = shuffle if shuffle is True else _checks.boolean("fit", "shuffle", shuffle)
    share = _share(validation_split)
    steps = _steps("steps_per_epoch", steps_per_epoch)
    most = config.max_epochs()
    if most is not None:
        last = min(last, most)
    split_mixed = _checks.boolean("fit", "validation_shuffle", validation_shuffle)
    validates = None if validation_freq == 1 else validation_epochs(validation_freq)
    validation_count = _steps("validation_steps", validation_steps)
    validation_size = size
    if validation_batch_size is not None:
        validation_size = batch_size_of("fit", validation_batch_size, "validation_batch_size")

    adapter = None if type(x) is np.ndarray else get_data_adapter(x, size)
    if adapter is not None:
        refuse_with_adapter(x, "x", y=y, sample_weight=sample_weight)
        ignore_batch_size(x, batch_size, "batch_size")
        training = _from_stream(trainer, compiled, x, adapter, class_weight, mixed, steps, share)
    else:
        samples, inputs = prepare(trainer, x, y, sample_weight, class_weight)
        training = _Training(None, inputs.samples, known=inputs)  # type: ignore[arg-type]
        if share > 0.0 and validation_data is None:
            seed = trainer.counters.seed if split_mixed else None
            split = _splitter(trainer, compiled, samples, share, validation_size, validation_count)
            samples, training.validation = split(seed)
            if split_mixed:
                training.resplit = lambda: split(trainer.counters.seed)
        if compiled.optimizer.full_batch:
            size, mixed = _whole(compiled, samples, size, batch_size), False
        training.data = ArrayEpochs(samples, size, mixed, steps)
    if validation_data is not None:
        training.validation = _validation(
            trainer, validation_data, validation_size, validation_count, training.known
        )
    return _run(trainer, training, callbacks, verbose, first, last, validates)


def _run(
    trainer: TrainingContext,
    training: _Training,
    callbacks: Any,
    verbose: Any,
    first: int,
    last: int,
    validates: Callable[[int], bool] | None,
) -> History:
    model, data = trainer.model, training.data
    callback_list = as_callback_list(
        callbacks, model, verbose, data.steps, quiet=False, epochs=last
    )
    history = _history_of(callback_list, model)
    trainer.ready_for(training.shapes)
    model.stop_training = False
    state = FitState(data, callback_list, first, training.validation, training.resplit)
    outer, trainer.fit_state = trainer.fit_state, state
    progress = callback_list.progress
    if progress is not None:
        progress.be_patient(True)
    try:
        run_epochs(trainer, state, last, validates)
    except BaseException:
        abandon(callback_list)
        raise
    finally:
        if progress is not None:
            progress.be_patient(False)
        trainer.fit_state = outer
        data.close()
        if trainer.engine is not None:
            trainer.engine.watch = False
    return history


def _history_of(callback_list: CallbackList, model: Any) -> History:
    history = callback_list.history
    if history is None:
        history = History()
        callback_list.append(history)
        callback_list.set_model(model)
    return history


def _from_stream(
    trainer: TrainingContext,
    compiled: CompileConfig,
    x: Any,
    adapter: DataAdapter,
    class_weight: Any,
    mixed: bool,
    steps: int | None,
    share: float,
) -> _Training:
    if compiled.optimizer.full_batch:
        raise ValueError(
            f"fit: {type(compiled.optimizer).__name__} takes all samples as one batch, so "
            f"x must be an array. Received: x of type {type(x).__name__}"
        )
    if share > 0.0:
        raise ValueError(
            "`validation_split` needs arrays: it takes the last rows. Give "
            f"`validation_data`. Received: validation_split={share} and x of type "
            f"{type(x).__name__}"
        )
    counters = trainer.counters

    def place() -> tuple[int, int]:
        return counters.seed, counters.epochs

    prepared = batches_of(trainer, class_weight)
    data = StreamEpochs(adapter, prepared, place if mixed else None, steps)
    if trainer.model._has_shapes():
        return _Training(data, [])
    peeked = data.peek()
    if peeked is None:
        raise ValueError("The data to train on gave no batch at all.")
    return _Training(data, [array.shape[1:] for array in peeked.x])


def _splitter(
    trainer: TrainingContext,
    compiled: CompileConfig,
    whole: Samples,
    share: float,
    size: int,
    steps: int | None,
) -> Callable[[int | None], tuple[Samples, ArrayBatches]]:
    def split(seed: int | None) -> tuple[Samples, ArrayBatches]:
        trained, held_out = split_samples(whole, share, seed)
        losses = [output.loss for output in compiled.outputs or []]
        warn_of_missing_classes(losses, trained, held_out)
        return trained, ArrayBatches(held_out, size, steps)

    return split


def _whole(compiled: CompileConfig, samples: Samples, size: int, batch_size: int | None) -> int:
    """The batch size of an optimizer that takes all samples as one batch."""
    if batch_size is not None and size < samples.rows:
        raise ValueError(
            f"fit: {type(compiled.optimizer).__name__} takes all samples as one batch: "
            f"leave `batch_size` out. Received: batch_size={batch_size} for "
            f"{samples.rows} samples"
        )
    return samples.rows


def _validation(
    trainer: TrainingContext, data: Any, size: int, steps: int | None, known: PreparedInputs | None
) -> Evaluation:
    adapter = get_data_adapter(data, size, "validation_data")
    if adapter is not None:
        return StreamBatches(adapter, batches_of(trainer), steps)
    if not isinstance(data, (tuple, list)) or len(data) not in (2, 3):
        raise ValueError(
            "`validation_data` must be a tuple (x, y) or (x, y, sample_weight), or a source "
            f"of batches. Received: {type(data).__name__}"
            + (f" of length {len(data)}" if isinstance(data, (tuple, list)) else "")
        )
    weight = data[2] if len(data) == 3 else None
    samples, _ = prepare(trainer, data[0], data[1], weight, prefix="validation_data: ", known=known)
    return ArrayBatches(samples, size, steps)


def _count(name: str, value: Any) -> int:
    return (
        value if type(value) is int and value >= 0 else _checks.integer("fit", name, value, low=0)
    )


def _share(value: Any) -> float:
    if type(value) is float and value == 0.0:
        return value
    return _checks.number("fit", "validation_split", value, low=0.0, high=1.0, open_high=True)


def _steps(name: str, value: Any) -> int | None:
    return config.limited_steps(
        None if value is None else _checks.integer("fit", name, value, low=1)
    )
