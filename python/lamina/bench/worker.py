"""A contender's process: takes orders as lines of JSON, answers with lines of JSON."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from typing import Any


def _keep_to_cpus(threads: int) -> None:
    """Leaves the process as many CPUs as it may use threads: some libraries ask nothing else."""
    if hasattr(os, "sched_setaffinity"):  # Linux only
        cpus = sorted(os.sched_getaffinity(0))
        if threads < len(cpus):
            os.sched_setaffinity(0, cpus[:threads])


class _Server:
    def __init__(self, name: str, threads: int) -> None:
        from lamina.bench import contenders

        self._threads = threads
        self._contender = contenders.make(name, threads)
        self._timed: Any = None

    def answer(self, order: dict[str, Any]) -> Any:
        match order["do"]:
            case "versions":
                return self._contender.versions()
            case "prepare":
                self._timed = None  # first give back the memory of the case before
                self._timed = self._contender.prepare(order["section"], order["parameters"])
                return self._timed is not None
            case "round":
                return self._timed.round(order["seconds"])
            case "limits":
                from lamina.bench.limits import measure

                return measure(self._threads, order["seconds"], order["quick"])
            case "describe":
                from lamina.bench.machine import describe_lamina

                return describe_lamina(self._threads)
        raise ValueError(f"unknown order. Received: {order['do']!r}")


def main() -> None:
    """Serves until its input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("--threads", type=int, required=True)
    arguments = parser.parse_args()
    # Answers go where standard output went; whatever a library prints goes to standard error.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    _keep_to_cpus(arguments.threads)
    server: _Server | None = None
    for line in sys.stdin:
        reply: dict[str, Any]
        try:
            if server is None:
                server = _Server(arguments.name, arguments.threads)
            reply = {"value": server.answer(json.loads(line))}
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}"}
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps(reply), file=answers, flush=True)


if __name__ == "__main__":
    main()
