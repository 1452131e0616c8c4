"""Outputs of normalizations, noise and shapes against NumPy in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lamina
from lamina import layers

Array = np.ndarray[Any, Any]
DTYPES = st.sampled_from(["float32", "float64"])


def _check(layer: Any, x: Array, expected: Array, training: bool = False) -> None:
    answer = layer(x, training=training)
    tolerance = 2e-4 if layer.dtype == "float32" else 1e-10
    assert answer.dtype == layer.dtype and answer.shape == expected.shape
    assert np.allclose(answer, expected, rtol=tolerance, atol=tolerance)


def _standard(x: Array, axes: Any, epsilon: float) -> Array:
    mean, variance = x.mean(axis=axes, keepdims=True), x.var(axis=axes, keepdims=True)
    return (x - mean) / np.sqrt(variance + epsilon)


@settings(max_examples=40, deadline=None)
@given(
    rows=st.integers(1, 140),
    features=st.integers(1, 40),
    positions=st.integers(0, 3),
    dtype=DTYPES,
    seed=st.integers(0, 2**32 - 1),
)
def test_normalizations(rows: int, features: int, positions: int, dtype: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (positions, features) if positions else (features,)
    x = rng.normal(1.0, 2.0, size=(rows, *shape)).astype(dtype)
    wide = x.astype("float64")
    gamma, beta = (rng.normal(size=features).astype(dtype) for _ in range(2))
    every = tuple(range(x.ndim - 1))

    batch = layers.BatchNormalization(epsilon=0.1, dtype=dtype)
    batch.build(x.shape)
    moving = [rng.normal(size=features), rng.uniform(0.5, 2, features)]
    batch.set_weights([gamma, beta, *moving])
    _check(batch, x, (wide - moving[0]) / np.sqrt(moving[1] + 0.1) * gamma + beta)
    _check(batch, x, _standard(wide, every, 0.1) * gamma + beta, training=True)

    layer = layers.LayerNormalization(epsilon=0.1, dtype=dtype)
    layer.build(x.shape)
    layer.set_weights([gamma, beta])
    _check(layer, x, _standard(wide, -1, 0.1) * gamma + beta)

    rms = layers.RMSNormalization(epsilon=0.1, dtype=dtype)
    rms.build(x.shape)
    rms.set_weights([gamma])
    size = np.sqrt((wide**2).mean(axis=-1, keepdims=True) + 0.1)
    _check(rms, x, wide / size * gamma)

    unit = layers.UnitNormalization(dtype=dtype)
    _check(unit, x, wide / np.maximum(1e-12, np.linalg.norm(wide, axis=-1, keepdims=True)))

    for groups in (1, features, -1):
        group = layers.GroupNormalization(groups, epsilon=0.1, dtype=dtype)
        group.build(x.shape)
        group.set_weights([gamma, beta])
        count = features if groups == -1 else groups
        split = wide.reshape(rows, -1, count, features // count)
        expected = _standard(split, (1, 3), 0.1).reshape(x.shape) * gamma + beta
        _check(group, x, expected)


def test_several_axes_and_long_rows() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(3, 4, 5))
    layer = layers.LayerNormalization(axis=[2, 1], scale=False, center=False, dtype="float64")
    _check(layer, x, _standard(x, (1, 2), 1e-3))
    first = layers.BatchNormalization(axis=1, dtype="float64")
    _check(first, x, _standard(x, (0, 2), 1e-3), training=True)
    long = rng.normal(size=(2, 9001))
    _check(layers.LayerNormalization(dtype="float64"), long, _standard(long, -1, 1e-3))
    _check(layers.LayerNormalization(axis=1, dtype="float64"), x, _standard(x, 1, 1e-3))
    group = layers.GroupNormalization(2, axis=1, dtype="float64")
    halves = [_standard(x[:, :2], (1, 2), 1e-3), _standard(x[:, 2:], (1, 2), 1e-3)]
    _check(group, x, np.concatenate(halves, axis=1))
    with pytest.raises(ValueError, match="axis=4"):
        layers.LayerNormalization(axis=4)(x)


def test_rows_without_numbers_stay_apart() -> None:
    x = np.ones((3, 4))
    x[1, 2] = np.nan
    for layer in (layers.LayerNormalization(), layers.RMSNormalization()):
        answer = layer(x)
        assert np.isnan(answer[1]).all() and np.isfinite(answer[[0, 2]]).all()
    assert np.array_equal(layers.UnitNormalization()(np.zeros((2, 3))), np.zeros((2, 3)))


def test_predictions_do_not_depend_on_the_batch() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(130, 12)).astype("float32")
    model = lamina.Sequential(
        [
            lamina.Input((12,)),
            layers.BatchNormalization(),
            layers.Residual([layers.Dense(20, "gelu"), layers.GroupNormalization(4)]),
            layers.LayerNormalization(),
            layers.PReLU("ones"),
        ]
    )
    whole = model(x)
    for rows in (1, 7, 64):
        parts = [model(x[i : i + rows]) for i in range(0, 130, rows)]
        assert np.concatenate(parts).tobytes() == whole.tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_noise(dtype: str) -> None:
    x = np.random.default_rng(3).normal(size=(500, 64)).astype(dtype)
    noise = layers.GaussianNoise(0.5, seed=1, dtype=dtype)
    z = noise(x, training=True) - x
    assert abs(z.mean()) < 0.01 and abs(z.std() - 0.5) < 0.01
    assert not np.array_equal(noise(x, training=True) - x, z)
    factors = layers.GaussianDropout(0.2, seed=1, dtype=dtype)(np.ones_like(x), training=True)
    assert abs(factors.mean() - 1) < 0.01 and abs(factors.std() - 0.5) < 0.01
    alpha = layers.AlphaDropout(0.3, seed=1, dtype=dtype)(x, training=True)
    limit = -1.7580993408473766
    scale = ((1 - 0.3) * (1 + 0.3 * limit**2)) ** -0.5
    dropped = np.isclose(alpha, scale * limit - scale * limit * 0.3, rtol=1e-5)
    assert abs(dropped.mean() - 0.3) < 0.01
    assert np.allclose(alpha[~dropped], scale * x[~dropped] - scale * limit * 0.3, rtol=1e-4)
    assert abs(alpha.mean()) < 0.02 and abs(alpha.std() - 1) < 0.02
    for layer in (noise, layers.GaussianDropout(0.2, dtype=dtype), layers.AlphaDropout(0.3)):
        assert np.array_equal(layer(x), x.astype(layer.dtype))


def test_masks_are_shared() -> None:
    x = np.ones((40, 6, 30), "float32")
    channels = layers.SpatialDropout1D(0.4, seed=1)(x, training=True)
    assert (channels == channels[:, :1]).all() and 0.3 < (channels == 0).mean() < 0.5
    one = layers.Dropout(0.4, noise_shape=(1, None, None), seed=1)(x, training=True)
    assert (one == one[:1]).all() and 0.2 < (one == 0).mean() < 0.6
    plain, shaped = layers.Dropout(0.4, seed=1), layers.Dropout(0.4, (None, 6, 30), seed=1)
    assert np.array_equal(plain(x, training=True), shaped(x, training=True))


def test_shapes() -> None:
    x = np.arange(48.0).reshape(2, 4, 6)
    assert np.array_equal(layers.Permute((2, 1), dtype="float64")(x), x.transpose(0, 2, 1))
    four = x.reshape(2, 4, 3, 2)
    permute = layers.Permute((3, 1, 2), dtype="float64")
    assert np.array_equal(permute(four), four.transpose(0, 3, 1, 2))
    assert permute.compute_output_shape((None, 4, 3, 2)) == (None, 2, 4, 3)
    assert np.array_equal(layers.Reshape((3, -1), dtype="float64")(x), x.reshape(2, 3, 8))
    repeat = layers.RepeatVector(3, dtype="float64")(x[:, 0])
    assert np.array_equal(repeat, np.repeat(x[:, :1], 3, axis=1))
    softmax = layers.Softmax(axis=1, dtype="float64")(x / 10)
    e = np.exp(x / 10)
    assert np.allclose(softmax, e / e.sum(axis=1, keepdims=True), rtol=1e-13)
    table = np.random.default_rng(4).normal(size=(5, 3))
    embedding = layers.Embedding(5, 3, weights=table, dtype="float64")
    indices = np.array([[0, 4], [2, 2]])
    assert np.array_equal(embedding(indices), table[indices])
    prelu = layers.PReLU(lamina.initializers.Constant(0.25), shared_axes=[1], dtype="float64")
    assert np.array_equal(prelu(x - 20), np.where(x > 20, x - 20, 0.25 * (x - 20)))
    assert prelu.alpha.shape == (1, 6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_penalties_and_constraints_on_their_own(dtype: str) -> None:
    rng = np.random.default_rng(5)
    w = rng.normal(size=(130, 70)).astype(dtype)
    wide = w.astype("float64")
    close = 1e-5 if dtype == "float32" else 1e-12
    penalty = lamina.regularizers.L1L2(0.1, 0.3)(w)
    assert penalty == pytest.approx(0.1 * np.abs(wide).sum() + 0.3 * (wide**2).sum(), rel=close)
    assert lamina.regularizers.get("l1")(w) == lamina.regularizers.L1(0.01)(w)
    cube = rng.normal(size=(3, 100, 4)).astype(dtype)
    for array in (w, cube, cube[:, ::-1]):
        for axis in (0, 1, -1, [0, 1], None):
            over = tuple(axis) if isinstance(axis, list) else axis
            exact = array.astype("float64")
            norm = np.sqrt((exact**2).sum(axis=over, keepdims=True))
            c = lamina.constraints
            kept = [c.MaxNorm(3.0, axis), c.UnitNorm(axis), c.MinMaxNorm(2.0, 3.0, 0.7, axis)]
            moved = 0.7 * np.clip(norm, 2, 3) + 0.3 * norm
            wanted = [np.minimum(norm, 3.0), np.ones_like(norm), moved]
            for constraint, target in zip(kept, wanted, strict=True):
                before = array.copy()
                got = constraint(array)
                assert np.array_equal(array, before) and got.dtype == dtype
                assert np.allclose(got, exact * (target / (1e-7 + norm)), rtol=10 * close)
    assert np.array_equal(lamina.constraints.get("non_neg")(w), np.maximum(w, 0))
    with pytest.raises(NotImplementedError, match="follow each other"):
        lamina.constraints.UnitNorm([0, 2])(cube)


def test_the_reported_loss_contains_the_penalties() -> None:
    rng = np.random.default_rng(6)
    x, y = rng.normal(size=(30, 4)), rng.normal(size=(30, 2))
    model = lamina.Sequential(
        [
            lamina.Input((4,)),
            layers.Dense(
                2,
                kernel_regularizer=lamina.regularizers.L1(0.5),
                activity_regularizer=lamina.regularizers.L2(0.25),
                dtype="float64",
            ),
        ]
    )
    model.compile(lamina.optimizers.SGD(0.0), "mse", metrics=["mse"])
    kernel = model.layers[0].kernel.numpy()
    answer = model(x)
    for rows in (30, 8):
        parts = [answer[i : i + rows] for i in range(0, 30, rows)]
        activity = sum(0.25 * (part**2).sum() for part in parts) / 30
        expected = ((answer - y) ** 2).mean() + 0.5 * np.abs(kernel).sum() + activity
        history = model.fit(x, y, batch_size=rows, shuffle=False, verbose=0).history
        assert history["loss"][0] == pytest.approx(expected, rel=1e-12)
        assert model.evaluate(x, y, batch_size=rows)[0] == pytest.approx(expected, rel=1e-12)
    model.trainable = False
    assert model.evaluate(x, y)[0] == pytest.approx(
        ((answer - y) ** 2).mean() + 0.25 * (answer**2).sum() / 30, rel=1e-12
    )


CONFIGURED = [
    layers.BatchNormalization(
        axis=1, momentum=0.5, gamma_regularizer="l2", beta_constraint="non_neg"
    ),
    layers.BatchNormalization(renorm=True, renorm_clipping={"rmax": 2.0}, renorm_momentum=0.5),
    layers.LayerNormalization(axis=[1], rms_scaling=True),
    layers.RMSNormalization(epsilon=0.5),
    layers.UnitNormalization(),
    layers.GroupNormalization(3, center=False),
    layers.PReLU(alpha_regularizer=lamina.regularizers.L1(0.5), shared_axes=[1]),
    layers.AlphaDropout(0.5, (None, 1), seed=3),
    layers.GaussianNoise(0.5),
    layers.GaussianDropout(0.25, seed=4),
    layers.SpatialDropout1D(0.5, seed=5, name="s"),
    layers.Dropout(0.5, noise_shape=(1, None), seed=6),
    layers.ActivityRegularization(0.5, 0.25),
    layers.Reshape((2, -1)),
    layers.Permute((2, 1), trainable=False),
    layers.RepeatVector(3),
    layers.Identity(dtype="float64"),
    layers.Embedding(4, 2, embeddings_constraint=lamina.constraints.MinMaxNorm(0.5, 1.5, 0.25, 1)),
    layers.Dense(3, kernel_regularizer="l1", activity_regularizer=lamina.regularizers.L2(0.5)),
    layers.Softmax(axis=1),
    layers.Residual([layers.Dense(4, "relu"), layers.Residual([layers.Identity()])], False),
]


@pytest.mark.parametrize("layer", CONFIGURED, ids=lambda layer: type(layer).__name__)
def test_configurations_survive(layer: Any) -> None:
    again = layers.deserialize(layers.serialize(layer))
    assert type(again) is type(layer)
    assert again.get_config() == layer.get_config()
