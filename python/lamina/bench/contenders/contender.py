"""What a library must offer to be measured."""

from __future__ import annotations

import gc
import importlib
import importlib.metadata
import os
import statistics
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Protocol

from lamina.bench.graphs.works import GRAPH_WORKS, GraphData, GraphWork
from lamina.bench.works import WORKS, Data, Work, make_data

# A step is measured on this many batches in turn, but on no more memory than the second number.
STEP_BATCHES = 16
STEP_BYTES = 48 << 20


class Timed(Protocol):
    """A case made ready: data in memory, everything compiled, warm."""

    def round(self, seconds: float) -> float:
        """Works for about so many seconds; returns the seconds of one call."""
        ...


class Loop:
    """Times a Python callable.

    Args:
        call: Does the work once.
        finish: Waits until all that was called has been done, for libraries that only note
            down what to do.
        units: How many units of work a call is (steps, for an epoch).
    """

    def __init__(
        self, call: Callable[[], object], finish: Callable[[], object] | None = None, units: int = 1
    ) -> None:
        self._call = call
        self._finish = finish or (lambda: None)
        self._units = units
        self._once = 0.0
        call()
        self._finish()

    def _time(self, calls: int) -> float:
        call = self._call
        collecting = gc.isenabled()
        gc.disable()
        try:
            start = time.perf_counter()
            for _ in range(calls):
                call()
            self._finish()
            return (time.perf_counter() - start) / calls
        finally:
            if collecting:
                gc.enable()

    def round(self, seconds: float) -> float:
        """See `Timed`; the first call also finds out how many calls a round takes."""
        if self._once == 0.0:
            self._once = self._time(1)
            while self._once < seconds / 8:  # until a whole eighth of a round agrees
                calls = max(2, int(seconds / 8 / self._once))
                once = self._time(calls)
                done = calls * once >= seconds / 16
                self._once = once
                if done:
                    break
        self._once = self._time(max(1, round(seconds / self._once)))
        return self._once / self._units


class Once:
    """Times what can be done once only with a thing: the first step of a model.

    Args:
        make: Makes the thing; not timed.
        use: Does the work.
    """

    def __init__(self, make: Callable[[], Any], use: Callable[[Any], object]) -> None:
        self._make = make
        self._use = use

    def round(self, seconds: float) -> float:
        """See `Timed`: the median of at least three."""
        times: list[float] = []
        end = time.perf_counter() + seconds
        while len(times) < 3 or time.perf_counter() < end:
            thing = self._make()
            start = time.perf_counter()
            self._use(thing)
            times.append(time.perf_counter() - start)
        return statistics.median(times)


class Import:
    """Times an import: a new interpreter with NumPy and it, less one with NumPy alone.

    Args:
        names: What to import, separated by commas.
    """

    def __init__(self, names: str) -> None:
        self._names = names
        # As an installed package: what was compiled once is kept.
        self._environment = dict(os.environ)
        if self._environment.pop("PYTHONDONTWRITEBYTECODE", ""):
            self._cache = tempfile.TemporaryDirectory()
            self._environment["PYTHONPYCACHEPREFIX"] = self._cache.name
        self._run("import numpy")
        self._run(f"import numpy, {names}")  # writes what Python compiles once

    def _run(self, program: str) -> float:
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-c", program], check=True, capture_output=True, env=self._environment
        )
        return time.perf_counter() - start

    def round(self, seconds: float) -> float:
        """See `Timed`: the median of at least three pairs."""
        differences: list[float] = []
        end = time.perf_counter() + seconds
        while len(differences) < 3 or time.perf_counter() < end:
            alone = self._run("import numpy")
            differences.append(self._run(f"import numpy, {self._names}") - alone)
        return statistics.median(differences)


class Contender(ABC):
    """A library, in a process of its own.

    Args:
        threads: How many threads it may use.
    """

    #: The packages whose versions are reported.
    packages: tuple[str, ...] = ()
    #: What a program that trains with it imports; "" if that is NumPy alone.
    imports: str = ""

    def __init__(self, threads: int) -> None:
        self.threads = threads

    def versions(self) -> dict[str, str]:
        """The versions of `packages`."""
        return {name: importlib.metadata.version(name) for name in self.packages}

    def prepare(self, section: str, parameters: dict[str, Any]) -> Timed | None:
        """Makes a case ready.

        Args:
            section: The case's section.
            parameters: The case's parameters; for training also ``"shrink"``, by which epochs
                are shorter than usual.

        Returns:
            What times it; None if this library has nothing to compare.
        """
        if section == "step":
            work = WORKS[parameters["work"]]
            batch_bytes = 4 * work.batch * (work.sizes[0] + work.sizes[-1])
            steps = max(1, min(STEP_BATCHES, STEP_BYTES // batch_bytes))
            return self.step(work, make_data(work, steps))
        if section == "fit":
            work = WORKS[parameters["work"]]
            steps = max(2, work.epoch_steps // int(parameters.get("shrink", 1)))
            return self.epoch(work, make_data(work, steps), steps)
        if section == "graph":
            graph = GRAPH_WORKS[parameters["work"]]
            return self.graph_step(graph, graph.make_data(STEP_BATCHES))
        if section == "predict":
            work = WORKS[parameters["work"]]
            rows = int(parameters["rows"])
            x = make_data(Work("", work.sizes, rows, "", "mse", "", 1), 1).x
            if parameters["path"] == "core":
                return self.predict_core(work, x)
            return self.predict(work, x)
        if section == "start":
            return self._start(str(parameters["what"]), parameters)
        return self.kernel(section, parameters)

    def _start(self, what: str, parameters: dict[str, Any]) -> Timed | None:
        if what == "import":
            return Import(self.imports) if self.imports else None
        work = WORKS[parameters["work"]]
        model = self.fresh_model(work)
        if model is None:
            return None
        if what == "build":
            return Loop(model)
        data = make_data(work, 1)
        return Once(model, lambda fresh: fresh.train_on_batch(data.x, data.y))

    @abstractmethod
    def kernel(self, section: str, parameters: dict[str, Any]) -> Timed | None:
        """A single kernel; see `prepare`."""

    def fresh_model(self, work: Work) -> Callable[[], Any] | None:
        """What builds and compiles a model that has `train_on_batch`."""
        return None

    def step(self, work: Work, data: Data) -> Timed | None:
        """Training steps, one batch of `data` after the other."""
        return None

    def graph_step(self, work: GraphWork, data: GraphData) -> Timed | None:
        """Training steps of a graph, one batch of `data` after the other."""
        return None

    def epoch(self, work: Work, data: Data, steps: int) -> Timed | None:
        """Epochs over `data` in a new random order each; a unit is a step."""
        return None

    def predict(self, work: Work, x: Any) -> Timed | None:
        """The outputs (logits, for a classifier) of the rows `x`."""
        return None

    def predict_core(self, work: Work, x: Any) -> Timed | None:
        """The same from the library's own language, without Python."""
        return None


def load(name: str) -> Any:
    """Imports a library that need not be installed, without making a type checker look for it."""
    return importlib.import_module(name)
