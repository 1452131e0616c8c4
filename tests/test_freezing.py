"""Frozen layers, models and blocks as layers, and what the summary says of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from differences import check_gradients

import lamina
from lamina import layers

RNG = np.random.default_rng(5)
X, Y = RNG.normal(size=(50, 6)), RNG.normal(size=(50, 3))


def _model() -> Any:
    lamina.utils.set_random_seed(3)
    base = lamina.Sequential(
        [lamina.Input((6,)), layers.Dense(8, "relu"), layers.BatchNormalization()], name="base"
    )
    inner = [layers.Dense(8, "relu", name="a"), layers.Residual([layers.Dense(8)], name="b")]
    block = layers.Residual([*inner, layers.Dense(5)], name="block")
    return lamina.Sequential([base, layers.Dropout(0.2), block, layers.Dense(3, name="head")])


def _changed(model: Any) -> set[str]:
    before = model.get_weights()
    model.fit(X, Y, epochs=2, verbose=0)
    pairs = zip(model.weights, before, model.get_weights(), strict=True)
    return {v.path for v, old, new in pairs if not np.array_equal(old, new)}


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_frozen_weights_stay(optimizer: str) -> None:
    model = _model()
    model.compile(optimizer, "mse")
    everything = {v.path for v in model.weights}
    assert _changed(model) == everything
    assert model._trainer.ready().network.trained_ranges() == [
        (0, model._trainer.ready().network.trained_ranges()[0][1])
    ]
    model.layers[0].trainable = False
    assert [v.path for v in model.trainable_weights] == sorted(
        {v.path for v in model.trainable_weights}, key=[v.path for v in model.weights].index
    )
    assert _changed(model) == {p for p in everything if not p.startswith("base/")}
    model.compile(optimizer, "mse")
    assert _changed(model) == {p for p in everything if not p.startswith("base/")}
    model.get_layer("block").layers[1].trainable = False
    assert _changed(model) == {
        p for p in everything if not p.startswith("base/") and "/b/" not in p
    }
    model.trainable = False
    assert model.trainable_weights == [] and _changed(model) == set()
    assert model._trainer.ready().network.trained_ranges() == []
    model.trainable = True
    assert _changed(model) == everything


def test_frozen_batch_normalization_is_in_inference_mode() -> None:
    model = lamina.Sequential([lamina.Input((6,)), layers.BatchNormalization(), layers.Dense(3)])
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    norm = model.layers[0]
    assert not np.array_equal(model(X, training=True), model(X))
    norm.trainable = False
    assert [v.name for v in norm.non_trainable_weights] == [
        "gamma",
        "beta",
        "moving_mean",
        "moving_variance",
    ]
    moving = norm.moving_mean.numpy()
    assert np.array_equal(model(X, training=True), model(X))
    model.fit(X, Y, verbose=0)
    assert np.array_equal(norm.moving_mean.numpy(), moving)


def test_moving_averages_are_those_of_the_formula() -> None:
    layer = layers.BatchNormalization(momentum=0.7, dtype="float64")
    answer = layer(X, training=True)
    mean, variance = X.mean(axis=0), X.var(axis=0)
    assert np.allclose(answer, (X - mean) / np.sqrt(variance + 1e-3), rtol=1e-12, atol=1e-13)
    assert np.allclose(layer.moving_mean, 0.3 * mean, rtol=1e-12)
    assert np.allclose(layer.moving_variance, 0.7 + 0.3 * variance, rtol=1e-12)
    expected = (X - 0.3 * mean) / np.sqrt(0.7 + 0.3 * variance + 1e-3)
    assert np.allclose(layer(X), expected, rtol=1e-12, atol=1e-13)
    assert [v.trainable for v in layer.weights] == [True, True, False, False]
    assert layer.count_params() == 24


def test_a_stopped_step_leaves_moving_averages() -> None:
    model = lamina.Sequential(
        [lamina.Input((2,)), layers.BatchNormalization(), layers.Embedding(3, 2)]
    )
    before = model.get_weights()
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="Embedding"):
        model.train_on_batch(np.array([[9.0, -9.0], [-9.0, 9.0]]), np.zeros((2, 2, 2)))
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_calls_in_training_mode_draw_anew_and_training_does_not_notice() -> None:
    model = lamina.Sequential([lamina.Input((6,)), layers.Dropout(0.5, seed=1), layers.Dense(3)])
    twin = lamina.models.clone_model(model)
    model.compile("sgd", "mse")
    twin.set_weights(model.get_weights())
    twin._trainer.counters.seed = model._trainer.counters.seed
    twin.compile("sgd", "mse")
    first, second = model(X, training=True), model(X, training=True)
    assert not np.array_equal(first, second) and not np.array_equal(first, model(X))
    assert model.fit(X, Y, verbose=0).history == twin.fit(X, Y, verbose=0).history
    layer = layers.Dropout(0.25, seed=2)
    ones = np.ones((400, 50), "float32")
    assert not np.array_equal(layer(ones, training=True), layer(ones, training=True))
    assert set(np.unique(layer(ones, training=True))) == {np.float32(0), np.float32(1 / 0.75)}


def test_saved_and_cloned(tmp_path: Path) -> None:
    model = _model()
    model.layers[0].trainable = False
    model.compile("adam", "mse")
    model.fit(X, Y, verbose=0)
    model.save(tmp_path / "m.safetensors")
    again = lamina.saving.load_model(tmp_path / "m.safetensors")
    assert [v.path for v in again.weights] == [v.path for v in model.weights]
    assert [v.trainable for v in again.weights] == [v.trainable for v in model.weights]
    for _ in range(2):
        assert again.fit(X, Y, verbose=0).history == model.fit(X, Y, verbose=0).history
    assert again(X).tobytes() == model(X).tobytes()
    copy = lamina.models.clone_model(model)
    copy.set_weights(model.get_weights())
    assert copy(X).tobytes() == model(X).tobytes()
    frozen = lamina.models.clone_model(
        model,
        clone_function=lambda layer: type(layer).from_config(
            {**layer.get_config(), "trainable": False}
        ),
    )
    assert not frozen.layers[-1].trainable


def test_a_model_inside_is_also_one_of_its_own() -> None:
    model = _model()
    base = model.layers[0]
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    kernel, bias, gamma, beta, mean, variance = base.get_weights()
    hidden = np.maximum(X @ kernel + bias, 0)
    expected = (hidden - mean) / np.sqrt(variance + 1e-3) * gamma + beta
    assert np.allclose(base.predict(X, verbose=0), expected, atol=1e-4)
    assert np.array_equal(base(X), base.predict(X, verbose=0))
    base.compile("sgd", "mse")
    base.fit(X, np.zeros((50, 8)), verbose=0)
    assert model.get_weights()[0].tobytes() == base.get_weights()[0].tobytes() != kernel.tobytes()
    kernel = base.get_weights()[0]
    with pytest.raises(RuntimeError, match="part of"):
        base.add(layers.Dense(2))
    trained = model(X)
    popped = [model.pop() for _ in range(len(model.layers))][-1]
    assert popped is base and base.get_weights()[0].tobytes() == kernel.tobytes()
    base.compile("sgd", "mse")
    base.fit(X, np.zeros((50, 8)), verbose=0)
    assert trained.shape == (50, 3)


def test_replacing_the_head() -> None:
    model = lamina.Sequential([lamina.Input((6,)), layers.Dense(8, "relu"), layers.Dense(3)])
    model.compile("adam", "mse")
    model.fit(X, Y, verbose=0)
    model.pop()
    model.trainable = False
    model.add(layers.Dense(1))
    model.compile("adam", "mse")
    before = model.get_weights()
    model.fit(X, Y[:, :1], verbose=0)
    same = [np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert same == [True, True, False, False]


@pytest.mark.parametrize("units", [4, 6])
@pytest.mark.parametrize("below", [None, "gelu"])
def test_gradients_of_residual_blocks(units: int, below: str | None) -> None:
    rng = np.random.default_rng(1)
    kinds = {"dtype": "float64"}
    model = lamina.Sequential(
        [
            lamina.Input((3,)),
            layers.Dense(4, below, **kinds),
            layers.Residual(
                [
                    layers.Dense(5, "gelu", **kinds),
                    layers.BatchNormalization(**kinds),
                    layers.Residual([layers.Dense(5, "tanh", **kinds)]),
                    layers.Dropout(0.3, **kinds),
                    layers.Dense(units, "silu", activity_regularizer="l2", **kinds),
                ]
            ),
            layers.Dense(2, **kinds),
        ]
    )
    model.set_weights([rng.normal(size=v.shape) for v in model.weights])
    check_gradients(model, rng.normal(size=(7, 3)), rng.normal(size=(7, 2)))


def test_summary() -> None:
    model = _model()
    model.layers[0].trainable = False
    lines: list[str] = []
    model.summary(line_length=80, print_fn=lines.append, expand_nested=True, show_trainable=True)
    text = "\n".join(lines)
    assert "└ a (Dense)" in text and "└ projection (Dense)" in text and "│       N │" in text
    assert " Trainable params: 247 (" in text and " Non-trainable params: 88 (" in text
    lines.clear()
    model.summary(print_fn=lines.append, layer_range=["block", "head"])
    assert "base" not in "\n".join(lines) and "block" in "\n".join(lines)
    with pytest.raises(ValueError, match="layer_range"):
        model.summary(layer_range=["nothing", "head"])
