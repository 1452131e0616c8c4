"""Training: what an epoch sees, what history says, and how it stops."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lamina
from lamina import callbacks, layers

Array = np.ndarray[Any, Any]


def _model(dtype: str = "float32", rate: float = 0.01) -> Any:
    model = lamina.Sequential(
        [
            lamina.Input((3,)),
            layers.Dense(8, "relu", dtype=dtype),
            layers.Dropout(0.25, dtype=dtype),
            layers.Dense(2, "softmax", dtype=dtype),
        ]
    )
    model.compile(
        lamina.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    return model


def _data(rows: int = 70, seed: int = 0) -> tuple[Array, Array]:
    x = np.random.default_rng(seed).normal(size=(rows, 3)).astype("float32")
    return x, (x.sum(axis=1) > 0).astype("int64")


def _weights(model: Any) -> bytes:
    return b"".join(w.tobytes() for w in model.get_weights())


def _counter(rows: int) -> tuple[Any, Array]:
    """A model of one weight for each row, whose gradient counts how often it was seen.

    With inputs one-hot, targets 0 and weights 1, SGD on the mean squared error multiplies the
    weight of a row that is seen by the same factor each time.
    """
    dense = layers.Dense(1, use_bias=False, dtype="float64")
    model = lamina.Sequential([lamina.Input((rows,)), dense])
    model.set_weights([np.ones((rows, 1))])
    return model, np.eye(rows)


@given(
    rows=st.integers(1, 60),
    batch=st.integers(1, 70),
    epochs=st.integers(1, 3),
    shuffle=st.booleans(),
)
def test_an_epoch_sees_each_row_once(rows: int, batch: int, epochs: int, shuffle: bool) -> None:
    model, x = _counter(rows)
    model.compile(lamina.optimizers.SGD(0.125), "mse")
    model.fit(x, np.zeros(rows), batch_size=batch, epochs=epochs, shuffle=shuffle, verbose=0)
    seen = model.get_weights()[0][:, 0]
    # A row's factor is 1 - 0.25 / (size of its batch), once in each epoch.
    factors = {1 - 0.25 / min(batch, rows)}
    if rows % batch and rows > batch:
        factors.add(1 - 0.25 / (rows % batch))
    products = {1.0}
    for _ in range(epochs):
        products = {p * f for p in products for f in factors}
    assert all(min(abs(w - p) for p in products) < 1e-12 for w in seen)
    if not shuffle:
        last = rows % batch or min(batch, rows)
        assert np.allclose(seen[-last:], (1 - 0.25 / last) ** epochs)


def test_shuffles_differ_and_repeat() -> None:
    def order(seed: int, epochs: int) -> list[list[int]]:
        lamina.utils.set_random_seed(seed)
        model, x = _counter(40)
        model.compile(lamina.optimizers.SGD(0.125), "mse")
        found: list[list[int]] = []
        before = model.get_weights()[0][:, 0]

        def note(batch: int, logs: Any) -> None:
            nonlocal before
            now = model.get_weights()[0][:, 0]
            found[-1].extend(np.flatnonzero(now != before).tolist())
            before = now

        watch = callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: found.append([]), on_train_batch_end=note
        )
        model.fit(x, np.zeros(40), batch_size=1, epochs=epochs, callbacks=[watch], verbose=0)
        return found

    one = order(1, 3)
    assert all(sorted(epoch) == list(range(40)) for epoch in one)
    assert one[0] != one[1] != one[2] and one[0] != list(range(40))
    assert order(1, 3) == one and order(2, 3) != one


def test_the_last_batch_is_averaged_over_its_true_size() -> None:
    x, y = np.ones((5, 1)), np.array([0.0, 0.0, 0.0, 0.0, 7.0])
    dense = layers.Dense(1, use_bias=False, dtype="float64")
    model = lamina.Sequential([lamina.Input((1,)), dense])
    model.set_weights([np.ones((1, 1))])
    model.compile(lamina.optimizers.SGD(0.0), "mse", metrics=["mae"])
    history = model.fit(x, y, batch_size=2, verbose=0).history
    assert history["loss"] == [pytest.approx((4 * 1 + 36) / 5)]
    assert history["mae"] == [pytest.approx((4 * 1 + 6) / 5)]
    model.set_weights([np.ones((1, 1))])
    model.compile(lamina.optimizers.SGD(0.5), "mse")
    model.fit(x, y, batch_size=2, shuffle=False, verbose=0)
    # 1 -> 0 -> 0 -> 7: each step of 0.5 * 2 * (w - mean of y) goes to the mean of the batch.
    assert model.get_weights()[0][0, 0] == pytest.approx(7.0)


def test_history() -> None:
    x, y = _data()
    model = _model()
    history = model.fit(x, y, epochs=3, validation_data=(x, y), verbose=0)
    assert list(history.history) == ["accuracy", "loss", "val_accuracy", "val_loss"]
    assert history.epoch == [0, 1, 2] and model.history is history
    assert history.params == {"verbose": 0, "epochs": 3, "steps": 3}
    assert all(isinstance(v, float) for values in history.history.values() for v in values)
    values = model.evaluate(x, y)
    assert values == [history.history["val_loss"][-1], history.history["val_accuracy"][-1]]
    again = model.fit(x, y, epochs=5, initial_epoch=3, verbose=0)
    assert again.epoch == [3, 4] and len(again.history["loss"]) == 2
    assert model.fit(x, y, epochs=2, initial_epoch=2, verbose=0).history == {}


def test_validation_split_is_the_tail() -> None:
    x, y = _data(50)
    for share, rows in ((0.2, 40), (0.25, 37), (0.5, 25), (0.99, 0)):
        if rows == 0:
            with pytest.raises(ValueError, match="not sufficient to split"):
                _model().fit(x, y, validation_split=share, verbose=0)
            continue
        lamina.utils.set_random_seed(4)
        one = _model()
        first = one.fit(x, y, epochs=2, validation_split=share, verbose=0).history
        lamina.utils.set_random_seed(4)
        two = _model()
        second = two.fit(
            x[:rows], y[:rows], epochs=2, validation_data=(x[rows:], y[rows:]), verbose=0
        ).history
        assert first == second and _weights(one) == _weights(two)


def test_validation_options() -> None:
    x, y = _data()
    model = _model()
    history = model.fit(x, y, epochs=5, validation_data=(x, y), validation_freq=2, verbose=0)
    assert len(history.history["val_loss"]) == 2
    history = model.fit(x, y, epochs=5, validation_data=(x, y), validation_freq=[1, 5], verbose=0)
    assert len(history.history["val_loss"]) == 2
    limited = model.fit(
        x, y, validation_data=(x, y), validation_steps=2, validation_batch_size=5, verbose=0
    )
    assert limited.history["val_loss"] == [model.evaluate(x[:10], y[:10])[0]]
    weighted = model.fit(x, y, validation_data=(x, y, np.full(70, 2.0)), verbose=0)
    assert weighted.history["val_loss"][0] == pytest.approx(2 * model.evaluate(x, y)[0])


def test_validation_changes_nothing() -> None:
    x, y = _data()
    runs = []
    for data in (None, (x[:9], y[:9])):
        lamina.utils.set_random_seed(4)
        model = _model()
        model.fit(x, y, epochs=3, validation_data=data, verbose=0)
        runs.append(_weights(model))
    assert runs[0] == runs[1]


def test_weights_of_samples_and_classes() -> None:
    x, y = _data(40)

    def trained(**options: Any) -> bytes:
        lamina.utils.set_random_seed(4)
        model = _model()
        model.fit(x, y, verbose=0, **options)
        return _weights(model)

    plain = trained()
    assert trained(sample_weight=np.ones(40)) == plain == trained(class_weight={0: 1.0})
    by_class = trained(class_weight={0: 0.5, 1: 3})
    assert by_class == trained(sample_weight=np.where(y == 0, 0.5, 3.0)) != plain
    assert by_class == trained(sample_weight=np.where(y == 0, 0.5, 3.0)[:, None].tolist())


def test_class_weights_of_one_hot_targets() -> None:
    x, y = _data(40)
    results = []
    for options in ({"class_weight": {1: 4.0}}, {"sample_weight": np.where(y == 1, 4.0, 1.0)}):
        lamina.utils.set_random_seed(4)
        model = lamina.Sequential([lamina.Input((3,)), layers.Dense(2, "softmax")])
        model.compile("sgd", "categorical_crossentropy")
        model.fit(x, np.eye(2)[y], verbose=0, **options)
        results.append(_weights(model))
    assert results[0] == results[1]


@pytest.mark.parametrize(
    "convert",
    [
        lambda x: x.astype("float64"),
        lambda x: np.asfortranarray(x),
        lambda x: np.repeat(x, 2, axis=0)[::2],
        lambda x: np.pad(x, ((0, 0), (1, 2)))[:, 1:-2],
        lambda x: x[::-1].copy()[::-1],
        lambda x: x.tolist(),
        lambda x: x.astype(">f4"),
    ],
)
def test_layout_does_not_matter(convert: Any) -> None:
    x, y = _data()
    runs = []
    for data in (x, convert(x)):
        lamina.utils.set_random_seed(4)
        model = _model()
        model.fit(data, y, epochs=2, batch_size=16, verbose=0)
        runs.append(_weights(model))
    assert runs[0] == runs[1]


def test_memory_maps_and_frozen_arrays(tmp_path: Any) -> None:
    x, y = _data()
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    y.flags.writeable = False
    runs = []
    for data in (x, mapped):
        lamina.utils.set_random_seed(4)
        model = _model()
        model.fit(data, y, verbose=0)
        runs.append(_weights(model))
    assert runs[0] == runs[1]


def test_pixels_as_bytes() -> None:
    x = np.random.default_rng(1).integers(0, 256, (30, 4, 4), dtype="uint8")
    y = np.arange(30) % 10
    runs = []
    for data, labels in ((x, y.astype("uint8")), (x.astype("float32"), y.astype("float64"))):
        lamina.utils.set_random_seed(4)
        model = lamina.Sequential([layers.Flatten(), layers.Dense(10, "softmax")])
        model.compile("adam", "sparse_categorical_crossentropy")
        model.fit(data, labels, verbose=0)
        runs.append(_weights(model))
    assert runs[0] == runs[1]


def test_targets_with_and_without_a_last_axis() -> None:
    x, _ = _data()
    y = x[:, 0]
    runs = []
    for target in (y, y[:, None]):
        lamina.utils.set_random_seed(4)
        model = lamina.Sequential([lamina.Input((3,)), layers.Dense(1)])
        model.compile("sgd", "mse", metrics=["mae"])
        history = model.fit(x, target, verbose=0).history
        runs.append((_weights(model), history))
    assert runs[0] == runs[1]


def test_batches_by_hand_are_the_epoch() -> None:
    x, y = _data()
    results = []
    for hand in (False, True):
        lamina.utils.set_random_seed(4)
        model = _model()
        values = np.zeros(2)
        if hand:
            for start in range(0, 70, 32):
                rows = x[start : start + 32]
                values += (
                    len(rows) / 70 * np.array(model.train_on_batch(rows, y[start : start + 32]))
                )
        else:
            history = model.fit(x, y, shuffle=False, verbose=0).history
            values = np.array([history["loss"][0], history["accuracy"][0]])
        results.append((values, _weights(model)))
    assert results[0][1] == results[1][1]
    assert np.allclose(results[0][0], results[1][0], rtol=1e-14)


def test_callbacks_for_batches_change_no_bit() -> None:
    x, y = _data()
    seen: list[int] = []

    class Watch(callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            assert set(logs) == {"accuracy", "loss"}
            seen.append(batch)

    results = []
    for watch in ([], [Watch()]):
        lamina.utils.set_random_seed(4)
        model = _model()
        history = model.fit(
            x, y, epochs=3, sample_weight=np.arange(70.0), callbacks=watch, verbose=0
        )
        results.append((history.history, _weights(model)))
    assert results[0] == results[1] and seen == [0, 1, 2] * 3


def test_order_of_hooks() -> None:
    calls: list[str] = []

    class Watch(callbacks.Callback):
        def __getattribute__(self, name: str) -> Any:
            if name.startswith("on_") and "batch" not in name:
                calls.append(name)
            return super().__getattribute__(name)

    x, y = _data()
    model = _model()
    model.fit(x, y, epochs=2, validation_data=(x, y), callbacks=[Watch()], verbose=0)
    epoch = ["on_epoch_begin", "on_test_begin", "on_test_end", "on_epoch_end"]
    assert calls == ["on_train_begin", *epoch, *epoch, "on_train_end"]
    calls.clear()
    model.evaluate(x, y, callbacks=[Watch()])
    model.predict(x, callbacks=[Watch()])
    assert calls == ["on_test_begin", "on_test_end", "on_predict_begin", "on_predict_end"]


def test_early_stopping() -> None:
    x, y = _data()
    model = _model(rate=0.0)
    stop = callbacks.EarlyStopping(monitor="val_loss", patience=2, restore_best_weights=True)
    history = model.fit(x, y, epochs=50, validation_data=(x, y), callbacks=[stop], verbose=0)
    assert len(history.epoch) == 3 and stop.stopped_epoch == 2 and stop.best_epoch == 0
    model = _model(rate=5.0)
    kept = []
    keep = callbacks.LambdaCallback(on_epoch_end=lambda e, logs: kept.append(_weights(model)))
    stop = callbacks.EarlyStopping(monitor="loss", patience=3, restore_best_weights=True)
    losses = model.fit(x, y, epochs=30, callbacks=[stop, keep], verbose=0).history["loss"]
    assert _weights(model) == kept[int(np.argmin(losses))]
    with pytest.warns(UserWarning, match="val_los"):
        model.fit(x, y, callbacks=[callbacks.EarlyStopping("val_los")], verbose=0)


def test_learning_rates_between_epochs() -> None:
    x, y = _data()
    model = _model()
    schedule = callbacks.LearningRateScheduler(lambda epoch, rate: 0.5 / 2**epoch)
    history = model.fit(x, y, epochs=3, callbacks=[schedule], verbose=0)
    assert history.history["learning_rate"] == [0.5, 0.25, 0.125]
    assert model.optimizer.learning_rate == 0.125


def test_a_lost_loss_stops() -> None:
    x, y = _data()
    model = _model()
    model.set_weights([np.full(w.shape, np.nan) for w in model.get_weights()])
    history = model.fit(x, y, epochs=9, callbacks=[callbacks.TerminateOnNaN()], verbose=0)
    assert len(history.epoch) == 1


def test_what_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    x, y = _data()
    model = _model()
    model.fit(x, y, epochs=2, validation_split=0.1)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Epoch 1/2" and lines[2] == "Epoch 2/2" and len(lines) == 4
    assert lines[1].startswith("2/2 - 0s - ") and " - val_loss: " in lines[1]
    model.fit(x, y, verbose=1)
    bar = capsys.readouterr().out
    assert "3/3 ━━━━━━━━━━━━━━━━━━━━ 0s " in bar and "\r" not in bar
    model.fit(x, y, verbose=0)
    model.evaluate(x, y)
    model.predict(x)
    assert capsys.readouterr().out == ""
    model.evaluate(x, y, verbose=2)
    assert " - accuracy: " in capsys.readouterr().out


class _StopError(Exception):
    pass


def test_a_raising_callback_leaves_a_usable_model() -> None:
    x, y = _data()
    model = _model()

    def stop(batch: int, logs: Any) -> None:
        if batch == 1:
            raise _StopError

    with pytest.raises(_StopError):
        model.fit(x, y, callbacks=[callbacks.LambdaCallback(on_train_batch_end=stop)], verbose=0)
    assert model.optimizer.iterations == 2
    assert len(model.fit(x, y, verbose=0).history["loss"]) == 1


def test_a_raising_poll_leaves_a_usable_model() -> None:
    model = lamina.Sequential([lamina.Input((64,)), layers.Dense(64, "relu"), layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.broadcast_to(np.zeros((1, 64), "float32"), (100_000_000, 64))
    y = np.broadcast_to(np.float32(0), (100_000_000,))
    model.fit(x[:64], y[:64], verbose=0)

    def poll(batches: int, values: list[float]) -> None:
        raise _StopError

    network = model._trainer.ready().network
    before = model.optimizer.iterations
    with pytest.raises(_StopError):
        network.train(x, y, None, 16, False, poll)
    assert before < model.optimizer.iterations < before + 100_000_000 // 16
    assert network.epochs_seen == 1
    model.fit(x[:64], y[:64], verbose=0)


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_stops_within_a_moment() -> None:
    script = textwrap.dedent("""
        import signal, sys, time
        import numpy as np
        import lamina
        # A process that a shell started in the background ignores it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        # One epoch of minutes: the signal is seen inside it.
        x = np.broadcast_to(np.zeros((1, 64), "float32"), (100_000_000, 64))
        y = np.broadcast_to(np.float32(0), (100_000_000,))
        model = lamina.Sequential([lamina.Input((64,)), lamina.layers.Dense(128, "relu"),
                                   lamina.layers.Dense(1)])
        model.compile("adam", "mse")
        model.fit(x[:64], y[:64], verbose=0)
        print("ready", flush=True)
        try:
            model.fit(x, y, batch_size=64, shuffle=False, verbose=0)
        except KeyboardInterrupt:
            print("stopped", flush=True)
        model.fit(x[:64], y[:64], verbose=0)
        assert np.isfinite(model.predict(x[:4], verbose=0)).all()
        print("usable", flush=True)
    """)
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.5)
        sent = time.perf_counter()
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "stopped\n"
        delay = time.perf_counter() - sent
        assert process.stdout.readline() == "usable\n"
        assert process.wait(30) == 0
    # The aim is 100 ms; the rest is for machines that are busy with other things.
    assert delay < 10


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_predicts_and_trains() -> None:
    x = np.random.default_rng(1).normal(size=(512, 256)).astype("float32")
    y = x[:, :1]
    model = lamina.Sequential([lamina.Input((256,)), layers.Dense(256, "relu"), layers.Dense(1)])
    model.compile("adam", "mse")
    model.fit(x, y, batch_size=128, verbose=0)
    expected = model.predict(x, verbose=0)
    children = []
    for _ in range(2):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                same = np.array_equal(model.predict(x, verbose=0), expected)
                model.fit(x, y, batch_size=128, verbose=0)
                status = 0 if same else 2
            finally:
                os._exit(status)
        children.append(child)
    deadline = time.monotonic() + 60
    for child in children:
        while True:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                break
            if time.monotonic() > deadline:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                pytest.fail("a forked child hangs")
            time.sleep(0.01)
        assert os.waitstatus_to_exitcode(status) == 0
    assert np.array_equal(model.predict(x, verbose=0), expected)
