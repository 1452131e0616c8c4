"""Trains networks with batch renormalization and prints their SHA-256."""

from __future__ import annotations

import hashlib
from typing import Any

from lamina import _core

SEED = 20261122
F = _core.Activation
INFINITY = float("inf")


def _free(network: Any) -> None:
    network.add_dense(70, True, F("linear"))
    bounds = (-INFINITY, INFINITY, INFINITY, 0.9)
    network.add_batch_renormalization(0, 0.9, 1e-3, True, True, *bounds)
    network.add_activation(F("tanh"))
    network.add_dense(7, True, F("linear"))


def _bounded(network: Any) -> None:
    network.add_dense(60, True, F("relu"))
    network.add_reshape([5, 12])
    network.add_batch_renormalization(0, 0.8, 1e-2, True, False, 0.75, 1.5, 0.5, 0.7)
    network.add_batch_renormalization(1, 0.8, 1e-3, False, True, 0.0, 2.0, 1.0, 0.5)
    x = network.value
    network.add_batch_renormalization(1, 0.5, 0.0, False, False, 0.5, INFINITY, 3.0, 0.25)
    x_body = network.value
    network.seek(x)
    network.add_merge("add", [x_body, network.value])
    network.add_flatten()
    network.add_dense(7, True, F("linear"))


def _train(build: Any, dtype: str) -> bytes:
    network = _core.Network((17,), dtype, "cpu", SEED)
    build(network)
    for i, info in enumerate(network.parameters()):
        low, high = (0.5, 1.5) if "stddev" in info.name else (-0.4, 0.6)
        network.set_parameter(i, _core.random_uniform(info.shape, low, high, SEED, i, dtype))
    network.compile(_core.Loss("mean_squared_error"), _core.Optimizer("adam", 0.01), [])
    x = _core.random_normal((300, 17), 0.0, 1.0, SEED, 90, dtype)
    y = _core.random_uniform((300, 7), 0.0, 1.0, SEED, 91, dtype)
    losses = [network.train(x, y, None, 140, True, None) for _ in range(3)]
    weights = [network.get_parameter(i).tobytes() for i in range(len(network.parameters()))]
    wide = _core.random_normal((1500, 17), 0.0, 1.0, SEED, 92, dtype)  # for several threads
    answers = [network.predict(wide, 32, None).tobytes(), network.call_training(wide).tobytes()]
    return b"".join([repr(losses).encode(), *weights, *answers])


def main() -> None:
    digest = hashlib.sha256()
    for dtype in ("float32", "float64"):
        for build in (_free, _bounded):
            digest.update(_train(build, dtype))
    print(digest.hexdigest())


if __name__ == "__main__":
    main()
