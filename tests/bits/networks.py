"""Trains the networks of networks.txt, or another file here, and prints the SHA-256 of the results.

networks.cpp does the same in C++.
"""

from __future__ import annotations

import hashlib
import sys
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


def numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(";")] if text else []


def build(fields: dict[str, str]) -> _core.Network:
    shape = tuple(map(int, fields["input"].split("x")))
    network = _core.Network(shape, fields["dtype"], "cpu", SEED)
    for extent in numbers(fields.get("inputs", "")):
        network.add_input((extent,))
    for layer in fields["layers"].split(","):
        kind, *parts = layer.split(":")
        if kind in ("dense", "nobias"):
            network.add_dense(int(parts[0]), kind == "dense", activation(parts[1:]))
        elif kind == "activation":
            network.add_activation(activation(parts))
        elif kind == "dropout":
            network.add_dropout(float(parts[0]), SEED)
        elif kind == "seek":
            network.seek(int(parts[0]))
        elif kind == "share":
            network.share(int(parts[0]))
        elif kind == "embedding":
            network.add_embedding(int(parts[0]), int(parts[1]))
        elif kind == "merge":
            axis = 0 if parts[0] == "concatenate" else -1
            network.add_merge(parts[0], [int(value) for value in parts[1:]], axis)
        elif kind == "dot":
            network.add_dot((int(parts[0]), int(parts[1])), (0, 0))
        else:
            network.add_flatten()
    if "outputs" in fields:
        network.set_outputs(numbers(fields["outputs"]))
    for i, info in enumerate(network.parameters()):
        network.set_parameter(i, uniform(info.shape, -0.25, 0.25, 10 + i, fields["dtype"]))
    weights = [float(part) for part in fields.get("weights", "1").split(";")]
    objectives = []
    for weight, text in zip(weights, fields["loss"].split(";"), strict=True):
        loss, *options = text.split(":")
        from_logits, smoothing, delta = (
            float(options[i]) if i < len(options) else (0, 0, 1)[i] for i in range(3)
        )
        specification = _core.Loss(loss, bool(from_logits), smoothing, delta)
        objectives.append(_core.OutputObjective(specification, weight=weight))
    rule, *rates = fields["optimizer"].split(":")
    momentum = float(rates[1]) if len(rates) > 1 else 0.0
    network.compile(objectives, _core.Optimizer(rule, float(rates[0]), momentum))
    return network


def train(line: str) -> bytes:
    fields = dict(field.split("=") for field in line.split())
    network = build(fields)
    rows, dtype = int(fields["rows"]), fields["dtype"]
    shapes = [tuple(map(int, fields["input"].split("x")))]
    shapes += [(extent,) for extent in numbers(fields.get("inputs", ""))]
    x = [
        uniform((rows, *shape), -1.0, 1.0, 1 if not place else 100 + place, dtype)
        for place, shape in enumerate(shapes)
    ]
    for part in fields["indices"].split(";") if "indices" in fields else []:
        place, entries = map(int, part.split(":"))
        x[place] = (np.arange(rows) * 7 % entries).reshape(rows, 1)
    places = numbers(fields.get("outputs", "")) or [network.value]
    y = []
    for place, loss in enumerate(fields["loss"].split(";")):
        output = network.value_shape(places[place])
        y.append(uniform((rows, *output), 0.0, 1.0, 2 if not place else 200 + place, dtype))
        if loss.startswith("sparse"):
            count = rows * int(np.prod(output[:-1]))
            y[-1] = (np.arange(count) * 7 % output[-1]).reshape(rows, *output[:-1])
    for _ in range(int(fields["epochs"])):
        network.train(x, y, None, int(fields["batch"]), fields["shuffle"] == "1", None)
    weights = [network.get_parameter(i).tobytes() for i in range(len(network.parameters()))]
    outputs = network.predict(x, 32, None)
    each = outputs if isinstance(outputs, list) else [outputs]
    return b"".join([*weights, *(output.tobytes() for output in each)])


def main() -> None:
    digest = hashlib.sha256()
    name = sys.argv[1] if len(sys.argv) > 1 else "networks.txt"
    for line in (Path(__file__).parent / name).read_text().splitlines():
        if line and not line.startswith("#"):
            digest.update(train(line))
    print(digest.hexdigest())


if __name__ == "__main__":
    main()
