"""Trains networks of every layer and prints the SHA-256 of their weights and answers."""

from __future__ import annotations

import hashlib
from typing import Any

from lamina import _core

SEED = 20260102
F = _core.Activation


def _plain(network: Any) -> None:
    network.add_dense(33, True, F("squareplus", 4.0))
    network.add_batch_normalization(0, 0.9, 1e-3, True, True)
    network.add_gaussian_noise(0.25, 5)
    network.add_dense(40, True, F("sparse_plus"))
    network.add_row_normalization("standard", 1, 1e-3, True, True)
    network.add_alpha_dropout(0.25, 6)
    network.add_dense(32, False, F("hard_silu"))
    network.add_group_normalization(4, 1e-3, True, True)
    network.add_activity_penalty(0.01, 0.02)
    network.add_prelu(0)
    network.add_dense(7, True, F("log_sigmoid"))


def _matrices(network: Any) -> None:
    network.add_dense(60, True, F("tanh_shrink"))
    network.add_reshape([5, 12])
    network.add_batch_normalization(0, 0.9, 1e-3, False, True)
    network.add_group_normalization(3, 1e-3, True, False)
    network.add_row_normalization("rms", 2, 1e-6, False, True, "scale")
    network.add_prelu(1)
    network.add_row_activation(F("softmax"), 0)
    network.add_masked_dropout(0.3, [-1, 1, 12], 8)
    network.add_permute([1, 0])
    network.add_gaussian_dropout(0.2, 9)
    network.add_row_normalization("unit", 1, 0.0, False, False)
    network.add_flatten()
    network.add_repeat(2)
    network.add_row_normalization("variance_only", 1, 1e-3, False, True)
    network.add_dense(3, True, F("sparsemax"))
    network.add_flatten()
    network.add_dense(7, True, F("soft_shrink", 0.1))


def _residual(network: Any) -> None:
    network.add_dense(24, True, F("gelu"))
    x = network.value
    network.add_dense(70, True, F("silu"))
    network.add_batch_normalization(0, 0.5, 1e-3, True, True)
    inner = network.value
    network.add_dense(70, True, F("sparse_sigmoid"))
    inner_body = network.value
    network.seek(inner)
    network.add_merge("add", [inner_body, network.value])
    network.add_dense(7, True, F("hard_tanh"))
    x_body = network.value
    network.seek(x)
    network.add_dense(7, False, F("linear"))
    network.add_merge("add", [x_body, network.value])


def train(build: Any, dtype: str) -> bytes:
    network = _core.Network((17,), dtype, "cpu", SEED)
    build(network)
    for i, info in enumerate(network.parameters()):
        low = 0.5 if info.name == "moving_variance" else -0.4
        value = _core.random_uniform(info.shape, low, 0.7, SEED, i, dtype)
        network.set_parameter(i, value)
        if info.name == "kernel":
            network.add_penalty(i, 0.001, 0.002)
            inputs, units = info.shape
            network.add_constraint(i, "max_norm", 1, inputs, units, 0.0, 1.5)
        if info.name == "bias":
            network.add_constraint(i, "non_negative", 1, info.shape[0], 1)
    network.set_trainable(0, False)
    network.compile(_core.Loss("mean_squared_error"), _core.Optimizer("adam", 0.01), [])
    x = _core.random_normal((150, 17), 0.0, 1.0, SEED, 90, dtype)
    y = _core.random_uniform((150, 7), 0.0, 1.0, SEED, 91, dtype)
    losses = [network.train(x, y, None, 70, True, None) for _ in range(3)]
    weights = [network.get_parameter(i).tobytes() for i in range(len(network.parameters()))]
    answers = [network.predict(x, 32, None).tobytes(), network.call_training(x).tobytes()]
    # Some 100 rows go to several threads; a wider batch must too.
    wide = _core.random_normal((3000, 17), 0.0, 1.0, SEED, 92, dtype)
    answers.append(network.call_training(wide).tobytes())
    return b"".join([repr(losses).encode(), *weights, *answers])


def main() -> None:
    digest = hashlib.sha256()
    for dtype in ("float32", "float64"):
        for build in (_plain, _matrices, _residual):
            digest.update(train(build, dtype))
    print(digest.hexdigest())


if __name__ == "__main__":
    main()
