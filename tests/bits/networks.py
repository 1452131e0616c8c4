"""Trains the networks of networks.txt and prints the SHA-256 of their weights and predictions.

networks.cpp does the same in C++.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from lamina import _core

SEED = 20260101


def activation(parts: list[str]) -> _core.Activation:
    names = ("a", "b", "c")
    return _core.Activation(parts[0], **dict(zip(names, map(float, parts[1:]), strict=False)))


def uniform(shape: tuple[int, ...], low: float, high: float, index: int, dtype: str) -> np.ndarray:
    stream = _core.stream_id("user", index, 0)
    return _core.random_uniform(shape, low, high, SEED, stream, dtype)


def build(fields: dict[str, str]) -> _core.Network:
    shape = tuple(map(int, fields["input"].split("x")))
    network = _core.Network(shape, fields["dtype"], "cpu", SEED)
    for layer in fields["layers"].split(","):
        kind, *parts = layer.split(":")
        if kind in ("dense", "nobias"):
            network.add_dense(int(parts[0]), kind == "dense", activation(parts[1:]))
        elif kind == "activation":
            network.add_activation(activation(parts))
        elif kind == "dropout":
            network.add_dropout(float(parts[0]), SEED)
        else:
            network.add_flatten()
    for i, info in enumerate(network.parameters()):
        network.set_parameter(i, uniform(info.shape, -0.25, 0.25, 10 + i, fields["dtype"]))
    loss, *options = fields["loss"].split(":")
    from_logits, smoothing, delta = (
        float(options[i]) if i < len(options) else (0, 0, 1)[i] for i in range(3)
    )
    rule, *rates = fields["optimizer"].split(":")
    momentum = float(rates[1]) if len(rates) > 1 else 0.0
    network.compile(
        _core.Loss(loss, bool(from_logits), smoothing, delta),
        _core.Optimizer(rule, float(rates[0]), momentum),
        [],
    )
    return network


def train(line: str) -> bytes:
    fields = dict(field.split("=") for field in line.split())
    network = build(fields)
    rows, dtype = int(fields["rows"]), fields["dtype"]
    output = network.output_shape()
    x = uniform((rows, *map(int, fields["input"].split("x"))), -1.0, 1.0, 1, dtype)
    y = uniform((rows, *output), 0.0, 1.0, 2, dtype)
    if fields["loss"].startswith("sparse"):
        y = (np.arange(rows * int(np.prod(output[:-1]))) * 7 % output[-1]).reshape(
            rows, *output[:-1]
        )
    for _ in range(int(fields["epochs"])):
        network.train(x, y, None, int(fields["batch"]), fields["shuffle"] == "1", None)
    weights = [network.get_parameter(i).tobytes() for i in range(len(network.parameters()))]
    return b"".join([*weights, network.predict(x, 32, None).tobytes()])


def main() -> None:
    digest = hashlib.sha256()
    for line in (Path(__file__).parent / "networks.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            digest.update(train(line))
    print(digest.hexdigest())


if __name__ == "__main__":
    main()
