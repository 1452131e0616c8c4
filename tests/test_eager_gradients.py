"""Gradients through layers on the tape, against central differences in float64."""

from typing import Any

import numpy as np
import pytest

import lamina
from lamina import layers, losses
from lamina.autograd.gradient_tape import GradientTape

RNG = np.random.default_rng(3)
X = RNG.normal(size=(7, 5))
Y = RNG.normal(size=(7, 3))

STACKS: dict[str, Any] = {
    "dense": lambda: [layers.Dense(4, activation="tanh"), layers.Dense(3)],
    "activations": lambda: [
        layers.Dense(4, activation="gelu"),
        layers.Activation("softplus"),
        layers.Dense(3, activation="sigmoid"),
    ],
    "softmax": lambda: [layers.Dense(4, activation="silu"), layers.Dense(3, activation="softmax")],
    "normalized": lambda: [
        layers.Dense(4),
        layers.BatchNormalization(),
        layers.LayerNormalization(),
        layers.Dense(3),
    ],
    "residual": lambda: [
        layers.Residual([layers.Dense(5, activation="tanh")]),
        layers.Dropout(0.3),
        layers.Dense(3),
    ],
}


@pytest.fixture(autouse=True)
def _double() -> Any:
    before = lamina.config.floatx()
    lamina.config.set_floatx("float64")
    yield
    lamina.config.set_floatx(before)


def model_of(name: str) -> lamina.Sequential:
    lamina.utils.set_random_seed(5)
    model = lamina.Sequential([lamina.Input((5,)), *STACKS[name]()])
    for variable in model.weights:  # biases and factors of their own
        variable.assign(variable.numpy() + 0.1 * RNG.uniform(size=variable.shape))
    return model


def slopes(f: Any, x: Any, step: float = 1e-5) -> Any:
    """Central differences of a number by each element."""
    result = np.zeros_like(x)
    for i in np.ndindex(*x.shape):
        moved = x.copy()
        moved[i] += step
        high = f(moved)
        moved[i] -= 2 * step
        result[i] = (high - f(moved)) / (2 * step)
    return result


@pytest.mark.parametrize("name", STACKS)
def test_weights_and_inputs(name: str) -> None:
    model = model_of(name)
    loss_fn = losses.MeanSquaredError()
    x = lamina._core.convert(X)
    with GradientTape(persistent=True) as tape:
        tape.watch(x)
        loss = loss_fn(Y, model(x))
    variables = model.trainable_variables
    gradients = [np.asarray(g) for g in tape.gradient(loss, variables)]

    def value(inputs: Any) -> float:
        return float(loss_fn(Y, model(inputs)))

    for variable, gradient in zip(variables, gradients, strict=True):
        before = variable.numpy()

        def at(w: Any, variable: Any = variable) -> float:
            variable.assign(w)
            return value(X)

        np.testing.assert_allclose(gradient, slopes(at, before), rtol=1e-6, atol=1e-9)
        variable.assign(before)


@pytest.mark.parametrize("name", STACKS)
def test_inputs(name: str) -> None:
    model = model_of(name)
    loss_fn = losses.MeanSquaredError()
    x = lamina._core.convert(X)
    with GradientTape() as tape:
        tape.watch(x)
        loss = loss_fn(Y, model(x))
    gradient = np.asarray(tape.gradient(loss, x))
    wanted = slopes(lambda inputs: float(loss_fn(Y, model(inputs))), X)
    np.testing.assert_allclose(gradient, wanted, rtol=1e-6, atol=1e-9)


def test_the_prediction_itself_and_the_weights_behind_it() -> None:
    model = model_of("softmax")
    targets = np.eye(3)[[0, 1, 2, 0, 1, 2, 0]]
    loss_fn = losses.CategoricalCrossentropy()
    gradients = []
    for sources in ("weights", "both"):
        with GradientTape() as tape:
            p = model(X)
            loss = loss_fn(targets, p)
        chosen = [*model.trainable_variables, *([p] if sources == "both" else [])]
        gradients.append([np.asarray(g) for g in tape.gradient(loss, chosen)])
    for a, b in zip(gradients[0], gradients[1][:-1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
    wanted = slopes(lambda q: float(loss_fn(targets, q)), np.asarray(p), 1e-6)
    np.testing.assert_allclose(gradients[1][-1], wanted, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("name", ["dense", "softmax"])
def test_second_derivatives(name: str) -> None:
    model = model_of(name)
    loss_fn = losses.MeanSquaredError()

    def slope(values: Any) -> Any:
        x = lamina._core.convert(values)
        with GradientTape() as tape:
            tape.watch(x)
            loss = loss_fn(Y, model(x))
        return x, loss, tape

    x = lamina._core.convert(X)
    with GradientTape() as outer:
        outer.watch(x)
        with GradientTape() as inner:
            inner.watch(x)
            loss = loss_fn(Y, model(x))
        first = inner.gradient(loss, x)
    second = np.asarray(outer.gradient(first, x))

    def total(values: Any) -> float:
        point, value, tape = slope(values)
        return float(np.asarray(tape.gradient(value, point)).sum())

    np.testing.assert_allclose(second, slopes(total, X), rtol=1e-5, atol=1e-8)


def test_weights_that_changed_before_the_gradient() -> None:
    model = model_of("dense")
    with GradientTape() as tape:
        loss = losses.MeanSquaredError()(Y, model(X))
    model.layers[0].kernel.assign(np.zeros((5, 4)))
    with pytest.raises(RuntimeError, match="changed in place"):
        tape.gradient(loss, model.trainable_variables)
