"""Results as a whole: the JSON document, and the ratios that sum it up."""

from __future__ import annotations

import datetime as dt
import json
import math
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lamina.bench.cases import Case
from lamina.bench.limits import Limits
from lamina.bench.rounds import Times

SCHEMA = 1

FASTEST = "the fastest of each"


@dataclass(frozen=True)
class Result:
    """A case and the times of those who have it."""

    case: Case
    times: Mapping[str, Times]


def document(
    results: Sequence[Result],
    limits: Limits,
    machine: Mapping[str, Any],
    lamina: Mapping[str, Any],
    versions: Mapping[str, Mapping[str, str]],
    settings: Mapping[str, Any],
    remarks: Sequence[str],
) -> dict[str, Any]:
    """Everything about a run, plain enough for JSON.

    Args:
        results: The cases.
        limits: The machine's limits.
        machine: From `lamina.bench.machine.describe_machine`.
        lamina: From `lamina.bench.machine.describe_lamina`.
        versions: Of each contender's packages.
        settings: Rounds, seconds, filter and such.
        remarks: What could not be measured.

    Returns:
        The document; times are in seconds, rates in units a second.
    """
    cases = []
    for result in results:
        case, limit = result.case, limits.of(result.case)
        entry: dict[str, Any] = {
            "name": case.name,
            "section": case.section,
            "parameters": case.parameters,
            "flops": case.flops,
            "bytes": case.bytes,
            "working_set": case.working_set,
            "limit": {"seconds": limit.seconds, "kind": limit.kind},
            "contenders": {
                name: {
                    "median": times.median,
                    "min": times.spread[0],
                    "max": times.spread[1],
                    "rounds": list(times.rounds),
                }
                for name, times in result.times.items()
            },
        }
        if "lamina" in result.times:
            entry["share_of_limit"] = limit.seconds / result.times["lamina"].median
        cases.append(entry)
    return {
        "schema": SCHEMA,
        "date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "machine": {
            **machine,
            "load_after": round(os.getloadavg()[0], 2) if sys.platform != "win32" else None,
        },
        "lamina": dict(lamina),
        "versions": {name: dict(found) for name, found in versions.items()},
        "settings": dict(settings),
        "limits": {"peak": dict(limits.peak), "bandwidth": [dict(row) for row in limits.table]},
        "results": cases,
        "summary": {
            section: {
                name: {
                    "geometric_mean": geometric_mean(factors),
                    "least": min(factors),
                    "most": max(factors),
                    "cases": len(factors),
                }
                for name, factors in peers.items()
            }
            for section, peers in ratios(results).items()
        },
        "remarks": list(remarks),
    }


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a document.

    Args:
        path: The file; replaced if it is there.
        content: From `document`.
    """
    path.write_text(json.dumps(content, indent=1) + "\n", "utf-8")


def geometric_mean(numbers: Sequence[float]) -> float:
    """Of positive numbers."""
    return math.exp(math.fsum(map(math.log, numbers)) / len(numbers))


def ratios(results: Sequence[Result]) -> dict[str, dict[str, list[float]]]:
    """How many times as long each peer took as lamina.

    Args:
        results: The cases.

    Returns:
        For each section, for each peer, one factor for each case that both have; and as
        "the fastest of each" the factors of the fastest peer of each case.
    """
    found: dict[str, dict[str, list[float]]] = {}
    for result in results:
        ours = result.times.get("lamina")
        factors = {
            name: times.median / ours.median
            for name, times in result.times.items()
            if name != "lamina" and ours is not None
        }
        if not factors:
            continue
        section = found.setdefault(result.case.section, {})
        for name, factor in factors.items():
            section.setdefault(name, []).append(factor)
        section.setdefault(FASTEST, []).append(min(factors.values()))
    return found


def summary(results: Sequence[Result]) -> list[str]:
    """The ratios as text.

    Args:
        results: The cases.

    Returns:
        A line for each section and peer, and one against the fastest peer of each case; nothing
        without peers.
    """
    lines = []
    for section, peers in ratios(results).items():
        names = sorted(peers, key=lambda name: name == FASTEST)
        if len(names) == 2:  # one peer is always the fastest
            names.pop()
        lines += [
            f"  {section:<11}{name:<21}{geometric_mean(peers[name]):7.2f}x  "
            f"({min(peers[name]):.2f}x - {max(peers[name]):.2f}x over {len(peers[name])})"
            for name in names
        ]
    if lines:
        lines = ["", "times as long as lamina (geometric mean, least and most):", *lines]
    return lines
