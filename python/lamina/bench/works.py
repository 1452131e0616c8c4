"""The whole networks that are measured: from a tiny policy to 4096-wide layers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Work:
    """A dense network and how it is trained.

    Attributes:
        name: What tables call it.
        sizes: The widths, inputs first.
        batch: Samples in a step.
        activation: Of the hidden layers.
        loss: ``"crossentropy"`` (class indices against logits) or ``"mse"``.
        optimizer: ``"adam"`` or ``"sgd"``, with a fixed learning rate.
        epoch_steps: How many steps an epoch has here: enough that what a library does once an
            epoch counts for little, few enough that the data fits in memory.
        dropout: The rate after each hidden layer.
    """

    name: str
    sizes: tuple[int, ...]
    batch: int
    activation: str
    loss: str
    optimizer: str
    epoch_steps: int
    dropout: float = 0.0

    @property
    def learning_rate(self) -> float:
        """The same for every library, small enough that nothing diverges."""
        return 1e-3 if self.optimizer == "adam" else 1e-2

    @property
    def layers(self) -> list[tuple[int, int]]:
        """Inputs and units of each layer."""
        return list(zip(self.sizes[:-1], self.sizes[1:], strict=True))

    @property
    def parameter_count(self) -> int:
        """Weights and biases."""
        return sum((inputs + 1) * units for inputs, units in self.layers)

    def step_flops(self) -> float:
        """Of the products of one step: forward, weight gradients, input gradients but the first."""
        products = [inputs * units for inputs, units in self.layers]
        return 2.0 * self.batch * (3 * sum(products) - products[0])

    def step_bytes(self) -> float:
        """What a step moves at least: the batch in, parameters and slots in and out."""
        states = 3 if self.optimizer == "adam" else 1
        return 4.0 * (2 * states * self.parameter_count + self.batch * self.sizes[0])

    def step_working_set(self) -> float:
        """Bytes that a step comes back to: parameters, gradients and slots."""
        states = 4 if self.optimizer == "adam" else 2
        return 4.0 * states * self.parameter_count

    def predict_flops(self, rows: int) -> float:
        """Of the products of one prediction."""
        return 2.0 * rows * sum(inputs * units for inputs, units in self.layers)

    def predict_bytes(self, rows: int) -> float:
        """The parameters once, the rows in and out."""
        return 4.0 * (self.parameter_count + rows * (self.sizes[0] + self.sizes[-1]))


WORKS: dict[str, Work] = {
    work.name: work
    for work in (
        Work("seed-cifar", (3072, 100, 256, 256, 10), 64, "relu", "crossentropy", "adam", 96),
        Work("seed-paddle", (30000, 100, 256, 256, 10), 64, "relu", "crossentropy", "adam", 12),
        Work("softmax-reg", (784, 10), 256, "linear", "crossentropy", "sgd", 96),
        Work("mnist-mlp", (784, 512, 512, 10), 128, "relu", "crossentropy", "adam", 128, 0.2),
        Work("rl-policy", (4, 64, 64, 2), 64, "tanh", "crossentropy", "adam", 512),
        Work("tabular", (100, 256, 256, 1), 256, "relu", "mse", "adam", 192),
        Work("sgd-one", (10, 32, 1), 1, "relu", "mse", "sgd", 2048),
        Work("wide", (1024, 4096, 4096, 1024), 1024, "relu", "mse", "adam", 2),
    )
}


@dataclass(frozen=True)
class Data:
    """The samples of a work, the same for every library."""

    x: npt.NDArray[np.float32]
    y: npt.NDArray[Any]
    batch: int

    def batches(self) -> Iterator[slice]:
        """The places of the batches, one after the other, for ever."""
        while True:
            for first in range(0, len(self.x), self.batch):
                yield slice(first, first + self.batch)


def make_data(work: Work, steps: int, seed: int = 0) -> Data:
    """Makes `steps` batches of samples for `work`.

    Args:
        work: The network.
        steps: How many batches.
        seed: Of NumPy's generator.

    Returns:
        Inputs in [-1, 1), and class indices (int64) or targets in [-1, 1).
    """
    rng = np.random.default_rng(seed)
    rows = steps * work.batch
    x = rng.random((rows, work.sizes[0]), dtype=np.float32)
    x *= 2.0
    x -= 1.0
    y: npt.NDArray[Any]
    if work.loss == "crossentropy":
        y = rng.integers(0, work.sizes[-1], rows)
        y[: work.sizes[-1]] = np.arange(work.sizes[-1])[:rows]  # every class occurs
    else:
        y = rng.random((rows, work.sizes[-1]), dtype=np.float32) * 2 - 1
    return Data(x, y, work.batch)


def make_weights(
    work: Work, seed: int = 0
) -> list[tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]]:
    """Makes Glorot-uniform kernels and zero biases, for libraries that want them given.

    Args:
        work: The network.
        seed: Of NumPy's generator.

    Returns:
        ``(kernel [inputs, units], bias [units])`` of each layer.
    """
    rng = np.random.default_rng(seed)
    weights = []
    for inputs, units in work.layers:
        limit = np.sqrt(6.0 / (inputs + units))
        kernel = rng.uniform(-limit, limit, (inputs, units)).astype(np.float32)
        weights.append((kernel, np.zeros(units, np.float32)))
    return weights
