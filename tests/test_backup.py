"""Training that is killed at any moment and started again ends with the same bits."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lamina
from lamina import callbacks, layers

# A training as its user writes it, seeded or not: with shuffles, dropout, callbacks that have a
# state, and global generators that the user's own code draws from.
SCRIPT = textwrap.dedent("""
    import hashlib, os, random, signal, sys
    import numpy as np
    import lamina
    from lamina import callbacks, layers

    folder, kind, kill_at, frequency = sys.argv[1:5]
    kill_at = int(kill_at)
    frequency = frequency if frequency == "epoch" else int(frequency)
    lamina.utils.set_random_seed(11)

    unbuilt, kind = kind.startswith("unbuilt "), kind.removeprefix("unbuilt ")
    model = lamina.Sequential([
        *([] if unbuilt else [lamina.Input((3,))]),
        layers.Dense(8, "relu"), layers.Dropout(0.25), layers.Dense(2, "softmax"),
    ])
    model.compile(lamina.optimizers.Adam(0.05), "sparse_categorical_crossentropy",
                  metrics=["accuracy"])
    generator = np.random.default_rng(0)
    x = generator.normal(size=(70, 3)).astype("float32")
    y = (x.sum(axis=1) > 0).astype("int64")

    events = 0
    def event():
        global events
        events += 1
        if events == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    class Noise(callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.drawn = []
        def on_epoch_begin(self, epoch, logs=None):
            event()
            self.drawn.append(float(np.random.rand() + random.random()))
        def on_epoch_end(self, epoch, logs=None):
            event()
            self.model.optimizer.learning_rate *= 0.9 + 0.1 * self.drawn[-1]

    class Kill(callbacks.Callback):
        runs_last = True
        def on_train_batch_end(self, batch, logs=None):
            event()
        def on_epoch_end(self, epoch, logs=None):
            event()
        def on_train_end(self, logs=None):
            event()

    class Batches(lamina.utils.PyDataset):
        def __init__(self):
            super().__init__()
            self.order = np.arange(5)
        def __len__(self):
            return 5
        def __getitem__(self, index):
            rows = slice(14 * self.order[index], 14 * self.order[index] + 14)
            return x[rows], y[rows]
        def on_epoch_end(self):
            self.order = np.roll(self.order, 1)

    def endless():
        step = 0
        while True:
            step += 1
            yield x[step % 7 :: 7], y[step % 7 :: 7]

    arguments = {
        "arrays": lambda: dict(x=x, y=y, batch_size=16),
        "plain arrays": lambda: dict(x=x, y=y, batch_size=16),
        "part": lambda: dict(x=x, y=y, batch_size=8, steps_per_epoch=3),
        "dataset": lambda: dict(
            x=lamina.data.Dataset.from_arrays(x, y).shuffle(seed=3).batch(16).prefetch(2)),
        "endless dataset": lambda: dict(
            x=lamina.data.Dataset.from_arrays(x, y).shuffle(seed=3).repeat().batch(16),
            steps_per_epoch=3),
        "py_dataset": lambda: dict(x=Batches()),
        "generator": lambda: dict(x=endless(), steps_per_epoch=3),
    }[kind]()
    def checks():
        step = 0
        while True:
            step += 1
            yield x[step % 11 :: 11], y[step % 11 :: 11]

    arguments.setdefault("validation_data", (x[:20], y[:20]))
    if kind == "generator":
        arguments.update(validation_data=checks(), validation_steps=2)
    if kind == "py_dataset":
        arguments.update(validation_data=Batches())
    watch = [] if kind == "plain arrays" else [Kill()]
    history = model.fit(
        **arguments, epochs=6, verbose=0,
        callbacks=[
            Noise(),
            callbacks.EarlyStopping("val_loss", patience=3, restore_best_weights=True),
            callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1),
            callbacks.CSVLogger(folder + "/log.csv"),
            callbacks.BackupAndRestore(folder + "/backup", save_freq=frequency),
            *watch,
        ],
    )
    digest = hashlib.sha256()
    for weight in model.get_weights() + [v.numpy() for v in model.optimizer.variables]:
        digest.update(weight.tobytes())
    print(digest.hexdigest(), history.history, history.epoch, model.optimizer.learning_rate,
          model.optimizer.iterations, np.random.rand(), random.random(),
          open(folder + "/log.csv").read().encode())
    print("events", events, file=sys.stderr)
""")


KINDS = (
    "arrays",
    "plain arrays",
    "part",
    "dataset",
    "endless dataset",
    "py_dataset",
    "generator",
    "unbuilt dataset",
    "unbuilt py_dataset",
    "unbuilt generator",
)


def _forked(folder: Path, kind: str, kill_at: int, frequency: str) -> tuple[int, str]:
    """Runs the script in a forked child: like a new process, without the time to start one."""
    folder.mkdir(exist_ok=True)
    output = folder / "output"
    output.write_text("")
    child = os.fork()
    if child == 0:
        status = 1
        try:
            with output.open("w") as sys.stdout, (folder / "errors").open("w") as sys.stderr:
                sys.argv = ["script", str(folder), kind, str(kill_at), frequency]
                exec(compile(SCRIPT, "script", "exec"), {"__name__": "__main__"})
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    return status, output.read_text()


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
no_warning = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@needs_fork
@no_warning
@pytest.mark.parametrize(
    ("kind", "frequency"),
    [*((kind, "2") for kind in KINDS), *((kind, "epoch") for kind in KINDS[:3]),
     ("unbuilt py_dataset", "epoch")],
)  # fmt: skip
def test_a_killed_training_ends_with_the_same_bits(
    kind: str, frequency: str, tmp_path: Path
) -> None:
    status, expected = _forked(tmp_path / "whole", kind, 0, frequency)
    assert status == 0 and not (tmp_path / "whole" / "backup").exists()
    kills = 0
    for chain in ((1, 5, 2), (3, 3, 9), (28, 11)):
        folder = tmp_path / "-".join(map(str, chain))
        killed = 0
        for kill_at in chain:
            status, _ = _forked(folder, kind, kill_at, frequency)
            killed += status == signal.SIGKILL
            if status == 0:
                break
        status, output = _forked(folder, kind, 0, frequency)
        assert status == 0, (folder / "errors").read_text()
        assert output == expected, chain
        kills += killed
        assert not (folder / "backup").exists()
    assert kills >= 3


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_killed_at_any_time_by_another_process(tmp_path: Path) -> None:
    """Also in the middle of writing the backup: the moments are the clock's."""

    def start(folder: Path) -> subprocess.Popen[str]:
        folder.mkdir(exist_ok=True)
        command = [sys.executable, "-c", SCRIPT, str(folder), "arrays", "0", "1"]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    with start(tmp_path / "whole") as process:
        expected, _ = process.communicate(timeout=60)
    for delay in (0.0, 0.005, 0.015):
        folder = tmp_path / str(delay)
        with start(folder) as process:
            deadline = time.monotonic() + 30
            while not (folder / "backup").exists() and process.poll() is None:
                assert time.monotonic() < deadline
                time.sleep(0.001)
            time.sleep(delay)
            process.kill()
        with start(folder) as process:
            output, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        assert output == expected


def _model(units: int = 4) -> Any:
    model = lamina.Sequential([lamina.Input((3,)), layers.Dense(units), layers.Dense(1)])
    model.compile("adam", "mse")
    return model


X = np.random.default_rng(0).normal(size=(30, 3)).astype("float32")
Y = X[:, 0]


class _Stop(callbacks.Callback):
    def __init__(self, epoch: int) -> None:
        super().__init__()
        self.at = epoch

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if epoch == self.at:
            raise KeyboardInterrupt


def _interrupted(folder: Path, data: dict[str, Any] | None = None, **options: Any) -> Any:
    model = _model()
    with pytest.raises(KeyboardInterrupt):
        model.fit(
            **(data or {"x": X, "y": Y}), epochs=5, verbose=0,
            callbacks=[_Stop(3), callbacks.BackupAndRestore(folder, **options)],
        )  # fmt: skip
    return model


@pytest.mark.parametrize("kind", ["arrays", "dataset"])
def test_trainings_without_seeds_go_on_too(kind: str, tmp_path: Path) -> None:
    """The backup holds all seeds: the new script's own draws are replaced."""

    def data() -> dict[str, Any]:
        if kind == "arrays":
            return {"x": X, "y": Y, "validation_split": 0.5, "validation_shuffle": True}
        rows = lamina.data.Dataset.from_arrays(X, Y).shuffle()
        return {"x": rows.batch(4), "validation_data": rows.map(lambda x, y: (x, y)).shuffle(9)}

    lamina.utils.set_random_seed(77)
    given = data()
    whole = _model()
    history = whole.fit(**given, epochs=5, verbose=0).history
    expected = [history, [w.tobytes() for w in whole.get_weights()]]
    lamina.utils.set_random_seed(77)
    _interrupted(tmp_path / "b", data())
    before = (tmp_path / "b" / "latest.safetensors").read_bytes()
    ends = []
    for attempt in range(2):
        (tmp_path / "b").mkdir(exist_ok=True)
        (tmp_path / "b" / "latest.safetensors").write_bytes(before)
        lamina.utils.set_random_seed(attempt)
        model = _model()
        history = model.fit(
            **data(), epochs=5, verbose=0,
            callbacks=[_Stop(9), callbacks.BackupAndRestore(tmp_path / "b")],
        )  # fmt: skip
        assert history.epoch == [0, 1, 2, 3, 4] and len(history.history["loss"]) == 5
        ends.append([history.history, [w.tobytes() for w in model.get_weights()]])
    assert ends == [expected, expected]


def test_options(tmp_path: Path) -> None:
    folder = tmp_path / "b"
    _interrupted(folder, double_checkpoint=True)
    assert sorted(p.name for p in folder.iterdir()) == [
        "latest.safetensors",
        "previous.safetensors",
    ]
    # The last one is damaged: the one before it is taken.
    (folder / "latest.safetensors").write_bytes(b"damaged")
    seen = []
    note = callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: seen.append(epoch))
    note.__class__ = type("_Stop", (callbacks.LambdaCallback,), {})
    keep = callbacks.BackupAndRestore(folder, double_checkpoint=True, delete_checkpoint=False)
    _model().fit(X, Y, epochs=5, verbose=0, callbacks=[note, keep])
    assert seen == [2, 3, 4] and (folder / "latest.safetensors").exists()
    # A training that has ended is not trained again.
    seen.clear()
    _model().fit(X, Y, epochs=5, verbose=0, callbacks=[note, keep])
    assert seen == []


def test_backups_that_do_not_fit(tmp_path: Path) -> None:
    folder = tmp_path / "b"
    _interrupted(folder)
    model = _model(units=5)
    before = [w.tobytes() for w in model.get_weights()]
    with pytest.raises(ValueError, match="another model"):
        model.fit(X, Y, verbose=0, callbacks=[_Stop(9), callbacks.BackupAndRestore(folder)])
    with pytest.raises(ValueError, match="other callbacks"):
        model.fit(X, Y, verbose=0, callbacks=[callbacks.BackupAndRestore(folder)])
    assert [w.tobytes() for w in model.get_weights()] == before
    other = _model()
    other.compile("sgd", "mse")
    with pytest.raises(ValueError, match="optimizer is Adam"):
        other.fit(X, Y, verbose=0, callbacks=[_Stop(9), callbacks.BackupAndRestore(folder)])
    (folder / "latest.safetensors").write_bytes(b"damaged")
    with pytest.raises(lamina.FileFormatError):
        model.fit(X, Y, verbose=0, callbacks=[callbacks.BackupAndRestore(folder)])
    with pytest.raises(ValueError, match="backup_dir"):
        callbacks.BackupAndRestore("")
    for wrong in ("batch", 0):
        with pytest.raises(ValueError, match="save_freq"):
            callbacks.BackupAndRestore(folder, save_freq=wrong)


def test_a_log_that_was_taken_up_keeps_its_lines_through_the_next_backup(tmp_path: Path) -> None:
    """Killed again before the first line that follows."""
    state = {"keys": ["loss"], "size": 120}
    log = callbacks.CSVLogger(tmp_path / "log.csv")
    log.on_train_begin()
    log.set_state(state)
    assert log.get_state() == state


def test_the_rate_of_an_inner_optimizer_is_taken_up(tmp_path: Path) -> None:
    def model() -> Any:
        built = _model()
        inner = lamina.optimizers.Adam(0.5)
        built.compile(lamina.optimizers.LossScaleOptimizer(inner), "mse")
        return built

    first = model()
    first.optimizer.learning_rate = 0.125
    with pytest.raises(KeyboardInterrupt):
        first.fit(
            X, Y, epochs=5, verbose=0,
            callbacks=[_Stop(3), callbacks.BackupAndRestore(tmp_path / "b")],
        )  # fmt: skip
    second = model()
    second.fit(
        X, Y, epochs=5, verbose=0, callbacks=[_Stop(9), callbacks.BackupAndRestore(tmp_path / "b")]
    )
    assert second.optimizer.learning_rate == 0.125
