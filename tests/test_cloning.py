"""Clones of models are the same models with weights of their own."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import lamina
from lamina import layers, ops

X = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")


def _graph() -> lamina.Model:
    a, b = lamina.Input((4,), name="a"), lamina.Input((4,), name="b")
    dense = layers.Dense(3, "tanh", name="shared")
    tower = lamina.Sequential([layers.Dense(3, "relu", name="inner")], name="tower")
    joined = layers.Concatenate()([tower(dense(a)), tower(dense(b)), ops.square(a) * 0.5])
    return lamina.Model(
        {"a": a, "b": b}, [layers.Dense(2, name="head")(joined), joined], name="net"
    )


def _same(first: Any, second: Any, inputs: Any) -> None:
    second.set_weights(first.get_weights())
    for a, b in zip(first(inputs), second(inputs), strict=True):
        assert a.tobytes() == b.tobytes()


def test_a_clone_of_a_graph_computes_the_same_with_its_own_weights() -> None:
    model = _graph()
    model.get_layer("shared").trainable = False
    clone = lamina.models.clone_model(model)
    assert type(clone) is lamina.Model and clone.name == "net" and not clone.compiled
    assert [each.name for each in clone.layers] == [each.name for each in model.layers]
    assert not {id(v) for v in clone.weights} & {id(v) for v in model.weights}
    assert len(clone.weights) == len(model.weights) == 6
    assert [v.trainable for v in clone.weights] == [v.trainable for v in model.weights]
    assert clone.input_names == model.input_names and clone.output_names == model.output_names
    _same(model, clone, {"a": X, "b": -X})


def test_a_compiled_model_gives_a_compiled_clone() -> None:
    x = lamina.Input((4,))
    model = lamina.Model(x, layers.Dense(1)(x))
    model.compile(lamina.optimizers.Adam(0.25), "mse", metrics=["mae"])
    clone = lamina.models.clone_model(model)
    assert clone.compiled and clone.optimizer is not model.optimizer
    assert float(clone.optimizer.learning_rate) == 0.25
    assert set(clone.fit(X, X[:, :1], verbose=0).history) == {"loss", "mae"}


def test_functions_say_what_layers_become_and_how_they_are_called() -> None:
    model = _graph()
    called = []

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        called.append(layer.name)
        output = layer(*args, **kwargs)
        return layers.Dropout(0.5)(output) if isinstance(layer, layers.Dense) else output

    clone = lamina.models.clone_model(model, clone_function=lambda layer: layer, call_function=call)
    assert clone.get_layer("shared") is model.get_layer("shared")
    assert sum(isinstance(layer, layers.Dropout) for layer in clone.layers) == 3
    assert called.count("shared") == 2
    for a, b in zip(model({"a": X, "b": X}), clone({"a": X, "b": X}), strict=True):
        assert a.tobytes() == b.tobytes()

    def frozen(layer: Any) -> Any:
        return type(layer).from_config({**layer.get_config(), "trainable": False})

    deep = lamina.models.clone_model(model, clone_function=frozen, recursive=True)
    assert not deep.trainable_weights
    assert deep.get_layer("tower").layers[0] is not model.get_layer("tower").layers[0]


def test_input_tensors_take_the_place_of_inputs() -> None:
    x = lamina.Input((4,))
    model = lamina.Model(x, layers.Dense(2)(x))
    y = lamina.Input((4,), name="mine")
    assert lamina.models.clone_model(model, input_tensors=y).input is y
    for given in (model, lamina.Sequential([lamina.Input((4,)), layers.Dense(2)])):
        clone = lamina.models.clone_model(given, input_tensors=y)
        clone.set_weights(given.get_weights())
        assert clone(X).tobytes() == given(X).tobytes()
    with pytest.raises(ValueError, match="must be KerasTensors"):
        lamina.models.clone_model(model, input_tensors=X)
    with pytest.raises(ValueError, match="same structure"):
        lamina.models.clone_model(model, input_tensors=[y, y])


class TwoWidths(lamina.Model):
    """A subclass with an argument in its configuration."""

    def __init__(self, units: int = 3, **options: Any) -> None:
        super().__init__(**options)
        self.units = units
        self.dense = [layers.Dense(units, "relu"), layers.Dense(2)]

    def call(self, inputs: Any) -> Any:
        for layer in self.dense:
            inputs = layer(inputs)
        return inputs

    def get_config(self) -> Any:
        return {**super().get_config(), "units": self.units}


def test_subclasses_are_cloned_by_their_configuration() -> None:
    model = TwoWidths(5)
    model(X)
    clone = lamina.models.clone_model(model)
    assert type(clone) is TwoWidths and clone.units == 5 and not clone.built
    clone(X)
    clone.set_weights(model.get_weights())
    assert clone(X).tobytes() == model(X).tobytes()
    with pytest.raises(ValueError, match="`clone_function` and `input_tensors`"):
        lamina.models.clone_model(model, clone_function=lambda layer: layer)
    with pytest.raises(ValueError, match="`call_function`"):
        lamina.models.clone_model(model, call_function=lambda layer, x: layer(x))
    with pytest.raises(ValueError, match="Sequential"):
        chain = lamina.Sequential([layers.Dense(2)])
        lamina.models.clone_model(chain, call_function=lambda layer, x: layer(x))


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))]
)
@pytest.mark.parametrize("kind", ["graph", "subclass"])
def test_copies_go_on_as_the_model_does(copied: Any, kind: str) -> None:
    x = lamina.Input((4,))
    hidden = layers.Dense(4, "relu")
    model: Any = lamina.Model(x, layers.Dense(2)(hidden(hidden(x)) + x))
    if kind == "subclass":
        model = TwoWidths(4)
    model.compile("adam", "mse")
    model.fit(X, X[:, :2], epochs=2, verbose=0)
    other = copied(model)
    assert type(other) is type(model) and other.name == model.name
    assert other(X).tobytes() == model(X).tobytes()
    if copied is not copy.copy:
        model.fit(X, X[:, :2], epochs=2, verbose=0)
        other.fit(X, X[:, :2], epochs=2, verbose=0)
        assert other(X).tobytes() == model(X).tobytes()


def test_json_of_graphs_and_subclasses() -> None:
    model = _graph()
    again = lamina.models.model_from_json(model.to_json())
    assert type(again) is lamina.Model and again.get_config() == model.get_config()
    _same(model, again, {"a": X, "b": X})
    net = TwoWidths(6)
    with pytest.raises((ValueError, TypeError), match="TwoWidths"):
        lamina.models.model_from_json(net.to_json())
    other = lamina.models.model_from_json(net.to_json(), {"TwoWidths": TwoWidths})
    assert type(other) is TwoWidths and other.units == 6
    for text in ("[]", "{", '{"class_name": 3}', '{"class_name": "Dense", "config": {"units": 2}}'):
        with pytest.raises(ValueError, match=r"model_from_json|class"):
            lamina.models.model_from_json(text)


def test_freezing_goes_through_graphs() -> None:
    model = _graph()
    model.trainable = False
    assert not model.trainable_weights and len(model.non_trainable_weights) == 6
    model.trainable = True
    model.get_layer("tower").trainable = False
    assert [v.name for v in model.trainable_weights] == ["kernel", "bias"] * 2
    assert len(model.get_layer("tower").weights) == 2
    with pytest.raises(ValueError, match="nothing"):
        model.get_layer("nothing")
    assert model.get_layer(index=-1) is model.layers[-1]
