"""The part of a model that evaluates and predicts."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina import _checks
from lamina._arrays import real_array
from lamina._typing import Array
from lamina.callbacks.callback import CallbackList, Logs
from lamina.callbacks.progress import ProgressBar, resolve_verbose
from lamina.layers.layer import Layer
from lamina.models.compiled import Compiled
from lamina.models.compiling import Compilable

_BATCH = 32


class Inference(Compilable):
    """A model that can evaluate and predict."""

    # What Stack defines.

    @property
    def dtype(self) -> str:
        """The floating-point type that the model computes in."""
        raise NotImplementedError

    def _model_around(self) -> Any:
        raise NotImplementedError

    def _call_inside(self, x: Array, dtype: str, training: bool) -> Array:
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
        mode = resolve_verbose(verbose, quiet=True)
        samples, sample, _ = self._prepare(compiled, x, y, sample_weight)
        if steps is not None:
            samples = samples.part(0, _checks.integer("evaluate", "steps", steps, low=1) * size)
        count = -(-samples.rows // size)
        callback_list = CallbackList(callbacks, self, {"verbose": verbose, "steps": count})
        network = self._ready(sample)
        callback_list.call("on_test_begin", {})
        network.reset_metrics()
        bar = ProgressBar(count, mode, compiled.logs)
        means = network.evaluate(samples.x, samples.y, samples.weights, size, bar.poll)
        logs = compiled.logs(means)
        bar.finish(logs)
        callback_list.call("on_test_end", logs)
        return answer(compiled, means, return_dict)

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
        if self._network is not None and self._compiled is not None and self._compiled.loss:
            self._network.reset_metrics()

    def get_metrics_result(self) -> Logs:
        """Loss and metrics of the last epoch, evaluation or batch, by name."""
        if self._network is None or self._compiled is None or self._compiled.loss is None:
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
        mode = resolve_verbose(verbose, quiet=True)
        if mode == 0 and steps is None and not callbacks and self._network is not None:
            quick = self._network.try_predict(x)  # None: the longer way is to be taken
            if quick is not None:
                return quick
        inputs, sample, _ = self._inputs(x)
        if steps is not None:
            inputs = inputs[: _checks.integer("predict", "steps", steps, low=1) * size]
        count = -(-inputs.shape[0] // size)
        callback_list = CallbackList(callbacks, self, {"verbose": verbose, "steps": count})
        inside = self._model_around() is not None
        network = None if inside else self._ready(sample)
        callback_list.call("on_predict_begin", {})
        bar = ProgressBar(count, mode, lambda means: {})
        if network is None:
            result = self._call_inside(inputs, self.dtype, False)
        else:
            result = network.predict(inputs, size, None)
        bar.finish({})
        callback_list.call("on_predict_end", {})
        return result

    def predict_on_batch(self, x: Any) -> Array:
        """The model's answers, with nothing around the call; as `predict`."""
        return self(x)

    def __call__(self, inputs: Any, training: bool | None = False, mask: Any = None) -> Array:
        """The model's answers: the quickest way to predict a few rows.

        Args:
            inputs: An array with one row for each sample.
            training: Whether to act as in training: dropout drops, and BatchNormalization takes
                the batch's statistics and moves its averages.
            mask: Not supported: None only.

        Returns:
            As `predict`.
        """
        network = self._network
        if network is not None and not training and mask is None:
            result = network.try_predict(inputs)  # None: the longer way is to be taken
            if result is not None:
                return result
        if mask is not None:
            raise _checks.unsupported("Sequential.__call__", "mask", mask)
        if isinstance(inputs, Layer):
            raise NotImplementedError(
                "Models as graphs of layers are not supported yet: use `lamina.Sequential`. "
                f"Received: layer '{inputs.name}'"
            )
        if network is not None and not training and not isinstance(inputs, np.ndarray):
            result = network.try_predict(real_array(inputs, "x"))
            if result is not None:
                return result
        array, sample, _ = self._inputs(inputs)
        if self._model_around() is not None:
            return self._call_inside(array, self.dtype, bool(training))
        if training:
            return self._ready(sample).call_training(array)
        return self._ready(sample).predict(array, array.shape[0], None)


def batch_size_of(where: str, value: Any, name: str = "batch_size") -> int:
    """A checked batch size; None means Keras' 32."""
    return _BATCH if value is None else _checks.integer(where, name, value, low=1)


def answer(compiled: Compiled, means: list[float], return_dict: bool) -> Any:
    """What Keras returns: the loss, a list of loss and metrics, or a dictionary."""
    if return_dict:
        return compiled.logs(means)
    values = compiled.values(means)
    return values[0] if len(values) == 1 else values
