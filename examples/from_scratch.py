"""Linear and softmax regression from scratch.

    python examples/from_scratch.py

No layers, no losses, no optimizers: weights are Variables, and everything else is written out.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import lamina
from lamina import ops


def squared_loss(y_hat: Any, y: Any) -> Any:
    """Half the squared distance, for each row."""
    return (y_hat - y) ** 2 / 2


def softmax(z: Any) -> Any:
    """exp(z) over the sum of its row."""
    e = ops.exp(z - ops.max(z, axis=1, keepdims=True))
    return e / ops.sum(e, axis=1, keepdims=True)


def cross_entropy(p: Any, y: Any) -> Any:
    """-log of the probability of the right class, for each row."""
    return -ops.log(ops.sum(p * ops.one_hot(y, p.shape[1]), axis=1))


def sgd(parameters: list[Any], gradients: list[Any], rate: float) -> None:
    """One step downhill."""
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.assign_sub(rate * gradient)


def linear_regression() -> tuple[Any, float]:
    """Finds the weights that data were made with; returns them."""
    true_w, true_b = np.array([[2.0], [-3.4]], "float32"), 4.2
    x = lamina.random.normal((1000, 2), seed=1)
    y = x @ true_w + true_b + lamina.random.normal((1000, 1), stddev=0.01, seed=2)

    w = lamina.Variable(np.zeros((2, 1), "float32"), name="w")
    b = lamina.Variable(np.zeros(1, "float32"), name="b")
    data = lamina.data.Dataset.from_arrays(x, y).shuffle(seed=3).batch(10)
    for epoch in range(3):
        for rows, targets in data:
            with lamina.GradientTape() as tape:
                loss = ops.mean(squared_loss(rows @ w + b, targets))
            sgd([w, b], tape.gradient(loss, [w, b]), rate=0.03)
        print(f"epoch {epoch + 1}: loss {float(ops.mean(squared_loss(x @ w + b, y))):f}")
    return w.numpy(), float(b.numpy()[0])


def softmax_regression() -> float:
    """Tells four clouds of points apart; returns the accuracy."""
    centres = lamina.random.normal((4, 5), stddev=3.0, seed=4)
    labels = lamina.random.randint((800,), 0, 4, seed=5)
    x = centres[labels] + lamina.random.normal((800, 5), seed=6)

    w = lamina.Variable(0.01 * lamina.random.normal((5, 4), seed=7), name="w")
    b = lamina.Variable(np.zeros(4, "float32"), name="b")
    data = lamina.data.Dataset.from_arrays(x, labels).shuffle(seed=8).batch(64)
    for epoch in range(5):
        for rows, y in data:
            with lamina.GradientTape() as tape:
                loss = ops.mean(cross_entropy(softmax(rows @ w + b), y))
            sgd([w, b], tape.gradient(loss, [w, b]), rate=0.1)
        chosen = ops.argmax(x @ w + b, axis=1)
        accuracy = float(np.mean(np.asarray(chosen) == labels))
        print(f"epoch {epoch + 1}: accuracy {accuracy:.3f}")
    return accuracy


def main() -> None:
    """Both regressions."""
    w, b = linear_regression()
    print("w", w.ravel(), "b", b)
    assert np.allclose(w.ravel(), [2.0, -3.4], atol=0.02)
    assert abs(b - 4.2) < 0.02
    assert softmax_regression() > 0.95


if __name__ == "__main__":
    main()
