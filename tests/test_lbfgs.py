"""L-BFGS: minima that others find, by the same path each time."""

from __future__ import annotations

import itertools
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lamina
from lamina.optimizers import LBFGS, schedules

Array = np.ndarray[Any, Any]


def linear(inputs: int, outputs: int, optimizer: Any, dtype: str = "float64") -> lamina.Sequential:
    model = lamina.Sequential([lamina.Input((inputs,)), lamina.layers.Dense(outputs, dtype=dtype)])
    model.set_weights([np.zeros((inputs, outputs)), np.zeros(outputs)])
    model.compile(optimizer, "mse")
    return model


@given(inputs=st.integers(1, 12), outputs=st.integers(1, 5), seed=st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_least_squares(inputs: int, outputs: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(60, inputs)), rng.normal(size=(60, outputs))
    optimizer = LBFGS(tolerance_gradient=1e-9, tolerance_change=0.0)
    model = linear(inputs, outputs, optimizer)
    history = model.fit(x, y, epochs=200, verbose=0)
    exact = np.linalg.lstsq(np.column_stack([x, np.ones(60)]), y, rcond=None)[0]
    assert np.allclose(np.vstack(model.get_weights()), exact, atol=1e-6)
    assert optimizer.converged and len(history.history["loss"]) < 100
    losses = history.history["loss"]
    assert all(b <= a for a, b in itertools.pairwise(losses))


def classifier(dtype: str, **options: Any) -> tuple[lamina.Sequential, Array, Array]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(150, 6))
    y = (np.sin(x[:, 0] * 2) + x[:, 1] * x[:, 2] > 0).astype("int64")
    lamina.utils.set_random_seed(1)
    model = lamina.Sequential(
        [
            lamina.Input((6,)),
            lamina.layers.Dense(12, activation="tanh", dtype=dtype),
            lamina.layers.Dense(2, activation="softmax", dtype=dtype),
        ]
    )
    model.compile(LBFGS(**options), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, x, y


def test_a_network_reaches_what_scipy_reaches() -> None:
    optimize = pytest.importorskip("scipy.optimize", reason="scipy is not installed")
    model, x, y = classifier("float64", tolerance_change=0.0)
    shapes = [w.shape for w in model.get_weights()]
    start = np.concatenate([w.ravel() for w in model.get_weights()])

    def split(flat: Array) -> list[Array]:
        parts, at = [], 0
        for shape in shapes:
            count = int(np.prod(shape))
            parts.append(flat[at : at + count].reshape(shape))
            at += count
        return parts

    def loss(flat: Array) -> tuple[float, Array]:
        w1, b1, w2, b2 = split(flat)
        h = np.tanh(x @ w1 + b1)
        z = h @ w2 + b2
        p = np.exp(z - z.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        n = len(y)
        dz = (p - np.eye(2)[y]) / n
        dh = (dz @ w2.T) * (1 - h**2)
        grads = [x.T @ dh, dh.sum(axis=0), h.T @ dz, dz.sum(axis=0)]
        return -np.log(p[np.arange(n), y]).mean(), np.concatenate([g.ravel() for g in grads])

    found = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 60})
    history = model.fit(x, y, epochs=60, verbose=0)
    mine = loss(np.concatenate([w.ravel() for w in model.get_weights()]))[0]
    assert history.history["loss"][0] == pytest.approx(loss(start)[0], rel=1e-12)
    # Both are far down the same valley after as many iterations; neither follows the other's path.
    assert mine <= 1.5 * found.fun + 1e-4 and mine < 0.1 * history.history["loss"][0]
    assert model.evaluate(x, y, verbose=0)[1] > 0.97


def test_it_does_what_scikit_learns_solver_does() -> None:
    neural = pytest.importorskip("sklearn.neural_network", reason="scikit-learn is not installed")
    rng = np.random.default_rng(2)
    x = rng.normal(size=(80, 4))
    y = np.tanh(x @ rng.normal(size=(4, 1)))[:, 0] + 0.01 * rng.normal(size=80)
    theirs = neural.MLPRegressor(
        hidden_layer_sizes=(8,),
        activation="tanh",
        solver="lbfgs",
        alpha=0.0,
        max_iter=100,
        tol=1e-9,
        random_state=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it tells that 100 iterations were not enough
        theirs.fit(x, y)
    model = lamina.Sequential(
        [
            lamina.Input((4,)),
            lamina.layers.Dense(8, activation="tanh", dtype="float64"),
            lamina.layers.Dense(1, dtype="float64"),
        ]
    )
    model.compile(LBFGS(tolerance_change=0.0, iterations_per_epoch=10), "mse")
    model.fit(x, y, epochs=10, verbose=0)
    mine = model.evaluate(x, y, verbose=0)
    assert mine <= 2 * np.mean((theirs.predict(x) - y) ** 2)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_epochs_and_iterations_are_one_path(dtype: str) -> None:
    """Twelve iterations in one epoch, in four and in twelve: the same bits."""
    made = []
    for epochs, each in ((12, 1), (4, 3), (1, 12)):
        model, x, y = classifier(dtype, iterations_per_epoch=each, history=4)
        model.fit(x, y, epochs=epochs, verbose=0)
        assert model.optimizer.iterations == 12
        made.append([w.tobytes() for w in model.get_weights()])
    assert made[0] == made[1] == made[2]


def test_resumed_from_a_file_it_goes_on_as_if_never_stopped(tmp_path: Path) -> None:
    whole, x, y = classifier("float32", history=3)
    whole.fit(x, y, epochs=9, verbose=0)
    part, _, _ = classifier("float32", history=3)
    part.fit(x, y, epochs=5, verbose=0)
    part.save(tmp_path / "model.safetensors")
    again = lamina.saving.load_model(tmp_path / "model.safetensors")
    again.fit(x, y, epochs=4, verbose=0)
    for a, b in zip(whole.get_weights(), again.get_weights(), strict=True):
        assert np.array_equal(a, b)
    assert [v.name for v in again.optimizer.variables][-2:] == ["pairs", "newest"]


def test_batches_are_refused_and_callbacks_change_nothing() -> None:
    model, x, y = classifier("float32")
    with pytest.raises(ValueError, match="batch_size=32"):
        model.fit(x, y, batch_size=32, verbose=0)
    assert model.optimizer.iterations == 0
    model.fit(x, y, batch_size=150, epochs=3, verbose=0)
    other, _, _ = classifier("float32")

    class Batches(lamina.callbacks.Callback):
        seen = 0

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.seen += 1

    batches = Batches()
    other.fit(x, y, epochs=3, verbose=0, callbacks=[batches])
    assert batches.seen == 3
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        assert np.array_equal(a, b)


def test_an_interrupted_search_leaves_a_whole_iteration() -> None:
    calls = []

    class Failing(schedules.LearningRateSchedule):
        def __call__(self, step: int) -> float:
            calls.append(step)
            if step == 3:
                raise KeyboardInterrupt
            return 1.0

    model, x, y = classifier("float64")
    model.compile(LBFGS(Failing(), iterations_per_epoch=10), "sparse_categorical_crossentropy")
    calls.clear()  # compiling may have asked, too
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, y, verbose=0)
    wanted, _, _ = classifier("float64", iterations_per_epoch=3)
    wanted.fit(x, y, verbose=0)
    assert calls == [0, 1, 2, 3]
    for a, b in zip(model.get_weights(), wanted.get_weights(), strict=True):
        assert np.array_equal(a, b)


def test_at_a_minimum_it_stays() -> None:
    x, y = np.eye(3), np.eye(3)
    optimizer = LBFGS()
    model = linear(3, 3, optimizer)
    model.set_weights([np.eye(3), np.zeros(3)])
    history = model.fit(x, y, epochs=10, verbose=0)
    assert optimizer.converged and len(history.history["loss"]) == 1
    assert np.array_equal(model.get_weights()[0], np.eye(3)) and optimizer.iterations == 0


def test_a_loss_that_is_not_finite_is_an_error() -> None:
    model = linear(2, 1, LBFGS())
    model.set_weights([np.full((2, 1), 1e200), np.zeros(1)])
    with pytest.raises(ValueError, match="not finite"):
        model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)
    assert (model.get_weights()[0] == 1e200).all()


@pytest.mark.parametrize(
    "arguments",
    [
        {"history": 0},
        {"history": 101},
        {"iterations_per_epoch": 0},
        {"max_evaluations": 0},
        {"curvature": 1e-5},
        {"curvature": 1.0},
        {"sufficient_decrease": 0.0},
        {"tolerance_gradient": -1.0},
    ],
)
def test_bad_arguments(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(arguments))):
        linear(1, 1, LBFGS(**arguments))
    with pytest.raises(TypeError):
        LBFGS(weight_decay=0.1)  # type: ignore[call-arg]


def test_configuration_survives() -> None:
    made = LBFGS(0.5, history=3, tolerance_gradient=1e-3, name="mine")
    again = lamina.optimizers.deserialize(lamina.optimizers.serialize(made))
    assert again.get_config() == made.get_config()
