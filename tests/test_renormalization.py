"""Batch renormalization against NumPy in float64, in plans, on tapes and in files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from differences import check_gradients
from hypothesis import given, settings
from hypothesis import strategies as st

import lamina
from lamina import _core, layers

Array = np.ndarray[Any, Any]
States = dict[str, Array]
SCRIPT = Path(__file__).parent / "bits" / "renormalization.py"
GOLDEN = Path(__file__).parent / "golden" / "renormalization.sha256"
BOUNDS = {"rmin": 0.8, "rmax": 1.25, "dmax": 0.4}


class Reference:
    """The layer over all axes but the last, float64."""

    def __init__(self, weights: States, epsilon: float, bounds: Any) -> None:
        self.weights = {name: w.astype("float64") for name, w in weights.items()}
        self.epsilon, self.bounds = epsilon, bounds or {}

    def forward(self, x: Array) -> Array:
        """The answer in training; keeps what the rest needs."""
        axes = tuple(range(x.ndim - 1))
        self.mean, variance = x.mean(axes), x.var(axes)
        self.deviation = np.sqrt(variance + self.epsilon)
        spread = np.maximum(self.weights["renorm_stddev"], np.sqrt(self.epsilon))
        self.r, self.d = self.deviation / spread, (self.mean - self.weights["renorm_mean"]) / spread
        self.r = np.maximum(self.r, self.bounds.get("rmin", -np.inf))
        self.r = np.minimum(self.r, self.bounds.get("rmax", np.inf))
        farthest = self.bounds.get("dmax", np.inf)
        self.d = np.clip(self.d, -farthest, farthest)
        self.h = (x - self.mean) / self.deviation
        gamma, beta = self.weights.get("gamma", 1.0), self.weights.get("beta", 0.0)
        return np.asarray((self.h * self.r + self.d) * gamma + beta)

    def gradients(self, dy: Array) -> States:
        """What dy gives x, gamma and beta; r and d are constants."""
        axes = tuple(range(dy.ndim - 1))
        dh = dy * self.weights.get("gamma", 1.0) * self.r
        along = (dh * self.h).mean(axes)
        return {
            "x": (dh - dh.mean(axes) - self.h * along) / self.deviation,
            "gamma": (dy * (self.h * self.r + self.d)).sum(axes),
            "beta": dy.sum(axes),
        }

    def moved(self, momentum: float, renorm_momentum: float) -> States:
        """The states after the step."""

        def blend(name: str, now: Array, keep: float) -> Array:
            return np.asarray(self.weights[name] * keep + now * (1 - keep))

        deviation = blend("moving_stddev", self.deviation, momentum)
        return {
            "moving_mean": blend("moving_mean", self.mean, momentum),
            "moving_variance": np.maximum(deviation**2 - self.epsilon, 0.0),
            "moving_stddev": deviation,
            "renorm_mean": blend("renorm_mean", self.mean, renorm_momentum),
            "renorm_stddev": blend("renorm_stddev", self.deviation, renorm_momentum),
        }


def _weights(layer: Any, rng: np.random.Generator) -> States:
    """Random values for a layer's variables, deviations positive."""
    found = {}
    for variable in layer.weights:
        positive = "stddev" in variable.name or "variance" in variable.name
        value = (
            rng.uniform(0.5, 1.5, variable.shape) if positive else rng.normal(size=variable.shape)
        )
        found[variable.name] = value.astype(variable.dtype)
        variable.assign(value)
    return found


@settings(max_examples=40, deadline=None)
@given(
    rows=st.integers(1, 140),
    features=st.integers(1, 40),
    positions=st.integers(0, 3),
    scale=st.booleans(),
    center=st.booleans(),
    bounds=st.sampled_from([None, BOUNDS, {"rmax": 1.1}, {"rmin": 1.0}, {"dmax": 0.0}]),
    dtype=st.sampled_from(["float32", "float64"]),
    seed=st.integers(0, 2**32 - 1),
)
def test_outputs_states_and_gradients(
    rows: int,
    features: int,
    positions: int,
    scale: bool,
    center: bool,
    bounds: Any,
    dtype: str,
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    shape = (positions, features) if positions else (features,)
    x = rng.normal(0.5, 1.5, size=(rows, *shape)).astype(dtype)
    layer = layers.BatchNormalization(
        momentum=0.9,
        epsilon=0.1,
        center=center,
        scale=scale,
        renorm=True,
        renorm_clipping=bounds,
        renorm_momentum=0.7,
        dtype=dtype,
    )
    layer.build(x.shape)
    weights = _weights(layer, rng)
    reference = Reference(weights, 0.1, bounds)
    close = {"rtol": 2e-4, "atol": 2e-4} if dtype == "float32" else {"rtol": 1e-9, "atol": 1e-9}
    # Inference knows nothing of it.
    plain = (x - weights["moving_mean"]) / np.sqrt(weights["moving_variance"] + 0.1)
    plain = plain * weights.get("gamma", 1.0) + weights.get("beta", 0.0)
    np.testing.assert_allclose(layer(x), plain, **close)
    # Training.
    expected = reference.forward(x.astype("float64"))
    dy = rng.normal(size=x.shape).astype(dtype)
    trained = layer.trainable_weights
    tensor = lamina.Variable(x)
    with lamina.GradientTape() as tape:
        y = layer(tensor, training=True)
        total = lamina.ops.sum(y * dy)
    np.testing.assert_allclose(np.asarray(y), expected, **close)
    found = tape.gradient(total, [tensor, *trained])
    wanted = reference.gradients(dy.astype("float64"))
    for name, gradient in zip(["x", *(v.name for v in trained)], found, strict=True):
        size = max(1.0, float(np.abs(wanted[name]).max()))
        np.testing.assert_allclose(np.asarray(gradient) / size, wanted[name] / size, **close)
    for name, value in reference.moved(0.9, 0.7).items():
        state = getattr(layer, name).numpy()
        np.testing.assert_allclose(state, value, **close)


@pytest.mark.parametrize("shape", [(6,), (3, 4)])
@pytest.mark.parametrize("options", [{}, {"scale": False}, {"center": False, "axis": 1}])
def test_plans_differentiate_what_they_compute(shape: Any, options: Any) -> None:
    # Bounds that always hold make constants of both corrections, as they are in the derivative.
    fixed = {"rmin": 1.5, "rmax": 1.5, "dmax": 0.0}
    rng = np.random.default_rng(1)
    model = lamina.Sequential(
        [
            lamina.Input((3,)),
            layers.Dense(int(np.prod(shape)), dtype="float64"),
            layers.Reshape(shape, dtype="float64"),
            layers.Activation("tanh", dtype="float64"),
            layers.BatchNormalization(
                renorm=True, renorm_clipping=fixed, dtype="float64", **options
            ),
            layers.Flatten(dtype="float64"),
            layers.Dense(2, dtype="float64"),
        ]
    )
    model.set_weights(
        [np.abs(rng.normal(size=v.shape)) if v.is_state else rng.normal(size=v.shape)
         for v in model.weights]
    )  # fmt: skip
    check_gradients(model, rng.normal(size=(5, 3)), rng.normal(size=(5, 2)))


def _model(dtype: str = "float32", bounds: Any = BOUNDS) -> lamina.Sequential:
    """A model that draws no numbers of its own."""
    model = lamina.Sequential(
        [
            lamina.Input((6,)),
            layers.Dense(12, dtype=dtype),
            layers.BatchNormalization(
                momentum=0.8,
                renorm=True,
                renorm_clipping=bounds,
                renorm_momentum=0.6,
                name="norm",
                dtype=dtype,
            ),
            layers.Residual(
                [layers.BatchNormalization(renorm=True, center=False, dtype=dtype)], dtype=dtype
            ),
            layers.Dense(3, dtype=dtype),
        ]
    )
    rng = np.random.default_rng(2)
    model.set_weights(
        [rng.uniform(0.5, 1.5, v.shape) if v.is_state else rng.normal(size=v.shape) / 2
         for v in model.weights]
    )  # fmt: skip
    return model


def _data(rows: int = 90) -> tuple[Array, Array]:
    rng = np.random.default_rng(3)
    return rng.normal(size=(rows, 6)).astype("f"), rng.normal(size=(rows, 3)).astype("f")


def _bits(model: lamina.Sequential) -> bytes:
    return b"".join(w.tobytes() for w in model.get_weights())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_plan_tape_and_loops_by_hand_give_the_same_bits(dtype: str) -> None:
    with lamina.device("cpu"):  # where tapes are
        _compare_drivers(dtype)


def _compare_drivers(dtype: str) -> None:
    x, y = _data()
    planned, eager, by_hand = (_model(dtype) for _ in range(3))
    for model, eagerly in ((planned, False), (eager, True)):
        model.compile(lamina.optimizers.Adam(0.01), "mse", run_eagerly=eagerly)
        model.fit(x, y, epochs=2, batch_size=32, shuffle=False, verbose=0)
    optimizer, loss = lamina.optimizers.Adam(0.01), lamina.losses.MeanSquaredError()
    for _ in range(2):
        for first in range(0, len(x), 32):
            with lamina.GradientTape() as tape:
                answer = by_hand(x[first : first + 32], training=True)
                value = loss(y[first : first + 32], answer)
            gradients = tape.gradient(value, by_hand.trainable_variables)
            optimizer.apply(gradients, by_hand.trainable_variables)
    assert _bits(planned) == _bits(eager) == _bits(by_hand)
    before = planned.get_weights()
    answers = [model(x, training=True) for model in (planned, eager)]
    assert answers[0].tobytes() == answers[1].tobytes()  # which moves the states, too
    moved = [not np.array_equal(a, b) for a, b in zip(before, planned.get_weights(), strict=True)]
    assert moved == [not v.trainable for v in planned.weights]
    assert _bits(planned) == _bits(eager)


def test_batches_of_one_row() -> None:
    """The batch has no variance, so its deviation is the root of epsilon."""
    layer = layers.BatchNormalization(
        momentum=0.5, epsilon=0.25, renorm=True, renorm_momentum=0.25, dtype="float64"
    )
    x = np.array([[3.0, -1.0]])
    layer.build(x.shape)
    # (x - mean) is 0: what is left is d = (mean - renorm_mean) / renorm_stddev = x / 1.
    assert np.array_equal(layer(x, training=True), x)
    assert np.array_equal(layer.moving_mean.numpy(), [1.5, -0.5])
    assert np.array_equal(layer.moving_stddev.numpy(), [0.75, 0.75])
    assert np.array_equal(layer.moving_variance.numpy(), [0.3125, 0.3125])
    assert np.array_equal(layer.renorm_mean.numpy(), [2.25, -0.75])
    assert np.array_equal(layer.renorm_stddev.numpy(), [0.625, 0.625])
    # A deviation below the root of epsilon counts as that; a variance is never negative.
    layer.moving_stddev.assign([0.0, 0.0])
    layer.renorm_stddev.assign([0.0, -1.0])
    layer.renorm_mean.assign([0.0, 0.0])
    assert np.array_equal(layer(x, training=True), x / 0.5)
    assert np.array_equal(layer.moving_variance.numpy(), [0.0, 0.0])


def test_what_is_no_number_stays_apart() -> None:
    layer = layers.BatchNormalization(renorm=True, renorm_clipping=BOUNDS)
    x = np.random.default_rng(4).normal(size=(5, 3))
    x[2, 1] = np.nan
    answer = layer(x, training=True)
    assert np.isnan(answer[:, 1]).all() and np.isfinite(answer[:, [0, 2]]).all()
    for state in (layer.moving_mean, layer.moving_variance, layer.renorm_stddev):
        assert np.array_equal(np.isnan(state.numpy()), [False, True, False])


def test_first_values() -> None:
    layer = layers.BatchNormalization(
        moving_mean_initializer=lamina.initializers.Constant(0.5),
        moving_variance_initializer=lamina.initializers.RandomUniform(1.0, 4.0, seed=5),
        renorm=True,
    )
    layer.build((None, 7))
    assert [v.name for v in layer.weights] == [
        *("gamma", "beta", "moving_mean", "moving_variance"),
        *("moving_stddev", "renorm_mean", "renorm_stddev"),
    ]
    assert [v.name for v in layer.non_trainable_weights] == [v.name for v in layer.weights[2:]]
    root = np.sqrt(layer.moving_variance.numpy())
    assert np.array_equal(layer.moving_stddev.numpy(), root) and len(set(root)) == 7
    assert np.array_equal(layer.renorm_stddev.numpy(), root)
    assert np.array_equal(layer.renorm_mean.numpy(), np.full(7, 0.5, "f"))
    plain = layers.BatchNormalization()
    plain.build((None, 7))
    assert plain.moving_stddev is plain.renorm_mean is plain.renorm_stddev is None


def test_frozen_it_is_in_inference_mode() -> None:
    x, y = _data()
    model = _model()
    model.get_layer("norm").trainable = False
    model.compile(lamina.optimizers.SGD(0.1), "mse")
    before = [w.numpy() for w in model.get_layer("norm").weights]
    kernel = model.get_weights()[0]
    model.fit(x, y, epochs=1, verbose=0)
    for old, new in zip(before, model.get_layer("norm").weights, strict=True):
        assert np.array_equal(old, new.numpy())
    assert not np.array_equal(kernel, model.get_weights()[0])
    model.get_layer("norm").trainable = True
    model.fit(x, y, epochs=1, verbose=0)
    assert not np.array_equal(before[-1], model.get_layer("norm").renorm_stddev.numpy())


@pytest.mark.parametrize("name", ["m.safetensors", "m.keras"])
def test_files_go_on_with_the_same_bits(name: str, tmp_path: Path) -> None:
    if name.endswith("keras"):
        pytest.importorskip("h5py")
    x, y = _data()
    model = lamina.Sequential([_model().layers[0], _model().layers[1]], name="files")
    model.build((None, 6))
    model.compile("adam", "mse")
    targets = np.repeat(y, 4, axis=1)
    model.fit(x, targets, epochs=1, shuffle=False, verbose=0)
    model.save(tmp_path / name)
    again = lamina.models.load_model(tmp_path / name)
    assert again.layers[1].get_config() == model.layers[1].get_config()
    for one in (model, again):
        one.fit(x, targets, epochs=1, shuffle=False, verbose=0)
    assert _bits(model) == _bits(again)


def test_weights_configurations_and_copies(tmp_path: Path) -> None:
    x, _ = _data()
    model = _model()
    copy = lamina.models.clone_model(model)
    copy.set_weights(model.get_weights())
    read = lamina.models.model_from_json(model.to_json())
    assert read.get_config() == model.get_config() == copy.get_config()
    model.save_weights(tmp_path / "w.safetensors")
    read.load_weights(tmp_path / "w.safetensors")
    assert _bits(read) == _bits(model) == _bits(copy)
    assert read(x).tobytes() == model(x).tobytes() == copy(x).tobytes()
    assert model.get_layer("norm").get_config()["renorm_clipping"] == BOUNDS


def test_options() -> None:
    infinite = {"rmin": -np.inf, "rmax": np.inf, "dmax": None}
    assert layers.BatchNormalization(renorm=True, renorm_clipping=infinite).renorm_clipping == {}
    assert layers.BatchNormalization(renorm=True).get_config()["renorm_clipping"] == {}
    assert layers.BatchNormalization().get_config()["renorm_clipping"] is None
    for clipping, match in [
        ({"rmin": 2, "rmax": 1}, "`rmin` must not be above"),
        ({"dmax": -1.0}, "dmax"),
        ({"most": 1.0}, "keys 'rmin', 'rmax' and 'dmax'"),
        (3.0, "must be a dictionary"),
        ({"rmax": np.nan}, "rmax"),
        ({"rmin": np.inf}, "rmin"),
    ]:
        with pytest.raises(ValueError, match=match):
            layers.BatchNormalization(renorm=True, renorm_clipping=clipping)
    with pytest.raises(ValueError, match=r"renorm_momentum=1\.5"):
        layers.BatchNormalization(renorm=True, renorm_momentum=1.5)
    with pytest.raises(NotImplementedError, match="synchronized=True"):
        layers.BatchNormalization(renorm=True, synchronized=True)


@pytest.mark.parametrize("threads", (1, 2, 3))
@pytest.mark.parametrize("isa", _core.available_isas())
def test_one_hash(isa: str, threads: int) -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT)],
        env=os.environ | {"LAMINA_ISA": isa, "OMP_NUM_THREADS": str(threads)},
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    assert done.stdout.strip() == GOLDEN.read_text().split()[0]
