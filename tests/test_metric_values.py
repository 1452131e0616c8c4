"""Metrics of counts and moments against NumPy, scikit-learn and definitions spelt out."""

from __future__ import annotations

import copy
import gc
import itertools
import json
import pickle
import weakref
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lamina
from lamina import metrics

Array = np.ndarray[Any, Any]
seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=25, deadline=None)


def _batches(rows: int, rng: np.random.Generator) -> list[slice]:
    cuts = sorted({0, rows, *rng.integers(0, rows + 1, 3).tolist()})
    return [slice(a, b) for a, b in itertools.pairwise(cuts)]


def _over_batches(metric: Any, t: Array, p: Array, w: Array | None, rng: Any) -> Any:
    for part in _batches(len(t), rng):
        metric.update_state(t[part], p[part], None if w is None else w[part])
    return metric.result()


def _in_model(metric: Any, loss: str, t: Array, p: Array, w: Array | None, size: int) -> Any:
    """The same metric of a model that returns its input."""
    model = lamina.Sequential(
        [lamina.Input(p.shape[1:]), lamina.layers.Activation("linear", dtype="float64")]
    )
    key = "metrics" if w is None else "weighted_metrics"
    model.compile("sgd", loss, **{key: [metric]})
    logs = model.evaluate(p, t, batch_size=size, sample_weight=w, return_dict=True)
    assert np.array_equal(metric.result(), logs[metric.name], equal_nan=True)
    assert model.get_metrics_result()[metric.name] is not None
    return logs[metric.name]


def _check(make: Any, loss: str, t: Array, p: Array, w: Array | None, expected: Any) -> None:
    rng = np.random.default_rng(0)
    own = _over_batches(make(), t, p, w, rng)
    inside = _in_model(make(), loss, t, p, w, 5)
    np.testing.assert_allclose(own, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(inside, expected, rtol=1e-12, atol=1e-12)


def _confusion(t: Array, p: Array, w: Array, threshold: float) -> tuple[float, ...]:
    """TP, FP, TN, FN."""
    yes, wanted = p > threshold, t != 0
    w = np.broadcast_to(w, t.shape)
    return tuple(
        float(w[mask].sum())
        for mask in (yes & wanted, yes & ~wanted, ~yes & ~wanted, ~yes & wanted)
    )


@few
@given(seed=seeds, rows=st.integers(1, 40), columns=st.integers(1, 5), weighted=st.booleans())
def test_counts_precision_and_recall(seed: int, rows: int, columns: int, weighted: bool) -> None:
    rng = np.random.default_rng(seed)
    t, p = rng.integers(0, 2, (rows, columns)), rng.uniform(0, 1, (rows, columns))
    p[rng.uniform(size=p.shape) < 0.2] = 0.5
    w = rng.uniform(0, 2, rows) if weighted else None
    full = np.ones((rows, 1)) if w is None else w[:, None]
    thresholds = [0.5, 0.1, 0.9, 0.30000001]
    counts = np.array([_confusion(t, p, full, c) for c in thresholds])
    names = ("TruePositives", "FalsePositives", "TrueNegatives", "FalseNegatives")
    for place, name in enumerate(names):
        make = getattr(metrics, name)
        settings_ = {"thresholds": thresholds, "dtype": "float64"}
        _check(lambda m=make, s=settings_: m(**s), "mse", t, p, w, counts[:, place])
        _check(lambda m=make: m(dtype="float64"), "mse", t, p, w, counts[0, place])
    tp, fp, _, fn = counts.T
    for name, rest in (("Precision", fp), ("Recall", fn)):
        expected = np.where(tp + rest > 0, tp / np.maximum(tp + rest, 1e-300), 0.0)
        make = getattr(metrics, name)
        _check(lambda m=make: m(thresholds, dtype="float64"), "mse", t, p, w, expected)
        _check(lambda m=make: m(dtype="float64"), "mse", t, p, w, expected[0])
        k, column = int(rng.integers(1, columns + 1)), int(rng.integers(columns))
        order = np.argsort(-p, axis=1, kind="stable")[:, :k]
        top = np.zeros(p.shape, dtype=bool)
        np.put_along_axis(top, order, True, axis=1)
        full_w = np.broadcast_to(full, p.shape)
        hit = float((full_w * (top & (t != 0)))[:, column].sum())
        wrong = float((full_w * (top if name == "Precision" else t != 0))[:, column].sum())
        wanted = hit / wrong if wrong else 0.0
        _check(
            lambda m=make, k=k, c=column: m(top_k=k, class_id=c, dtype="float64"),
            "mse",
            t,
            p,
            w,
            wanted,
        )


@few
@given(seed=seeds, rows=st.integers(1, 60), weighted=st.booleans())
def test_areas_and_best_shares(seed: int, rows: int, weighted: bool) -> None:
    rng = np.random.default_rng(seed)
    t, p = rng.integers(0, 2, (rows, 1)), rng.uniform(0, 1, (rows, 1))
    w = rng.uniform(0.1, 2, rows) if weighted else None
    full = np.ones((rows, 1)) if w is None else w[:, None]
    inner = [0.2, 0.33, 0.5, 0.8]
    counts = np.array([_confusion(t, p, full, c) for c in [-1.0, *inner, 2.0]])
    tp, fp, tn, fn = counts.T
    with np.errstate(all="ignore"):
        recall, alarms = np.nan_to_num(tp / (tp + fn)), np.nan_to_num(fp / (fp + tn))
        precision = np.nan_to_num(tp / (tp + fp))
    for way, heights in (
        ("interpolation", lambda y: (y[:-1] + y[1:]) / 2),
        ("minoring", lambda y: np.minimum(y[:-1], y[1:])),
        ("majoring", lambda y: np.maximum(y[:-1], y[1:])),
    ):
        for curve, x, y in (("ROC", alarms, recall), ("PR", recall, precision)):
            if curve == "PR" and way == "interpolation":
                continue
            expected = float(np.sum((x[:-1] - x[1:]) * heights(y)))
            _check(
                lambda c=curve, s=way: metrics.AUC(
                    curve=c, summation_method=s, thresholds=inner, dtype="float64"
                ),
                "mse",
                t,
                p,
                w,
                expected,
            )
    grid = np.arange(50) / 49.0
    spread = np.array([_confusion(t, p, full, c) for c in grid])
    tp, fp, tn, fn = spread.T
    with np.errstate(all="ignore"):
        found, spared = np.nan_to_num(tp / (tp + fn)), np.nan_to_num(tn / (tn + fp))
        exact = np.nan_to_num(tp / (tp + fp))
    for name, limit, value in (
        ("SensitivityAtSpecificity", spared, found),
        ("SpecificityAtSensitivity", found, spared),
        ("PrecisionAtRecall", found, exact),
        ("RecallAtPrecision", exact, found),
    ):
        expected = float(value[limit >= 0.61].max(initial=0.0))
        make = getattr(metrics, name)
        _check(lambda m=make: m(0.61, 50, dtype="float64"), "mse", t, p, w, expected)


def test_areas_come_near_scikit_learn() -> None:
    scores = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(1)
    t = rng.integers(0, 2, (4000, 3))
    p = 1 / (1 + np.exp(-rng.normal(0.8 * t, 1.0)))
    w = rng.uniform(0.2, 2, 4000)
    flat = metrics.AUC(2000, dtype="float64")(t, p, w)
    exact = scores.roc_auc_score(t.ravel(), p.ravel(), sample_weight=np.repeat(w, 3))
    assert flat == pytest.approx(exact, abs=2e-4)
    by_label = metrics.AUC(2000, multi_label=True, dtype="float64")(t, p, w)
    assert by_label == pytest.approx(scores.roc_auc_score(t, p, sample_weight=w), abs=2e-4)
    weighted = metrics.AUC(2000, multi_label=True, label_weights=[1, 0, 3], dtype="float64")(t, p)
    parts = [scores.roc_auc_score(t[:, j], p[:, j]) for j in range(3)]
    assert weighted == pytest.approx((parts[0] + 3 * parts[2]) / 4, abs=2e-4)
    logits = np.log(p / (1 - p))
    assert metrics.AUC(2000, from_logits=True, dtype="float64")(t, logits, w) == pytest.approx(flat)
    average = metrics.AUC(4000, "PR", dtype="float64")(t, p)
    assert average == pytest.approx(scores.average_precision_score(t.ravel(), p.ravel()), abs=2e-3)


def test_counts_match_scikit_learn() -> None:
    scores = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(2)
    t = rng.integers(0, 4, 300)
    p = rng.dirichlet(np.ones(4), 300) + 0.8 * np.eye(4)[t] * rng.uniform(0, 1, (300, 1))
    w, chosen, one_hot = rng.uniform(0, 2, 300), p.argmax(axis=1), np.eye(4)[t]
    for average in (None, "micro", "macro", "weighted"):
        got = metrics.FBetaScore(average, 2.0, dtype="float64")(one_hot, p, w)
        wanted = scores.fbeta_score(t, chosen, beta=2.0, average=average, sample_weight=w)
        np.testing.assert_allclose(got, wanted, rtol=1e-6)
        got = metrics.F1Score(average)(one_hot, p)
        np.testing.assert_allclose(got, scores.f1_score(t, chosen, average=average), rtol=1e-6)
    got = metrics.MeanIoU(4, sparse_y_pred=False)(t, p, w)
    assert got == pytest.approx(
        scores.jaccard_score(t, chosen, average="macro", sample_weight=w), rel=1e-6
    )
    for k in (1, 2, 3):
        top = scores.top_k_accuracy_score(t, p, k=k, sample_weight=w)
        assert metrics.SparseTopKCategoricalAccuracy(k)(t, p, w) == pytest.approx(top, rel=1e-12)
        assert metrics.TopKCategoricalAccuracy(k)(one_hot, p, w) == pytest.approx(top, rel=1e-12)
    y, z = rng.normal(size=(80, 3)), rng.normal(size=(80, 3))
    y[:, 1] *= 5
    for ours, theirs in (
        (None, "raw_values"),
        ("uniform_average", "uniform_average"),
        ("variance_weighted_average", "variance_weighted"),
    ):
        got = metrics.R2Score(ours, dtype="float64")(y, z, w[:80])
        wanted = scores.r2_score(y, z, sample_weight=w[:80], multioutput=theirs)
        np.testing.assert_allclose(got, wanted, rtol=1e-10)
    adjusted = metrics.R2Score(num_regressors=4, dtype="float64")(y, z)
    plain = scores.r2_score(y, z)
    assert adjusted == pytest.approx(1 - (1 - plain) * 239 / (240 - 4 - 1), rel=1e-10)


@few
@given(seed=seeds, rows=st.integers(1, 40), columns=st.integers(1, 6), weighted=st.booleans())
def test_scores_in_models(seed: int, rows: int, columns: int, weighted: bool) -> None:
    rng = np.random.default_rng(seed)
    t, p = rng.integers(0, 2, (rows, columns)).astype(float), rng.uniform(0, 1, (rows, columns))
    p[rng.uniform(size=p.shape) < 0.3] = 0.25
    w = rng.uniform(0.1, 2, rows) if weighted else None
    full = np.ones((rows, 1)) if w is None else w[:, None]
    decided = np.where((p >= p.max(axis=1, keepdims=True)) & (p > 1e-9), 1.0, 0.0)
    tp, fp = (full * decided * t).sum(0), (full * decided * (1 - t)).sum(0)
    fn = (full * (1 - decided) * t).sum(0)
    precision, recall = tp / (tp + fp + 1e-7), tp / (tp + fn + 1e-7)
    score = 1.25 * precision * recall / (0.25 * precision + recall + 1e-7)
    _check(lambda: metrics.FBetaScore(beta=0.5, dtype="float64"), "mse", t, p, w, score)
    _check(lambda: metrics.FBetaScore("macro", 0.5, dtype="float64"), "mse", t, p, w, score.mean())
    mean = (full * t).sum(0) / (full * np.ones_like(t)).sum(0)
    with np.errstate(all="ignore"):
        r2 = 1 - (full * (t - p) ** 2).sum(0) / (full * (t - mean) ** 2).sum(0)
    if np.all(np.abs((full * (t - mean) ** 2).sum(0)) > 1e-9):
        got = _over_batches(metrics.R2Score(None, dtype="float64"), t, p, w, rng)
        np.testing.assert_allclose(got, r2, rtol=1e-9)
        inside = _in_model(metrics.R2Score(None), "mse", t, p, w, 7)
        np.testing.assert_allclose(inside, r2, rtol=1e-9)
    if columns > 2:
        with np.errstate(all="ignore"):
            rows_ = np.array([np.corrcoef(a, b)[0, 1] for a, b in zip(t, p, strict=True)])
        if np.isfinite(rows_).all():
            expected = np.average(rows_, weights=None if w is None else w)
            _check(lambda: metrics.PearsonCorrelation(), "mse", t, p, w, expected)
        lin = [
            2
            * np.cov(a, b, bias=True)[0, 1]
            / (a.var() + b.var() + (a.mean() - b.mean()) ** 2 + 1e-7)
            for a, b in zip(t, p, strict=True)
        ]
        expected = np.average(lin, weights=None if w is None else w)
        _check(lambda: metrics.ConcordanceCorrelation(), "mse", t, p, w, expected)
    labels = rng.integers(0, columns, rows)
    table = np.zeros((columns, columns))
    np.add.at(table, (labels, p.argmax(axis=1)), full[:, 0])
    hit, either = np.diag(table), table.sum(0) + table.sum(1) - np.diag(table)
    iou = (hit / (either + 1e-7))[either > 1e-9].sum() / ((either > 1e-9).sum() + 1e-7)
    _check(
        lambda: metrics.MeanIoU(columns, sparse_y_pred=False, dtype="float64"),
        "sparse_categorical_crossentropy",
        labels,
        p,
        w,
        iou,
    )
    one_hot = np.eye(columns)[labels]
    _check(lambda: metrics.OneHotMeanIoU(columns, dtype="float64"), "mse", one_hot, p, w, iou)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_not_a_number(dtype: str) -> None:
    t, p = np.array([[1.0], [0.0], [1.0]]), np.array([[0.9], [np.nan], [np.nan]])
    assert metrics.TruePositives(dtype=dtype)(t, p) == 1.0
    assert metrics.FalseNegatives(dtype=dtype)(t, p) == 1.0
    assert metrics.TrueNegatives([0.0, 0.5, 1.0], dtype=dtype)(t, p).tolist() == [1.0, 1.0, 1.0]
    assert metrics.AUC(dtype=dtype)(t, p) == 0.0
    assert metrics.SparseTopKCategoricalAccuracy(3)([0], [[1.0, np.nan, 0.0]]) == 0.0
    assert metrics.MeanIoU(2, sparse_y_pred=False)([0, 1], [[1, 0], [np.nan, 1]]) == pytest.approx(
        1.0
    )
    assert np.isnan(metrics.R2Score()([[1.0], [2.0]], [[1.0], [np.nan]]))
    assert np.isnan(metrics.PearsonCorrelation()([[1.0, 1.0]], [[1.0, 2.0]]))


def test_missing_targets_count_nowhere() -> None:
    rng = np.random.default_rng(4)
    t, p = rng.integers(0, 2, (40, 3)).astype(float), rng.uniform(0, 1, (40, 3))
    w = rng.uniform(0.1, 2, 40)
    missing = rng.uniform(size=t.shape) < 0.2
    missing[:5] = False
    holes = np.where(missing, np.nan, t)
    single = (t[~missing][:, None], p[~missing][:, None], np.repeat(w, 3)[~missing.ravel()])
    rows = ~missing.any(axis=1)
    for make, by_row in (
        (lambda: metrics.AUC(dtype="float64"), False),
        (lambda: metrics.Precision(dtype="float64"), False),
        (lambda: metrics.BinaryAccuracy(dtype="float64"), False),
        (lambda: metrics.MeanSquaredError(dtype="float64"), False),
        (lambda: metrics.BinaryCrossentropy(dtype="float64"), False),
        (lambda: metrics.BinaryIoU(dtype="float64"), False),
        (lambda: metrics.CategoricalAccuracy(dtype="float64"), True),
        (lambda: metrics.TopKCategoricalAccuracy(2, dtype="float64"), True),
        (lambda: metrics.CosineSimilarity(dtype="float64"), True),
        (lambda: metrics.ConcordanceCorrelation(dtype="float64"), True),
    ):
        model = lamina.Sequential(
            [lamina.Input((3,)), lamina.layers.Activation("linear", dtype="float64")]
        )
        metric, weighted = make(), make()
        model.compile(
            "sgd", "mse", metrics=[metric], weighted_metrics=[weighted], missing_targets="ignore"
        )
        model.evaluate(p, holes, sample_weight=w, batch_size=7)
        if by_row:
            expected, with_weights = make()(t[rows], p[rows]), make()(t[rows], p[rows], w[rows])
        else:
            expected, with_weights = make()(*single[:2]), make()(*single)
        assert metric.result() == pytest.approx(expected, rel=1e-12)
        assert weighted.result() == pytest.approx(with_weights, rel=1e-12)


def test_an_ignored_class_is_left_out_of_the_crossentropy() -> None:
    p = np.array([[0.7, 0.3], [0.4, 0.6], [0.5, 0.5]])
    labels = np.array([0, -1, 1])
    metric = metrics.SparseCategoricalCrossentropy(ignore_class=-1)
    expected = -(np.log(0.7) + np.log(0.5)) / 2
    assert metric(labels, p) == pytest.approx(expected)
    model = lamina.Sequential(
        [lamina.Input((2,)), lamina.layers.Activation("linear", dtype="float64")]
    )
    loss = lamina.losses.SparseCategoricalCrossentropy(ignore_class=-1)
    model.compile("sgd", loss, metrics=[metric, "accuracy"])
    logs = model.evaluate(p, labels, return_dict=True)
    assert logs["sparse_categorical_crossentropy"] == pytest.approx(expected)
    assert logs["loss"] == pytest.approx(expected)
    assert logs["accuracy"] == pytest.approx(1 / 3)  # accuracy knows of no ignored class


# The objects.

MAKERS: dict[str, Any] = {
    "AUC": lambda: metrics.AUC(20, "PR", thresholds=[0.2, 0.7], label_weights=[1.0, 2.0]),
    "AUC multi": lambda: metrics.AUC(20, multi_label=True, num_labels=2, from_logits=True),
    "Precision": lambda: metrics.Precision([0.3, 0.6], class_id=1),
    "Recall": lambda: metrics.Recall(top_k=1),
    "counts": lambda: metrics.FalsePositives(0.3),
    "best": lambda: metrics.PrecisionAtRecall(0.4, 30, class_id=0),
    "spared": lambda: metrics.SpecificityAtSensitivity(0.4),
    "f": lambda: metrics.FBetaScore("weighted", 2.0, 0.4),
    "f1": lambda: metrics.F1Score(),
    "r2": lambda: metrics.R2Score("variance_weighted_average", 2),
    "iou": lambda: metrics.BinaryIoU([1], 0.4),
    "one hot": lambda: metrics.OneHotIoU(2, [1], ignore_class=0),
    "top": lambda: metrics.TopKCategoricalAccuracy(1),
    "pearson": lambda: metrics.PearsonCorrelation(),
    "bce": lambda: metrics.BinaryCrossentropy(from_logits=True, label_smoothing=0.1),
    "cosine": lambda: metrics.CosineSimilarity(),
    "rmse": lambda: metrics.RootMeanSquaredError(),
    "accuracy": lambda: metrics.BinaryAccuracy(threshold=0.3),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
def test_configurations_and_copies(make: Any) -> None:
    rng = np.random.default_rng(5)
    t, p = np.eye(2)[rng.integers(0, 2, 30)], rng.uniform(0, 1, (30, 2))
    metric = make()
    expected = metric(t, p)
    config = json.loads(json.dumps(metrics.serialize(metric)))
    again = metrics.deserialize(config)
    assert type(again) is type(metric) and again.get_config() == metric.get_config()
    assert np.array_equal(again(t, p), expected)
    for copied in (copy.deepcopy(metric), pickle.loads(pickle.dumps(metric))):
        assert np.array_equal(copied.result(), expected)
        assert len(copied.variables) == len(metric.variables) > 0
    metric.reset_state()
    assert not np.any(metric.variables[0])
    assert np.array_equal(metric(t, p), expected)


def test_variables_are_what_keras_names_them() -> None:
    metric = metrics.AUC(thresholds=[0.5])
    metric.update_state([0, 1, 1], [0.2, 0.4, 0.9])
    tp, fp, tn, fn = metric.variables
    assert tp.tolist() == [2.0, 1.0, 0.0] and fp.tolist() == [1.0, 0.0, 0.0]
    assert tn.tolist() == [0.0, 1.0, 1.0] and fn.tolist() == [0.0, 1.0, 2.0]
    iou = metrics.MeanIoU(2)
    iou.update_state([0, 1, 1], [0, 0, 1])
    assert iou.variables[0].tolist() == [[1.0, 0.0], [1.0, 1.0]]


def test_metrics_of_a_model_read_its_state() -> None:
    rng = np.random.default_rng(6)
    x, y = rng.normal(size=(50, 3)), rng.integers(0, 2, (50, 1))
    model = lamina.Sequential([lamina.Input((3,)), lamina.layers.Dense(1, activation="sigmoid")])
    auc = metrics.AUC()
    assert model.metrics == []
    model.compile("adam", "binary_crossentropy", metrics=["accuracy", auc])
    history = model.fit(x, y, epochs=2, verbose=0)
    assert [m.name for m in model.metrics] == ["loss", "accuracy", auc.name]
    for metric in model.metrics:
        assert metric.result() == history.history[metric.name][-1]
        assert history.history[metric.name][-1] == model.get_metrics_result()[metric.name]
    assert auc.variables[0][0] == y.sum()
    model.reset_metrics()
    assert auc.result() == 0.0
    assert auc([0, 1], [0.2, 0.8]) == pytest.approx(1.0)  # on its own again


def test_metrics_of_a_model_that_is_compiled_anew() -> None:
    model = lamina.Sequential([lamina.Input((2,)), lamina.layers.Dense(1)])
    first, both = metrics.MeanAbsoluteError(), metrics.MeanSquaredError()
    model.compile("sgd", "mse", metrics=[first, both])
    model.fit(np.ones((4, 2)), np.ones(4), verbose=0)
    assert first.result() > 0.0
    model.compile("sgd", "mse", metrics=[both])
    loss, value = model.evaluate(np.ones((4, 2)), np.ones(4))
    assert both.result() == value == loss
    assert first.result() == 0.0


def test_a_model_with_metrics_goes_with_its_last_reference() -> None:
    model = lamina.Sequential([lamina.Input((2,)), lamina.layers.Dense(1)])
    metric = metrics.AUC()
    model.compile("sgd", "mse", metrics=["mae", metric])
    model.evaluate(np.ones((4, 2)), np.ones(4))
    last = metric.result()
    gone = weakref.ref(model._trainer.config)
    gc.disable()
    try:
        del model
        assert gone() is None
    finally:
        gc.enable()
    assert metric.result() == last


def test_names_in_logs() -> None:
    model = lamina.Sequential([lamina.Input((2,)), lamina.layers.Dense(1)])
    model.compile(
        "sgd",
        "mse",
        metrics=["mae", "mae", metrics.mean_absolute_error],
        weighted_metrics=["mae", "mae", "mse", ["poisson"]],
    )
    assert model.metrics_names == [
        "loss",
        "mae",
        "mae_1",
        "mean_absolute_error",
        "weighted_mae",
        "weighted_mae_1",
        "mse",
        "poisson",
    ]
    logs = model.evaluate(np.ones((4, 2)), np.ones(4), sample_weight=[1, 2, 3, 4], return_dict=True)
    assert set(logs) == set(model.metrics_names)


@pytest.mark.parametrize(
    ("call", "kind", "fragment"),
    [
        (lambda: metrics.Precision(thresholds=1.5), ValueError, "thresholds=1.5"),
        (lambda: metrics.Recall(thresholds=[]), ValueError, "empty"),
        (lambda: metrics.Recall(top_k=0), ValueError, "top_k=0"),
        (lambda: metrics.AUC(num_thresholds=1), ValueError, "num_thresholds=1"),
        (lambda: metrics.AUC(curve="RC"), ValueError, "Did you mean"),
        (lambda: metrics.AUC(num_labels=3), ValueError, "num_labels=3"),
        (lambda: metrics.AUC(label_weights=[-1.0]), ValueError, "label_weights"),
        (lambda: metrics.SensitivityAtSpecificity(1.5), ValueError, "specificity=1.5"),
        (lambda: metrics.F1Score(average="mean"), ValueError, "average=mean"),
        (lambda: metrics.FBetaScore(beta=1), ValueError, "beta=1"),
        (lambda: metrics.FBetaScore(threshold=0.0), ValueError, "threshold=0.0"),
        (lambda: metrics.R2Score("mean"), ValueError, "class_aggregation=mean"),
        (lambda: metrics.R2Score()([1.0], [1.0]), ValueError, "2D"),
        (lambda: metrics.F1Score()([[1, 0]], [1, 0]), ValueError, "2D"),
        (lambda: metrics.IoU(2, [2]), ValueError, "target_class_ids=2"),
        (lambda: metrics.IoU(2, [0], axis=0), NotImplementedError, "axis=0"),
        (lambda: metrics.MeanIoU(2)([0, 1], [0, 1, 1]), ValueError, "each target"),
        (lambda: metrics.TopKCategoricalAccuracy(0), ValueError, "k=0"),
        (lambda: metrics.CosineSimilarity(axis="x"), TypeError, "axis='x'"),
        (lambda: metrics.PearsonCorrelation(axis=0), NotImplementedError, "axis=0"),
        (lambda: metrics.Precision(class_id=2)([[1, 0]], [[1, 0]]), ValueError, "class_id=2"),
        (lambda: metrics.Precision(top_k=3)([[1, 0]], [[1, 0]]), ValueError, "top_k=3"),
        (lambda: metrics.AUC(label_weights=[1])([[1, 0]], [[1, 0]]), ValueError, "label_weights"),
        (lambda: metrics.AUC(multi_label=True)([1, 0], [1, 0]), ValueError, "rank 2"),
        (lambda: metrics.Precision()([1, 0], [1, 0, 1]), ValueError, "y_true.shape"),
        (lambda: metrics.Precision()([1, 0], [1, 0], [1, 2, 3]), ValueError, "sample_weight"),
        (lambda: metrics.get("aucc"), ValueError, "Did you mean"),
        (lambda: metrics.get("mean_io_u"), ValueError, "num_classes"),
    ],
)
def test_bad_input(call: Any, kind: type[Exception], fragment: str) -> None:
    with pytest.raises(kind, match=fragment):
        call()


def test_a_model_refuses_metrics_that_do_not_fit_and_stays_as_it_was() -> None:
    model = lamina.Sequential([lamina.Input((2,)), lamina.layers.Dense(2)])
    model.compile("sgd", "mse", metrics=["mae"])
    model.fit(np.ones((4, 2)), np.ones((4, 2)), verbose=0)
    for metric in (metrics.Precision(class_id=5), metrics.AUC(label_weights=[1, 2, 3])):
        with pytest.raises(ValueError, match="columns"):
            model.compile("sgd", "mse", metrics=[metric])
    assert model.metrics_names == ["loss", "mae"]
    assert len(model.evaluate(np.ones((4, 2)), np.ones((4, 2)))) == 2
