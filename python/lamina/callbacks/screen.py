"""Where progress is written to: standard output, as seldom as nobody notices."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

#: Seconds that finished lines wait for others while `patient`.
PATIENCE = 0.1
Heading = tuple[int, int] | None


def format_heading(heading: tuple[int, int]) -> str:
    """The line before an epoch's."""
    return f"Epoch {heading[0]}/{heading[1]}\n"


class Screen:
    """Standard output; while it is patient, lines wait for those that come soon.

    Epochs of a millisecond are over faster than anybody can read their lines. Those are kept as
    what they are made of, and made and written together at most ten times a second: a call of the
    system costs a hundred times what a line does, and code that runs once in a millisecond finds
    the processor's caches full of the network.

    Whoever lets others print in between calls `flush` before.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[Callable[..., str], tuple[Any, ...]]] = []
        self._written = 0.0
        #: Whether lines may wait: somebody promises to flush.
        self.patient = False
        #: The epoch that begins and how many there are, to be shown before its line; then None.
        self.heading: Heading = None

    @property
    def waits(self) -> bool:
        """Whether there is something that waits."""
        return bool(self._waiting) or self.heading is not None

    def start(self) -> None:
        """What comes next may wait, too."""
        self._written = time.perf_counter()

    def write(self, text: str) -> None:
        """Writes the text now, and before it all that waited."""
        if self.heading is not None:
            text = format_heading(self.heading) + text
        text = "".join([make(*line) for make, line in self._waiting]) + text
        if text:
            write = sys.stdout.write
            # An interrupt comes before or after these three lines, never between them, where it
            # would lose or double lines.
            self._waiting = []
            self.heading = None
            write(text)
            sys.stdout.flush()
        self._written = time.perf_counter()

    def leave(self, now: float, make: Callable[..., str], *arguments: Any) -> None:
        """Writes a line, or keeps it for a moment if something was written a moment ago.

        Args:
            now: The time, by `time.perf_counter`.
            make: Makes the text when it is written, of the heading that waits and what follows.
            *arguments: What follows; not to be changed any more.
        """
        append, line = self._waiting.append, (make, (self.heading, *arguments))
        self.heading = None  # no interrupt comes before the next line's call
        append(line)
        if not self.patient or now - self._written >= PATIENCE:
            self.write("")

    def flush(self) -> None:
        """Writes what waited."""
        if self.waits:
            self.write("")

    def flush_if_due(self) -> None:
        """Writes what waited for a while."""
        if self.waits and time.perf_counter() - self._written >= PATIENCE:
            self.write("")
