"""Gradients by central differences in float64, for every activation with every loss.

A step of SGD with rate 1 shows the gradient: what the weights were minus what they are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import reference

import lamina

Array = np.ndarray[Any, Any]

#: Losses meet outputs of every kind here.
pytestmark = pytest.mark.filterwarnings("ignore:.*from_logits")

LOSSES: dict[str, Any] = {
    "mse": "mse",
    "mae": "mae",
    "huber": lamina.losses.Huber(0.3),
    "bce": "binary_crossentropy",
    "bce logits": lamina.losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.1),
    "cce": "categorical_crossentropy",
    "cce logits": lamina.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.2),
    "scce": "sparse_categorical_crossentropy",
    "scce logits": lamina.losses.SparseCategoricalCrossentropy(from_logits=True),
}
#: Crossentropies of probabilities need outputs between 0 and 1.
PROBABILITIES = {"sigmoid", "softmax"}


def _data(loss: str, rng: np.random.Generator) -> tuple[Array, Array]:
    x = rng.normal(size=(9, 4))
    labels = rng.integers(0, 3, 9)
    if loss.startswith("scce"):
        return x, labels
    if loss.startswith("cce"):
        return x, np.eye(3)[labels]
    if loss.startswith("bce"):
        return x, rng.integers(0, 2, (9, 3)).astype(float)
    return x, rng.normal(size=(9, 3))


def _loss(model: Any, x: Array, y: Array, weights: Array) -> float:
    model.reset_metrics()
    return float(model.test_on_batch(x, y, sample_weight=weights))


def _check(model: Any, x: Array, y: Array, weights: Array) -> None:
    before = model.get_weights()
    model.train_on_batch(x, y, sample_weight=weights)
    gradients = [a - b for a, b in zip(before, model.get_weights(), strict=True)]
    model.set_weights(before)
    for place, variable in enumerate(model.weights):
        base, gradient = before[place], gradients[place]
        scale = max(1e-2, float(np.abs(gradient).max()))
        for index in np.ndindex(*base.shape):
            # Next to a kink of the function a wide step is wrong: then narrow ones are tried.
            # A wrong gradient agrees with none of them.
            errors = []
            for step in (2.0**-17, 2.0**-20, 2.0**-22):
                moved = np.stack([base, base])
                moved[0][index] += step
                moved[1][index] -= step
                values = []
                for value in moved:
                    variable.assign(value)
                    values.append(_loss(model, x, y, weights))
                errors.append(abs((values[0] - values[1]) / (2 * step) - gradient[index]))
                if errors[-1] <= 1e-7 * scale:
                    break
            assert min(errors) <= 1e-7 * scale
        variable.assign(base)


@pytest.mark.parametrize("loss", sorted(LOSSES))
@pytest.mark.parametrize("activation", sorted(set(reference.ACTIVATIONS) - {"swish", "hard_swish"}))
def test_hidden_and_output_activations(activation: str, loss: str) -> None:
    rng = np.random.default_rng(sum(map(ord, activation + loss)))
    probability = loss in ("bce", "cce", "scce")
    if probability:
        output = activation if activation in PROBABILITIES else "sigmoid"
    else:
        output = activation
    model = lamina.Sequential(
        [
            lamina.Input((4,)),
            lamina.layers.Dense(5, activation=activation, dtype="float64"),
            lamina.layers.Dense(3, activation=output, dtype="float64"),
        ]
    )
    model.set_weights([rng.normal(scale=0.6, size=v.shape) for v in model.weights])
    model.compile(lamina.optimizers.SGD(1.0), LOSSES[loss])
    x, y = _data(loss, rng)
    _check(model, x, y, rng.uniform(0.1, 2.0, 9))


@pytest.mark.parametrize(
    "layer",
    [
        lamina.layers.ReLU(max_value=1.0, negative_slope=0.1, threshold=0.2),
        lamina.layers.LeakyReLU(0.3),
        lamina.layers.ELU(0.7),
        lamina.layers.Softmax(),
        lamina.layers.Activation("gelu"),
        lamina.layers.Dropout(0.0),
    ],
)
def test_layers_of_their_own_and_more_axes(layer: Any) -> None:
    rng = np.random.default_rng(3)
    layer = type(layer).from_config({**layer.get_config(), "dtype": "float64"})
    model = lamina.Sequential(
        [
            lamina.Input((2, 3)),
            lamina.layers.Dense(4, dtype="float64"),
            layer,
            lamina.layers.Dense(3, "tanh", use_bias=False, dtype="float64"),
            lamina.layers.Flatten(dtype="float64"),
            lamina.layers.Dense(2, dtype="float64"),
        ]
    )
    model.set_weights([rng.normal(size=v.shape) for v in model.weights])
    model.compile(lamina.optimizers.SGD(1.0), "mse")
    _check(model, rng.normal(size=(5, 2, 3)), rng.normal(size=(5, 2)), np.ones(5))


def test_outputs_with_more_axes() -> None:
    rng = np.random.default_rng(4)
    model = lamina.Sequential(
        [lamina.Input((3, 2)), lamina.layers.Dense(4, "softmax", dtype="float64")]
    )
    model.compile(lamina.optimizers.SGD(1.0), "sparse_categorical_crossentropy")
    labels = rng.integers(0, 4, (6, 3))
    _check(model, rng.normal(size=(6, 3, 2)), labels, rng.uniform(size=6))


def test_the_numbers_of_a_loss_are_those_of_the_formula() -> None:
    rng = np.random.default_rng(5)
    x, kernel, bias = rng.normal(size=(8, 3)), rng.normal(size=(3, 4)), rng.normal(size=4)
    for output, loss, formula in [
        ("softmax", "categorical_crossentropy", reference.categorical_crossentropy),
        ("sigmoid", "binary_crossentropy", reference.binary_crossentropy),
        ("linear", "mse", reference.mse),
        ("tanh", "mae", reference.mae),
        ("relu", "huber", reference.huber),
    ]:
        model = lamina.Sequential(
            [lamina.Input((3,)), lamina.layers.Dense(4, output, dtype="float64")]
        )
        model.set_weights([kernel, bias])
        model.compile("sgd", loss)
        y = np.eye(4)[rng.integers(0, 4, 8)]
        weights = rng.uniform(size=8)
        rows = formula(y, reference.forward([(kernel, bias, output)], x))
        expected = (rows * weights).sum() / 8
        got = model.evaluate(x, y, sample_weight=weights, batch_size=3)
        assert got == pytest.approx(expected, rel=1e-12)
