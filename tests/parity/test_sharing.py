"""Transfer learning with shared layers against Keras 3: the same numbers, turn by turn."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "jax")
with np.errstate(all="ignore"):
    keras = pytest.importorskip("keras", minversion="3.0", reason="Keras 3 is not installed")

import lamina

pytestmark = pytest.mark.filterwarnings("default")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(32, 6)).astype("float32")
Y = RNG.normal(size=(32, 3)).astype("float32")
BASE = [RNG.normal(0, 0.3, shape).astype("float32") for shape in ((6, 8), (8,), (8, 3), (3,))]
HEAD = [RNG.normal(size=(8, 2)).astype("float32"), np.zeros(2, "float32")]


def _transfer(library: Any) -> list[Any]:
    layers = library.layers
    inputs = library.Input((6,))
    base = library.Sequential([inputs, layers.Dense(8, "tanh"), layers.Dense(3)])
    base.set_weights(BASE)
    base.compile("adam", "mse")
    options = {"batch_size": 8, "shuffle": False, "verbose": 0}
    base.fit(X, Y, epochs=2, **options)
    head = library.Sequential([*base.layers[:-1], layers.Dense(2)])
    head.build((None, 6))
    head.layers[-1].set_weights(HEAD)
    features = library.Sequential(base.layers[:-1])
    head.compile("sgd", "mse")
    seen: list[Any] = [head.fit(X, Y[:, :2], epochs=3, **options).history["loss"]]
    seen += [features.predict(X, verbose=0), base.predict(X, verbose=0)]
    seen.append(base.fit(X, Y, epochs=2, **options).history["loss"])
    seen.append(features.predict(X, verbose=0))
    base.layers[0].trainable = False
    head.compile("sgd", "mse")
    head.fit(X, Y[:, :2], **options)
    return [*seen, *head.get_weights(), *base.get_weights()]


def test_a_base_and_its_heads() -> None:
    for ours, theirs in zip(_transfer(lamina), _transfer(keras), strict=True):
        assert np.max(np.abs(np.asarray(ours) - np.asarray(theirs))) <= 2e-6


def test_the_order_of_keys_in_logs() -> None:
    orders = []
    for library in (lamina, keras):
        end = library.layers.Dense(1, activation="sigmoid")
        model = library.Sequential([library.Input((6,)), end])
        model.compile(
            "sgd", "binary_crossentropy", metrics=["mae", "accuracy"], weighted_metrics=["accuracy"]
        )
        y = (Y[:, :1] > 0).astype("float32")
        history = model.fit(X, y, validation_data=(X, y), verbose=0)
        logs = model.evaluate(X, y, verbose=0, return_dict=True)
        orders.append((list(history.history), list(logs)))
    assert orders[0] == orders[1]


@pytest.mark.parametrize(("units", "sparse"), [(1, False), (3, True), (3, False)])
def test_crossentropy_by_its_short_name(units: int, sparse: bool) -> None:
    labels = np.arange(32) % max(units, 2)
    y: Any = (
        labels if sparse else np.eye(3, dtype="float32")[labels] if units == 3 else labels[:, None]
    )
    histories = []
    for library in (lamina, keras):
        end = library.layers.Dense(units, activation="sigmoid" if units == 1 else "softmax")
        model = library.Sequential([library.Input((6,)), end])
        model.set_weights([BASE[2][:6, :units], BASE[3][:units]])
        model.compile("sgd", "crossentropy", metrics=["Accuracy"])
        histories.append(model.fit(X, y, shuffle=False, verbose=0).history)
    assert list(histories[0]) == list(histories[1])
    for name, values in histories[0].items():
        np.testing.assert_allclose(values, histories[1][name], rtol=1e-5)
