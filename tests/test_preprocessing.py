"""Layers that prepare data, and orthogonal matrices, against NumPy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lamina
from lamina import layers

RNG = np.random.default_rng(1)
DATA = RNG.normal(3.0, 2.0, size=(150, 4, 3))


@pytest.mark.parametrize("axis", [-1, 1, (1, 2), (-1, 1), None])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_normalization_adapts(axis: Any, dtype: str) -> None:
    layer = layers.Normalization(axis=axis, dtype=dtype)
    layer.adapt(DATA)
    kept = () if axis is None else axis if isinstance(axis, tuple) else (axis,)
    over = tuple(a for a in range(3) if a not in {k % 3 for k in kept})
    mean, deviation = DATA.mean(over, keepdims=True), DATA.std(over, keepdims=True)
    close = 1e-4 if dtype == "float32" else 1e-11
    assert np.allclose(layer(DATA), (DATA - mean) / deviation, rtol=close, atol=close)
    assert np.allclose(layer.mean, mean, rtol=close) and layer.mean.shape == mean.shape
    assert np.allclose(layer.variance, deviation**2, rtol=close)
    given_ones = layers.Normalization(
        axis=axis,
        mean=np.squeeze(mean, over),
        variance=np.squeeze(deviation**2, over),
        invert=True,
        dtype=dtype,
    )
    assert np.allclose(given_ones(layer(DATA)), DATA, rtol=10 * close, atol=10 * close)


def test_normalization_in_a_model(tmp_path: Path) -> None:
    x, y = DATA[:, 0], DATA[:, 1]
    norm = layers.Normalization()
    model = lamina.Sequential([lamina.Input((3,)), norm, layers.Dense(3)])
    model.compile("adam", "mse")
    model.fit(x, y, verbose=0)
    norm.adapt(x)
    assert np.allclose(norm(x).mean(axis=0), 0, atol=1e-5)
    model.fit(x, y, verbose=0)
    kernel, bias = model.layers[1].get_weights()
    assert np.allclose(model(x), norm(x) @ kernel + bias, atol=1e-5)
    assert [v.name for v in norm.weights] == ["mean", "variance", "count"]
    assert len(model.trainable_weights) == 2
    model.save(tmp_path / "m.safetensors")
    again = lamina.saving.load_model(tmp_path / "m.safetensors")
    assert again(x).tobytes() == model(x).tobytes()
    steps = model.optimizer.iterations
    model.set_weights(model.get_weights())
    assert model.optimizer.iterations == steps
    constant = layers.Normalization()
    constant.adapt(np.ones((3, 2)))
    assert np.array_equal(constant(np.ones((3, 2))), np.zeros((3, 2)))


def test_rescaling() -> None:
    layer = layers.Rescaling(1 / 255, offset=[-1.0, 0.0, 1.0], dtype="float64")
    assert np.allclose(layer(DATA), DATA / 255 + [-1, 0, 1], rtol=1e-15)
    again = layers.deserialize(layers.serialize(layer))
    assert np.array_equal(again(DATA), layer(DATA))


@settings(max_examples=30, deadline=None)
@given(
    boundaries=st.lists(st.floats(-10, 10), max_size=6).map(sorted),
    values=st.lists(st.floats(-20, 20), min_size=1, max_size=12),
)
def test_discretization(boundaries: list[float], values: list[float]) -> None:
    layer = layers.Discretization(boundaries)
    expected = [sum(value >= boundary for boundary in boundaries) for value in values]
    assert layer(values).tolist() == expected
    hot = layers.Discretization(boundaries, output_mode="one_hot")(np.array(values)[:, None])
    assert np.array_equal(hot, np.eye(len(boundaries) + 1)[expected])


def test_discretization_adapts() -> None:
    layer = layers.Discretization(num_bins=4)
    layer.adapt(RNG.permutation(np.arange(100.0)))
    assert layer.bin_boundaries == [25.0, 50.0, 75.0]
    again = layers.deserialize(layers.serialize(layer))
    assert again([24.9, 25.0, 99.0]).tolist() == [0, 1, 3]


def test_category_encoding() -> None:
    x = np.array([[0, 2, 2], [3, 1, 0]])
    eye = np.eye(4)[x]
    assert np.array_equal(layers.CategoryEncoding(4)(x), eye.max(axis=1))
    assert np.array_equal(layers.CategoryEncoding(4, "count")(x), eye.sum(axis=1))
    assert np.array_equal(layers.CategoryEncoding(4, "one_hot")(x), eye)
    assert np.array_equal(layers.CategoryEncoding(4, "one_hot")(x[:, :1]), eye[:, 0])
    weights = np.array([[0.5, 1.0, 2.0], [1.0, 1.0, 4.0]])
    counted = layers.CategoryEncoding(4, "count", dtype="float64")(x, count_weights=weights)
    assert np.array_equal(counted, (eye * weights[..., None]).sum(axis=1))
    layer = layers.deserialize(layers.serialize(layers.CategoryEncoding(4, "count")))
    assert np.array_equal(layer(x), eye.sum(axis=1))


@pytest.mark.parametrize("shape", [(5, 5), (40, 7), (7, 40), (3, 4, 6), (1, 1), (130, 129)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    initializer = lamina.initializers.Orthogonal(gain=2.0, seed=3)
    matrix = initializer(shape, "float64").reshape(-1, shape[-1])
    small = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
    assert np.abs(small - 4 * np.eye(len(small))).max() < 1e-13
    assert initializer(shape).dtype == "float32"
    assert np.array_equal(initializer(shape, "float64"), initializer(shape, "float64"))
    again = lamina.initializers.get(lamina.initializers.serialize(initializer))
    assert np.array_equal(again(shape), initializer(shape))
    assert isinstance(lamina.initializers.get("orthogonal"), lamina.initializers.Orthogonal)


def test_orthogonal_is_the_triangular_factorisation() -> None:
    drawn = lamina.initializers.RandomNormal(0.0, 1.0, seed=5)((4, 9), "float64").T
    q, r = np.linalg.qr(drawn)
    expected = q * np.sign(np.diag(r))
    assert np.allclose(lamina.initializers.Orthogonal(seed=5)((9, 4), "float64"), expected)


def test_discretization_learns_from_batches() -> None:
    data = np.arange(40, dtype="float32").reshape(20, 2)
    whole, parts = layers.Discretization(num_bins=4), layers.Discretization(num_bins=4)
    whole.adapt(data[:15])
    parts.adapt((data[i : i + 5] for i in range(0, 20, 5)), steps=3)
    assert whole.bin_boundaries == parts.bin_boundaries
    with pytest.raises(ValueError, match="steps"):
        parts.adapt(data, 2)
