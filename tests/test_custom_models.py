"""Subclasses of Model with a `call`: several inputs and outputs, steps, losses, nesting."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lamina
from lamina import layers, ops

RNG = np.random.default_rng(3)
X = RNG.standard_normal((48, 4)).astype("float32")
Z = RNG.standard_normal((48, 3)).astype("float32")
Y = X[:, :1] * 2.0 - 1.0
W = (X.sum(axis=1) > 0).astype("float32")[:, None]


class Net(lamina.Model):
    """Layers as attributes, in a list and in a dictionary."""

    def __init__(self, units: int = 1) -> None:
        super().__init__()
        self.first = layers.Dense(8, activation="tanh")
        self.rest = [layers.Dense(6, activation="relu"), layers.Dropout(0.2)]
        self.heads = {"out": layers.Dense(units)}

    def call(self, inputs: Any, training: bool = False) -> Any:
        x = self.first(inputs)
        for layer in self.rest:
            x = layer(x, training=training)
        return self.heads["out"](x)


class ActorCritic(lamina.Model):
    """Two outputs in a dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = layers.Dense(8, activation="tanh")
        self.value = layers.Dense(1)
        self.sign = layers.Dense(1, activation="sigmoid")

    def call(self, inputs: Any) -> Any:
        x = self.trunk(inputs)
        return {"value": self.value(x), "sign": self.sign(x)}


class TwoTowers(lamina.Model):
    """Two inputs, two outputs in a list."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = layers.Dense(5), layers.Dense(5)
        self.head = layers.Dense(1)

    def call(self, inputs: Any) -> Any:
        a, b = self.left(inputs[0]), self.right(inputs[1])
        return [self.head(a + b), ops.sum(a * b, axis=-1, keepdims=True)]


def test_a_subclass_trains_as_a_sequential_does_bit_by_bit() -> None:
    lamina.utils.set_random_seed(1)
    mine = Net()
    mine.compile("adam", "mse", metrics=["mae"])
    mine(X[:1])
    lamina.utils.set_random_seed(1)
    theirs = lamina.Sequential(
        [
            lamina.Input((4,)),
            layers.Dense(8, activation="tanh"),
            layers.Dense(6, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(1),
        ]
    )
    theirs.compile("adam", "mse", metrics=["mae"])
    theirs.set_weights(mine.get_weights())
    theirs.layers[2].seed = mine.rest[1].seed
    theirs._trainer.counters.seed = mine._trainer.counters.seed
    theirs._trainer.release_engine()
    first = mine.fit(X, Y, epochs=3, batch_size=16, verbose=0, validation_data=(X[:9], Y[:9]))
    other = theirs.fit(X, Y, epochs=3, batch_size=16, verbose=0, validation_data=(X[:9], Y[:9]))
    assert first.history == other.history
    for a, b in zip(mine.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(mine.predict(X, verbose=0), theirs.predict(X, verbose=0))
    assert mine.evaluate(X, Y, verbose=0) == theirs.evaluate(X, Y, verbose=0)


def test_weights_are_there_after_build_and_named_by_layer() -> None:
    model = Net()
    assert model.weights == []
    model.build((None, 4))
    assert model.built and model.count_params() == 4 * 8 + 8 + 8 * 6 + 6 + 6 + 1
    assert [v.path.split("/")[1] for v in model.weights] == ["kernel", "bias"] * 3
    assert len({v.path for v in model.weights}) == 6
    model.trainable = False
    assert model.trainable_weights == []


def test_several_outputs_by_name() -> None:
    model = ActorCritic()
    model.compile(
        "sgd",
        loss={"value": "mse", "sign": "binary_crossentropy"},
        loss_weights={"value": 0.5, "sign": 2.0},
        metrics={"value": ["mae"], "sign": ["accuracy"]},
    )
    before = model(X)
    value = float(np.mean((before["value"] - Y) ** 2))
    p = np.clip(before["sign"], 1e-7, 1 - 1e-7).astype("float64")
    sign = float(np.mean(-(W * np.log(p) + (1 - W) * np.log(1 - p))))
    logs = model.evaluate(X, {"value": Y, "sign": W}, verbose=0, return_dict=True)
    assert set(logs) == {"loss", "value_loss", "sign_loss", "value_mae", "sign_accuracy"}
    np.testing.assert_allclose(logs["value_loss"], value, rtol=1e-5)
    np.testing.assert_allclose(logs["sign_loss"], sign, rtol=1e-5)
    np.testing.assert_allclose(logs["loss"], 0.5 * value + 2.0 * sign, rtol=1e-5)
    listed = model.evaluate(X, {"value": Y, "sign": W}, verbose=0)
    names = ["loss", "sign_loss", "value_loss", "sign_accuracy", "value_mae"]
    assert model.metrics_names == names
    assert listed == [logs[name] for name in names]
    history = model.fit(X, {"value": Y, "sign": W}, epochs=4, verbose=0).history
    assert set(history) == set(logs) and history["loss"][-1] < history["loss"][0]


def test_several_inputs_and_outputs_in_lists() -> None:
    model = TwoTowers()
    model.compile("adam", ["mse", None], metrics=[["mae"], []])
    history = model.fit([X, Z], [Y, None], epochs=2, verbose=0, sample_weight=np.ones(48))
    assert set(history.history) == {"loss", "mae"} or "loss" in history.history
    first, second = model.predict([X, Z], batch_size=10, verbose=0)
    assert first.shape == second.shape == (48, 1)
    for got, want in zip(model([X, Z]), (first, second), strict=True):
        np.testing.assert_array_equal(got, want)
    with pytest.raises(ValueError, match="same number of samples"):
        model.predict([X, Z[:5]], verbose=0)
    with pytest.raises(ValueError, match="2 arrays"):
        model.fit([X, Z], [Y, Y, Y], verbose=0)


def test_streams_of_several_inputs_and_outputs() -> None:
    def batches() -> Any:
        for first in range(0, 48, 16):
            rows = slice(first, first + 16)
            yield [X[rows], Z[rows]], [Y[rows], Y[rows]]

    model = TwoTowers()
    model.compile("sgd", "mse")
    history = model.fit(batches(), verbose=0).history
    assert len(history["loss"]) == 1
    np.testing.assert_allclose(
        history["loss"][0], sum(history[n][0] for n in history if n != "loss"), rtol=1e-6
    )


def test_compiled_for_outputs_that_there_are_not() -> None:
    model = ActorCritic()
    model.compile("sgd", {"value": "mse", "nonsense": "mse"})
    with pytest.raises(ValueError, match="nonsense"):
        model.fit(X, {"value": Y, "sign": W}, verbose=0)
    other = TwoTowers()
    other.compile("sgd", ["mse", "mse", "mse"])
    with pytest.raises(ValueError, match="3 entries"):
        other.fit([X, Z], [Y, Y], verbose=0)


class Penalized(lamina.Model):
    """A loss of its own, a weight of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = layers.Dense(1)

    def build(self, input_shape: Any) -> None:
        self.scale = self.add_weight(shape=(1,), initializer="ones", name="scale")

    def call(self, inputs: Any) -> Any:
        y = self.dense(inputs) * self.scale
        self.add_loss(0.1 * ops.mean(ops.square(y)))
        return y


def test_losses_and_weights_of_the_model_itself() -> None:
    model = Penalized()
    model.compile("sgd", "mse")
    before = model(X)
    found = model.evaluate(X, Y, verbose=0)
    expected = np.mean((before - Y) ** 2) + 0.1 * np.mean(before**2)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    scale = model.scale.numpy()
    model.fit(X, Y, verbose=0)
    assert model.scale.numpy() != scale and "scale" in [v.path for v in model.weights]
    alone = Penalized()
    alone.compile("sgd")
    assert alone.fit(X, verbose=0).history["loss"][0] > 0.0
    plain = Net()
    plain.compile("sgd")
    with pytest.raises(ValueError, match="No loss to compute"):
        plain.fit(X, verbose=0)


class OwnSteps(Net):
    """Steps that call those of the base."""

    steps = 0

    def train_step(self, data: Any) -> Any:
        OwnSteps.steps += 1
        logs = super().train_step(data)
        return {**logs, "twice": logs["loss"] * 2}

    def test_step(self, data: Any) -> Any:
        x, y = data
        return {"loss": ops.mean(ops.square(self(x, training=False) - y))}


def test_steps_of_a_subclass() -> None:
    OwnSteps.steps = 0
    model = OwnSteps()
    model.compile("adam", "mse", metrics=["mae"])
    history = model.fit(X, Y, epochs=2, batch_size=16, verbose=0, validation_data=(X, Y)).history
    assert OwnSteps.steps == 6
    assert set(history) == {"loss", "mae", "twice", "val_loss"}
    assert history["twice"] == [2 * loss for loss in history["loss"]]


def test_a_model_in_a_model() -> None:
    class Outer(lamina.Model):
        def __init__(self) -> None:
            super().__init__()
            self.inner = Net(4)
            self.chain = lamina.Sequential([layers.Dense(4, activation="relu")])
            self.head = layers.Dense(1)

        def call(self, inputs: Any, training: bool = False) -> Any:
            x = self.inner(inputs, training=training) + self.chain(inputs)
            return self.head(x)

    model = Outer()
    model.compile("adam", "mse")
    losses = model.fit(X, Y, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert len(model.weights) == 10
    stacked = lamina.Sequential([lamina.Input((4,)), Net(3), layers.Dense(1)])
    stacked.compile("sgd", "mse")
    stacked.fit(X, Y, verbose=0)
    assert len(stacked.weights) == 8


def test_the_call_of_a_sequential_subclass_counts_everywhere() -> None:
    class Doubled(lamina.Sequential):
        def call(self, inputs: Any, training: Any = None) -> Any:
            return super().call(inputs, training) * 2.0

    plain = lamina.Sequential([lamina.Input((4,)), layers.Dense(2)])
    model = Doubled([lamina.Input((4,)), layers.Dense(2)])
    model.set_weights(plain.get_weights())
    expected = plain.predict(X, verbose=0) * 2.0
    np.testing.assert_array_equal(model(X), expected)
    np.testing.assert_array_equal(model.predict(X, verbose=0), expected)
    np.testing.assert_array_equal(model.predict_on_batch(X), expected)
    model.compile("sgd", "mse")
    target = np.zeros((48, 2), "float32")
    np.testing.assert_allclose(
        model.evaluate(X, target, verbose=0), np.mean(expected**2), rtol=1e-5
    )
    around = lamina.Sequential([lamina.Input((4,)), model])
    np.testing.assert_array_equal(around.predict(X, verbose=0), expected)
    assert model.fit(X, target, verbose=0).history["loss"]


class Configured(Net):
    """What can be made again from its configuration."""

    def __init__(self, units: int = 1, **options: Any) -> None:
        lamina.Model.__init__(self, **options)
        self.units = units
        self.first = layers.Dense(8, activation="tanh")
        self.rest = [layers.Dropout(0.2)]
        self.heads = {"out": layers.Dense(units)}

    def get_config(self) -> Any:
        return {**super().get_config(), "units": self.units}


def test_files_and_copies(tmp_path: Path) -> None:
    model = Configured(2, name="mine")
    model.compile("adam", "mse", metrics=["mae"])
    target = np.zeros((48, 2), "float32")
    model.fit(X, target, verbose=0)
    model.save(tmp_path / "m.safetensors")
    with pytest.raises(ValueError, match="custom_objects"):
        lamina.saving.load_model(tmp_path / "m.safetensors")
    objects = {"Configured": Configured}
    again = [
        lamina.saving.load_model(tmp_path / "m.safetensors", custom_objects=objects),
        copy.copy(model),
        copy.deepcopy(model),
    ]
    expected = model.predict(X, verbose=0)
    history = model.fit(X, target, epochs=2, verbose=0).history
    for other in again:
        np.testing.assert_array_equal(other.predict(X, verbose=0), expected)
        assert other.fit(X, target, epochs=2, verbose=0).history == history
    twin = Configured(2)
    twin(X[:1])
    model.save_weights(tmp_path / "m.weights.h5")
    twin.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_array_equal(twin(X), model(X))
    model.save(tmp_path / "m.keras")
    with pytest.raises(ValueError, match="custom_objects"):
        lamina.saving.load_model(tmp_path / "m.keras")
    loaded = lamina.saving.load_model(tmp_path / "m.keras", custom_objects=objects)
    np.testing.assert_array_equal(loaded.predict(X, verbose=0), model.predict(X, verbose=0))
    history = model.fit(X, target, epochs=2, verbose=0).history
    assert loaded.fit(X, target, epochs=2, verbose=0).history == history
    lines: list[str] = []
    model.summary(print_fn=lines.append)
    assert "Driver: plan" in lines[0] and 'Model: "mine"' in lines[0]


def test_a_model_without_call() -> None:
    with pytest.raises(NotImplementedError, match="does not have a `call"):
        lamina.Model()(X)


def test_length_and_items_of_a_sequential() -> None:
    model = lamina.Sequential([lamina.Input((4,)), layers.Dense(2), layers.Dense(3)])
    assert len(model) == 2 and model[-1] is model.layers[1] and model[:1] == [model.layers[0]]
    assert [layer.name for layer in model] == [layer.name for layer in model.layers]
    assert bool(lamina.Sequential())
