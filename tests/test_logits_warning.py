"""A crossentropy that does not fit the layer before it is said once."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import lamina
from lamina import layers, losses, ops

X = np.linspace(-1, 1, 40, dtype="float32").reshape(10, 4)
LABELS = np.arange(10) % 3


def _stack(*top: Any) -> lamina.Sequential:
    return lamina.Sequential([lamina.Input((4,)), layers.Dense(5, "relu"), *top])


WRONG: list[tuple[Any, Any, str]] = [
    (lambda: [layers.Dense(3)], "sparse_categorical_crossentropy", "has no activation"),
    (lambda: [layers.Dense(3)], "categorical_crossentropy", "activation='softmax'"),
    (lambda: [layers.Dense(1)], "binary_crossentropy", "activation='sigmoid'"),
    (lambda: [layers.Dense(1)], losses.BinaryFocalCrossentropy(), "BinaryFocalCrossentropy\\(from"),
    (lambda: [layers.Dense(3), layers.Dropout(0.1)], "categorical_crossentropy", "from_logits"),
    (lambda: [layers.Dense(3), layers.Activation("linear")], "categorical_crossentropy", "from_"),
    (lambda: [lamina.Sequential([layers.Dense(3)])], "categorical_crossentropy", "no activation"),
    (
        lambda: [layers.Dense(3, "softmax")],
        losses.SparseCategoricalCrossentropy(from_logits=True),
        "is a softmax",
    ),
    (
        lambda: [layers.Dense(3), layers.Softmax()],
        losses.CategoricalCrossentropy(from_logits=True),
        "is a softmax",
    ),
    (
        lambda: [layers.Dense(1), layers.Activation("sigmoid"), layers.Reshape((1,))],
        losses.BinaryCrossentropy(from_logits=True),
        "is a sigmoid",
    ),
]

RIGHT: list[tuple[Any, Any]] = [
    (lambda: [layers.Dense(3, "softmax")], "sparse_categorical_crossentropy"),
    (lambda: [layers.Dense(3), layers.Softmax()], "categorical_crossentropy"),
    (lambda: [layers.Dense(1, "sigmoid")], "binary_crossentropy"),
    (lambda: [layers.Dense(3)], losses.SparseCategoricalCrossentropy(from_logits=True)),
    (lambda: [layers.Dense(1)], losses.BinaryCrossentropy(from_logits=True)),
    (lambda: [layers.Dense(3)], "mse"),
    (lambda: [layers.Dense(1)], losses.BinaryCrossentropy(from_logits=True, name="x")),
    (lambda: [layers.Dense(3, "hard_sigmoid")], "binary_crossentropy"),
    (lambda: [layers.Dense(3, lambda x: ops.softmax(x))], "categorical_crossentropy"),
    (lambda: [layers.Dense(3), layers.Lambda(ops.sigmoid)], "binary_crossentropy"),
    (lambda: [layers.Dense(3)], lambda t, p: losses.binary_crossentropy(t, p, from_logits=True)),
]


@pytest.mark.parametrize("built", [True, False])
@pytest.mark.parametrize(("top", "loss", "text"), WRONG)
def test_what_does_not_fit_warns_once(top: Any, loss: Any, text: str, built: bool) -> None:
    model = _stack(*top()) if built else lamina.Sequential(top())
    with pytest.warns(UserWarning, match=text) as caught:
        model.compile("sgd", loss)
    assert len(caught) == 1 and caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.compile("sgd", loss)


@pytest.mark.parametrize(("top", "loss"), RIGHT)
def test_what_fits_does_not_warn(top: Any, loss: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _stack(*top()).compile("sgd", loss)


def test_a_loss_that_the_targets_choose() -> None:
    model = _stack(layers.Dense(3))
    model.compile("sgd", "crossentropy")
    with pytest.warns(UserWarning, match="sparse_categorical_crossentropy") as caught:
        model.fit(X, LABELS, epochs=2, verbose=0)
    assert len(caught) == 1
    model.fit(X, LABELS, verbose=0)


def test_each_output_of_a_graph() -> None:
    x = lamina.Input((4,))
    kind = layers.Dense(3, name="kind")(x)
    size = layers.Dense(1, name="size")(x)
    good = ops.sigmoid(layers.Dense(1)(x))
    model = lamina.Model(x, {"kind": kind, "size": size, "good": good})
    fitting = {"size": "mse", "good": "binary_crossentropy"}
    with pytest.warns(UserWarning, match="Output 'kind' has no activation") as caught:
        model.compile("sgd", {"kind": "sparse_categorical_crossentropy", **fitting})
    assert "size" not in str(caught[0].message) and "good" not in str(caught[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        correct = losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("sgd", {"kind": correct, **fitting})


def test_joined_and_custom_outputs_are_not_judged() -> None:
    x = lamina.Input((4,))
    joined = layers.Add()([layers.Dense(3)(x), layers.Dense(3)(x)])

    class Net(lamina.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = layers.Dense(3)

        def call(self, inputs: Any) -> Any:
            return ops.softmax(self.dense(inputs))

    class Probabilities(lamina.Sequential):
        def call(self, inputs: Any, training: Any = None) -> Any:
            return ops.softmax(super().call(inputs, training))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for model in (
            lamina.Model(x, joined),
            Net(),
            Probabilities([lamina.Input((4,)), layers.Dense(3)]),
        ):
            model.compile("sgd", "sparse_categorical_crossentropy")
