"""A bar of progress for loops of one's own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lamina.callbacks.progress import ProgressLine, resolve_verbose


class Progbar:
    """Shows how far a loop is.

    Args:
        target: How many steps there are; None if that is not known.
        width: The bar's width.
        verbose: 0 silent, 1 a bar, 2 one line at the end.
        interval: Seconds between two pictures of the bar.
        stateful_metrics: Names of values to show as they are; all others are averaged.
        stateless_metrics: Names of values to average; all others are shown as they are.
        unit_name: What a step is called.

    Raises:
        ValueError: If both kinds of names are given.

    Example:
        >>> bar = lamina.utils.Progbar(3, verbose=0)  # 2 prints "3/3 - 0s - ... - loss: 1.0000"
        >>> for step in range(3):
        ...     bar.add(1, [("loss", 1.0)])
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Iterable[str] | None = None,
        stateless_metrics: Iterable[str] | None = None,
        unit_name: str = "step",
    ) -> None:
        if stateful_metrics is not None and stateless_metrics is not None:
            raise ValueError(
                "Progbar: give `stateful_metrics` or `stateless_metrics`. Received: both"
            )
        self.target = target
        self._stateful = None if stateful_metrics is None else set(stateful_metrics)
        self._stateless = None if stateless_metrics is None else set(stateless_metrics)
        self._line = ProgressLine(
            target, resolve_verbose(verbose), width, unit_name, interval=interval
        )
        self._sums: dict[str, tuple[float, int]] = {}
        self._seen = 0

    def _averages(self, name: str) -> bool:
        if self._stateless is not None:
            return name in self._stateless
        return self._stateful is None or name not in self._stateful

    def _logs(self) -> dict[str, float]:
        return {name: total / max(count, 1) for name, (total, count) in self._sums.items()}

    def update(
        self,
        current: int,
        values: Iterable[tuple[str, Any]] | None = None,
        finalize: bool | None = None,
    ) -> None:
        """Shows that `current` steps are done.

        Args:
            current: How many steps are done.
            values: Names and values of the last step.
            finalize: Whether this is the last call; None tells it from the target.
        """
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        steps = max(current - self._seen, 1)
        for name, value in values or ():
            total, count = self._sums.get(name, (0.0, 0))
            if not self._averages(name):
                self._sums[name] = (float(value), 1)
            else:
                self._sums[name] = (total + float(value) * steps, count + steps)
        self._seen = current
        if finalize:
            self._line.finish(self._logs(), current)
        else:
            self._line.update(current, self._logs)

    def add(self, n: int, values: Iterable[tuple[str, Any]] | None = None) -> None:
        """Shows that `n` more steps are done."""
        self.update(self._seen + n, values)
