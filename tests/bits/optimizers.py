"""Prints a hash over the weights and states that every optimizer leaves."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np

import lamina
from lamina import _core, optimizers
from lamina.optimizers import schedules


def every_optimizer() -> Iterator[tuple[str, Any]]:
    """A name and an optimizer, with the options that need kernels of their own."""
    decayed: dict[str, Any] = {"weight_decay": 0.1, "clipnorm": 0.05}
    averaged: dict[str, Any] = {
        "global_clipnorm": 0.05,
        "use_ema": True,
        "ema_overwrite_frequency": 3,
        "gradient_accumulation_steps": 2,
        "loss_scale_factor": 3.0,
    }
    clipped: dict[str, Any] = {"clipvalue": 0.001, "weight_decay": 0.1, "use_ema": True}
    for options in ({}, decayed, averaged, clipped):
        yield "sgd", optimizers.SGD(0.1, 0.9, True, **options)
        yield "adam", optimizers.Adam(0.01, **options)
        yield "amsgrad", optimizers.Adam(0.01, amsgrad=True, **options)
        yield "rmsprop", optimizers.RMSprop(0.01, **options)
        yield "centered", optimizers.RMSprop(0.01, momentum=0.5, centered=True, **options)
        yield "adadelta", optimizers.Adadelta(1.0, **options)
        yield "adagrad", optimizers.Adagrad(0.1, **options)
        yield "adamax", optimizers.Adamax(0.01, **options)
        yield "nadam", optimizers.Nadam(0.01, **options)
        yield "ftrl", optimizers.Ftrl(0.1, l1_regularization_strength=0.001, **options)
        yield "power", optimizers.Ftrl(0.1, -0.3, **options)
        yield "lion", optimizers.Lion(0.01, **options)
        yield "lamb", optimizers.Lamb(0.01, **options)
        yield "adafactor", optimizers.Adafactor(0.1, **options)
        yield "muon", optimizers.Muon(0.01, **{"weight_decay": 0.01, **options})
    yield "lbfgs", optimizers.LBFGS(history=3)
    yield "scaled", optimizers.LossScaleOptimizer(optimizers.Adam(0.01), 3.0, 2)
    for schedule in (
        schedules.ExponentialDecay(0.1, 3, 0.7),
        schedules.PolynomialDecay(0.1, 5, 0.01, 1.7, True),
        schedules.InverseTimeDecay(0.1, 3, 0.7),
        schedules.CosineDecay(0.0, 5, 0.1, warmup_target=0.1, warmup_steps=2),
        schedules.CosineDecayRestarts(0.1, 2, 1.5, 0.9, 0.1),
        schedules.OneCycle(0.1, 6),
    ):
        yield "scheduled", optimizers.SGD(schedule, 0.5)


def hash_of_all() -> str:
    """The hash."""
    digest = hashlib.sha256()
    for dtype in ("float32", "float64"):
        y = _core.random_normal((12, 3), 0.0, 1.0, 6, 1, dtype)
        for name, optimizer in every_optimizer():
            # Large enough that threads share the work, and of sizes that no vector divides; Muon's
            # products have their own tests and would take long without hardware for fma.
            inputs, units = (31, 37) if name == "muon" else (187, 271)
            x = _core.random_normal((12, inputs), 0.0, 1.0, 6, 0, dtype)
            model = lamina.Sequential(
                [
                    lamina.Input((inputs,)),
                    lamina.layers.Dense(units, activation="tanh", dtype=dtype),
                    lamina.layers.Dense(3, dtype=dtype),
                ]
            )
            model.build()
            for i, weight in enumerate(model.weights):
                weight.assign(_core.random_uniform(weight.shape, -0.1, 0.1, 5, i, dtype))
            model.compile(optimizer, "mse")
            epochs = 3
            if name == "lbfgs":
                model.fit(x, y, epochs=epochs, verbose=0)
            else:
                model.fit(x, y, batch_size=8, epochs=epochs, shuffle=False, verbose=0)
            for variable in [*model.weights, *model.optimizer.variables]:
                digest.update(np.ascontiguousarray(variable.numpy()).tobytes())
    return digest.hexdigest()


if __name__ == "__main__":
    print(hash_of_all())
