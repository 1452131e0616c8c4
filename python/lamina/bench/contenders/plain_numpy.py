"""NumPy by hand: what a product, an activation and a whole step cost without a library."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lamina.bench.contenders.contender import Contender, Loop, Timed
from lamina.bench.contenders.tensor_calls import tensor_loop
from lamina.bench.works import Data, Work, make_weights


def operands(parameters: dict[str, Any]) -> tuple[Any, Any, Any]:
    """A, B (as they lie for the form, already viewed as [m, k] and [k, n]) and C."""
    m, n, k, form = (parameters[key] for key in ("m", "n", "k", "form"))
    rng = np.random.default_rng(0)
    dtype = np.dtype(parameters["dtype"])
    a = rng.uniform(-1, 1, (k, m) if form == "tn" else (m, k)).astype(dtype)
    b = rng.uniform(-1, 1, (n, k) if form == "nt" else (k, n)).astype(dtype)
    return (a.T if form == "tn" else a), (b.T if form == "nt" else b), np.empty((m, n), dtype)


class PlainNumpy(Contender):
    """See the module."""

    packages = ("numpy",)

    def kernel(self, section: str, parameters: dict[str, Any]) -> Timed | None:
        """Products, and the activations that NumPy has."""
        if section == "gemm":
            a, b, c = operands(parameters)
            return Loop(lambda: np.matmul(a, b, out=c))
        if section == "activation" and not parameters["backward"]:
            x = np.random.default_rng(0).uniform(-4, 4, (parameters["rows"], parameters["columns"]))
            x, y = x.astype(np.float32), np.empty(x.shape, np.float32)
            calls: dict[str, Callable[[], object]] = {
                "relu": lambda: np.maximum(x, 0, out=y),
                "tanh": lambda: np.tanh(x, out=y),
            }
            call = calls.get(parameters["kind"])
            return None if call is None else Loop(call)
        if section == "tensor":
            return tensor_loop(parameters, np, lambda array: array)
        return None

    def step(self, work: Work, data: Data) -> Timed | None:
        """Backpropagation written out; no dropout."""
        if work.dropout > 0.0:
            return None
        network = _Network(work)
        places = data.batches()

        def step() -> None:
            place = next(places)
            network.step(data.x[place], data.y[place])

        return Loop(step)

    def epoch(self, work: Work, data: Data, steps: int) -> Timed | None:
        """The same on rows drawn in a random order."""
        if work.dropout > 0.0:
            return None
        network = _Network(work)
        rng = np.random.default_rng(1)

        def epoch() -> None:
            order = rng.permutation(len(data.x))
            for first in range(0, len(order), data.batch):
                rows = order[first : first + data.batch]
                network.step(data.x[rows], data.y[rows])

        return Loop(epoch, units=steps)

    def predict(self, work: Work, x: Any) -> Timed | None:
        """A chain of products."""
        network = _Network(work)
        return Loop(lambda: network.forward(x)[-1])


class _Network:
    def __init__(self, work: Work) -> None:
        self.work = work
        self.weights: list[Any] = [array for pair in make_weights(work) for array in pair]
        self.slots = [(np.zeros_like(w), np.zeros_like(w)) for w in self.weights]
        self.steps = 0

    def forward(self, x: Any) -> list[Any]:
        outputs = [x]
        for i in range(0, len(self.weights), 2):
            z = outputs[-1] @ self.weights[i]
            z += self.weights[i + 1]
            if i + 2 < len(self.weights):
                if self.work.activation == "relu":
                    np.maximum(z, 0, out=z)
                elif self.work.activation == "tanh":
                    np.tanh(z, out=z)
            outputs.append(z)
        return outputs

    def step(self, x: Any, y: Any) -> None:
        outputs = self.forward(x)
        if self.work.loss == "crossentropy":
            gradient = np.exp(outputs[-1] - outputs[-1].max(axis=1, keepdims=True))
            gradient /= gradient.sum(axis=1, keepdims=True)
            gradient[np.arange(len(x)), y] -= 1
            gradient /= np.float32(len(x))
        else:
            gradient = outputs[-1] - y
            gradient *= np.float32(2.0 / gradient.size)
        gradients: list[Any] = [None] * len(self.weights)
        for i in range(len(self.weights) - 2, -1, -2):
            below = outputs[i // 2]
            gradients[i] = below.T @ gradient
            gradients[i + 1] = gradient.sum(axis=0)
            if i > 0:
                gradient = gradient @ self.weights[i].T
                if self.work.activation == "relu":
                    gradient *= below > 0
                elif self.work.activation == "tanh":
                    gradient *= 1 - below * below
        self.update(gradients)

    def update(self, gradients: list[Any]) -> None:
        self.steps += 1
        rate = np.float32(self.work.learning_rate)
        if self.work.optimizer == "sgd":
            for weight, gradient in zip(self.weights, gradients, strict=True):
                gradient *= rate
                weight -= gradient
            return
        corrected = rate * np.float32(np.sqrt(1 - 0.999**self.steps) / (1 - 0.9**self.steps))
        for weight, (m, v), g in zip(self.weights, self.slots, gradients, strict=True):
            m += np.float32(0.1) * (g - m)
            v += np.float32(0.001) * (g * g - v)
            weight -= corrected * m / (np.sqrt(v) + np.float32(1e-7))


def make(threads: int) -> PlainNumpy:
    """See `lamina.bench.contenders.make`; threads are set by the process's environment."""
    return PlainNumpy(threads)
