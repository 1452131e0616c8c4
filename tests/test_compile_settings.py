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
@pytest.mark.filterwarnings("ignore:.*from_logits")
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


def test_the_order_of_the_keys_in_logs() -> None:
    """All of an epoch's keys in alphabetical order, validation's among them, as in Keras."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(20, 4)), rng.integers(0, 2, (20, 1))
    end = lamina.layers.Dense(1, "sigmoid")
    model = lamina.Sequential([lamina.Input((4,)), end])
    model.compile(
        "sgd", "binary_crossentropy", metrics=["mae", "accuracy"], weighted_metrics=["accuracy"]
    )
    rates = lamina.callbacks.LearningRateScheduler(lambda epoch, rate: rate)
    data = {"validation_data": (x, y), "verbose": 0, "callbacks": [rates]}
    names = ["accuracy", "loss", "mae"]
    assert list(model.fit(x, y, **data).history) == [
        *names,
        *(f"val_{name}" for name in names),
        *("val_weighted_accuracy", "weighted_accuracy", "learning_rate"),
    ]
    keys = [*names, "weighted_accuracy"]
    assert list(model.evaluate(x, y, verbose=0, return_dict=True)) == keys
    assert list(model.train_on_batch(x, y, return_dict=True)) == keys
    assert list(model.get_metrics_result()) == keys


def test_what_penalties_add() -> None:
    first = lamina.layers.Dense(3, kernel_regularizer="l2", activity_regularizer="l1")
    second = lamina.layers.Dense(1, bias_regularizer=lamina.regularizers.L1(0.5))
    model = lamina.Sequential([lamina.Input((4,)), first, second])
    second.bias.assign([-2.0])
    kernel = first.kernel.numpy().astype("float64")
    np.testing.assert_allclose(model.losses, [0.01 * (kernel**2).sum(), 1.0], rtol=1e-6)
    assert first.losses == model.losses[:1]
    first.trainable = False
    assert model.losses == [1.0]


def test_limits_for_a_quick_run() -> None:
    x, y = np.ones((12, 2)), np.ones((12, 1))
    model = lamina.Sequential([lamina.Input((2,)), lamina.layers.Dense(1)])
    model.compile("sgd", "mse")
    lamina.config.set_max_epochs(2)
    lamina.config.set_max_steps_per_epoch(3)
    try:
        assert lamina.config.max_epochs() == 2 and lamina.config.max_steps_per_epoch() == 3
        history = model.fit(x, y, batch_size=2, epochs=5, verbose=0)
        assert len(history.history["loss"]) == 2
        assert model.optimizer is not None and model.optimizer.iterations == 6
        assert model.predict(x, batch_size=2, verbose=0).shape == (6, 1)
        model.evaluate(x, y, batch_size=2, verbose=0)
    finally:
        lamina.config.set_max_epochs(None)
        lamina.config.set_max_steps_per_epoch(None)
    with pytest.raises(ValueError, match="max_epochs"):
        lamina.config.set_max_epochs(0)
