"""Losses against float64 NumPy formulas that share no code with lamina."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lamina import _core

Array = np.ndarray[Any, Any]

EPSILON = 1e-7
TOLERANCE = {np.float32: 3e-6, np.float64: 1e-13}

dtypes = st.sampled_from([np.float32, np.float64])
shapes = st.one_of(
    st.tuples(st.integers(0, 140), st.integers(1, 5)),
    st.tuples(st.integers(0, 3), st.integers(1, 70)),
    hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=7),
    st.just((2, 8200)),
)
smoothings = st.sampled_from([0.0, 0.1, 0.5, 1.0])


@st.composite
def generators(draw: st.DrawFn) -> tuple[np.random.Generator, Any, tuple[int, ...]]:
    return (
        np.random.default_rng(draw(st.integers(0, 2**32 - 1))),
        draw(dtypes),
        draw(shapes),
    )


def _check(loss: Any, target: Array, prediction: Array, expected: Array) -> None:
    got = _core.loss_values(loss, target, prediction)
    assert got.dtype == prediction.dtype and got.shape == prediction.shape[:-1]
    tolerance = TOLERANCE[prediction.dtype.type]
    assert np.all(np.abs(got - expected) <= tolerance * np.maximum(1.0, np.abs(expected)))


def _log_softmax(z: Array) -> Array:
    shifted = z - z.max(axis=-1, keepdims=True)
    result: Array = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return result


def _clipped_logs(p: Array, dtype: Any) -> tuple[Array, Array]:
    """log q and log(1 - q) of p kept to what the bounds are in dtype."""
    low, high = float(dtype(EPSILON)), float(dtype(1.0 - EPSILON))
    q = np.clip(p, low, high)
    return np.log(q), np.log1p(-q)


@given(case=generators())
def test_mean_errors(case: tuple[np.random.Generator, Any, tuple[int, ...]]) -> None:
    rng, dtype, shape = case
    p, t = rng.normal(0, 2, shape).astype(dtype), rng.normal(0, 2, shape).astype(dtype)
    e = p.astype(np.float64) - t.astype(np.float64)
    _check(_core.Loss("mean_squared_error"), t, p, (e * e).mean(axis=-1))
    _check(_core.Loss("mean_absolute_error"), t, p, np.abs(e).mean(axis=-1))


@given(case=generators(), delta=st.sampled_from([0.25, 1.0, 3.0]))
def test_huber(case: tuple[np.random.Generator, Any, tuple[int, ...]], delta: float) -> None:
    rng, dtype, shape = case
    p, t = rng.normal(0, 2, shape).astype(dtype), rng.normal(0, 2, shape).astype(dtype)
    size = np.abs(p.astype(np.float64) - t.astype(np.float64))
    inside, outside = 0.5 * size**2, delta * size - 0.5 * delta**2
    expected = np.where(size <= delta, inside, outside).mean(axis=-1)
    _check(_core.Loss("huber", delta=delta), t, p, expected)


@given(case=generators(), smoothing=smoothings)
def test_binary_crossentropy(
    case: tuple[np.random.Generator, Any, tuple[int, ...]], smoothing: float
) -> None:
    rng, dtype, shape = case
    t = rng.integers(0, 2, shape).astype(dtype)
    wanted = t.astype(np.float64) * (1.0 - smoothing) + 0.5 * smoothing

    p = rng.uniform(0, 1, shape).astype(dtype)
    p[rng.uniform(size=shape) < 0.05] = 0.0
    p[rng.uniform(size=shape) < 0.05] = 1.0
    log_q, log_rest = _clipped_logs(p.astype(np.float64), dtype)
    expected = -(wanted * log_q + (1.0 - wanted) * log_rest).mean(axis=-1)
    _check(_core.Loss("binary_crossentropy", label_smoothing=smoothing), t, p, expected)

    z = rng.normal(0, 6, shape).astype(dtype)
    wide = z.astype(np.float64)
    expected = np.maximum(wide, 0.0) - wide * wanted + np.log1p(np.exp(-np.abs(wide)))
    loss = _core.Loss("binary_crossentropy", from_logits=True, label_smoothing=smoothing)
    _check(loss, t, z, expected.mean(axis=-1))


@given(case=generators(), smoothing=smoothings)
def test_categorical_crossentropy(
    case: tuple[np.random.Generator, Any, tuple[int, ...]], smoothing: float
) -> None:
    rng, dtype, shape = case
    classes = shape[-1]
    t = rng.uniform(0, 1, shape)
    t = (t / t.sum(axis=-1, keepdims=True)).astype(dtype)
    wanted = t.astype(np.float64) * (1.0 - smoothing) + smoothing / classes

    z = rng.normal(0, 4, shape).astype(dtype)
    expected = -(wanted * _log_softmax(z.astype(np.float64))).sum(axis=-1)
    loss = _core.Loss("categorical_crossentropy", from_logits=True, label_smoothing=smoothing)
    _check(loss, t, z, expected)

    # Not normalised: the loss divides by the row's sum.
    p = rng.uniform(0.01, 2, shape).astype(dtype)
    p[..., 1:][rng.uniform(size=p[..., 1:].shape) < 0.05] = 0.0
    share = p.astype(np.float64)
    log_q, _ = _clipped_logs(share / share.sum(axis=-1, keepdims=True), dtype)
    loss = _core.Loss("categorical_crossentropy", label_smoothing=smoothing)
    _check(loss, t, p, -(wanted * log_q).sum(axis=-1))


@given(case=generators(), kind=st.sampled_from([np.int8, np.int32, np.int64, np.uint16]))
def test_sparse_categorical_crossentropy(
    case: tuple[np.random.Generator, Any, tuple[int, ...]], kind: Any
) -> None:
    rng, dtype, shape = case
    labels = np.asarray(rng.integers(0, min(shape[-1], 100), shape[:-1])).astype(kind)
    picked = np.expand_dims(labels.astype(np.int64), -1)

    z = rng.normal(0, 4, shape).astype(dtype)
    expected = -np.take_along_axis(_log_softmax(z.astype(np.float64)), picked, -1)[..., 0]
    loss = _core.Loss("sparse_categorical_crossentropy", from_logits=True)
    _check(loss, labels, z, expected)

    p = rng.uniform(0.01, 2, shape).astype(dtype)
    share = p.astype(np.float64)
    log_q, _ = _clipped_logs(share / share.sum(axis=-1, keepdims=True), dtype)
    loss = _core.Loss("sparse_categorical_crossentropy")
    _check(loss, labels, p, -np.take_along_axis(log_q, picked, -1)[..., 0])


@pytest.mark.parametrize("from_logits", [False, True])
def test_sparse_labels_are_one_hot_targets(from_logits: bool) -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 11, 90)
    x = rng.uniform(0.1, 3, (90, 11)).astype(np.float32)
    sparse = _core.Loss("sparse_categorical_crossentropy", from_logits=from_logits)
    dense = _core.Loss("categorical_crossentropy", from_logits=from_logits)
    one_hot = np.eye(11, dtype=np.float32)[labels]
    a, b = _core.loss_values(sparse, labels, x), _core.loss_values(dense, one_hot, x)
    assert a.tobytes() == b.tobytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize(
    "kind",
    [
        "mean_squared_error",
        "mean_absolute_error",
        "huber",
        "binary_crossentropy",
        "categorical_crossentropy",
    ],
)
def test_a_row_does_not_depend_on_other_rows(kind: str, from_logits: bool, dtype: Any) -> None:
    rng = np.random.default_rng(2)
    loss = _core.Loss(kind, from_logits=from_logits)
    for columns in (1, 10, 37):
        p = rng.uniform(0.01, 0.99, (150, columns)).astype(dtype)
        t = rng.uniform(0, 1, (150, columns)).astype(dtype)
        values = _core.loss_values(loss, t, p)
        order = rng.permutation(150)
        assert _core.loss_values(loss, t[order], p[order]).tobytes() == values[order].tobytes()
        assert _core.loss_values(loss, t[9], p[9]).tobytes() == values[9].tobytes()
        # Strides do not matter.
        assert _core.loss_values(loss, t[::-1], p[::-1]).tobytes() == values[::-1].tobytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extreme_logits(dtype: Any) -> None:
    binary = _core.Loss("binary_crossentropy", from_logits=True)
    z = np.array([[1e4], [-1e4], [1e4], [np.inf], [-np.inf]], dtype)
    t = np.array([[1.0], [0.0], [0.0], [1.0], [0.0]], dtype)
    assert _core.loss_values(binary, t, z).tolist() == [0.0, 0.0, 1e4, 0.0, 0.0]

    sparse = _core.Loss("sparse_categorical_crossentropy", from_logits=True)
    z = np.array([[1e4, 0.0, -1e4], [-np.inf, 3.0, -np.inf], [-np.inf, 3.0, 0.0]], dtype)
    got = _core.loss_values(sparse, np.array([1, 1, 0]), z)
    assert got.tolist() == [1e4, 0.0, math.inf]

    dense = _core.Loss("categorical_crossentropy", from_logits=True)
    t = np.array([[0.0, 1.0, 0.0]] * 3, dtype)
    assert _core.loss_values(dense, t, z)[:2].tolist() == [1e4, 0.0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_not_a_number_stays_one(dtype: Any) -> None:
    p = np.array([[0.25, 0.5, 0.25], [0.25, np.nan, 0.25]], dtype)
    t = np.array([[0.0, 1.0, 0.0]] * 2, dtype)
    for from_logits in (False, True):
        for kind in (
            "mean_squared_error",
            "mean_absolute_error",
            "huber",
            "binary_crossentropy",
            "categorical_crossentropy",
        ):
            values = _core.loss_values(_core.Loss(kind, from_logits=from_logits), t, p)
            assert list(np.isnan(values)) == [False, True]
        sparse = _core.Loss("sparse_categorical_crossentropy", from_logits=from_logits)
        assert list(np.isnan(_core.loss_values(sparse, np.array([0, 0]), p))) == [False, True]


def test_bad_input() -> None:
    sparse = _core.Loss("sparse_categorical_crossentropy")
    p = np.full((3, 4), 0.25)
    for labels in ([0, 1, 4], [0, -1, 2], [0, 1], [[0, 1, 2]]):
        with pytest.raises(ValueError):
            _core.loss_values(sparse, np.array(labels), p)
    for bad in ([0.0, 0.5, 1.0], [0.0, math.nan, 1.0]):
        with pytest.raises(ValueError):
            _core.loss_values(sparse, np.array(bad), p)
    with pytest.raises(ValueError, match="Did you mean 'mean_squared_error'"):
        _core.Loss("mean_square_error")
    for arguments in ({"label_smoothing": 1.5}, {"label_smoothing": -0.1}, {"delta": 0.0}):
        with pytest.raises(ValueError):
            _core.Loss("huber", **arguments)
    with pytest.raises(ValueError):
        _core.loss_values(_core.Loss("huber"), np.zeros((2, 3)), np.zeros((2, 4)))
