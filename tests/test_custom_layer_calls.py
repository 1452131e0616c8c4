"""How many Python functions a training step with custom layers enters."""

import collections
import sys
from types import FrameType
from typing import Any

import numpy as np
import pytest

import lamina
from lamina import layers


class Scale(layers.Layer):
    """A weight of its own."""

    def build(self, input_shape: Any) -> None:
        self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones")

    def call(self, inputs: Any) -> Any:
        return inputs * self.factor


class Block(layers.Layer):
    """Layers in an attribute and in a list."""

    def __init__(self) -> None:
        super().__init__()
        self.first = layers.Dense(8, activation="relu")
        self.rest = [layers.Dense(8), layers.Dropout(0.1)]

    def call(self, inputs: Any) -> Any:
        inputs = self.first(inputs)
        for layer in self.rest:
            inputs = layer(inputs)
        return inputs


def calls_of_a_step(layer: Any) -> dict[str, int]:
    """The calls of Python functions in one warm step, by their files in the package."""
    model = lamina.Sequential(
        [lamina.Input((4,)), layers.Dense(8, activation="relu"), layer, layers.Dense(1)]
    )
    model.compile("adam", "mse")
    x, y = np.ones((16, 4), "f"), np.ones((16, 1), "f")
    for _ in range(3):
        model.train_on_batch(x, y)
    counts: dict[str, int] = collections.Counter()

    def note(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call":
            counts[frame.f_code.co_filename.rpartition("lamina/")[2]] += 1

    sys.setprofile(note)
    try:
        model.train_on_batch(x, y)
    finally:
        sys.setprofile(None)
    return counts


@pytest.mark.parametrize(("make", "most", "of_layers"), [(Scale, 125, 60), (Block, 145, 65)])
def test_a_step_enters_few_functions(make: Any, most: int, of_layers: int) -> None:
    counts = calls_of_a_step(make())
    assert sum(counts.values()) <= most, counts
    assert sum(n for file, n in counts.items() if file.startswith("layers/")) <= of_layers, counts


def test_a_layer_that_is_built_by_hand_is_built() -> None:
    class Scale(lamina.layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones")

        def call(self, inputs: Any) -> Any:
            return inputs * self.factor

    for layer, count in ((Scale(), 1), (lamina.layers.Dense(3), 2)):
        assert not layer.built
        layer.build((None, 4))
        assert layer.built and len(layer.weights) == count
        kept = layer.weights[0]
        layer(np.ones((2, 4), "float32"))
        assert layer.weights[0] is kept


def test_the_middle_of_a_symmetric_range_is_zero() -> None:
    numbers = np.asarray(lamina.ops.linspace(-5.0, 5.0, 101))
    assert numbers[50] == 0.0 and numbers[0] == -5.0 and numbers[-1] == 5.0
