"""Large kernels are updated in the products that compute their gradients, with the same bits."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lamina
from lamina import _core

#: Beyond what `nn::Network` takes for near (256 KiB of a kernel), in both types: the first kernel,
#: one in the middle, the last one, and several.
SIZES = [
    *((70_000, 1, 2), (784, 301, 10), (3072, 100, 17), (129, 1030, 3)),
    *((5, 270, 260, 4), (20, 301, 290), (300, 260, 17, 4000, 261)),
]

OPTIMIZERS: dict[str, Callable[[], Any]] = {
    "sgd": lambda: lamina.optimizers.SGD(0.1),
    "nesterov": lambda: lamina.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
    "adam": lambda: lamina.optimizers.Adam(0.01),
    "adamw clipped, averaged": lambda: lamina.optimizers.AdamW(
        0.01, clipvalue=0.01, use_ema=True, ema_overwrite_frequency=2
    ),
    "nadam": lambda: lamina.optimizers.Nadam(0.01),
    "adadelta": lambda: lamina.optimizers.Adadelta(1.0),
    "lamb": lambda: lamina.optimizers.Lamb(0.01),
    "clipped by norm": lambda: lamina.optimizers.Adam(0.01, global_clipnorm=0.1),
    "accumulating": lambda: lamina.optimizers.Adam(0.01, gradient_accumulation_steps=2),
}


def trained(
    sizes: tuple[int, ...], rows: int, optimizer: Any, fused: bool, dtype: str = "float32"
) -> tuple[list[Any], lamina.Sequential]:
    lamina.utils.set_random_seed(3)
    data = np.random.default_rng(0)
    model = lamina.Sequential([lamina.Input((sizes[0],))])
    for size in sizes[1:-1]:
        model.add(lamina.layers.Dense(size, "relu", dtype=dtype))
    model.add(lamina.layers.Dense(sizes[-1], "softmax", dtype=dtype))
    model.compile(optimizer, "sparse_categorical_crossentropy")
    x = data.normal(size=(rows, sizes[0])).astype(dtype)
    y = data.integers(0, sizes[-1], rows)
    model._trainer.ready().network.fuses_updates = fused
    for _ in range(3):
        model.train_on_batch(x, y)
    state = [v.numpy() for v in model.optimizer.variables]
    return [*model.get_weights(), *state], model


def assert_same(one: list[Any], other: list[Any]) -> None:
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        assert np.asarray(a).tobytes() == np.asarray(b).tobytes()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_rule_has_the_same_bits(name: str) -> None:
    fused, model = trained((784, 301, 10), 33, OPTIMIZERS[name](), True)
    apart, other = trained((784, 301, 10), 33, OPTIMIZERS[name](), False)
    assert_same(fused, apart)
    assert other._trainer.ready().network.get_gradient(0) is not None
    needs_all = ("nadam", "lamb", "clipped by norm", "accumulating")
    fuses = model.device == "cpu" and name not in needs_all
    assert (model._trainer.ready().network.get_gradient(0) is None) == fuses
    assert model._trainer.ready().network.get_gradient(1) is not None


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rows", [1, 7, 129, 300])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_every_shape_has_the_same_bits(sizes: tuple[int, ...], rows: int, dtype: str) -> None:
    adam = lamina.optimizers.Adam
    assert_same(
        trained(sizes, rows, adam(0.01), True, dtype)[0],
        trained(sizes, rows, adam(0.01), False, dtype)[0],
    )


def test_what_is_not_stored() -> None:
    model = trained((300, 260, 17, 4000, 261), 9, lamina.optimizers.Adam(), True)[1]
    places = [model._trainer.ready().network.get_gradient(i) is None for i in range(8)]
    # 300 x 260, 260 x 17, 17 x 4000, 4000 x 261, and their biases
    fuses = model.device == "cpu"
    assert places == [fuses, False, False, False, fuses, False, fuses, False]


def test_what_fuses_may_change_between_steps() -> None:
    data = np.random.default_rng(2)
    x, y = data.normal(size=(40, 300)), data.integers(0, 270, 40)

    def weights(fused: bool) -> list[Any]:
        lamina.utils.set_random_seed(5)
        layers = lamina.layers
        model = lamina.Sequential(
            [
                *(lamina.Input((300,)), layers.Dense(280, "tanh"), layers.Dropout(0.3)),
                *(layers.Dense(300), layers.LayerNormalization(), layers.Dense(270, "softmax")),
            ]
        )
        for optimizer, rows in (
            (lamina.optimizers.Adam(global_clipnorm=1.0), 30),
            (lamina.optimizers.Adam(), 20),
            (lamina.optimizers.SGD(0.1, momentum=0.9), 40),
            (lamina.optimizers.Nadam(), 40),
            (lamina.optimizers.Adam(weight_decay=0.1), 10),
        ):
            model.compile(optimizer, "sparse_categorical_crossentropy")
            model._trainer.ready().network.fuses_updates = fused
            model.train_on_batch(x[:rows], y[:rows])
            model.layers[0].trainable = not model.layers[0].trainable
        return model.get_weights()

    assert_same(weights(True), weights(False))


def test_a_penalty_or_a_frozen_layer_below() -> None:
    def weights(fused: bool, **first: Any) -> list[Any]:
        lamina.utils.set_random_seed(5)
        model = lamina.Sequential(
            [
                lamina.Input((300,)),
                lamina.layers.Dense(400, "relu", **first),
                lamina.layers.Dense(500, "relu"),
                lamina.layers.Dense(3),
            ]
        )
        model.layers[0].trainable = not first.get("name", "").startswith("frozen")
        model.compile("adam", "mse")
        model._trainer.ready().network.fuses_updates = fused
        data = np.random.default_rng(1)
        x, y = data.normal(size=(40, 300)), data.normal(size=(40, 3))
        model.fit(x, y, batch_size=16, epochs=2, verbose=0)
        return model.get_weights()

    for first in (
        {"kernel_regularizer": "l2"},
        {"name": "frozen"},
        {"kernel_constraint": "max_norm"},
    ):
        assert_same(weights(True, **first), weights(False, **first))


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("isa", _core.available_isas())
def test_on_every_instruction_set_and_thread_count(isa: str, threads: int) -> None:
    script = textwrap.dedent("""
        import hashlib, sys
        sys.path.insert(0, sys.argv[1])
        import lamina, test_fused_update as t
        for sizes, rows in (((784, 301, 10), 150), ((70_000, 1, 2), 9), ((260, 300, 280), 33)):
            one = t.trained(sizes, rows, lamina.optimizers.Adam(0.01), True)[0]
            t.assert_same(one, t.trained(sizes, rows, lamina.optimizers.Adam(0.01), False)[0])
    """)
    subprocess.run(
        [sys.executable, "-c", script, str(Path(__file__).parent)],
        env=os.environ | {"LAMINA_ISA": isa, "OMP_NUM_THREADS": str(threads)},
        check=True,
        timeout=300,
    )
