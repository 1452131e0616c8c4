"""Training steps on a GPU beside PyTorch's on the same GPU: eagerly, as a CUDA graph, compiled.

    python tests/cuda/bench_peers.py [--device cuda] [--brief] [--products bench.log] [--json FILE]

All data lies on the GPU (but for train_on_batch), batches are drawn at random there, everything is
float32 without TF32, but for the rows that say so: "tf32", and "bf16", which is autocast in
PyTorch. Rounds are taken in turns, the clock is read when the GPU has finished; the table shows
medians of the time for a step, and how many times as long as ``lamina fit`` that is.
``--products`` is what bench_cuda has printed: its 4096 x 4096 x 4096 is held against torch.mm.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import lamina
from lamina.bench.works import WORKS, Data, Work, make_data

try:
    import torch
except ImportError:
    torch = None

#: Steps of a round.
STEPS = {"rl-policy": 512, "mnist-mlp": 128, "tabular": 192, "wide": 8}

Round = Callable[[], None]


def lamina_model(work: Work, device: str, precision: str = "strict") -> lamina.Sequential:
    """The network, compiled."""
    layers: list[Any] = [lamina.Input((work.sizes[0],))]
    for index, (_, units) in enumerate(work.layers):
        last = index == len(work.layers) - 1
        layers.append(lamina.layers.Dense(units, None if last else work.activation))
        if not last and work.dropout > 0.0:
            layers.append(lamina.layers.Dropout(work.dropout))
    model = lamina.Sequential(layers)
    kinds = {"adam": lamina.optimizers.Adam, "sgd": lamina.optimizers.SGD}
    losses = {
        "crossentropy": lamina.losses.SparseCategoricalCrossentropy(from_logits=True),
        "mse": lamina.losses.MeanSquaredError(),
    }
    model.compile(
        kinds[work.optimizer](work.learning_rate),
        losses[work.loss],
        device=device,
        precision=precision,
    )
    return model


def lamina_epoch(work: Work, data: Data, device: str, precision: str = "strict") -> Round:
    """fit(): the epoch's data goes to the GPU once."""
    model = lamina_model(work, device, precision)
    return lambda: model.fit(data.x, data.y, batch_size=work.batch, epochs=1, verbose=0)


def lamina_batches(work: Work, data: Data, device: str) -> Round:
    """train_on_batch() on arrays of the host, each loss read."""
    model = lamina_model(work, device)
    batches = [
        (data.x[i : i + work.batch], data.y[i : i + work.batch])
        for i in range(0, len(data.x), work.batch)
    ]

    def round_() -> None:
        for x, y in batches:
            model.train_on_batch(x, y)

    return round_


def torch_parts(work: Work, data: Data, capturable: bool) -> tuple[Any, Any, Any, Any]:
    """The loss of (x, y), the optimizer, and the data on the GPU."""
    kinds = {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh}
    layers: list[Any] = []
    for index, (inputs, units) in enumerate(work.layers):
        layers.append(torch.nn.Linear(inputs, units))
        if index < len(work.layers) - 1:
            layers.append(kinds[work.activation]())
            if work.dropout > 0.0:
                layers.append(torch.nn.Dropout(work.dropout))
    model = torch.nn.Sequential(*layers).cuda().train()
    criterion = torch.nn.CrossEntropyLoss() if work.loss == "crossentropy" else torch.nn.MSELoss()
    optimizer: Any
    if work.optimizer == "adam":
        optimizer = torch.optim.Adam(
            model.parameters(), work.learning_rate, fused=True, capturable=capturable
        )
    else:
        optimizer = torch.optim.SGD(model.parameters(), work.learning_rate, fused=True)
    x, y = torch.from_numpy(data.x).cuda(), torch.from_numpy(data.y).cuda()
    return lambda a, b: criterion(model(a), b), optimizer, x, y


def torch_rounds(step: Callable[[Any], Any], rows: int, batch: int) -> Round:
    """A shuffled epoch."""

    def round_() -> None:
        for chosen in torch.randperm(rows, device="cuda").split(batch):
            step(chosen)
        torch.cuda.synchronize()

    return round_


def torch_eager(work: Work, data: Data) -> Round:
    """As users write it, with the fused optimizer."""
    loss_of, optimizer, x, y = torch_parts(work, data, capturable=False)

    def step(rows: Any) -> None:
        optimizer.zero_grad()
        loss_of(x.index_select(0, rows), y.index_select(0, rows)).backward()
        optimizer.step()

    return torch_rounds(step, len(x), work.batch)


def torch_graph(work: Work, data: Data, precision: str = "strict") -> Round:
    """The step as one CUDA graph."""
    plain_loss, optimizer, x, y = torch_parts(work, data, capturable=True)

    def loss_of(a: Any, b: Any) -> Any:
        with torch.autocast(
            "cuda", torch.bfloat16, enabled=precision == "bf16", cache_enabled=False
        ):
            return plain_loss(a, b)

    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    own_x, own_y = x[: work.batch].clone(), y[: work.batch].clone()

    def one() -> None:
        optimizer.zero_grad(set_to_none=True)
        loss_of(own_x, own_y).backward()
        optimizer.step()

    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            one()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    optimizer.zero_grad(set_to_none=True)
    with torch.cuda.graph(graph):
        loss_of(own_x, own_y).backward()
        optimizer.step()
    torch.set_float32_matmul_precision("highest")  # the graph keeps its own

    def step(rows: Any) -> None:
        torch.index_select(x, 0, rows, out=own_x)
        torch.index_select(y, 0, rows, out=own_y)
        graph.replay()

    return torch_rounds(step, len(x), work.batch)


def torch_compiled(work: Work, data: Data) -> Round:
    """torch.compile(mode="reduce-overhead")."""
    loss_of, optimizer, x, y = torch_parts(work, data, capturable=True)
    compiled = torch.compile(loss_of, mode="reduce-overhead")

    def step(rows: Any) -> None:
        torch.compiler.cudagraph_mark_step_begin()
        optimizer.zero_grad()
        compiled(x.index_select(0, rows), y.index_select(0, rows)).backward()
        optimizer.step()

    return torch_rounds(step, len(x), work.batch)


def measured(rounds: dict[str, Round], steps: int, seconds: float) -> dict[str, float]:
    """Medians in seconds for a step; each contestant in turns."""
    for run in rounds.values():  # warm up
        run()
        run()
    times: dict[str, list[float]] = {name: [] for name in rounds}
    end = time.perf_counter() + seconds
    while not times or min(map(len, times.values())) < 3 or time.perf_counter() < end:
        for name, run in rounds.items():
            begin = time.perf_counter()
            run()
            times[name].append((time.perf_counter() - begin) / steps)
    return {name: statistics.median(found) for name, found in times.items()}


def products(log: Path) -> str:
    """The ratio of 4096 x 4096 x 4096 in float32."""
    found = re.search(r"^float32 +4096 x +4096 x +4096 +([\d.]+) us", log.read_text(), re.MULTILINE)
    if found is None:
        return f"{log} has no product of 4096 x 4096 x 4096"
    a, b = (torch.rand((4096, 4096), device="cuda") for _ in range(2))
    times = []
    for _ in range(12):
        torch.cuda.synchronize()
        begin = time.perf_counter()
        for _ in range(5):
            torch.mm(a, b)
        torch.cuda.synchronize()
        times.append((time.perf_counter() - begin) / 5)
    theirs, ours = statistics.median(times[3:]) * 1e6, float(found[1])
    return (
        f"4096 x 4096 x 4096, float32: lamina {ours:.0f} us, torch.mm {theirs:.0f} us: "
        f"{theirs / ours:.2f} times torch's speed"
    )


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--brief", action="store_true", help="to see that it runs")
    parser.add_argument("--seconds", type=float, default=4.0, help="for each network")
    parser.add_argument("--products", type=Path, default=None)
    parser.add_argument("--json", type=Path, default=None)
    options = parser.parse_args()
    peers = torch is not None and torch.cuda.is_available()
    print(lamina._core.cuda_status())
    if peers:
        torch.set_float32_matmul_precision("highest")
        print(f"torch {torch.__version__}")
    else:
        print("torch with CUDA was not found: lamina alone")
    precisions = ["tf32", "bf16"]
    try:
        lamina.device(options.device, precision="tf32")
        print(f"cuBLASLt {lamina._core.cublaslt_status()}")
    except RuntimeError as error:
        precisions = []
        print(f"no fast mode: {error}")
    results: dict[str, dict[str, float]] = {}
    for name, steps in STEPS.items():
        if options.brief and name == "wide":
            continue
        steps = 2 if options.brief else steps
        work = WORKS[name]
        data = make_data(work, steps)
        if work.loss == "mse":
            data = Data(data.x, np.ascontiguousarray(data.y), data.batch)
        makers: dict[str, Callable[[], Round]] = {
            "lamina fit": lambda: lamina_epoch(work, data, options.device),  # noqa: B023
            "lamina train_on_batch": lambda: lamina_batches(work, data, options.device),  # noqa: B023
        }
        for precision in precisions:
            makers[f"lamina fit {precision}"] = lambda p=precision: lamina_epoch(  # type: ignore[misc]
                work,  # noqa: B023
                data,  # noqa: B023
                options.device,
                p,
            )
            if peers:
                makers[f"torch graph {precision}"] = lambda p=precision: torch_graph(  # type: ignore[misc]
                    work,  # noqa: B023
                    data,  # noqa: B023
                    p,
                )
        if peers:
            makers["torch eager"] = lambda: torch_eager(work, data)  # noqa: B023
            makers["torch graph"] = lambda: torch_graph(work, data)  # noqa: B023
            if name in ("rl-policy", "mnist-mlp"):
                makers["torch.compile"] = lambda: torch_compiled(work, data)  # noqa: B023
        rounds: dict[str, Round] = {}
        for contestant, make in makers.items():
            try:
                run = make()
                run()
                rounds[contestant] = run
            except Exception as error:  # one that cannot run here leaves the others
                print(f"{name}: {contestant} did not run: {str(error).splitlines()[:1]}")
        results[name] = measured(rounds, steps, 0.0 if options.brief else options.seconds)
        ours = results[name].get("lamina fit")
        for contestant, seconds in results[name].items():
            ratio = f"  {seconds / ours:6.2f} x" if ours else ""
            print(f"{name:10s} {contestant:22s} {1e6 * seconds:10.2f} us a step{ratio}", flush=True)
    if peers and options.products is not None:
        print(products(options.products))
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
