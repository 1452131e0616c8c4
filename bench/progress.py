"""What showing progress costs: the time that an epoch spends on its bar or line.

    python bench/progress.py [rounds]

A bar goes to a pseudo-terminal that another process reads, lines to a pipe that is read too.
What is timed are the hooks that print: their processor time, system calls included, as the median
of the rounds, against the shortest epoch in silence. Ends with status 1 where an epoch of more than
2 milliseconds spends more than 1 % on progress. Linux and macOS only.
"""

import contextlib
import os
import pty
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

import lamina
from lamina.callbacks.progress import ProgbarLogger, ProgressLine

#: Samples, inputs, units and batch size: an epoch of about 1, 5 and 20 milliseconds.
WORKS = {"tiny": (1800, 64, 64, 32), "small": (6000, 100, 128, 64), "mid": (12000, 200, 256, 128)}
EPOCHS = {"tiny": 200, "small": 40, "mid": 8}


@contextlib.contextmanager
def standard_output(terminal: bool) -> Iterator[None]:
    """Standard output into a terminal or a pipe that a program of its own empties."""
    there, here = pty.openpty() if terminal else os.pipe()
    # No fork of this process: its pages would be copied one by one when they are next written.
    reader = subprocess.Popen(
        ["cat"], stdin=there, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    os.close(there)
    old = sys.stdout
    sys.stdout = os.fdopen(here, "w", encoding="utf-8")
    try:
        yield
    finally:
        sys.stdout.close()
        sys.stdout = old
        reader.wait()


class Clock:
    """Adds up the seconds inside of some functions."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def watch(self, owner: Any, name: str) -> None:
        """Replaces a method by one that is timed."""
        method = getattr(owner, name)

        def timed(*arguments: Any, **named: Any) -> Any:
            start = time.thread_time()
            try:
                return method(*arguments, **named)
            finally:
                self.seconds += time.thread_time() - start

        setattr(owner, name, timed)


def main() -> int:
    """Prints a table; 1 where progress takes more than 1 % of an epoch."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    clock = Clock()
    for hook in ("on_train_begin", "on_epoch_begin", "on_epoch_end", "on_train_end"):
        clock.watch(ProgbarLogger, hook)
    clock.watch(ProgressLine, "update")
    print(f"{'':8}{'an epoch':>12}{'lines':>22}{'bar':>22}")
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
        silence: list[float] = []
        shown: dict[str, list[float]] = {"lines": [], "bar": []}
        for _ in range(rounds):
            start = time.perf_counter()
            model.fit(x, y, batch_size=batch, epochs=epochs, verbose=0)
            silence.append((time.perf_counter() - start) / epochs)
            for kind, verbose in (("lines", 2), ("bar", 1)):
                with standard_output(kind == "bar"):
                    clock.seconds = 0.0
                    model.fit(x, y, batch_size=batch, epochs=epochs, verbose=verbose)
                    shown[kind].append(clock.seconds / epochs)
        epoch = min(silence)
        line = f"{name:<8}{epoch * 1e3:>9.2f} ms"
        for times in shown.values():
            cost = statistics.median(times)
            line += f"{cost * 1e6:>10.1f} us {100 * cost / epoch:>6.2f} %"
            if epoch > 2e-3:
                worst = max(worst, cost / epoch)
        print(line, flush=True)
    return 1 if worst > 0.01 else 0


if __name__ == "__main__":
    sys.exit(main())
