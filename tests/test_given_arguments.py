"""Custom classes without `get_config`: what they were made with is their configuration."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lamina

X = np.random.default_rng(2).normal(size=(12, 4)).astype("float32")


@lamina.saving.register_keras_serializable("given")
class Scaled(lamina.layers.Layer):
    """Takes plain arguments and hands on the rest."""

    def __init__(self, units: int, factors: Any = (1.0, 2.0), **options: Any) -> None:
        super().__init__(**options)
        self.inner = lamina.layers.Dense(units)
        self.factors = factors

    def call(self, inputs: Any) -> Any:
        return self.inner(inputs) * self.factors[0] + self.factors[1]


@lamina.saving.register_keras_serializable("given")
class Stack(lamina.Model):
    """Takes no further arguments."""

    def __init__(self, widths: Any, depth: int = 1) -> None:
        super().__init__()
        self.parts = [Scaled(width) for width in widths] * depth

    def call(self, inputs: Any) -> Any:
        for part in self.parts:
            inputs = part(inputs)
        return inputs


class Holder(lamina.layers.Layer):
    """Takes a layer."""

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner = inner

    def call(self, inputs: Any) -> Any:
        return self.inner(inputs)


def test_the_configuration_is_what_was_given() -> None:
    layer = Scaled(3, factors=[3.0, 4.0], name="s", dtype="float64", trainable=False)
    assert layer.get_config() == {
        "units": 3,
        "factors": [3.0, 4.0],
        "name": "s",
        "trainable": False,
        "dtype": "float64",
    }
    again = Scaled.from_config(layer.get_config())
    assert (again.name, again.dtype, again.trainable, again.factors) == (
        "s",
        "float64",
        False,
        [3.0, 4.0],
    )
    assert Stack([4, 4], 2).get_config() == {"widths": [4, 4], "depth": 2}
    with pytest.raises(NotImplementedError, match="get_config"):
        Holder(lamina.layers.Dense(2)).get_config()


@pytest.mark.parametrize("suffix", [".safetensors", ".keras"])
def test_files_and_copies(suffix: str, tmp_path: Path) -> None:
    if suffix == ".keras":
        pytest.importorskip("h5py", reason="h5py is not installed (extra `keras`)")
    model = Stack((4, 2))
    expected = np.asarray(model(X))
    model.save(tmp_path / f"m{suffix}")
    for other in (lamina.saving.load_model(tmp_path / f"m{suffix}"), copy.deepcopy(model)):
        np.testing.assert_array_equal(np.asarray(other(X)), expected)
    x = lamina.Input((4,))
    graph = lamina.Model(x, Scaled(2)(x))
    graph.save(tmp_path / f"g{suffix}")
    again = lamina.saving.load_model(tmp_path / f"g{suffix}")
    np.testing.assert_array_equal(again.predict(X, verbose=0), graph.predict(X, verbose=0))
