"""Do threads pay? Each work with several numbers of threads, in turns."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

from lamina.bench.cases import SECTIONS, Case
from lamina.bench.report import Result
from lamina.bench.rounds import ContenderError, Worker, measure_case
from lamina.bench.table import duration

#: What is measured unless --filter says otherwise.
DEFAULT = "^(step|predict)/"
_LABEL = 36
_COLUMN = 29


def name_of(threads: int) -> str:
    """What tables and files call lamina on so many threads."""
    return f"{threads} thread{'' if threads == 1 else 's'}"


def compare(
    cases: Sequence[Case],
    counts: Sequence[int],
    rounds: int,
    seconds: float,
    shrink: int,
    say: Callable[[str], object],
) -> tuple[list[Result], list[str]]:
    """Measures and prints a table: each count's time and spread, and its ratio to the first's.

    Args:
        cases: What to measure.
        counts: The numbers of threads, each in a process of its own.
        rounds: How many rounds count.
        seconds: Of one round, about.
        shrink: By how much epochs are shorter than usual.
        say: Prints a line.

    Returns:
        The results, whose contenders are called "1 thread", "2 threads"; and remarks.
    """
    results: list[Result] = []
    remarks: list[str] = []
    section = ""
    with contextlib.ExitStack() as stack:
        workers = []
        for count in counts:
            worker = stack.enter_context(Worker("lamina", count))
            worker.name = name_of(count)
            try:
                worker.ask("versions")
                workers.append(worker)
            except ContenderError as error:
                remarks.append(str(error))
        for case in cases:
            times, failures = measure_case(case, workers, rounds, seconds, {"shrink": shrink})
            remarks += failures
            results.append(Result(case, times))
            if case.section != section:
                section = case.section
                heads = "".join(f"{name_of(count):>{_COLUMN}}" for count in counts)
                say(f"\n{SECTIONS[section]:<{_LABEL}.{_LABEL}}{heads}   ratio")
            say(_line(case, [times.get(name_of(count)) for count in counts]))
    return results, remarks


def _line(case: Case, columns: Sequence[Any]) -> str:
    text = f"  {case.label:<{_LABEL - 2}}"
    for times in columns:
        if times is None:
            text += f"{'-':>{_COLUMN}}"
            continue
        low, high = times.spread
        spread = f"({duration(low)} - {duration(high)})"
        text += f"{duration(times.median):>9}{spread:>{_COLUMN - 9}}"
    if columns and columns[0] is not None:
        for times in columns[1:]:
            text += f"{times.median / columns[0].median:8.2f}" if times is not None else ""
    return text


def summary(results: Sequence[Result], counts: Sequence[int]) -> list[str]:
    """One line for each further number of threads: how many works it slowed down, and the worst.

    Args:
        results: From `compare`.
        counts: The same as there.

    Returns:
        The lines. A work counts as slower if its fastest round is slower than the slowest round
        on fewer threads: anything less is noise.
    """
    lines = [""]
    first = name_of(counts[0])
    for count in counts[1:]:
        name = name_of(count)
        both = [r for r in results if first in r.times and name in r.times]
        if not both:
            continue
        slower = [r for r in both if r.times[name].spread[0] > r.times[first].spread[1]]
        worst = max(both, key=lambda r: r.times[name].median / r.times[first].median)
        ratio = worst.times[name].median / worst.times[first].median
        lines.append(
            f"{name}: slower than {first} in {len(slower)} of {len(both)} works; "
            f"largest ratio {ratio:.2f} ({worst.case.name})"
        )
    return lines
