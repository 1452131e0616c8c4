"""The symbolic tensors of a `Sequential`: its layers have nodes once it is built, as in Keras."""

from __future__ import annotations

import copy
import gc
import pickle

import numpy as np
import pytest

import lamina
from lamina import layers

X = np.linspace(-1, 1, 12, dtype="float32").reshape(3, 4)


def _stack() -> lamina.Sequential:
    return lamina.Sequential(
        [lamina.Input((4,)), layers.Dense(8, "relu", name="a"), layers.Dense(3, name="b")]
    )


def test_a_model_of_all_outputs() -> None:
    base = _stack()
    every = lamina.Model(inputs=base.inputs, outputs=[layer.output for layer in base.layers])
    hidden, output = every.predict(X, verbose=0)
    np.testing.assert_array_equal(output, base.predict(X, verbose=0))
    np.testing.assert_array_equal(hidden, base.layers[0](X))
    assert every.layers[1] is base.layers[0]
    base.layers[0].set_weights([np.ones((4, 8)), np.zeros(8)])
    np.testing.assert_array_equal(every.predict(X, verbose=0)[1], base.predict(X, verbose=0))


def test_tensors_are_the_same_at_each_look() -> None:
    base = _stack()
    assert base.get_layer("a").output is base.layers[1].input
    assert base.output is base.outputs[0] and base.outputs[0] is base.layers[-1].output
    assert base.input is base.inputs[0] and base.inputs[0] is base.layers[0].input
    assert base.input_names == [base.inputs[0].name]
    assert base.output.shape == (None, 3)
    assert [len(layer._inbound_nodes) for layer in base.layers] == [1, 1]


def test_tensors_of_a_model_built_late() -> None:
    late = lamina.Sequential([layers.Dense(2), layers.Dense(3)])
    with pytest.raises(AttributeError, match="no defined inputs"):
        _ = late.inputs
    with pytest.raises(AttributeError, match="never been called"):
        _ = late.layers[0].output
    assert not hasattr(late, "outputs")
    late.compile("sgd", "mse")
    late.fit(X, X[:, :3], verbose=0)
    assert late.layers[0].output.shape == (None, 2)
    below = late.layers[0].output
    late.pop()
    late.add(layers.Dense(5))
    assert late.layers[0].output is below and late.outputs[0].shape == (None, 5)


def test_the_first_model_gives_a_layer_its_first_node() -> None:
    base = _stack()
    head = lamina.Sequential([*base.layers[:-1], layers.Dense(5)])
    assert head.outputs[0].shape == (None, 5)
    hidden = lamina.Model(base.inputs, base.layers[0].output)
    np.testing.assert_array_equal(hidden.predict(X, verbose=0), base.layers[0](X))
    whole = lamina.Model(head.inputs, head.outputs)
    np.testing.assert_array_equal(whole.predict(X, verbose=0), head.predict(X, verbose=0))


def test_a_list_of_one_output_is_the_output() -> None:
    base = _stack()
    model = lamina.Model(base.inputs, base.outputs)
    assert model(X).shape == model.predict(X, verbose=0).shape == (3, 3)
    assert model(lamina.convert_to_tensor(X)).shape == (3, 3)
    model.compile("sgd", "mse")
    before = model.get_weights()[0]
    model.fit(X, X[:, :3], verbose=0)
    assert not np.array_equal(model.get_weights()[0], before)
    y = model(lamina.Input((4,)))
    assert lamina.ops.shape(y[0] if isinstance(y, list) else y) == (None, 3)


def test_a_model_that_is_gone_gives_no_node() -> None:
    base = _stack()
    kept = base.layers[0]
    del base
    gc.collect()
    head = lamina.Sequential([lamina.Input((4,)), kept])
    assert kept.input is head.inputs[0]


def test_a_model_in_a_model_has_the_node_of_its_call() -> None:
    inside = _stack()
    around = lamina.Sequential([lamina.Input((4,)), inside, layers.Dense(2)])
    assert inside.output is around.layers[1].input
    front = lamina.Model(around.inputs, inside.output)
    np.testing.assert_array_equal(front.predict(X, verbose=0), inside.predict(X, verbose=0))
    assert inside.layers[0].input is inside.inputs[0]


def test_a_model_called_in_a_graph() -> None:
    inside = _stack()
    x = lamina.Input((4,))
    y = inside(x)
    assert inside.input is x and inside.output is y and inside.inputs[0] is not x


def test_copies_have_tensors_of_their_own() -> None:
    base = _stack()
    assert base.outputs
    clones = [copy.deepcopy(base), pickle.loads(pickle.dumps(base))]
    for clone in [*clones, lamina.models.clone_model(base)]:
        assert clone.inputs[0] is not base.inputs[0]
        hidden = lamina.Model(clone.inputs, clone.layers[0].output)
        assert hidden.predict(X, verbose=0).shape == (3, 8)


def test_columns_of_strings_have_a_graph_too() -> None:
    lookup = layers.StringLookup(vocabulary=["a", "b"])
    base = lamina.Sequential(
        [lamina.Input((1,), dtype="string"), lookup, layers.Embedding(3, 2), layers.Flatten()]
    )
    words = np.array([["a"], ["b"], ["c"]])
    part = lamina.Model(base.inputs, base.layers[-1].output)
    np.testing.assert_array_equal(part.predict(words, verbose=0), base.predict(words, verbose=0))


def test_length_and_index() -> None:
    base = _stack()
    assert len(base) == 2 and base[0] is base.layers[0] and base[-1].name == "b"
    assert base[:1] == base.layers[:1] and list(base) == base.layers
    assert bool(lamina.Sequential()) and len(lamina.Sequential()) == 0
    with pytest.raises(IndexError):
        base[2]
