"""Optimizers and schedules against Keras 3 itself; skipped where it is not installed."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

import lamina

os.environ.setdefault("KERAS_BACKEND", "jax")
keras = pytest.importorskip("keras", minversion="3.0", reason="Keras 3 is not installed")
pytest.importorskip("jax", reason="the parity tests run Keras on jax")

# Keras and jax warn about each other and NumPy.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")

Array = np.ndarray[Any, Any]
STEPS = 10

RULES: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd": ("SGD", {"learning_rate": 0.05}),
    "momentum": ("SGD", {"learning_rate": 0.05, "momentum": 0.9}),
    "nesterov": ("SGD", {"learning_rate": 0.05, "momentum": 0.8, "nesterov": True}),
    "rmsprop": ("RMSprop", {}),
    "rmsprop_momentum": ("RMSprop", {"rho": 0.8, "momentum": 0.7, "epsilon": 1e-5}),
    "rmsprop_centered": ("RMSprop", {"centered": True, "epsilon": 1e-3}),
    "rmsprop_both": ("RMSprop", {"centered": True, "momentum": 0.5, "epsilon": 1e-3}),
    "adam": ("Adam", {"learning_rate": 0.003}),
    "amsgrad": ("Adam", {"learning_rate": 0.003, "amsgrad": True, "beta_2": 0.9}),
    "adamw": ("AdamW", {"learning_rate": 0.003, "weight_decay": 0.1}),
    "adadelta": ("Adadelta", {"learning_rate": 1.0, "epsilon": 1e-5}),
    "adagrad": ("Adagrad", {"learning_rate": 0.01}),
    "adamax": ("Adamax", {"learning_rate": 0.003}),
    "nadam": ("Nadam", {"learning_rate": 0.003}),
    "schedule_free": ("ScheduleFreeAdamW", {"learning_rate": 0.003, "warmup_steps": 4}),
    "ftrl": ("Ftrl", {"learning_rate": 0.05}),
    "ftrl_all": (
        "Ftrl",
        {
            "learning_rate": 0.1,
            "learning_rate_power": -0.7,
            "initial_accumulator_value": 0.5,
            "l1_regularization_strength": 0.0005,
            "l2_regularization_strength": 0.02,
            "l2_shrinkage_regularization_strength": 0.01,
            "beta": 0.1,
        },
    ),
    "lion": ("Lion", {"learning_rate": 0.002}),
    "adafactor": ("Adafactor", {"learning_rate": 0.05}),
    "lamb": ("Lamb", {"learning_rate": 0.005}),
    "muon": ("Muon", {"learning_rate": 0.005, "exclude_layers": ["last"]}),
    "muon_plain": ("Muon", {"nesterov": False, "rms_rate": None, "adam_lr_ratio": 0.5}),
}
COMMON: dict[str, dict[str, Any]] = {
    "alone": {},
    "weight_decay": {"weight_decay": 0.05},
    "clipnorm": {"clipnorm": 0.02},
    "clipvalue": {"clipvalue": 0.003},
    "global_clipnorm": {"global_clipnorm": 0.05},
    "ema": {"use_ema": True, "ema_momentum": 0.9},
    "ema_overwrite": {"use_ema": True, "ema_momentum": 0.7, "ema_overwrite_frequency": 3},
    "accumulation": {"gradient_accumulation_steps": 3},
    "all": {
        "weight_decay": 0.05,
        "global_clipnorm": 0.05,
        "use_ema": True,
        "ema_momentum": 0.8,
        "gradient_accumulation_steps": 2,
        "loss_scale_factor": 8.0,
    },
}


def _layers(library: Any) -> list[Any]:
    return [
        library.Input((6,)),
        library.layers.Dense(9, activation="tanh", name="first"),
        library.layers.Dense(4, activation="sigmoid", name="second"),
        library.layers.Dense(2, name="last"),
    ]


def _data() -> tuple[Array, Array, list[Array]]:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(16, 6)).astype("float32")
    y = rng.normal(size=(16, 2)).astype("float32")
    shapes = [(6, 9), (9,), (9, 4), (4,), (4, 2), (2,)]
    return x, y, [rng.normal(0, 0.5, size=s).astype("float32") for s in shapes]


def _steps(library: Any, optimizer: Any) -> Any:
    x, y, weights = _data()
    model = library.Sequential(_layers(library))
    model.set_weights(weights)
    model.compile(optimizer, "mse")
    for _ in range(STEPS):
        model.train_on_batch(x, y)
    return model


@pytest.mark.parametrize("common", COMMON)
@pytest.mark.parametrize("rule", RULES)
def test_ten_steps_are_keras(rule: str, common: str) -> None:
    name, arguments = RULES[rule]
    both = {**arguments, **COMMON[common]}
    theirs = _steps(keras, getattr(keras.optimizers, name)(**both))
    mine = _steps(lamina, getattr(lamina.optimizers, name)(**both))
    # An update of size u is right to rounding of u, so weights near zero are compared with the
    # largest of their array, before or after.
    start = _data()[2]
    for a, b, first in zip(mine.get_weights(), theirs.get_weights(), start, strict=True):
        assert np.abs(a - b).max() <= 1e-5 * max(np.abs(b).max(), np.abs(first).max())
    assert mine.optimizer.iterations == int(theirs.optimizer.iterations)
    # The same state, in the same order behind Keras' counter and learning rate.
    if name not in ("Adafactor", "Nadam"):
        state = [np.asarray(v) for v in theirs.optimizer.variables[2:]]
        assert [v.shape for v in mine.optimizer.variables] == [s.shape for s in state]
        for variable, slot in zip(mine.optimizer.variables, state, strict=True):
            # Differences of close numbers, so compared with the largest again.
            assert np.abs(variable.numpy() - slot).max() <= 1e-4 * np.abs(slot).max() + 1e-12


@pytest.mark.parametrize("rule", ["adamw", "lamb", "muon", "adafactor"])
def test_weights_are_excluded_from_decay_as_in_keras(rule: str) -> None:
    name, arguments = RULES[rule]
    both = {**arguments, "weight_decay": 0.2}
    made = []
    for library in (keras, lamina):
        optimizer = getattr(library.optimizers, name)(**both)
        optimizer.exclude_from_weight_decay(var_names=["bias"])
        made.append(_steps(library, optimizer).get_weights())
    for a, b in zip(*made, strict=True):
        assert np.abs(a - b).max() <= 1e-5 * np.abs(a).max()


@pytest.mark.parametrize("frequency", [None, 2])
def test_fit_ends_with_the_averages_as_in_keras(frequency: int | None) -> None:
    x, y, weights = _data()
    made = []
    for library in (keras, lamina):
        model = library.Sequential(_layers(library))
        model.set_weights(weights)
        optimizer = library.optimizers.SGD(
            0.1, use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=frequency
        )
        model.compile(optimizer, "mse")
        history = model.fit(
            x,
            y,
            batch_size=4,
            epochs=3,
            shuffle=False,
            verbose=0,
            validation_data=(x, y),
            callbacks=[library.callbacks.SwapEMAWeights()],
        )
        made.append((model.get_weights(), history.history))
    for a, b in zip(made[0][0], made[1][0], strict=True):
        assert np.abs(a - b).max() <= 1e-5 * np.abs(a).max()
    for key, values in made[0][1].items():
        assert np.allclose(values, made[1][1][key], rtol=1e-5)


SCHEDULES: list[tuple[str, dict[str, Any]]] = [
    ("ExponentialDecay", {"initial_learning_rate": 0.1, "decay_steps": 30, "decay_rate": 0.9}),
    (
        "ExponentialDecay",
        {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.5, "staircase": True},
    ),
    ("PiecewiseConstantDecay", {"boundaries": [10, 40], "values": [0.5, 0.2, 0.1]}),
    ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 50}),
    (
        "PolynomialDecay",
        {
            "initial_learning_rate": 0.1,
            "decay_steps": 16,
            "end_learning_rate": 0.01,
            "power": 2.0,
            "cycle": True,
        },
    ),
    ("InverseTimeDecay", {"initial_learning_rate": 0.1, "decay_steps": 5, "decay_rate": 0.5}),
    (
        "InverseTimeDecay",
        {"initial_learning_rate": 0.1, "decay_steps": 5, "decay_rate": 0.5, "staircase": True},
    ),
    ("CosineDecay", {"initial_learning_rate": 0.1, "decay_steps": 60, "alpha": 0.1}),
    (
        "CosineDecay",
        {
            "initial_learning_rate": 0.01,
            "decay_steps": 60,
            "alpha": 0.1,
            "warmup_target": 0.2,
            "warmup_steps": 20,
        },
    ),
    ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 12}),
    (
        "CosineDecayRestarts",
        {
            "initial_learning_rate": 0.1,
            "first_decay_steps": 16,
            "t_mul": 1.5,
            "m_mul": 0.8,
            "alpha": 0.05,
        },
    ),
    (
        "CosineDecayRestarts",
        {"initial_learning_rate": 0.1, "first_decay_steps": 16, "t_mul": 1.0},
    ),
]


@pytest.mark.parametrize("case", range(len(SCHEDULES)))
def test_schedules_are_keras(case: int) -> None:
    name, arguments = SCHEDULES[case]
    theirs = getattr(keras.optimizers.schedules, name)(**arguments)
    mine = getattr(lamina.optimizers.schedules, name)(**arguments)
    largest = max(float(theirs(step)) for step in range(100))
    for step in range(150):
        assert abs(mine(step) - float(theirs(step))) <= 1e-6 * largest, step
    assert mine.get_config() == theirs.get_config()


@pytest.mark.parametrize("rule", RULES)
def test_configurations_are_keras(rule: str) -> None:
    name, arguments = RULES[rule]
    mine = getattr(lamina.optimizers, name)(**arguments, name="it").get_config()
    theirs = getattr(keras.optimizers, name)(**arguments, name="it").get_config()
    assert list(mine) == list(theirs)
    for key, value in theirs.items():
        assert mine[key] == (pytest.approx(value, rel=1e-6) if key == "learning_rate" else value)
    again = lamina.optimizers.deserialize(
        keras.optimizers.serialize(getattr(keras.optimizers, name)(**arguments, name="it"))
    )
    assert list(again.get_config()) == list(theirs)
