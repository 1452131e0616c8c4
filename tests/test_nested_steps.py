"""The short way through `train_on_batch` of graphs: the same steps, and the same errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lamina
from lamina import layers

ROWS = 12
RNG = np.random.default_rng(0)
A = RNG.normal(size=(ROWS, 4)).astype("float32")
B = RNG.integers(0, 7, (ROWS, 1))
LABELS = RNG.integers(0, 3, ROWS)
VALUES = RNG.normal(size=(ROWS, 2)).astype("float32")


def graph(form: str, **options: Any) -> lamina.Model:
    lamina.utils.set_random_seed(5)
    a = lamina.Input((4,), name="a")
    b = lamina.Input((1,), name="b", dtype="int32")
    joined = layers.Concatenate()([a, layers.Flatten()(layers.Embedding(7, 3)(b))])
    hidden = layers.Dropout(0.2)(layers.Dense(8, "tanh")(joined))
    outputs = {
        "classes": layers.Dense(3, "softmax", name="classes")(hidden),
        "values": layers.Dense(2, name="values")(hidden),
    }
    inputs: Any = {"b": b, "a": a} if form == "dict" else [a, b]
    nest: Any = outputs if form == "dict" else list(outputs.values())
    model = lamina.Model(inputs, nest, name="net")
    losses = {"classes": "sparse_categorical_crossentropy", "values": "mse"}
    model.compile("adam", losses, metrics={"values": ["mae"]}, **options)
    return model


def data(form: str) -> tuple[Any, Any]:
    if form == "dict":
        return {"a": A, "b": B}, {"classes": LABELS, "values": VALUES}
    return [A, B], [LABELS, VALUES]


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each step went the short way."""
    steps: list[bool] = []

    def note(train: Callable[..., Any]) -> Callable[..., Any]:
        def step(x: Any, y: Any) -> Any:
            result = train(x, y)
            steps.append(result is not None)
            return result

        return step

    from lamina.models import nested_step

    make = nested_step.nested_step
    monkeypatch.setattr(nested_step, "nested_step", lambda g, train: note(make(g, train)))
    return steps


@pytest.mark.parametrize("form", ["dict", "list"])
def test_a_step_is_the_same_either_way(form: str, taken: list[bool]) -> None:
    x, y = data(form)
    short, long = graph(form), graph(form)
    trainer = long._trainer  # its own method is the long way
    for _ in range(4):
        assert short.train_on_batch(x, y) == trainer.train_on_batch(x, y, None, None, False)
    assert taken and all(taken)
    named = short.train_on_batch(x, y, return_dict=True)
    assert named == trainer.train_on_batch(x, y, None, None, True)
    assert sorted(named) == ["classes_loss", "loss", "values_loss", "values_mae"]
    for ours, theirs in zip(short.get_weights(), long.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ({"a": A[:, :3], "b": B}, {"classes": LABELS, "values": VALUES}),
        ({"a": A, "b": B[:5]}, {"classes": LABELS, "values": VALUES}),
        ({"a": A, "b": B + 7}, {"classes": LABELS, "values": VALUES}),
        ({"a": A, "b": B}, {"classes": LABELS + 3, "values": VALUES}),
        ({"a": A, "b": B}, {"classes": LABELS, "values": VALUES[:, :1]}),
        ({"a": A, "b": B}, {"classes": LABELS, "values": VALUES * np.nan}),
        ({"a": A, "b": B}, {"classes": LABELS, "other": VALUES}),
        ({"a": A}, {"classes": LABELS, "values": VALUES}),
        ({"a": A, "b": None}, {"classes": LABELS, "values": VALUES}),
        ({"a": A[:0], "b": B[:0]}, {"classes": LABELS[:0], "values": VALUES[:0]}),
    ],
)
def test_what_does_not_fit_is_the_same_error(x: Any, y: Any) -> None:
    model, fresh = graph("dict"), graph("dict")
    model.train_on_batch(*data("dict"))
    before = model.get_weights()
    with pytest.raises((TypeError, ValueError)) as short:
        model.train_on_batch(x, y)
    with pytest.raises((TypeError, ValueError)) as long:
        fresh._trainer.train_on_batch(x, y, None, None, False)
    assert (type(short.value), str(short.value)) == (type(long.value), str(long.value))
    for ours, theirs in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_numbers_for_indices_are_cut_off_either_way(taken: list[bool]) -> None:
    x, y = data("dict")
    model, again = graph("dict"), graph("dict")
    for each in (model, again):
        each.train_on_batch(x, y)
    taken.clear()
    assert model.train_on_batch({"a": A, "b": B + 0.7}, y) == again.train_on_batch(x, y)
    assert taken == [False, True]


def test_an_output_without_a_loss_needs_no_target() -> None:
    lamina.utils.set_random_seed(5)
    inputs = lamina.Input((4,))
    hidden = layers.Dense(3, name="hidden")(inputs)
    model = lamina.Model(inputs, [layers.Dense(2, name="values")(hidden), hidden])
    model.compile("sgd", {"values": "mse"})
    for _ in range(2):
        assert np.isfinite(model.train_on_batch(A, {"values": VALUES})).all()


def test_a_step_enters_few_functions() -> None:
    import sys

    model, (x, y) = graph("dict"), data("dict")
    for _ in range(2):
        model.train_on_batch(x, y)
    calls = []
    sys.setprofile(lambda frame, event, _: calls.append(frame) if event == "call" else None)
    try:
        model.train_on_batch(x, y)
    finally:
        sys.setprofile(None)
    assert len(calls) <= 25, [f"{c.f_code.co_filename}:{c.f_code.co_name}" for c in calls]


@pytest.mark.parametrize("regularizer", [None, "l2"])
@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: lamina.optimizers.AdamW(0.1, weight_decay=0.1),
        lambda: lamina.optimizers.SGD(0.1, momentum=0.9, weight_decay=0.1),
    ],
)
def test_weights_that_no_loss_reaches_stay(
    optimizer: Callable[[], Any], regularizer: str | None
) -> None:
    found = []
    for eagerly in (False, True):
        lamina.utils.set_random_seed(5)
        inputs = lamina.Input((4,))
        hidden = layers.Dense(3)(inputs)
        unused = layers.Dense(2, name="unused", kernel_regularizer=regularizer)
        model = lamina.Model(inputs, [layers.Dense(2, name="values")(hidden), unused(hidden)])
        model.compile(optimizer(), {"values": "mse"}, run_eagerly=eagerly)
        before = unused.get_weights()[0]
        for _ in range(3):
            model.train_on_batch(A, {"values": VALUES})
        assert np.array_equal(unused.get_weights()[0], before) == (regularizer is None)
        found.append(model.get_weights())
    for plan, tape in zip(*found, strict=True):
        np.testing.assert_array_equal(plan, tape)
