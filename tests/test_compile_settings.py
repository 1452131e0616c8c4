"""What `compile` was given survives files, copies and pickles, for every loss and metric."""

from __future__ import annotations

import inspect
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lamina
from lamina import losses, metrics
from lamina.losses.loss import LOSSES, Loss
from lamina.metrics.metric import METRICS

NEEDED: dict[str, dict[str, Any]] = {
    "IoU": {"num_classes": 2, "target_class_ids": [0, 1]},
    "OneHotIoU": {"num_classes": 2, "target_class_ids": [1]},
    "MeanIoU": {"num_classes": 2},
    "OneHotMeanIoU": {"num_classes": 2},
    "SensitivityAtSpecificity": {"specificity": 0.4},
    "SpecificityAtSensitivity": {"sensitivity": 0.4},
    "PrecisionAtRecall": {"recall": 0.4},
    "RecallAtPrecision": {"precision": 0.4},
}
#: Values other than the defaults, by the arguments' names.
OTHERS: dict[str, Any] = {
    "from_logits": True,
    "label_smoothing": 0.2,
    "alpha": 0.4,
    "beta": 0.7,
    "gamma": 1.5,
    "delta": 0.3,
    "quantile": 0.2,
    "apply_class_balancing": True,
    "ignore_class": 1,
    "thresholds": [0.25, 0.75],
    "threshold": 0.3,
    "k": 1,
    "top_k": 1,
    "class_id": 1,
    "num_thresholds": 12,
    "curve": "PR",
    "summation_method": "minoring",
    "label_weights": [1.0, 3.0],
    "average": "macro",
    "class_aggregation": "variance_weighted_average",
    "num_regressors": 1,
}


def _made(cls: type, others: bool) -> Any:
    arguments = dict(NEEDED.get(cls.__name__, {}))
    if others:
        known = inspect.signature(cls).parameters
        arguments |= {name: value for name, value in OTHERS.items() if name in known}
        arguments |= {"name": "mine"}
    return cls(**arguments)


def _data(labels: bool) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 40)
    x = rng.normal(size=(40, 3)).astype(np.float32)
    return x, y if labels else np.eye(2)[y], rng.uniform(0.2, 2, 40)


def _model() -> Any:
    lamina.utils.set_random_seed(1)
    return lamina.Sequential([lamina.Input((3,)), lamina.layers.Dense(2, activation="sigmoid")])


def _same_after(model: Any, copy: Any, labels: bool) -> None:
    assert copy.get_compile_config() == model.get_compile_config()
    assert copy.metrics_names == model.metrics_names
    x, y, weights = _data(labels)
    results = []
    for each in (model, copy):
        history = each.fit(x, y, epochs=1, verbose=0, sample_weight=weights).history
        results.append([history[name] for name in sorted(history)])
    assert str(results[0]) == str(results[1])
    for a, b in zip(model.get_weights(), copy.get_weights(), strict=True):
        assert a.tobytes() == b.tobytes()


@pytest.mark.parametrize("others", [False, True])
@pytest.mark.parametrize("name", sorted(LOSSES._classes))
def test_every_loss(name: str, others: bool, tmp_path: Path) -> None:
    loss = _made(LOSSES._classes[name], others)
    if others:
        loss = type(loss)(**{**loss.get_config(), "reduction": "mean_with_sample_weight"})
    again = losses.deserialize(losses.serialize(loss))
    assert isinstance(again, Loss) and again.get_config() == loss.get_config()
    model = _model()
    model.compile("adam", loss, loss_weights=0.5 if others else None)
    model.save(tmp_path / "model.safetensors")
    loaded = lamina.saving.load_model(tmp_path / "model.safetensors")
    _same_after(model, loaded, loss.takes_labels())


@pytest.mark.parametrize("others", [False, True])
@pytest.mark.parametrize("name", sorted(set(METRICS._classes) - {"Mean", "Sum"}))
def test_every_metric(name: str, others: bool, tmp_path: Path) -> None:
    metric = _made(METRICS._classes[name], others)
    labels = metric.takes_labels()
    loss = "sparse_categorical_crossentropy" if labels else "mse"
    model = _model()
    model.compile("adam", loss, metrics=[metric], weighted_metrics=[_made(type(metric), others)])
    model.save(tmp_path / "model.safetensors")
    loaded = lamina.saving.load_model(tmp_path / "model.safetensors")
    _same_after(model, loaded, labels)
    _same_after(model, pickle.loads(pickle.dumps(model)), labels)


def test_missing_targets_survive(tmp_path: Path) -> None:
    model = _model()
    model.compile("sgd", "mse", missing_targets="ignore")
    model.save(tmp_path / "model.safetensors")
    loaded = lamina.saving.load_model(tmp_path / "model.safetensors")
    x, y, _ = _data(False)
    y[3, 0] = np.nan
    assert np.isfinite(loaded.evaluate(x, y))


def test_files_of_before_have_no_such_settings() -> None:
    model = _model()
    model.compile_from_config({"optimizer": "sgd", "loss": "mse", "metrics": ["mae"]})
    assert model.metrics_names == ["loss", "mae"]
    assert metrics.get("auc").name == "auc"
