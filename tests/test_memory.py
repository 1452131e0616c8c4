"""Resident memory: of training, of many predictions, of many models.

Each figure comes from a process of its own: peak memory never goes down again.
"""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="reads /proc/self/status"
)

PREAMBLE = """
import gc
import numpy as np
import lamina

def status(key):
    for line in open("/proc/self/status"):
        if line.startswith(key + ":"):
            return int(line.split()[1]) * 1024
    raise SystemExit("no " + key)

def network(sizes, optimizer="adam", dropout=0.0, activation="relu"):
    model = lamina.Sequential([lamina.Input((sizes[0],))])
    for units in sizes[1:-1]:
        model.add(lamina.layers.Dense(units, activation=activation))
        if dropout:
            model.add(lamina.layers.Dropout(dropout))
    model.add(lamina.layers.Dense(sizes[-1], activation="softmax"))
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model

def data(rows, inputs, classes=10, dtype=np.float32):
    rng = np.random.default_rng(0)
    x = np.empty((rows, inputs), dtype)
    for i in range(rows):
        x[i] = rng.random(inputs, np.float32)
    return x, rng.integers(0, classes, rows).astype(np.int32)
"""


def run(script: str) -> list[float]:
    """The numbers that a script prints, after the preamble."""
    done = subprocess.run(
        [sys.executable, "-c", PREAMBLE + script], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return [float(word) for word in done.stdout.split()]


FIT = """
threads, sizes, batch, slots, dropout = {threads}, {sizes}, {batch}, {slots}, {dropout}
lamina.set_num_threads(threads)
small = network([8, 8, 10])
small.fit(*data(64, 8), verbose=0)  # whatever is loaded once
x, y = data(4 * batch, sizes[0], dtype=np.{dtype})
before = status("VmRSS")
model = network(sizes, {optimizer!r}, dropout)
model.fit(x, y, batch_size=batch, epochs=2, verbose=0)
weights = 4 * model.count_params()
operations = [n for n in sizes[1:] for _ in range(2 if dropout and n != sizes[-1] else 1)]
activations = 4 * batch * (sizes[0] + sum(operations))
print(status("VmHWM") - before, weights * (2 + slots) + activations)
"""


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    ("sizes", "batch", "optimizer", "slots", "dropout", "dtype"),
    [
        ([1024, 2048, 2048, 10], 256, "adam", 2, 0.0, "float32"),
        ([1024, 2048, 2048, 10], 256, "sgd", 0, 0.2, "float32"),
        ([8192, 512, 256, 10], 1024, "adam", 2, 0.2, "float64"),  # converted batch by batch
    ],
)
def test_training_takes_little_more_than_it_must_hold(
    threads: int,
    sizes: list[int],
    batch: int,
    optimizer: str,
    slots: int,
    dropout: float,
    dtype: str,
) -> None:
    script = FIT.format(
        threads=threads,
        sizes=sizes,
        batch=batch,
        optimizer=optimizer,
        slots=slots,
        dropout=dropout,
        dtype=dtype,
    )
    grown, needed = run(script)
    assert needed > 20e6  # large enough to be seen beside the interpreter
    assert grown <= 1.5 * needed, f"{grown / 1e6:.1f} MB for {needed / 1e6:.1f} MB"


def test_predictions_leave_nothing_behind() -> None:
    script = """
model = network([4, 64, 64, 10], activation="tanh")
x = np.ones((1, 4), np.float32)
wide = x.astype(np.float64)
listed = x.tolist()
def calls(n):
    for _ in range(n):
        model(x)
        model(wide)
    for _ in range(n // 100):
        model(listed)
        model.predict(x, verbose=0)
calls(2000)
before = status("VmRSS")
calls(100_000)
print(status("VmRSS") - before)
"""
    (grown,) = run(script)
    assert grown <= 256 * 1024  # the interpreter's own coming and going


def test_models_leave_nothing_behind() -> None:
    script = """
x, y = data(64, 16)
def models(n):
    for _ in range(n):
        model = network([16, 32, 32, 10], dropout=0.1)
        model.train_on_batch(x, y)
        model(x)
models(50)
gc.collect()
before = status("VmRSS")
models(1000)
gc.collect()
print(status("VmRSS") - before)
"""
    (grown,) = run(script)
    assert grown <= 1024 * 1024  # a kilobyte a model would be a leak
