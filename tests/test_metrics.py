"""Metrics on their own and in models, against counts and NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lamina
from lamina import metrics

Array = np.ndarray[Any, Any]
rng_seeds = st.integers(0, 2**32 - 1)


def _model(units: int, loss: Any, names: list[Any], outputs: Array) -> Any:
    """A model that returns its input, so that metrics can be counted by hand."""
    model = lamina.Sequential(
        [lamina.Input(outputs.shape[1:]), lamina.layers.Activation("linear", dtype="float64")]
    )
    model.compile("sgd", loss, metrics=names)
    return model


@given(seed=rng_seeds, rows=st.integers(1, 50), classes=st.integers(2, 12))
def test_categorical_accuracies(seed: int, rows: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    p = rng.uniform(0.01, 1, size=(rows, classes))
    labels = rng.integers(0, classes, rows)
    one_hot = np.eye(classes)[labels]
    expected = float(np.mean(p.argmax(-1) == labels))
    assert metrics.CategoricalAccuracy()(one_hot, p) == pytest.approx(expected, abs=1e-15)
    assert metrics.SparseCategoricalAccuracy()(labels, p) == pytest.approx(expected, abs=1e-15)
    assert metrics.SparseCategoricalAccuracy()(labels[:, None], p) == pytest.approx(expected)
    sparse = _model(classes, "sparse_categorical_crossentropy", ["accuracy"], p)
    assert sparse.evaluate(p, labels, batch_size=7)[1] == pytest.approx(expected, abs=1e-12)
    dense = _model(classes, "categorical_crossentropy", ["acc"], p)
    assert dense.evaluate(p, one_hot, batch_size=7)[1] == pytest.approx(expected, abs=1e-12)


@given(seed=rng_seeds, rows=st.integers(1, 50), columns=st.integers(1, 5))
def test_binary_accuracy(seed: int, rows: int, columns: int) -> None:
    rng = np.random.default_rng(seed)
    p = rng.uniform(size=(rows, columns))
    t = rng.integers(0, 2, (rows, columns))
    for threshold in (0.5, 0.25):
        metric = metrics.BinaryAccuracy(threshold=threshold)
        expected = float(np.mean((p > threshold) == t))
        assert metric(t, p) == pytest.approx(expected, abs=1e-12)
        model = _model(columns, "binary_crossentropy", [metric], p)
        logs = model.evaluate(p, t, batch_size=4, return_dict=True)
        assert logs["binary_accuracy"] == pytest.approx(expected, abs=1e-12)


@given(seed=rng_seeds, rows=st.integers(1, 50), columns=st.integers(1, 5))
def test_errors(seed: int, rows: int, columns: int) -> None:
    rng = np.random.default_rng(seed)
    p, t = rng.normal(size=(2, rows, columns))
    model = _model(columns, "mse", ["mse", "mae", metrics.RootMeanSquaredError(name="rmse")], p)
    logs = model.evaluate(p, t, batch_size=4, return_dict=True)
    mse, mae = np.mean((p - t) ** 2), np.mean(np.abs(p - t))
    for key, expected in {"mse": mse, "loss": mse, "mae": mae, "rmse": np.sqrt(mse)}.items():
        assert logs[key] == pytest.approx(expected, rel=1e-12)
    assert metrics.MeanSquaredError()(t, p) == pytest.approx(mse, rel=1e-12)
    assert metrics.MeanAbsoluteError()(t, p) == pytest.approx(mae, rel=1e-12)
    assert metrics.RootMeanSquaredError()(t, p) == pytest.approx(np.sqrt(mse), rel=1e-12)


def test_accuracy_means_what_fits_the_output() -> None:
    x = np.array([[0.9], [0.2], [0.6]])
    model = _model(1, "binary_crossentropy", ["accuracy"], x)
    assert model.evaluate(x, [1, 0, 0], return_dict=True)["accuracy"] == pytest.approx(2 / 3)
    # As in Keras: with several outputs and dense targets it is the categorical form.
    p = np.array([[0.9, 0.8], [0.1, 0.2]])
    model = _model(2, "binary_crossentropy", ["accuracy"], p)
    assert model.evaluate(p, [[1, 0], [0, 0]])[1] == 0.5


def test_state_accumulates_and_resets() -> None:
    mean = metrics.Mean()
    assert mean.result() == 0.0
    mean.update_state([1, 2, 3])
    mean.update_state([5.0], sample_weight=[3.0])
    assert mean.result() == pytest.approx((6 + 15) / 6)
    mean.reset_state()
    assert mean.result() == 0.0 and mean.variables == [0.0, 0.0]
    total = metrics.Sum()
    total.update_state([[1.0, 2.0], [3.0, 4.0]], sample_weight=[1.0, 0.5])
    assert total.result() == 6.5


def test_weighted_metrics_on_their_own() -> None:
    metric = metrics.SparseCategoricalAccuracy()
    metric.update_state([0, 1], [[0.9, 0.1], [0.9, 0.1]], sample_weight=[3.0, 1.0])
    assert metric.result() == 0.75


def test_sums_are_exact() -> None:
    values = np.array([1e16, 1.0, -1e16] * 7)
    mean = metrics.Mean()
    mean.update_state(values)
    assert mean.result() == 7 / 21


def test_functions() -> None:
    p = np.array([[0.1, 0.9], [0.8, 0.2]])
    assert metrics.categorical_accuracy([[0, 1], [0, 1]], p).tolist() == [1.0, 0.0]
    assert metrics.sparse_categorical_accuracy([1, 1], p).tolist() == [1.0, 0.0]
    assert metrics.binary_accuracy([[0, 1], [0, 1]], p).tolist() == [1.0, 0.0]
    wrapped = metrics.MeanMetricWrapper(lambda t, q: np.abs(t - q).max(axis=-1), name="worst")
    assert wrapped(np.zeros((2, 2)), p) == pytest.approx(0.85)


def test_names_and_configurations() -> None:
    assert metrics.get("mse").name == "mse"
    assert metrics.get("mean_squared_error").name == "mean_squared_error"
    assert metrics.get(metrics.mean_absolute_error).name == "mean_absolute_error"
    made = metrics.BinaryAccuracy(threshold=0.3, name="hits")
    again = metrics.deserialize(metrics.serialize(made))
    assert isinstance(again, metrics.BinaryAccuracy)
    assert (again.name, again.threshold) == ("hits", 0.3)


def test_batches_report_themselves_alone() -> None:
    x = np.array([[1.0], [3.0]])
    model = _model(1, "mse", ["mae"], x)
    assert model.test_on_batch(x, [[0.0], [0.0]]) == [5.0, 2.0]
    assert model.get_metrics_result() == {"loss": 5.0, "mae": 2.0}
    assert model.test_on_batch(x, x, return_dict=True) == {"loss": 0.0, "mae": 0.0}
    assert model.test_on_batch(x[:1], [3.0]) == [4.0, 2.0]
    model.reset_metrics()
    assert model.get_metrics_result() == {"loss": 0.0, "mae": 0.0}
    assert model.metrics_names == ["loss", "mae"]
