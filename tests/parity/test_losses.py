"""Losses against Keras 3: values, gradients and ten steps of training."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "jax")
with np.errstate(all="ignore"):
    keras = pytest.importorskip("keras", minversion="3.0", reason="Keras 3 is not installed")

import lamina
from lamina import _core

pytestmark = pytest.mark.filterwarnings("default")

ROWS, COLUMNS = 13, 4
REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)

# Name, arguments, what targets are, what predictions are, how a model that is trained with it ends.
CASES: list[tuple[str, dict[str, Any], str, str, str]] = [
    ("MeanSquaredError", {}, "real", "real", "linear"),
    ("MeanAbsoluteError", {}, "real", "real", "linear"),
    ("MeanAbsolutePercentageError", {}, "positive", "positive", "linear"),
    ("MeanSquaredLogarithmicError", {}, "positive", "positive", "softplus"),
    ("Huber", {"delta": 0.7}, "real", "real", "linear"),
    ("LogCosh", {}, "real", "real", "linear"),
    ("CosineSimilarity", {}, "real", "real", "linear"),
    ("BinaryCrossentropy", {}, "bits", "unit", "sigmoid"),
    ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, "bits", "real", "linear"),
    ("BinaryFocalCrossentropy", {}, "bits", "unit", "sigmoid"),
    (
        "BinaryFocalCrossentropy",
        {"from_logits": True, "apply_class_balancing": True, "gamma": 1.5, "label_smoothing": 0.1},
        "bits",
        "real",
        "linear",
    ),
    ("CategoricalCrossentropy", {}, "onehot", "shares", "softmax"),
    (
        "CategoricalCrossentropy",
        {"from_logits": True, "label_smoothing": 0.2},
        "onehot",
        "real",
        "linear",
    ),
    ("CategoricalFocalCrossentropy", {}, "onehot", "shares", "softmax"),
    (
        "CategoricalFocalCrossentropy",
        {"from_logits": True, "label_smoothing": 0.2, "gamma": 0.7},
        "onehot",
        "real",
        "linear",
    ),
    ("SparseCategoricalCrossentropy", {}, "labels", "shares", "softmax"),
    ("SparseCategoricalCrossentropy", {"ignore_class": 0}, "labels", "shares", "softmax"),
    (
        "SparseCategoricalCrossentropy",
        {"from_logits": True, "ignore_class": 2},
        "labels",
        "real",
        "linear",
    ),
    (
        "CategoricalFocalCrossentropy",
        {"alpha": [0.1, 0.5, 1.0, 2.0]},
        "onehot",
        "shares",
        "softmax",
    ),
    ("CategoricalGeneralizedCrossEntropy", {}, "labels", "shares", "softmax"),
    ("CategoricalGeneralizedCrossEntropy", {"q": 0.9}, "labels", "shares", "softmax"),
    ("Circle", {"gamma": 10.0}, "labels", "directions", "directions"),
    ("Circle", {"margin": 0.1, "gamma": 5.0}, "labels", "directions", "directions"),
    ("Circle", {"remove_diagonal": False, "gamma": 8.0}, "labels", "directions", "directions"),
    ("KLDivergence", {}, "shares", "shares", "softmax"),
    ("Poisson", {}, "positive", "positive", "exponential"),
    ("Hinge", {}, "bits", "real", "linear"),
    ("Hinge", {}, "signs", "real", "linear"),
    ("SquaredHinge", {}, "bits", "real", "linear"),
    ("CategoricalHinge", {}, "onehot", "real", "linear"),
    ("Dice", {}, "bits", "unit", "sigmoid"),
    ("Dice", {"axis": -1}, "bits", "unit", "sigmoid"),
    ("Tversky", {"alpha": 0.3, "beta": 0.8}, "bits", "unit", "sigmoid"),
    ("Tversky", {"alpha": 0.3, "beta": 0.8, "axis": -1}, "bits", "unit", "sigmoid"),
]
IDS = [f"{name}-{','.join(map(str, kwargs))}-{target}" for name, kwargs, target, _, _ in CASES]


def draw(kind: str, rng: np.random.Generator) -> Any:
    shape = (ROWS, COLUMNS)
    if kind == "labels":
        return rng.integers(0, COLUMNS, ROWS)
    if kind == "onehot":
        return np.eye(COLUMNS, dtype=np.float32)[rng.integers(0, COLUMNS, ROWS)]
    if kind == "directions":
        p = rng.normal(size=shape)
        return (p / np.linalg.norm(p, axis=1, keepdims=True)).astype(np.float32)
    if kind == "shares":
        p = rng.uniform(0.05, 1, shape)
        return (p / p.sum(axis=1, keepdims=True)).astype(np.float32)
    numbers = {
        "real": lambda: rng.normal(0, 2, shape),
        "positive": lambda: rng.uniform(0.05, 3, shape),
        "unit": lambda: rng.uniform(0.01, 0.99, shape),
        "bits": lambda: rng.integers(0, 2, shape),
        "signs": lambda: rng.integers(0, 2, shape) * 2 - 1,
    }[kind]()
    return numbers.astype(np.float32)


def _near(ours: Any, theirs: Any, tolerance: float = 1e-5) -> None:
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.shape == theirs.shape
    scale = np.maximum(np.abs(theirs), 1e-3)
    assert np.max(np.abs(ours - theirs) / scale, initial=0.0) <= tolerance


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_values_in_every_reduction(case: Any) -> None:
    name, kwargs, targets, predictions, _ = case
    rng = np.random.default_rng(1)
    t, p = draw(targets, rng), draw(predictions, rng)
    weights = rng.uniform(0, 2, ROWS).astype(np.float32)
    for reduction in REDUCTIONS:
        theirs = getattr(keras.losses, name)(reduction=reduction, **kwargs)
        ours = getattr(lamina.losses, name)(reduction=reduction, **kwargs)
        for w in (None, weights):
            _near(ours(t, p, w), theirs(t, p, w))
    if targets != "labels":
        config = getattr(keras.losses, name)(**kwargs).get_config()
        assert set(config) <= set(getattr(lamina.losses, name)(**kwargs).get_config())
        assert config["name"] == getattr(lamina.losses, name)(**kwargs).name


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_gradients(case: Any) -> None:
    jax = pytest.importorskip("jax")
    name, kwargs, targets, predictions, _ = case
    rng = np.random.default_rng(2)
    t, p = draw(targets, rng), draw(predictions, rng)
    loss = getattr(keras.losses, name)(reduction="sum", **kwargs)
    theirs = np.asarray(jax.grad(lambda q: loss(t, q))(jax.numpy.asarray(p)))
    ours = _core.loss_gradient(getattr(lamina.losses, name)(**kwargs).specification(), t, p)
    assert np.max(np.abs(ours - theirs)) <= 1e-5 * np.max(np.abs(theirs))


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_ten_steps_of_training(case: Any) -> None:
    name, kwargs, targets, _, ending = case
    rng = np.random.default_rng(3)
    x = rng.normal(0, 1, (ROWS, 3)).astype(np.float32)
    t = draw(targets, rng)
    weights = rng.uniform(0.2, 2, ROWS).astype(np.float32)
    reduction = ("sum_over_batch_size", "sum", "mean_with_sample_weight")[CASES.index(case) % 3]
    start = [rng.normal(0, 0.5, s).astype(np.float32) for s in ((3, 5), (5,), (5, 4), (4,))]
    results = []
    for module in (keras, lamina):
        layers = module.layers
        model = module.Sequential(
            [
                layers.Input((3,)),
                layers.Dense(5, activation="tanh"),
                layers.Dense(COLUMNS, activation="linear" if ending == "directions" else ending),
                *([layers.UnitNormalization()] if ending == "directions" else []),
            ]
        )
        model.set_weights(start)
        loss = getattr(module.losses, name)(reduction=reduction, **kwargs)
        model.compile(module.optimizers.SGD(0.01), loss, loss_weights=0.5)
        losses = [
            float(np.ravel(model.train_on_batch(x, t, sample_weight=weights))[0]) for _ in range(10)
        ]
        results.append((losses, model.get_weights()))
    (their_losses, their_weights), (our_losses, our_weights) = results
    _near(our_losses, their_losses)
    for ours, theirs in zip(our_weights, their_weights, strict=True):
        assert np.max(np.abs(ours - theirs)) <= 1e-5 * max(1.0, np.max(np.abs(theirs)))


def test_the_same_names() -> None:
    for alias in ("bce", "kld", "mae", "mse", "mape", "msle", "log_cosh", "dice", "KLD", "MSLE"):
        assert callable(keras.losses.get(alias))
        assert isinstance(lamina.losses.get(alias), lamina.losses.Loss)
    functions = [
        name
        for name in dir(keras.losses)
        if name[0].islower() and callable(getattr(keras.losses, name))
    ]
    missing = {n for n in functions if not hasattr(lamina.losses, n)}
    assert missing <= {"ctc", "circle", "categorical_generalized_cross_entropy"}
