"""Graphs as plain data: written and read again, read from Keras, and clear errors otherwise."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest

import lamina
from lamina import layers, ops
from lamina.graph import tree
from lamina.graph.config import function_config, function_from_config
from lamina.graph.function import Function
from lamina.layers.resolve import deserialize_operation
from lamina.registry import serialize_keras_object
from lamina.saving import keras_config

KERAS = json.loads((Path(__file__).parent / "keras_files" / "functional.json").read_text())


def written(function):
    return json.loads(json.dumps(function_config(function, serialize_keras_object)))


def read(config):
    return Function(*function_from_config(config, deserialize_operation))


def from_keras(layer):
    return deserialize_operation(keras_config.fit_arguments(keras_config.from_keras(layer)))


def numbers(shape):
    count = int(np.prod(shape))
    values = np.arange(count, dtype="float64") * 37 % 101 / 50 - 1
    return values.reshape(shape).astype("float32")


@pytest.mark.parametrize("name", KERAS)
def test_graphs_of_keras_predict_as_keras_did(name):
    graph = KERAS[name]
    function = Function(*function_from_config(copy.deepcopy(graph["config"]), from_keras))
    own = [each for each in function.operations if isinstance(each, lamina.Layer)]
    assert [layer.name for layer in own] == graph["layers"]
    for layer in own:
        layer.set_weights([numbers(weight.shape) for weight in layer.weights])
    inputs = tree.map_structure(
        lambda x: ops.array(numbers((3, *x.shape[1:]))), function.input_structure
    )
    results = tree.flatten(function(inputs))
    for result, expected in zip(results, graph["outputs"], strict=True):
        np.testing.assert_allclose(result.numpy(), np.array(expected), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", KERAS)
def test_what_is_written_for_keras_is_what_keras_wrote(name):
    graph = KERAS[name]["config"]
    function = Function(*function_from_config(copy.deepcopy(graph), from_keras))
    config = keras_config.to_keras(written(function))
    for mine, theirs in zip(config["layers"], graph["layers"], strict=True):
        for key in ("name", "class_name", "module", "registered_name", "inbound_nodes"):
            assert mine[key] == theirs[key]
    assert config["input_layers"] == graph["input_layers"]
    assert config["output_layers"] == graph["output_layers"]


def everything():
    x, y = lamina.Input((4,), name="x"), lamina.Input((4,))
    dense, gate = layers.Dense(4, "tanh"), layers.Dropout(0.3, seed=7)
    a = gate(dense(x), training=True)
    b = dense(dense(y)) * ops.array([1.0, 2.0, 3.0, 4.0])
    joined = ops.concatenate([a + b, x[:, 1:3], y[..., None, 0]], axis=-1)
    cast = ops.cast(joined * np.float32(0.5), lamina.ops.float32)
    parts = ops.split(cast, [2, 5], axis=1)
    return Function({"first": x, "second": (y,)}, [cast, {"parts": parts, "twice": a}])


def test_what_is_written_is_read():
    function = everything()
    config = written(function)
    again = read(copy.deepcopy(config))
    assert written(again) == config
    assert [op.name for op in again.operations] == [op.name for op in function.operations]
    for one, other in zip(again.operations, function.operations, strict=True):
        if getattr(other, "weights", None):
            one.set_weights(other.get_weights())
    value = {"first": ops.array(numbers((3, 4))), "second": (ops.array(numbers((3, 4)) + 1),)}
    pairs = zip(tree.flatten(function(value)), tree.flatten(again(value)), strict=True)
    for one, other in pairs:
        np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_only_calls_of_the_graph_are_written():
    x, y = lamina.Input((4,)), lamina.Input((4,))
    layer = layers.Dense(3)
    layer(x)
    function = Function(y, layer(y))
    config = written(function)
    assert len(config["layers"][1]["inbound_nodes"]) == 1
    assert config["output_layers"] == [layer.name, 0, 0]
    assert written(read(copy.deepcopy(config))) == config


def test_functions_get_other_names_where_theirs_are_taken():
    x = lamina.Input((4,), name="x")
    lamina.backend.clear_session()
    first = x + 1.0
    lamina.backend.clear_session()
    second = first + 2.0
    config = written(Function(x, second))
    assert [layer["name"] for layer in config["layers"]] == ["x", "add", "add_1"]
    result = read(config)(ops.zeros((1, 4)))
    assert result.numpy().tolist() == [[3.0] * 4]
    with pytest.raises(ValueError, match='name "d" is used more than once'):
        written(Function(x, layers.Dense(2, name="d")(layers.Dense(2, name="d")(x))))


def test_what_cannot_be_written_says_so():
    x = lamina.Input((4,))
    with pytest.raises(ValueError, match="A Variable that a function"):
        written(Function(x, x * lamina.Variable([1.0] * 4)))

    class Odd(layers.Layer):
        def call(self, inputs, how=None):
            return inputs

    with pytest.raises(ValueError, match="plain data"):
        written(Function(x, Odd()(x, how=object())))


def change(path, value):
    def apply(config):
        target = config
        for key in path[:-1]:
            target = target[key]
        target[path[-1]] = value

    return apply


def drop(*path):
    def apply(config):
        target = config
        for key in path[:-1]:
            target = target[key]
        del target[path[-1]]

    return apply


NODE = ("layers", 1, "inbound_nodes", 0)
TENSOR = (*NODE, "args", 0, "config")


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (drop("layers"), "must be a dictionary with 'layers'"),
        (drop("output_layers"), "must be a dictionary with 'layers'"),
        (change(("layers",), {}), "'layers' must be a list"),
        (change(("layers", 0), 3), "'name' and a list"),
        (drop("layers", 1, "inbound_nodes"), "'name' and a list"),
        (change(("layers", 1, "name"), "x"), "must be unique"),
        (change(NODE, [["x", 0, 0, {}]]), "as Keras 3 writes"),
        (change((*NODE, "args"), {}), "Malformed call"),
        (change((*TENSOR, "keras_history"), ["x", 0]), "no place"),
        (change((*TENSOR, "keras_history"), ["who", 0, 0]), "no layer of that name"),
        (change((*TENSOR, "keras_history"), ["x", 1, 0]), "could not be made"),
        (change((*TENSOR, "keras_history"), ["x", 0, 1]), "could not be made"),
        (change((*TENSOR, "keras_history"), ["x", -1, 0]), "could not be made"),
        (change((*TENSOR, "keras_history"), ["d", 0, 0]), "has loops"),
        (change((*NODE, "args", 0), {"class_name": "Dense", "config": {}}), "cannot be read"),
        (
            change((*NODE, "args", 0), {"class_name": "__lambda__", "config": {"value": "e"}}),
            "cannot be read",
        ),
        (
            change((*NODE, "args", 0), {"class_name": "__numpy__", "config": {"dtype": "object"}}),
            "one of the types",
        ),
        (change(("output_layers",), ["d", 0, 7]), "no such tensor"),
        (change(("output_layers",), 3), "named by layer"),
        (change(("layers", 1, "class_name"), "Denso"), "Unknown layer"),
        (change(("layers", 2, "class_name"), "Exec"), "Unknown operation"),
        (change(("layers", 2, "config"), {"axis": 3}), "takes|no arguments|axis"),
    ],
)
def test_damaged_configurations_are_clear_errors(damage, text):
    x = lamina.Input((4,), name="x")
    config = written(Function(x, ops.exp(layers.Dense(3, name="d")(x))))
    damage(config)
    with pytest.raises((ValueError, TypeError), match=text):
        read(config)
