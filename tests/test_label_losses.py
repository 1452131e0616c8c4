"""Losses of labels and of classes with weights of their own, and losses along other axes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lamina
from lamina import _core, layers, losses, ops

Array = np.ndarray[Any, Any]
TOLERANCE = {np.float32: 2e-5, np.float64: 1e-12}


def _gce(labels: Array, p: Array, q: float) -> Array:
    chosen = np.take_along_axis(p, labels[:, None], axis=1)[:, 0]
    return np.asarray((1.0 - chosen**q) / q)


def _circle(labels: Array, x: Array, gamma: float, margin: float, without_self: bool) -> Array:
    d = np.maximum(1.0 - x @ x.T, 0.0)
    same = labels[:, None] == labels[None]
    near = same & ~np.eye(len(x), dtype=bool) if without_self else same
    a = np.where(near, np.exp(-gamma * (margin + d) * (margin - d)), 0.0).sum(axis=1)
    relaxed = np.maximum(1.0 + margin - d, 0.0)
    n = np.where(~same, np.exp(gamma * relaxed * (1.0 - margin - d)), 0.0).sum(axis=1)
    return np.where((a > 0) & (n > 0), np.log1p(a * n), 0.0)


def _directions(rng: np.random.Generator, rows: int, columns: int) -> Array:
    x = rng.normal(size=(rows, columns))
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.sampled_from([0, 1, 2, 15, 16, 17, 65, 130]),
    columns=st.sampled_from([1, 3, 16, 17]),
    q=st.floats(0.05, 0.95),
)
def test_generalized_cross_entropy(
    dtype: Any, seed: int, rows: int, columns: int, q: float
) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, columns, rows)
    p = rng.uniform(0.01, 1.0, (rows, columns)).astype(dtype)
    loss = losses.CategoricalGeneralizedCrossEntropy(q).specification()
    got = _core.loss_values(loss, labels, p)
    exact = p.astype(np.float64)
    assert np.all(np.abs(got - _gce(labels, exact, q)) <= TOLERANCE[dtype] / q)
    slope = np.zeros_like(exact)
    slope[np.arange(rows), labels] = -(exact[np.arange(rows), labels] ** (q - 1.0))
    gradient = _core.loss_gradient(loss, labels, p)
    assert np.all(np.abs(gradient - slope) <= TOLERANCE[dtype] * np.maximum(1.0, np.abs(slope)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.sampled_from([0, 1, 2, 3, 15, 16, 17, 65]),
    columns=st.sampled_from([1, 2, 5, 17]),
    gamma=st.floats(0.5, 20.0),
    margin=st.floats(0.0, 0.6),
    without_self=st.booleans(),
)
def test_circle(
    dtype: Any, seed: int, rows: int, columns: int, gamma: float, margin: float, without_self: bool
) -> None:
    rng = np.random.default_rng(seed)
    labels, x = rng.integers(0, 4, rows), _directions(rng, rows, columns).astype(dtype)
    loss = losses.Circle(gamma, margin, without_self).specification()
    got = _core.loss_values(loss, labels, x)
    expected = _circle(labels, x.astype(np.float64), gamma, margin, without_self)
    assert got.shape == (rows,) and got.dtype == dtype
    assert np.all(np.abs(got - expected) <= TOLERANCE[dtype] * gamma * np.maximum(1.0, expected))


@pytest.mark.parametrize("without_self", [True, False])
def test_gradient_of_the_circle_loss(without_self: bool) -> None:
    rng = np.random.default_rng(3)
    labels, x = rng.integers(0, 3, 9), _directions(rng, 9, 4) * 0.9
    loss = losses.Circle(6.0, 0.3, without_self).specification()
    got = _core.loss_gradient(loss, labels, x)
    for i in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[i] = 1e-6
        high = _circle(labels, x + step, 6.0, 0.3, without_self).sum()
        low = _circle(labels, x - step, 6.0, 0.3, without_self).sum()
        assert abs(got[i] - (high - low) / 2e-6) < 1e-7


def test_rows_without_partners_do_not_count() -> None:
    rng = np.random.default_rng(5)
    x, labels = _directions(rng, 5, 3).astype("float32"), np.array([7, 7, 9, 9, 1])
    loss = losses.Circle(4.0)
    rows = loss.call(labels, x)
    assert rows[4] == 0.0 and np.all(rows[:4] > 0.0)
    np.testing.assert_allclose(loss(labels, x), rows.sum() / 4, rtol=1e-6)
    model = lamina.Sequential([lamina.Input((3,)), layers.UnitNormalization()])
    model.compile("sgd", loss)
    np.testing.assert_allclose(model.evaluate(x, labels, verbose=0), rows.sum() / 4, rtol=1e-5)
    alone = loss([3, 3], x[:2])
    assert alone == 0.0
    model.compile("sgd", losses.Circle(4.0, reduction="sum"))
    weights = np.array([1.0, 2.0, 0.0, 1.0, 5.0])
    got = model.evaluate(x, labels, sample_weight=weights, verbose=0)
    np.testing.assert_allclose(got, (rows * weights).sum(), rtol=1e-5)


def test_circle_pulls_rows_of_a_label_together() -> None:
    lamina.utils.set_random_seed(7)
    rng = np.random.default_rng(1)
    labels = np.arange(60) % 3
    x = (np.eye(3)[labels] + rng.normal(0, 0.7, (60, 3))).astype("float32")
    model = lamina.Sequential(
        [lamina.Input((3,)), layers.Dense(16, "relu"), layers.Dense(4), layers.UnitNormalization()]
    )
    model.compile(lamina.optimizers.Adam(0.01), losses.Circle(16.0))
    losses_seen = model.fit(x, labels + 1000, epochs=30, batch_size=30, verbose=0).history["loss"]
    assert losses_seen[-1] < 0.6 * losses_seen[0]


def test_labels_that_cannot_be() -> None:
    x = np.ones((2, 3), "float32")
    with pytest.raises(ValueError, match="from 0 on"):
        losses.Circle()([0, -1], x)
    with pytest.raises(ValueError, match="from 0 to 2"):
        losses.CategoricalGeneralizedCrossEntropy()([0, 3], x)
    model = lamina.Sequential([lamina.Input((3,)), layers.Dense(2)])
    model.compile("sgd", "circle")
    with pytest.raises(ValueError, match="from 0 on"):
        model.fit(x, np.array([0.5, 1.0]), verbose=0)
    for make in (
        lambda: losses.CategoricalGeneralizedCrossEntropy(1.0),
        lambda: losses.CategoricalGeneralizedCrossEntropy(0.0),
        lambda: losses.Circle(gamma=-1.0),
        lambda: losses.Circle(margin=-0.1),
        lambda: losses.CategoricalFocalCrossentropy(alpha=[]),
        lambda: losses.CategoricalFocalCrossentropy(alpha=[0.1, -1.0]),
    ):
        with pytest.raises(ValueError, match=r"must be|is a number|cannot be"):
            make()
    with pytest.raises(NotImplementedError, match="ref_labels"):
        losses.circle([0, 1], x[:, :2], ref_labels=[0, 1])


@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_focal_loss_with_a_weight_for_each_class(dtype: Any, from_logits: bool) -> None:
    rng = np.random.default_rng(2)
    for columns in (1, 3, 16, 37):
        alpha = rng.uniform(0.0, 2.0, columns)
        t = np.eye(columns)[rng.integers(0, columns, 70)].astype(dtype)
        p = rng.uniform(0.1, 1.0, (70, columns)).astype(dtype)
        loss = losses.CategoricalFocalCrossentropy(list(alpha), 1.5, from_logits=from_logits)
        shares = np.exp(p.astype(np.float64)) if from_logits else p.astype(np.float64)
        shares = shares / shares.sum(axis=1, keepdims=True)

        def formula(shares: Array, alpha: Array = alpha, t: Array = t) -> Array:
            q = np.clip(shares, 1e-7, 1 - 1e-7)
            return np.asarray(-np.sum(alpha * (1 - q) ** 1.5 * t * np.log(q), axis=1))

        got = loss.call(t, p)
        assert np.all(np.abs(got - formula(shares)) <= TOLERANCE[dtype])
        same = losses.CategoricalFocalCrossentropy([0.3] * columns, from_logits=from_logits)
        one = losses.CategoricalFocalCrossentropy(0.3, from_logits=from_logits)
        for function in (_core.loss_values, _core.loss_gradient):
            np.testing.assert_array_equal(
                function(same.specification(), t, p), function(one.specification(), t, p)
            )
    model = lamina.Sequential([lamina.Input((4,)), layers.Dense(3, "softmax")])
    with pytest.raises(ValueError, match="each of the 3 classes"):
        model.compile("sgd", losses.CategoricalFocalCrossentropy([1.0, 2.0]))
    with pytest.raises(ValueError, match="each of the 3 classes"):
        losses.CategoricalFocalCrossentropy([1.0, 2.0])(np.eye(3), np.eye(3))
    model.compile("sgd", losses.CategoricalFocalCrossentropy([1.0, 2.0, 0.5]))
    again = lamina.Sequential.from_config(model.get_config())
    again.compile_from_config(model.get_compile_config())
    assert again.loss.alpha == [1.0, 2.0, 0.5]


MAKERS: list[Any] = [
    lambda axis: losses.BinaryCrossentropy(axis=axis),
    lambda axis: losses.BinaryFocalCrossentropy(axis=axis),
    lambda axis: losses.CategoricalCrossentropy(axis=axis, label_smoothing=0.1),
    lambda axis: losses.CategoricalFocalCrossentropy(axis=axis),
    lambda axis: losses.CosineSimilarity(axis=axis),
    lambda axis: losses.Dice(axis=axis),
    lambda axis: losses.Tversky(axis=axis),
]


@pytest.mark.parametrize("make", MAKERS)
def test_losses_along_other_axes(make: Any) -> None:
    rng = np.random.default_rng(4)
    t, p = rng.integers(0, 2, (3, 4, 5)).astype(float), rng.uniform(0.05, 0.95, (3, 4, 5))
    for axis in (0, 1, 2, -1, -2, -3):
        loss = make(axis)
        if isinstance(loss, losses.CategoricalCrossentropy):
            t = np.moveaxis(
                np.eye(p.shape[axis])[rng.integers(0, p.shape[axis], 60 // p.shape[axis])].reshape(
                    *np.moveaxis(p, axis, -1).shape
                ),
                -1,
                axis,
            )
        expected = make(-1).call(np.moveaxis(t, axis, -1), np.moveaxis(p, axis, -1))
        np.testing.assert_array_equal(loss.call(t, p), expected)
    with pytest.raises(ValueError, match="axis"):
        make(3).call(t, p)


def test_sparse_crossentropy_along_another_axis() -> None:
    rng = np.random.default_rng(4)
    p = rng.uniform(0.05, 0.95, (3, 5, 4))
    labels = rng.integers(0, 5, (3, 4))
    got = losses.sparse_categorical_crossentropy(labels, p, axis=1)
    expected = losses.sparse_categorical_crossentropy(labels, p.transpose(0, 2, 1))
    np.testing.assert_array_equal(got, expected)
    kept = losses.sparse_categorical_crossentropy(labels[:, None], p, axis=1)
    np.testing.assert_array_equal(kept, expected)


def test_dice_over_several_axes() -> None:
    rng = np.random.default_rng(4)
    t, p = rng.integers(0, 2, (3, 4, 5)).astype(float), rng.uniform(0.05, 0.95, (3, 4, 5))
    got = losses.Dice(axis=(1, 2)).call(t, p)
    hit, total = (t * p).sum(axis=(1, 2)), t.sum(axis=(1, 2)) + p.sum(axis=(1, 2))
    np.testing.assert_allclose(got, 1 - 2 * hit / (total + 1e-7), rtol=1e-12)


def test_training_works_along_the_last_axis_alone() -> None:
    model = lamina.Sequential([lamina.Input((4, 3)), layers.Dense(2)])
    for good in (-1, 2):
        model.compile("sgd", losses.CosineSimilarity(axis=good))
    for loss in (losses.CosineSimilarity(axis=1), losses.Dice(axis=(1, 2))):
        with pytest.raises(NotImplementedError, match="axis"):
            model.compile("sgd", loss)
    with pytest.raises(NotImplementedError, match="axis=1"):
        model.compile("sgd", "mse", metrics=[lamina.metrics.CosineSimilarity(axis=1)])
    model.compile("sgd", losses.Dice(axis=2))
    with pytest.raises((TypeError, ValueError), match="axis"):
        losses.CosineSimilarity(axis=1.5)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["crossentropy", "ce"])
def test_crossentropy_is_the_one_that_fits(name: str) -> None:
    x = np.random.default_rng(1).normal(size=(12, 4)).astype("float32")
    labels = np.arange(12) % 3
    for units, y, meant in (
        (1, labels % 2, "binary_crossentropy"),
        (1, (labels % 2)[:, None], "binary_crossentropy"),
        (3, labels, "sparse_categorical_crossentropy"),
        (3, labels[:, None], "sparse_categorical_crossentropy"),
        (3, np.eye(3)[labels], "categorical_crossentropy"),
    ):
        results = []
        for loss in (name, meant):
            lamina.utils.set_random_seed(1)
            end = layers.Dense(units, "sigmoid" if units == 1 else "softmax")
            model = lamina.Sequential([lamina.Input((4,)), end])
            model.compile("sgd", loss, metrics=[name, "accuracy"])
            history = model.fit(x, y, epochs=2, verbose=0).history
            results.append((history, model.train_on_batch(x, y), model.evaluate(x, y, verbose=0)))
        assert results[0] == results[1]
        np.testing.assert_allclose(history[name], history["loss"], rtol=1e-6)
        assert model.loss.name == meant


def test_crossentropy_before_any_targets() -> None:
    model = lamina.Sequential([layers.Dense(3, "softmax")])
    model.compile("sgd", "crossentropy", metrics=["accuracy"])
    assert model.get_compile_config()["loss"] == "crossentropy"
    x, y = np.ones((4, 2)), np.array([0, 1, 2, 0])
    model.fit(iter([(x, y)] * 2), verbose=0)
    assert model.get_compile_config()["loss"]["class_name"] == "SparseCategoricalCrossentropy"
    model = lamina.Sequential([lamina.Input((2,)), layers.Dense(3, "softmax")])
    model.compile("sgd", "crossentropy", metrics=[lamina.metrics.CategoricalAccuracy()])
    with pytest.raises(ValueError, match="integer labels"):
        model.fit(x, y, verbose=0)
    model.fit(x, np.eye(3)[y], verbose=0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.sampled_from([0, 1, 2, 7, 8, 9, 15, 16, 17, 127, 128, 129, 300]),
    columns=st.integers(1, 16),
    ignored=st.booleans(),
    infinite=st.booleans(),
)
def test_rows_of_few_classes_have_the_bits_of_longer_rows(
    dtype: Any, seed: int, rows: int, columns: int, ignored: bool, infinite: bool
) -> None:
    """Classes of probability 0 add nothing: a row filled up with them has the same bits."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=5.0, size=(rows, columns)).astype(dtype)
    if infinite:
        logits[rng.random(logits.shape) < 0.2] = -np.inf
        logits[rng.random(logits.shape) < 0.02] = np.nan
    filled = np.full((rows, columns + 16), -np.inf, dtype)
    filled[:, :columns] = logits
    labels = rng.integers(0, columns, rows)
    settings_ = {"ignore_class": 0} if ignored else {}
    loss = losses.SparseCategoricalCrossentropy(from_logits=True, **settings_).specification()
    values = _core.loss_values(loss, labels, logits)
    assert np.array_equal(values, _core.loss_values(loss, labels, filled), equal_nan=True)
    gradient = _core.loss_gradient(loss, labels, logits)
    longer = _core.loss_gradient(loss, labels, filled)[:, :columns]
    assert np.array_equal(gradient, longer, equal_nan=True)
    assert np.array_equal(np.signbit(gradient), np.signbit(longer)) or np.isnan(gradient).any()


@pytest.mark.parametrize("convert", [np.asarray, ops.convert_to_tensor])
def test_rows_of_an_ignored_class_have_no_loss(convert: Any) -> None:
    loss = losses.SparseCategoricalCrossentropy(ignore_class=-1, reduction="none")
    p = convert(np.array([[0.7, 0.3], [0.4, 0.6]]))
    np.testing.assert_allclose(np.asarray(loss(convert(np.array([0, -1])), p)), [-np.log(0.7), 0.0])


@pytest.mark.parametrize("convert", [np.asarray, ops.convert_to_tensor])
@pytest.mark.parametrize("reduction", ["none", "sum"])
def test_labels_between_integers_are_named(convert: Any, reduction: str) -> None:
    loss = losses.SparseCategoricalCrossentropy(reduction=reduction)
    with pytest.raises(ValueError, match=r"from 0 to 1, because .* Received: 0.5 at index 1"):
        loss(convert(np.array([0.0, 0.5])), convert(np.full((2, 2), 0.5)))


def test_an_ignored_class_has_no_second_derivative() -> None:
    loss = losses.SparseCategoricalCrossentropy(True, ignore_class=1, reduction="none")
    x = ops.convert_to_tensor(np.array([[0.3, -0.2], [0.1, 0.4]]))
    with lamina.GradientTape() as outer:
        outer.watch(x)
        with lamina.GradientTape() as inner:
            inner.watch(x)
            value = ops.sum(loss(ops.convert_to_tensor([0, 1]), x))
        first = inner.gradient(value, x)
        total = ops.sum(first * first)
    second = np.asarray(outer.gradient(total, x))
    assert (np.asarray(first)[1] == 0).all() and (second[1] == 0).all() and (second[0] != 0).all()
