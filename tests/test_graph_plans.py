"""Graphs of layers run as plans: what they compute is what the tape computes, bit by bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lamina
from lamina import layers, ops
from lamina.graph import tree

ROWS = 30
X = np.random.default_rng(1).random((ROWS, 6), dtype=np.float32)
Y = np.random.default_rng(2).random((ROWS, 2), dtype=np.float32)
WORDS = np.array([["a"], ["b"], ["c"], ["d"], ["a"]] * 6)
INDICES = np.arange(ROWS).reshape(-1, 1) * 7 % 10
Make = Callable[[], Any]


def diamond() -> Any:
    x = lamina.Input((6,))
    trunk = layers.Dense(5, "relu")(x)
    sides = [layers.Dense(4, "tanh")(trunk), layers.Dense(4, "gelu")(trunk)]
    return lamina.Model(x, layers.Dense(2)(layers.Add()(sides)))


def shared_layers() -> Any:
    inputs = [lamina.Input((6,)), lamina.Input((6,))]
    dense = layers.Dense(5, "tanh", kernel_regularizer="l2")
    norm = layers.BatchNormalization()
    joined = layers.concatenate([norm(dense(x)) for x in inputs])
    return lamina.Model(inputs, layers.Dense(2, kernel_constraint="unit_norm")(joined))


def two_outputs() -> Any:
    x = lamina.Input((6,))
    trunk = layers.Dropout(0.3, seed=5)(layers.Dense(8, "relu")(x))
    actor = layers.Dense(3, "softmax", name="actor")(trunk)
    return lamina.Model(x, {"a": actor, "b": layers.Dense(1, name="critic")(trunk)})


def embeddings() -> Any:
    columns = {"c": lamina.Input((1,), dtype="int32"), "n": lamina.Input((6,))}
    table = layers.Flatten()(layers.Embedding(10, 4)(columns["c"]))
    return lamina.Model(columns, layers.Dense(2)(layers.concatenate([table, columns["n"]])))


def words() -> Any:
    columns = {"s": lamina.Input((1,), dtype="string"), "n": lamina.Input((6,))}
    indices = layers.StringLookup(vocabulary=["a", "b", "c"])(columns["s"])
    table = layers.Flatten()(layers.Embedding(4, 4)(indices))
    return lamina.Model(columns, layers.Dense(2)(layers.concatenate([table, columns["n"]])))


def towers(shared: bool, normalize: bool = False) -> Make:
    def make() -> Any:
        inputs = [lamina.Input((6,)), lamina.Input((6,))]
        first = layers.Dense(5, "tanh")
        second = first if shared else layers.Dense(5, "tanh")
        ends = [first(inputs[0]), second(inputs[1])]
        return lamina.Model(inputs, layers.Dot(axes=1, normalize=normalize)(ends))

    return make


def nested() -> Any:
    x = lamina.Input((6,))
    encoder = lamina.Model(x, layers.Dense(3, "tanh")(x), name="encoder")
    decoder = lamina.Sequential([layers.Dense(6, "relu"), layers.Dense(2)], name="decoder")
    y = lamina.Input((6,))
    return lamina.Model(y, decoder(encoder(y)))


def functions() -> Any:
    x = lamina.Input((6,))
    a = layers.Dense(6)(x)
    b = ops.relu(a) * 2.0 - a / 3
    c = ops.concatenate([b, x[:, 1:3]], axis=-1)
    s = ops.stack([c, c + 1.0], axis=1)
    m = ops.mean(s, axis=1) + ops.sum(ops.square(s + 0.5), axis=1) + ops.max(s, axis=1)
    p, q = ops.split(m, 2, axis=-1)
    z = ops.softmax(p) * ops.sigmoid(q) - (-p)
    matrices = ops.reshape(z, (-1, 2, 2))
    products = ops.matmul(matrices, ops.transpose(matrices, (0, 2, 1)))
    return lamina.Model(x, layers.Dense(2)(layers.Flatten()(1.0 - products)))


def merges() -> Any:
    x = lamina.Input((6,))
    a, b = layers.Dense(4, "tanh")(x), layers.Dense(4, "sigmoid")(x)
    kinds = (layers.subtract, layers.multiply, layers.average, layers.maximum, layers.minimum)
    return lamina.Model(x, layers.Dense(2)(layers.concatenate([kind([a, b]) for kind in kinds])))


def inner_outputs() -> Any:
    x = lamina.Input((6,))
    hidden = layers.Dense(2, name="hidden")(x)
    return lamina.Model(x, [x, hidden, layers.Dense(2, name="last")(hidden)])


def unused_input() -> Any:
    inputs = [lamina.Input((6,)), lamina.Input((3,))]
    return lamina.Model(inputs, layers.Dense(2)(inputs[0]))


TWO_TARGETS = {"a": np.arange(ROWS) % 3, "b": Y[:, :1]}
TWO_OPTIONS = {
    "loss": {"a": "sparse_categorical_crossentropy", "b": "mse"},
    "loss_weights": {"a": 1.0, "b": 0.3},
    "metrics": {"a": ["accuracy"], "b": ["mae", "mse"]},
    "weighted_metrics": {"a": ["accuracy"]},
}
MSE: dict[str, Any] = {"loss": "mse", "metrics": ["mae"]}
CASES: dict[str, tuple[Make, Any, Any, dict[str, Any]]] = {
    "diamond": (diamond, X, Y, MSE),
    "shared layers": (shared_layers, [X, X[::-1]], Y, MSE),
    "two outputs": (two_outputs, X, TWO_TARGETS, TWO_OPTIONS),
    "embeddings": (embeddings, {"c": INDICES, "n": X}, Y, MSE),
    "words": (words, {"s": WORDS, "n": X}, Y, MSE),
    "towers": (towers(False), [X, X[::-1]], Y[:, :1], MSE),
    "shared towers": (towers(True), [X, X[::-1]], Y[:, :1], MSE),
    "cosine": (towers(True, True), [X, X[::-1]], Y[:, :1], MSE),
    "nested": (nested, X, Y, MSE),
    "functions": (functions, X, Y, MSE),
    "merges": (merges, X, Y, MSE),
    "inner outputs": (
        inner_outputs,
        X,
        [None, Y, Y],
        {"loss": [None, "mse", "mae"], "metrics": [[], ["mae"], []]},
    ),
    "unused input": (unused_input, [X, X[:, :3]], Y, MSE),
}


def draw_weights(model: Any) -> None:
    for place, weight in enumerate(model.weights):
        if not weight.is_state:
            weight.assign(np.random.default_rng(place).uniform(-0.3, 0.3, weight.shape))


def compiled(make: Make, options: dict[str, Any], eager: bool, optimizer: Any = None) -> Any:
    lamina.utils.set_random_seed(3)
    model = make()
    draw_weights(model)
    model.compile(optimizer or lamina.optimizers.Adam(0.01), run_eagerly=eager, **options)
    return model


def assert_same(a: Any, b: Any) -> None:
    for first, second in zip(tree.flatten(a), tree.flatten(b), strict=True):
        np.testing.assert_array_equal(np.asarray(first), np.asarray(second))


@pytest.mark.parametrize("name", CASES)
def test_plan_and_tape_have_the_same_bits(name: str) -> None:
    make, x, y, options = CASES[name]
    results = []
    for eager in (False, True):
        model = compiled(make, options, eager)
        assert model._driver() == ("tape (run_eagerly=True)" if eager else "plan")
        history = model.fit(x, y, batch_size=8, epochs=3, verbose=0).history
        evaluated = model.evaluate(x, y, verbose=0, return_dict=True)
        results.append(
            (history, evaluated, model.get_weights(), model.predict(x, verbose=0), model(x))
        )
    plan, tape = results
    assert plan[:2] == tape[:2]
    for a, b in zip(plan[2:], tape[2:], strict=True):
        assert_same(a, b)


@pytest.mark.parametrize("name", CASES)
def test_outputs_and_gradients_are_those_of_layer_after_layer(name: str) -> None:
    make, x, _, options = CASES[name]
    model = compiled(make, options, False)
    function, graph = model._graph.function, model._graph
    outputs = tree.flatten(model.predict(x, verbose=0))
    values = graph.signature.tensors_of(x)
    one_by_one = tree.flatten(function.run(values, graph.call))
    assert_same(outputs, one_by_one)
    gradients = []
    for call in (lambda: model(x), lambda: function.run(values, graph.call)):
        with lamina.GradientTape() as tape:
            loss = sum(
                (ops.sum(y * (place + 1.0)) for place, y in enumerate(tree.flatten(call()))),
                start=lamina.ops.zeros(()),
            )
        gradients.append(tape.gradient(loss, model.trainable_variables))
    for a, b in zip(*gradients, strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


def test_functional_residual_blocks_have_the_bits_of_residual() -> None:
    def functional() -> Any:
        inputs = lamina.Input((6,))
        x = layers.Dense(6, "tanh")(inputs)
        for _ in range(3):
            x = layers.add([layers.Dense(6)(layers.Dense(6, "relu")(x)), x])
        return lamina.Model(inputs, layers.Dense(2)(x))

    def blocks() -> Any:
        chain = [lamina.Input((6,)), layers.Dense(6, "tanh")]
        chain += [layers.Residual([layers.Dense(6, "relu"), layers.Dense(6)]) for _ in range(3)]
        return lamina.Sequential([*chain, layers.Dense(2)])

    models = [compiled(make, MSE, False) for make in (functional, blocks)]
    histories = [m.fit(X, Y, batch_size=8, epochs=3, verbose=0).history for m in models]
    assert histories[0] == histories[1]
    assert_same(models[0].get_weights(), models[1].get_weights())


def test_thread_counts_give_the_same_bits() -> None:
    before, weights = lamina.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            lamina.set_num_threads(threads)
            model = compiled(functions, MSE, False)
            model.fit(X, Y, batch_size=8, epochs=3, verbose=0)
            weights.append(model.get_weights())
    finally:
        lamina.set_num_threads(before)
    assert_same(weights[0], weights[1])
    assert_same(weights[0], weights[2])


def test_lbfgs_trains_graphs() -> None:
    model = compiled(diamond, MSE, False, lamina.optimizers.LBFGS())
    before = model.evaluate(X, Y, verbose=0)[0]
    model.fit(X, Y, epochs=5, verbose=0)
    assert model.evaluate(X, Y, verbose=0)[0] < before / 2


def test_frozen_layers_stay() -> None:
    model = compiled(shared_layers, MSE, False)
    model.layers[2].trainable = False
    frozen = [v.numpy() for v in model.layers[2].weights]
    model.compile(lamina.optimizers.SGD(0.1), **MSE)
    others = model.get_weights()
    model.fit([X, X], Y, epochs=1, verbose=0)
    assert_same(frozen, [v.numpy() for v in model.layers[2].weights])
    assert any(not np.array_equal(a, b) for a, b in zip(others, model.get_weights(), strict=True))


def test_sample_weights_by_output() -> None:
    weights = {"a": np.linspace(0, 1, ROWS), "b": np.linspace(1, 0, ROWS)}
    histories = []
    for eager in (False, True):
        model = compiled(two_outputs, TWO_OPTIONS, eager)
        histories.append(
            model.fit(X, TWO_TARGETS, sample_weight=weights, epochs=2, verbose=0).history
        )
    assert histories[0] == histories[1]


def test_batches_and_generators() -> None:
    wholes, parts, streams = (compiled(embeddings, MSE, False) for _ in range(3))
    x = {"c": INDICES, "n": X}
    wholes.fit(x, Y, batch_size=10, shuffle=False, epochs=1, verbose=0)

    def batches() -> Any:
        for first in range(0, ROWS, 10):
            rows = slice(first, first + 10)
            yield {name: array[rows] for name, array in x.items()}, Y[rows]

    for inputs, targets in batches():
        parts.train_on_batch(inputs, targets)
    streams.fit(batches(), epochs=1, verbose=0)
    assert_same(wholes.get_weights(), parts.get_weights())
    assert_same(wholes.get_weights(), streams.get_weights())


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (ops.sin, "sin"),
        (lambda x: ops.cumsum(x, axis=1), "cumsum"),
        (lambda x: x * np.ones(6, "float32"), "multiply with an array"),
        (layers.Lambda(lambda x: x * 2), "custom layers: lambda"),
        (layers.Dense(6, activation=lambda x: x), "custom layers: dense"),
    ],
)
def test_what_a_plan_cannot_have_runs_on_the_tape_and_is_named(function: Any, reason: str) -> None:
    x = lamina.Input((6,))
    model = lamina.Model(x, layers.Dense(2)(function(x)))
    model.compile("adam", "mse")
    text: list[str] = []
    model.summary(print_fn=text.append)
    assert model._driver().startswith("tape (") and reason in model._driver()
    assert "tape (" in text[0]
    model.fit(X, Y, epochs=1, verbose=0)


def test_calls_that_say_training_themselves() -> None:
    x = lamina.Input((6,))
    inner = lamina.Model(x, layers.Dropout(0.5)(layers.Dense(3)(x)))
    plain = lamina.Model(x, layers.Dense(3)(x))
    y = lamina.Input((6,))
    assert lamina.Model(y, plain(y, training=False))._driver() == "plan"
    assert "training=False" in lamina.Model(y, inner(y, training=False))._driver()


def test_inputs_of_integers_cut_fractions_off() -> None:
    model = compiled(embeddings, MSE, False)
    expected = model.predict({"c": INDICES, "n": X}, verbose=0)
    got = model.predict({"c": INDICES + 0.25, "n": X}, verbose=0)
    np.testing.assert_array_equal(got, expected)


def test_outputs_keep_their_structure() -> None:
    x = lamina.Input((6,))
    h = layers.Dense(2)(x)
    for structure in ([h, x], (h, x), {"b": h}, {"b": h, "a": [x, h]}):
        model = lamina.Model({"x": x}, structure)
        result = model.predict({"x": X}, verbose=0)
        assert tree.map_structure(lambda _: 0, result) == tree.map_structure(lambda _: 0, structure)
        assert_same(result, model({"x": X}))


def test_keras_files_of_trained_graphs_with_many_weights(tmp_path: Any) -> None:
    pytest.importorskip("h5py")
    x = lamina.Input((300,))
    model = lamina.Model(x, layers.Dense(2)(layers.Dense(200, "relu")(x)))
    model.compile("adam", "mse")
    data = np.random.default_rng(5).random((ROWS, 300), dtype=np.float32)
    model.fit(data, Y, verbose=0)
    model.save(tmp_path / "m.keras")
    again = lamina.models.load_model(tmp_path / "m.keras")
    histories = [m.fit(data, Y, shuffle=False, verbose=0).history for m in (model, again)]
    assert histories[0] == histories[1]
