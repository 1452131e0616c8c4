"""The lines that show how training goes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from lamina.callbacks.callback import Logs

_WIDTH = 20


def resolve_verbose(verbose: Any, quiet: bool = False) -> int:
    """What `verbose` means: 0 silent, 1 a bar, 2 one line for each epoch.

    Args:
        verbose: "auto", 0, 1, 2 or a bool. "auto" is a bar on a terminal or in a notebook;
            elsewhere lines, or with `quiet` nothing.
        quiet: For evaluation and prediction.
    """
    if isinstance(verbose, str):
        if verbose == "auto":
            return 1 if is_dynamic() else (0 if quiet else 2)
    elif isinstance(verbose, (bool, int)) and int(verbose) in (0, 1, 2):
        return int(verbose)
    raise ValueError(f"`verbose` must be 'auto', 0, 1 or 2. Received: verbose={verbose!r}")


def is_dynamic() -> bool:
    """Whether a line on standard output can be written over."""
    try:
        return bool(sys.stdout.isatty()) or "ipykernel" in sys.modules
    except (AttributeError, ValueError):
        return False


def format_logs(logs: Logs) -> str:
    """The logs as " - loss: 0.1234 - ...", small numbers in scientific notation."""
    parts = []
    for name, value in logs.items():
        if np.ndim(value):  # a number for each class or threshold: their mean
            value = float(np.mean(value))
        plain = value == 0.0 or abs(value) > 1e-3 or value != value
        parts.append(f" - {name}: {value:.4f}" if plain else f" - {name}: {value:.4e}")
    return "".join(parts)


def format_time(seconds: float) -> str:
    """A time for one step with its unit."""
    if seconds >= 1:
        return f"{seconds:.0f}s/step"
    if seconds >= 1e-3:
        return f"{seconds * 1e3:.0f}ms/step"
    return f"{seconds * 1e6:.0f}us/step"


class ProgressBar:
    """One epoch's line (or one evaluation's).

    Args:
        steps: How many batches there are.
        verbose: 0, 1 or 2.
        convert: Turns those values into logs.
    """

    def __init__(self, steps: int, verbose: int, convert: Callable[[list[float]], Logs]) -> None:
        self._steps = steps
        self._verbose = verbose
        self._convert = convert
        self._start = time.perf_counter()
        self._shown = 0
        self._dynamic = verbose == 1 and is_dynamic()

    @property
    def poll(self) -> Callable[[int, list[float]], None] | None:
        """What the core calls now and then while it works; None when nothing would show."""
        return self._update if self._dynamic else None

    def _update(self, done: int, values: list[float]) -> None:
        elapsed = time.perf_counter() - self._start
        left = elapsed / max(done, 1) * (self._steps - done)
        self._write_over(self._bar(done, f"{left:.0f}s", elapsed, self._convert(values)))

    def finish(self, logs: Logs) -> None:
        """Shows the line of a finished epoch."""
        if self._verbose == 0:
            return
        elapsed = time.perf_counter() - self._start
        if self._verbose == 2:
            each = format_time(elapsed / max(self._steps, 1))
            line = f"{self._steps}/{self._steps} - {elapsed:.0f}s - {each}{format_logs(logs)}"
            print(line, flush=True)
            return
        line = self._bar(self._steps, f"{elapsed:.0f}s", elapsed, logs)
        if self._dynamic:
            self._write_over(line)
            print(flush=True)
        else:
            print(line, flush=True)

    def abandon(self) -> None:
        """Leaves the line as it is: training was stopped."""
        if self._shown:
            print(flush=True)

    def _bar(self, done: int, left: str, elapsed: float, logs: Logs) -> str:
        digits = len(str(self._steps))
        filled = _WIDTH * done // max(self._steps, 1)
        full, rest = "━" * filled, "━" * (_WIDTH - filled)
        if self._dynamic:
            full, rest = f"\x1b[32m{full}\x1b[0m", f"\x1b[37m{rest}\x1b[0m"
        each = format_time(elapsed / max(done, 1))
        return f"{done:>{digits}}/{self._steps} {full}{rest} {left} {each}{format_logs(logs)}"

    def _write_over(self, line: str) -> None:
        padding = " " * max(0, self._shown - len(line))
        print(f"\r{line}{padding}", end="", flush=True)
        self._shown = len(line)
