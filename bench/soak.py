"""Does anything grow? A million predictions of one row, ten thousand models, a thousand epochs.

    python bench/soak.py [predictions [models [epochs]]]

Prints the resident memory before and after each, and ends with status 1 where it has grown by
more than a megabyte. `tests/test_memory.py` does a shorter run of the same. Linux only.
"""

import gc
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import lamina

ALLOWED = 1 << 20


def resident() -> int:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize()


def network() -> lamina.Sequential:
    model = lamina.Sequential(
        [
            lamina.Input((4,)),
            lamina.layers.Dense(64, activation="tanh"),
            lamina.layers.Dropout(0.1),
            lamina.layers.Dense(64, activation="tanh"),
            lamina.layers.Dense(2, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def grows(what: str, count: int, call: Callable[[], object]) -> bool:
    for _ in range(max(1, count // 100)):
        call()
    before, start = resident(), time.perf_counter()
    for _ in range(count):
        call()
    seconds, grown = time.perf_counter() - start, resident() - before
    print(
        f"{count:>9} {what:<30} {seconds:6.1f} s  {before / 1e6:7.2f} MB  {grown / 1024:+8.0f} KiB",
        flush=True,
    )
    return grown > ALLOWED


def main() -> int:
    words = [int(word) for word in sys.argv[1:]]
    predictions, models, epochs = words + [1_000_000, 10_000, 1_000][len(words) :]
    rng = np.random.default_rng(0)
    x = rng.random((640, 4), np.float32)
    y = rng.integers(0, 2, 640).astype(np.int32)
    model = network()
    row, doubles = x[:1], x[:1].astype(np.float64)

    def life_of_a_model() -> None:
        fresh = network()
        fresh.train_on_batch(x[:64], y[:64])

    def life_of_a_head() -> None:
        head = lamina.Sequential([*model.layers[:-1], lamina.layers.Dense(2, name="head")])
        head.compile("adam", "mse")
        head.train_on_batch(x[:64], x[:64, :2])

    print(f"lamina {lamina.__version__}, {lamina.get_num_threads()} threads")
    grown = [
        grows("model(row)", predictions, lambda: model(row)),
        grows("model(row of float64)", predictions // 10, lambda: model(doubles)),
        grows("model.predict(row)", predictions // 100, lambda: model.predict(row, verbose=0)),
        grows("models built, trained, dropped", models, life_of_a_model),
        grows("heads of a shared base", models // 4, life_of_a_head),
        grows("epochs", epochs, lambda: model.fit(x, y, batch_size=64, verbose=0)),
    ]
    return int(any(grown))


if __name__ == "__main__":
    sys.exit(main())
