"""Momentum by hand.

    python examples/momentum.py

Walks down a long, narrow valley, f(a, b) = 0.1 a^2 + 2 b^2, with and without momentum, and then
trains a linear model with both: the velocity is a Variable like any other. What is written
out here gives the same numbers, to rounding, as `lamina.optimizers.SGD(momentum=...)`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import lamina
from lamina import ops


def valley(point: Any) -> Any:
    """Steep across, flat along."""
    return 0.1 * point[0] ** 2 + 2.0 * point[1] ** 2


def descend(rate: float, momentum: float, steps: int = 20) -> list[float]:
    """The height after each step."""
    point = lamina.Variable([-5.0, -2.0])
    velocity = lamina.Variable([0.0, 0.0], trainable=False)
    heights = []
    for _ in range(steps):
        with lamina.GradientTape() as tape:
            height = valley(point)
        gradient = tape.gradient(height, point)
        velocity.assign(momentum * velocity + gradient)
        point.assign_sub(rate * velocity)
        heights.append(float(height))
    return heights


def fit_line(momentum: float, by_hand: bool) -> Any:
    """The weights of a linear model after four passes over the data."""
    x = lamina.random.normal((512, 4), seed=1)
    y = x @ np.array([[1.0], [-2.0], [0.5], [3.0]], "float32")
    w = lamina.Variable(np.zeros((4, 1), "float32"))
    velocity = lamina.Variable(np.zeros((4, 1), "float32"), trainable=False)
    optimizer = lamina.optimizers.SGD(learning_rate=0.02, momentum=momentum)
    for rows, targets in lamina.data.Dataset.from_arrays(x, y).batch(32).repeat(4):
        with lamina.GradientTape() as tape:
            loss = ops.mean((rows @ w - targets) ** 2)
        gradient = tape.gradient(loss, w)
        if by_hand:
            velocity.assign(momentum * velocity - 0.02 * gradient)
            w.assign_add(velocity)
        else:
            optimizer.apply_gradients([(gradient, w)])
    return w.numpy()


def main() -> None:
    """Compares."""
    plain, heavy = descend(0.4, 0.0), descend(0.4, 0.5)
    print(f"after 20 steps: {plain[-1]:.5f} without, {heavy[-1]:.5f} with momentum")
    assert heavy[-1] < plain[-1]
    slow, quick = fit_line(0.0, True), fit_line(0.9, True)
    print("without", slow.ravel(), "with", quick.ravel())
    wanted = np.array([1.0, -2.0, 0.5, 3.0])
    assert np.abs(quick.ravel() - wanted).max() < np.abs(slow.ravel() - wanted).max()
    assert np.allclose(quick, fit_line(0.9, False), atol=1e-5)


if __name__ == "__main__":
    main()
