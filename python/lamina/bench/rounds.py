"""Contenders in processes of their own, and their rounds in turn."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lamina.bench.cases import Case
from lamina.bench.contenders import REGISTRY

# Threads of some libraries look for work long after a call: until they sleep, they take a processor
# from what is measured next.
_SETTLING = 0.15  # seconds


class ContenderError(RuntimeError):
    """A contender could not do what it was asked to; the message says why."""


class Worker:
    """A contender in its own process, which sleeps whenever it is not asked for something.

    Args:
        name: A key of `lamina.bench.contenders.REGISTRY`.
        threads: How many threads it may use.

    Example:
        >>> with Worker("lamina", threads=1) as worker:  # doctest: +SKIP
        ...     worker.ask("versions")
    """

    def __init__(self, name: str, threads: int) -> None:
        self.name = name
        environment = dict(os.environ)
        for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            environment[variable] = str(threads)
        environment.update(REGISTRY[name].environment)
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        command = [sys.executable, "-m", "lamina.bench.worker", name, "--threads", str(threads)]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=environment,
            encoding="utf-8",
        )

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, do: str, **order: Any) -> Any:
        """Gives an order and waits for the answer.

        Args:
            do: "versions", "prepare", "round", "limits" or "describe".
            **order: What the order needs.

        Returns:
            The answer.

        Raises:
            ContenderError: If the contender failed or its process ended.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, **order}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            self._errors.seek(0)
            last = self._errors.read().strip().splitlines()[-1:]
            raise ContenderError(f"{self.name}: its process ended. {' '.join(last)}".strip())
        reply = json.loads(line)
        if "error" in reply:
            raise ContenderError(f"{self.name}: {reply['error']}")
        return reply["value"]

    def close(self) -> None:
        """Ends the process."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._errors.close()


@dataclass(frozen=True)
class Times:
    """The seconds of one call, once for each round."""

    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The figure that tables show."""
        return statistics.median(self.rounds)

    @property
    def spread(self) -> tuple[float, float]:
        """The fastest and the slowest round."""
        return min(self.rounds), max(self.rounds)


def measure_case(
    case: Case,
    workers: Sequence[Worker],
    rounds: int,
    seconds: float,
    parameters: Mapping[str, Any] | None = None,
) -> tuple[dict[str, Times], list[str]]:
    """Measures one case with all who can, in turns: every round asks each of them once.

    Args:
        case: What to measure.
        workers: The contenders.
        rounds: How many rounds; one more comes first that does not count.
        seconds: How long one contender's round lasts, about.
        parameters: What is added to the case's own parameters.

    Returns:
        The times of each contender that has this case, and remarks about those that failed.
    """
    order = {**case.parameters, **(parameters or {})}
    ready: list[Worker] = []
    remarks: list[str] = []
    times: dict[str, list[float]] = {}
    for worker in workers:
        try:
            if worker.ask("prepare", section=case.section, parameters=order):
                worker.ask("round", seconds=seconds)
                ready.append(worker)
        except ContenderError as error:
            remarks.append(f"{case.name}: {error}")
    for turn in range(rounds):
        first = turn % max(1, len(ready))  # none always follows the same one
        for worker in ready[first:] + ready[:first]:
            if len(ready) > 1:
                time.sleep(_SETTLING)
            try:
                times.setdefault(worker.name, []).append(worker.ask("round", seconds=seconds))
            except ContenderError as error:
                remarks.append(f"{case.name}: {error}")
                ready = [other for other in ready if other is not worker]
                times.pop(worker.name, None)
    return {name: Times(tuple(values)) for name, values in times.items()}, remarks
