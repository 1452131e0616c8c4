"""Least squares: the closed form against stochastic gradient descent.

    python examples/least_squares.py

The normal equations give the best weights at once; SGD gets there in steps that each look at
64 rows. The gradient at the closed form is zero, which a tape shows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import lamina
from lamina import ops

ROWS, FEATURES = 4096, 12


def make_data() -> tuple[Any, Any]:
    """Inputs with a column of ones, and noisy targets."""
    x = lamina.random.normal((ROWS, FEATURES), dtype="float64", seed=1)
    x = np.concatenate([x, np.ones((ROWS, 1))], axis=1)
    w = lamina.random.uniform((FEATURES + 1, 1), -2.0, 2.0, dtype="float64", seed=2)
    return x, x @ w + 0.1 * lamina.random.normal((ROWS, 1), dtype="float64", seed=3)


def closed_form(x: Any, y: Any) -> Any:
    """The solution of x^T x w = x^T y."""
    return np.linalg.solve(x.T @ x, x.T @ y)


def mean_squares(x: Any, y: Any, w: Any) -> Any:
    """What both make small."""
    return ops.mean((x @ w - y) ** 2)


def by_sgd(x: Any, y: Any, epochs: int = 12) -> Any:
    """The weights after some epochs, with a learning rate that falls."""
    w = lamina.Variable(np.zeros((FEATURES + 1, 1)), dtype="float64")
    data = lamina.data.Dataset.from_arrays(x, y).shuffle(seed=4).batch(64).prefetch(2)
    for epoch in range(epochs):
        rate = 0.1 * 0.6**epoch
        for rows, targets in data:
            with lamina.GradientTape() as tape:
                loss = mean_squares(rows, targets, w)
            w.assign_sub(rate * tape.gradient(loss, w))
    return w


def main() -> None:
    """Compares."""
    x, y = make_data()
    best = closed_form(x, y)
    found = by_sgd(x, y)
    distance = float(np.abs(found.numpy() - best).max())
    least = float(mean_squares(x, y, best))
    print(f"least mean square {least:.6f}, SGD's {float(mean_squares(x, y, found)):.6f}")
    print(f"largest difference between the weights {distance:.2e}")

    w = lamina.Variable(best, dtype="float64")
    with lamina.GradientTape() as tape:
        loss = mean_squares(x, y, w)
    slope = float(ops.max(ops.absolute(tape.gradient(loss, w))))
    print(f"largest slope at the closed form {slope:.2e}")
    assert slope < 1e-12
    assert distance < 1e-3
    assert float(mean_squares(x, y, found)) >= least


if __name__ == "__main__":
    main()
