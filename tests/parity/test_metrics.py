"""Metrics against Keras 3: on their own over batches, and in a model's history."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "jax")
with np.errstate(all="ignore"):
    keras = pytest.importorskip("keras", minversion="3.0", reason="Keras 3 is not installed")

import lamina

pytestmark = pytest.mark.filterwarnings("default")

COLUMNS = 4
SIZES = (13, 32, 1)

# Name, arguments, what targets and predictions are.
CASES: list[tuple[str, dict[str, Any], str, str]] = [
    ("Accuracy", {}, "column_bits", "column_bits"),
    ("BinaryAccuracy", {}, "bits", "unit"),
    ("BinaryAccuracy", {"threshold": 0.3}, "column_bits", "column"),
    ("CategoricalAccuracy", {}, "onehot", "unit"),
    ("SparseCategoricalAccuracy", {}, "labels", "unit"),
    ("TopKCategoricalAccuracy", {"k": 2}, "onehot", "ties"),
    ("SparseTopKCategoricalAccuracy", {"k": 3}, "labels", "ties"),
    ("SparseTopKCategoricalAccuracy", {"k": 2, "from_sorted_ids": True}, "labels", "ids"),
    ("Precision", {}, "bits", "unit"),
    ("Precision", {"thresholds": [0.7, 0.2, 0.4]}, "bits", "unit"),
    ("Precision", {"thresholds": [0.0, 0.5, 1.0]}, "bits", "edges"),
    ("Precision", {"top_k": 2}, "bits", "ties"),
    ("Precision", {"top_k": 3, "class_id": 1}, "bits", "unit"),
    ("Recall", {}, "column_bits", "column"),
    ("Recall", {"thresholds": 0.3, "class_id": 2}, "bits", "unit"),
    ("Recall", {"top_k": 1}, "bits", "unit"),
    ("TruePositives", {}, "bits", "unit"),
    ("TrueNegatives", {"thresholds": [0.1, 0.8]}, "bits", "unit"),
    ("FalsePositives", {}, "column_bits", "column"),
    ("FalseNegatives", {"thresholds": 0.9}, "bits", "unit"),
    ("SensitivityAtSpecificity", {"specificity": 0.6}, "column_bits", "column"),
    ("SpecificityAtSensitivity", {"sensitivity": 0.5, "num_thresholds": 50}, "bits", "unit"),
    ("SpecificityAtSensitivity", {"sensitivity": 0.5, "num_thresholds": 1}, "bits", "unit"),
    ("PrecisionAtRecall", {"recall": 0.4, "class_id": 1}, "bits", "unit"),
    ("RecallAtPrecision", {"precision": 0.55}, "bits", "unit"),
    ("AUC", {}, "column_bits", "column"),
    ("AUC", {}, "column_bits", "column_edges"),
    ("AUC", {"curve": "PR"}, "bits", "unit"),
    ("AUC", {"curve": "PRGAIN", "num_thresholds": 20}, "bits", "unit"),
    ("AUC", {"curve": "PR", "summation_method": "minoring"}, "bits", "unit"),
    ("AUC", {"summation_method": "majoring", "num_thresholds": 10}, "bits", "unit"),
    ("AUC", {"thresholds": [0.1, 0.15, 0.8]}, "bits", "unit"),
    ("AUC", {"thresholds": [0.25, 0.5, 0.75]}, "bits", "edges"),
    ("AUC", {"multi_label": True, "num_labels": COLUMNS}, "bits", "unit"),
    (
        "AUC",
        {"multi_label": True, "num_labels": COLUMNS, "label_weights": [1.0, 0.0, 2.0, 0.5]},
        "bits",
        "unit",
    ),
    (
        "AUC",
        {"multi_label": True, "num_labels": COLUMNS, "curve": "PR", "thresholds": [0.3, 0.6]},
        "bits",
        "unit",
    ),
    ("AUC", {"label_weights": [1.0, 0.0, 2.0, 0.5]}, "bits", "unit"),
    ("AUC", {"from_logits": True}, "bits", "real"),
    ("F1Score", {}, "onehot", "unit"),
    ("F1Score", {"average": "micro", "threshold": 0.4}, "bits", "unit"),
    ("FBetaScore", {"average": "macro", "beta": 2.0}, "onehot", "unit"),
    ("FBetaScore", {"average": "weighted", "beta": 0.5, "threshold": 0.5}, "bits", "unit"),
    ("MeanSquaredError", {}, "real", "real"),
    ("RootMeanSquaredError", {}, "real", "real"),
    ("MeanAbsoluteError", {}, "real", "real"),
    ("MeanAbsolutePercentageError", {}, "positive", "positive"),
    ("MeanSquaredLogarithmicError", {}, "positive", "positive"),
    ("LogCoshError", {}, "real", "real"),
    ("CosineSimilarity", {}, "real", "real"),
    ("R2Score", {}, "real", "real"),
    ("R2Score", {"class_aggregation": None}, "real", "real"),
    ("R2Score", {"class_aggregation": "variance_weighted_average"}, "real", "real"),
    ("R2Score", {"num_regressors": 3}, "real", "real"),
    ("BinaryCrossentropy", {}, "bits", "unit"),
    ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, "bits", "real"),
    ("CategoricalCrossentropy", {"label_smoothing": 0.1}, "onehot", "shares"),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, "labels", "real"),
    ("KLDivergence", {}, "shares", "shares"),
    ("Poisson", {}, "positive", "positive"),
    ("Hinge", {}, "bits", "real"),
    ("SquaredHinge", {}, "signs", "real"),
    ("CategoricalHinge", {}, "onehot", "real"),
    ("PearsonCorrelation", {}, "real", "real"),
    ("ConcordanceCorrelation", {}, "real", "real"),
    ("IoU", {"num_classes": 4, "target_class_ids": [0, 3]}, "labels", "labels"),
    ("IoU", {"num_classes": 4, "target_class_ids": [1], "sparse_y_pred": False}, "labels", "unit"),
    ("BinaryIoU", {"threshold": 0.4}, "column_bits", "column"),
    ("MeanIoU", {"num_classes": 4, "ignore_class": 2}, "labels", "labels"),
    ("MeanIoU", {"num_classes": 3}, "labels", "labels"),
    ("OneHotIoU", {"num_classes": 4, "target_class_ids": [0, 2]}, "onehot", "unit"),
    ("OneHotMeanIoU", {"num_classes": 4}, "onehot", "unit"),
]
IDS = [f"{i}-{name}" for i, (name, *_) in enumerate(CASES)]


def draw(kind: str, rng: np.random.Generator, rows: int) -> Any:
    shape = (rows, COLUMNS)
    if kind.startswith("column"):
        if kind == "column_edges":
            return rng.choice([0.0, 0.25, 0.5, 1.0], (rows, 1)).astype(np.float32)
        unit = rng.uniform(0, 1, (rows, 1)).astype(np.float32)
        return np.round(unit) if kind == "column_bits" else unit
    if kind == "labels":
        return rng.integers(0, COLUMNS, rows)
    if kind == "ids":
        return np.argsort(rng.uniform(size=shape), axis=1).astype(np.float32)
    if kind == "onehot":
        return np.eye(COLUMNS, dtype=np.float32)[rng.integers(0, COLUMNS, rows)]
    if kind == "shares":
        p = rng.uniform(0.05, 1, shape)
        return (p / p.sum(axis=1, keepdims=True)).astype(np.float32)
    numbers = {
        "real": lambda: rng.normal(0, 2, shape),
        "positive": lambda: rng.uniform(0.05, 3, shape),
        "unit": lambda: rng.uniform(0, 1, shape),
        "ties": lambda: rng.integers(1, 4, shape) / 4,
        "edges": lambda: rng.choice([0.0, 0.25, 0.5, 0.75, 1.0], shape),
        "bits": lambda: rng.integers(0, 2, shape),
        "signs": lambda: rng.integers(0, 2, shape) * 2 - 1,
    }[kind]()
    return numbers.astype(np.float32)


def _near(ours: Any, theirs: Any, tolerance: float = 1e-6) -> None:
    ours, theirs = np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64)
    assert ours.shape == theirs.shape
    assert np.array_equal(np.isnan(ours), np.isnan(theirs))
    difference = np.abs(ours - theirs) / np.maximum(np.abs(theirs), 1.0)
    assert np.nanmax(np.append(difference, 0.0)) <= tolerance, (ours, theirs)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_over_batches(case: Any, weighted: bool) -> None:
    name, kwargs, targets, predictions = case
    rng = np.random.default_rng(CASES.index(case))
    theirs, ours = getattr(keras.metrics, name)(**kwargs), getattr(lamina.metrics, name)(**kwargs)
    for _ in range(2):
        for rows in SIZES:
            t, p = draw(targets, rng, rows), draw(predictions, rng, rows)
            weights = None
            if weighted:
                # Keras cuts the weights of IoU to integers.
                whole = rng.integers(0, 4, rows)
                fine = rng.uniform(0, 2, rows)
                weights = (whole if "IoU" in name else fine).astype(np.float32)
            theirs.update_state(t, p, weights)
            ours.update_state(t, p, weights)
            _near(ours.result(), theirs.result(), 2e-6 if name == "R2Score" else 1e-6)
        theirs.reset_state()
        ours.reset_state()
    assert set(theirs.get_config()) - {"fn", "k"} <= set(ours.get_config())


def test_the_same_classes_and_functions() -> None:
    public = [name for name in dir(keras.metrics) if not name.startswith("_")]
    assert {name for name in public if not hasattr(lamina.metrics, name)} == set()


def test_the_same_names() -> None:
    from keras.src.metrics import ALL_OBJECTS_DICT

    from lamina.metrics.metric import METRICS

    for name, cls in ALL_OBJECTS_DICT.items():
        if name not in ("Metric", "metric", "MeanMetricWrapper", "mean_metric_wrapper"):
            assert METRICS.find(name).__name__ == cls.__name__


def _fit(module: Any, loss: Any, y: Any, **compiling: Any) -> tuple[dict[str, Any], Any]:
    rng = np.random.default_rng(5)
    x = rng.normal(0, 1, (50, 3)).astype(np.float32)
    weights = rng.uniform(0.2, 2, 50).astype(np.float32)
    layers = module.layers
    model = module.Sequential(
        [
            layers.Input((3,)),
            layers.Dense(5, activation="tanh"),
            layers.Dense(np.shape(y)[1] if np.ndim(y) == 2 else 3, activation="sigmoid"),
        ]
    )
    start = np.random.default_rng(6)
    model.set_weights([start.normal(0, 1, w.shape).astype(np.float32) for w in model.get_weights()])
    built = {key: [m(module) for m in value] for key, value in compiling.items()}
    model.compile(module.optimizers.SGD(0.05), loss, **built)
    history = model.fit(
        x,
        y,
        batch_size=16,
        epochs=2,
        shuffle=False,
        verbose=0,
        sample_weight=weights,
        validation_data=(x[:20], y[:20], weights[:20]),
    )
    evaluated = model.evaluate(x, y, verbose=0, return_dict=True)
    return history.history, (evaluated, model.get_metrics_result())


def _same(loss: Any, y: Any, **compiling: Any) -> None:
    keras.backend.clear_session()
    lamina.backend.clear_session()
    theirs, their_rest = _fit(keras, loss, y, **compiling)
    ours, our_rest = _fit(lamina, loss, y, **compiling)
    assert sorted(ours) == sorted(theirs)
    for name, values in theirs.items():
        for a, b in zip(ours[name], values, strict=True):
            _near(a, b, 1e-5)
    for a, b in zip(our_rest, their_rest, strict=True):
        assert set(a) == set(b)
        for name in b:
            _near(a[name], b[name], 1e-5)


def test_history_of_a_classifier() -> None:
    y = np.random.default_rng(7).integers(0, 2, (50, 1)).astype(np.float32)
    _same(
        "binary_crossentropy",
        y,
        metrics=[
            lambda m: "accuracy",
            lambda m: "AUC",
            lambda m: m.metrics.AUC(curve="PR"),
            lambda m: m.metrics.AUC(curve="PR"),
            lambda m: m.metrics.Precision(),
            lambda m: m.metrics.Recall(thresholds=[0.4, 0.6]),
            lambda m: "mse",
            lambda m: m.metrics.mean_absolute_error,
            lambda m: m.metrics.SpecificityAtSensitivity(0.5),
            lambda m: m.metrics.BinaryIoU(),
        ],
        weighted_metrics=[
            lambda m: "accuracy",
            lambda m: "accuracy",
            lambda m: "mse",
            lambda m: m.metrics.AUC(),
            lambda m: "binary_crossentropy",
        ],
    )


def test_history_of_labels() -> None:
    y = np.random.default_rng(8).integers(0, 3, 50)
    _same(
        "sparse_categorical_crossentropy",
        y,
        metrics=[
            lambda m: "acc",
            lambda m: m.metrics.SparseTopKCategoricalAccuracy(k=2),
            lambda m: m.metrics.MeanIoU(3, sparse_y_pred=False, name="iou"),
        ],
        weighted_metrics=[lambda m: "acc", lambda m: "sparse_categorical_crossentropy"],
    )


def test_history_of_a_regression() -> None:
    y = np.random.default_rng(9).normal(0, 1, (50, 2)).astype(np.float32)
    _same(
        "log_cosh",
        y,
        metrics=[
            lambda m: "mae",
            lambda m: m.metrics.R2Score(),
            lambda m: m.metrics.RootMeanSquaredError(),
            lambda m: "cosine_similarity",
        ],
        weighted_metrics=[
            lambda m: m.metrics.R2Score(class_aggregation=None, name="r2"),
            lambda m: "mae",
            lambda m: "mae",
        ],
    )


def test_history_of_classes() -> None:
    y = np.eye(3, dtype=np.float32)[np.random.default_rng(10).integers(0, 3, 50)]
    _same(
        "categorical_crossentropy",
        y,
        metrics=[
            lambda m: "accuracy",
            lambda m: m.metrics.F1Score(),
            lambda m: m.metrics.TopKCategoricalAccuracy(2),
            lambda m: m.metrics.AUC(multi_label=True, num_labels=3),
            lambda m: m.metrics.OneHotMeanIoU(3),
            lambda m: m.metrics.Precision(top_k=1),
        ],
    )
