"""Graphs of layers and functions: Keras' order, its configurations, and the same numbers."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import lamina
from lamina.graph import tree
from lamina.graph.config import function_config, function_from_config
from lamina.graph.function import Function
from lamina.layers.resolve import deserialize_operation
from lamina.registry import serialize_keras_object
from lamina.saving import keras_config

# Keras' own warnings are not what is tested here.
pytestmark = pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning", "ignore:.*HDF5.*")


def diamond(library: Any) -> Any:
    x = library.Input((4,), name="x")
    h = library.layers.Dense(5, "tanh", name="h")(x)
    a = library.layers.Dense(3, "relu", name="a")(h)
    b = library.layers.Dense(3, name="b")(h)
    return x, library.layers.Add(name="sum")([a, b])


def deep_and_shallow(library: Any) -> Any:
    x, y = library.Input((4,), name="x"), library.Input((3,), name="y")
    deep = x
    for name in ("d1", "d2", "d3"):
        deep = library.layers.Dense(6, "relu", name=name)(deep)
    joined = library.layers.concatenate([y, deep], name="joined")
    return [x, y], library.layers.Dense(1, name="out")(joined)


def shared(library: Any) -> Any:
    x = {"b": library.Input((4,), name="b"), "a": library.Input((4,), name="a")}
    tower = library.layers.Dense(4, "tanh", name="tower")
    one, two = tower(x["b"]), tower(tower(x["a"]))
    return x, library.layers.Dot(axes=1, normalize=True, name="cosine")([one, two])


def outputs(library: Any) -> Any:
    x = library.Input((4,), name="x")
    trunk = library.layers.Dense(8, "tanh", name="trunk")(x)
    actor = library.layers.Dense(3, "softmax", name="actor")(trunk)
    critic = library.layers.Dense(1, name="critic")(trunk)
    return x, {"policy": actor, "value": [critic, trunk]}


def functions(library: Any) -> Any:
    ops = library.ops
    x, y = library.Input((4,), name="x"), library.Input((2, 3), name="y")
    z = library.layers.Dense(3, name="dense")(x * 2.0 - 1.0)
    parts = ops.split(ops.reshape(y, (-1, 6)), 2, axis=1)
    mean = ops.mean(parts[0], axis=1, keepdims=True)
    total = ops.sum(ops.where(z > 0, z, 0.1 * z), axis=-1)
    picked = ops.concatenate([z, y[:, 0, 1:], y[..., None, 2][:, :, 0], mean], axis=-1)
    soft = ops.softmax(ops.clip(picked, -1.0, 1.0), axis=-1)
    stacked = ops.stack([ops.einsum("ij,ij->i", z, z), ops.exp(-ops.abs(total))], axis=1)
    return [x, y], [soft, (stacked / 2.0, ops.matmul(z, ops.ones((3, 2)))), parts[1] ** 2]


def merging(library: Any) -> Any:
    layers = library.layers
    x, y = library.Input((3,), name="x"), library.Input((2, 3), name="y")
    joined = [
        getattr(layers, name)(name=f"n{name}")([x, y])
        for name in ("Add", "Multiply", "Average", "Maximum", "Minimum", "Subtract")
    ]
    return [x, y], [layers.Concatenate(axis=1, name="all")(joined), layers.dot([x, y], (1, 2))]


GRAPHS = [diamond, deep_and_shallow, shared, outputs, functions, merging]


def calls_of(config: Any) -> Any:
    """What says how layers are called, of all layers."""
    calls = [(layer["name"], layer["class_name"], layer["inbound_nodes"]) for layer in config]
    return json.loads(json.dumps(calls))


def samples(structure: Any) -> Any:
    rng = np.random.default_rng(5)
    return tree.map_structure(
        lambda t: rng.normal(size=(5, *t.shape[1:])).astype("float32"), structure
    )


@pytest.mark.parametrize("make", GRAPHS)
def test_layers_and_calls_are_written_as_keras_writes_them(keras: Any, make: Any) -> None:
    keras.backend.clear_session()
    lamina.backend.clear_session()
    theirs = keras.Model(*make(keras))
    ours = Function(*make(lamina))
    config = keras_config.to_keras(function_config(ours, serialize_keras_object))
    expected = theirs.get_config()
    assert calls_of(config["layers"]) == calls_of(expected["layers"])
    for key in ("input_layers", "output_layers"):
        assert json.loads(json.dumps(config[key])) == json.loads(json.dumps(expected[key]))
    settings = [
        (layer["config"], other["config"])
        for layer, other in zip(config["layers"], expected["layers"], strict=True)
        if str(layer["module"]).startswith("keras.src.ops")
    ]
    for mine, keras_settings in settings:
        assert json.loads(json.dumps(mine)) == json.loads(json.dumps(keras_settings))


@pytest.mark.parametrize("make", GRAPHS)
def test_keras_reads_what_is_written(keras: Any, make: Any) -> None:
    function = Function(*make(lamina))
    config = keras_config.to_keras(function_config(function, serialize_keras_object))
    model = keras.Model.from_config({"name": "m", **json.loads(json.dumps(config))})
    for layer in model.layers:
        if layer.weights:
            own = next(each for each in function.operations if each.name == layer.name)
            layer.set_weights(own.get_weights())
    compare(function, model)


@pytest.mark.parametrize("make", GRAPHS)
def test_what_keras_writes_is_read(keras: Any, make: Any) -> None:
    model = keras.Model(*make(keras))
    config = json.loads(json.dumps(model.get_config()))
    inputs, results = function_from_config(
        config,
        lambda layer: deserialize_operation(
            keras_config.fit_arguments(keras_config.from_keras(layer))
        ),
    )
    function = Function(inputs, results)
    for layer in function.operations:
        if getattr(layer, "weights", None):
            weights = model.get_layer(layer.name).weights
            layer.set_weights([np.array(weight.value) for weight in weights])
    compare(function, model)


def compare(function: Function, model: Any) -> None:
    values = samples(function.input_structure)
    given = tree.map_structure(lamina.ops.array, values)
    ours = [np.asarray(y) for y in tree.flatten(function(given))]
    theirs = [np.asarray(y) for y in tree.flatten(model(values))]
    for one, other in zip(ours, theirs, strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def nested(library: Any) -> Any:
    x = library.Input((4,), name="x")
    inner = library.Model(x, library.layers.Dense(3, "tanh", name="d")(x), name="inner")
    chain = library.Sequential(
        [library.Input((4,)), library.layers.Dense(3, name="c")], name="chain"
    )
    y = library.Input((4,), name="y")
    return y, library.layers.add([inner(y), inner(y * 2.0), chain(y)], name="sum")


@pytest.mark.parametrize("make", [*GRAPHS, nested])
def test_keras_reads_files(keras: Any, make: Any, tmp_path: Any) -> None:
    model = lamina.Model(*make(lamina))
    model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    theirs = keras.models.load_model(tmp_path / "model.keras")
    compare_models(model, theirs)
    for layer in theirs.layers:
        layer.set_weights([np.zeros(weight.shape) for weight in layer.weights])
    theirs.load_weights(tmp_path / "model.weights.h5")
    compare_models(model, theirs)


@pytest.mark.parametrize("make", [*GRAPHS, nested])
def test_files_of_keras_are_read(keras: Any, make: Any, tmp_path: Any) -> None:
    theirs = keras.Model(*make(keras))
    theirs.save(tmp_path / "model.keras")
    theirs.save_weights(tmp_path / "model.weights.h5")
    model = lamina.saving.load_model(tmp_path / "model.keras")
    compare_models(model, theirs)
    model.set_weights([np.zeros(weight.shape, "float32") for weight in model.weights])
    model.load_weights(tmp_path / "model.weights.h5")
    compare_models(model, theirs)


def compare_models(model: Any, other: Any) -> None:
    assert [layer.name for layer in model.layers] == [layer.name for layer in other.layers]
    values = samples(model.input)
    ours = tree.flatten(model.predict(values, verbose=0))
    theirs = [np.asarray(y) for y in tree.flatten(other(values))]
    for one, expected in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, expected, rtol=1e-5, atol=1e-6)
