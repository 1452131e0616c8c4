"""Which learning rates are worth trying."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

import lamina._core as _core
from lamina import _checks, _names
from lamina import random as lamina_random
from lamina.callbacks.callback import Callback, Logs
from lamina.data.dataset import Dataset


@dataclass(frozen=True)
class LearningRateRange:
    """What a learning-rate range test saw.

    Attributes:
        rates: The learning rates, one for each step.
        losses: The loss of each step's batch, before the step.
        smoothed: The losses, averaged with weights that fall with their age.
        suggestion: The rate where the smoothed loss fell most steeply; None if it never fell.
    """

    rates: list[float]
    losses: list[float]
    smoothed: list[float]
    suggestion: float | None

    def plot(self, axes: Any = None) -> Any:
        """Draws the losses over the rates; needs matplotlib. Returns the figure."""
        if axes is None:
            from matplotlib import figure as figures

            axes = figures.Figure(figsize=(5.6, 3.8), layout="constrained").subplots()
        axes.plot(self.rates, self.losses, color="0.8", label="loss")
        axes.plot(self.rates, self.smoothed, label="smoothed")
        if self.suggestion is not None:
            label = f"steepest: {self.suggestion:.2g}"
            axes.axvline(self.suggestion, color="C1", linestyle="--", label=label)
        axes.set_xscale("log")
        axes.set_xlabel("learning rate")
        axes.set_ylabel("loss")
        axes.legend()
        return axes.figure


class _Sweep(Callback):
    """Sets a rate before each batch, and keeps the batch's loss."""

    def __init__(self, rates: list[float], stop_factor: float) -> None:
        super().__init__()
        self._rates, self._stop_factor = rates, stop_factor
        self.losses: list[float] = []

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self.model.optimizer.learning_rate = self._rates[len(self.losses)]
        self.model.reset_metrics()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        loss = (logs or {})["loss"]
        self.losses.append(loss)
        best = min(self.losses)
        lost = not math.isfinite(loss) or (best > 0.0 and loss > self._stop_factor * best)
        if lost or len(self.losses) == len(self._rates):
            self.model.stop_training = True


def find_learning_rate(
    model: Any,
    x: Any = None,
    y: Any = None,
    batch_size: int | None = None,
    start: float = 1e-7,
    end: float = 10.0,
    steps: int = 100,
    smoothing: float = 0.9,
    stop_factor: float = 4.0,
    sample_weight: Any = None,
    class_weight: Any = None,
) -> LearningRateRange:
    """Trains a copy of a model with a learning rate that grows from step to step.

    The model, its optimizer and all random generators are as before, bit for bit. A Python
    generator given as `x` has been read, of course.

    Args:
        model: A compiled model; built or not.
        x: As for `fit`.
        y: As for `fit`.
        batch_size: As for `fit`.
        start: The first learning rate.
        end: The last one.
        steps: How many steps to take, at equal ratios of the rates.
        smoothing: How much of the average a new loss leaves.
        stop_factor: Stop when the loss is this many times the smallest one.
        sample_weight: As for `fit`.
        class_weight: As for `fit`.

    Returns:
        The rates, the losses, and the rate of the steepest fall.

    Raises:
        RuntimeError: If the model is not compiled.
        ValueError: For rates, steps and factors that make no sense, and as `fit`.

    Example:
        >>> found = lamina.utils.find_learning_rate(model, x, y)
        >>> found.plot().savefig("rates.png")
        >>> model.optimizer.learning_rate = found.suggestion
    """
    where = "find_learning_rate"
    low = _checks.number(where, "start", start, low=0.0, open_low=True, open_high=True)
    high = _checks.number(where, "end", end, low=low, open_low=True, open_high=True)
    count = _checks.integer(where, "steps", steps, low=2, high=10**6)
    beta = _checks.number(where, "smoothing", smoothing, low=0.0, high=1.0, open_high=True)
    factor = _checks.number(where, "stop_factor", stop_factor, low=1.0, open_low=True)
    model._trainer.compiled_config(where)

    shares = np.arange(count) / (count - 1)
    powers = _core.elementary("pow", np.full(count, high / low), shares)
    rates = [float(rate) for rate in np.asarray(powers) * low]
    sweep = _Sweep(rates, factor)
    seeds, names = lamina_random.global_generator().state, _names.counters()
    passes = x.passes if isinstance(x, Dataset) else 0
    try:
        trial = copy.copy(model)
        trial.fit(
            x,
            y,
            batch_size=batch_size,
            epochs=count,
            verbose=0,
            callbacks=[sweep],
            sample_weight=sample_weight,
            class_weight=class_weight,
        )
    finally:
        lamina_random.set_global_state(*seeds)
        _names.set_counters(names)
        if isinstance(x, Dataset):
            x.passes = passes
    losses = sweep.losses
    smoothed, average, share = [], 0.0, 1.0
    for loss in losses:
        average = beta * average + (1.0 - beta) * loss
        share *= beta
        smoothed.append(average / (1.0 - share))
    falls = [after - before for before, after in pairwise(smoothed)]
    finite = [(fall, i) for i, fall in enumerate(falls) if math.isfinite(fall)]
    steepest = min(finite, default=(0.0, 0))
    suggestion = rates[steepest[1]] if steepest[0] < 0.0 else None
    return LearningRateRange(rates[: len(losses)], losses, smoothed, suggestion)
