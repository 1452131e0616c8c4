"""Models that begin with layers that prepare data, at the front of another model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lamina
from lamina import layers

COLORS = np.array([["red"], ["blue"], ["green"], ["red"], ["none"], ["blue"]])
Y = np.arange(6, dtype="float32")[:, None]


def _lookup(**named: Any) -> Any:
    lookup = layers.StringLookup(output_mode="one_hot", **named)
    lookup.adapt(COLORS)
    return lookup


def _inner(own: bool = False, named: str = "inner") -> Any:
    stack = [_lookup(), layers.Dense(3, "tanh")]
    if own:
        stack.append(layers.Lambda(_twice))
    return lamina.Sequential([lamina.Input((1,), dtype="string"), *stack], name=named)


@lamina.saving.register_keras_serializable("tests")
def _twice(x: Any) -> Any:
    return x * 2


def _outer(own: bool = False, built: bool = True) -> Any:
    lamina.utils.set_random_seed(3)
    front = [lamina.Input((1,), dtype="string")] if built else []
    model = lamina.Sequential([*front, _inner(own), layers.Dense(1)])
    model.compile("adam", "mse")
    return model


def _flat(own: bool = False) -> Any:
    stack = [_lookup(), layers.Dense(3, "tanh"), *([layers.Lambda(_twice)] if own else [])]
    model = lamina.Sequential([lamina.Input((1,), dtype="string"), *stack, layers.Dense(1)])
    model.compile("adam", "mse")
    return model


@pytest.mark.parametrize("own", [False, True], ids=["planned", "tape"])
def test_it_trains_and_predicts_as_the_flat_model(own: bool) -> None:
    nested, flat = _outer(own), _flat(own)
    flat.set_weights(nested.get_weights())
    inner = nested.layers[0]
    for model in (nested, flat):
        model.fit(COLORS, Y, epochs=3, batch_size=2, shuffle=False, verbose=0)
        model.train_on_batch(COLORS, Y)
    for a, b in zip(nested.get_weights(), flat.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    expected = flat.predict(COLORS, verbose=0)
    np.testing.assert_array_equal(nested.predict(COLORS, verbose=0), expected)
    np.testing.assert_array_equal(nested.predict_on_batch(COLORS), expected)
    np.testing.assert_array_equal(nested(COLORS), expected)
    assert nested.evaluate(COLORS, Y, verbose=0) == flat.evaluate(COLORS, Y, verbose=0)
    # The inner model goes on being a model of raw data.
    hidden = inner.predict(COLORS, verbose=0)
    kernel, bias = nested.layers[1].get_weights()
    np.testing.assert_allclose(hidden @ kernel + bias, expected, rtol=1e-5, atol=1e-6)
    batches = ((COLORS[i : i + 2], Y[i : i + 2]) for i in (0, 2, 4))
    nested.fit(batches, verbose=0, validation_data=(COLORS, Y))


def test_gradients_of_a_loop_by_hand() -> None:
    nested, flat = _outer(), _flat()
    flat.set_weights(nested.get_weights())
    found = []
    for model in (nested, flat):
        with lamina.GradientTape() as tape:
            loss = lamina.ops.mean((model(COLORS) - Y) ** 2)
        found.append(tape.gradient(loss, model.trainable_variables))
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)


def test_it_is_built_by_the_first_data() -> None:
    prepare = lamina.Sequential([_lookup(), layers.Dense(3)])
    model = lamina.Sequential([prepare, layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(COLORS, Y, verbose=0)
    assert model.output_shape == (None, 1) and prepare.input_shape == (None, 1)


def test_front_layers_of_both_models_and_deeper_ones() -> None:
    lookup = layers.StringLookup()
    lookup.adapt(COLORS)
    count = lookup.vocabulary_size()
    encoding = layers.CategoryEncoding(count, output_mode="one_hot")
    deepest = lamina.Sequential([encoding, layers.Dense(2)])
    model = lamina.Sequential([lookup, lamina.Sequential([deepest, layers.Dense(2)])])
    got = model.predict(COLORS, verbose=0)
    rows = np.eye(count, dtype="float32")[np.asarray(lookup(COLORS))[:, 0]]
    inner = model.layers[1]
    for dense in (deepest.layers[1], inner.layers[1]):
        kernel, bias = dense.get_weights()
        rows = rows @ kernel + bias
    np.testing.assert_allclose(got, rows, rtol=1e-5, atol=1e-6)


def test_other_layers_that_prepare() -> None:
    x = np.array([[0.5], [1.5], [2.5]], "float32")
    whole = np.array([[1], [2], [3]])
    for layer, data in (
        (layers.Discretization([1.0, 2.0], output_mode="one_hot"), x),
        (layers.Hashing(4, output_mode="one_hot"), whole),
        (layers.CategoryEncoding(4, output_mode="one_hot"), whole),
        (layers.IntegerLookup(vocabulary=[1, 2], output_mode="one_hot"), whole),
    ):
        inner = lamina.Sequential([layer, layers.Dense(2)])
        model = lamina.Sequential([inner, layers.Dense(1)])
        kernel = model.predict(data, verbose=0)
        assert kernel.shape == (3, 1)
        expected = model.layers[1](inner(data))
        np.testing.assert_array_equal(kernel, expected)


@pytest.mark.parametrize("name", ["m.safetensors", "m.keras"])
def test_it_is_saved_and_loaded(tmp_path: Path, name: str) -> None:
    if name.endswith(".keras"):
        pytest.importorskip("h5py")
    model = _outer()
    model.fit(COLORS, Y, epochs=2, verbose=0)
    model.save(tmp_path / name)
    again = lamina.models.load_model(tmp_path / name)
    same = again.predict(COLORS, verbose=0)
    np.testing.assert_array_equal(same, model.predict(COLORS, verbose=0))
    vocabulary = model.layers[0].layers[0].get_vocabulary()
    assert again.layers[0].layers[0].get_vocabulary() == vocabulary
    for each in (model, again):
        each.fit(COLORS, Y, shuffle=False, verbose=0)
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_clones_summaries_and_configurations() -> None:
    model = _outer()
    lines: list[str] = []
    model.summary(expand_nested=True, print_fn=lines.append)
    text = "\n".join(lines)
    assert "inner (Sequential)" in text and "└ string_lookup" in text
    copy = lamina.models.clone_model(model)
    copy.layers[0].layers[0].adapt(COLORS)
    copy.set_weights(model.get_weights())
    expected = model.predict(COLORS, verbose=0)
    np.testing.assert_array_equal(copy.predict(COLORS, verbose=0), expected)
    assert model.get_layer("inner").layers[0].vocabulary_size() == 5


def test_popping_the_inner_model() -> None:
    model = lamina.Sequential([_inner()])
    model.pop()
    model.add(lamina.layers.Dense(1))
    assert model.predict(np.ones((2, 1), "float32"), verbose=0).shape == (2, 1)


def test_not_at_the_front_is_an_error_that_says_why() -> None:
    with pytest.raises(ValueError, match=r"'inner' begins with 'string.*before all layers.*dense"):
        lamina.Sequential([lamina.Input((1,)), layers.Dense(1), _inner()])
    with pytest.raises(ValueError, match=r"Residual: .* prepares data"):
        layers.Residual([_inner()])
