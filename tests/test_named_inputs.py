"""Inputs in dictionaries and lists, as Keras' models of one input take them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lamina
from lamina import layers

X = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
Y = X.sum(axis=1, keepdims=True)


def _model(name: str | None = "features") -> Any:
    lamina.utils.set_random_seed(1)
    model = lamina.Sequential([lamina.Input((4,), name=name), layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize("x", [{"features": X}, {"features": X, "other": X * 2}, [X], (X,)])
def test_what_names_the_input_is_the_input(x: Any) -> None:
    model, plain = _model(), _model()
    history = model.fit(x, Y, validation_data=(x, Y), verbose=0).history
    assert history == plain.fit(X, Y, validation_data=(X, Y), verbose=0).history
    assert model.evaluate(x, Y, verbose=0) == plain.evaluate(X, Y, verbose=0)
    assert model.train_on_batch(x, [Y]) == plain.train_on_batch(X, Y)
    assert model.test_on_batch(x, Y) == plain.test_on_batch(X, Y)
    for answer in (model.predict(x, verbose=0), model(x), model.predict_on_batch(x)):
        np.testing.assert_array_equal(answer, plain(X))


def test_batches_of_named_inputs() -> None:
    model, plain = _model(), _model()
    batches = [({"features": X[:4]}, Y[:4]), ({"features": X[4:]}, Y[4:])]
    model.fit(iter(batches), verbose=0)
    plain.fit(X, Y, batch_size=4, shuffle=False, verbose=0)
    np.testing.assert_array_equal(model(X), plain(X))


@pytest.mark.parametrize("x", [{}, {"other": X}, {"a": X, "b": X}])
def test_a_name_that_is_not_there(x: Any) -> None:
    model = _model()
    for call in (model.fit, model.evaluate, model.train_on_batch):
        with pytest.raises(ValueError, match="'features'"):
            call(x, Y)
    for call in (model.predict, model):
        with pytest.raises(ValueError, match="'features'"):
            call(x)


def test_a_model_without_an_input_has_no_names() -> None:
    model = lamina.Sequential([layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="no named input"):
        model.fit({"x": X}, Y, verbose=0)
