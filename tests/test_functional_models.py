"""Models that are graphs of layers: called, trained, evaluated, saved, taken apart."""

import copy
import json
from typing import Any

import numpy as np
import pytest

import lamina
from lamina import layers, ops
from lamina.graph.keras_tensor import KerasTensor

RNG = np.random.default_rng(17)


def numbers(*shape):
    return RNG.normal(size=shape).astype("float32")


def diamond():
    x = lamina.Input((4,), name="x")
    h = layers.Dense(5, "tanh", name="h")(x)
    y = layers.Add(name="sum")([layers.Dense(3, name="a")(h), layers.Dense(3, name="b")(h)])
    return lamina.Model(x, y, name="diamond")


def actor_critic():
    x = lamina.Input((4,), name="state")
    h = layers.Dense(16, "tanh")(x)
    return lamina.Model(
        x, [layers.Dense(3, "softmax", name="actor")(h), layers.Dense(1, name="critic")(h)]
    )


def test_a_model_computes_what_its_layers_do():
    model = diamond()
    x = numbers(6, 4)
    h, a, b = (model.get_layer(name) for name in "hab")
    expected = a(h(x)) + b(h(x))
    np.testing.assert_array_equal(model(x), expected)
    np.testing.assert_array_equal(model.predict(x, verbose=0), expected)
    np.testing.assert_array_equal(model(ops.array(x)).numpy(), expected)
    assert isinstance(model(x), np.ndarray) and isinstance(model(ops.array(x)), lamina.Tensor)
    assert model.built and model.count_params() == 4 * 5 + 5 + 2 * (5 * 3 + 3)


def test_what_a_model_tells_of_its_graph():
    model = diamond()
    assert [layer.name for layer in model.layers] == ["x", "h", "a", "b", "sum"]
    assert [tensor.name for tensor in model.inputs] == ["x"]
    assert [tensor.shape for tensor in model.outputs] == [(None, 3)]
    assert model.input is model.inputs[0] and model.output is model.outputs[0]
    assert model.input_shape == (None, 4) and model.output_shape == (None, 3)
    assert model.output_names == ["sum"] and model.input_names == ["x"]
    assert len(model.weights) == 6
    assert [w.path for w in model.weights][:2] == ["h/kernel", "h/bias"]
    assert lamina.Model(model.input, model.output).name.startswith("functional")
    subclassed = type("Net", (lamina.Model,), {})()
    with pytest.raises(AttributeError, match="no graph of layers"):
        _ = subclassed.inputs


def test_positional_keyword_list_and_dictionary_forms():
    a, b = lamina.Input((2,), name="a"), lamina.Input((3,), name="b")
    joined = layers.concatenate([a, b])
    x, y = numbers(4, 2), numbers(4, 3)
    expected = np.concatenate([x, y], axis=1)
    for inputs in ([a, b], (a, b), {"a": a, "b": b}):
        model = lamina.Model(inputs=inputs, outputs=joined)
        np.testing.assert_array_equal(model({"a": x, "b": y}), expected)
        np.testing.assert_array_equal(model.predict([x, y], verbose=0), expected)
    several = lamina.Model([a, b], {"both": joined, "parts": [a, (b, joined)]})
    result = several([x, y])
    assert set(result) == {"both", "parts"} and isinstance(result["parts"][1], tuple)
    np.testing.assert_array_equal(result["parts"][1][0], y)


def test_models_are_layers():
    inner = diamond()
    x = lamina.Input((4,))
    twice = inner(x), inner(x * 2.0)
    assert twice[0].shape == (None, 3) and isinstance(twice[0], KerasTensor)
    outer = lamina.Model(x, layers.subtract(list(twice)))
    value = numbers(3, 4)
    np.testing.assert_array_equal(outer(value), inner(value) - inner(value * np.float32(2)))
    assert outer.layers[-2] is inner or inner in outer.layers
    assert len(outer.weights) == 6


def test_sequentials_are_layers():
    inner = lamina.Sequential([lamina.Input((4,)), layers.Dense(3, "relu"), layers.Dense(2)])
    fresh = lamina.Sequential([layers.Dense(3, "relu"), layers.Dense(2)])
    x = lamina.Input((4,))
    model = lamina.Model(x, inner(x) + fresh(x))
    value = numbers(3, 4)
    np.testing.assert_array_equal(model(value), inner(value) + fresh(value))


def test_models_between_tensors_in_the_middle():
    base = diamond()
    features = lamina.Model(base.input, base.layers[-2].output)
    value = numbers(3, 4)
    hidden = base.get_layer("h")(value)
    np.testing.assert_array_equal(features(value), base.get_layer("b")(hidden))
    head = lamina.Model(base.get_layer("h").output, base.output)
    assert isinstance(head.layers[0], lamina.InputLayer)
    np.testing.assert_array_equal(head(hidden), base(value))
    assert head.get_layer("a") is base.get_layer("a")


@pytest.mark.parametrize("how", ["arrays", "data set", "batches"])
def test_training_learns(how):
    model = diamond()
    model.compile(lamina.optimizers.Adam(0.05), "mse", metrics=["mae"])
    x = numbers(64, 4)
    y = np.stack([x[:, 0], x[:, 1] * x[:, 2], -x[:, 3]], axis=1)
    before = model.evaluate(x, y, verbose=0, return_dict=True)
    if how == "arrays":
        history = model.fit(x, y, epochs=20, verbose=0).history
        assert set(history) == {"loss", "mae"}
    elif how == "data set":
        model.fit(lamina.data.Dataset.from_arrays(x, y).batch(16), epochs=20, verbose=0)
    else:
        for _ in range(40):
            model.train_on_batch(x, y)
    after = model.evaluate(x, y, verbose=0, return_dict=True)
    assert after["loss"] < 0.5 * before["loss"] and after["mae"] < before["mae"]


def test_several_inputs_and_outputs_are_trained():
    a, b = lamina.Input((4,), name="a"), lamina.Input((3,), name="b")
    h = layers.Dense(16, "tanh")(layers.concatenate([a, b]))
    policy = layers.Dense(3, "softmax", name="policy")(h)
    value = layers.Dense(1, name="value")(h)
    model = lamina.Model({"a": a, "b": b}, {"policy": policy, "value": value})
    model.compile(
        "adam",
        {"policy": "sparse_categorical_crossentropy", "value": "mse"},
        loss_weights={"policy": 1.0, "value": 0.5},
        metrics={"policy": ["accuracy"], "value": ["mae"]},
    )
    x = {"a": numbers(32, 4), "b": numbers(32, 3)}
    y = {"policy": RNG.integers(0, 3, 32), "value": numbers(32, 1)}
    history = model.fit(x, y, epochs=3, verbose=0, validation_data=(x, y)).history
    logs = {"loss", "policy_loss", "value_loss", "policy_accuracy", "value_mae"}
    assert logs <= set(history) and {f"val_{name}" for name in logs} <= set(history)
    total = history["policy_loss"][0] + 0.5 * history["value_loss"][0]
    assert abs(total - history["loss"][0]) < 1e-5
    assert history["loss"][-1] < history["loss"][0]
    predictions = model.predict(x, verbose=0)
    assert predictions["policy"].shape == (32, 3) and predictions["value"].shape == (32, 1)


def test_training_gives_the_bits_of_a_sequential():
    lamina.utils.set_random_seed(3)
    chain = lamina.Sequential([lamina.Input((4,)), layers.Dense(8, "tanh"), layers.Dense(2)])
    x = lamina.Input((4,))
    first, second = layers.Dense(8, "tanh"), layers.Dense(2)
    model = lamina.Model(x, second(first(x)))
    model.set_weights(chain.get_weights())
    for each in (chain, model):
        each.compile(lamina.optimizers.SGD(0.1, momentum=0.9), "mse")
    data, targets = numbers(32, 4), numbers(32, 2)
    for _ in range(5):
        assert chain.train_on_batch(data, targets) == model.train_on_batch(data, targets)
    for one, other in zip(chain.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_columns_of_strings_integers_and_numbers():
    inputs = {
        "colour": lamina.Input((1,), dtype="string", name="colour"),
        "size": lamina.Input((1,), dtype="int64", name="size"),
        "numbers": lamina.Input((3,), name="numbers"),
    }
    colour = layers.StringLookup(vocabulary=["red", "green"])(inputs["colour"])
    size = layers.IntegerLookup(vocabulary=[1, 5, 9], output_mode="one_hot")(inputs["size"])
    joined = layers.concatenate(
        [
            layers.Flatten()(layers.Embedding(3, 4)(colour)),
            size,
            layers.Normalization(mean=0.0, variance=4.0)(inputs["numbers"]),
        ]
    )
    model = lamina.Model(inputs, layers.Dense(1, "sigmoid")(layers.Dense(8, "relu")(joined)))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    x = {
        "colour": np.array(["red", "green", "blue", "red"] * 8)[:, None],
        "size": np.array([1, 5, 7, 9] * 8)[:, None],
        "numbers": numbers(32, 3),
    }
    y = np.array([1, 0, 0, 1] * 8)
    history = model.fit(x, y, epochs=30, verbose=0, batch_size=8).history
    assert history["loss"][-1] < 0.8 * history["loss"][0]
    assert model.predict(x, verbose=0).shape == (32, 1)


def test_freezing_and_shared_layers():
    x, y = lamina.Input((4,)), lamina.Input((4,))
    tower = layers.Dense(3, "tanh")
    model = lamina.Model([x, y], layers.dot([tower(x), tower(y)], axes=1))
    assert len(model.weights) == 2
    model.compile("sgd", "mse")
    before = model.get_weights()
    data = [numbers(8, 4), numbers(8, 4)], numbers(8, 1)
    tower.trainable = False
    model.train_on_batch(*data)
    np.testing.assert_array_equal(before[0], model.get_weights()[0])
    tower.trainable = True
    model.train_on_batch(*data)
    assert not np.array_equal(before[0], model.get_weights()[0])


def test_configurations_and_copies():
    model = actor_critic()
    config = json.loads(json.dumps(model.get_config()))
    again = lamina.Model.from_config(config)
    assert again.get_config() == model.get_config()
    again.set_weights(model.get_weights())
    value = numbers(3, 4)
    for one, other in zip(model(value), again(value), strict=True):
        np.testing.assert_array_equal(one, other)
    x = lamina.Input((4,))
    outer = lamina.Model(x, [model(x)[0], model(x * 2.0)[1]])
    nested = lamina.Model.from_config(outer.get_config())
    assert nested.get_config() == outer.get_config()
    inner = next(layer for layer in nested.layers if layer.name == model.name)
    assert isinstance(inner, lamina.Model)


def test_a_subclass_with_a_graph():
    class Net(lamina.Model):
        def __init__(self, units):
            x = lamina.Input((4,))
            super().__init__(inputs=x, outputs=layers.Dense(units)(x))
            self.units = units

        def train_step(self, data):
            return {**super().train_step(data), "seven": 7.0}

    model = Net(3)
    assert model.predict(numbers(2, 4), verbose=0).shape == (2, 3)
    model.compile("sgd", "mse")
    logs = model.fit(numbers(8, 4), numbers(8, 3), verbose=0).history
    assert logs["seven"] == [7.0]


def test_summary_says_how_layers_are_connected(capsys):
    actor_critic().summary()
    text = capsys.readouterr().out
    assert "Connected to" in text and "state[0][0]" in text and "InputLayer" in text
    diamond().summary(line_length=120)
    text = capsys.readouterr().out
    assert "a[0][0]" in text and "b[0][0]" in text


X = lamina.Input((4,), name="x")


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: lamina.Model(X), ValueError, "together"),
        (lambda: lamina.Model(X, lamina.Input((3,)) * 2.0), ValueError, "not connected"),
        (lambda: lamina.Model(np.ones(3), X), TypeError, "KerasTensors"),
        (
            lambda: lamina.Model(X, layers.Dense(1, name="d")(layers.Dense(1, name="d")(X))),
            ValueError,
            'name "d" is used',
        ),
        (lambda: diamond()(numbers(2, 3)), ValueError, "incompatible shape"),
        (lambda: diamond().predict(numbers(2, 3)), ValueError, "incompatible shape"),
        (lambda: diamond().predict(np.array([["a"] * 4])), TypeError, "takes numbers"),
        (lambda: diamond().get_layer("c"), ValueError, "Unknown layer"),
        (
            lambda: lamina.Model.from_config({"input_layers": 3, "more": 4}),
            ValueError,
            "Unknown keys",
        ),
    ],
)
def test_wrong_models_are_clear_errors(call, error, text):
    with pytest.raises(error, match=text):
        call()


@pytest.mark.parametrize("name", ["model.safetensors", "model.keras"])
def test_files_give_the_model_back(tmp_path, name):
    if name.endswith(".keras"):
        pytest.importorskip("h5py")
    x, y = lamina.Input((4,), name="x"), lamina.Input((3,), name="y")
    inner = diamond()
    shared = layers.Dense(3, "tanh", name="shared")
    joined = layers.concatenate(
        [shared(shared(y)), inner(x) * 2.0, ops.mean(x, axis=1, keepdims=True)]
    )
    model = lamina.Model([x, y], {"out": layers.Dense(2)(joined), "inner": inner(x)})
    model.compile("adam", ["mse", "mae"])
    data = [numbers(8, 4), numbers(8, 3)]
    targets = {"out": numbers(8, 2), "inner": numbers(8, 3)}
    model.fit(data, targets, verbose=0)
    model.save(tmp_path / name)
    again = lamina.saving.load_model(tmp_path / name)
    for key in ("out", "inner"):
        one, other = model(data)[key], again(data)[key]
        np.testing.assert_array_equal(one, other)
    assert again.get_config() == model.get_config()
    model.save_weights(tmp_path / "w.safetensors")
    again.load_weights(tmp_path / "w.safetensors")


def test_clones_and_json():
    model = diamond()
    for again in (lamina.models.clone_model(model), lamina.models.model_from_json(model.to_json())):
        assert again.get_config() == model.get_config()
        assert again.get_layer("h") is not model.get_layer("h")
        again.set_weights(model.get_weights())
        value = numbers(2, 4)
        np.testing.assert_array_equal(again(value), model(value))

    def wider(layer):
        config = layer.get_config()
        if config["name"] == "h":
            config["units"] = 9
        return type(layer).from_config(config)

    changed = lamina.models.clone_model(model, clone_function=wider)
    assert changed.get_layer("h").units == 9 and changed.output_shape == (None, 3)


def test_deep_copies_have_weights_of_their_own():
    model = diamond()
    again = copy.deepcopy(model)
    value = numbers(2, 4)
    np.testing.assert_array_equal(model(value), again(value))
    again.set_weights([w * 2 for w in again.get_weights()])
    assert not np.array_equal(model(value), again(value))


def test_a_graph_in_a_sequential_is_part_of_its_plan() -> None:
    def graph() -> lamina.Model:
        inputs = lamina.Input((8,))
        hidden = lamina.layers.Dense(8, "tanh")(inputs)
        return lamina.Model(inputs, lamina.layers.Add()([hidden, inputs]))

    x, y = np.ones((6, 5), "float32"), np.ones((6, 2), "float32")
    losses = []
    for eagerly in (False, True):
        lamina.utils.set_random_seed(3)
        model = lamina.Sequential([lamina.layers.Dense(8, "relu"), graph(), lamina.layers.Dense(2)])
        model.compile("adam", "mse", run_eagerly=eagerly)
        losses.append(model.fit(x, y, epochs=3, verbose=0).history["loss"])
        assert len(model.weights) == 6
    assert losses[0] == losses[1]


def test_a_layer_without_weights_is_called_on_samples_of_several_shapes() -> None:
    class Net(lamina.Model):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = lamina.layers.Dense(9), lamina.layers.Dense(5)
            self.dropout, self.relu = lamina.layers.Dropout(0.5), lamina.layers.ReLU()

        def call(self, inputs: Any, training: bool = False) -> Any:
            hidden = self.dropout(self.relu(self.first(inputs)), training=training)
            return self.dropout(self.relu(self.second(hidden)), training=training)

    x, y = np.ones((6, 4), "float32"), np.ones((6, 5), "float32")
    losses = []
    for eagerly in (False, True):
        lamina.utils.set_random_seed(3)
        model = Net()
        model.compile("adam", "mse", run_eagerly=eagerly)
        losses.append(model.fit(x, y, epochs=3, verbose=0).history["loss"])
    assert losses[0] == losses[1]


def test_a_layer_in_a_chain_keeps_its_shape() -> None:
    dropout = lamina.layers.Dropout(0.5)
    model = lamina.Sequential([lamina.Input((4,)), dropout, lamina.layers.Dense(2)])
    with pytest.raises(ValueError, match="built for samples"):
        dropout(np.ones((2, 3), "float32"))
    assert model.predict(np.ones((2, 4), "float32"), verbose=0).shape == (2, 2)
