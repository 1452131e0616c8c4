"""Whether training turns slower where some features are rare: what is left of old gradients decays.

    python bench/rare_features.py [--torch] [steps]

784-512-512-10, relu. "words": batches of 128; the features are 1 as often as words are used, from
every second row to one row in a hundred thousand, else 0. "one row": the same again and again,
until nothing is left to learn. Printed are the medians of the first and the last 200 steps and
their ratio, and how much longer every 64th step takes, when lamina drops what is left of old
gradients; with `--torch` PyTorch's, too (Adam's and SGD's updates fused).
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import lamina

FEATURES, CLASSES, MEASURED = 784, 10, 200
#: Rows, and how many of them are a batch.
WORKS = {"words": (8192, 128), "one row": (1, 1)}
Step = Callable[[slice], Any]


def data(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of zeros and ones, and their labels by lot."""
    rng = np.random.default_rng(0)
    x = rng.random((rows, FEATURES)) < np.logspace(-0.3, -5, FEATURES)
    return x.astype("float32"), rng.integers(0, CLASSES, rows)


def lamina_step(optimizer: str, x: np.ndarray, y: np.ndarray) -> Step:
    """A step on the given rows."""
    made = {
        "adam": lambda: lamina.optimizers.Adam(),
        "momentum": lambda: lamina.optimizers.SGD(0.01, 0.9),
        "rmsprop": lambda: lamina.optimizers.RMSprop(),
    }
    dense = lamina.layers.Dense
    model = lamina.Sequential(
        [lamina.Input((FEATURES,)), dense(512, "relu"), dense(512, "relu"), dense(CLASSES)]
    )
    loss = lamina.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(made[optimizer](), loss)
    return lambda rows: model.train_on_batch(x[rows], y[rows])


def torch_step(optimizer: str, x: np.ndarray, y: np.ndarray) -> Step:
    """The same in PyTorch."""
    import torch

    torch.set_num_threads(lamina.get_num_threads())
    nn = torch.nn
    sizes = (FEATURES, 512, 512, CLASSES)
    linear = [nn.Linear(a, b) for a, b in itertools.pairwise(sizes)]
    model = nn.Sequential(linear[0], nn.ReLU(), linear[1], nn.ReLU(), linear[2])
    parameters = list(model.parameters())
    made: dict[str, Callable[[], Any]] = {
        "adam": lambda: torch.optim.Adam(parameters, fused=True),
        "momentum": lambda: torch.optim.SGD(parameters, 0.01, 0.9, fused=True),
        "rmsprop": lambda: torch.optim.RMSprop(parameters, 0.001, 0.9),
    }
    update, loss = made[optimizer](), nn.CrossEntropyLoss()
    inputs, labels = torch.from_numpy(x), torch.from_numpy(y)

    def step(rows: slice) -> None:
        update.zero_grad()
        loss(model(inputs[rows]), labels[rows]).backward()
        update.step()

    return step


def main() -> None:
    """Measures every optimizer."""
    arguments = sys.argv[1:]
    makers = {"lamina": lamina_step}
    if "--torch" in arguments:
        arguments.remove("--torch")
        makers["PyTorch"] = torch_step
    steps = int(arguments[0]) if arguments else 3000
    if steps < 2 * MEASURED:
        sys.exit(f"At least {2 * MEASURED} steps, please. Received: {steps}")
    print(f"{lamina.config.isa()}, {lamina.get_num_threads()} thread(s), {steps} steps")
    for work, (rows, batch) in WORKS.items():
        x, y = data(rows)
        for optimizer in ("adam", "momentum", "rmsprop"):
            for name, maker in makers.items():
                step = maker(optimizer, x, y)
                seconds = []
                for i in range(0, steps * batch, batch):
                    begin = time.perf_counter()
                    step(slice(i % rows, i % rows + batch))
                    seconds.append(time.perf_counter() - begin)
                first, last = (
                    float(np.median(part)) * 1e3
                    for part in (seconds[:MEASURED], seconds[-MEASURED:])
                )
                more = float(np.median(seconds[63::64]) - np.median(seconds)) * 1e6
                print(
                    f"{work:8} {optimizer:9} {name:8} "
                    f"{first:6.2f} ms, {last:6.2f} ms: {last / first:.2f}; "
                    f"every 64th {more:+.0f} us",
                    flush=True,
                )


if __name__ == "__main__":
    main()
