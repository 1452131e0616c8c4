"""Helpers: data cut in two, windows, norms, bars, pictures and learning rates."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import lamina
from lamina import layers, utils
from lamina.data import Dataset

X = np.random.default_rng(0).normal(size=(60, 3)).astype("float32")
Y = (X.sum(axis=1) > 0).astype("int64")


def _model(built: bool = True) -> Any:
    stack: list[Any] = [layers.Dense(8, "relu"), layers.Dropout(0.3), layers.Dense(2, "softmax")]
    model = lamina.Sequential([lamina.Input((3,)), *stack] if built else stack)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@given(
    hnp.arrays(
        st.sampled_from([np.float32, np.float64, np.int32]),
        hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=5),
        elements=st.integers(-9, 9),
    ),
    st.sampled_from([1, 2, float("inf")]),
    st.integers(-3, 2),
)
def test_normalize(x: Any, order: float, axis: int) -> None:
    if not -x.ndim <= axis < x.ndim:
        with pytest.raises(ValueError, match="axis"):
            utils.normalize(x, axis, order)
        return
    wide = x.astype(np.float64)
    magnitudes = np.abs(wide)
    if x.shape[axis] == 0:
        assert utils.normalize(x, axis, order).shape == x.shape
        return
    if order == 1:
        norm = magnitudes.sum(axis=axis, keepdims=True)
    elif order == 2:
        norm = np.sqrt((magnitudes**2).sum(axis=axis, keepdims=True))
    else:
        norm = magnitudes.max(axis=axis, keepdims=True)
    expected = wide / np.where(norm == 0, 1, norm)
    result = utils.normalize(x, axis, order)
    assert result.dtype == (x.dtype if x.dtype.kind == "f" else np.float64)
    np.testing.assert_allclose(result, expected, rtol=3e-7)


def test_normalize_refuses_other_orders() -> None:
    with pytest.raises(ValueError, match="order"):
        utils.normalize([1.0], order=3)


@given(st.integers(2, 40), st.floats(0.05, 0.95), st.booleans())
def test_split_dataset(rows: int, share: float, shuffle: bool) -> None:
    x = np.arange(rows)
    left_size = round(share * rows)
    if not 1 <= left_size < rows:
        with pytest.raises(ValueError, match=r"both parts|left_size"):
            utils.split_dataset(x, left_size=share)
        return
    left, right = utils.split_dataset((x, 2 * x), left_size=share, shuffle=shuffle, seed=3)
    assert len(left) == left_size and len(right) == rows - left_size
    pairs = [*left, *right]
    assert all(b == 2 * a for a, b in pairs)
    values = [int(a) for a, _ in pairs]
    assert sorted(values) == list(range(rows))
    assert shuffle or values == sorted(values)
    assert [*left, *right] == pairs


def test_split_dataset_sizes() -> None:
    left, right = utils.split_dataset(np.arange(10), left_size=3, right_size=0.2)
    assert list(left) == [0, 1, 2] and list(right) == [3, 4]
    left, right = utils.split_dataset(Dataset.from_arrays(X).batch(16), right_size=1)
    assert [len(b) for b in left] == [16, 16, 16] and [len(b) for b in right] == [12]
    for bad in ({}, {"left_size": 8, "right_size": 8}, {"left_size": 1.5}, {"left_size": 10}):
        with pytest.raises(ValueError, match="size"):
            utils.split_dataset(np.arange(10), **bad)


@given(
    moments=st.integers(0, 25),
    length=st.integers(1, 6),
    stride=st.integers(1, 4),
    rate=st.integers(1, 3),
    first=st.integers(0, 5),
    last=st.one_of(st.none(), st.integers(0, 25)),
    targets=st.booleans(),
)
def test_windows(
    moments: int, length: int, stride: int, rate: int, first: int, last: int | None, targets: bool
) -> None:
    series = np.arange(2 * moments).reshape(moments, 2)
    labels = np.arange(moments) * 10
    end = moments if last is None else last
    expected = []
    start = first
    while start + (length - 1) * rate < end:
        expected.append(start)
        start += stride
    arguments: Any = {
        "sequence_length": length, "sequence_stride": stride, "sampling_rate": rate,
        "start_index": first, "end_index": last, "batch_size": 4,
    }  # fmt: skip
    if first > moments or end > moments or not expected:
        with pytest.raises(ValueError):
            utils.timeseries_dataset_from_array(series, None, **arguments)
        return
    data = utils.timeseries_dataset_from_array(series, labels if targets else None, **arguments)
    batches = list(data)
    windows = np.concatenate([b[0] if targets else b for b in batches])
    assert [w.tolist() for w in windows] == [
        [series[s + i * rate].tolist() for i in range(length)] for s in expected
    ]
    if targets:
        assert np.concatenate([b[1] for b in batches]).tolist() == [10 * s for s in expected]


def test_windows_train_a_model() -> None:
    utils.set_random_seed(1)
    series = np.sin(np.arange(80) / 5).astype("float32")
    data = utils.timeseries_dataset_from_array(series[:-4], series[4:], 4, shuffle=True, seed=1)
    model = lamina.Sequential([layers.Dense(1)])
    model.compile(lamina.optimizers.Adam(0.1), "mse")
    losses = model.fit(data, epochs=30, verbose=0).history["loss"]
    assert losses[-1] < 0.1 * losses[0]


def test_progbar(capsys: pytest.CaptureFixture[str]) -> None:
    bar = utils.Progbar(3, verbose=2, stateful_metrics=["now"])
    for step in range(3):
        bar.add(1, [("loss", float(step)), ("now", float(step))])
    line = capsys.readouterr().out
    assert line.startswith("3/3 - 0s - ") and line.endswith(" - loss: 1.0000 - now: 2.0000\n")
    bar = utils.Progbar(None)
    bar.update(7)
    bar.update(9, finalize=True)
    assert capsys.readouterr().out.startswith("9/9 ")
    with pytest.raises(ValueError, match="both"):
        utils.Progbar(1, stateful_metrics=[], stateless_metrics=[])


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    model = _model()
    hook = lamina.callbacks.LambdaCallback(on_train_batch_end=lambda b, logs: None)
    for callbacks in ([], [hook]):
        for x, y in ((X, Y), (Dataset.from_arrays(X, Y).batch(8), None)):
            model.fit(x, y, epochs=2, callbacks=callbacks)
    model.evaluate(X, Y)
    model.predict(X)
    text = terminal.getvalue()
    assert text.count("Epoch 1/2") == 4 and "\r2/2 \x1b[32m" in text and "loss: " in text
    assert text.endswith("\n")

    def failing() -> Any:
        for _ in range(3):
            yield X[:8], Y[:8]
        raise OSError

    bar = utils.Progbar(None, interval=0.0)
    bar.update(2, [("loss", 0.5)])
    assert "      2/Unknown 0s" in terminal.getvalue()
    with pytest.raises(OSError):
        model.fit(failing())


def test_the_bar_is_seldom_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    bar = utils.Progbar(10**6)
    for _ in range(20_000):
        bar.add(1)
    assert terminal.getvalue().count("\r") < 200


# Learning rates.


@pytest.mark.parametrize("kind", ["fresh", "trained", "unbuilt"])
@pytest.mark.parametrize("source", ["arrays", "dataset"])
def test_finding_a_learning_rate_changes_nothing(kind: str, source: str) -> None:
    def prepare() -> Any:
        utils.set_random_seed(5)
        model = _model(built=kind != "unbuilt")
        if kind == "trained":
            model.fit(X, Y, epochs=2, verbose=0)
        return model

    def finish(model: Any) -> Any:
        model.fit(X, Y, epochs=2, verbose=0)
        return (
            [w.tobytes() for w in model.get_weights()],
            [v.numpy().tobytes() for v in model.optimizer.variables],
            model.optimizer.learning_rate,
            model.optimizer.iterations,
            lamina.random.normal((3,)).numpy().tobytes(),
            layers.Dense(1).name,
            np.random.rand(),  # noqa: NPY002 - the generator that Keras users draw from
        )

    expected = finish(prepare())
    model = prepare()
    data = Dataset.from_arrays(X, Y).shuffle(seed=1).batch(8)
    x = (X, Y) if source == "arrays" else (data,)
    found = utils.find_learning_rate(model, *x, start=1e-4, end=1.0, steps=30)
    assert data.passes == 0
    weights, slots, *rest, name, noise = finish(model)
    assert [weights, slots, *rest, noise] == [*expected[:-2], expected[-1]]
    assert name.rpartition("_")[0] == expected[-2].rpartition("_")[0]
    assert len(found.rates) == len(found.losses) == len(found.smoothed) <= 30
    assert found.rates[0] == 1e-4
    again = utils.find_learning_rate(prepare(), *x, start=1e-4, end=1.0, steps=30)
    assert again == found


def test_the_range_and_its_losses() -> None:
    dense = layers.Dense(1, use_bias=False, dtype="float64")
    model = lamina.Sequential([lamina.Input((1,)), dense])
    model.set_weights([[[1.0]]])
    model.compile(lamina.optimizers.SGD(0.5), "mse")
    x = np.ones((4, 1))
    found = utils.find_learning_rate(model, x, x * 0, start=1e-3, end=1e3, steps=13, smoothing=0.0)
    weight, expected = 1.0, []
    for rate in 10.0 ** (np.arange(13) / 2 - 3):
        expected.append(weight**2)
        if expected[-1] > 4 * min(expected):
            break
        weight -= rate * 2 * weight
    assert found.losses == pytest.approx(expected, rel=1e-12)
    assert found.smoothed == found.losses
    np.testing.assert_allclose(found.rates, 10.0 ** (np.arange(len(expected)) / 2 - 3), rtol=1e-14)
    falls = np.diff(expected)
    assert found.suggestion == found.rates[int(np.argmin(falls))]
    assert model.get_weights()[0] == 1.0 and model.optimizer.learning_rate == 0.5


def test_bad_ranges() -> None:
    model = _model()
    for bad in ({"start": 0.0}, {"start": 1.0, "end": 0.5}, {"steps": 1}, {"stop_factor": 1.0}):
        with pytest.raises(ValueError):
            utils.find_learning_rate(model, X, Y, **bad)
    with pytest.raises(RuntimeError, match="compile"):
        utils.find_learning_rate(lamina.Sequential([layers.Dense(1)]), X, Y)


# Pictures.


def test_plots(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    model = _model()
    history = model.fit(X, Y, epochs=4, validation_data=(X, Y), validation_freq=2, verbose=0)
    figure = history.plot()
    assert len(figure.axes) == 2
    lines = figure.axes[1].get_lines()
    assert lines[0].get_xdata().tolist() == [1, 2, 3, 4]
    assert lines[1].get_xdata().tolist() == [2, 4]
    assert lines[1].get_ydata().tolist() == history.history["val_loss"]
    assert len(history.plot("loss", axes=figure.axes[0], logarithmic=True).axes) == 2
    with pytest.raises(ValueError, match="none"):
        history.plot("none")
    with pytest.raises(ValueError, match="empty history"):
        lamina.callbacks.History().plot()
    found = utils.find_learning_rate(model, X, Y, steps=10)
    found.plot().savefig(tmp_path / "rates.png")
    assert (tmp_path / "rates.png").read_bytes()[:4] == b"\x89PNG"


def test_names() -> None:
    assert utils.register_serializable is utils.register_keras_serializable
    assert json.loads(_model().to_json())["class_name"] == "Sequential"


def test_sequences_of_one_length() -> None:
    pad = lamina.utils.pad_sequences
    np.testing.assert_array_equal(pad([[1], [2, 3], []]), [[0, 1], [2, 3], [0, 0]])
    np.testing.assert_array_equal(pad([[1, 2, 3]], 2), [[2, 3]])
    np.testing.assert_array_equal(
        pad([[1, 2, 3], [4]], 2, "float32", "post", "post", -1), [[1, 2], [4, -1]]
    )
    assert pad([[[1, 2]], []], 3).shape == (2, 3, 2)
    assert pad([[1, 2]], 0).shape == (1, 0)
    for bad in ({"padding": "left"}, {"truncating": 3}, {"maxlen": -1}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            pad([[1]], **bad)
    with pytest.raises(ValueError, match="sequence 1"):
        pad([[[1, 2]], [[1, 2, 3]]])
    with pytest.raises(ValueError, match="list of sequences"):
        pad([1, 2])


def test_packed_batches() -> None:
    pack, unpack = lamina.utils.pack_x_y_sample_weight, lamina.utils.unpack_x_y_sample_weight
    assert pack(1) == 1 and pack((1,)) == ((1,),) and pack(1, 2) == (1, 2)
    assert pack(1, 2, 3) == (1, 2, 3)
    assert unpack(1) == (1, None, None) and unpack([1, 2]) == (1, 2, None)
    with pytest.raises(ValueError, match="4 parts"):
        unpack((1, 2, 3, 4))


def test_classes_drawn_by_their_logits() -> None:
    logits = np.log(np.array([[0.5, 0.25, 0.25], [0.0, 1.0, 0.0]]) + 1e-30)
    drawn = lamina.random.categorical(logits, 4000, seed=3)
    assert drawn.shape == (2, 4000) and drawn.dtype == np.int32
    shares = np.bincount(drawn[0], minlength=3) / 4000
    assert np.abs(shares - [0.5, 0.25, 0.25]).max() < 0.03 and np.all(drawn[1] == 1)
    np.testing.assert_array_equal(drawn, lamina.random.categorical(logits, 4000, seed=3))
    assert lamina.random.categorical(logits, 0).shape == (2, 0)
    with pytest.raises(ValueError, match="logits"):
        lamina.random.categorical([1.0], 2)
    dropped = lamina.random.dropout(np.ones((50, 40)), 0.25, seed=1)
    assert set(np.unique(dropped)) == {0.0, 1 / 0.75}
    assert abs((dropped == 0).mean() - 0.25) < 0.05
