"""Several models that train in several threads of one program."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import os, sys, threading, time
import numpy as np
import lamina

lamina.set_num_threads({workers})
MODELS = 5

def tasks():
    return len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 0

def train(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(512, 200)).astype(np.float32)
    y = rng.integers(0, 10, 512)
    model = models[seed]
    model.fit(x, y, batch_size=128, epochs=3, verbose=0)
    for _ in range(20):
        model.train_on_batch(x[:64], y[:64])
    return [*model.get_weights(), model.predict(x, verbose=0)]

def build():
    lamina.utils.set_random_seed(3)
    models = []
    for _ in range(MODELS):
        layers = [
            lamina.Input((200,)),
            lamina.layers.Dense(300, activation="gelu"),
            lamina.layers.Dropout(0.25),
            lamina.layers.Dense(300, activation="tanh"),
            lamina.layers.Dense(10, activation="softmax"),
        ]
        models.append(lamina.Sequential(layers))
        models[-1].compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return models

before = tasks()
models = build()
alone = [train(seed) for seed in range(MODELS)]

models = build()
together = [None] * MODELS
def work(seed):
    together[seed] = train(seed)
threads = [threading.Thread(target=work, args=(seed,)) for seed in range(MODELS)]
for thread in threads:
    thread.start()
most = 0
while any(thread.is_alive() for thread in threads):
    most = max(most, tasks())
    time.sleep(0.002)
for seed in range(MODELS):
    for a, b in zip(alone[seed], together[seed], strict=True):
        np.testing.assert_array_equal(a, b)
print(max(0, most - before - MODELS), max(0, tasks() - before))
"""


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_models_in_threads_share_the_workers(workers: int) -> None:
    """Same bits as one after the other; never more workers than one model alone has."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(workers=workers)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    during, after = map(int, done.stdout.split())
    assert during <= workers - 1
    assert after <= workers - 1
    if workers > 1 and Path("/proc/self/task").is_dir():
        assert after == workers - 1  # the sizes are large enough to be shared
