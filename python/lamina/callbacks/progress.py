"""The lines that show how training goes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from lamina.callbacks.callback import Callback, Logs

_WIDTH = 20
Poll = Callable[[int, Callable[[], Logs]], None]
_INTERVAL = 0.05  # seconds between two pictures of a bar


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
    entries: dict[str, Any] = logs
    for name, value in entries.items():
        if not isinstance(value, float) and np.ndim(value):  # for each class or threshold
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


def format_left(seconds: float) -> str:
    """A longer time: "7s", "1:05", "2:00:00"."""
    whole = int(seconds)
    if whole >= 3600:
        return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"
    return f"{whole // 60}:{whole % 60:02d}" if whole >= 60 else f"{whole}s"


class Screen:
    """Standard output; what need not be seen at once may wait for what comes next.

    Epochs of a millisecond are over faster than anybody can read their lines: those are written
    together, at most so many times a second.
    """

    def __init__(self) -> None:
        self._waiting: list[str] = []
        self._written = 0.0

    def write(self, text: str) -> None:
        """Writes the text, and before it all that waited."""
        sys.stdout.write("".join([*self._waiting, text]))
        sys.stdout.flush()
        self._waiting = []
        self._written = time.perf_counter()

    def leave(self, text: str) -> None:
        """Writes the text now or, if something was written a moment ago, with what comes next."""
        if time.perf_counter() - self._written >= _INTERVAL:
            self.write(text)
        else:
            self._waiting.append(text)

    def flush(self) -> None:
        """Writes what waited."""
        if self._waiting:
            self.write("")

    def flush_if_due(self) -> None:
        """Writes what waited for a while."""
        if self._waiting and time.perf_counter() - self._written >= _INTERVAL:
            self.write("")


class ProgressLine:
    """The line of one epoch, evaluation or prediction.

    Args:
        steps: How many batches there are; None if that is not known.
        verbose: 0 silent, 1 a bar, 2 one line at the end.
        width: The bar's width.
        unit: What a step is called.
        interval: Seconds between two pictures of a bar.
        screen: Where to; what waits there comes first.
        patient: Whether the finished line may wait.
    """

    def __init__(
        self,
        steps: int | None,
        verbose: int,
        width: int = _WIDTH,
        unit: str = "step",
        interval: float = _INTERVAL,
        screen: Screen | None = None,
        patient: bool = False,
    ) -> None:
        self._screen = screen if screen is not None else Screen()
        #: Whether its last picture may wait for what comes next.
        self.patient = patient
        self._interval = interval
        self.steps = steps
        self.dynamic = verbose == 1 and is_dynamic()
        self._verbose, self._width, self._unit = verbose, width, unit
        self._start = self._drawn = time.perf_counter()
        self._shown = 0
        self._done = 0

    def update(self, done: int, logs: Callable[[], Logs]) -> None:
        """Shows how far it is, unless that was shown a moment ago."""
        self._done = done
        if not self.dynamic:
            self._screen.flush_if_due()
            return
        now = time.perf_counter()
        if now - self._drawn < self._interval:
            return
        self._drawn = now
        elapsed = now - self._start
        left = elapsed
        if self.steps is not None:
            left = elapsed / max(done, 1) * max(self.steps - done, 0)
        self._write_over(self._bar(done, format_left(left), elapsed, logs()))

    def finish(self, logs: Logs, done: int | None = None) -> None:
        """Shows the last picture and ends the line."""
        if self._verbose == 0:
            return
        if self.steps is None:
            self.steps = self._done if done is None else done
        count = self.steps if done is None else done
        elapsed = time.perf_counter() - self._start
        if self._verbose == 2:
            each = format_time(elapsed / max(count, 1)).replace("step", self._unit)
            line = f"{count}/{self.steps} - {format_left(elapsed)} - {each}{format_logs(logs)}"
            self._end(line)
            return
        line = self._bar(count, format_left(elapsed), elapsed, logs)
        if self.dynamic:
            line = self._over(line)
        self._end(line)
        self._shown = 0

    def _end(self, line: str) -> None:
        if self.patient:
            self._screen.leave(line + "\n")
        else:
            self._screen.write(line + "\n")

    def abandon(self) -> None:
        """Leaves the line as it is: training was stopped."""
        self._screen.write("\n" if self._shown else "")
        self._shown = 0

    def _bar(self, done: int, left: str, elapsed: float, logs: Logs) -> str:
        each = format_time(elapsed / max(done, 1)).replace("step", self._unit)
        if self.steps is None:
            return f"{done:>7}/Unknown {left} {each}{format_logs(logs)}"
        digits = len(str(self.steps))
        filled = min(self._width, self._width * done // max(self.steps, 1))
        full, rest = "━" * filled, "━" * (self._width - filled)
        if self.dynamic:
            full, rest = f"\x1b[32m{full}\x1b[0m", f"\x1b[37m{rest}\x1b[0m"
        return f"{done:>{digits}}/{self.steps} {full}{rest} {left} {each}{format_logs(logs)}"

    def _write_over(self, line: str) -> None:
        self._screen.write(self._over(line))
        self._shown = len(line)

    def _over(self, line: str) -> str:
        return f"\r{line}{' ' * max(0, self._shown - len(line))}"


class ProgbarLogger(Callback):
    """Prints how training, evaluation or prediction goes.

    A bar that is drawn anew at most twenty times a second where a line can be written over (a
    terminal, a notebook), one finished line an epoch elsewhere. `fit` adds one unless
    `verbose=0`. It needs no hooks for batches: the core calls `poll` while it works.
    """

    state_names = ()

    def __init__(self) -> None:
        super().__init__()
        self._line: ProgressLine | None = None
        self._training = False
        self._screen = Screen()
        #: Whether nobody else prints while it shows something, as far as `fit` knows.
        self.alone = False

    def _verbose(self, quiet: bool) -> int:
        return resolve_verbose(self.params.get("verbose", 1), quiet)

    def _begin(self, quiet: bool = True) -> None:
        self._line = ProgressLine(
            self.params.get("steps"),
            self._verbose(quiet),
            screen=self._screen,
            patient=self.alone and not quiet,
        )

    @property
    def poll(self) -> Poll | None:
        """What to call with the batches done and a function that gives the logs so far.

        None if nothing would show.
        """
        line = self._line
        if line is None or not (line.dynamic or line.patient or line.steps is None):
            return None
        return line.update

    def finish(self, logs: Logs) -> None:
        """Ends the line."""
        if self._line is not None:
            self._line.finish(logs)
            self._line = None

    def interrupt(self) -> None:
        """Makes room for something else to be printed."""
        if self._line is not None:
            self._line.abandon()

    def abandon(self) -> None:
        """Leaves the line as it is: training was stopped."""
        self.interrupt()
        self._line = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Remembers that evaluations to come are validations."""
        self._training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Training is over."""
        self._training = False
        self._screen.flush()

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Prints the epoch's number and starts its line."""
        self._begin(quiet=False)
        assert self._line is not None
        if self._verbose(quiet=False) and self.params.get("epochs", 1) > 1:
            heading = f"Epoch {epoch + 1}/{self.params['epochs']}\n"
            if self._line.patient:
                self._screen.leave(heading)
            else:
                self._screen.write(heading)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Ends the line."""
        self.finish(logs or {})

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Starts a line, but in a training's validation."""
        if not self._training:
            self._begin()

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Ends it."""
        if not self._training:
            self.finish(logs or {})

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Starts a line."""
        self._begin()

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """Ends it."""
        self.finish({})
