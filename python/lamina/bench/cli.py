"""``lamina bench``: the command."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lamina._device import checked, checked_precision
from lamina.bench import threads as threads_mode
from lamina.bench.cases import Case, all_cases
from lamina.bench.contenders import ALIASES, choose
from lamina.bench.limits import Limits, best_of
from lamina.bench.machine import describe_machine, usable_cpus
from lamina.bench.report import Result, document, summary, write_json
from lamina.bench.rounds import ContenderError, Worker, measure_case
from lamina.bench.table import Table, rate, size


def _parser() -> argparse.ArgumentParser:
    peers = ", ".join([*ALIASES["all"], *ALIASES])
    parser = argparse.ArgumentParser(
        prog="lamina bench",
        description="Measures lamina on this machine, beside the machine's own limits and, with "
        "--compare, beside other libraries in turns.",
    )
    add = parser.add_argument
    add("--compare", default="", metavar="LIST", help=f"those installed of: {peers}")
    add(
        "--filter",
        default="",
        metavar="REGEX",
        help="only cases whose name matches, such as losses/ or optimizers/; with . all of them",
    )
    add("--list", action="store_true", help="print the names of the cases and stop")
    add(
        "--threads",
        type=_counts,
        default=None,
        metavar="N[,N...]",
        help="default: one for each usable CPU; several numbers, as in 1,2, compare them instead",
    )
    add(
        "--device",
        default="cpu",
        metavar="NAME",
        help="where lamina's own models are computed: cpu or cuda (whole models only; the fast "
        "mode beside the strict one where cuBLASLt is found)",
    )
    add("--rounds", type=int, default=None, metavar="N", help="default: 5; with --quick 3")
    add("--seconds", type=float, default=None, metavar="S", help="of one contender's round")
    add("--json", type=Path, default=None, metavar="FILE", help="write everything measured")
    add("--plot", type=Path, default=None, metavar="FILE", help="draw the roofline (matplotlib)")
    add("--quick", action="store_true", help="a few seconds: fewer cases, short rounds")
    add("--slow", action="store_true", help="also what takes minutes: torch-compile")
    return parser


def _counts(text: str) -> list[int]:
    try:
        counts = [int(word) for word in text.split(",")]
    except ValueError:
        counts = []
    if not counts or min(counts) < 1 or len(set(counts)) < len(counts):
        raise argparse.ArgumentTypeError(
            f"must be a positive number, or several different ones. Received: {text}"
        )
    return counts


def _positive(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    for name in ("rounds", "seconds"):
        value = getattr(options, name)
        if value is not None and not value > 0:
            parser.error(f"--{name} must be positive. Received: {value}")


def _selected(pattern: str, quick: bool) -> list[Case]:
    """Those that match; --quick leaves out slow ones, unless nothing else matches.

    The lines for each layer, loss, metric and optimizer are there only on demand.
    """
    cases = [case for case in all_cases() if re.search(pattern, case.name)]
    if not pattern:
        cases = [case for case in cases if not case.listed]
    return [case for case in cases if not (quick and case.slow)] or cases


def _heading(machine: dict[str, Any], lamina: dict[str, Any], limits: Limits) -> list[str]:
    caches = " ".join(f"{level} {text}" for level, text in machine["caches"].items())
    peaks = "  ".join(f"{dtype} {rate(peak, 'FLOP/s')}" for dtype, peak in limits.peak.items())
    lines = [
        f"lamina {lamina['version']}, {lamina['isa']}, {lamina['threads']} of {machine['cpus']} "
        f"CPUs: {machine['processor']} {caches}".rstrip(),
        f"FMA peak   {peaks}",
    ]
    for traffic in ("read", "update"):
        figures = "  ".join(
            f"{size(row['bytes'])} {rate(row[traffic], 'B/s')}" for row in limits.table
        )
        lines.append(f"{traffic:<11}{figures}")
    return lines


def _version_line(name: str, versions: dict[str, str]) -> str:
    return f"{name + ':':<18}" + ", ".join(f"{k} {version}" for k, version in versions.items())


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command.

    Args:
        arguments: The command line; ``sys.argv`` without the program's name by default.

    Returns:
        The exit status: 0, 1 if nothing could be measured, 130 after Ctrl-C.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    _positive(parser, options)
    if options.device != "cpu":
        try:
            checked(options.device, "lamina bench")
        except (ValueError, RuntimeError) as error:
            parser.error(str(error))
        # The contenders' processes take it from here; see contenders/lamina_models.py.
        os.environ["LAMINA_BENCH_DEVICE"] = options.device
    several = options.threads is not None and len(options.threads) > 1
    if several and (options.compare or options.plot is not None):
        parser.error("--threads with several numbers goes with neither --compare nor --plot")
    try:
        pattern = options.filter or (threads_mode.DEFAULT if several else "")
        cases = _selected(pattern, options.quick)
        peers, remarks = choose(options.compare, options.slow)
        if options.device != "cpu":
            try:
                checked_precision("tf32", options.device, "lamina bench")
                peers = ["lamina-tf32", "lamina-bf16", *peers]
            except RuntimeError as error:
                remarks.append(f"no fast mode: {error}")
    except (re.error, ValueError) as error:
        parser.error(str(error))
    if not cases:
        parser.error(f"--filter matches no case. Received: {options.filter!r}")
    if options.list:
        print("\n".join(case.name for case in cases))
        return 0

    if options.plot is not None and importlib.util.find_spec("matplotlib") is None:
        parser.error("--plot needs matplotlib: pip install matplotlib")
    for path in filter(None, (options.json, options.plot)):
        if not path.parent.is_dir():
            parser.error(f"there is no folder {path.parent}. Received: {path}")

    threads = options.threads[0] if options.threads else usable_cpus()
    rounds = options.rounds or (3 if options.quick else 5)
    seconds = options.seconds or (0.01 if options.quick else 0.1)
    try:
        if several:
            return _compare_threads(options, cases, rounds, seconds)
        return _run(options, cases, peers, remarks, threads, rounds, seconds)
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130


def _compare_threads(
    options: argparse.Namespace, cases: Sequence[Case], rounds: int, seconds: float
) -> int:
    counts: list[int] = options.threads
    machine = describe_machine()
    with Worker("lamina", counts[0]) as worker:
        lamina, measured = worker.ask("describe"), worker.ask("limits", seconds=0.01, quick=True)
    print(
        f"lamina {lamina['version']}, {lamina['isa']}, {machine['cpus']} CPUs: "
        f"{machine['processor']}"
    )
    results, remarks = threads_mode.compare(
        cases,
        counts,
        rounds,
        seconds,
        8 if options.quick else 1,
        lambda line: print(line, flush=True),
    )
    for line in [*threads_mode.summary(results, counts), *(f"note: {r}" for r in remarks)]:
        print(line)
    if options.json is not None:
        settings = {"threads": counts, "rounds": rounds, "seconds": seconds}
        write_json(
            options.json,
            document(results, Limits(measured), machine, lamina, {}, settings, remarks),
        )
    return 0 if any(result.times for result in results) else 1


def _run(
    options: argparse.Namespace,
    cases: Sequence[Case],
    peers: Sequence[str],
    remarks: list[str],
    threads: int,
    rounds: int,
    seconds: float,
) -> int:
    def say(lines: Sequence[str]) -> None:
        for line in lines:
            print(line, flush=True)

    machine = describe_machine()
    results: list[Result] = []
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(Worker("lamina", threads))
        window = min(seconds, 0.1)

        def limits_now() -> Any:
            return ours.ask("limits", seconds=window, quick=options.quick)

        try:
            lamina = ours.ask("describe")
            measured = limits_now()
        except ContenderError as error:
            print(error, file=sys.stderr)
            return 1
        versions = {"lamina": ours.ask("versions")}
        workers = [ours]
        for name in peers:
            worker = stack.enter_context(Worker(name, threads))
            try:
                versions[name] = worker.ask("versions")
                workers.append(worker)
            except ContenderError as error:
                remarks.append(str(error))
        say(_heading(machine, lamina, Limits(measured)))
        say([_version_line(name, versions[name]) for name in versions if name != "lamina"])

        table = Table([worker.name for worker in workers[1:]])
        for case in cases:
            long = 3.0 if case.section in ("step", "fit") else 1.0
            times, failures = measure_case(
                case, workers, rounds, seconds * long, {"shrink": 8 if options.quick else 1}
            )
            remarks += failures
            result = Result(case, times)
            results.append(result)
            say(table.heading(case.section))
            say([table.line(case, times, Limits(measured).of(case))])
        try:  # the best of two: something may have disturbed the first
            before, measured = measured, best_of(measured, limits_now())
        except ContenderError as error:
            remarks.append(str(error))
        else:
            if measured["peak"]["float32"] > 1.05 * before["peak"]["float32"]:
                higher = rate(measured["peak"]["float32"], "FLOP/s")
                remarks.append(f"the FMA peak was {higher} afterwards: shares of it are lower")
    limits = Limits(measured)
    say(summary(results))
    say(["", *(f"note: {remark}" for remark in remarks)] if remarks else [])

    if options.json is not None:
        settings = {
            "threads": threads,
            "rounds": rounds,
            "seconds": seconds,
            "filter": options.filter,
            "quick": options.quick,
            "compare": list(peers),
        }
        write_json(
            options.json, document(results, limits, machine, lamina, versions, settings, remarks)
        )
    if options.plot is not None:
        from lamina.bench.plot import draw

        version = f"lamina {lamina['version']} ({lamina['isa']}, {threads} threads)"
        title = f"{version}, {machine['processor']}"
        draw(options.plot, results, limits, title)
    return 0 if any("lamina" in result.times for result in results) else 1
