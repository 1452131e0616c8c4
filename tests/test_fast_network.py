"""The short way through `train_on_batch` and `model(x)`: the same answers, the same errors."""

from typing import Any

import numpy as np
import pytest

import lamina
from lamina import layers


class Subclass(np.ndarray):
    pass


def network(labels: bool = True, metrics: list[str] | None = None) -> lamina.Sequential:
    lamina.utils.set_random_seed(7)
    model = lamina.Sequential(
        [
            lamina.Input((4,)),
            layers.Dense(8, activation="tanh"),
            layers.Dropout(0.3),
            layers.Dense(3, activation="softmax"),
        ]
    )
    loss = "sparse_categorical_crossentropy" if labels else "categorical_crossentropy"
    model.compile("adam", loss, metrics=metrics)
    model.predict(np.zeros((1, 4)), verbose=0)
    return model


def inputs(rows: int = 6) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(rows, 4)).astype(np.float32)


X = inputs()
Y = np.array([0, 2, 1, 0, 1, 2])
ONE_HOT = np.eye(3, dtype=np.float32)[Y]
FORMS = {
    "plain": X,
    "Fortran": np.asfortranarray(X),
    "every second": np.repeat(X, 2, axis=0)[::2],
    "backwards": X[::-1],
    "float64": X.astype(np.float64),
    "integers": (4 * X).astype(np.int16),
    "booleans": X > 0,
    "unaligned": np.frombuffer(b"0" + X.tobytes(), np.uint8)[1:].view(np.float32).reshape(6, 4),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_step_is_the_same_either_way(form: str) -> None:
    x = FORMS[form]
    quick, ordinary = network(metrics=["accuracy"]), network(metrics=["accuracy"])
    for _ in range(2):
        means = quick._trainer.ready().network.try_train_on_batch(x, Y)
        assert means is not None
        assert means == ordinary._trainer.ready().network.train_on_batch(x, Y, None, True)
    for a, b in zip(quick.get_weights(), ordinary.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("rows", [1, 6])
def test_a_prediction_is_the_same_either_way(form: str, rows: int) -> None:
    model, x = network(), FORMS[form][:rows]
    expected = model._trainer.ready().network.predict(x, rows, None)
    for got in (
        model._trainer.ready().network.try_predict(x),
        model(x),
        model.predict(x, verbose=0),
    ):
        assert got is not None
        assert got.dtype == expected.dtype
        assert got.flags.owndata
        assert got.flags.c_contiguous
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize(
    ("x", "y", "labels"),
    [
        (X.tolist(), Y, True),
        (X, Y.tolist(), True),
        (X.view(Subclass), Y, True),
        (X.astype(">f4"), Y, True),
        (X.astype(np.float16), Y, True),
        (X.astype(np.complex64), Y, True),
        (X.astype(object), Y, True),
        (X[:, :3], Y, True),
        (X[0], Y, True),
        (X[0, 0], Y, True),
        (X[:0], Y[:0], True),
        (X, Y[:5], True),
        (X, Y[:, None], True),
        (X, Y + 1, True),
        (X, Y + 0.5, True),
        (X, ONE_HOT, True),
        (X, Y, False),
        (X, ONE_HOT[:, :2], False),
        (X, np.where(ONE_HOT == 1, np.nan, ONE_HOT), False),
        (None, None, True),
    ],
)
def test_what_does_not_fit_goes_the_long_way(x: Any, y: Any, labels: bool) -> None:
    model = network(labels)
    before = model.get_weights()
    assert model._trainer.ready().network.try_train_on_batch(x, y) is None
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)
    assert model.optimizer is not None
    assert model.optimizer.iterations == 0


@pytest.mark.parametrize("x", [X.tolist(), X.view(Subclass), X[:0], X[0], X[:, :3], X[0, 0], None])
def test_inputs_that_do_not_fit_go_the_long_way(x: Any) -> None:
    assert network()._trainer.ready().network.try_predict(x) is None


def test_results_of_every_kind() -> None:
    assert type(network().train_on_batch(X, Y)) is float
    assert network().train_on_batch(X, Y, return_dict=True).keys() == {"loss"}
    with_metrics = network(metrics=["accuracy"])
    loss, accuracy = with_metrics.train_on_batch(X, Y)
    again = network(metrics=["accuracy"]).train_on_batch(X, Y, return_dict=True)
    assert again == {"loss": loss, "accuracy": accuracy}


def test_a_model_without_a_loss_says_so() -> None:
    model = network()
    model.compile("sgd")
    with pytest.raises(ValueError, match="No loss to compute"):
        model.train_on_batch(X, Y)
    bare = lamina.Sequential([lamina.Input((4,)), layers.Dense(3)])
    bare.predict(X, verbose=0)
    with pytest.raises(RuntimeError, match="compile"):
        bare.train_on_batch(X, Y)


def test_wrong_calls_of_the_core() -> None:
    core = network()._trainer.ready().network
    for call in (lambda: core.try_predict(), lambda: core.try_train_on_batch(X)):  # type: ignore[call-arg]
        with pytest.raises(TypeError):
            call()
    with pytest.raises(TypeError):
        type(core).try_predict(object(), X)  # type: ignore[arg-type]
    with pytest.raises(TypeError):  # __init__ was never called
        empty = type(core).__new__(type(core))
        if empty.try_predict(X) is None:
            raise TypeError
