"""The machine's limits, measured: what no program can beat on it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lamina.bench.cases import Case

# Working sets in bytes: first-level cache up to memory. Shares of it are each thread's.
WORKING_SETS = (24 << 10, 256 << 10, 3 << 20, 12 << 20, 256 << 20)


def measure(threads: int, seconds: float, quick: bool) -> dict[str, Any]:
    """Measures peak and bandwidth in this process.

    Args:
        threads: How many threads work.
        seconds: For one figure.
        quick: Leave the largest working set out.

    Returns:
        ``peak`` (FLOP/s by dtype) and ``bandwidth`` (a list of ``bytes``, ``read`` and
        ``update`` in bytes/s), plain enough for JSON.
    """
    import lamina._core as _core

    peak = {
        dtype: _core.bench_fma_peak(seconds, threads, dtype) for dtype in ("float32", "float64")
    }
    bandwidth = []
    for size in WORKING_SETS[:-1] if quick else WORKING_SETS:
        row: dict[str, float] = {"bytes": size}
        for traffic in ("read", "update"):
            row[traffic] = _core.bench_bandwidth(size, threads, traffic, seconds)
        bandwidth.append(row)
    return {"peak": peak, "bandwidth": bandwidth}


def best_of(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """The larger of each figure: a limit is what was reached at any time.

    Args:
        first: From `measure`.
        second: From `measure`, with the same working sets.

    Returns:
        The same form.
    """
    peak = {dtype: max(rate, second["peak"][dtype]) for dtype, rate in first["peak"].items()}
    bandwidth = [
        {key: max(a[key], b[key]) for key in a}
        for a, b in zip(first["bandwidth"], second["bandwidth"], strict=True)
    ]
    return {"peak": peak, "bandwidth": bandwidth}


@dataclass(frozen=True)
class Limit:
    """The least time that a case can take.

    Attributes:
        seconds: That time; zero if nothing bounds it.
        kind: ``"compute"`` or ``"bandwidth"``, whichever is larger.
    """

    seconds: float
    kind: str


class Limits:
    """Measured limits, and what they mean for a case.

    Args:
        measured: From `measure`.
    """

    def __init__(self, measured: Mapping[str, Any]) -> None:
        self.peak: Mapping[str, float] = measured["peak"]
        self.table: Sequence[Mapping[str, float]] = measured["bandwidth"]

    def bandwidth(self, working_set: float, traffic: str) -> float:
        """Bytes a second for a working set of so many bytes.

        Args:
            working_set: Between two measured sizes, the logarithms are interpolated.
            traffic: "read" or "update".

        Returns:
            The bandwidth.
        """
        rows = self.table
        if working_set <= rows[0]["bytes"]:
            return rows[0][traffic]
        for low, high in itertools.pairwise(rows):
            if working_set <= high["bytes"]:
                at = math.log(working_set / low["bytes"]) / math.log(high["bytes"] / low["bytes"])
                return math.exp((1.0 - at) * math.log(low[traffic]) + at * math.log(high[traffic]))
        return rows[-1][traffic]

    def of(self, case: Case) -> Limit:
        """The limit of a case."""
        compute = case.flops / self.peak[case.dtype]
        moving = case.bytes / self.bandwidth(case.working_set, case.traffic)
        return Limit(compute, "compute") if compute >= moving else Limit(moving, "bandwidth")
