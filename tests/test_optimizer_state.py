"""Optimizers' state: saved, loaded and resumed bit for bit, averaged, and applied to parts."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lamina
from lamina import optimizers
from lamina.callbacks import SwapEMAWeights
from lamina.optimizers import schedules

Array = np.ndarray[Any, Any]
RNG = np.random.default_rng(7)
X, Y = RNG.normal(size=(24, 5)), RNG.normal(size=(24, 2))

EXTRAS: dict[str, Any] = {
    "weight_decay": 0.1,
    "clipnorm": 0.5,
    "use_ema": True,
    "ema_momentum": 0.8,
    "ema_overwrite_frequency": 5,
    "gradient_accumulation_steps": 3,
}
MAKERS: dict[str, Any] = {
    "sgd": lambda **k: optimizers.SGD(0.1, **k),
    "momentum": lambda **k: optimizers.SGD(0.1, 0.9, **k),
    "nesterov": lambda **k: optimizers.SGD(0.1, 0.9, True, **k),
    "rmsprop": lambda **k: optimizers.RMSprop(0.01, momentum=0.5, centered=True, **k),
    "adam": lambda **k: optimizers.Adam(0.01, **k),
    "amsgrad": lambda **k: optimizers.Adam(0.01, amsgrad=True, **k),
    "adadelta": lambda **k: optimizers.Adadelta(1.0, **k),
    "adagrad": lambda **k: optimizers.Adagrad(0.1, **k),
    "adamax": lambda **k: optimizers.Adamax(0.01, **k),
    "nadam": lambda **k: optimizers.Nadam(0.01, **k),
    "ftrl": lambda **k: optimizers.Ftrl(0.1, l1_regularization_strength=0.001, **k),
    "ftrl_power": lambda **k: optimizers.Ftrl(0.1, -0.3, **k),
    "lion": lambda **k: optimizers.Lion(0.01, **k),
    "lamb": lambda **k: optimizers.Lamb(0.01, **k),
    "adafactor": lambda **k: optimizers.Adafactor(0.1, **k),
    "muon": lambda **k: optimizers.Muon(0.01, exclude_layers=["last"], **k),
    "scheduled": lambda **k: optimizers.Adam(schedules.CosineDecayRestarts(0.1, 7), **k),
}


def make_model(optimizer: Any, dtype: str = "float32") -> lamina.Sequential:
    lamina.utils.set_random_seed(3)
    model = lamina.Sequential(
        [
            lamina.Input((5,)),
            lamina.layers.Dense(7, activation="tanh", dtype=dtype),
            lamina.layers.Dropout(0.2, dtype=dtype),
            lamina.layers.Dense(2, name="last", dtype=dtype),
        ]
    )
    model.compile(optimizer, "mse")
    return model


def bits(model: lamina.Sequential) -> list[bytes]:
    variables = [*model.weights, *model.optimizer.variables]
    return [v.numpy().tobytes() for v in variables]


@pytest.mark.parametrize("extras", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", MAKERS)
def test_saved_and_resumed_is_as_if_never_stopped(
    name: str, dtype: str, extras: bool, tmp_path: Path
) -> None:
    options = EXTRAS if extras else {}
    whole = make_model(MAKERS[name](**options), dtype)
    whole.fit(X, Y, batch_size=5, epochs=2, verbose=0)
    whole.fit(X, Y, batch_size=5, epochs=2, verbose=0)

    first = make_model(MAKERS[name](**options), dtype)
    first.fit(X, Y, batch_size=5, epochs=2, verbose=0)
    first.save(tmp_path / "model.safetensors")
    second = lamina.saving.load_model(tmp_path / "model.safetensors")
    assert bits(second) == bits(first)
    assert second.optimizer.get_config() == first.optimizer.get_config()
    second.fit(X, Y, batch_size=5, epochs=2, verbose=0)
    assert bits(second) == bits(whole)
    assert second.optimizer.iterations == whole.optimizer.iterations == (20 // 3 if extras else 20)


@pytest.mark.parametrize("name", ["rmsprop", "nadam", "muon", "adafactor"])
def test_pickled_and_copied_models_go_on_alike(name: str) -> None:
    model = make_model(MAKERS[name](**EXTRAS))
    model.fit(X, Y, batch_size=5, epochs=2, verbose=0)
    others = [pickle.loads(pickle.dumps(model)), copy.deepcopy(model)]
    for other in [model, *others]:
        other.fit(X, Y, batch_size=5, epochs=1, verbose=0)
    assert bits(others[0]) == bits(others[1]) == bits(model)


@pytest.mark.parametrize("scaled", [False, True])
def test_weights_without_decay_stay_so_in_files(scaled: bool, tmp_path: Path) -> None:
    def make() -> lamina.Sequential:
        optimizer: Any = optimizers.AdamW(0.1, weight_decay=0.5)
        if scaled:
            optimizer = optimizers.LossScaleOptimizer(optimizer)
        optimizer.exclude_from_weight_decay(var_names=["bias"])
        return make_model(optimizer)

    whole, first = make(), make()
    whole.fit(X, Y, batch_size=5, epochs=1, verbose=0)
    whole.fit(X, Y, batch_size=5, epochs=1, verbose=0)
    first.fit(X, Y, batch_size=5, epochs=1, verbose=0)
    first.save(tmp_path / "model.safetensors")
    second = lamina.saving.load_model(tmp_path / "model.safetensors")
    copied = copy.deepcopy(first)
    for model in (second, copied):
        model.fit(X, Y, batch_size=5, epochs=1, verbose=0)
        assert bits(model) == bits(whole)


def test_compiling_again_with_the_same_optimizer_keeps_all_of_its_state() -> None:
    def run(again: bool) -> list[bytes]:
        model = make_model(MAKERS["nadam"](**EXTRAS))
        model.fit(X, Y, batch_size=5, epochs=1, verbose=0)
        if again:
            model.compile(model.optimizer, "mse", metrics=["mae"])
        model.fit(X, Y, batch_size=5, epochs=1, verbose=0)
        return bits(model)

    assert run(False) == run(True)


def test_slots_have_their_own_shapes_and_names() -> None:
    model = make_model(optimizers.Adafactor(0.1, use_ema=True))
    model.predict(X)
    assert [(v.name, v.shape) for v in model.optimizer.variables[:4]] == [
        ("average", (5, 7)),
        ("average", (7,)),
        ("average", (7, 2)),
        ("average", (2,)),
    ]
    assert [(v.name, v.shape) for v in model.optimizer.variables[4:8]] == [
        ("row", (5,)),
        ("column", (7,)),
        ("velocity", (5, 7)),
        ("velocity", (7,)),
    ]
    row = model.optimizer.variables[4]
    row.assign(np.arange(5.0))
    assert row.numpy().tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="shape"):
        row.assign(np.zeros(7))
    adagrad = make_model(optimizers.Adagrad(initial_accumulator_value=0.25))
    adagrad.predict(X)
    assert len(adagrad.optimizer.variables) == 4
    assert all((v.numpy() == 0.25).all() for v in adagrad.optimizer.variables)


def test_iterations_can_be_set() -> None:
    with pytest.raises(RuntimeError, match="iterations=3"):
        optimizers.Adam(0.1).iterations = 3
    made = []
    for start in (0, 5):
        model = make_model(optimizers.Adam(0.1, gradient_accumulation_steps=2))
        model.predict(X)
        model.optimizer.iterations = start
        model.train_on_batch(X, Y)
        model.train_on_batch(X, Y)
        assert model.optimizer.iterations == start + 1
        made.append(model.get_weights()[0])
    assert not np.array_equal(*made)


def test_the_first_average_is_the_weights() -> None:
    model = make_model(optimizers.SGD(0.1, use_ema=True))
    model.train_on_batch(X, Y)
    for weight, average in zip(model.weights, model.optimizer.variables, strict=True):
        assert np.array_equal(weight.numpy(), average.numpy())


def test_fit_ends_with_the_averages() -> None:
    def trained(use_ema: bool) -> lamina.Sequential:
        model = make_model(optimizers.SGD(0.1, use_ema=use_ema, ema_momentum=0.9))
        model.fit(X, Y, batch_size=5, epochs=3, verbose=0)
        return model

    model, plain = trained(True), trained(False)
    assert bits(model)[:4] == bits(model)[4:] and bits(model)[:4] != bits(plain)


def _seen(swap_on_epoch: bool, callback: bool = True) -> tuple[lamina.Sequential, list[Any]]:
    seen: list[Any] = []

    class Look(lamina.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            seen.append(("begin", self.model.get_weights()))

        def on_test_begin(self, logs: Any = None) -> None:
            seen.append(("test", self.model.get_weights()))

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            seen.append(("end", self.model.get_weights()))

    model = make_model(optimizers.SGD(0.1, use_ema=True, ema_momentum=0.9))
    swap = [SwapEMAWeights(swap_on_epoch)] if callback else []
    callbacks = [*swap, Look()]
    model.fit(X, Y, epochs=2, batch_size=6, verbose=0, validation_data=(X, Y), callbacks=callbacks)
    return model, seen


def test_averages_are_in_place_while_the_model_is_evaluated() -> None:
    plain, weights = _seen(False, callback=False)
    model, swapped = _seen(False)
    assert bits(model) == bits(plain)
    for (what, a), (_, b) in zip(weights, swapped, strict=True):
        same = all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))
        assert same == (what != "test")
    # The averages that the last validation saw are what fit ends with.
    for a, b in zip(swapped[-2][1], model.get_weights(), strict=True):
        assert np.array_equal(a, b)


def test_averages_can_stay_between_epochs() -> None:
    plain, weights = _seen(False, callback=False)
    model, swapped = _seen(True)
    assert bits(model) == bits(plain)
    for (what, a), (_, b) in zip(weights, swapped, strict=True):
        same = all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))
        assert same == (what == "begin")


def test_an_epoch_that_ends_early_leaves_no_weights_swapped() -> None:
    class Stop(lamina.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.model.stop_training = True

    model = make_model(optimizers.SGD(0.1, use_ema=True))
    model.fit(X, Y, epochs=5, verbose=0, callbacks=[SwapEMAWeights(True), Stop()])
    other = make_model(optimizers.SGD(0.1, use_ema=True))
    other.fit(X, Y, epochs=1, verbose=0)
    assert bits(model) == bits(other)
    assert not model._trainer.ready().network.swapped

    evaluated = model.evaluate(X, Y, verbose=0, callbacks=[SwapEMAWeights()])
    assert evaluated == other.evaluate(X, Y, verbose=0) and bits(model) == bits(other)
    model.predict(X, callbacks=[SwapEMAWeights()])
    assert bits(model) == bits(other) and not model._trainer.ready().network.swapped


def test_before_the_first_step_the_average_is_the_weights() -> None:
    model = make_model(optimizers.SGD(0.1, use_ema=True))
    before = model.get_weights()
    loss = model.evaluate(X, Y, verbose=0)
    assert model.evaluate(X, Y, verbose=0, callbacks=[SwapEMAWeights()]) == loss
    model.fit(X, Y, epochs=0, verbose=0)
    for a, b in zip(before, model.get_weights(), strict=True):
        assert np.array_equal(a, b)


def test_swapping_needs_averages() -> None:
    model = make_model("adam")
    with pytest.raises(ValueError, match="use_ema=True"):
        model.fit(X, Y, verbose=0, callbacks=[SwapEMAWeights()])
    with pytest.raises(RuntimeError, match="use_ema"):
        model._trainer.ready().network.swap_average()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "name", ["RMSprop", "rmsprop", "RMSPROP", "AdamW", "lion", "nadam", "ftrl"]
)
def test_names_whatever_their_case(name: str) -> None:
    assert type(optimizers.get(name)).__name__.lower() == name.lower()


def test_compile_takes_rmsprop_by_default() -> None:
    model = make_model(optimizers.SGD())
    model.compile(loss="mse")
    assert isinstance(model.optimizer, optimizers.RMSprop)
    model.fit(X, Y, verbose=0)


@pytest.mark.parametrize("name", MAKERS)
def test_configurations_build_the_same_optimizer(name: str) -> None:
    made = MAKERS[name](**EXTRAS)
    for again in (
        optimizers.deserialize(optimizers.serialize(made)),
        optimizers.get({"class_name": type(made).__name__, "config": made.get_config()}),
        type(made).from_config(made.get_config()),
    ):
        assert type(again) is type(made) and again.get_config() == made.get_config()


def test_state_of_weights_that_are_thawed_later(tmp_path: Path) -> None:
    """Frozen at compile, thawed, trained, frozen again: nothing of the state is lost."""
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(12, 4)), rng.normal(size=(12, 2))

    def model() -> lamina.Sequential:
        lamina.utils.set_random_seed(5)
        layers = [lamina.layers.Dense(3, name="base"), lamina.layers.Dense(2, name="head")]
        made = lamina.Sequential([lamina.Input((4,)), *layers])
        made.layers[0].trainable = False
        optimizer = optimizers.AdamW(0.01, weight_decay=0.1)
        optimizer.exclude_from_weight_decay(var_names=["bias"])
        made.compile(optimizer, "mse")
        return made

    for thawed, frozen_again in ((False, False), (True, False), (True, True)):
        first = model()
        first.train_on_batch(x, y)
        if thawed:
            first.layers[0].trainable = True
            first.train_on_batch(x, y)
        if frozen_again:
            first.layers[0].trainable = False
            first.train_on_batch(x, y)
        assert first.optimizer is not None
        assert len(first.optimizer.variables) == (8 if thawed else 4)
        path = tmp_path / "model.safetensors"
        first.save(path)
        again = lamina.saving.load_model(path)
        assert again.optimizer is not None
        for mine, other in zip(again.optimizer.variables, first.optimizer.variables, strict=True):
            np.testing.assert_array_equal(mine.numpy(), other.numpy())
        for twin in (first, again):
            twin.layers[0].trainable = True
            twin.train_on_batch(x, y)
        for mine, other in zip(again.get_weights(), first.get_weights(), strict=True):
            np.testing.assert_array_equal(mine, other)


def test_a_thawed_weight_keeps_its_exclusion_from_decay() -> None:
    model = lamina.Sequential([lamina.Input((2,)), lamina.layers.Dense(2)])
    model.layers[0].trainable = False
    optimizer = optimizers.SGD(1.0, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["kernel"])
    model.compile(optimizer, "mse")
    model.set_weights([np.ones((2, 2)), np.ones(2)])
    model.layers[0].trainable = True
    zeros = np.zeros((3, 2), "float32")
    model.train_on_batch(zeros, np.ones((3, 2), "float32"))
    kernel, bias = model.get_weights()
    assert np.all(kernel == 1.0) and np.all(bias == 0.5)


def test_schedule_free_starts_from_the_weights_of_its_first_step() -> None:
    model = lamina.Sequential([lamina.Input((3,)), lamina.layers.Dense(2)])
    model.compile(optimizers.ScheduleFreeAdamW(0.1), "mse")
    model.set_weights([np.full((3, 2), 5.0), np.full(2, 5.0)])
    assert model.optimizer is not None
    model.train_on_batch(np.zeros((4, 3)), np.full((4, 2), 5.0))  # no gradient
    for weight in model.get_weights():
        np.testing.assert_allclose(weight, 5.0, rtol=1e-6)
    for bad in ({"beta_1": 0.0}, {"beta_1": 1.0}, {"warmup_steps": -1}, {"epsilon": -1.0}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            optimizers.ScheduleFreeAdamW(**bad)  # type: ignore[arg-type]


def test_set_weights() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, 2)), rng.normal(size=(8, 1))
    models = []
    for _ in range(2):
        model = lamina.Sequential([lamina.Input((2,)), lamina.layers.Dense(1)])
        model.compile("adam", "mse")
        models.append(model)
    one, other = models
    one.fit(x, y, epochs=3, verbose=0)
    with pytest.raises(ValueError, match="set_weights"):
        lamina.optimizers.Adam().set_weights([])
    other.fit(x, y, verbose=0)
    other.set_weights(one.get_weights())
    state = [variable.numpy() for variable in one.optimizer.variables]
    with pytest.raises(ValueError, match=r"`weights` must be arrays of the shapes"):
        other.optimizer.set_weights(state[1:])
    other.optimizer.set_weights(state)
    other.optimizer.iterations = one.optimizer.iterations
    for model in models:
        model.fit(x, y, shuffle=False, verbose=0)
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
