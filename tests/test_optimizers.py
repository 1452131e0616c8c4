"""Optimizers against their formulas in float64, over several steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st

import lamina
from lamina import optimizers

Array = np.ndarray[Any, Any]
STEPS = 7


def _data(seed: int = 0) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(11, 5)), rng.normal(size=(11, 3))


def _trained(optimizer: Any, seed: int = 0) -> list[Array]:
    """A linear model's weights after each step."""
    x, y = _data(seed)
    rng = np.random.default_rng(seed + 1)
    model = lamina.Sequential([lamina.Input((5,)), lamina.layers.Dense(3, dtype="float64")])
    model.set_weights([rng.normal(size=(5, 3)), rng.normal(size=3)])
    model.compile(optimizer, "mse")
    path = [np.concatenate([w.ravel() for w in model.get_weights()])]
    for _ in range(STEPS):
        model.train_on_batch(x, y)
        path.append(np.concatenate([w.ravel() for w in model.get_weights()]))
    assert model.optimizer is not None and model.optimizer.iterations == STEPS
    return path


def _expected(start: Array, rule: Any, seed: int = 0) -> list[Array]:
    x, y = _data(seed)
    w, state, path = start.copy(), [np.zeros_like(start), np.zeros_like(start)], [start]
    for t in range(1, STEPS + 1):
        kernel, bias = reference.linear_gradient(x, y, w[:15].reshape(5, 3), w[15:])
        w = w + rule(t, np.concatenate([kernel.ravel(), bias]), state)
        path.append(w)
    return path


def _check(optimizer: Any, rule: Any, seed: int = 0) -> None:
    path = _trained(optimizer, seed)
    for got, wanted in zip(path, _expected(path[0], rule, seed), strict=True):
        assert np.allclose(got, wanted, rtol=1e-12, atol=1e-13)


@given(rate=st.floats(1e-4, 0.5), seed=st.integers(0, 2**31))
def test_sgd(rate: float, seed: int) -> None:
    _check(optimizers.SGD(rate), lambda t, g, s: -rate * g, seed)


@given(rate=st.floats(1e-4, 0.1), momentum=st.floats(0.01, 1.0), nesterov=st.booleans())
def test_momentum(rate: float, momentum: float, nesterov: bool) -> None:
    def rule(t: int, g: Array, s: list[Array]) -> Array:
        s[0] = momentum * s[0] - rate * g
        return momentum * s[0] - rate * g if nesterov else s[0]

    _check(optimizers.SGD(rate, momentum=momentum, nesterov=nesterov), rule)


@given(
    rate=st.floats(1e-4, 0.1),
    beta_1=st.floats(0.0, 0.99),
    beta_2=st.floats(0.0, 0.9999),
    epsilon=st.sampled_from([1e-7, 1e-3, 0.1]),
)
def test_adam(rate: float, beta_1: float, beta_2: float, epsilon: float) -> None:
    def rule(t: int, g: Array, s: list[Array]) -> Array:
        s[0] = s[0] + (g - s[0]) * (1 - beta_1)
        s[1] = s[1] + (g * g - s[1]) * (1 - beta_2)
        alpha = rate * np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
        return -alpha * s[0] / (np.sqrt(s[1]) + epsilon)

    optimizer = optimizers.Adam(rate, beta_1, beta_2, epsilon)
    path = _trained(optimizer)
    # Divisions by small numbers magnify rounding: a looser bound than for SGD.
    for got, wanted in zip(path, _expected(path[0], rule), strict=True):
        assert np.allclose(got, wanted, rtol=1e-9, atol=1e-9)


def test_defaults_are_keras() -> None:
    sgd = optimizers.SGD()
    assert (sgd.learning_rate, sgd.momentum, sgd.nesterov) == (0.01, 0.0, False)
    adam = optimizers.Adam()
    assert (adam.learning_rate, adam.beta_1, adam.beta_2, adam.epsilon) == (0.001, 0.9, 0.999, 1e-7)


def test_the_learning_rate_can_be_set_at_any_time() -> None:
    x, y = _data()
    model = lamina.Sequential([lamina.layers.Dense(3, dtype="float64")])
    optimizer = optimizers.SGD(0.5)
    optimizer.learning_rate = 0.25
    model.compile(optimizer, "mse")
    assert optimizer.learning_rate == 0.25 and optimizer.iterations == 0
    model.train_on_batch(x, y)
    optimizer.learning_rate = 0.0
    before = model.get_weights()
    model.train_on_batch(x, y)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert optimizer.learning_rate == 0.0 and optimizer.iterations == 2


def test_state_is_visible_and_assignable() -> None:
    x, y = _data()
    model = lamina.Sequential([lamina.Input((5,)), lamina.layers.Dense(3)])
    model.compile("adam", "mse")
    model.train_on_batch(x, y)
    variables = model.optimizer.variables
    assert [v.name for v in variables] == ["momentum", "velocity"] * 2
    assert [v.shape for v in variables] == [(5, 3), (5, 3), (3,), (3,)]
    assert all(np.abs(v.numpy()).max() > 0 for v in variables)
    variables[0].assign(np.zeros((5, 3)))
    assert np.abs(variables[0].numpy()).max() == 0


@pytest.mark.parametrize("name", ["sgd", "SGD", "adam", "Adam"])
def test_names(name: str) -> None:
    assert type(optimizers.get(name)).__name__.lower() == name.lower()


def test_configuration_survives() -> None:
    made = optimizers.SGD(0.1, momentum=0.9, nesterov=True, name="mine")
    again = optimizers.deserialize(optimizers.serialize(made))
    assert again.get_config() == made.get_config()
    adam = optimizers.Adam(0.1, 0.8, 0.9, 1e-5)
    assert optimizers.Adam.from_config(adam.get_config()).get_config() == adam.get_config()


def test_compiling_again_with_the_same_optimizer_keeps_its_state() -> None:
    x, y = _data()
    weights = [np.zeros((5, 3)), np.zeros(3)]

    def run(again: bool) -> list[Array]:
        model = lamina.Sequential([lamina.Input((5,)), lamina.layers.Dense(3, dtype="float64")])
        model.set_weights(weights)
        model.compile(optimizers.Adam(0.1), "mse")
        model.train_on_batch(x, y)
        if again:
            model.compile(model.optimizer, "mse", metrics=["mae"])
        model.train_on_batch(x, y)
        assert model.optimizer.iterations == 2
        return model.get_weights()

    for a, b in zip(run(False), run(True), strict=True):
        assert np.array_equal(a, b)


def test_compiling_again_by_name_starts_afresh() -> None:
    x, y = _data()
    model = lamina.Sequential([lamina.Input((5,)), lamina.layers.Dense(3)])
    model.compile("adam", "mse")
    model.train_on_batch(x, y)
    old = model.optimizer
    model.compile("adam", "mse")
    assert model.optimizer is not old and model.optimizer.iterations == 0
    assert not old.built and old.variables == []
