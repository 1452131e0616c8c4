"""Prints a hash over label losses, focal weights, shared layers and schedule-free AdamW."""

from __future__ import annotations

import hashlib

import numpy as np

import lamina
from lamina import _core, losses


def hash_of_all() -> str:
    """The hash."""
    digest = hashlib.sha256()

    def add(*arrays: object) -> None:
        for array in arrays:
            digest.update(np.ascontiguousarray(array).tobytes())

    for dtype in ("float32", "float64"):
        for rows, columns in ((1, 1), (70, 3), (66, 17), (300, 40)):
            p = _core.random_uniform((rows, columns), 0.05, 1.0, 3, 1, dtype)
            labels = np.arange(rows) % min(columns, 7)
            t = np.eye(columns, dtype=dtype)[labels]
            alphas = [0.25 * (i % 5) for i in range(columns)]
            for loss, target in (
                (losses.CategoricalGeneralizedCrossEntropy(0.7), labels),
                (losses.Circle(12.0, 0.3), labels),
                (losses.Circle(5.0, remove_diagonal=False), labels),
                (losses.CategoricalFocalCrossentropy(alphas, 1.5), t),
                (losses.CategoricalFocalCrossentropy(alphas, from_logits=True), t),
            ):
                rule = loss.specification()
                add(_core.loss_values(rule, target, p), _core.loss_gradient(rule, target, p))
        x = _core.random_normal((48, 187), 0.0, 1.0, 6, 0, dtype)
        layers = [lamina.layers.Dense(units, "tanh", dtype=dtype) for units in (271, 5)]
        one = lamina.Sequential([lamina.Input((187,)), *layers])
        for i, weight in enumerate(one.weights):
            weight.assign(_core.random_uniform(weight.shape, -0.1, 0.1, 5, i, dtype))
        end = lamina.layers.UnitNormalization(dtype=dtype)
        two = lamina.Sequential([lamina.Input((187,)), *layers, end])
        one.compile(lamina.optimizers.ScheduleFreeAdamW(0.01, warmup_steps=3), "mse")
        two.compile(lamina.optimizers.ScheduleFreeAdamW(0.01, weight_decay=0.1), losses.Circle(9.0))
        for _ in range(3):
            one.fit(x, x[:, :5], batch_size=20, shuffle=False, verbose=0)
            two.fit(x, np.arange(48) % 5, batch_size=20, shuffle=False, verbose=0)
        for model in (one, two):
            assert model.optimizer is not None
            add(*(v.numpy() for v in [*model.weights, *model.optimizer.variables]))
    return digest.hexdigest()


if __name__ == "__main__":
    print(hash_of_all())
