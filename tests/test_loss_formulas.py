"""Every other loss against its formula in float64 NumPy, and all gradients by differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lamina
from lamina import _core, losses

Array = np.ndarray[Any, Any]
EPSILON = 1e-7

#: Losses meet outputs of every kind here.
pytestmark = pytest.mark.filterwarnings("ignore:.*from_logits")


def _softmax(z: Array) -> Array:
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


def _sigmoid(z: Array) -> Array:
    return np.asarray(1.0 / (1.0 + np.exp(-z)))


def _signs(t: Array) -> Array:
    return 2.0 * t - 1.0 if np.isin(t, (0.0, 1.0)).all() else t


def _binary_focal(t: Array, p: Array, alpha: float | None, gamma: float, s: float) -> Array:
    t = t * (1.0 - s) + 0.5 * s
    q = np.clip(p, EPSILON, 1.0 - EPSILON)
    plain = -t * np.log(q) - (1.0 - t) * np.log1p(-q)
    right = t * p + (1.0 - t) * (1.0 - p)
    weight = 1.0 if alpha is None else t * alpha + (1.0 - t) * (1.0 - alpha)
    return np.mean(weight * (1.0 - right) ** gamma * plain, axis=-1)


def _categorical_focal(t: Array, p: Array, alpha: float, gamma: float, s: float) -> Array:
    t = t * (1.0 - s) + s / t.shape[-1]
    q = np.clip(p / p.sum(axis=-1, keepdims=True), EPSILON, 1.0 - EPSILON)
    return np.asarray(-np.sum(alpha * (1.0 - q) ** gamma * t * np.log(q), axis=-1))


def _cosine(t: Array, p: Array) -> Array:
    def unit(x: Array) -> Array:
        with np.errstate(divide="ignore"):
            inverse = 1.0 / np.sqrt(np.sum(x * x, axis=-1, keepdims=True))
        return np.asarray(x * np.minimum(inverse, 1.0 / EPSILON))

    return np.asarray(-np.sum(unit(t) * unit(p), axis=-1))


def _overlap(t: Array, p: Array, alpha: float, beta: float, factor: float) -> Array:
    hit = np.sum(t * p, axis=-1)
    missed, wrong = np.sum(t * (1.0 - p), axis=-1), np.sum((1.0 - t) * p, axis=-1)
    if factor == 2.0:
        return np.asarray(1.0 - 2.0 * hit / (t.sum(axis=-1) + p.sum(axis=-1) + EPSILON))
    return np.asarray(1.0 - hit / (hit + alpha * missed + beta * wrong + EPSILON))


def _log_cosh(t: Array, p: Array) -> Array:
    e = np.abs(p - t)
    large = e - np.log(2.0) + np.log1p(np.exp(-2.0 * e))
    return np.mean(np.where(e < 0.5, np.log1p(2.0 * np.sinh(e / 2.0) ** 2), large), axis=-1)


def _moved(x: Array) -> Array:
    return np.maximum(x, EPSILON)


Formula = Callable[[Array, Array], Array]
#: The loss, its formula, and what targets and predictions are.
CASES: list[tuple[Any, Formula, str, str]] = [
    (
        losses.MeanAbsolutePercentageError(),
        lambda t, p: 100.0 * np.mean(np.abs((t - p) / _moved(np.abs(t))), axis=-1),
        "real",
        "real",
    ),
    (
        losses.MeanSquaredLogarithmicError(),
        lambda t, p: np.mean((np.log1p(_moved(p)) - np.log1p(_moved(t))) ** 2, axis=-1),
        "positive",
        "positive",
    ),
    (losses.LogCosh(), _log_cosh, "real", "real"),
    (
        losses.Quantile(0.8),
        lambda t, p: np.mean(np.maximum(0.8 * (t - p), -0.2 * (t - p)), axis=-1),
        "real",
        "real",
    ),
    (losses.CosineSimilarity(), _cosine, "real", "real"),
    (
        losses.BinaryFocalCrossentropy(True, 0.3, 1.5, label_smoothing=0.1),
        lambda t, p: _binary_focal(t, p, 0.3, 1.5, 0.1),
        "bits",
        "unit",
    ),
    (
        losses.BinaryFocalCrossentropy(gamma=0.0, from_logits=True),
        lambda t, z: _binary_focal(t, _sigmoid(z), None, 0.0, 0.0),
        "bits",
        "real",
    ),
    (
        losses.CategoricalFocalCrossentropy(0.4, 2.5, label_smoothing=0.2),
        lambda t, p: _categorical_focal(t, p, 0.4, 2.5, 0.2),
        "shares",
        "unit",
    ),
    (
        losses.CategoricalFocalCrossentropy(0.4, 0.5, from_logits=True),
        lambda t, z: _categorical_focal(t, _softmax(z), 0.4, 0.5, 0.0),
        "shares",
        "real",
    ),
    (
        losses.KLDivergence(),
        lambda t, p: np.sum(
            np.clip(t, EPSILON, 1) * np.log(np.clip(t, EPSILON, 1) / np.clip(p, EPSILON, 1)),
            axis=-1,
        ),
        "shares",
        "unit",
    ),
    (
        losses.Poisson(),
        lambda t, p: np.mean(p - t * np.log(p + EPSILON), axis=-1),
        "positive",
        "positive",
    ),
    (
        losses.Hinge(),
        lambda t, p: np.mean(np.maximum(1.0 - _signs(t) * p, 0.0), axis=-1),
        "bits",
        "real",
    ),
    (
        losses.Hinge(),
        lambda t, p: np.mean(np.maximum(1.0 - t * p, 0.0), axis=-1),
        "real",
        "real",
    ),
    (
        losses.SquaredHinge(),
        lambda t, p: np.mean(np.maximum(1.0 - _signs(t) * p, 0.0) ** 2, axis=-1),
        "bits",
        "real",
    ),
    (
        losses.CategoricalHinge(),
        lambda t, p: np.maximum(0.0, np.max((1.0 - t) * p, axis=-1) - np.sum(t * p, axis=-1) + 1.0),
        "shares",
        "real",
    ),
    (losses.Dice(axis=-1), lambda t, p: _overlap(t, p, 0.5, 0.5, 2.0), "bits", "unit"),
    (losses.Tversky(0.3, 0.9, axis=-1), lambda t, p: _overlap(t, p, 0.3, 0.9, 1.0), "bits", "unit"),
]
IDS = [f"{i}-{case[0].name}" for i, case in enumerate(CASES)]
shapes = st.sampled_from(
    [
        (0, 3),
        (1, 1),
        (5, 1),
        (70, 1),
        (3, 2),
        (66, 5),
        (4, 16),
        (2, 17),
        (2, 33),
        (1, 4100),
        (3, 2, 7),
    ]
)


def draw(kind: str, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    if kind == "shares":
        p = rng.uniform(0.05, 1, shape)
        return np.asarray(p / p.sum(axis=-1, keepdims=True))
    return np.asarray(
        {
            "real": lambda: rng.normal(0, 1.5, shape),
            "positive": lambda: rng.uniform(0.05, 3, shape),
            "unit": lambda: rng.uniform(0.02, 0.98, shape),
            "bits": lambda: rng.integers(0, 2, shape).astype(float),
        }[kind]()
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", CASES, ids=IDS)
@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), shape=shapes)
def test_values(case: Any, dtype: Any, seed: int, shape: tuple[int, ...]) -> None:
    loss, formula, targets, predictions = case
    rng = np.random.default_rng(seed)
    t = draw(targets, rng, shape).astype(dtype)
    p = draw(predictions, rng, shape).astype(dtype)
    got = _core.loss_values(loss.specification(), t, p)
    assert got.dtype == dtype and got.shape == shape[:-1]
    with np.errstate(all="ignore"):
        expected = formula(t.astype(np.float64), p.astype(np.float64))
    tolerance = 1e-5 if dtype == np.float32 else 2e-14
    assert np.all(np.abs(got - expected) <= tolerance * np.maximum(1.0, np.abs(expected)))


@pytest.mark.parametrize("case", CASES, ids=IDS)
@pytest.mark.parametrize("columns", [1, 3, 20])
def test_gradients(case: Any, columns: int) -> None:
    loss, formula, targets, predictions = case
    rng = np.random.default_rng(columns)
    t, p = draw(targets, rng, (6, columns)), draw(predictions, rng, (6, columns))
    got = _core.loss_gradient(loss.specification(), t, p)
    step = 1e-6
    for index in np.ndindex(*p.shape):
        up, down = p.copy(), p.copy()
        up[index] += step
        down[index] -= step
        difference = (formula(t, up) - formula(t, down)).sum() / (2 * step)
        assert abs(got[index] - difference) <= 3e-7 * max(1.0, abs(difference), np.abs(p).max())


@pytest.mark.parametrize("axis", [None, -1])
@pytest.mark.parametrize("kind", [losses.Dice, losses.Tversky])
def test_the_whole_batch_is_one_row(kind: Any, axis: int | None) -> None:
    rng = np.random.default_rng(0)
    t, p = draw("bits", rng, (7, 5)), draw("unit", rng, (7, 5))
    loss = kind(axis=axis)
    value = loss.call(t, p)
    assert value.shape == (() if axis is None else (7,))
    rows = kind(axis=-1)(t.reshape(1, -1), p.reshape(1, -1)) if axis is None else None
    assert loss(t, p) == (rows if axis is None else pytest.approx(value.mean()))
    weights = rng.uniform(size=7)
    got = loss(t, p, weights)
    assert got == pytest.approx(float(np.mean(value * weights)), rel=1e-12)
    for bad in (2, (0, 0), (3,)):
        with pytest.raises(ValueError, match="axis"):
            kind(axis=bad)(t, p)
    with pytest.raises(TypeError, match="axis"):
        kind(axis="rows")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_special_values(dtype: Any) -> None:
    def row(loss: Any, t: list[float], p: list[float]) -> float:
        values = _core.loss_values(loss.specification(), np.array([t], dtype), np.array([p], dtype))
        return float(values[0])

    inf, nan = np.inf, np.nan
    for loss, _, _, predictions in CASES:
        ordinary = [0.25, 0.5] if predictions != "real" else [-1.0, 2.0]
        assert np.isfinite(row(loss, [1.0, 0.0], ordinary)), loss
        assert np.isnan(row(loss, [1.0, 0.0], [nan, 0.5])), loss
        if not isinstance(loss, (losses.Dice, losses.Tversky)):
            assert np.isnan(row(loss, [nan, 0.0], ordinary)), loss
    assert row(losses.LogCosh(), [0.0], [inf]) == inf
    assert row(losses.LogCosh(), [0.0], [1e30]) == pytest.approx(1e30)
    assert row(losses.LogCosh(), [0.0], [1e-3]) == pytest.approx(5e-7, rel=1e-5)
    assert row(losses.CosineSimilarity(), [0.0, 0.0], [1.0, 2.0]) == 0.0
    assert row(losses.MeanAbsolutePercentageError(), [0.0], [1.0]) == pytest.approx(1e9, rel=1e-6)
    assert row(losses.Hinge(), [1.0], [inf]) == 0.0
    assert row(losses.Quantile(0.25), [1.0], [-inf]) == inf


@pytest.mark.parametrize("from_logits", [False, True])
def test_an_ignored_class_counts_nowhere(from_logits: bool) -> None:
    rng = np.random.default_rng(3)
    p = draw("unit", rng, (9, 4))
    labels = np.array([0, 1, 255, 3, 2, 255, 1, 0, 2])
    kept = labels != 255
    plain = losses.SparseCategoricalCrossentropy(from_logits)
    loss = losses.SparseCategoricalCrossentropy(from_logits, ignore_class=255)
    values = loss.call(labels, p)
    assert values[~kept].tolist() == [0.0, 0.0]
    assert values[kept].tobytes() == plain.call(labels[kept], p[kept]).tobytes()
    assert loss(labels, p) == pytest.approx(float(values[kept].mean()), rel=1e-14)
    gradient = _core.loss_gradient(loss.specification(), labels, p)
    assert not gradient[~kept].any()
    expected = _core.loss_gradient(plain.specification(), labels[kept], p[kept])
    assert gradient[kept].tobytes() == expected.tobytes()
    weights = rng.uniform(0.1, 1, 9)
    assert loss(labels, p, weights) == pytest.approx((values * weights).sum() / 7, rel=1e-14)
    with pytest.raises(ValueError, match="255"):
        plain(labels, p)
    with pytest.raises(ValueError, match="-1"):
        loss(np.where(kept, labels, -1), p)


# In models.


def _identity(output: tuple[int, ...], loss: Any, **compiling: Any) -> Any:
    """A model of weights alone: its prediction is one row of them times x."""
    model = lamina.Sequential(
        [
            lamina.Input((output[0],)),
            lamina.layers.Dense(output[1], use_bias=False, dtype="float64"),
        ]
    )
    model.compile(lamina.optimizers.SGD(1.0), loss, **compiling)
    return model


def _step(
    loss: Any, t: Array, p: Array, weights: Array | None, **compiling: Any
) -> tuple[float, Array]:
    """A model's loss and its gradient with respect to predictions: x is the unit matrix."""
    model = _identity((len(p), p.shape[1]), loss, **compiling)
    model.set_weights([p])
    value = model.train_on_batch(np.eye(len(p)), t, sample_weight=weights)
    return float(np.ravel(value)[0]), p - model.get_weights()[0]


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "mean_with_sample_weight", "sum"])
@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_model_takes_the_same_loss_and_gradient(case: Any, reduction: str) -> None:
    loss, _, targets, predictions = case
    rng = np.random.default_rng(5)
    t, p = draw(targets, rng, (8, 3)), draw(predictions, rng, (8, 3))
    weights = rng.uniform(0.2, 2, 8)
    loss = type(loss)(**{**loss.get_config(), "reduction": reduction})
    gradient = _core.loss_gradient(loss.specification(), t, p)
    divisor = {"sum": 1.0, "sum_over_batch_size": 8.0}.get(reduction, weights.sum())
    value, got = _step(loss, t, p, weights, loss_weights=[0.25])
    assert value == pytest.approx(0.25 * float(loss(t, p, weights)), rel=1e-13)
    np.testing.assert_allclose(
        got, 0.25 * gradient * weights[:, None] / divisor, atol=1e-13, rtol=1e-9
    )


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "mean_with_sample_weight", "sum"])
@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_missing_targets_count_nowhere(case: Any, reduction: str, weighted: bool) -> None:
    loss, formula, targets, predictions = case
    rng = np.random.default_rng(6)
    t, p = draw(targets, rng, (9, 3)), draw(predictions, rng, (9, 3))
    weights = rng.uniform(0.2, 2, 9) if weighted else None
    loss = type(loss)(**{**loss.get_config(), "reduction": reduction})
    missing = np.zeros((9, 3), dtype=bool)
    missing[[1, 4, 4, 7, 7, 7], [0, 1, 2, 0, 1, 2]] = True
    holes = np.where(missing, np.nan, t)
    with pytest.raises(ValueError, match="missing_targets"):
        _step(loss, holes, p, weights)
    value, got = _step(loss, holes, p, weights, missing_targets="ignore")
    assert not got[missing].any() and np.isfinite(value)

    whole = loss.name in (
        "cosine_similarity",
        "categorical_hinge",
        "categorical_focal_crossentropy",
    )
    overlaps = loss.name in ("dice", "tversky")
    if whole:
        kept = ~missing.any(axis=1)
        ws = None if weights is None else weights[kept]
        expected, expected_gradient = _step(loss, t[kept], p[kept], ws)
        assert value == pytest.approx(expected, rel=1e-13)
        np.testing.assert_allclose(got[kept], expected_gradient, rtol=1e-12, atol=1e-16)
        return
    w = np.ones(9) if weights is None else weights
    if overlaps:
        rows = np.array(
            [
                formula(a[None, ~m], b[None, ~m])[0] if not m.all() else 0.0
                for a, b, m in zip(t, p, missing, strict=True)
            ]
        )
        shares = (~missing.all(axis=1)).astype(float)
    elif loss.name == "hinge" and targets == "bits":
        return
    else:
        scale = 1.0 if loss.name == "kl_divergence" else 3.0
        single = formula(
            _signs(t)[..., None] if "hinge" in loss.name else t[..., None], p[..., None]
        )
        rows = np.where(missing, 0.0, single).sum(axis=1) / scale
        shares = (~missing).mean(axis=1)
    divisor = {
        "sum": 1.0,
        "sum_over_batch_size": shares.sum(),
        "mean_with_sample_weight": (w * shares).sum(),
    }[reduction]
    assert value == pytest.approx(float((w * rows).sum() / divisor), rel=1e-9)


def test_missing_labels() -> None:
    rng = np.random.default_rng(7)
    p, labels = rng.normal(size=(6, 4)), np.array([0.0, np.nan, 3.0, 1.0, np.nan, 2.0])
    kept = ~np.isnan(labels)
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    value, gradient = _step(loss, labels, p, None, missing_targets="ignore")
    expected, expected_gradient = _step(loss, labels[kept].astype(int), p[kept], None)
    assert value == pytest.approx(expected, rel=1e-14)
    assert gradient[kept].tobytes() == expected_gradient.tobytes()
    assert not gradient[~kept].any()
    with pytest.raises(ValueError, match="nan"):
        _step(loss, labels, p, None)


def test_an_epoch_of_nothing_but_missing_targets_leaves_the_model() -> None:
    model = _identity((2, 2), "mse", missing_targets="ignore", metrics=["mae"])
    before = model.get_weights()[0]
    history = model.fit(np.ones((4, 2)), np.full((4, 2), np.nan), verbose=0)
    assert history.history == {"loss": [0.0], "mae": [0.0]}
    assert model.get_weights()[0].tobytes() == before.tobytes()


def test_weights_for_each_position() -> None:
    model = lamina.Sequential(
        [lamina.Input((3, 2)), lamina.layers.Activation("linear", dtype="float64")]
    )
    model.compile("sgd", "mse", weighted_metrics=["mae"])
    rng = np.random.default_rng(8)
    x, y = rng.normal(size=(5, 3, 2)), rng.normal(size=(5, 3, 2))
    weights = rng.uniform(0, 2, (5, 3))
    loss, mae = model.evaluate(x, y, sample_weight=weights, batch_size=2)
    error = x - y
    assert loss == pytest.approx(float(((error**2).mean(-1) * weights).mean()), rel=1e-13)
    expected = (np.abs(error).mean(-1) * weights).sum() / weights.sum()
    assert mae == pytest.approx(float(expected), rel=1e-13)
    with pytest.raises(ValueError, match="each position"):
        model.evaluate(x, y, sample_weight=weights[:, :2])


def test_class_weights_are_sample_weights() -> None:
    rng = np.random.default_rng(9)
    x, labels = rng.normal(size=(20, 4)), rng.integers(0, 3, 20)
    weights = {0: 0.5, 2: 3.0}
    each = np.array([weights.get(int(label), 1.0) for label in labels])
    results = []
    for y in (labels, labels[:, None], np.eye(3)[labels]):
        for arguments in ({"class_weight": weights}, {"sample_weight": each}):
            loss = (
                "categorical_crossentropy"
                if y.ndim == 2 and y.shape[1] == 3
                else ("sparse_categorical_crossentropy")
            )
            lamina.utils.set_random_seed(1)
            model = lamina.Sequential(
                [lamina.Input((4,)), lamina.layers.Dense(3, activation="softmax")]
            )
            model.compile("sgd", loss, weighted_metrics=["accuracy"])
            history = model.fit(x, y, epochs=2, batch_size=7, verbose=0, **arguments)
            results.append((history.history, model.get_weights()[0].tobytes()))
    assert all(weights == results[0][1] for _, weights in results)
    assert all(history["accuracy"] == results[0][0]["accuracy"] for history, _ in results)
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match="class=3"):
        model.fit(x, labels, class_weight={3: 1.0}, verbose=0)
