"""`lamina bench` runs and says what it must; no figure is asserted."""

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lamina
from lamina.bench import parts, threads
from lamina.bench.cases import SECTIONS, Case, all_cases
from lamina.bench.cli import main
from lamina.bench.contenders import ALIASES, REGISTRY, choose
from lamina.bench.contenders.contender import Loop
from lamina.bench.graphs import keras_api
from lamina.bench.graphs.works import GRAPH_WORKS
from lamina.bench.limits import Limits, best_of
from lamina.bench.report import Result, ratios, summary
from lamina.bench.rounds import ContenderError, Times, measure_case
from lamina.bench.table import Table, duration, rate
from lamina.bench.works import WORKS, make_data, make_weights

MEASURED = {
    "peak": {"float32": 1e9, "float64": 5e8},
    "bandwidth": [
        {"bytes": 1024, "read": 4e9, "update": 8e9},
        {"bytes": 4096, "read": 1e9, "update": 2e9},
    ],
}


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lamina", "bench", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def quick_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any]]:
    file = tmp_path_factory.mktemp("bench") / "result.json"
    done = bench(
        *("--quick", "--seconds", "0.002", "--rounds", "2", "--threads", "1", "--compare", "numpy"),
        *(
            "--filter",
            "64x64x4|tanh|crossentropy 256|adam mnist|data|more-layers|add 4$|/rl-policy|build"
            "|actor-critic|links|Dense alone|Circle|mse alone|s/SGD",
            "--json",
            str(file),
        ),
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(file.read_text("utf-8"))


def of_a_busy_machine(remark: str) -> bool:
    return "FMA peak was" in remark


def test_a_run_prints_a_table(quick_run: tuple[str, dict[str, Any]]) -> None:
    text, _ = quick_run
    assert "FMA peak" in text
    for title in SECTIONS.values():
        assert title in text
    assert "rl-policy 1 row in C++" in text
    notes = [line for line in text.splitlines() if "note:" in line]
    assert all(of_a_busy_machine(note) for note in notes)


def test_a_run_writes_what_it_measured(quick_run: tuple[str, dict[str, Any]]) -> None:
    _, document = quick_run
    assert document["schema"] == 1
    assert document["machine"]["cpus"] >= 1
    assert document["machine"]["processor"]
    assert document["lamina"]["threads"] == 1
    assert document["lamina"]["isa"] in document["lamina"]["available_isas"]
    assert document["versions"]["numpy"]["numpy"] == np.__version__
    assert document["settings"]["rounds"] == 2
    assert all(peak > 0 for peak in document["limits"]["peak"].values())
    assert all(row["read"] > 0 and row["update"] > 0 for row in document["limits"]["bandwidth"])
    assert {result["section"] for result in document["results"]} == set(SECTIONS)
    for result in document["results"]:
        ours = result["contenders"]["lamina"]
        assert len(ours["rounds"]) == 2
        assert 0 < ours["min"] <= ours["median"] <= ours["max"]
        assert result["share_of_limit"] == result["limit"]["seconds"] / ours["median"]
    assert document["summary"]["step"]["numpy"]["cases"] == 1
    assert all(of_a_busy_machine(remark) for remark in document["remarks"])


def test_listing_measures_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list", "--filter", "^step/"]) == 0
    assert capsys.readouterr().out.split() == [f"step/{name}" for name in WORKS]


@pytest.mark.parametrize("name", GRAPH_WORKS)
def test_every_graph_runs_in_the_plan(name: str) -> None:
    work = GRAPH_WORKS[name]
    model = keras_api.build(lamina, work)
    keras_api.step(model, work.make_data(2))()
    assert model.count_params() == work.parameter_count
    lines: list[str] = []
    model.summary(print_fn=lines.append)
    assert "Driver: plan" in "\n".join(lines)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--filter", "no such case"],
        ["--filter", "("],
        ["--compare", "abacus"],
        ["--threads", "0"],
        ["--threads", "1,1"],
        ["--threads", "1,two"],
        ["--threads", "1,2", "--compare", "numpy"],
        ["--rounds", "-1"],
        ["--seconds", "nan"],
        ["--json", "/no/such/folder/result.json"],
        ["--unknown"],
    ],
)
def test_bad_arguments_are_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as error:
        main(arguments)
    assert error.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_case_names_are_unique() -> None:
    names = [case.name for case in all_cases()]
    assert len(set(names)) == len(names)
    assert {case.section for case in all_cases()} == set(SECTIONS)


def test_operations_of_a_step() -> None:
    tiny = WORKS["sgd-one"]  # 10-32-1: forward and weight gradients of both, one input gradient
    assert tiny.step_flops() == 2 * ((320 + 32) * 2 + 32)
    assert tiny.parameter_count == 11 * 32 + 33
    assert WORKS["seed-cifar"].step_flops() == pytest.approx(115e6, rel=0.01)
    assert WORKS["wide"].step_flops() == pytest.approx(146e9, rel=0.01)


def test_data_fits_the_work() -> None:
    for name in ("rl-policy", "sgd-one"):
        work = WORKS[name]
        data = make_data(work, 3)
        assert data.x.shape == (3 * work.batch, work.sizes[0])
        assert data.x.dtype == np.float32
        places = data.batches()
        seen = [next(places) for _ in range(4)]
        assert seen[0] == seen[3]
        assert [len(data.x[place]) for place in seen] == [work.batch] * 4
        assert [kernel.shape for kernel, _ in make_weights(work)] == work.layers


def test_limit_is_the_larger_of_two() -> None:
    limits = Limits(MEASURED)
    heavy = Case("gemm", "", flops=2e9, bytes=1000.0, working_set=1000.0)
    assert limits.of(heavy).seconds == 2.0
    assert limits.of(heavy).kind == "compute"
    assert limits.of(Case("gemm", "", flops=2e9, dtype="float64")).seconds == 4.0
    light = Case("optimizer", "", flops=1.0, bytes=4000.0, working_set=1e9, traffic="update")
    assert limits.of(light).seconds == 2e-6
    assert limits.of(light).kind == "bandwidth"


def test_bandwidth_between_two_sizes() -> None:
    limits = Limits(MEASURED)
    assert limits.bandwidth(1, "read") == 4e9
    assert limits.bandwidth(2048, "read") == pytest.approx(2e9)
    assert limits.bandwidth(4096, "read") == pytest.approx(1e9)
    assert limits.bandwidth(1e12, "update") == 2e9


def test_the_better_of_two_measurements() -> None:
    slower = {
        "peak": {"float32": 5e8, "float64": 6e8},
        "bandwidth": [
            {key: value / 2 for key, value in row.items()} for row in MEASURED["bandwidth"]
        ],
    }
    for row, same in zip(slower["bandwidth"], MEASURED["bandwidth"], strict=True):
        row["bytes"] = same["bytes"]
    assert best_of(slower, MEASURED)["peak"] == {"float32": 1e9, "float64": 6e8}
    assert best_of(slower, MEASURED)["bandwidth"] == MEASURED["bandwidth"]


class Puppet:
    """A contender whose times are known."""

    def __init__(self, name: str, log: list[str], times: float, supported: bool = True) -> None:
        self.name, self.log, self.times, self.supported = name, log, times, supported

    def ask(self, do: str, **order: Any) -> Any:
        if do == "prepare":
            return self.supported
        self.log.append(self.name)
        if math.isnan(self.times):
            raise ContenderError(f"{self.name} fell over")
        return self.times


def test_rounds_are_taken_in_turns() -> None:
    log: list[str] = []
    workers: Any = [
        Puppet("lamina", log, 1.0),
        Puppet("one", log, 2.0),
        Puppet("two", log, 3.0),
        Puppet("idle", log, 1.0, supported=False),
        Puppet("broken", log, math.nan),
    ]
    times, remarks = measure_case(Case("step", "x"), workers, rounds=3, seconds=0.1)
    assert {name: t.rounds for name, t in times.items()} == {
        "lamina": (1.0, 1.0, 1.0),
        "one": (2.0, 2.0, 2.0),
        "two": (3.0, 3.0, 3.0),
    }
    assert remarks == ["step/x: broken fell over"]
    assert log[:4] == ["lamina", "one", "two", "broken"]  # does not count
    assert log[4:] == ["lamina", "one", "two", "one", "two", "lamina", "two", "lamina", "one"]


def test_a_summary_of_ratios() -> None:
    def result(label: str, **seconds: float) -> Result:
        return Result(Case("step", label), {k: Times((v,)) for k, v in seconds.items()})

    results = [result("a", lamina=1, torch=4, jax=2), result("b", lamina=2, torch=2, jax=16)]
    assert ratios(results)["step"] == {
        "torch": [4, 1],
        "jax": [2, 8],
        "the fastest of each": [2, 1],
    }
    text = "\n".join(summary(results))
    assert "2.00x  (1.00x - 4.00x over 2)" in text
    assert "1.41x  (1.00x - 2.00x over 2)" in text
    assert summary([result("a", lamina=1)]) == []


def test_times() -> None:
    times = Times((3.0, 1.0, 2.0))
    assert times.median == 2.0
    assert times.spread == (1.0, 3.0)


def test_units() -> None:
    assert [duration(s) for s in (2.5, 0.0123, 1.5e-6, 0.99999e-6, 3.21e-8)] == [
        "2.50 s",
        "12.3 ms",
        "1.50 us",
        "1.00 us",
        "32.1 ns",
    ]
    assert rate(2.34e11, "FLOP/s") == "234 GFLOP/s"
    assert rate(1.2e3, "B/s") == "1.20 kB/s"


def test_a_line_without_lamina_or_peer() -> None:
    table = Table(["torch", "jax"])
    case = Case("step", "x", flops=1e6)
    limit = Limits(MEASURED).of(case)
    assert table.heading("step")
    assert not table.heading("step")
    line = table.line(case, {"torch": Times((1.0,))}, limit)
    assert line.split() == ["x", "-", "1.00", "s", "-"]


def test_loop_counts_units() -> None:
    calls, waits = [], []
    loop = Loop(lambda: calls.append(1), lambda: waits.append(1), units=4)
    assert loop.round(0.001) > 0
    assert len(calls) > 1
    assert 1 < len(waits) <= len(calls)


def test_choosing_peers() -> None:
    chosen, remarks = choose("numpy, numpy", slow=False)
    assert (chosen, remarks) == (["numpy"], [])
    assert choose("torch-compile", slow=False) == (
        [],
        ["torch-compile takes part only with --slow"],
    )
    for names in ALIASES.values():
        assert set(names) <= set(REGISTRY)
    with pytest.raises(ValueError, match="Received: 'abacus'"):
        choose("abacus", slow=False)


def test_the_hand_written_onnx_graph(tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    from lamina.export.onnx_graph import encode_network

    work = WORKS["rl-policy"]
    weights = make_weights(work)
    session = onnxruntime.InferenceSession(
        encode_network(weights, "tanh"), providers=["CPUExecutionProvider"]
    )
    x = make_data(work, 1).x
    expected = x.astype(np.float64)
    for i, (kernel, bias) in enumerate(weights):
        expected = expected @ kernel + bias
        if i < len(weights) - 1:
            expected = np.tanh(expected)
    np.testing.assert_allclose(session.run(["y"], {"x": x})[0], expected, rtol=1e-4, atol=1e-5)


def test_numbers_of_threads_are_compared(tmp_path: Path) -> None:
    file = tmp_path / "threads.json"
    done = bench(
        *("--quick", "--seconds", "0.002", "--rounds", "2", "--threads", "1,2"),
        *("--filter", "step/(rl-policy|sgd-one)|predict/rl-policy 1 row", "--json", str(file)),
    )
    assert done.returncode == 0, done.stderr
    assert "ratio" in done.stdout
    assert "2 threads: slower than 1 thread in" in done.stdout
    results = json.loads(file.read_text("utf-8"))["results"]
    assert len(results) == 4
    for result in results:
        assert set(result["contenders"]) == {"1 thread", "2 threads"}


def test_a_summary_of_threads() -> None:
    def result(label: str, one: tuple[float, ...], two: tuple[float, ...]) -> Result:
        return Result(Case("step", label), {"1 thread": Times(one), "2 threads": Times(two)})

    results = [
        result("a", (2.0, 2.1), (1.0, 1.1)),
        result("b", (1.0, 1.2), (1.1, 1.3)),  # within the noise
        result("c", (1.0, 1.1), (2.0, 2.2)),
    ]
    (line,) = threads.summary(results, [1, 2])[1:]
    assert line.startswith("2 threads: slower than 1 thread in 1 of 3 works; largest ratio 2.00")
    assert line.endswith("(step/c)")


@pytest.mark.parametrize(
    ("room", "base", "lines", "without"),
    [
        (lamina.layers, lamina.layers.Layer, parts.LAYERS, parts.NOT_IN_STEPS),
        (lamina.losses, lamina.losses.Loss, parts.LOSSES, {"Loss"}),
        (lamina.metrics, lamina.metrics.Metric, parts.METRICS, parts.NOT_IN_MODELS),
        (lamina.optimizers, lamina.optimizers.Optimizer, parts.OPTIMIZERS, {"Optimizer"}),
    ],
)
def test_every_class_has_a_line(room: Any, base: type, lines: Any, without: Any) -> None:
    classes = {
        name
        for name in room.__all__
        if isinstance(getattr(room, name), type) and issubclass(getattr(room, name), base)
    }
    assert classes - set(without) <= set(lines)
    names = {case.name for case in all_cases()}
    for name in classes - set(without):
        assert any(case.endswith((f"/{name}", f" + {name}")) for case in names)


def test_lists_are_shown_only_to_those_who_ask(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    assert "losses/" not in capsys.readouterr().out
    assert main(["--list", "--quick", "--filter", "losses/"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(parts.LOSSES)


@pytest.mark.parametrize(
    ("section", "lines"),
    [
        ("layers", {"": None, **parts.LAYERS}),
        ("losses", parts.LOSSES),
        ("metrics", {"": None, **parts.METRICS}),
        ("optimizers", parts.OPTIMIZERS),
    ],
)
def test_every_line_works(section: str, lines: Any) -> None:
    for name in lines:
        there = name == "" or hasattr(getattr(lamina, section), name.partition(",")[0])
        if there and name != "Muon":  # takes long
            parts.step(lamina, section, name)()
