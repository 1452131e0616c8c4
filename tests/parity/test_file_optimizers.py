"""Every optimizer's state in files, both ways: training goes on as if nothing had happened."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lamina

pytest.importorskip("h5py", reason="h5py is not installed (extra `keras`)")

# Keras' own warnings are not what is tested here.
pytestmark = pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning", "ignore:.*HDF5.*")

Array = np.ndarray[Any, Any]
STEPS = 3

OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "sgd": lambda k: k.optimizers.SGD(0.05),
    "momentum": lambda k: k.optimizers.SGD(0.01, momentum=0.9, nesterov=True),
    "rmsprop": lambda k: k.optimizers.RMSprop(0.01),
    "rmsprop centered": lambda k: k.optimizers.RMSprop(0.01, momentum=0.5, centered=True),
    "adam": lambda k: k.optimizers.Adam(0.01),
    "amsgrad": lambda k: k.optimizers.Adam(0.01, amsgrad=True),
    "adamw": lambda k: k.optimizers.AdamW(0.01, weight_decay=0.1),
    "adadelta": lambda k: k.optimizers.Adadelta(0.5),
    "adagrad": lambda k: k.optimizers.Adagrad(0.05),
    "adamax": lambda k: k.optimizers.Adamax(0.01),
    "nadam": lambda k: k.optimizers.Nadam(0.01),
    "ftrl": lambda k: k.optimizers.Ftrl(0.05, l1_regularization_strength=0.01),
    "lion": lambda k: k.optimizers.Lion(0.005),
    "lamb": lambda k: k.optimizers.Lamb(0.01),
    "adafactor": lambda k: k.optimizers.Adafactor(0.05),
    "muon": lambda k: k.optimizers.Muon(0.01),
    "schedule": lambda k: k.optimizers.Adam(k.optimizers.schedules.ExponentialDecay(0.05, 2, 0.5)),
    "ema": lambda k: k.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.7),
    "ema of sgd": lambda k: k.optimizers.SGD(
        0.01, momentum=0.9, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=4
    ),
    "accumulation": lambda k: k.optimizers.Adam(0.01, gradient_accumulation_steps=2),
    "ema and accumulation": lambda k: k.optimizers.Adam(
        0.01, use_ema=True, ema_momentum=0.6, gradient_accumulation_steps=2
    ),
    "clipping": lambda k: k.optimizers.Adam(0.01, global_clipnorm=0.5, weight_decay=0.01),
    "loss scale": lambda k: k.optimizers.LossScaleOptimizer(
        k.optimizers.Adam(0.01), initial_scale=64.0, dynamic_growth_steps=2
    ),
    "loss scale of sgd": lambda k: k.optimizers.LossScaleOptimizer(
        k.optimizers.SGD(k.optimizers.schedules.ExponentialDecay(0.01, 2, 0.5), momentum=0.9)
    ),
    "loss scale of adafactor": lambda k: k.optimizers.LossScaleOptimizer(
        k.optimizers.Adafactor(0.05, use_ema=True, ema_momentum=0.5)
    ),
}


def _model(library: Any, name: str) -> Any:
    """Weights of one and two axes, and some that are not trained."""
    layers = library.layers
    model = library.Sequential(
        [
            library.Input((4,)),
            layers.Dense(6, "tanh"),
            layers.BatchNormalization(),
            layers.Dense(2, trainable=False),
            layers.Dense(3),
        ]
    )
    model.set_weights(
        [
            np.random.default_rng(place).normal(size=tuple(weight.shape)) ** 2 / 3 + 0.1
            for place, weight in enumerate(model.weights)
        ]
    )
    model.compile(OPTIMIZERS[name](library), "mse")
    return model


def _data() -> tuple[Array, Array]:
    generator = np.random.default_rng(7)
    x = generator.normal(size=(16, 4)).astype("float32")
    return x, generator.normal(size=(16, 3)).astype("float32")


def _train(model: Any) -> list[float]:
    return [float(np.ravel(model.train_on_batch(*_data()))[0]) for _ in range(STEPS)]


def _slots(model: Any) -> list[Array]:
    found = []
    for variable in model.optimizer.variables:
        value = np.asarray(variable.numpy())
        if value.ndim:
            found.append(value)
    return found


def _go_on_equally(one: Any, other: Any) -> None:
    assert int(one.optimizer.iterations) == int(other.optimizer.iterations)
    mine, theirs = _slots(one), _slots(other)
    assert [v.shape for v in mine] == [v.shape for v in theirs]
    for a, b in zip(mine, theirs, strict=True):
        assert a.tobytes() == b.tobytes()
    np.testing.assert_allclose(_train(one), _train(other), rtol=1e-5, atol=1e-7)
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=2e-6)
    assert int(one.optimizer.iterations) == int(other.optimizer.iterations)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_both_ways(name: str, keras: Any, tmp_path: Path) -> None:
    theirs = _model(keras, name)
    _train(theirs)
    theirs.save(str(tmp_path / "theirs.keras"))
    mine = lamina.models.load_model(tmp_path / "theirs.keras")
    mine.save(tmp_path / "mine.keras")
    again = keras.saving.load_model(str(tmp_path / "mine.keras"))
    for one, other in zip(theirs.optimizer.variables, again.optimizer.variables, strict=True):
        assert np.asarray(one.numpy()).tobytes() == np.asarray(other.numpy()).tobytes(), one.path
    _go_on_equally(mine, again)
    mine.save(tmp_path / "trained.keras")
    again = keras.saving.load_model(str(tmp_path / "trained.keras"))
    _go_on_equally(mine, again)


@pytest.mark.parametrize("name", ["adam", "ema and accumulation", "loss scale", "adafactor"])
def test_weights_bring_the_state_of_an_optimizer_that_has_begun(
    name: str, keras: Any, tmp_path: Path
) -> None:
    theirs, mine = _model(keras, name), _model(lamina, name)
    for model in (theirs, mine):
        _train(model)
    theirs.save_weights(str(tmp_path / "theirs.weights.h5"))
    _train(mine)
    mine.load_weights(tmp_path / "theirs.weights.h5")
    _go_on_equally(mine, theirs)
    mine.save_weights(tmp_path / "mine.weights.h5")
    _train(theirs)
    theirs.load_weights(str(tmp_path / "mine.weights.h5"))
    _go_on_equally(mine, theirs)


def test_weights_do_not_start_an_optimizer(keras: Any, tmp_path: Path) -> None:
    theirs = _model(keras, "adam")
    _train(theirs)
    theirs.save_weights(str(tmp_path / "w.weights.h5"))
    mine = _model(lamina, "adam")
    mine.optimizer.learning_rate = 0.125
    mine.load_weights(tmp_path / "w.weights.h5")
    assert mine.optimizer.iterations == 0 and mine.optimizer.learning_rate == 0.125
