"""SpectralNormalization and OrthogonalRegularizer against NumPy in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from differences import check_gradients

import lamina
from lamina import layers
from lamina.regularizers import OrthogonalRegularizer

Array = np.ndarray[Any, Any]


def _normalized(kernel: Array, u: Array, iterations: int) -> tuple[Array, Array]:
    w = kernel.reshape(-1, kernel.shape[-1])
    for _ in range(iterations):
        v = u @ w.T
        v = v / np.linalg.norm(v)
        u = v @ w
        u = u / np.linalg.norm(u)
    return kernel / (v @ w @ u.T).item(), u


@pytest.mark.parametrize("iterations", [1, 3])
def test_steps_equal_the_formulas(iterations: int) -> None:
    rng = np.random.default_rng(iterations)
    layer = layers.SpectralNormalization(
        layers.Dense(3, "tanh", dtype="float64"), power_iterations=iterations
    )
    model = lamina.Sequential([lamina.Input((5,)), layer])
    model.compile(lamina.optimizers.SGD(0.1), "mse")
    x, y = rng.normal(size=(8, 5)), rng.normal(size=(8, 3))
    kernel, bias, u = (w.astype("float64") for w in model.get_weights())
    for _ in range(4):
        kernel, u = _normalized(kernel, u, iterations)
        answer = np.tanh(x @ kernel + bias)
        slope = 2.0 * (answer - y) / y.size * (1.0 - answer**2)
        loss = model.train_on_batch(x, y)
        assert np.isclose(loss, ((answer - y) ** 2).mean(), rtol=1e-12)
        kernel, bias = kernel - 0.1 * x.T @ slope, bias - 0.1 * slope.sum(0)
        for mine, theirs in zip(model.get_weights(), (kernel, bias, u), strict=True):
            assert np.allclose(mine, theirs, rtol=1e-11, atol=1e-13)
    assert np.allclose(model.predict(x), np.tanh(x @ kernel + bias), rtol=1e-11)


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: layers.Dense(7), (4,)),
        (lambda: layers.EinsumDense("abc,cde->abde", (None, 2, 3), bias_axes="e"), (3, 4)),
        (lambda: layers.EinsumDense("abc,ceb->aeb", (5, 3), bias_axes="e"), (3, 4)),
        (lambda: layers.Embedding(6, 4), (2,)),
    ],
)
def test_the_largest_singular_value_is_one(make: Any, shape: Any, tmp_path: Any) -> None:
    rng = np.random.default_rng(5)
    layer = layers.SpectralNormalization(make(), power_iterations=60)
    x = rng.integers(0, 6, size=(9, *shape)).astype("float32")
    layer.build((None, *shape))
    layer.weights[0].assign(3.0 * rng.normal(size=layer.weights[0].shape))
    plain = layer(x)
    trained = layer(x, training=True)
    kernel = layer.weights[0].numpy()
    largest = np.linalg.svd(kernel.reshape(-1, kernel.shape[-1]), compute_uv=False)[0]
    assert np.isclose(largest, 1.0, atol=1e-3) and not np.allclose(plain, trained)
    assert np.allclose(layer(x), trained, atol=1e-5)  # what call assigned is what is there now
    model = lamina.Sequential([lamina.Input(shape), layer, layers.Flatten(), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(x, np.zeros(9), verbose=0)
    model.save(tmp_path / "model.safetensors")
    again = lamina.saving.load_model(tmp_path / "model.safetensors")
    for network in (again, model):
        network.fit(x, np.zeros(9), verbose=0)
    assert all(
        np.array_equal(a, b) for a, b in zip(again.get_weights(), model.get_weights(), strict=True)
    )


def test_zero_and_frozen_kernels_stay() -> None:
    x = np.ones((2, 3))
    zero = layers.SpectralNormalization(layers.Dense(2, kernel_initializer="zeros"))
    u = zero(x, training=True) is not None and zero.vector_u.numpy()
    assert np.array_equal(zero(x, training=True), np.zeros((2, 2)))
    assert np.array_equal(zero.vector_u.numpy(), u)
    frozen = layers.SpectralNormalization(layers.Dense(2), trainable=False)
    before = frozen(x)
    assert np.array_equal(frozen(x, training=True), before)


def test_inside_a_residual_block() -> None:
    inner = layers.SpectralNormalization(layers.Dense(4, "relu"), power_iterations=50)
    model = lamina.Sequential(
        [lamina.Input((4,)), layers.Residual([inner, layers.Dense(4)]), layers.Dense(2)]
    )
    model.compile(lamina.optimizers.SGD(0.0), "mse")
    before = model.get_weights()
    model.train_on_batch(np.ones((3, 4)), np.ones((3, 2)))
    after = model.get_weights()
    assert np.isclose(np.linalg.norm(after[0], 2), 1.0, atol=1e-3)
    assert all(np.array_equal(a, b) for a, b in zip(before[3:], after[3:], strict=True))


def test_what_spectral_normalization_refuses() -> None:
    with pytest.raises(ValueError, match="Dense, EinsumDense or Embedding"):
        layers.SpectralNormalization(layers.Flatten())
    with pytest.raises(ValueError, match="power_iterations"):
        layers.SpectralNormalization(layers.Dense(2), power_iterations=0)


def _penalty(w: Array, factor: float, mode: str) -> float:
    w = w if mode == "rows" else w.T
    z = w / np.linalg.norm(w, axis=1, keepdims=True)
    products = z @ z.T * (1.0 - np.eye(len(z)))
    pairs = len(z) * (len(z) - 1) / 2
    return float(factor * 0.5 * np.abs(products).sum() / pairs)


@pytest.mark.parametrize("mode", ["rows", "columns"])
def test_orthogonal_penalty_and_gradient(mode: str) -> None:
    rng = np.random.default_rng(7)
    for shape in ((2, 2), (5, 3), (3, 70)):
        w = rng.normal(size=shape)
        assert np.isclose(OrthogonalRegularizer(0.3, mode)(w), _penalty(w, 0.3, mode), rtol=1e-12)
    regularizer = OrthogonalRegularizer(0.7, mode)
    model = lamina.Sequential(
        [
            lamina.Input((4,)),
            layers.Dense(5, "tanh", kernel_regularizer=regularizer, dtype="float64"),
            layers.Dense(2, dtype="float64"),
        ]
    )
    check_gradients(model, rng.normal(size=(6, 4)), rng.normal(size=(6, 2)))


def test_what_the_orthogonal_regularizer_refuses() -> None:
    assert OrthogonalRegularizer()(np.ones((1, 3))) == 0.0
    config = lamina.regularizers.serialize(OrthogonalRegularizer(0.5, "columns"))
    again = lamina.regularizers.deserialize(config)
    assert isinstance(again, OrthogonalRegularizer) and again.mode == "columns"
    with pytest.raises(ValueError, match="matrix"):
        OrthogonalRegularizer()(np.ones(3))
    with pytest.raises(ValueError, match="mode"):
        OrthogonalRegularizer(mode="both")
    with pytest.raises(ValueError, match="factor"):
        OrthogonalRegularizer(-1.0)
    with pytest.raises(ValueError, match="not for outputs"):
        layers.Dense(2, activity_regularizer=OrthogonalRegularizer())
    with pytest.raises(ValueError, match="must be a matrix"):
        layers.Dense(2, bias_regularizer=OrthogonalRegularizer()).build((None, 3))
