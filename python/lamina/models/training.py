"""The part of a model that trains: the loop over epochs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lamina._core as _core
from lamina import _checks, config
from lamina._typing import Shape
from lamina.callbacks.callback import Logs
from lamina.callbacks.callback_list import CallbackList
from lamina.callbacks.history import History
from lamina.data.adapters import get_data_adapter
from lamina.data.samples import Samples
from lamina.data.split import split_samples, warn_of_missing_classes
from lamina.models.batches import ArrayBatches, StreamBatches
from lamina.models.inference import (
    Inference,
    abandon,
    answer,
    as_callback_list,
    batch_size_of,
    ignore_batch_size,
    poll_of,
    refuse_with_adapter,
)
from lamina.training.compile_config import CompileConfig
from lamina.training.fit_state import FitState
from lamina.training.hooks import BatchHooks, LostLossError, Means
from lamina.training.sources import ArrayEpochs, StreamEpochs, out_of_data

Evaluation = ArrayBatches | StreamBatches


class Trainer(Inference):
    """A model that can be trained."""

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
        validation_shuffle: bool = False,
    ) -> History:
        """Trains for some epochs.

        Over arrays an epoch is one call into the core, with the GIL released, unless a callback
        has hooks for batches. Arrays are read where they lie, whatever their strides; integers
        are converted batch by batch. Ctrl-C stops at once with KeyboardInterrupt; the model is
        then as after its last whole step.

        Args:
            x: The inputs: an array (or list, pandas or polars frame) with one row for each
                sample. Or a source of batches (x, y) or (x, y, sample_weight): a
                `lamina.data.Dataset`, a `PyDataset`, a generator, a PyTorch DataLoader or
                anything else that can be iterated.
            y: The targets: like the predictions, or integer labels for the sparse loss. A last
                axis of 1 may be left out; nothing else is broadcast.
            batch_size: Samples a step; None means 32, and all of them for `LBFGS`. The last
                batch may be smaller and is averaged over its true size. Sources of batches
                have their own.
            epochs: The epoch to train up to.
            verbose: 0 silent, 1 a bar, 2 a line for each epoch, "auto" 1 on a terminal, else 2.
            callbacks: A list of `lamina.callbacks.Callback`.
            validation_split: The share of samples, from the end and before any shuffling, to
                validate on instead of training. Arrays only. A warning tells when a class is
                missing from one side.
            validation_data: Samples to validate on: (x, y) or (x, y, sample_weight), or a source
                of batches.
            shuffle: Whether each epoch takes the samples in a new random order: a function of
                the model's seed and of how many epochs it has seen. Of a `PyDataset` the batches
                are shuffled; other sources decide for themselves.
            class_weight: Weights of classes: a dictionary of integers to numbers.
            sample_weight: One weight for each sample, or for each position of all axes of its
                prediction but the last.
            initial_epoch: The epoch to start from.
            steps_per_epoch: How many batches make an epoch; None for all. The next epoch goes on
                where this one stopped.
            validation_steps: How many batches to validate on; None means all.
            validation_batch_size: The batch size of validation; None means `batch_size`.
            validation_freq: Validate every so many epochs, or after the epochs of a list
                (the first is 1).
            validation_shuffle: Take the rows of `validation_split` at random, by the model's
                seed, rather than from the end.

        Returns:
            A `History`: `history.history["loss"]` has one number for each epoch.

        Raises:
            RuntimeError: If the model is not compiled.
            TypeError: For arrays that do not hold real numbers.
            ValueError: For shapes and lengths that do not fit, no samples at all, NaN among
                the targets, and labels that are no class. Nothing has changed then, but by
                earlier batches of a source.
            FloatingPointError: With `lamina.config.set_check_finite(True)`, for a loss that is
                not finite.
        """
        compiled = self._require_compiled("fit")
        size = batch_size_of("fit", batch_size)
        last = _checks.integer("fit", "epochs", epochs, low=0)
        first = _checks.integer("fit", "initial_epoch", initial_epoch, low=0)
        mixed = _checks.boolean("fit", "shuffle", shuffle)
        share = _checks.number(
            "fit", "validation_split", validation_split, low=0.0, high=1.0, open_high=True
        )
        steps = config.limited_steps(_steps("steps_per_epoch", steps_per_epoch))
        validation_count = config.limited_steps(_steps("validation_steps", validation_steps))
        most = config.max_epochs()
        if most is not None:
            last = min(last, most)
        split_mixed = _checks.boolean("fit", "validation_shuffle", validation_shuffle)
        validation_size = size
        if validation_batch_size is not None:
            validation_size = batch_size_of("fit", validation_batch_size, "validation_batch_size")
        frequency = _validation_epochs(validation_freq)

        x = self._only_input(x)
        adapter = get_data_adapter(x, size)
        full_batch = compiled.optimizer.full_batch
        validation: Evaluation | None = None
        resplit: Callable[[], tuple[Samples, ArrayBatches]] | None = None
        data: ArrayEpochs | StreamEpochs
        if adapter is not None:
            if full_batch:
                raise ValueError(
                    f"fit: {type(compiled.optimizer).__name__} takes all samples as one batch, so "
                    f"x must be an array. Received: x of type {type(x).__name__}"
                )
            refuse_with_adapter(x, "x", y=y, sample_weight=sample_weight)
            ignore_batch_size(x, batch_size, "batch_size")
            if share > 0.0:
                raise ValueError(
                    "`validation_split` needs arrays: it takes the last rows. Give "
                    f"`validation_data`. Received: validation_split={share} and x of type "
                    f"{type(x).__name__}"
                )
            place = self._place if mixed else None
            data = StreamEpochs(adapter, self._prepare_batch(compiled, class_weight), place, steps)
            if self.built:
                shapes = self._sample(), self._output_after(len(self._layers))
            else:
                peeked = data.peek()
                if peeked is None:
                    raise ValueError("The data to train on gave no batch at all.")
                shapes = self._shapes_for(peeked.x)
        else:
            samples, *both = self._prepare(compiled, x, y, sample_weight, class_weight)
            shapes = both[0], both[1]
            if share > 0.0 and validation_data is None:
                whole = samples

                def split() -> tuple[Samples, ArrayBatches]:
                    seed = self._seed if split_mixed else None
                    trained, held_out = split_samples(whole, share, seed)
                    warn_of_missing_classes(compiled.loss, trained, held_out)
                    return trained, ArrayBatches(held_out, validation_size, validation_count)

                samples, validation = split()
                resplit = split if split_mixed else None
            if full_batch:
                if batch_size is not None and size < samples.rows:
                    raise ValueError(
                        f"fit: {type(compiled.optimizer).__name__} takes all samples as one batch: "
                        f"leave `batch_size` out. Received: batch_size={batch_size} for "
                        f"{samples.rows} samples"
                    )
                size, mixed = samples.rows, False
            data = ArrayEpochs(samples, size, mixed, steps)
        if validation_data is not None:
            validation = self._validation(
                compiled, validation_data, validation_size, validation_count, shapes
            )

        callback_list = as_callback_list(
            callbacks, self, verbose, data.steps, quiet=False, epochs=last
        )
        if callback_list.history is None:
            callback_list.append(History())
            callback_list.set_model(self)
        self._ready(shapes[0])
        self.stop_training = False
        outer, self._fit_state = (
            self._fit_state,
            FitState(data, callback_list, first, validation, resplit),
        )
        progress = callback_list.progress
        if progress is not None:
            progress.be_patient(True)
        try:
            self._fit(compiled, self._fit_state, last, frequency)
        except BaseException:
            abandon(callback_list)
            raise
        finally:
            if progress is not None:
                progress.be_patient(False)
            self._fit_state = outer
            data.close()
            if self._network is not None:
                self._network.watch = False
        assert callback_list.history is not None
        return callback_list.history

    def _fit(
        self,
        compiled: CompileConfig,
        fitting: FitState,
        last: int,
        validates: Callable[[int], bool],
    ) -> None:
        callback_list, data = fitting.callbacks, fitting.epochs
        seed = self._seed
        callback_list.on_train_begin({})
        if self._seed != seed and fitting.resplit is not None and isinstance(data, ArrayEpochs):
            data.samples, fitting.validation = fitting.resplit()
        validation = fitting.validation
        logs: Logs = {}
        watched = _watches(callback_list)
        hooks = self._train_hooks(compiled, fitting)
        checks = None if validation is None else self._test_hooks(callback_list, show=False)
        progress = callback_list.progress
        if checks is not None and progress is not None:
            checks.poll = progress.flush_if_due
        # Where code of the user's runs within an epoch, it may print.
        runs_user_code = hooks.every > 0 or isinstance(data, StreamEpochs)
        validation_runs_user_code = isinstance(validation, StreamBatches)
        while fitting.epoch < last and not self.stop_training:
            epoch = fitting.epoch
            network = self._plan()
            if fitting.step == 0:
                network.reset_metrics()
                callback_list.on_epoch_begin(epoch, {})
            elif callback_list.progress is not None:
                callback_list.progress.on_epoch_begin(epoch)
            network = self._plan()  # a callback may have compiled the model anew
            if fitting.sums is not None:
                network.set_metric_state(fitting.sums)
                fitting.sums = None
            network.watch = watched or config.check_finite()
            if hooks.poll is None:
                hooks.poll = poll_of(callback_list, compiled.logs)
            planned = isinstance(network, _core.Network)
            if runs_user_code or not planned or compiled.optimizer.has_python_schedule:
                callback_list.flush()
            try:
                means = data.run(network, fitting.step, hooks)
            except LostLossError as lost:
                self._loss_lost(callback_list, epoch, lost)
                means = network.metric_values()
            if isinstance(data, StreamEpochs) and data.is_empty:
                abandon(callback_list)
                if not logs:
                    raise ValueError("The data to train on gave no batch at all.")
                out_of_data()
                break
            logs = compiled.logs(means)
            if validation is not None and checks is not None and validates(epoch + 1):
                callback_list.on_test_begin({})
                network = self._plan()
                network.reset_metrics()
                if validation_runs_user_code or not planned:
                    callback_list.flush()
                validated = compiled.logs(validation.evaluate(network, checks))
                callback_list.on_test_end(validated)
                logs.update({f"val_{name}": value for name, value in validated.items()})
                logs = dict(sorted(logs.items()))
            callback_list.on_epoch_end(epoch, logs)
            fitting.epoch, fitting.step = epoch + 1, 0
            if compiled.optimizer.converged:
                break
        data.finish(self._plan())
        compiled.optimizer.finalize_variable_values()
        callback_list.on_train_end(logs)

    def _train_hooks(self, compiled: CompileConfig, fitting: FitState) -> BatchHooks:
        # Found once: this runs for every batch.
        watchers = [c for c in fitting.callbacks.callbacks if c.wants_batches("train")]
        begins = [callback.on_train_batch_begin for callback in watchers]
        ends = [callback.on_train_batch_end for callback in watchers]

        def begin(step: int) -> None:
            for hook in begins:
                hook(step, {})

        def end(step: int, means: Means) -> bool:
            fitting.step = step + 1
            if ends:
                logs = compiled.logs(means)
                for hook in ends:
                    hook(step, logs)
            return self.stop_training

        every = compiled.steps_per_execution if watchers else 0
        return BatchHooks(every, begin, end, None)

    def _loss_lost(self, callback_list: CallbackList, epoch: int, lost: LostLossError) -> None:
        from lamina.training.diagnosis import report_nonfinite

        report = (
            f"Epoch {epoch + 1}, batch {lost.step}: the loss is not finite. "
            f"{report_nonfinite(self, lost.samples)}"
        )
        if callback_list.progress is not None:
            callback_list.progress.interrupt()
        watching = [c for c in callback_list.callbacks if getattr(c, "watches_loss", False)]
        if not watching:
            raise FloatingPointError(f"fit: {report}")
        for callback in watching:
            callback.on_loss_lost(report)  # type: ignore[attr-defined]

    def _place(self) -> tuple[int, int]:
        """What orders a pass: the seed and the passes seen."""
        network = self._network
        return self._seed, self._epochs_seen if network is None else network.epochs_seen

    def _validation(
        self,
        compiled: CompileConfig,
        data: Any,
        size: int,
        steps: int | None,
        shapes: tuple[Shape, Shape],
    ) -> Evaluation:
        prefix = "validation_data: "
        adapter = get_data_adapter(data, size, "validation_data")
        if adapter is not None:
            return StreamBatches(adapter, self._prepare_batch(compiled), steps)
        if not isinstance(data, (tuple, list)) or len(data) not in (2, 3):
            raise ValueError(
                "`validation_data` must be a tuple (x, y) or (x, y, sample_weight), or a source "
                f"of batches. Received: {type(data).__name__}"
                + (f" of length {len(data)}" if isinstance(data, (tuple, list)) else "")
            )
        weight = data[2] if len(data) == 3 else None
        samples, _, _ = self._prepare(
            compiled, data[0], data[1], weight, prefix=prefix, shapes=shapes
        )
        return ArrayBatches(samples, size, steps)

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """One step on one batch.

        Loss and metrics are those of this batch, before the step, as in Keras.

        Args:
            x: As for `fit`.
            y: As for `fit`.
            sample_weight: As for `fit`.
            class_weight: As for `fit`.
            return_dict: Return a dictionary.

        Returns:
            The loss; with metrics a list of loss and metrics; or a dictionary of them.

        Raises:
            As `fit`.
        """
        network = self._network if not self._front else None
        compiled = self._compiled
        if (
            network is not None
            and compiled is not None
            and compiled.loss is not None
            and sample_weight is None
            and class_weight is None
            and not config.check_finite()
        ):
            result = network.try_train_on_batch(x, y)  # None: the longer way is to be taken
            if isinstance(result, float):
                return {"loss": result} if return_dict else result
            if result is not None:
                return answer(compiled, result, return_dict)
        compiled = self._require_compiled("train_on_batch")
        samples, sample, _ = self._prepare(compiled, x, y, sample_weight, class_weight)
        network = self._ready(sample)
        network.watch = config.check_finite()
        try:
            means = network.train_on_batch(samples.x, samples.y, samples.weights, True)
        except FloatingPointError:
            from lamina.training.diagnosis import report_nonfinite

            raise FloatingPointError(
                f"train_on_batch: the loss is not finite. {report_nonfinite(self, samples)}"
            ) from None
        finally:
            network.watch = False
        return answer(compiled, means, return_dict)


def _watches(callback_list: CallbackList) -> bool:
    return any(getattr(callback, "watches_loss", False) for callback in callback_list.callbacks)


def _steps(name: str, value: Any) -> int | None:
    return None if value is None else _checks.integer("fit", name, value, low=1)


def _validation_epochs(frequency: Any) -> Callable[[int], bool]:
    """A function that tells whether to validate after an epoch; the first is 1."""
    if isinstance(frequency, (list, tuple, set, frozenset)):
        chosen = {_checks.integer("fit", "validation_freq", epoch, low=1) for epoch in frequency}
        return lambda epoch: epoch in chosen
    every = _checks.integer("fit", "validation_freq", frequency, low=1)
    return lambda epoch: epoch % every == 0
