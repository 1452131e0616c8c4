"""What showing progress costs: epochs with a bar, with lines and in silence, in turns.

    python bench/progress.py [rounds]

A bar goes to a pseudo-terminal that another process reads, lines to a pipe that is read too. Prints
the time of one epoch in silence, and how much longer it takes with each, as the median of the
rounds' differences. Linux and macOS only.
"""

import contextlib
import os
import pty
import statistics
import sys
import time
from collections.abc import Iterator

import numpy as np

import lamina

#: Samples, inputs, units and batch size: an epoch of about 1, 10 and 100 milliseconds.
WORKS = {"tiny": (1800, 64, 64, 32), "small": (6000, 100, 128, 64), "mid": (12000, 200, 256, 128)}
EPOCHS = {"tiny": 200, "small": 40, "mid": 8}


@contextlib.contextmanager
def standard_output(terminal: bool) -> Iterator[None]:
    """Standard output into a terminal or a pipe that a process of its own empties."""
    there, here = pty.openpty() if terminal else os.pipe()
    reader = os.fork()
    if reader == 0:
        os.close(here)
        with contextlib.suppress(OSError):
            while os.read(there, 1 << 16):
                pass
        os._exit(0)
    os.close(there)
    old = sys.stdout
    sys.stdout = os.fdopen(here, "w", encoding="utf-8")
    try:
        yield
    finally:
        sys.stdout.close()
        sys.stdout = old
        os.waitpid(reader, 0)


def main() -> int:
    """Prints a table; 1 where a fast epoch takes more than 1 % longer."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    print(f"{'':8}{'silence':>12}{'lines':>22}{'bar':>22}")
    worst = 0.0
    for name, (rows, inputs, units, batch) in WORKS.items():
        lamina.utils.set_random_seed(0)
        rng = np.random.default_rng(0)
        x = rng.normal(size=(rows, inputs)).astype("float32")
        y = rng.integers(0, 10, rows)
        layers = [lamina.layers.Dense(units, "relu"), lamina.layers.Dense(10, "softmax")]
        model = lamina.Sequential([lamina.Input((inputs,)), *layers])
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        epochs = EPOCHS[name]

        def fit(verbose: int) -> float:
            start = time.perf_counter()
            model.fit(x, y, batch_size=batch, epochs=epochs, verbose=verbose)  # noqa: B023
            return (time.perf_counter() - start) / epochs  # noqa: B023

        fit(0)
        silence: list[float] = []
        more: dict[str, list[float]] = {"lines": [], "bar": []}
        for _ in range(rounds):
            for kind, verbose in (("lines", 2), ("bar", 1)):
                quiet = fit(0)
                with standard_output(kind == "bar"):
                    shown = fit(verbose)
                silence.append(quiet)
                more[kind].append(shown - (quiet + fit(0)) / 2)
        epoch = statistics.median(silence)
        line = f"{name:<8}{epoch * 1e3:>9.2f} ms"
        for times in more.values():
            extra = statistics.median(times)
            line += f"{extra * 1e6:>10.1f} us {100 * extra / epoch:>6.2f} %"
            if epoch > 5e-3:
                worst = max(worst, extra / epoch)
        print(line, flush=True)
    return 1 if worst > 0.01 else 0


if __name__ == "__main__":
    sys.exit(main())
