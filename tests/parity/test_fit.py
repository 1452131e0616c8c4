"""Training, history and callbacks beside Keras 3; skipped where it is not installed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

os.environ.setdefault("KERAS_BACKEND", "jax")
keras: Any = pytest.importorskip("keras", minversion="3", reason="needs Keras 3")

import lamina  # noqa: E402 - after Keras was found

pytestmark = pytest.mark.filterwarnings("ignore")

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(70, 4)).astype("float32")
Y = (X.sum(axis=1) > 0).astype("int32")
W = GENERATOR.uniform(0.5, 2.0, size=70).astype("float32")


def _pair() -> tuple[Any, Any]:
    models = []
    for library in (keras, lamina):
        model = library.Sequential(
            [
                library.Input((4,)),
                library.layers.Dense(8, activation="tanh"),
                library.layers.Dense(2, activation="softmax"),
            ]
        )
        model.compile(
            library.optimizers.SGD(0.1, momentum=0.5),
            "sparse_categorical_crossentropy",
            metrics=["accuracy"],
        )
        models.append(model)
    models[1].set_weights(models[0].get_weights())
    return models[0], models[1]


def _batches(size: int = 16) -> Iterator[Any]:
    for first in range(0, 70, size):
        yield X[first : first + size], Y[first : first + size]


def _data(library: Any) -> Any:
    class Data(library.utils.PyDataset):
        def __len__(self) -> int:
            return 5

        def __getitem__(self, index: int) -> Any:
            part = slice(16 * index, 16 * index + 16)
            return X[part], Y[part], W[part]

    return Data()


CASES: dict[str, Any] = {
    "plain": lambda library: {"x": X, "y": Y},
    "batches": lambda library: {"x": X, "y": Y, "batch_size": 16},
    "weights": lambda library: {"x": X, "y": Y, "sample_weight": W},
    "classes": lambda library: {"x": X, "y": Y, "class_weight": {0: 2.0, 1: 0.5}},
    "split": lambda library: {"x": X, "y": Y, "validation_split": 0.3},
    "validation": lambda library: {"x": X, "y": Y, "validation_data": (X[:9], Y[:9], W[:9])},
    "frequency": lambda library: {
        "x": X, "y": Y, "validation_data": (X, Y), "validation_freq": 2
    },
    "frequencies": lambda library: {
        "x": X, "y": Y, "validation_data": (X, Y), "validation_freq": [1, 3]
    },
    "validation steps": lambda library: {
        "x": X, "y": Y, "validation_data": (X, Y), "validation_steps": 2,
        "validation_batch_size": 8,
    },
    "steps": lambda library: {"x": X, "y": Y, "batch_size": 16, "steps_per_epoch": 2},
    "too many steps": lambda library: {"x": X, "y": Y, "batch_size": 16, "steps_per_epoch": 9},
    "initial epoch": lambda library: {"x": X, "y": Y, "initial_epoch": 2},
    "generator": lambda library: {"x": (b for b in list(_batches()) * 4), "steps_per_epoch": 5},
    "py_dataset": lambda library: {"x": _data(library), "validation_data": _data(library)},
    "plateau": lambda library: {
        "x": X, "y": Y,
        "callbacks": [library.callbacks.ReduceLROnPlateau("loss", 0.5, 1, min_delta=1.0)],
    },
    "schedule": lambda library: {
        "x": X, "y": Y,
        "callbacks": [library.callbacks.LearningRateScheduler(lambda e, r: 0.1 / (e + 1))],
    },
    "stopping": lambda library: {
        "x": X, "y": Y, "validation_data": (X, Y),
        "callbacks": [library.callbacks.EarlyStopping("val_loss", min_delta=0.5)],
    },
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_history(case: str) -> None:
    theirs, ours = _pair()
    histories = [
        model.fit(**CASES[case](library), epochs=4, shuffle=False, verbose=0)
        for library, model in ((keras, theirs), (lamina, ours))
    ]
    expected, found = (history.history for history in histories)
    assert set(found) == set(expected)
    assert histories[1].epoch == histories[0].epoch
    for key, values in expected.items():
        assert len(found[key]) == len(values), key
        np.testing.assert_allclose(found[key], values, rtol=2e-5, err_msg=key)
    for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-4, atol=2e-6)


def test_evaluate_and_single_batches() -> None:
    theirs, ours = _pair()
    for arguments in ({}, {"sample_weight": W}, {"steps": 2, "batch_size": 8}):
        expected = theirs.evaluate(X, Y, verbose=0, return_dict=True, **arguments)
        found = ours.evaluate(X, Y, verbose=0, return_dict=True, **arguments)
        assert list(found) == list(expected)
        np.testing.assert_allclose(list(found.values()), list(expected.values()), rtol=2e-5)
        listed = ours.evaluate(X, Y, verbose=0, **arguments)
        np.testing.assert_allclose(listed, theirs.evaluate(X, Y, verbose=0, **arguments), rtol=2e-5)
    for method in ("train_on_batch", "test_on_batch"):
        for _ in range(2):
            expected = getattr(theirs, method)(X, Y, sample_weight=W)
            np.testing.assert_allclose(
                getattr(ours, method)(X, Y, sample_weight=W), expected, rtol=2e-5
            )
    np.testing.assert_allclose(
        ours.predict(X, steps=2, batch_size=8), theirs.predict(X, steps=2, batch_size=8, verbose=0),
        rtol=1e-4,
    )  # fmt: skip


def test_order_of_all_hooks() -> None:
    def record(library: Any, model: Any) -> list[Any]:
        calls: list[Any] = []
        names = [
            name for name in dir(library.callbacks.Callback)
            if name.startswith("on_") and name not in ("on_batch_begin", "on_batch_end")
        ]  # fmt: skip

        def hook(name: str) -> Any:
            def call(self: Any, *arguments: Any, logs: Any = None) -> None:
                calls.append((name, *(a for a in arguments if isinstance(a, int))))

            return call

        watch = type("Watch", (library.callbacks.Callback,), {n: hook(n) for n in names})()
        model.fit(
            X, Y, epochs=2, batch_size=32, validation_data=(X, Y), callbacks=[watch], verbose=0
        )
        model.evaluate(X, Y, callbacks=[watch], verbose=0)
        model.predict(X, callbacks=[watch], verbose=0)
        return calls

    theirs, ours = _pair()
    assert record(lamina, ours) == record(keras, theirs)


class _Optimizer:
    learning_rate = 1.0


class _Stub:
    """A model whose logs are given."""

    metrics: tuple[Any, ...] = ()

    def __init__(self) -> None:
        self.stop_training, self.optimizer, self.epoch = False, _Optimizer(), -1
        self.restored: list[int] = []
        self.saved: list[int] = []

    def get_weights(self) -> int:
        return self.epoch

    def set_weights(self, epoch: int) -> None:
        self.restored.append(epoch)

    def save(self, path: Any, overwrite: bool) -> None:
        self.saved.append(self.epoch)

    def drive(self, callback: Any, values: list[float]) -> Any:
        callback.set_model(self)
        callback.on_train_begin({})
        rates = []
        for epoch, value in enumerate(values):
            self.epoch = epoch
            callback.on_epoch_begin(epoch, {})
            callback.on_epoch_end(epoch, {"loss": value})
            rates.append(float(np.float32(self.optimizer.learning_rate)))
            if self.stop_training:
                break
        callback.on_train_end({})
        return self.epoch, self.restored, self.saved, rates


VALUES = st.lists(st.sampled_from([0.5, 1.0, 1.05, 1.5, 2.0, 3.0, float("nan")]), max_size=14)


@settings(deadline=None, max_examples=200)
@given(
    values=VALUES,
    min_delta=st.sampled_from([0.0, 0.1, -0.1]),
    patience=st.integers(0, 3),
    mode=st.sampled_from(["auto", "min", "max"]),
    baseline=st.sampled_from([None, 1.0]),
    restore=st.booleans(),
    start=st.integers(0, 3),
)
def test_early_stopping(
    values: list[float], min_delta: float, patience: int, mode: str, baseline: Any,
    restore: bool, start: int,
) -> None:  # fmt: skip
    results = [
        _Stub().drive(
            library.callbacks.EarlyStopping(
                "loss", min_delta, patience, 0, mode, baseline, restore, start
            ),
            values,
        )
        for library in (keras, lamina)
    ]
    assert results[1] == results[0]


@settings(deadline=None, max_examples=200)
@given(
    values=VALUES,
    factor=st.sampled_from([0.5, 0.25]),
    patience=st.integers(0, 3),
    mode=st.sampled_from(["auto", "min", "max"]),
    min_delta=st.sampled_from([0.0, 0.1]),
    cooldown=st.integers(0, 2),
    min_lr=st.sampled_from([0.0, 0.25]),
)
def test_reduce_on_plateau(
    values: list[float], factor: float, patience: int, mode: str, min_delta: float, cooldown: int,
    min_lr: float,
) -> None:  # fmt: skip
    results = [
        _Stub().drive(
            library.callbacks.ReduceLROnPlateau(
                "loss", factor, patience, 0, mode, min_delta, cooldown, min_lr
            ),
            values,
        )
        for library in (keras, lamina)
    ]
    assert results[1] == results[0]


@settings(deadline=None, max_examples=100)
@given(
    values=VALUES,
    best=st.booleans(),
    mode=st.sampled_from(["auto", "min", "max"]),
    threshold=st.sampled_from([None, 1.0]),
)
def test_model_checkpoint(
    tmp_path_factory: Any, values: list[float], best: bool, mode: str, threshold: Any
) -> None:
    path = tmp_path_factory.getbasetemp() / "model.keras"
    results = [
        _Stub().drive(
            library.callbacks.ModelCheckpoint(
                path, "loss", save_best_only=best, mode=mode, initial_value_threshold=threshold
            ),
            values,
        )
        for library in (keras, lamina)
    ]
    assert results[1] == results[0]


def test_csv_files(tmp_path: Path) -> None:
    theirs, ours = _pair()
    texts = []
    for library, model in ((keras, theirs), (lamina, ours)):
        path = tmp_path / library.__name__
        for validation in (None, (X, Y)):
            model.fit(
                X, Y, epochs=2, shuffle=False, verbose=0, validation_data=validation,
                callbacks=[library.callbacks.CSVLogger(path, append=True)],
            )  # fmt: skip
        texts.append([line.split(",") for line in path.read_text().splitlines()])
    assert texts[1][0] == texts[0][0] and len(texts[1]) == len(texts[0])
    for one, other in zip(texts[1][1:], texts[0][1:], strict=True):
        assert [v == "NA" for v in one] == [v == "NA" for v in other]
        np.testing.assert_allclose(
            [float(v) for v in one if v != "NA"], [float(v) for v in other if v != "NA"], rtol=2e-5
        )


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_normalize(order: int, axis: int) -> None:
    # (Keras takes axis 0 for -1.)
    if axis:
        np.testing.assert_allclose(
            lamina.utils.normalize(X, axis, order), keras.utils.normalize(X, axis, order), rtol=1e-6
        )


@pytest.mark.parametrize("arguments", [
    {}, {"sequence_stride": 3}, {"sampling_rate": 2}, {"start_index": 5, "end_index": 50},
    {"batch_size": None}, {"sequence_stride": 2, "sampling_rate": 3, "start_index": 1},
])  # fmt: skip
@pytest.mark.parametrize("targets", [False, True])
def test_windows(arguments: Any, targets: bool) -> None:
    pytest.importorskip("tensorflow")
    labels = np.arange(70) if targets else None
    results = []
    for library in (keras, lamina):
        data = library.utils.timeseries_dataset_from_array(X, labels, 6, **arguments)
        results.append([np.asarray(v) for batch in data.as_numpy_iterator()
                        for v in (batch if targets else (batch,))])  # fmt: skip
    assert len(results[0]) == len(results[1])
    assert all(np.array_equal(a, b) for a, b in zip(*results, strict=True))


def test_sources_of_others() -> None:
    """PyTorch's DataLoader and tf.data train as arrays do."""
    torch = pytest.importorskip("torch")
    expected = _pair()[1]
    start = expected.get_weights()
    expected.fit(X, Y, batch_size=16, epochs=2, shuffle=False, verbose=0)
    data = torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(Y))
    sources = [torch.utils.data.DataLoader(data, batch_size=16)]
    tensorflow = pytest.importorskip("tensorflow")
    sources.append(tensorflow.data.Dataset.from_tensor_slices((X, Y)).batch(16))
    for source in sources:
        model = _pair()[1]
        model.set_weights(start)
        model.fit(source, epochs=2, verbose=0)
        for one, other in zip(model.get_weights(), expected.get_weights(), strict=True):
            assert np.array_equal(one, other)
        assert model.evaluate(source) == expected.evaluate(X, Y, batch_size=16)
        assert np.array_equal(model.predict(source), expected.predict(X))
