"""EinsumDense against NumPy's einsum, for drawn equations; and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lamina
from lamina import layers

EQUATIONS = [
    ("ab,bc->ac", (4,), (5,), "c"),
    ("ab,cb->ac", (4,), (6,), "c"),
    ("abc,cd->abd", (3, 4), (None, 5), "d"),
    ("abc,cde->abde", (3, 4), (None, 2, 5), "de"),
    ("abde,dec->abc", (3, 2, 4), (None, 5), "c"),
    ("abcd,ced->abe", (2, 3, 4), (None, 5), "e"),
    ("abc,bcd->abd", (3, 4), (3, 5), "bd"),
    ("abc,cbd->abd", (3, 4), (3, 5), "d"),
    ("abc,cdb->abd", (3, 4), (3, 5), "b"),
    ("abc,dc->adb", (3, 4), (5, 3), "d"),
    ("abc,bd->adc", (3, 4), (6, None), "dc"),
    ("...x,xy->...y", (2, 3, 4), (5,), "y"),
    ("ab...,bc->ac...", (4, 3), (5,), "c"),
    ("abc,bc->abc", (3, 4), (3, 4), "c"),
    ("abc,c->ab", (3, 4), (3,), "b"),
]


@pytest.mark.parametrize("case", range(len(EQUATIONS)))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_equals_einsum(case: int, dtype: str) -> None:
    equation, sample, output, bias_axes = EQUATIONS[case]
    x = np.random.default_rng(case).normal(size=(70, *sample)).astype(dtype)
    layer = layers.EinsumDense(
        equation, output, "tanh", bias_axes, bias_initializer="random_normal", dtype=dtype
    )
    answer = layer(x)
    kernel, bias = (np.asarray(w.numpy(), "float64") for w in layer.weights)
    expected = np.tanh(np.einsum(equation, x.astype("float64"), kernel) + bias)
    assert answer.shape == expected.shape == (70, *layer.output_shape[1:])
    assert np.allclose(answer, expected, rtol=0, atol=1e-5 if dtype == "float32" else 1e-13)
    assert np.array_equal(layer(x[:1]), answer[:1])  # a row depends on no other


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_drawn_equations(data: Any) -> None:
    extents = {c: data.draw(st.integers(1, 4)) for c in "bcdefg"}
    kinds = {
        c: data.draw(st.sampled_from(["rows", "groups", "depth", "columns"])) for c in "bcdefg"
    }

    def drawn(*wanted: str) -> str:
        return "".join(data.draw(st.permutations([c for c in kinds if kinds[c] in wanted])))

    x, kernel = "a" + drawn("rows", "groups", "depth"), drawn("groups", "depth", "columns")
    y = "a" + drawn("rows", "groups", "columns")
    if not kernel:
        return
    bias_axes = "".join(data.draw(st.sets(st.sampled_from(y[1:])))) if y[1:] else ""
    layer = layers.EinsumDense(
        f"{x},{kernel}->{y}",
        tuple(extents[c] for c in y[1:]),
        bias_axes=bias_axes or None,
        bias_initializer="ones",
        dtype="float64",
    )
    batch = np.random.default_rng(1).normal(size=(5, *(extents[c] for c in x[1:])))
    expected = np.einsum(f"{x},{kernel}->{y}", batch, np.ones([extents[c] for c in kernel]))
    layer.build((None, *batch.shape[1:]))
    layer.weights[0].assign(np.ones([extents[c] for c in kernel]))
    assert np.allclose(layer(batch), expected + (1.0 if bias_axes else 0.0), atol=1e-12)


def test_trains_and_saves(tmp_path: Any) -> None:
    rng = np.random.default_rng(2)
    model = lamina.Sequential(
        [
            lamina.Input((3, 4)),
            layers.EinsumDense("abc,cdb->adb", (6, 3), "relu", bias_axes="d"),
            layers.Flatten(),
            layers.Dense(2),
        ]
    )
    model.compile("adam", "mse")
    x, y = rng.normal(size=(90, 3, 4)), rng.normal(size=(90, 2))
    losses = model.fit(x, y, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    model.save(tmp_path / "model.safetensors")
    again = lamina.saving.load_model(tmp_path / "model.safetensors")
    assert np.array_equal(again.predict(x), model.predict(x))
    assert layers.deserialize(layers.serialize(model.layers[0])).equation == "abc,cdb->adb"


def test_first_values_follow_the_axes() -> None:
    layer = layers.EinsumDense("abc,cde->abde", (None, 8, 32))
    layer.build((None, 3, 64))
    limit = np.sqrt(6.0 / (64 + 8 * 32))
    assert 0.95 * limit < np.abs(layer.weights[0].numpy()).max() <= limit


@pytest.mark.parametrize(
    ("equation", "output", "options", "message"),
    [
        ("ab,bc", 3, {}, "equations have the form"),
        ("ab,bc->cb...", 3, {}, "equations have the form"),
        ("ab,bc->ca", (3, 2), {}, "first axis"),
        ("ab,abc->ac", 3, {}, "first axis"),
        ("ab,bcd->ac", 3, {}, "each label of the kernel"),
        ("abc,cd->ad", 3, {}, "sum over 'b'"),
        ("abb,bc->ac", 3, {}, "only once"),
        ("abc,cd->abd", 3, {}, "must name 2 extents"),
        ("abc,cd->abd", (7, 3), {}, "same extent"),
        ("abc,cd->abd", (None, None), {}, "must be given"),
        ("ab,bc->ac", 9, {}, "does not have the axes"),
        ("abc,cd->abe", (4, 3), {}, "each label of the kernel"),
        ("abc,cd->abd", (None, 3), {"bias_axes": "c"}, "bias_axes"),
        ("abc,cd->abd", (None, 3), {"bias_axes": "a"}, "bias_axes"),
        ("abc,cd->abd", (None, 3), {"lora_rank": 2}, "lora_rank"),
    ],
)
def test_clear_errors(equation: str, output: Any, options: Any, message: str) -> None:
    with pytest.raises((ValueError, NotImplementedError), match=message):
        layer = layers.EinsumDense(equation, output, **options)
        layer.build((None, 4) if equation.startswith("ab,") and output != 9 else (None, 4, 5))
