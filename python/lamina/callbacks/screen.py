"""Where progress is written to: standard output, throttled."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

#: Seconds between two writes while `buffering`.
INTERVAL = 0.1
Heading = tuple[int, int] | None


def format_heading(heading: tuple[int, int]) -> str:
    """The line before an epoch's."""
    return f"Epoch {heading[0]}/{heading[1]}\n"


class BufferedOutput:
    """Standard output; while it is buffering, finished lines are written together.

    Epochs of a millisecond are over faster than their lines can be read. Those are kept as what
    they are made of, and made and written together at most ten times a second: a call of the
    system costs a hundred times what a line does, and code that runs once in a millisecond finds
    the processor's caches full of the network.

    Before other code may print, `flush` is to be called.
    """

    def __init__(self) -> None:
        self._pending: list[tuple[Callable[..., str], tuple[Any, ...]]] = []
        self._written = 0.0
        #: Whether lines may be kept: the caller flushes before other code prints.
        self.buffering = False
        #: The epoch that begins and how many there are, to be shown before its line; then None.
        self.heading: Heading = None

    @property
    def has_pending(self) -> bool:
        """Whether there are lines that are not written yet."""
        return bool(self._pending) or self.heading is not None

    def start(self) -> None:
        """What comes next may be kept, too."""
        self._written = time.perf_counter()

    def write(self, text: str) -> None:
        """Writes the text now, and before it all pending lines."""
        if self.heading is not None:
            text = format_heading(self.heading) + text
        text = "".join([make(*line) for make, line in self._pending]) + text
        if text:
            write = sys.stdout.write
            # An interrupt comes before or after these three lines, never between them, where it
            # would lose or double lines.
            self._pending = []
            self.heading = None
            write(text)
            sys.stdout.flush()
        self._written = time.perf_counter()

    def append(self, now: float, make: Callable[..., str], *arguments: Any) -> None:
        """Writes a line, or keeps it for a moment if something was written a moment ago.

        Args:
            now: The time, by `time.perf_counter`.
            make: Makes the text when it is written, of the pending heading and what follows.
            *arguments: What follows; not to be changed any more.
        """
        append, line = self._pending.append, (make, (self.heading, *arguments))
        self.heading = None  # no interrupt comes before the next line's call
        append(line)
        if not self.buffering or now - self._written >= INTERVAL:
            self.write("")

    def flush(self) -> None:
        """Writes pending lines."""
        if self.has_pending:
            self.write("")

    def flush_if_due(self) -> None:
        """Writes pending lines that are old enough."""
        if self.has_pending and time.perf_counter() - self._written >= INTERVAL:
            self.write("")
