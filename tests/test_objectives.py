"""Objectives of outputs: lists of arrays, outputs without a loss, sums to go on with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lamina._core as _core

Array = np.ndarray[Any, Any]
X = np.random.default_rng(0).normal(size=(6, 3))
Y = np.random.default_rng(1).normal(size=(6, 2))
W = np.random.default_rng(2).uniform(0.5, 2.0, size=6)
MSE, MAE = _core.Loss("mean_squared_error"), _core.Metric("mean_absolute_error")


def _network(objectives: Any = None, rate: float = 0.1) -> Any:
    network = _core.Network((3,), "float64")
    network.add_dense(2, True, _core.Activation("linear"))
    rng = np.random.default_rng(3)
    network.set_parameter(0, rng.normal(size=(3, 2)))
    network.set_parameter(1, rng.normal(size=2))
    if objectives is not None:
        network.compile(objectives, _core.Optimizer("sgd", rate))
    return network


def _errors(network: Any) -> Array:
    return np.asarray(X @ network.get_parameter(0) + network.get_parameter(1) - Y)


def test_lists_of_one_are_the_arrays_themselves() -> None:
    single = _network()
    single.compile(MSE, _core.Optimizer("sgd", 0.1), [MAE])
    listed = _network([_core.OutputObjective(MSE, metrics=[MAE])])
    expected = single.train(X, Y, W, 2, True, None)
    assert listed.train([X], [Y], [W], 2, True, None) == expected
    assert listed.evaluate((X,), (Y,), (None,), 4, None, True) == single.evaluate(
        X, Y, None, 4, None, True
    )
    assert listed.train_on_batch([X], [Y], None, True) == single.train_on_batch(X, Y, None, True)
    assert listed.test_on_batch([X], [Y], [W], True) == single.test_on_batch(X, Y, W, True)
    np.testing.assert_array_equal(listed.get_parameter(0), single.get_parameter(0))
    np.testing.assert_array_equal(listed.predict([X], 4, None), single.predict(X, 4, None))
    np.testing.assert_array_equal(listed.call_training([X]), single.call_training(X))


@pytest.mark.parametrize("reduction", ["mean", "sum", "weighted_mean"])
def test_a_weighted_loss_and_its_step(reduction: str) -> None:
    network = _network([_core.OutputObjective(MSE, reduction, 0.75)])
    kernel, error = network.get_parameter(0), _errors(network)
    rows = (error**2).mean(axis=1) * W
    divisor = {"mean": 6.0, "sum": 1.0, "weighted_mean": W.sum()}[reduction]
    (loss,) = network.train_on_batch(X, Y, W, True)
    assert loss == pytest.approx(0.75 * rows.sum() / divisor, rel=1e-12)
    gradient = X.T @ (error * W[:, None]) * (0.75 / divisor)
    np.testing.assert_allclose(network.get_parameter(0), kernel - 0.1 * gradient, rtol=1e-12)


def test_an_output_without_a_loss_is_measured() -> None:
    network = _network([_core.OutputObjective(metrics=[MAE])])
    error = np.abs(_errors(network)).mean()
    assert network.evaluate(X, Y, None, 4, None, True) == [0.0, pytest.approx(error, rel=1e-12)]
    with pytest.raises(RuntimeError, match="no loss to train with"):
        network.train_on_batch(X, Y, None)
    network.add_penalty(0, 0.0, 0.5)
    kernel = network.get_parameter(0)
    loss, _ = network.train_on_batch(X, Y, None, True)
    assert loss == pytest.approx(0.5 * (kernel**2).sum(), rel=1e-12)
    np.testing.assert_allclose(network.get_parameter(0), kernel - 0.1 * kernel, rtol=1e-12)


def test_an_output_that_is_only_computed_needs_no_targets() -> None:
    network = _network([None])
    assert network.evaluate([X], [None], None, 4, None, True) == [0.0]
    assert network.evaluate(X, None, None, 4, None, True) == [0.0]


def test_sums_go_on_from_a_state() -> None:
    network = _network([_core.OutputObjective(MSE, metrics=[MAE])], 0.0)
    network.train_on_batch(X[:2], Y[:2], None, True)
    state = network.metric_state()
    network.train_on_batch(X[2:], Y[2:], None)
    expected = network.metric_values()
    network.set_metric_state(state)
    network.train_on_batch(X[2:], Y[2:], None)
    assert network.metric_values() == expected
    with pytest.raises(ValueError, match="Received: 1"):
        network.set_metric_state([0.0])


def test_bad_arrays_change_nothing() -> None:
    network = _network([_core.OutputObjective(MSE)])
    before = network.get_parameter(0)
    with pytest.raises(ValueError, match=r"takes 1 arrays of samples\. Received: 2"):
        network.train([X, X], [Y], None, 2, True, None)
    with pytest.raises(ValueError, match=r"1 outputs\. Received: 2 arrays"):
        network.train(X, [Y, Y], None, 2, True, None)
    with pytest.raises(ValueError, match=r"need targets\. Received: none"):
        network.train(X, [None], None, 2, True, None)
    with pytest.raises(TypeError, match=r"\[x\] an array is needed\. Received: str"):
        network.train(["x"], Y, None, 2, True, None)
    with pytest.raises(ValueError, match=r"1 outputs\. Received: 2 objectives"):
        network.compile([None, None], _core.Optimizer("sgd", 0.1))
    np.testing.assert_array_equal(network.get_parameter(0), before)
    assert network.steps_seen == 0


def test_labels_that_were_scanned_are_not_scanned_again() -> None:
    network = _network([_core.OutputObjective(_core.Loss("sparse_categorical_crossentropy"))])
    labels = np.array([0, 1, 0, 1, 0, 1])
    first = network.train(X, labels, None, 2, False, None)
    again = _network([_core.OutputObjective(_core.Loss("sparse_categorical_crossentropy"))])
    assert again.train(X, labels, None, 2, False, None, scanned=True) == first
    with pytest.raises(ValueError, match="labels must be integers from 0 to 1"):
        network.train(X, labels + 1, None, 2, False, None)
