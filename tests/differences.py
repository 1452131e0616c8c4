"""Gradients of a model's training loss by central differences, float64.

A step of SGD with rate 1 shows the gradient: what the weights were minus what they are. Losses
are those of steps with rate 0, so that layers act as in training; the step counter is put
back each time, so that they draw the same random numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import lamina

Array = np.ndarray[Any, Any]


def _step(model: Any, x: Array, y: Array, rate: float, weights: Array | None) -> float:
    model.optimizer.learning_rate = rate
    model._trainer.ready().network.steps_seen = 7
    return float(model.train_on_batch(x, y, sample_weight=weights))


def check_gradients(model: Any, x: Array, y: Array, weights: Array | None = None) -> None:
    """Compares every trainable weight's gradient of the mean squared error."""
    model.compile(lamina.optimizers.SGD(0.0), "mse")
    model.train_on_batch(x, y)
    before = model.get_weights()
    _step(model, x, y, 1.0, weights)
    after = model.get_weights()
    model.set_weights(before)
    for place, variable in enumerate(model.weights):
        base = before[place]
        gradient = base - after[place]
        if not variable.trainable:
            assert variable.is_state or np.array_equal(base, after[place])
            continue
        scale = max(1e-2, float(np.abs(gradient).max()))
        for index in np.ndindex(*base.shape):
            errors = []
            for width in (2.0**-17, 2.0**-20, 2.0**-22):
                losses = []
                for sign in (1, -1):
                    moved = base.copy()
                    moved[index] += sign * width
                    variable.assign(moved)
                    losses.append(_step(model, x, y, 0.0, weights))
                errors.append(abs((losses[0] - losses[1]) / (2 * width) - gradient[index]))
                if errors[-1] <= 1e-7 * scale:
                    break
            assert min(errors) <= 1e-7 * scale, (variable.path, index, gradient[index], errors)
        variable.assign(base)
