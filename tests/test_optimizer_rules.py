"""Every optimizer against a reference in float64 NumPy, over ten steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import reference_optimizers as reference
from hypothesis import given, settings
from hypothesis import strategies as st

import lamina
from lamina import optimizers

Array = np.ndarray[Any, Any]
STEPS = 10
MUON = {"muon_a": 3.4445, "muon_b": -4.775, "muon_c": 2.0315}

beta = st.floats(0.0, 0.99)
#: Of squares: with less memory a gradient that passes through 0 is divided by almost nothing, and
#: no two ways to round agree.
slow = st.floats(0.6, 0.999)
small = st.sampled_from([1e-7, 1e-4, 1e-2])
amount = st.floats(0.0, 0.1)

#: The numbers of each optimizer's own, drawn; the reference takes the same names.
OWN: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "SGD": {"momentum": st.floats(0.0, 1.0), "nesterov": st.booleans()},
    "RMSprop": {
        "rho": slow,
        "momentum": st.sampled_from([0.0, 0.5, 0.9]),
        "epsilon": st.sampled_from([1e-4, 1e-2]),
        "centered": st.booleans(),
    },
    "Adam": {"beta_1": beta, "beta_2": slow, "epsilon": small, "amsgrad": st.booleans()},
    "Adadelta": {"rho": slow, "epsilon": small},
    "Adagrad": {"initial_accumulator_value": st.floats(0.0, 1.0), "epsilon": small},
    "Adamax": {"beta_1": beta, "beta_2": slow, "epsilon": small},
    "Nadam": {"beta_1": beta, "beta_2": slow, "epsilon": small},
    "ScheduleFreeAdamW": {
        "beta_1": st.floats(0.2, 0.99),
        "beta_2": slow,
        "epsilon": small,
        "warmup_steps": st.integers(0, 12),
    },
    "Ftrl": {
        "learning_rate_power": st.sampled_from([-0.5, -0.3, -1.0, 0.0]),
        "initial_accumulator_value": st.floats(0.01, 1.0),
        "l1_regularization_strength": amount,
        "l2_regularization_strength": amount,
        "l2_shrinkage_regularization_strength": amount,
        "beta": amount,
    },
    "Lion": {"beta_1": st.floats(0.01, 0.99), "beta_2": st.floats(0.0, 1.0)},
    "Lamb": {"beta_1": beta, "beta_2": slow, "epsilon": small},
    "Adafactor": {
        "beta_2_decay": st.floats(-1.5, -0.2),
        "epsilon_1": st.sampled_from([1e-30, 1e-6]),
        "epsilon_2": st.floats(0.0, 0.1),
        "clip_threshold": st.floats(0.3, 3.0),
    },
    "Muon": {
        "momentum": st.floats(0.0, 0.99),
        "ns_steps": st.integers(0, 5),
        "nesterov": st.booleans(),
        "rms_rate": st.sampled_from([None, 0.2]),
        "adam_lr_ratio": st.floats(0.1, 2.0),
    },
}

common = st.fixed_dictionaries(
    {},
    optional={
        "weight_decay": st.floats(0.0, 0.5),
        "use_ema": st.just(True),
        "ema_momentum": st.floats(0.0, 1.0),
        "ema_overwrite_frequency": st.integers(1, 4),
        "gradient_accumulation_steps": st.integers(2, 4),
    },
)
clipping = st.one_of(
    st.just({}),
    st.builds(
        lambda kind, limit: {kind: limit},
        st.sampled_from(["clipnorm", "clipvalue", "global_clipnorm"]),
        st.floats(0.001, 2.0),
    ),
)


def problem(rows: int, inputs: int, outputs: int, seed: int) -> tuple[Array, Array, list[Array]]:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(rows, inputs)), rng.normal(size=(rows, outputs))
    return x, y, [rng.normal(size=(inputs, outputs)), rng.normal(size=outputs)]


def trained(
    optimizer: Any, x: Array, y: Array, weights: list[Array], dtype: str = "float64"
) -> lamina.Sequential:
    dense = lamina.layers.Dense(y.shape[1], dtype=dtype)
    model = lamina.Sequential([lamina.Input((x.shape[1],)), dense])
    model.set_weights(weights)
    model.compile(optimizer, "mse")
    for _ in range(STEPS):
        model.train_on_batch(x, y)
    return model


def expected(
    name: str, own: dict[str, Any], rate: Any, x: Array, y: Array, w: list[Array], **shared: Any
) -> tuple[list[Array], list[Array]]:
    def gradient(weights: list[Array]) -> list[Array]:
        error = 2 * (x @ weights[0] + weights[1] - y) / y.size
        return [x.T @ error, error.sum(axis=0)]

    numbers = dict(own)
    if name == "Muon":
        numbers |= {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7, **MUON}
        decay = shared.get("weight_decay")
        shared["weight_decay"] = lambda i: decay if i == 0 else 0.004
    rule = getattr(reference, name)(**numbers)
    at = rate if callable(rate) else lambda step: rate
    return reference.train(rule, w, gradient, STEPS, at, **shared)


def close(got: list[Array], wanted: list[Array], tolerance: float) -> None:
    for a, b in zip(got, wanted, strict=True):
        assert np.abs(a - b).max() <= tolerance * max(1.0, float(np.abs(b).max()))


@pytest.mark.parametrize("name", OWN)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_ten_steps(name: str, data: st.DataObject) -> None:
    own = {key: data.draw(strategy, key) for key, strategy in OWN[name].items()}
    shared = data.draw(common) | data.draw(clipping)
    rate = data.draw(st.floats(0.001, 0.1), "rate")
    sizes = (data.draw(st.integers(1, n)) for n in (9, 20, 20))
    x, y, weights = problem(*sizes, seed=data.draw(st.integers(0, 99)))
    if name == "Muon":
        shared.setdefault("weight_decay", None)
    model = trained(getattr(optimizers, name)(rate, **own, **shared), x, y, weights)
    wanted, average = expected(name, own, rate, x, y, weights, **shared)
    # Divisions by roots of small numbers magnify rounding, by up to 1e7 in the first steps.
    close(model.get_weights(), wanted, 1e-8)
    if shared.get("use_ema"):
        close([v.numpy() for v in model.optimizer.variables[:2]], average, 1e-8)


@pytest.mark.parametrize("name", OWN)
def test_float32_is_as_close_as_its_rounding(name: str) -> None:
    x, y, weights = problem(12, 37, 19, seed=3)
    given_: dict[str, Any] = {"momentum": 0.9} if name == "SGD" else {}
    optimizer = getattr(optimizers, name)(0.01, weight_decay=0.1, **given_)
    config = optimizer.get_config()
    own = {key: config[key] for key in OWN[name]}
    model = trained(optimizer, x, y, weights, "float32")
    wanted, _ = expected(name, own, 0.01, x, y, weights, weight_decay=0.1)
    # Float32 rounds to 6e-8; ten steps of at most 0.2 each, each right to a few units.
    close(model.get_weights(), wanted, 2e-5)


def test_defaults_are_keras() -> None:
    both = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}
    wanted: dict[str, dict[str, Any]] = {
        "SGD": {"learning_rate": 0.01, "momentum": 0.0, "nesterov": False},
        "RMSprop": {"rho": 0.9, "momentum": 0.0, "epsilon": 1e-7, "centered": False},
        "Adam": {**both, "amsgrad": False},
        "AdamW": {**both, "amsgrad": False, "weight_decay": 0.004},
        "Adadelta": {"rho": 0.95, "epsilon": 1e-7},
        "Adagrad": {"initial_accumulator_value": 0.1, "epsilon": 1e-7},
        "Adamax": both,
        "Nadam": both,
        "Lamb": both,
        "Ftrl": {
            "learning_rate_power": -0.5,
            "initial_accumulator_value": 0.1,
            "l1_regularization_strength": 0.0,
            "l2_regularization_strength": 0.0,
            "l2_shrinkage_regularization_strength": 0.0,
            "beta": 0.0,
        },
        "Lion": {"beta_1": 0.9, "beta_2": 0.99},
        "Adafactor": {
            "beta_2_decay": -0.8,
            "epsilon_1": 1e-30,
            "epsilon_2": 1e-3,
            "clip_threshold": 1.0,
            "relative_step": True,
        },
        "Muon": {
            "adam_beta_1": 0.9,
            "adam_beta_2": 0.999,
            "adam_weight_decay": 0.004,
            "epsilon": 1e-7,
            "weight_decay": 0.004,
            "momentum": 0.95,
            "ns_steps": 5,
            "nesterov": True,
            "rms_rate": 0.2,
            "adam_lr_ratio": 1,
            "exclude_layers": [],
            "exclude_embeddings": True,
            **MUON,
        },
    }
    usual = {
        "learning_rate": 0.001,
        "weight_decay": None,
        "clipnorm": None,
        "clipvalue": None,
        "global_clipnorm": None,
        "use_ema": False,
        "ema_momentum": 0.99,
        "ema_overwrite_frequency": None,
        "loss_scale_factor": None,
        "gradient_accumulation_steps": None,
    }
    for name, own in wanted.items():
        config = getattr(optimizers, name)(name="it").get_config()
        assert config == {"name": "it", **usual, **own}


def test_centered_rmsprop_survives_a_steady_gradient() -> None:
    """The variance of a steady gradient is 0; rounding must not make it negative."""
    model = lamina.Sequential([lamina.Input((1,)), lamina.layers.Dense(1, use_bias=False)])
    model.compile(optimizers.RMSprop(1e-6, rho=0.9, centered=True), "mae")
    for _ in range(200):
        model.train_on_batch(np.array([[1e4]]), np.array([[-1e9]]))
    assert np.isfinite(model.get_weights()[0]).all()


def test_a_gradient_that_is_not_finite_shows() -> None:
    """As in Keras: an infinite norm makes everything NaN instead of nothing."""
    x, y, weights = problem(4, 3, 2, seed=0)
    x[0, 0] = np.inf
    model = trained(optimizers.SGD(0.1, global_clipnorm=1.0), x, y, weights)
    assert all(np.isnan(w).all() for w in model.get_weights())


@pytest.mark.parametrize("name", ["AdamW", "Lamb", "Adafactor", "Muon", "SGD"])
@pytest.mark.parametrize("how", ["names", "list"])
def test_weights_can_be_excluded_from_decay(name: str, how: str) -> None:
    x, y, weights = problem(8, 5, 3, seed=1)

    def run(decay: float, exclude: bool) -> list[Array]:
        model = lamina.Sequential([lamina.Input((5,)), lamina.layers.Dense(3, dtype="float64")])
        model.set_weights(weights)
        extra = {"adam_weight_decay": decay} if name == "Muon" else {}
        optimizer = getattr(optimizers, name)(0.01, weight_decay=decay, **extra)
        if exclude and how == "names":
            optimizer.exclude_from_weight_decay(var_names=["kern", "nothing"])
        elif exclude:
            optimizer.exclude_from_weight_decay(var_list=[model.layers[0].kernel])
        model.compile(optimizer, "mse")
        model.train_on_batch(x, y)
        with pytest.raises(ValueError, match="before the optimizer is built"):
            optimizer.exclude_from_weight_decay(var_names=["bias"])
        return model.get_weights()

    without, decayed, mixed = run(0.0, False), run(0.5, False), run(0.5, True)
    assert np.array_equal(mixed[0], without[0]) and not np.array_equal(mixed[0], decayed[0])
    assert np.array_equal(mixed[1], decayed[1]) and not np.array_equal(mixed[1], without[1])


def test_muon_leaves_some_weights_to_adam() -> None:
    x, y, weights = problem(8, 5, 3, seed=1)
    one = trained(optimizers.Muon(0.01, exclude_layers=["nothing", "^other/"]), x, y, weights)
    assert [v.name for v in one.optimizer.variables] == ["momentum", "momentum", "velocity"]
    other = trained(optimizers.Muon(0.01, exclude_layers=["kernel"]), x, y, weights)
    assert [v.name for v in other.optimizer.variables] == ["momentum", "velocity"] * 2
    adam = trained(optimizers.AdamW(0.01), x, y, weights)
    close(other.get_weights(), adam.get_weights(), 0.0)
    for bad in (["(a+)+"], [3], ["("]):
        with pytest.raises(ValueError, match="exclude_layers"):
            optimizers.Muon(exclude_layers=bad)


@pytest.mark.parametrize("factor", [1024.0, 2.0**-20])
def test_a_loss_scale_that_is_a_power_of_two_changes_no_bit(factor: float) -> None:
    x, y, weights = problem(8, 5, 3, seed=1)
    plain = trained(optimizers.Adam(0.01), x, y, weights)
    scaled = trained(optimizers.Adam(0.01, loss_scale_factor=factor), x, y, weights)
    dynamic = trained(optimizers.LossScaleOptimizer(optimizers.Adam(0.01)), x, y, weights)
    close(scaled.get_weights(), plain.get_weights(), 0.0)
    close(dynamic.get_weights(), plain.get_weights(), 0.0)
    assert scaled.test_on_batch(x, y) == plain.test_on_batch(x, y)


def test_a_dynamic_loss_scale_skips_what_overflows() -> None:
    x, y, weights = problem(8, 5, 3, seed=1)
    model = lamina.Sequential([lamina.Input((5,)), lamina.layers.Dense(3)])
    model.set_weights(weights)
    optimizer = optimizers.LossScaleOptimizer(
        optimizers.SGD(0.1), initial_scale=2.0**127, dynamic_growth_steps=3
    )
    model.compile(optimizer, "mse")
    assert optimizer.learning_rate == 0.1
    bad = x.copy()
    bad[2, 1] = 1e20  # the loss is finite, its gradient times the scale is not
    before = model.get_weights()
    model.train_on_batch(bad, y)
    close(model.get_weights(), before, 0.0)
    assert optimizer.iterations == 0 and optimizer.dynamic_scale == 2.0**126
    for _ in range(20):
        model.train_on_batch(x, y)
    assert 15 <= optimizer.iterations <= 20 and optimizer.dynamic_scale > 2.0**100
    again = optimizers.deserialize(optimizers.serialize(optimizer))
    assert again.get_config() == optimizer.get_config()
    with pytest.raises(TypeError, match="inner_optimizer"):
        optimizers.LossScaleOptimizer(optimizers.LBFGS())
