"""The loop over epochs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina import config
from lamina.callbacks.callback import Logs
from lamina.training.arguments import abandon, poll_of
from lamina.training.context import TrainingContext
from lamina.training.evaluation import StreamBatches, hooks_of
from lamina.training.fit_state import FitState
from lamina.training.hooks import NO_HOOKS, BatchHooks, LostLossError, Means
from lamina.training.sources import ArrayEpochs, StreamEpochs, out_of_data


def run_epochs(
    trainer: TrainingContext, state: FitState, last: int, validates: Callable[[int], bool] | None
) -> None:
    """Trains up to an epoch.

    Args:
        trainer: The trainer of a compiled model that is ready.
        state: Where the training is.
        last: The epoch to train up to.
        validates: Tells whether to validate after an epoch; the first is 1. None: always.
    """
    model, compiled = trainer.model, trainer.config
    if compiled is None:
        raise RuntimeError("You must call `compile()` before training.")
    optimizer = compiled.optimizer
    callback_list, data = state.callbacks, state.epochs
    seed = trainer.counters.seed
    callback_list.on_train_begin({})
    if (
        trainer.counters.seed != seed
        and state.resplit is not None
        and isinstance(data, ArrayEpochs)
    ):
        data.samples, state.validation = state.resplit()
    validation = state.validation
    logs: Logs = {}
    watched = callback_list.watches_loss
    hooks = _hooks(trainer, state)
    checks = None if validation is None else hooks_of(trainer, callback_list, show=False)
    progress = callback_list.progress
    if checks is not None and progress is not None:
        checks.poll = progress.flush_if_due
    # Where custom code runs within an epoch, it may print.
    runs_user_code = hooks.every > 0 or isinstance(data, StreamEpochs)
    validation_runs_user_code = isinstance(validation, StreamBatches)
    while state.epoch < last and not model.stop_training:
        epoch = state.epoch
        engine = trainer.engine or trainer.ready()
        if state.step == 0:
            engine.metrics.reset()
            callback_list.on_epoch_begin(epoch, {})
        elif progress is not None:
            progress.on_epoch_begin(epoch)
        if trainer.engine is not engine:  # a callback has compiled the model anew
            engine = trainer.ready()
        if state.sums is not None:
            engine.metrics.set_state(state.sums)
            state.sums = None
        if watched or config.limits.check_finite:
            engine.watch = True
        if progress is not None:
            if hooks.poll is None:
                hooks.poll = poll_of(callback_list, engine.metrics.logs)
            if runs_user_code or not engine.is_planned or optimizer.has_python_schedule:
                callback_list.flush()
        try:
            means = data.run(engine, state.step, hooks)
        except LostLossError as lost:
            _report_lost(trainer, state, lost)
            means = engine.metrics.numbers()
        if isinstance(data, StreamEpochs) and data.is_empty:
            abandon(callback_list)
            if not logs:
                raise ValueError("The data to train on gave no batch at all.")
            out_of_data()
            break
        logs = engine.metrics.logs(means)
        if validation is not None and checks is not None and _is_due(validates, epoch):
            callback_list.on_test_begin({})
            engine = trainer.ready()
            engine.metrics.reset()
            if validation_runs_user_code or not engine.is_planned:
                callback_list.flush()
            validated = engine.metrics.logs(validation.evaluate(engine, checks))
            callback_list.on_test_end(validated)
            logs.update({f"val_{name}": value for name, value in validated.items()})
            logs = dict(sorted(logs.items()))
        callback_list.on_epoch_end(epoch, logs)
        state.epoch, state.step = epoch + 1, 0
        if optimizer.full_batch and optimizer.converged:
            break
    data.finish(trainer.engine or trainer.ready())
    if optimizer.use_ema:
        optimizer.finalize_variable_values()
    callback_list.on_train_end(logs)


def _is_due(validates: Callable[[int], bool] | None, epoch: int) -> bool:
    return validates is None or validates(epoch + 1)


def _hooks(trainer: TrainingContext, state: FitState) -> BatchHooks:
    # Found once: this runs for every batch.
    watchers = [c for c in state.callbacks.callbacks if c.wants_batches("train")]
    if not watchers:
        progress = state.callbacks.progress is not None
        return BatchHooks(0, _no_begin, _goes_on, None) if progress else NO_HOOKS
    begins = [callback.on_train_batch_begin for callback in watchers]
    ends = [callback.on_train_batch_end for callback in watchers]
    model = trainer.model

    def begin(step: int) -> None:
        for hook in begins:
            hook(step, {})

    def end(step: int, means: Means) -> bool:
        state.step = step + 1
        logs = trainer.ready().metrics.logs(means)
        for hook in ends:
            hook(step, logs)
        return model.stop_training

    return BatchHooks(trainer.compiled_config().steps_per_execution, begin, end, None)


def _no_begin(step: int) -> None:
    """Nothing is called before a batch."""


def _goes_on(step: int, means: Means) -> bool:
    """Nothing ends the epoch after a batch."""
    return False


def _report_lost(trainer: TrainingContext, state: FitState, lost: LostLossError) -> None:
    from lamina.training.diagnosis import report_nonfinite

    found = report_nonfinite(trainer.model, trainer.ready(), lost.samples)
    report = f"Epoch {state.epoch + 1}, batch {lost.step}: the loss is not finite. {found}"
    callback_list = state.callbacks
    if callback_list.progress is not None:
        callback_list.progress.interrupt()
    watching: list[Any] = [c for c in callback_list.callbacks if getattr(c, "watches_loss", False)]
    if not watching:
        raise FloatingPointError(f"fit: {report}")
    for callback in watching:
        callback.on_loss_lost(report)
