"""What progress prints: complete, in order with what others print, and seldom."""

from __future__ import annotations

import gc
import io
import re
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lamina
from lamina import callbacks, layers
from lamina.callbacks.progress import ProgressLine
from lamina.callbacks.screen import INTERVAL
from lamina.data import Dataset

X = np.arange(32, dtype="float32").reshape(16, 2) / 32
Y = X.sum(axis=1)
LINE = r"2/2 - 0s - \d+(?:us|ms|s)/step - loss: \d+\.\d+"


class Output(io.StringIO):
    """Standard output that counts how often it is flushed."""

    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal
        self.flushes = 0
        #: Makes it standard output; pytest would undo what a fixture does.
        self.take: Callable[[], None] = lambda: None

    def isatty(self) -> bool:
        return self.terminal

    def flush(self) -> None:
        self.flushes += 1


@pytest.fixture(params=[False, True], ids=["lines", "bar"])
def output(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Output:
    out = Output(request.param)
    out.take = lambda: monkeypatch.setattr(sys, "stdout", out)
    return out


def _model(**compiled: Any) -> Any:
    model = lamina.Sequential([lamina.Input((2,)), layers.Dense(1)])
    model.compile(**{"optimizer": "sgd", "loss": "mse", **compiled})
    return model


def _fit(model: Any, epochs: int, **named: Any) -> Any:
    return model.fit(X, Y, batch_size=8, epochs=epochs, **named)


def _kinds(text: str) -> list[str]:
    """What each line is: a heading's number, "line", or what others printed."""
    kinds = []
    for line in text.removesuffix("\n").split("\n") if text else []:
        if found := re.match(r"Epoch (\d+)/\d+$", line):
            kinds.append(found[1])
        elif re.match(r"\r?2/2 .*/step - .*loss: ", line):
            kinds.append("line")
        else:
            kinds.append(line)
    return kinds


def _expected(epochs: int) -> list[str]:
    return [kind for epoch in range(epochs) for kind in (str(epoch + 1), "line")]


def test_many_fast_epochs_are_all_shown_and_seldom_written(output: Output) -> None:
    output.take()
    model = _model()
    start = time.perf_counter()
    history = _fit(model, 400)
    took = time.perf_counter() - start
    assert _kinds(output.getvalue()) == _expected(400)
    assert output.flushes <= took / INTERVAL + 1
    shown = [float(v) for v in re.findall(r"loss: (\S+)", output.getvalue())]
    np.testing.assert_allclose(shown, history.history["loss"], rtol=1e-3, atol=5e-5)


def test_the_form_of_a_line(output: Output) -> None:
    output.take()
    _fit(_model(), 1, verbose=2)
    assert re.fullmatch(LINE + "\n", output.getvalue())


@pytest.mark.parametrize("verbose", [1, 2])
def test_lines_are_in_order_with_what_a_callback_prints(output: Output, verbose: int) -> None:
    output.take()

    class Printing(callbacks.Callback):
        def on_train_begin(self, logs: Any = None) -> None:
            print("begin")

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            print(f"before {epoch + 1}")

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            print(f"after {epoch + 1}")

        def on_train_end(self, logs: Any = None) -> None:
            print("end")

    _fit(_model(), 3, verbose=verbose, callbacks=[Printing()])
    wanted = [
        kind for n in "123" for kind in (f"before {n}", n, f"after {n}", "line")
    ]  # a callback of the user's comes before the one that shows progress
    assert _kinds(output.getvalue()) == ["begin", *wanted, "end"]


def test_a_callback_derived_from_laminas_may_print(output: Output) -> None:
    output.take()

    class Talking(callbacks.EarlyStopping):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            super().on_epoch_end(epoch, logs)
            print("stop?")

    _fit(_model(), 2, callbacks=[Talking("loss", patience=9)])
    assert _kinds(output.getvalue()) == ["1", "stop?", "line", "2", "stop?", "line"]


@pytest.mark.parametrize("kind", ["lambda", "batches", "verbose", "scheduler"])
def test_lines_come_before_what_hooks_print(output: Output, kind: str) -> None:
    output.take()

    def scheduled(epoch: int, rate: float) -> float:
        print("rate")
        return rate

    made = {
        "lambda": lambda: callbacks.LambdaCallback(on_epoch_begin=lambda e, logs: print("new")),
        "batches": lambda: callbacks.LambdaCallback(on_train_batch_end=lambda b, logs: print(b)),
        "verbose": lambda: callbacks.ReduceLROnPlateau("loss", patience=1, min_delta=9, verbose=1),
        "scheduler": lambda: callbacks.LearningRateScheduler(scheduled),
    }
    before = [callbacks.EarlyStopping("loss", patience=99), made[kind]()]
    _fit(_model(), 2, callbacks=before)
    reducing = "Epoch 2: ReduceLROnPlateau reducing learning rate to 0.0009999999310821295."
    got = [re.sub(r"to 0.*", "to", each) for each in _kinds(output.getvalue())]
    assert (
        got
        == {
            "lambda": ["new", "1", "line", "new", "2", "line"],
            "batches": ["1", "0", "1", "line", "2", "0", "1", "line"],
            "verbose": ["1", "line", "2", "", re.sub(r"to 0.*", "to", reducing), "line"],
            "scheduler": ["rate", "1", "line", "rate", "2", "line"],
        }[kind]
    )


def test_lamina_callbacks_that_are_silent_let_lines_wait(output: Output) -> None:
    output.take()
    silent = [callbacks.EarlyStopping("loss", patience=999), callbacks.ReduceLROnPlateau("loss")]
    _fit(_model(), 100, callbacks=silent, validation_data=(X, Y))
    assert _kinds(output.getvalue()) == _expected(100)
    assert output.flushes < 50


class _Metric(lamina.metrics.Metric):
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        print("metric")

    def result(self) -> Any:
        return 1.0


@pytest.mark.parametrize("kind", ["generator", "rate", "metric", "validation"])
def test_lines_are_in_order_with_what_own_parts_print(output: Output, kind: str) -> None:
    output.take()
    said = "said"

    def batches() -> Any:
        while True:
            for rows in (slice(0, 8), slice(8, 16)):
                print(said)
                yield X[rows], Y[rows]

    class Sequence(lamina.utils.PyDataset):
        def __len__(self) -> int:
            return 2

        def __getitem__(self, index: int) -> Any:
            print(said)
            return X[8 * index : 8 * index + 8], Y[8 * index : 8 * index + 8]

    def rate() -> float:
        print(said)
        return 0.01

    per_epoch = 2
    if kind == "generator":
        _model().fit(batches(), steps_per_epoch=2, epochs=2)
    elif kind == "rate":
        _fit(_model(optimizer=lamina.optimizers.SGD(rate)), 2)
    elif kind == "metric":
        said = "metric"
        _fit(_model(metrics=[_Metric()]), 2)
    else:
        _fit(_model(), 2, validation_data=Sequence())
    kinds = _kinds(output.getvalue())
    first, second = kinds.index("1"), kinds.index("2")
    # The first batch may be asked for, and a learning rate for its number, before the epoch.
    assert set(kinds[:first]) <= {said}
    assert kinds[first:second][-1] == "line" and kinds[-1] == "line"
    assert kinds[first:].count(said) >= 2 * per_epoch - 1
    assert kinds[second + 1 : -1] == [said] * len(kinds[second + 1 : -1])


def test_nothing_is_lost_when_a_callback_fails(output: Output) -> None:
    output.take()

    class Failing(callbacks.Callback):
        prints = False  # so that lines wait

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            if epoch == 3:
                raise OSError

    with pytest.raises(OSError):
        _fit(_model(), 9, callbacks=[Failing()])
    assert _kinds(output.getvalue()) == [*_expected(3), "4"]


class _Alarm(callbacks.Callback):
    """Lets a timer run from inside `fit`.

    Started before the call, it could end before the call on a busy machine, where nothing catches
    the interrupt. It comes once more after seconds, should an exception be lost where Python
    ignores them (finalizers, callbacks of the collector).
    """

    prints = False  # so that lines wait

    def __init__(self, after: float) -> None:
        super().__init__()
        self.after = after

    def on_train_begin(self, logs: Any = None) -> None:
        signal.setitimer(signal.ITIMER_REAL, self.after, 5.0)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers")
def test_nothing_is_lost_or_doubled_by_interrupts(output: Output) -> None:
    output.take()

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    model = _model()
    gc.disable()  # an exception inside a callback of the collector (hypothesis has one) is lost
    old = signal.signal(signal.SIGALRM, interrupt)
    try:
        for after in np.linspace(0.002, 0.15, 12):
            output.seek(0)
            output.truncate()
            watch = callbacks.History()
            try:
                with pytest.raises(KeyboardInterrupt):
                    _fit(model, 10**6, callbacks=[watch, _Alarm(float(after))])
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
            kinds = _kinds(output.getvalue())
            assert kinds == _expected(len(kinds))[: len(kinds)]
            assert abs(kinds.count("line") - len(watch.epoch)) <= 1
    finally:
        signal.signal(signal.SIGALRM, old)
        gc.enable()


def test_a_heading_does_not_wait_for_a_long_epoch(output: Output) -> None:
    output.take()
    seen = []

    class Slow(lamina.utils.PyDataset):
        def __len__(self) -> int:
            return 2

        def __getitem__(self, index: int) -> Any:
            seen.append(output.getvalue())
            return X[8 * index : 8 * index + 8], Y[8 * index : 8 * index + 8]

    model = _model()
    model.fit(Slow(), epochs=2, shuffle=False)
    assert seen[-1].rstrip().split("\n")[-1].startswith("Epoch 2/2")
    assert "loss: " in seen[-1]


def test_loops_of_ones_own_never_wait(output: Output) -> None:
    output.take()
    model = _model()
    hooks = callbacks.CallbackList(add_progbar=True, model=model, epochs=2, steps=2, verbose=2)
    hooks.on_train_begin()
    hooks.on_epoch_begin(0)
    assert output.getvalue() == "Epoch 1/2\n"
    hooks.on_epoch_end(0, {"loss": 1.0})
    assert output.getvalue().endswith("loss: 1.0000\n")


def test_the_logs_of_a_line_are_those_of_its_epoch(output: Output) -> None:
    output.take()

    class Adding(callbacks.Callback):
        runs_last = True
        prints = False

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            logs["later"] = 1.0

    _fit(_model(), 3, callbacks=[Adding()])
    assert "later" not in output.getvalue()


def test_standard_output_may_be_replaced_while_training(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = Output(False), Output(True)

    class Replacing(callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            monkeypatch.setattr(sys, "stdout", second if epoch else first)

    _fit(_model(), 2, callbacks=[Replacing()], verbose=1)
    assert _kinds(first.getvalue()) == ["1", "line"]
    assert _kinds(second.getvalue()) == ["2", "line"]
    assert "\x1b" in second.getvalue() and "\x1b" not in first.getvalue()


def test_small_and_odd_numbers() -> None:
    out = ProgressLine(3, 2)
    text = out._finished(None, 3, 3, 0.003, 0, {"a": 0.5, "b": 1e-5, "c": float("nan"), "d": 0.0})
    assert text == "3/3 - 0s - 1ms/step - a: 0.5000 - b: 1.0000e-05 - c: nan - d: 0.0000\n"
    values: Any = {"e": np.array([1.0, 3.0]), "f": 7, "g": float("-inf"), "h": -0.0001}
    text = out._finished(None, 3, 3, 30.0, 0, values)
    assert text == "3/3 - 30s - 10s/step - e: 2.0000 - f: 7.0000 - g: -inf - h: -1.0000e-04\n"


def test_a_dataset_without_a_known_length(output: Output) -> None:
    output.take()
    _model().fit(Dataset.from_generator(lambda: zip(X, Y, strict=True)).batch(8), epochs=2)
    assert output.getvalue().count("loss: ") == 2
