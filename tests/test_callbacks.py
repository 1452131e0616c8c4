"""What callbacks see, decide and write."""

from __future__ import annotations

import csv
import http.server
import json
import struct
import subprocess
import sys
import threading
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lamina
from lamina import callbacks, layers
from lamina.callbacks.event_file import histogram_value, masked_crc32c, varint

Array = np.ndarray[Any, Any]
X = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
Y = (X.sum(axis=1) > 0).astype("int64")


def _model(rate: float = 0.05) -> Any:
    lamina.utils.set_random_seed(3)
    model = lamina.Sequential([lamina.Input((3,)), layers.Dense(4, "relu"), layers.Dense(2)])
    loss = lamina.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(lamina.optimizers.SGD(rate), loss, metrics=["accuracy"])
    return model


class _Optimizer:
    learning_rate = 1.0


class _Stub:
    """A model whose logs are given."""

    def __init__(self) -> None:
        self.stop_training = False
        self.optimizer = _Optimizer()
        self.restored: Any = None
        self.epoch = -1

    def get_weights(self) -> list[Array]:
        return [np.array([self.epoch])]

    def set_weights(self, weights: list[Array]) -> None:
        self.restored = int(weights[0][0])

    def drive(self, callback: Any, values: list[float], key: str = "loss") -> int:
        """How many epochs are trained."""
        callback.set_model(self)
        callback.on_train_begin({})
        for epoch, value in enumerate(values):
            self.epoch = epoch
            callback.on_epoch_begin(epoch, {})
            callback.on_epoch_end(epoch, {key: value})
            if self.stop_training:
                break
        callback.on_train_end({})
        return self.epoch + 1


def test_early_stopping_options() -> None:
    def epochs(values: list[float], **options: Any) -> int:
        return _Stub().drive(callbacks.EarlyStopping("loss", **options), values)

    assert epochs([3, 2, 1, 1, 1, 1]) == 4
    assert epochs([3, 2, 1, 1, 1, 1], patience=2) == 5
    assert epochs([3, 2.9, 2.8, 2.7], min_delta=0.15, patience=1) == 2
    assert epochs([3, 2.9, 2.8, 2.7], min_delta=-0.05, patience=1) == 4
    assert epochs([3, 3, 3, 3, 3, 2], start_from_epoch=3) == 5
    assert epochs([3, 2, 2.5, 2.5, 2.5], baseline=0.6, patience=3) == 3
    assert epochs([3, 2, 2.5, 2.5, 2.5], patience=3) == 5
    assert epochs([1, 2, 3, 2], mode="max") == 4
    stub = _Stub()
    stub.drive(callbacks.EarlyStopping("loss", patience=9, restore_best_weights=True), [3, 1, 2])
    assert stub.restored == 1  # though it did not fire
    stub = _Stub()
    stub.drive(
        callbacks.EarlyStopping("loss", patience=9, restore_best_weights=True, start_from_epoch=2),
        [1, 2, 6, 5],
    )
    assert stub.restored == 3
    with pytest.raises(ValueError, match="mode"):
        callbacks.EarlyStopping(mode="sideways")
    with pytest.raises(ValueError, match="higher value is better"):
        epochs_of = _Stub()
        epochs_of.drive(callbacks.EarlyStopping("novelty"), [1.0, 2.0], "novelty")


@pytest.mark.parametrize(
    ("name", "higher"),
    [
        ("val_accuracy", True),
        ("acc", True),
        ("val_sparse_top_k_categorical_accuracy", True),
        ("auc_1", True),
        ("val_precision_2", True),
        ("r2_score", True),
        ("loss", False),
        ("val_loss", False),
        ("mse", False),
        ("root_mean_squared_error", False),
        ("kl_divergence", False),
        ("my_metric", None),
    ],
)
def test_directions_by_name(name: str, higher: bool | None) -> None:
    from lamina.callbacks.monitor import grows

    assert grows(name) is higher


def test_reduce_on_plateau() -> None:
    stub = _Stub()
    reduce = callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=2, cooldown=1, min_lr=0.2)
    stub.drive(reduce, [3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3])
    assert stub.optimizer.learning_rate == 0.2
    model = _model()
    history = model.fit(
        X, Y, epochs=4, verbose=0,
        callbacks=[callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=9.0)],
    ).history  # fmt: skip
    assert history["learning_rate"] == [0.05, 0.05, 0.025, 0.0125]
    with pytest.raises(ValueError, match="factor"):
        callbacks.ReduceLROnPlateau(factor=1.0)
    with pytest.warns(UserWarning, match="val_los"):
        model.fit(X, Y, verbose=0, callbacks=[callbacks.ReduceLROnPlateau("val_los")])


@given(st.lists(st.floats(0, 10), min_size=1, max_size=30), st.floats(0, 2), st.integers(1, 4))
def test_stop_on_tolerance_is_scikit_learns_rule(
    values: list[float], tol: float, patience: int
) -> None:
    # sklearn/neural_network/_multilayer_perceptron.py, _update_no_improvement_count, by hand.
    best, count, expected = float("inf"), 0, len(values)
    for epoch, value in enumerate(values):
        count = count + 1 if value > best - tol else 0
        best = min(best, value)
        if count > patience:
            expected = epoch + 1
            break
    stop = callbacks.StopOnTolerance(tol, patience)
    assert _Stub().drive(stop, values) == expected


def test_learning_rate_scheduler() -> None:
    model = _model()
    for schedule in (lambda epoch: 0.1 / (epoch + 1), lambda epoch, rate: 0.1 / (epoch + 1)):
        scheduler = callbacks.LearningRateScheduler(schedule)
        history = model.fit(X, Y, epochs=2, verbose=0, callbacks=[scheduler]).history
        assert history["learning_rate"] == [0.1, 0.05]
    with pytest.raises(TypeError, match="number"):
        model.fit(X, Y, verbose=0, callbacks=[callbacks.LearningRateScheduler(lambda e, r: "much")])


def test_learning_rates_and_stops_within_an_epoch() -> None:
    class Steer(callbacks.Callback):
        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            self.model.optimizer.learning_rate = 0.1 * (batch + 1)

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.model.stop_training = batch == 2

    model = _model()
    history = model.fit(X, Y, batch_size=8, epochs=5, verbose=0, callbacks=[Steer()])
    assert model.optimizer.iterations == 3 and history.epoch == [0]
    assert set(history.history) == {"accuracy", "loss"}
    by_hand = _model()
    order = lamina._core.permutation(
        40, by_hand._trainer.counters.seed, lamina._core.stream_id("shuffle", 0, 0)
    )
    for batch in range(3):
        by_hand.optimizer.learning_rate = 0.1 * (batch + 1)
        rows = order[8 * batch : 8 * batch + 8]
        by_hand.train_on_batch(X[rows], Y[rows])
    for one, other in zip(model.get_weights(), by_hand.get_weights(), strict=True):
        assert np.array_equal(one, other)


# Files.


def test_model_checkpoint(tmp_path: Path) -> None:
    model = _model()
    pattern = tmp_path / "new" / "{epoch:02d}-{loss:.1f}.safetensors"
    history = model.fit(
        X, Y, epochs=2, verbose=0, callbacks=[callbacks.ModelCheckpoint(pattern)]
    ).history
    names = sorted(path.name for path in (tmp_path / "new").iterdir())
    assert names == [
        f"{i + 1:02d}-{loss:.1f}.safetensors" for i, loss in enumerate(history["loss"])
    ]
    again = lamina.saving.load_model(tmp_path / "new" / names[-1])
    assert np.array_equal(again.predict(X), model.predict(X))
    assert again.optimizer.iterations == model.optimizer.iterations
    with pytest.raises(KeyError, match="val_loss"):
        model.fit(
            X, Y, verbose=0, callbacks=[callbacks.ModelCheckpoint(tmp_path / "{val_loss}.st")]
        )
    with pytest.raises(IsADirectoryError):
        model.fit(X, Y, verbose=0, callbacks=[callbacks.ModelCheckpoint(tmp_path)])
    with pytest.raises(ValueError, match="save_freq"):
        callbacks.ModelCheckpoint(tmp_path, save_freq="batch")


def test_the_best_checkpoint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved: list[Any] = []

    class Stub(_Stub):
        def save(self, path: str, overwrite: bool) -> None:
            saved.append(("model", self.epoch))

        def save_weights(self, path: str, overwrite: bool) -> None:
            saved.append(("weights", self.epoch))

    values = [3.0, 4.0, 2.0, 2.0, 1.0]
    path = tmp_path / "best"
    Stub().drive(callbacks.ModelCheckpoint(path, "loss", save_best_only=True, verbose=1), values)
    assert saved == [("model", 0), ("model", 2), ("model", 4)]
    assert "loss improved from 3.00000 to 2.00000" in capsys.readouterr().out
    saved.clear()
    Stub().drive(
        callbacks.ModelCheckpoint(
            path, "loss", save_best_only=True, save_weights_only=True,
            initial_value_threshold=2.5, mode="min",
        ),
        values,
    )  # fmt: skip
    assert saved == [("weights", 2), ("weights", 4)]
    with pytest.warns(UserWarning, match="only with val_loss available"):
        Stub().drive(callbacks.ModelCheckpoint(path, save_best_only=True), [1.0])


def test_checkpoints_by_batches(tmp_path: Path) -> None:
    model = _model()
    path = tmp_path / "{epoch}-{batch}.safetensors"
    keep = callbacks.ModelCheckpoint(path, save_freq=3, save_weights_only=True)
    assert keep.wants_batches("train")
    assert not callbacks.ModelCheckpoint(path).wants_batches("train")
    model.fit(X, Y, batch_size=8, epochs=2, verbose=0, callbacks=[keep])
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["1-3.safetensors", "2-1.safetensors", "2-4.safetensors"]


def test_csv_logger(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    model = _model()
    history = model.fit(X, Y, epochs=3, verbose=0, callbacks=[callbacks.CSVLogger(path)]).history
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["0", "1", "2"]
    assert [float(row["loss"]) for row in rows] == history["loss"]
    assert {row["val_loss"] for row in rows} == {"NA"}
    model.fit(X, Y, verbose=0, callbacks=[callbacks.CSVLogger(path, append=True)])
    assert len(path.read_text().splitlines()) == 5
    model.fit(X, Y, verbose=0, callbacks=[callbacks.CSVLogger(path, separator=";")])
    assert path.read_text().splitlines()[0] == "epoch;accuracy;loss;val_accuracy;val_loss"
    model.fit(X, Y, epochs=0, verbose=0, callbacks=[callbacks.CSVLogger(path)])
    assert path.read_text() == ""


def _fields(data: bytes) -> list[tuple[int, Any]]:
    """A protocol buffer's fields, decoded with nothing of the writer's."""
    found: list[tuple[int, Any]] = []
    at = 0

    def number() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        key = number()
        if key & 7 == 0:
            found.append((key >> 3, number()))
        elif key & 7 == 1:
            found.append((key >> 3, struct.unpack_from("<d", data, at)[0]))
            at += 8
        elif key & 7 == 5:
            found.append((key >> 3, struct.unpack_from("<f", data, at)[0]))
            at += 4
        else:
            length = number()
            found.append((key >> 3, data[at : at + length]))
            at += length
    return found


def _events(folder: Path) -> list[list[tuple[int, Any]]]:
    events = []
    for path in sorted(folder.iterdir()):
        data, at = path.read_bytes(), 0
        while at < len(data):
            (length,) = struct.unpack_from("<Q", data, at)
            assert struct.unpack_from("<I", data, at + 8)[0] == masked_crc32c(data[at : at + 8])
            body = data[at + 12 : at + 12 + length]
            (check,) = struct.unpack_from("<I", data, at + 12 + length)
            assert check == masked_crc32c(body)
            events.append(_fields(body))
            at += 16 + length
    return events


def _scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    found: dict[str, list[tuple[int, float]]] = {}
    for event in _events(folder):
        step = dict(event).get(2, 0)
        for number, summary in event:
            if number == 5:
                for _, value in _fields(summary):
                    parts = dict(_fields(value))
                    if 2 in parts:
                        found.setdefault(parts[1].decode(), []).append((step, parts[2]))
    return found


def test_checksums() -> None:
    # RFC 3720, B.4: the CRC-32C of 32 zeros and of 32 bytes of ones.
    for data, crc in ((bytes(32), 0x8A9136AA), (b"\xff" * 32, 0x62A8AB43)):
        masked = (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF
        assert masked_crc32c(data) == masked
    assert masked_crc32c(b"a") != zlib.crc32(b"a")
    assert varint(300) == b"\xac\x02" and varint(0) == b"\0"


def test_tensorboard(tmp_path: Path) -> None:
    model = _model()
    board = callbacks.TensorBoard(
        tmp_path, histogram_freq=2, update_freq=2, write_steps_per_second=True
    )
    history = model.fit(
        X, Y, batch_size=8, epochs=3, validation_data=(X, Y), verbose=0, callbacks=[board]
    ).history
    train, validation = _scalars(tmp_path / "train"), _scalars(tmp_path / "validation")
    for found, prefix in ((train, ""), (validation, "val_")):
        assert [step for step, _ in found["epoch_loss"]] == [0, 1, 2]
        assert [value for _, value in found["epoch_loss"]] == [
            np.float32(v) for v in history[f"{prefix}loss"]
        ]
    assert [step for step, _ in train["batch_loss"]] == [0, 2, 4, 6, 8, 10, 12, 14]
    assert [v for _, v in train["epoch_learning_rate"]] == [np.float32(0.05)] * 3
    assert len(train["epoch_steps_per_second"]) == 3
    model.evaluate(X, Y, callbacks=[callbacks.TensorBoard(tmp_path / "other")])
    assert set(_scalars(tmp_path / "other" / "validation")) == {
        "evaluation_loss_vs_iterations",
        "evaluation_accuracy_vs_iterations",
    }
    assert not callbacks.TensorBoard(tmp_path).wants_batches("train")
    for name in ("write_images", "profile_batch", "embeddings_freq", "embeddings_metadata"):
        with pytest.raises(NotImplementedError, match=name):
            callbacks.TensorBoard(tmp_path, **{name: 1})


@pytest.mark.parametrize(
    "values", [np.arange(10.0), np.zeros(3), np.array([np.nan, np.inf]), np.array(5.0)]
)
def test_histograms(values: Array) -> None:
    histogram = dict(_fields(dict(_fields(histogram_value("w", values)))[5]))
    finite = values[np.isfinite(values)] if np.isfinite(values).any() else np.zeros(1)
    assert (histogram[1], histogram[2]) == (finite.min(), finite.max())
    assert histogram[3] == finite.size and histogram[4] == finite.sum()
    assert sum(struct.unpack(f"<{len(histogram[7]) // 8}d", histogram[7])) == finite.size
    assert len(histogram[6]) == len(histogram[7])


def test_tensorboard_reads_it(tmp_path: Path) -> None:
    accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    model = _model()
    board = callbacks.TensorBoard(tmp_path, histogram_freq=1)
    history = model.fit(X, Y, epochs=2, verbose=0, callbacks=[board]).history
    model_kernel = model.weights[0].path
    read = accumulators.EventAccumulator(str(tmp_path / "train")).Reload()
    assert [event.value for event in read.Scalars("epoch_loss")] == [
        np.float32(v) for v in history["loss"]
    ]
    histogram = read.Histograms(f"{model_kernel}/histogram")[-1].histogram_value
    assert histogram.num == 12 and sum(histogram.bucket) == 12


def test_remote_monitor() -> None:
    received: list[Any] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            received.append((self.path, self.headers["Content-Type"], self.rfile.read(length)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments: Any) -> None: ...

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        root = f"http://127.0.0.1:{server.server_port}"
        model = _model()
        for as_json in (True, False):
            remote = callbacks.RemoteMonitor(root, send_as_json=as_json)
            history = model.fit(X, Y, verbose=0, callbacks=[remote]).history
            assert received[-1][0] == "/publish/epoch/end/"
            if as_json:
                assert json.loads(received[-1][2])["loss"] == history["loss"][0]
            else:
                assert received[-1][2].startswith(b"data=%7B%22epoch%22")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    with pytest.warns(UserWarning, match="could not reach"):
        model.fit(X, Y, verbose=0, callbacks=[callbacks.RemoteMonitor(root)])
    with pytest.raises(ValueError, match="root"):
        callbacks.RemoteMonitor("file:///etc/passwd")


def test_pruning() -> None:
    class Trial:
        def __init__(self) -> None:
            self.seen: list[Any] = []

        def report(self, value: float, step: int) -> None:
            self.seen.append((value, step))

        def should_prune(self) -> bool:
            return len(self.seen) == 2

    trial = Trial()
    model = _model()
    with pytest.raises(callbacks.TrialPrunedError, match="epoch 3"):
        model.fit(
            X, Y, epochs=9, verbose=0, callbacks=[callbacks.Pruning(trial, "loss", interval=2)]
        )
    assert [step for _, step in trial.seen] == [1, 3]
    with pytest.raises(TypeError, match="report"):
        callbacks.Pruning(object())
    with pytest.raises(ValueError, match="val_loss"):
        model.fit(X, Y, verbose=0, callbacks=[callbacks.Pruning(Trial())])


# Losses that are lost.


def _lost(model: Any, x: Array, y: Array = Y, **arguments: Any) -> str:
    stop = callbacks.TerminateOnNaN()
    history = model.fit(
        x, y, batch_size=8, epochs=3, verbose=0, callbacks=[stop], shuffle=False, **arguments
    )
    assert len(history.epoch) == 1 and not np.isfinite(history.history["loss"][0])
    assert stop.report is not None
    return str(stop.report)


def test_where_a_loss_was_lost(capsys: pytest.CaptureFixture[str]) -> None:
    bad = X.copy()
    bad[19, 1] = np.inf
    model = _model()
    assert _lost(model, bad).startswith(
        "Epoch 1, batch 2: the loss is not finite. Row 3 of the batch has inputs"
    )
    assert model.optimizer.iterations == 2 and np.isfinite(model.get_weights()[0]).all()
    assert "Terminating training" in capsys.readouterr().out
    model = _model()
    kernel, *rest = model.get_weights()
    model.set_weights([np.full_like(kernel, 3e38), *rest])
    assert f"Layer '{model.layers[0].name}' is the first whose output" in _lost(model, X)
    model = _model()
    model.set_weights([*model.get_weights()[:2], np.full((4, 2), np.nan), np.zeros(2)])
    assert f"Weight '{model.layers[1].name}/kernel' is not finite" in _lost(model, X)
    deep = lamina.Sequential([lamina.Input((3,)), layers.Dense(2), layers.Dense(1)])
    deep.compile(lamina.optimizers.SGD(1.0), "mse")
    deep.set_weights([np.full((3, 2), 1e30), np.zeros(2), np.full((2, 1), 1e5), np.zeros(1)])
    report = _lost(deep, X, Y.astype("float32"))
    assert "the loss itself overflows" in report or "output" in report
    sgd = lamina.Sequential([lamina.Input((3,)), layers.Dense(2), layers.Dense(1)])
    sgd.compile(lamina.optimizers.SGD(1e-30), "mse")
    sgd.set_weights([np.full((3, 2), 1e-20), np.zeros(2), np.full((2, 1), 1e30), np.zeros(1)])
    report = _lost(sgd, X, Y.astype("float32"))
    assert report.startswith("Epoch 1, batch 1:")
    assert f"the gradient of '{sgd.layers[0].name}/bias' was not finite" in report


@pytest.mark.parametrize("source", ["arrays", "hooks", "stream"])
@pytest.mark.parametrize("shuffle", [False, True])
def test_lost_losses_of_all_sources(source: str, shuffle: bool) -> None:
    bad = X.copy()
    bad[19] = np.nan
    model = _model()
    watch = [callbacks.LambdaCallback(on_train_batch_end=lambda b, logs: None)]
    x: Any = (bad, Y)
    arguments: dict[str, Any] = {"batch_size": 8, "shuffle": shuffle}
    if source == "stream":
        data = lamina.data.Dataset.from_arrays(bad, Y)
        x = ((data.shuffle(seed=1) if shuffle else data).batch(8),)
        arguments = {}
    with pytest.raises(RuntimeError, match=r"Epoch 1, batch \d: .* has inputs") as error:
        model.fit(
            *x, verbose=0, **arguments,
            callbacks=[callbacks.TerminateOnNaN(raise_error=True),
                       *(watch if source == "hooks" else [])],
        )  # fmt: skip
    batch = int(str(error.value).split("batch ")[1][0])
    assert model.optimizer.iterations == batch
    assert not model._trainer.ready().network.watch
    if not shuffle:
        assert batch == 2


def test_check_finite() -> None:
    bad = X.copy()
    bad[0] = np.nan
    model = _model()
    assert not lamina.config.check_finite()
    lamina.config.set_check_finite(True)
    try:
        with pytest.raises(FloatingPointError, match=r"Epoch 2, batch 0: .*Row 0"):
            model.fit(bad, Y, epochs=3, initial_epoch=1, shuffle=False, verbose=0)
        with pytest.raises(FloatingPointError, match=r"train_on_batch: .*Row 0"):
            model.train_on_batch(bad, Y)
        assert model.optimizer.iterations == 0
        model.fit(X, Y, verbose=0)
    finally:
        lamina.config.set_check_finite(False)
    model.train_on_batch(bad, Y)
    assert np.isnan(model.get_weights()[0]).any()


# Lists of callbacks and hooks.


def test_callback_list() -> None:
    calls: list[str] = []
    model = _model()

    class Named(callbacks.Callback):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            calls.append(self.name)
            logs[self.name] = 1.0

    first, second = Named("a"), Named("b")
    both = callbacks.CallbackList([[first], second], add_history=True, model=model, epochs=1)
    assert model.history is both.history and first.model is model and first.params == {"epochs": 1}
    history = model.fit(X, Y, verbose=0, callbacks=both)
    assert calls == ["a", "b"] and history is both.history
    assert history.history["a"] == [1.0]
    third = Named("c")
    both.append(third)
    assert both.callbacks[-1] is third
    for wrong in (3, [3], "text"):
        with pytest.raises(TypeError, match="derived"):
            callbacks.CallbackList(wrong)
    with pytest.raises(TypeError, match="on_epoch_ends"):
        callbacks.LambdaCallback(on_epoch_ends=print)
    with pytest.raises(TypeError, match="function"):
        callbacks.LambdaCallback(on_epoch_end=3)  # type: ignore[arg-type]


def test_importing_lamina_loads_no_half_library() -> None:
    script = "import sys, numpy; import lamina; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    loaded = set(done.stdout.split())
    assert "lamina.callbacks" in loaded
    heavy = {"csv", "socket", "ssl", "urllib.request", "concurrent.futures", "multiprocessing"}
    heavy |= {"matplotlib", "lamina.callbacks.backup", "lamina.utils.plotting"}
    assert not heavy & loaded


def test_an_epoch_is_one_call_unless_somebody_looks(tmp_path: Path) -> None:
    model = _model()
    model.fit(X, Y, verbose=0)
    engine = model._trainer.ready()
    network: Any = engine.network
    calls: list[str] = []

    class Spy:
        def __getattr__(self, name: str) -> Any:
            if name in ("train", "train_on_batch"):
                calls.append(name)
            return getattr(network, name)

        def __setattr__(self, name: str, value: Any) -> None:
            setattr(network, name, value)

    engine.network = Spy()  # type: ignore[assignment]
    model.fit(
        X, Y, batch_size=8, epochs=2, verbose=0,
        callbacks=[
            callbacks.EarlyStopping("loss", patience=5), callbacks.ReduceLROnPlateau("loss"),
            callbacks.TerminateOnNaN(), callbacks.ProgbarLogger(),
            callbacks.CSVLogger(tmp_path / "log"),
        ],
    )  # fmt: skip
    assert calls == ["train", "train"]
    calls.clear()
    hook = callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)
    model.fit(X, Y, batch_size=8, verbose=0, callbacks=[hook])
    assert calls == ["train_on_batch"] * 5
