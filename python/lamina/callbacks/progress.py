"""The lines that show how training goes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from lamina.callbacks.callback import Callback, Logs
from lamina.callbacks.screen import BufferedOutput, Heading, format_heading

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
    text = ""
    entries: dict[str, Any] = logs
    for name, value in entries.items():
        if not isinstance(value, float) and np.ndim(value):  # for each class or threshold
            value = float(np.mean(value))
        if value > 1e-3 or value < -1e-3 or value == 0.0 or value != value:
            text += f" - {name}: {value:.4f}"
        else:
            text += f" - {name}: {value:.4e}"
    return text


def format_time(seconds: float) -> str:
    """A short time with its unit."""
    if seconds >= 1:
        return f"{seconds:.0f}s"
    if seconds >= 1e-3:
        return f"{seconds * 1e3:.0f}ms"
    return f"{seconds * 1e6:.0f}us"


def format_left(seconds: float) -> str:
    """A longer time: "7s", "1:05", "2:00:00"."""
    whole = int(seconds)
    if whole >= 3600:
        return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"
    return f"{whole // 60}:{whole % 60:02d}" if whole >= 60 else f"{whole}s"


class ProgressLine:
    """The line of one epoch, evaluation or prediction.

    Args:
        steps: How many batches there are; None if that is not known.
        verbose: 0 silent, 1 a bar, 2 one line at the end.
        width: The bar's width.
        unit: What a step is called.
        interval: Seconds between two pictures of a bar.
        screen: Where to; what is pending there comes first.
    """

    def __init__(
        self,
        steps: int | None,
        verbose: int,
        width: int = _WIDTH,
        unit: str = "step",
        interval: float = _INTERVAL,
        screen: BufferedOutput | None = None,
    ) -> None:
        self._screen = screen if screen is not None else BufferedOutput()
        self._interval = interval
        self.steps = steps
        self.dynamic = verbose == 1 and is_dynamic()
        self.verbose, self._width, self._unit = verbose, width, unit
        self._head = (-1, -1, "")
        self.restart()

    def restart(self) -> None:
        """Another epoch begins, of as many steps."""
        self.start = self._drawn = time.perf_counter()
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
        elapsed = now - self.start
        each = elapsed / max(done, 1)
        if self.steps is None:
            line = f"{done:>7}/Unknown {format_left(elapsed)}"
        else:
            left = each * max(self.steps - done, 0)
            line = f"{self._bar(done, self.steps)} {format_left(left)}"
        line += f" {format_time(each)}/{self._unit}{format_logs(logs())}"
        self._screen.write(f"\r{line}{' ' * (self._shown - len(line))}")
        self._shown = len(line)

    def finish(self, logs: Logs, done: int | None = None) -> None:
        """Shows the last picture and ends the line."""
        if self.verbose == 0:
            return
        steps = self.steps
        if steps is None:
            steps = self._done if done is None else done
        screen = self._screen
        now = time.perf_counter()
        count = steps if done is None else done
        # The logs go on to other callbacks, which may add to them before the line is made.
        shown, self._shown = self._shown, 0
        screen.append(now, self._finished, count, steps, now - self.start, shown, logs.copy())

    def _finished(
        self, heading: Heading, count: int, steps: int, elapsed: float, shown: int, logs: Logs
    ) -> str:
        first = "" if heading is None else format_heading(heading)
        each = elapsed / count if count > 1 else elapsed
        if each >= 1e-3 or elapsed >= 1:
            left, speed = format_left(elapsed), format_time(each)
        else:
            left, speed = "0s", f"{each * 1e6:.0f}us"
        if self.verbose == 2:
            text = f"{count}/{steps} - {left} - {speed}/{self._unit}{format_logs(logs)}"
            return f"{first}{text}\n"
        text = f"{self._bar(count, steps)} {left} {speed}/{self._unit}{format_logs(logs)}"
        if self.dynamic:
            return f"{first}\r{text}{' ' * (shown - len(text))}\n"
        return f"{first}{text}\n"

    def abandon(self) -> None:
        """Leaves the line as it is: training was stopped."""
        self._screen.write("\n" if self._shown else "")
        self._shown = 0

    def _bar(self, done: int, steps: int) -> str:
        if self._head[0] != done or self._head[1] != steps:
            digits = len(str(steps))
            filled = min(self._width, self._width * done // max(steps, 1))
            full, rest = "━" * filled, "━" * (self._width - filled)
            if self.dynamic:
                full = f"\x1b[32m{full}\x1b[0m"
                rest = f"\x1b[37m{rest}\x1b[0m" if rest else ""
            self._head = (done, steps, f"{done:>{digits}}/{steps} {full}{rest}")
        return self._head[2]


class ProgbarLogger(Callback):
    """Prints how training, evaluation or prediction goes.

    A bar that is drawn anew at most ten times a second where a line can be written over (a
    terminal, a notebook), one finished line an epoch elsewhere. `fit` adds one unless
    `verbose=0`. It needs no hooks for batches: the core calls `poll` while it works. In `fit`,
    lines of epochs that are over in a moment are written together, at most ten times a second,
    and always before other code runs.
    """

    state_names = ()
    prints = False

    def __init__(self) -> None:
        super().__init__()
        self._line: ProgressLine | None = None
        self._kept: ProgressLine | None = None
        self._kept_for: Any = None
        self._training = False
        self._screen = BufferedOutput()

    def set_params(self, params: dict[str, Any]) -> None:
        """Called before training with "epochs", "steps" and "verbose"."""
        self.params = params
        self._kept = None

    def _begin(self, quiet: bool = True) -> ProgressLine:
        line, steps = self._kept, self.params.get("steps")
        if line is None or self._kept_for is not sys.stdout or line.steps != steps:
            verbose = resolve_verbose(self.params.get("verbose", 1), quiet)
            line = ProgressLine(steps, verbose, screen=self._screen)
            self._kept, self._kept_for = line, sys.stdout
        else:
            line.restart()
        self._line = line
        return line

    def set_buffering(self, buffering: bool) -> None:
        """Whether lines may be kept, since the caller flushes before other code may print."""
        self._screen.buffering = buffering
        if buffering:
            self._screen.start()
        else:
            self._screen.flush()

    @property
    def has_pending(self) -> bool:
        """Whether there are lines that are not written yet."""
        return self._screen.has_pending

    def flush(self) -> None:
        """Writes pending lines: other code may print."""
        self._screen.flush()

    def flush_if_due(self, done: int, logs: Any = None) -> None:
        """Writes pending lines that are old enough; in the place of a `poll`."""
        self._screen.flush_if_due()

    @property
    def poll(self) -> Poll | None:
        """What to call with the batches done and a function that gives the logs so far.

        None if nothing would show.
        """
        line = self._line
        if line is None or not (line.dynamic or self._screen.buffering or line.steps is None):
            return None
        return self._update

    def _update(self, done: int, logs: Callable[[], Logs]) -> None:
        if self._line is not None:
            self._line.update(done, logs)

    def finish(self, logs: Logs) -> None:
        """Ends the line."""
        if self._line is not None:
            self._line.finish(logs)
            self._line = None

    def interrupt(self) -> None:
        """Makes room for something else to be printed."""
        if self._line is not None:
            self._line.abandon()
        self._screen.flush()

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
        line = self._begin(quiet=False)
        epochs = self.params.get("epochs", 1)
        if epochs > 1 and line.verbose:
            screen = self._screen
            screen.heading = (epoch + 1, epochs)
            if not screen.buffering:
                screen.flush()

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
