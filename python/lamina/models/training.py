"""The part of a model that trains: the loop over epochs around single calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lamina import _checks, _core
from lamina._typing import Array, Shape
from lamina.callbacks.callback import CallbackList, Logs
from lamina.callbacks.history import History
from lamina.callbacks.progress import ProgressBar, resolve_verbose
from lamina.models.compiled import Compiled
from lamina.models.data import Samples, fit_inputs, input_array, make_samples, split_tail
from lamina.models.inference import Inference, answer, batch_size_of


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
    ) -> History:
        """Trains for some epochs. Each is one call into the core, with the GIL released.

        Arrays are read where they lie, whatever their strides; integers are converted batch
        by batch. Ctrl-C stops at once with KeyboardInterrupt; the model is then as after its
        last whole step.

        Args:
            x: The inputs: an array with one row for each sample.
            y: The targets: like the predictions, or integer labels for the sparse loss. A last
                axis of 1 may be left out; nothing else is broadcast.
            batch_size: Samples a step; None means 32. The last batch may be smaller and is
                averaged over its true size.
            epochs: The epoch to train up to.
            verbose: 0 silent, 1 a bar, 2 a line for each epoch, "auto" 1 on a terminal, else 2.
            callbacks: A list of `lamina.callbacks.Callback`.
            validation_split: The share of samples, from the end and before any shuffling, to
                validate on instead of training.
            validation_data: Samples to validate on: (x, y) or (x, y, sample_weight).
            shuffle: Whether each epoch takes the samples in a new random order: a function of
                the model's seed and of how many epochs it has seen.
            class_weight: Weights of classes: a dictionary of integers to numbers.
            sample_weight: One weight for each sample.
            initial_epoch: The epoch to start from.
            steps_per_epoch: Not supported yet: None only.
            validation_steps: How many batches to validate on; None means all.
            validation_batch_size: The batch size of validation; None means `batch_size`.
            validation_freq: Validate every so many epochs, or after the epochs of a list
                (the first is 1).

        Returns:
            A `History`: `history.history["loss"]` has one number for each epoch.

        Raises:
            RuntimeError: If the model is not compiled.
            TypeError: For arrays that do not hold real numbers.
            ValueError: For shapes and lengths that do not fit, no samples at all, NaN among
                the targets, and labels that are no class. Nothing has changed then.
        """
        compiled = self._require_compiled("fit")
        if steps_per_epoch is not None:
            raise _checks.unsupported("fit", "steps_per_epoch", steps_per_epoch)
        size = batch_size_of("fit", batch_size)
        last = _checks.integer("fit", "epochs", epochs, low=0)
        first = _checks.integer("fit", "initial_epoch", initial_epoch, low=0)
        mixed = _checks.boolean("fit", "shuffle", shuffle)
        mode = resolve_verbose(verbose)
        share = _checks.number(
            "fit", "validation_split", validation_split, low=0.0, high=1.0, open_high=True
        )
        validation_size = size
        if validation_batch_size is not None:
            validation_size = batch_size_of("fit", validation_batch_size, "validation_batch_size")
        frequency = _validation_epochs(validation_freq)

        samples, sample, output = self._prepare(compiled, x, y, sample_weight, class_weight)
        validation: Samples | None = None
        if validation_data is not None:
            validation = self._validation(compiled, validation_data, sample, output)
        elif share > 0.0:
            samples, validation = split_tail(samples, share)
        if validation is not None and validation_steps is not None:
            steps = _checks.integer("fit", "validation_steps", validation_steps, low=1)
            validation = validation.part(0, steps * validation_size)

        steps = -(-samples.rows // size)
        history = History()
        parameters = {"verbose": verbose, "epochs": last, "steps": steps}
        callback_list = CallbackList(callbacks, self, parameters)
        callback_list.callbacks.append(history)
        history.set_model(self)
        history.set_params(parameters)

        network = self._ready(sample)
        self.stop_training = False
        self.history = history
        callback_list.call("on_train_begin", {})
        logs: Logs = {}
        for epoch in range(first, last):
            callback_list.call("on_epoch_begin", epoch, {})
            if mode:
                print(f"Epoch {epoch + 1}/{last}", flush=True)
            bar = ProgressBar(steps, mode, compiled.logs)
            network.reset_metrics()
            try:
                if callback_list.wants_batches():
                    means = self._train_by_batches(network, samples, size, mixed, callback_list)
                else:
                    means = network.train(
                        samples.x, samples.y, samples.weights, size, mixed, bar.poll
                    )
                logs = compiled.logs(means)
                if validation is not None and frequency(epoch + 1):
                    callback_list.call("on_test_begin", {})
                    network.reset_metrics()
                    means = network.evaluate(
                        validation.x, validation.y, validation.weights, validation_size, None
                    )
                    validated = compiled.logs(means)
                    callback_list.call("on_test_end", validated)
                    logs.update({f"val_{name}": value for name, value in validated.items()})
            except BaseException:
                bar.abandon()
                raise
            bar.finish(logs)
            callback_list.call("on_epoch_end", epoch, logs)
            if self.stop_training:
                break
        callback_list.call("on_train_end", logs)
        return history

    def _validation(self, compiled: Compiled, data: Any, sample: Shape, output: Shape) -> Samples:
        if not isinstance(data, (tuple, list)) or len(data) not in (2, 3):
            raise ValueError(
                "`validation_data` must be a tuple (x, y) or (x, y, sample_weight). "
                f"Received: {type(data).__name__}"
                + (f" of length {len(data)}" if isinstance(data, (tuple, list)) else "")
            )
        name = "validation_data: x"
        inputs = fit_inputs(input_array(data[0], name), sample, name)
        weight = data[2] if len(data) == 3 else None
        return make_samples(
            inputs, data[1], weight, None, output, compiled.labels, "validation_data: "
        )

    def _train_by_batches(
        self,
        network: _core.Network,
        samples: Samples,
        size: int,
        shuffle: bool,
        callback_list: CallbackList,
    ) -> list[float]:
        """One epoch with a call for each batch: the same bits as in one call."""
        assert self._compiled is not None
        order: Array = np.arange(samples.rows)
        if shuffle:
            stream = _core.stream_id("shuffle", 0, network.epochs_seen)
            order = np.asarray(_core.permutation(samples.rows, network.seed, stream))
        means: list[float] = []
        for batch, start in enumerate(range(0, samples.rows, size)):
            rows = order[start : start + size]
            callback_list.call("on_train_batch_begin", batch, {})
            weights = None if samples.weights is None else samples.weights[rows]
            means = network.train_on_batch(samples.x[rows], samples.y[rows], weights)
            callback_list.call("on_train_batch_end", batch, self._compiled.logs(means))
        network.epochs_seen += 1
        return means

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
        network = self._network
        compiled = self._compiled
        if (
            network is not None
            and compiled is not None
            and compiled.loss is not None
            and sample_weight is None
            and class_weight is None
        ):
            result = network.try_train_on_batch(x, y)  # None: the longer way is to be taken
            if isinstance(result, float):
                return {"loss": result} if return_dict else result
            if result is not None:
                return answer(compiled, result, return_dict)
        compiled = self._require_compiled("train_on_batch")
        samples, sample, _ = self._prepare(compiled, x, y, sample_weight, class_weight)
        network = self._ready(sample)
        means = network.train_on_batch(samples.x, samples.y, samples.weights, True)
        return answer(compiled, means, return_dict)


def _validation_epochs(frequency: Any) -> Callable[[int], bool]:
    """A function that tells whether to validate after an epoch; the first is 1."""
    if isinstance(frequency, (list, tuple, set, frozenset)):
        chosen = {_checks.integer("fit", "validation_freq", epoch, low=1) for epoch in frequency}
        return lambda epoch: epoch in chosen
    every = _checks.integer("fit", "validation_freq", frequency, low=1)
    return lambda epoch: epoch % every == 0
