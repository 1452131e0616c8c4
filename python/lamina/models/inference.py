"""The part of a model that evaluates and predicts."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from itertools import chain, islice
from typing import Any

import numpy as np

import lamina._core as _core
from lamina import _checks, config
from lamina._arrays import real_array
from lamina._typing import Array, Shape
from lamina.callbacks.callback import Logs
from lamina.callbacks.callback_list import CallbackList
from lamina.callbacks.progress import resolve_verbose
from lamina.data.adapters import DataAdapter, get_data_adapter, unpack
from lamina.data.dataset import Dataset
from lamina.data.samples import Samples
from lamina.graph.keras_tensor import KerasTensor
from lamina.layers import call_context
from lamina.models.batches import ArrayBatches, StreamBatches, predict_all
from lamina.models.steps import Steps
from lamina.training.compile_config import CompileConfig
from lamina.training.hooks import NO_HOOKS, BatchHooks, Means, Poll

_BATCH = 32


class Inference(Steps):
    """A model that can evaluate and predict."""

    # What Stack defines.

    @property
    def dtype(self) -> str:
        """The floating-point type that the model computes in."""
        raise NotImplementedError

    #: The core's call on tensors, where a call is nothing else.
    _quick_call: Any = None

    def _call_on_tape(self, inputs: Any, training: bool | None) -> Any:
        raise NotImplementedError

    # Evaluating.

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Loss and metrics on samples, without training.

        Args:
            x: As for `fit`.
            y: As for `fit`.
            batch_size: As for `fit`.
            sample_weight: As for `fit`.
            verbose: As for `fit`; "auto" is silent but on a terminal.
            steps: How many batches to take; None means all.
            callbacks: A list of callbacks; their `on_test_*` hooks are called.
            return_dict: Return a dictionary.

        Returns:
            The loss; with metrics a list of loss and metrics; or a dictionary of them.

        Raises:
            As `fit`.
        """
        compiled = self._require_compiled("evaluate")
        size = batch_size_of("evaluate", batch_size)
        if steps is not None:
            steps = _checks.integer("evaluate", "steps", steps, low=1)
        steps = config.limited_steps(steps)
        data, sample = self._evaluation(compiled, x, y, sample_weight, size, batch_size, steps)
        network = self._ready(sample)
        if callbacks is None and resolve_verbose(verbose, quiet=True) == 0:  # nobody looks
            network.reset_metrics()
            return answer(compiled, data.evaluate(network, NO_HOOKS), return_dict)
        callback_list = as_callback_list(callbacks, self, verbose, data.steps, quiet=True)
        callback_list.on_test_begin({})
        network.reset_metrics()
        try:
            means = data.evaluate(network, self._test_hooks(callback_list, show=True))
        except BaseException:
            abandon(callback_list)
            raise
        callback_list.on_test_end(compiled.logs(means))
        return answer(compiled, means, return_dict)

    def _evaluation(
        self,
        compiled: CompileConfig,
        x: Any,
        y: Any,
        sample_weight: Any,
        size: int,
        batch_size: int | None,
        steps: int | None,
        prefix: str = "",
        shapes: tuple[Shape, Shape] | None = None,
    ) -> tuple[ArrayBatches | StreamBatches, Shape]:
        """What to evaluate on, and the shape of a sample."""
        x = self._only_input(x, f"{prefix}x")
        adapter = get_data_adapter(x, size, f"{prefix}x")
        if adapter is None:
            samples, sample, _ = self._prepare(
                compiled, x, y, sample_weight, prefix=prefix, shapes=shapes
            )
            return ArrayBatches(samples, size, steps), sample
        refuse_with_adapter(x, f"{prefix}x", y=y, sample_weight=sample_weight)
        ignore_batch_size(x, batch_size, f"{prefix}batch_size")
        data = StreamBatches(adapter, self._prepare_batch(compiled), steps)
        return data, self._sample() if self.built else data.peek().x.shape[1:]

    def _prepare_batch(
        self, compiled: CompileConfig, class_weight: Any = None
    ) -> Callable[[Any], Samples]:
        def prepare(batch: Any) -> Samples:
            x, y, weights = unpack(batch)
            return self._prepare(compiled, x, y, weights, class_weight)[0]

        return prepare

    def _test_hooks(self, callback_list: CallbackList, show: bool) -> BatchHooks:
        """The hooks for batches of an evaluation; without `show` it is a validation."""
        assert self._compiled is not None
        logs = self._compiled.logs
        every = self._compiled.steps_per_execution if callback_list.wants_batches("test") else 0

        def begin(step: int) -> None:
            callback_list.on_test_batch_begin(step, {})

        def end(step: int, means: Means) -> bool:
            callback_list.on_test_batch_end(step, logs(means))
            return False

        return BatchHooks(every, begin, end, poll_of(callback_list, logs) if show else None)

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Loss and metrics on one batch.

        Arguments, results and errors as for `train_on_batch`.
        """
        compiled = self._require_compiled("test_on_batch")
        samples, sample, _ = self._prepare(compiled, x, y, sample_weight)
        network = self._ready(sample)
        means = network.test_on_batch(samples.x, samples.y, samples.weights, True)
        return answer(compiled, means, return_dict)

    def reset_metrics(self) -> None:
        """Starts the means of loss and metrics again."""
        if (
            self._network is not None
            and self._compiled is not None
            and self._compiled.has_objective
        ):
            self._network.reset_metrics()

    def get_metrics_result(self) -> Logs:
        """Loss and metrics of the last epoch, evaluation or batch, by name."""
        if self._network is None or self._compiled is None or not self._compiled.has_objective:
            return {}
        return self._compiled.logs(self._network.metric_values())

    # Predicting.

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Array:
        """The model's answers. A row's answer does not depend on the other rows.

        Args:
            x: An array with one row for each sample.
            batch_size: Counts only together with `steps`; None means 32.
            verbose: As for `evaluate`.
            steps: How many batches to take; None means all.
            callbacks: A list of callbacks; their `on_predict_*` hooks are called.

        Returns:
            An array of the model's dtype, one row for each sample.

        Raises:
            TypeError: For arrays that do not hold real numbers.
            ValueError: For shapes that do not fit and no samples at all.
        """
        size = batch_size_of("predict", batch_size)
        quiet = callbacks is None and resolve_verbose(verbose, quiet=True) == 0
        steps = config.limited_steps(steps)
        if quiet and steps is None and self._network is not None and not self._front:
            quick = self._network.try_predict(x)  # None: the longer way is to be taken
            if quick is not None:
                return quick
        if steps is not None:
            steps = _checks.integer("predict", "steps", steps, low=1)
        x = self._only_input(x)
        adapter = get_data_adapter(x, size)
        if adapter is not None:
            ignore_batch_size(x, batch_size, "batch_size")
            return self._predict_stream(adapter, verbose, steps, callbacks)
        inputs, sample, _ = self._inputs(x)
        if steps is not None:
            inputs = inputs[: steps * size]
        count = -(-inputs.shape[0] // size)
        network = self._ready(sample)
        if quiet:
            return network.predict(inputs, size, None)  # nobody looks
        callback_list = as_callback_list(callbacks, self, verbose, count, quiet=True)
        callback_list.on_predict_begin({})
        try:
            if callback_list.wants_batches("predict"):
                parts = (inputs[i : i + size] for i in range(0, len(inputs), size))
                result = predict_all(network, parts, *_predict_hooks(callback_list))
            else:
                result = network.predict(inputs, size, None)
        except BaseException:
            abandon(callback_list)
            raise
        callback_list.on_predict_end({})
        return result

    def _predict_stream(
        self, adapter: DataAdapter, verbose: Any, steps: int | None, callbacks: Any
    ) -> Array:
        count = adapter.batches if steps is None else steps
        callback_list = as_callback_list(callbacks, self, verbose, count, quiet=True)
        iterator = adapter.start()
        batches = (self._inputs(unpack(batch, False)[0]) for batch in islice(iterator, steps))
        first = next(batches, None)
        if first is None:
            raise ValueError("The data to predict from gave no batch at all.")
        network = self._ready(first[1])
        callback_list.on_predict_begin({})
        try:
            arrays = (inputs for inputs, _, _ in chain([first], batches))
            result = predict_all(network, arrays, *_predict_hooks(callback_list))
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

    def predict_on_batch(self, x: Any) -> Array:
        """The model's answers, with nothing around the call; as `predict`."""
        answers: Array = self(x)
        return answers

    def __call__(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """The model's answers: the quickest way to predict a few rows.

        Args:
            inputs: An array or tensor with one row for each sample.
            training: Whether to act as in training: dropout drops, and BatchNormalization takes
                the batch's statistics and moves its averages. None: as a layer around it does.
            mask: Not supported: None only.

        Returns:
            As `predict`; a tensor for a tensor, and while a tape records.
        """
        network = self._network if not self._front else None
        if network is not None and not training and mask is None:
            result = network.try_predict(inputs)  # None: the longer way is to be taken
            if result is not None:
                return result
        if mask is not None:
            raise _checks.unsupported("Sequential.__call__", "mask", mask)
        quick = self._quick_call
        if quick is not None and call_context.plain():
            result = quick(inputs, training)
            if result is not NotImplemented:
                return result
        if isinstance(inputs, KerasTensor):
            raise NotImplementedError(
                "A Sequential as a part of a graph of layers is not supported yet. "
                f"Received: {inputs!r}"
            )
        inputs = self._only_input(inputs)
        if not isinstance(inputs, np.ndarray) or _core.is_recording():
            from lamina import _eager

            if _eager.is_eager(inputs):
                return self._call_on_tape(inputs, training)
        if network is not None and not training and not isinstance(inputs, np.ndarray):
            result = network.try_predict(real_array(inputs, "x"))
            if result is not None:
                return result
        array, sample, _ = self._inputs(inputs)
        if training:
            return self._ready(sample).call_training(array)
        return self._ready(sample).predict(array, array.shape[0], None)


def batch_size_of(where: str, value: Any, name: str = "batch_size") -> int:
    """A checked batch size; None means Keras' 32."""
    return _BATCH if value is None else _checks.integer(where, name, value, low=1)


def answer(compiled: CompileConfig, means: list[float], return_dict: bool) -> Any:
    """What Keras returns: the loss, a list of loss and metrics, or a dictionary."""
    if return_dict:
        return compiled.logs(means)
    values = compiled.values(means)
    return values[0] if len(values) == 1 else values


def as_callback_list(
    callbacks: Any, model: Any, verbose: Any, steps: int | None, quiet: bool, **params: Any
) -> CallbackList:
    """The callbacks of a call, with what shows progress unless it is to be silent."""
    mode = resolve_verbose(verbose, quiet)
    parameters = {"verbose": mode, **params, "steps": steps}
    if isinstance(callbacks, CallbackList):
        if not quiet:
            callbacks.set_model(model)
            callbacks.set_params(parameters)
        elif callbacks.model is None:
            callbacks.set_model(model)
        return callbacks
    return CallbackList(callbacks, not quiet, mode != 0, model, **parameters)


def poll_of(callback_list: CallbackList, logs: Callable[[Means], Logs]) -> Poll | None:
    """What the core calls now and then, or None if nothing would be seen."""
    poll = callback_list.poll
    if poll is None:
        return None
    return lambda done, means: poll(done, lambda: logs(means))


def abandon(callback_list: CallbackList) -> None:
    """Ends the line of progress after an exception."""
    if callback_list.progress is not None:
        callback_list.progress.abandon()


def refuse_with_adapter(x: Any, name: str, **arguments: Any) -> None:
    """Raises for arguments that belong to arrays."""
    for argument, value in arguments.items():
        if value is not None:
            raise ValueError(
                f"`{argument}` must not be given when `{name}` is a data set, generator or other "
                f"source of batches: its batches are (x, y) or (x, y, sample_weight). "
                f"Received: {name} of type {type(x).__name__} and {argument} of type "
                f"{type(value).__name__}"
            )


def ignore_batch_size(x: Any, batch_size: int | None, name: str) -> None:
    """Warns about a batch size for what comes in batches already."""
    if batch_size is not None and not (isinstance(x, Dataset) and not x.batched):
        warnings.warn(
            f"`{name}` is ignored: the data come in batches of their own. "
            f"Received: {name}={batch_size} and data of type {type(x).__name__}",
            stacklevel=4,
        )


def _predict_hooks(
    callback_list: CallbackList,
) -> tuple[Callable[[int], None], Callable[[int, Array], None]]:
    poll = callback_list.poll

    def begin(step: int) -> None:
        callback_list.on_predict_batch_begin(step, {})

    def end(step: int, answers: Array) -> None:
        callback_list.on_predict_batch_end(step, {"outputs": answers})
        if poll is not None:
            poll(step + 1, dict)

    return begin, end
