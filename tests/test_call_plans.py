"""Models whose `call` only calls layers and functions run as plans; others say why they do not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lamina
from lamina import layers, ops
from lamina.graph import tree

ROWS = 30
X = np.random.default_rng(1).random((ROWS, 6), dtype=np.float32)
Y = np.random.default_rng(2).random((ROWS, 2), dtype=np.float32)
PAIRS = np.stack([np.arange(ROWS) % 10, np.arange(ROWS) * 7 % 10], 1)


class Net(lamina.Model):
    def __init__(self) -> None:
        super().__init__()
        self.first = layers.Dense(8, activation="relu")
        self.dropout = layers.Dropout(0.3, seed=4)
        self.norm = layers.BatchNormalization()
        self.blocks = [layers.Dense(8), layers.Dense(2)]

    def call(self, inputs: Any, training: bool = False) -> Any:
        x = self.dropout(self.first(inputs), training=training)
        x = self.norm(x, training)
        return self.blocks[1](ops.relu(self.blocks[0](x)) + x)


class TwoHeads(lamina.Model):
    def __init__(self) -> None:
        super().__init__()
        self.trunk = layers.Dense(8, activation="relu")
        self.heads = {"p": layers.Dense(3, "softmax"), "v": layers.Dense(1)}

    def call(self, inputs: Any) -> Any:
        x = self.trunk(inputs)
        return {name: head(x) for name, head in self.heads.items()}


class Recommender(lamina.Model):
    def __init__(self) -> None:
        super().__init__()
        self.users, self.items = layers.Embedding(10, 4), layers.Embedding(10, 4)
        self.flatten, self.dot = layers.Flatten(), layers.Dot(axes=1)

    def call(self, inputs: Any) -> Any:
        user = self.flatten(self.users(inputs[:, 0:1]))
        return self.dot([user, self.flatten(self.items(inputs[:, 1:2]))])


class Outer(lamina.Model):
    def __init__(self) -> None:
        super().__init__()
        self.net, self.last = Net(), layers.Dense(2)

    def call(self, inputs: Any, training: bool = False) -> Any:
        return self.last(self.net(inputs, training=training))


def chain_around_graph() -> Any:
    x = lamina.Input((6,))
    graph = lamina.Model(x, layers.add([layers.Dense(3, "tanh")(x), layers.Dense(3)(x)]))
    return lamina.Sequential([graph, layers.Dense(2)])


HEADS = {"p": np.arange(ROWS) % 3, "v": Y[:, :1]}
CASES: dict[str, Any] = {
    "net": (Net, X, Y, "mse"),
    "two heads": (TwoHeads, X, HEADS, {"p": "sparse_categorical_crossentropy", "v": "mse"}),
    "recommender": (Recommender, PAIRS, Y[:, :1], "mse"),
    "model in a model": (Outer, X, Y, "mse"),
    "chain around a graph": (chain_around_graph, X, Y, "mse"),
}


@pytest.mark.parametrize("name", CASES)
def test_plan_and_tape_have_the_same_bits(name: str) -> None:
    make, x, y, loss = CASES[name]
    results = []
    for eager in (False, True):
        lamina.utils.set_random_seed(3)
        model = make()
        model.compile(lamina.optimizers.Adam(0.01), loss, run_eagerly=eager)
        history = model.fit(x, y, batch_size=8, epochs=3, verbose=0).history
        assert model._driver() == ("tape (run_eagerly=True)" if eager else "plan")
        numbers = model.evaluate(x, y, verbose=0)
        results.append((history, numbers, [model.get_weights(), model.predict(x, verbose=0)]))
    plan, tape = results
    assert plan[:2] == tape[:2]
    for a, b in zip(tree.flatten(plan[2]), tree.flatten(tape[2]), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_plan_is_the_functional_model_of_the_same_layers() -> None:
    lamina.utils.set_random_seed(3)
    net = Net()
    net(X[:1])
    x = lamina.Input((6,))
    y = net.norm(net.dropout(net.first(x)))
    same = lamina.Model(x, net.blocks[1](ops.relu(net.blocks[0](y)) + y))
    np.testing.assert_array_equal(net.predict(X, verbose=0), same.predict(X, verbose=0))
    np.testing.assert_array_equal(net(X), same(X))


class Counts(Net):
    calls = 0

    def call(self, inputs: Any, training: bool = False) -> Any:
        self.calls += 1
        return super().call(inputs, training)


class Branches(Net):
    def call(self, inputs: Any, training: bool = False) -> Any:
        return super().call(inputs * 2 if ops.sum(inputs) > 0 else inputs, training)


class UsesNumPy(Net):
    def call(self, inputs: Any, training: bool = False) -> Any:
        return super().call(ops.convert_to_tensor(np.sqrt(np.asarray(inputs))), training)


class ActsInTraining(Net):
    def call(self, inputs: Any, training: bool = False) -> Any:
        return super().call(inputs * 2 if training else inputs, training)


class AddsLoss(Net):
    def call(self, inputs: Any, training: bool = False) -> Any:
        outputs = super().call(inputs, training)
        self.add_loss(ops.mean(outputs))
        return outputs


class HasWeights(Net):
    def build(self, input_shape: Any) -> None:
        self.factor = self.add_weight(shape=(), initializer="ones", name="factor")

    def call(self, inputs: Any, training: bool = False) -> Any:
        return super().call(inputs * self.factor, training)


@pytest.mark.parametrize(
    ("model_class", "reason"),
    [
        (Counts, "it sets calls"),
        (Branches, "boolean"),
        (UsesNumPy, "NumPy"),
        (ActsInTraining, "differ in training"),
        (AddsLoss, ""),
        (HasWeights, "weights of the model itself"),
    ],
)
def test_what_is_no_graph_runs_on_the_tape_and_is_named(model_class: Any, reason: str) -> None:
    lamina.utils.set_random_seed(3)
    model = model_class()
    model.compile(lamina.optimizers.SGD(0.01), "mse")
    model.fit(X, Y, epochs=20, verbose=0)
    assert model.evaluate(X, Y, verbose=0) < 1.0
    text: list[str] = []
    model.summary(print_fn=text.append)
    assert "tape (" in text[0]
    assert reason in model._driver()


def test_calls_are_counted_as_the_user_sees_them() -> None:
    model = Counts()
    model.compile("sgd", "mse")
    model.fit(X, Y, batch_size=10, epochs=2, verbose=0)
    before = model.calls
    model.fit(X, Y, batch_size=10, epochs=2, verbose=0)
    assert model.calls == before + 6


def test_an_attribute_that_changes_changes_the_plan() -> None:
    class Scaled(lamina.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense, self.factor = layers.Dense(2), 1.0

        def call(self, inputs: Any) -> Any:
            return self.dense(inputs) * self.factor

    model = Scaled()
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    assert model._driver() == "plan"
    before = model.predict(X, verbose=0)
    model.factor = 2.0
    np.testing.assert_array_equal(model.predict(X, verbose=0), before * 2)
    model.fit(X, Y, verbose=0)
    assert model._driver() == "plan"


def test_other_shapes_and_types_of_inputs() -> None:
    model = Recommender()
    as_integers = model.predict(PAIRS, verbose=0)
    np.testing.assert_array_equal(model.predict(PAIRS.astype("float32"), verbose=0), as_integers)
    np.testing.assert_array_equal(model.predict(PAIRS, verbose=0), as_integers)

    class AnyRank(lamina.Model):
        def call(self, inputs: Any) -> Any:
            return ops.relu(inputs - 0.5)

    model = AnyRank()
    for shape in ((3, 4), (3, 2, 2), (3, 4)):
        x = np.linspace(0, 1, 12, dtype="float32").reshape(shape)
        np.testing.assert_array_equal(model.predict(x, verbose=0), np.maximum(x - 0.5, 0))


@pytest.mark.parametrize("literal", [False, True])
def test_looking_at_a_call_changes_nothing(literal: bool) -> None:
    """What a custom layer gives is found by calling it on zeros."""

    class Block(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.norm = layers.BatchNormalization()
            self.seeds = lamina.random.SeedGenerator(3)

        def call(self, inputs: Any, training: bool = False) -> Any:
            noise = lamina.random.normal((inputs.shape[-1],), seed=self.seeds)
            return self.norm(inputs + noise, training=True if literal else training)

    class Net(lamina.Model):
        def __init__(self) -> None:
            super().__init__()
            self.block, self.last = Block(), layers.Dense(2)

        def call(self, inputs: Any, training: bool = False) -> Any:
            return self.last(self.block(inputs, training=training))

    model, x = Net(), np.ones((5, 3), "float32")
    model.build((None, 3))
    model.set_weights([np.full(w.shape, 0.5, "float32") for w in model.get_weights()])
    before = [w.copy() for w in model.get_weights()], model.block.seeds.state
    model.compile("sgd", "mse")
    assert "custom layers: block" in model._driver()
    for ours, theirs in zip(model.get_weights(), before[0], strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert model.block.seeds.state == before[1]
    if not literal:
        model.predict(x, verbose=0)
        for ours, theirs in zip(model.get_weights(), before[0], strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_merging_layers_are_not_named_as_custom() -> None:
    class Twice(layers.Layer):
        def call(self, inputs: Any) -> Any:
            return inputs * 2.0

    class Net(lamina.Model):
        def __init__(self) -> None:
            super().__init__()
            self.twice, self.join = Twice(name="twice"), layers.Add()

        def call(self, inputs: Any) -> Any:
            return self.join([inputs, self.twice(inputs)])

    model = Net()
    model(np.ones((1, 2), "float32"))
    assert model._driver() == "tape (custom layers: twice)"
