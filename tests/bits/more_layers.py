"""Trains networks of einsums, normalised kernels and the like, and prints their SHA-256."""

from __future__ import annotations

import hashlib
from typing import Any

from lamina import _core

SEED = 20261121
F = _core.Activation


def _einsums(network: Any) -> None:
    network.add_dense(60, True, F("tanh"))
    network.add_reshape([5, 12])
    network.add_einsum_dense("bc", "cde", "bde", [12, 3, 9], [3, 9], F("gelu"))
    network.add_einsum_dense("bde", "dfe", "bdf", [3, 7, 9], [], F("linear"))
    network.add_einsum_dense("bde", "bfe", "bdf", [5, 11, 7], [5, 1, 1], F("silu"))
    network.add_einsum_dense("bde", "ceb", "dc", [4, 11, 5], [3, 1], F("linear"))
    network.add_flatten()
    network.add_dense(7, True, F("linear"))


def _axes(network: Any) -> None:
    network.add_dense(60, True, F("relu"))
    network.add_reshape([5, 3, 4])
    network.add_row_normalization("standard", 2, 1e-3, True, True, "gamma", [1, 0, 2])
    network.add_group_normalization(5, 1e-3, True, True, 0)
    network.add_row_normalization("rms", 1, 1e-3, False, True, "scale", [1, 2, 0])
    network.add_flatten()
    network.add_dense(7, True, F("linear"))


def _kernels(network: Any) -> None:
    network.normalize_next_kernel(2)
    network.add_dense(70, True, F("mish"))
    network.add_orthogonal_penalty(0, 0.5, True)
    x = network.value
    network.normalize_next_kernel(1)
    network.add_dense(70, True, F("relu"))
    x_body = network.value
    network.seek(x)
    network.add_merge("add", [x_body, network.value])
    network.normalize_next_kernel(3)
    network.add_einsum_dense("b", "cb", "c", [7, 70], [7], F("linear"))
    network.add_orthogonal_penalty(2, 0.25, False)


def _train(build: Any, dtype: str) -> bytes:
    network = _core.Network((17,), dtype, "cpu", SEED)
    build(network)
    for i, info in enumerate(network.parameters()):
        value = _core.random_uniform(info.shape, -0.4, 0.6, SEED, i, dtype)
        network.set_parameter(i, value)
    network.compile(_core.Loss("mean_squared_error"), _core.Optimizer("adam", 0.01), [])
    x = _core.random_normal((150, 17), 0.0, 1.0, SEED, 90, dtype)
    y = _core.random_uniform((150, 7), 0.0, 1.0, SEED, 91, dtype)
    losses = [network.train(x, y, None, 70, True, None) for _ in range(3)]
    weights = [network.get_parameter(i).tobytes() for i in range(len(network.parameters()))]
    wide = _core.random_normal((3000, 17), 0.0, 1.0, SEED, 92, dtype)  # for several threads
    answers = [network.predict(wide, 32, None).tobytes(), network.call_training(wide).tobytes()]
    return b"".join([repr(losses).encode(), *weights, *answers])


def main() -> None:
    digest = hashlib.sha256()
    for dtype in ("float32", "float64"):
        for build in (_einsums, _axes, _kernels):
            digest.update(_train(build, dtype))
    print(digest.hexdigest())


if __name__ == "__main__":
    main()
