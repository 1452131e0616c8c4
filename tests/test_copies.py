"""Copies and pickles of layers, losses, metrics and optimizers on their own."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lamina
from lamina import layers, losses, metrics, optimizers

X = np.random.default_rng(0).normal(size=(6, 4)).astype("f")


def pickled(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


DEEP = pytest.mark.parametrize("copied", [copy.deepcopy, pickled])

LAYERS: list[Callable[[], Any]] = [
    lambda: layers.Dense(3, activation="relu", kernel_regularizer="l2", bias_constraint="non_neg"),
    lambda: layers.Dense(3, activation=layers.LeakyReLU(0.2), activity_regularizer="l1"),
    lambda: layers.EinsumDense("ab,bc->ac", output_shape=3),
    lambda: layers.Activation("gelu"),
    lambda: layers.ReLU(6.0),
    lambda: layers.ELU(0.5),
    layers.Softmax,
    layers.PReLU,
    lambda: layers.Dropout(0.5, seed=3),
    lambda: layers.AlphaDropout(0.5, seed=3),
    lambda: layers.GaussianNoise(0.5, seed=3),
    layers.BatchNormalization,
    layers.LayerNormalization,
    lambda: layers.GroupNormalization(2),
    layers.RMSNormalization,
    layers.UnitNormalization,
    layers.Flatten,
    lambda: layers.Reshape((2, 2)),
    lambda: layers.RepeatVector(2),
    lambda: layers.SpectralNormalization(layers.Dense(3)),
    lambda: layers.Residual([layers.Dense(5, activation="tanh"), layers.Dense(3)]),
    lambda: layers.Rescaling(0.5, 1.0),
    layers.Normalization,
    lambda: Scale(lamina.initializers.Ones()),
]


class Scale(layers.Layer):
    """A custom layer with a weight, and layers in a dictionary of lists."""

    def __init__(self, start: Any) -> None:
        super().__init__()
        self.start = start
        self.parts = {"dense": [layers.Dense(4), layers.Dropout(0.1, seed=2)]}
        self.seen = metrics.Mean()

    def build(self, input_shape: Any) -> None:
        self.factor = self.add_weight(shape=(input_shape[-1],), initializer=self.start)

    def call(self, inputs: Any) -> Any:
        self.seen.update_state(np.asarray(inputs))
        for part in self.parts["dense"]:
            inputs = part(inputs)
        return inputs * self.factor


@DEEP
@pytest.mark.parametrize("make", LAYERS)
def test_a_copy_of_a_layer_computes_the_same_apart_from_it(make: Any, copied: Any) -> None:
    layer = make()
    unused = copied(layer)
    assert not unused.built and unused.name == layer.name
    layer(X, training=True)
    other = copied(layer)
    assert other.built and other.name == layer.name and other._parents() == []
    assert [v.path for v in other.weights] == [v.path for v in layer.weights]
    assert layer(X).tobytes() == other(X).tobytes()
    before = layer.get_weights()
    for variable in other.weights:
        assert all(variable is not mine for mine in layer.weights)
        variable.assign(np.zeros(variable.shape))
    for a, b in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@DEEP
def test_parts_of_a_copy_are_its_own(copied: Any) -> None:
    layer = Scale(lamina.initializers.Ones())
    layer(X)
    other = copied(layer)
    mine, theirs = layer._children(), other._children()
    assert [child.name for child in theirs] == [child.name for child in mine]
    assert all(a is not b for a, b in zip(mine, theirs, strict=True))
    assert theirs[0]._parents() == [other] and mine[0]._parents() == [layer]
    assert any(other.factor is v for v in other.weights)
    assert other.metrics[0] is other.seen is not layer.seen
    assert other.seen.result() == layer.seen.result()


def test_a_shallow_copy_has_the_same_weights() -> None:
    layer = layers.Dense(3)
    layer(X)
    other = copy.copy(layer)
    assert other.kernel is layer.kernel
    layer.kernel.assign(np.ones((4, 3)))
    assert layer(X).tobytes() == other(X).tobytes()


@DEEP
def test_a_layer_of_a_model_is_copied_out_of_it(copied: Any) -> None:
    model = lamina.Sequential([lamina.Input((4,)), layers.Dense(3), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.train_on_batch(X, X[:, :1])
    other = copied(model.layers[0])
    assert other._parents() == [] and other.path == model.layers[0].path
    before = other(X)
    model.train_on_batch(X, X[:, :1])
    np.testing.assert_array_equal(before, other(X))
    new = lamina.Sequential([lamina.Input((4,)), other])
    new.compile("sgd", "mse")
    new.train_on_batch(X, X[:, :3])


OPTIMIZERS: list[Callable[[], Any]] = [
    lambda: optimizers.Adam(0.1, amsgrad=True),
    lambda: optimizers.SGD(0.1, momentum=0.9, gradient_accumulation_steps=2),
    lambda: optimizers.AdamW(optimizers.schedules.ExponentialDecay(0.1, 3, 0.5), use_ema=True),
    lambda: optimizers.Muon(0.1),
    lambda: optimizers.Adafactor(0.1),
    lambda: optimizers.LossScaleOptimizer(optimizers.Adam(0.1), dynamic_growth_steps=2),
    lambda: Momentum(0.1),
]


class Momentum(optimizers.Optimizer):
    """A custom optimizer."""

    def build(self, variables: Any) -> None:
        super().build(variables)
        self.sums = [self.add_variable_from_reference(v, "sum") for v in variables]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        total = self.sums[self._get_variable_index(variable)]
        total.assign(total * 0.9 + gradient)
        variable.assign_sub(total * learning_rate)


@DEEP
@pytest.mark.parametrize("make", OPTIMIZERS)
def test_an_optimizer_goes_on_in_its_copy(make: Any, copied: Any) -> None:
    optimizer = make()
    w, b = lamina.Variable(X, name="w"), lamina.Variable(X[0], name="b")
    for _ in range(3):
        optimizer.apply_gradients([(X, w), (X[0], b)])
    other, v, c = copied((optimizer, w, b))
    assert v is not w and other.iterations == optimizer.iterations
    assert [s.path for s in other.variables] == [s.path for s in optimizer.variables]
    for _ in range(3):
        optimizer.apply_gradients([(X, w), (X[0], b)])
        other.apply_gradients([(X, v), (X[0], c)])
    assert w.numpy().tobytes() == v.numpy().tobytes()
    assert b.numpy().tobytes() == c.numpy().tobytes()
    for mine, theirs in zip(optimizer.variables, other.variables, strict=True):
        assert mine.numpy().tobytes() == theirs.numpy().tobytes()


@DEEP
@pytest.mark.parametrize("make", OPTIMIZERS)
def test_a_copy_of_a_model_s_optimizer_has_its_settings(make: Any, copied: Any) -> None:
    optimizer = make()
    model = lamina.Sequential([lamina.Input((4,)), layers.Dense(1)])
    model.compile(optimizer, "mse")
    model.train_on_batch(X, X[:, :1])
    other = copied(optimizer)
    assert other.get_config() == optimizer.get_config()
    assert not other.built and other.iterations == 0
    new = lamina.Sequential([lamina.Input((4,)), layers.Dense(1)])
    new.compile(other, "mse")
    new.train_on_batch(X, X[:, :1])
    assert other.iterations == optimizer.iterations


@DEEP
def test_losses_and_metrics(copied: Any) -> None:
    loss = losses.Huber(0.5)
    loss(X, X + 1)
    other = copied(loss)
    assert other.get_config() == loss.get_config() and other(X, X + 1) == loss(X, X + 1)
    metric = metrics.MeanAbsoluteError()
    metric.update_state(X, X + 1)
    other = copied(metric)
    other.update_state(X, X + 3)
    assert metric.result() == pytest.approx(1) and other.result() == pytest.approx(2)
