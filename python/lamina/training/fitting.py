"""From the arguments of `fit` to a training."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
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
    batch_size_of,
    ignore_batch_size,
    refuse_with_adapter,
    validation_epochs,
)
from lamina.training.context import TrainingContext
from lamina.training.evaluation import ArrayBatches, StreamBatches
from lamina.training.fit_state import FitState
from lamina.training.loop import run_epochs
from lamina.training.preparation import BatchPreparation, prepare
from lamina.training.sources import ArrayEpochs, StreamEpochs

if TYPE_CHECKING:
    from lamina.training.compile_config import CompileConfig

Evaluation = ArrayBatches | StreamBatches
Split = Callable[[], tuple[Samples, ArrayBatches]]


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
    if not (type(epochs) is int and epochs >= 0 and type(initial_epoch) is int):
        epochs = _checks.integer("fit", "epochs", epochs, low=0)
    if initial_epoch != 0 or type(initial_epoch) is not int:
        initial_epoch = _checks.integer("fit", "initial_epoch", initial_epoch, low=0)
    if type(shuffle) is not bool:
        shuffle = _checks.boolean("fit", "shuffle", shuffle)
    if validation_split != 0.0 or type(validation_split) is not float:
        validation_split = _share(validation_split)
    limits = config.limits
    if steps_per_epoch is not None or limits.max_steps_per_epoch is not None:
        steps_per_epoch = _steps("steps_per_epoch", steps_per_epoch)
    if validation_steps is not None or limits.max_steps_per_epoch is not None:
        validation_steps = _steps("validation_steps", validation_steps)
    if limits.max_epochs is not None:
        epochs = min(epochs, limits.max_epochs)
    if type(validation_shuffle) is not bool:
        validation_shuffle = _checks.boolean("fit", "validation_shuffle", validation_shuffle)
    validates = None
    if validation_freq != 1 or type(validation_freq) is not int:
        validates = validation_epochs(validation_freq)
    validation_size = size
    if validation_batch_size is not None:
        validation_size = batch_size_of("fit", validation_batch_size, "validation_batch_size")

    adapter = None if type(x) is np.ndarray else get_data_adapter(x, size)
    data: ArrayEpochs | StreamEpochs
    validation: Evaluation | None = None
    resplit: Split | None = None
    known: PreparedInputs | None = None
    if adapter is not None:
        refuse_with_adapter(x, "x", y=y, sample_weight=sample_weight)
        ignore_batch_size(x, batch_size, "batch_size")
        _refuse_stream(compiled, x, validation_split)
        data, known = _stream(trainer, adapter, class_weight, shuffle, steps_per_epoch)
    else:
        samples, known = prepare(trainer, x, y, sample_weight, class_weight)
        if validation_split > 0.0 and validation_data is None:
            split = _splitter(trainer, samples, validation_split, validation_size, validation_steps)
            samples, validation = split(trainer.counters.seed if validation_shuffle else None)
            if validation_shuffle:
                resplit = partial(_again, trainer, split)
        if compiled.optimizer.full_batch:
            size, shuffle = _whole(compiled, samples, size, batch_size), False
        data = ArrayEpochs(samples, size, shuffle, steps_per_epoch)
    if validation_data is not None:
        validation = _validation(trainer, validation_data, validation_size, validation_steps, known)
    callback_list = CallbackList.of(
        callbacks, None, verbose, data.steps, quiet=False, epochs=epochs
    )
    if trainer.engine is None and known is not None:  # nothing can be wrong with arguments now
        trainer.ready_for(known.samples)
    state = FitState(data, callback_list, initial_epoch, validation, resplit)
    return _run(trainer, state, epochs, validates)


def _run(
    trainer: TrainingContext,
    state: FitState,
    last: int,
    validates: Callable[[int], bool] | None,
) -> History:
    model, callback_list, data = trainer.model, state.callbacks, state.epochs
    history = callback_list.history
    if history is None:
        history = History()
        callback_list.append(history)
    trainer.history = history
    callback_list.set_model(model)
    if trainer.engine is None:
        trainer.ready()
    if model.stop_training:
        model.stop_training = False
    outer, trainer.fit_state = trainer.fit_state, state
    progress = callback_list.progress
    if progress is not None:
        progress.set_buffering(True)
    try:
        run_epochs(trainer, state, last, validates)
    except BaseException:
        abandon(callback_list)
        raise
    finally:
        if progress is not None:
            progress.set_buffering(False)
        trainer.fit_state = outer
        data.close()
        if trainer.engine is not None and trainer.engine.watch:
            trainer.engine.watch = False
    return history


def _again(
    trainer: TrainingContext, split: Callable[[int | None], tuple[Samples, ArrayBatches]]
) -> tuple[Samples, ArrayBatches]:
    return split(trainer.counters.seed)


def _refuse_stream(compiled: CompileConfig, x: Any, share: float) -> None:
    """Raises for what needs arrays."""
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


def _stream(
    trainer: TrainingContext,
    adapter: DataAdapter,
    class_weight: Any,
    shuffle: bool,
    steps: int | None,
) -> tuple[StreamEpochs, PreparedInputs | None]:
    """Epochs of a stream, and the shapes of its first batch where the model has none."""
    counters = trainer.counters

    def place() -> tuple[int, int]:
        return counters.seed, counters.epochs

    prepared = BatchPreparation(trainer, class_weight)
    data = StreamEpochs(adapter, prepared, place if shuffle else None, steps)
    if trainer.model._has_shapes():
        return data, None
    if data.peek() is None:
        raise ValueError("The data to train on gave no batch at all.")
    return data, prepared.known


def _splitter(
    trainer: TrainingContext,
    whole: Samples,
    share: float,
    size: int,
    steps: int | None,
) -> Callable[[int | None], tuple[Samples, ArrayBatches]]:
    def split(seed: int | None) -> tuple[Samples, ArrayBatches]:
        trained, held_out = split_samples(whole, share, seed)
        losses = [output.loss for output in trainer.compiled_config().outputs or []]
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
        return StreamBatches(adapter, BatchPreparation(trainer), steps)
    if not isinstance(data, (tuple, list)) or len(data) not in (2, 3):
        raise ValueError(
            "`validation_data` must be a tuple (x, y) or (x, y, sample_weight), or a source "
            f"of batches. Received: {type(data).__name__}"
            + (f" of length {len(data)}" if isinstance(data, (tuple, list)) else "")
        )
    weight = data[2] if len(data) == 3 else None
    samples, _ = prepare(trainer, data[0], data[1], weight, prefix="validation_data: ", known=known)
    return ArrayBatches(samples, size, steps)


def _share(value: Any) -> float:
    return _checks.number("fit", "validation_split", value, low=0.0, high=1.0, open_high=True)


def _steps(name: str, value: Any) -> int | None:
    return config.limited_steps(
        None if value is None else _checks.integer("fit", name, value, low=1)
    )
