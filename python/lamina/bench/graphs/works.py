"""The graphs that are measured: their sizes, the work of a step, and data for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Arrays = dict[str, npt.NDArray[Any]]

#: The entries of the categorical columns, and the columns of each one's embedding.
ENTRIES = (100, 200, 500, 1000, 2000, 3000, 5000, 10000)
COLUMNS = 16
BLOCKS = 8


@dataclass(frozen=True)
class Product:
    """A Dense layer of a graph, once for each call of it."""

    inputs: int
    units: int
    reads_data: bool = False
    """Whether its input is the batch, which needs no gradient."""


@dataclass(frozen=True)
class GraphWork:
    """A graph and how it is trained: with Adam, all hidden layers as `activation` says.

    Attributes:
        name: What tables call it.
        batch: Samples in a step.
        numbers: The inputs of floating-point numbers, and their widths.
        indices: The inputs of one index each, and how many entries there are.
        outputs: The outputs and their losses, ``"mse"`` or ``"crossentropy"`` (with logits), their
            widths and the loss's weight.
        products: The Dense layers.
        activation: Of the hidden layers.
        shared: How often each parameter of a product is used.
    """

    name: str
    batch: int
    numbers: dict[str, int]
    outputs: dict[str, tuple[str, int, float]]
    products: tuple[Product, ...]
    indices: dict[str, int]
    activation: str = "relu"
    shared: int = 1

    learning_rate = 1e-3

    @property
    def parameter_count(self) -> int:
        """Weights, biases and embeddings."""
        dense = sum((p.inputs + 1) * p.units for p in self.products) // self.shared
        return dense + COLUMNS * sum(self.indices.values())

    def step_flops(self) -> float:
        """Of the products of one step; an FMA counts as two."""
        sizes = [p.inputs * p.units * (2 if p.reads_data else 3) for p in self.products]
        return 2.0 * self.batch * sum(sizes)

    def step_bytes(self) -> float:
        """What a step moves at least: the batch in, parameters and Adam's slots in and out."""
        width = sum(self.numbers.values()) + len(self.indices)
        return 4.0 * (6 * self.parameter_count + self.batch * width)

    def step_working_set(self) -> float:
        """Bytes that a step comes back to: parameters, gradients and slots."""
        return 16.0 * self.parameter_count

    def make_data(self, steps: int, seed: int = 0) -> GraphData:
        """`steps` batches of samples, the same for every library."""
        rng = np.random.default_rng(seed)
        rows = steps * self.batch
        x: Arrays = {
            name: rng.random((rows, width), dtype=np.float32) * 2 - 1
            for name, width in self.numbers.items()
        }
        for name, entries in self.indices.items():
            x[name] = rng.integers(0, entries, (rows, 1)).astype(np.int32)
        y: Arrays = {}
        for name, (loss, width, _) in self.outputs.items():
            if loss == "crossentropy":
                y[name] = rng.integers(0, width, rows)
                y[name][:width] = np.arange(width)[:rows]  # every class occurs
            else:
                y[name] = rng.random((rows, width), dtype=np.float32) * 2 - 1
        return GraphData(x, y, self.batch, rows)


@dataclass(frozen=True)
class GraphData:
    """Inputs and targets by name."""

    x: Arrays
    y: Arrays
    batch: int
    rows: int

    def batches(self) -> Iterator[slice]:
        """The places of the batches, one after the other, without end."""
        while True:
            for first in range(0, self.rows, self.batch):
                yield slice(first, first + self.batch)


_tower = (Product(64, 128, True), Product(128, 64))
_block = (Product(256, 256), Product(256, 256))
_residual = (Product(64, 256, True), *(_block * BLOCKS), Product(256, 10))


def _towers(name: str, shared: int) -> GraphWork:
    return GraphWork(
        name,
        256,
        {"query": 64, "item": 64},
        {"score": ("mse", 1, 1.0)},
        _tower * 2,
        {},
        shared=shared,
    )


def _residual_work(name: str) -> GraphWork:
    return GraphWork(name, 128, {"x": 64}, {"logits": ("crossentropy", 10, 1.0)}, _residual, {})


GRAPH_WORKS: dict[str, GraphWork] = {
    work.name: work
    for work in (
        GraphWork(
            "wide-and-deep",
            256,
            {"x": 100},
            {"y": ("mse", 1, 1.0)},
            (Product(100, 256, True), Product(256, 128), Product(228, 1)),
            {},
        ),
        GraphWork(
            "embeddings",
            256,
            {"x": 20},
            {"y": ("mse", 1, 1.0)},
            (Product(20 + COLUMNS * len(ENTRIES), 256), Product(256, 128), Product(128, 1)),
            {f"column{i}": entries for i, entries in enumerate(ENTRIES)},
        ),
        GraphWork(
            "actor-critic",
            64,
            {"state": 8},
            {"actor": ("crossentropy", 4, 1.0), "critic": ("mse", 1, 0.5)},
            (Product(8, 64, True), Product(64, 64), Product(64, 4), Product(64, 1)),
            {},
            "tanh",
        ),
        _towers("two-towers", 1),
        _towers("two-towers-shared", 2),
        _residual_work("residual-mlp"),
        # The same network with lamina's own block in place of the graph.
        _residual_work("residual-blocks"),
    )
}
