"""Computes gradients of many functions by tapes and prints the SHA-256 of their bits."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

import lamina
from lamina import _core

SEED = 20260201
core = _core.ops
F = _core.Activation


def draw(shape: tuple[int, ...], stream: int, dtype: str) -> Any:
    return core.convert(_core.random_normal(shape, 0.0, 1.0, SEED, stream, dtype))


def smooth(x: Any) -> Any:
    y = core.log1p(core.square(core.sin(x)))
    y = core.multiply(core.sigmoid(x), core.exp(core.negative(y)))
    return core.divide(core.tanh(core.add(y, x)), core.sqrt(core.add(core.square(x), 1.0)))


def kinked(x: Any) -> Any:
    y = core.maximum(x, core.multiply(x, 0.25))
    return core.add(core.absolute(y), core.where(core.greater(x, 0.5), x, core.floor(x)))


def folded(x: Any) -> Any:
    largest, spread = core.max(x, (1,), False), core.std(x, (1,), False, 1.0)
    parts = core.concatenate([core.logsumexp(x, (1,), False), largest, spread], 0)
    return core.multiply(parts, core.mean(core.var(x, (0,), False, 0.0), None, False))


def network(x: Any, w: Any, b: Any, v: Any) -> Any:
    hidden = core.dense(x, w, b, F("gelu"))
    logits = core.matmul(core.activation(F("elu", 1.0), hidden), v)
    labels = np.arange(x.shape[0], dtype=np.int32) % v.shape[1]
    loss = _core.Loss("sparse_categorical_crossentropy", from_logits=True)
    return core.mean(core.row_losses(loss, labels, logits), None, False)


def gradients(function: Any, inputs: list[Any], twice: bool) -> list[bytes]:
    with lamina.GradientTape() as outer:
        outer.watch(inputs)
        with lamina.GradientTape() as inner:
            inner.watch(inputs)
            y = function(*inputs)
        first = inner.gradient(y, inputs)
    found = list(first)
    if twice:
        found += outer.gradient(first, inputs, unconnected_gradients="zero")
    return [np.asarray(y).tobytes(), *(np.asarray(g).tobytes() for g in found)]


def main() -> None:
    digest = hashlib.sha256()
    for dtype in ("float32", "float64"):
        # Small ones stay on one thread, large ones do not.
        for rows in (7, 300, 5000):
            x = draw((rows, 65), 1, dtype)
            for function in (smooth, kinked, folded):
                for part in gradients(function, [x], function is smooth):
                    digest.update(part)
            weights = [draw((65, 33), 2, dtype), draw((33,), 3, dtype), draw((33, 10), 4, dtype)]
            for part in gradients(network, [x, *weights], True):
                digest.update(part)
    print(digest.hexdigest())


if __name__ == "__main__":
    main()
