"""What an optimizer keeps of gradients that come no more: let go before it turns denormal."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lamina
from lamina import optimizers

Array = np.ndarray[Any, Any]
ROWS = np.random.default_rng(5).normal(size=(2, 6, 3))
NOTHING = np.zeros((6, 3))
#: The contract's: every so many steps, averages of gradients below the first number are 0, and
#: averages of squares between 0 and the second are that.
EVERY = 64
THRESHOLDS = {"float32": (2.0**-90, 2.0**-112), "float64": (2.0**-960, 2.0**-980)}
#: A decay for each, with which the thresholds are met in time.
DECAYS = [("float32", 0.9), ("float64", 0.75)]

#: With decays that are over soon.
MAKERS: dict[str, Any] = {
    "momentum": lambda **k: optimizers.SGD(0.1, 0.9, **k),
    "nesterov": lambda **k: optimizers.SGD(0.1, 0.9, True, **k),
    "rmsprop": lambda **k: optimizers.RMSprop(0.01, **k),
    "rmsprop_all": lambda **k: optimizers.RMSprop(0.01, momentum=0.8, centered=True, **k),
    "adam": lambda **k: optimizers.Adam(0.01, beta_2=0.9, **k),
    "amsgrad": lambda **k: optimizers.Adam(0.01, beta_2=0.9, amsgrad=True, **k),
    "adadelta": lambda **k: optimizers.Adadelta(1.0, rho=0.9, **k),
    "adamax": lambda **k: optimizers.Adamax(0.01, beta_2=0.9, **k),
    "nadam": lambda **k: optimizers.Nadam(0.01, beta_2=0.9, **k),
    "schedule_free": lambda **k: optimizers.ScheduleFreeAdamW(0.01, beta_2=0.9, **k),
    "lion": lambda **k: optimizers.Lion(0.01, beta_2=0.9, **k),
    "lamb": lambda **k: optimizers.Lamb(0.01, beta_2=0.9, **k),
    "muon": lambda **k: optimizers.Muon(0.01, adam_beta_2=0.9, **k),
}


def make_model(optimizer: Any, dtype: str = "float32") -> lamina.Sequential:
    lamina.utils.set_random_seed(3)
    dense = lamina.layers.Dense(4, use_bias=False, dtype=dtype)
    model = lamina.Sequential([lamina.Input((3,)), dense])
    model.compile(optimizer, "mse")
    return model


def slot(model: lamina.Sequential, name: str) -> Array:
    (found,) = [v for v in model.optimizer.variables if v.name.endswith(name)]
    return np.array(found.numpy())


def steps(model: lamina.Sequential, count: int, rows: Array = NOTHING) -> None:
    """Without rows that are not zero, no gradient is either."""
    for _ in range(count):
        model.train_on_batch(rows, np.ones((len(rows), 4)))


@pytest.mark.parametrize(("dtype", "kept"), DECAYS)
def test_a_velocity_is_over_at_the_contracts_step(dtype: str, kept: float) -> None:
    model = make_model(optimizers.SGD(0.1, kept), dtype)
    steps(model, 1, ROWS[0])
    wanted = slot(model, "momentum")
    assert np.all(wanted != 0)
    factor = np.dtype(dtype).type(kept)
    for step in range(2, 2600):
        steps(model, 1)
        wanted = factor * wanted
        if step % EVERY == 0:
            wanted[np.abs(wanted) < THRESHOLDS[dtype][0]] = 0
        np.testing.assert_array_equal(slot(model, "momentum"), wanted, strict=True)
    assert not wanted.any()


@pytest.mark.parametrize(("dtype", "kept"), DECAYS)
def test_an_average_of_squares_is_lifted_at_the_contracts_step(dtype: str, kept: float) -> None:
    model = make_model(optimizers.RMSprop(0.01, rho=kept), dtype)
    steps(model, 1, ROWS[0])
    wanted = slot(model, "velocity")
    small = THRESHOLDS[dtype][1]
    share = np.float64(np.dtype(dtype).type(1 - kept))
    for step in range(2, 2600):
        steps(model, 1)
        # One rounding: in double, a number of 24 bits less its product with another is exact, and
        # so is a quarter of one.
        wanted = (wanted - share * wanted).astype(dtype)
        if step % EVERY == 0:
            wanted[wanted < small] = small
        np.testing.assert_array_equal(slot(model, "velocity"), wanted, strict=True)
    assert np.all((small * kept**EVERY < wanted) & (wanted <= small))


@pytest.mark.parametrize("accumulated", [1, 2])
@pytest.mark.parametrize("name", MAKERS)
def test_no_state_stays_denormal(name: str, accumulated: int) -> None:
    options = {"gradient_accumulation_steps": accumulated} if accumulated > 1 else {}
    model = make_model(MAKERS[name](**options))
    steps(model, EVERY, ROWS[0])
    steps(model, 40 * EVERY)
    for variable in model.optimizer.variables:
        values = np.abs(variable.numpy())
        assert not np.any((values > 0) & (values < np.finfo(values.dtype).tiny)), variable.name
    steps(model, EVERY, ROWS[1])
    assert np.isfinite(model.get_weights()[0]).all()


def test_an_average_of_parameters_that_became_zero_is_zero() -> None:
    model = make_model(optimizers.SGD(0.1, use_ema=True, ema_momentum=0.8))
    steps(model, 1, ROWS[0])
    model.set_weights([np.zeros((3, 4))])
    steps(model, 10)
    assert slot(model, "average").all()
    steps(model, 10 * EVERY)
    assert not slot(model, "average").any()


def test_lion_leaves_alone_what_gets_no_gradient_any_more() -> None:
    model = make_model(MAKERS["lion"]())
    steps(model, 1, ROWS[0])
    before = model.get_weights()[0]
    steps(model, 15 * EVERY)
    after = model.get_weights()[0]
    assert np.all(before != after)
    steps(model, EVERY)
    np.testing.assert_array_equal(model.get_weights()[0], after)


@pytest.mark.parametrize("name", ["rmsprop", "adam", "amsgrad", "nadam", "adamax", "adadelta"])
def test_without_an_epsilon_nothing_is_divided_by_zero(name: str) -> None:
    model = make_model(MAKERS[name](epsilon=0.0))
    steps(model, 2, ROWS[0])
    steps(model, 40 * EVERY)
    assert np.isfinite(model.get_weights()[0]).all()


def test_state_that_no_gradient_ever_reached_stays_zero() -> None:
    model = make_model(optimizers.Adam())
    rows = ROWS[0].copy()
    rows[:, 1] = 0
    steps(model, 3 * EVERY, rows)
    for name in ("momentum", "velocity"):
        state = slot(model, name)
        assert not state[1].any() and state[[0, 2]].all()


def test_loops_by_hand_do_the_same() -> None:
    planned, tape = make_model(MAKERS["adam"]()), make_model(MAKERS["adam"]())
    for step in range(15 * EVERY):
        rows = ROWS[0] if step == 0 else NOTHING
        steps(planned, 1, rows)
        with lamina.GradientTape() as record:
            loss = lamina.losses.MeanSquaredError()(np.ones((6, 4)), tape(rows, training=True))
        gradients = record.gradient(loss, tape.trainable_variables)
        tape.optimizer.apply_gradients(zip(gradients, tape.trainable_variables, strict=True))
    for name in ("momentum", "velocity"):
        np.testing.assert_array_equal(slot(tape, name), slot(planned, name))
    assert not slot(tape, "momentum").any()
