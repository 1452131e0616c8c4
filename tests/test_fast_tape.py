"""The core's short ways through a loop by hand: the same results as the long ways."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import lamina
from lamina import layers, losses, ops, optimizers

X = np.random.default_rng(0).normal(size=(24, 5)).astype("f")
Y = np.random.default_rng(1).integers(0, 3, 24)
LOSS = losses.SparseCategoricalCrossentropy(from_logits=True)


def model_of(dropout: float = 0.0, dtype: str = "float32") -> Any:
    seeds = iter(range(9))

    def dense(units: int, activation: str | None = None) -> Any:
        start = lamina.initializers.GlorotUniform(seed=next(seeds))
        return layers.Dense(units, activation=activation, kernel_initializer=start, dtype=dtype)

    stack: list[Any] = [lamina.Input((5,)), dense(7, "tanh")]
    if dropout:
        stack.append(layers.Dropout(dropout, seed=4, dtype=dtype))
    return lamina.Sequential([*stack, dense(3)])


def step(model: Any, optimizer: Any, loss_fn: Any = LOSS, x: Any = X, y: Any = Y) -> Any:
    with lamina.GradientTape() as tape:
        loss = loss_fn(y, model(x, training=True))
    variables = model.trainable_variables
    steps = optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
    return loss, steps


def long_step(model: Any, optimizer: Any, loss_fn: Any = LOSS, x: Any = X, y: Any = Y) -> Any:
    """The same without any of the short ways."""
    model._fast_call = None
    with lamina.GradientTape() as tape:
        loss = loss_fn.on_tape(y, model(x, training=True), None)[0]
    variables = model.trainable_variables
    gradients = tape.gradient(loss, variables, unconnected_gradients="zero")
    optimizer.apply(gradients, variables)
    return loss, optimizer.iterations


def assert_same_weights(one: Any, other: Any) -> None:
    for mine, theirs in zip(one.get_weights(), other.get_weights(), strict=True):
        assert mine.tobytes() == theirs.tobytes()


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "make",
    [
        lambda: optimizers.Adam(0.01),
        lambda: optimizers.SGD(0.1, momentum=0.9, clipnorm=0.01),
        lambda: optimizers.AdamW(0.01, gradient_accumulation_steps=2, use_ema=True),
        lambda: optimizers.LossScaleOptimizer(
            optimizers.SGD(0.1, gradient_accumulation_steps=2), initial_scale=1.0
        ),
        lambda: optimizers.RMSprop(lambda: 0.01, global_clipnorm=0.05),
        lambda: optimizers.Adagrad(optimizers.schedules.ExponentialDecay(0.1, 3, 0.5)),
    ],
)
def test_same_bits_as_the_long_way(make: Any, dtype: str, dropout: float) -> None:
    short, long = model_of(dropout, dtype), model_of(dropout, dtype)
    first, second = make(), make()
    x = X.astype(dtype)
    for _ in range(5):
        mine, theirs = step(short, first, x=x), long_step(long, second, x=x)
        assert np.asarray(mine[0]).tobytes() == np.asarray(theirs[0]).tobytes()
        assert mine[1] == theirs[1]
    assert short._fast_call is not None
    assert first._quick_steps is not None
    assert LOSS._quick
    assert_same_weights(short, long)


def test_same_bits_as_a_planned_step() -> None:
    by_hand, planned = model_of(), model_of()
    planned.compile(optimizers.Adam(0.01), LOSS)
    optimizer = optimizers.Adam(0.01)
    for _ in range(5):
        loss, _ = step(by_hand, optimizer)
        assert np.float32(planned.train_on_batch(X, Y)) == float(loss)
    assert_same_weights(by_hand, planned)


def test_the_optimizer_of_a_compiled_model() -> None:
    by_hand, other = model_of(), model_of()
    by_hand.compile(optimizers.Adam(0.01), LOSS)
    other.compile(optimizers.Adam(0.01), LOSS)
    for number in range(3):
        by_hand.train_on_batch(X, Y)
        other.train_on_batch(X, Y)
        assert step(by_hand, by_hand.optimizer)[1] == 2 * number + 2
        other.train_on_batch(X, Y)
    assert_same_weights(by_hand, other)


def test_an_optimizer_that_another_model_takes_over() -> None:
    adam = optimizers.Adam
    for make in (adam, lambda: optimizers.LossScaleOptimizer(adam(), 1.0)):
        optimizer = make()
        model, other = model_of(), model_of()
        for _ in range(2):
            step(model, optimizer)
        kept = model.get_weights()
        optimizer.release()
        fresh, again = make(), model_of()
        for _ in range(3):
            assert step(other, optimizer)[1] == step(again, fresh)[1]
        assert_same_weights(other, again)
        for old, new in zip(kept, model.get_weights(), strict=True):
            assert np.array_equal(old, new)


def test_variables_without_a_model() -> None:
    def run(long: bool) -> list[Any]:
        w, b = lamina.Variable(np.ones((5, 3), "f")), lamina.Variable(np.zeros(3, "f"))
        optimizer = optimizers.Adam(0.1)
        for _ in range(4):
            with lamina.GradientTape() as tape:
                loss = LOSS(Y, ops.matmul(X, w) + b)
            gradients = tape.gradient(loss, [w, b])
            if long:
                optimizer.apply(gradients, [w, b])
            else:
                optimizer.apply_gradients(zip(gradients, [w, b], strict=True))
        assert (optimizer._quick_steps is not None) or long
        return [w.numpy(), b.numpy()]

    for mine, theirs in zip(run(False), run(True), strict=True):
        assert mine.tobytes() == theirs.tobytes()


def test_forms_of_sources() -> None:
    model = model_of()
    model.build()
    weights = model.trainable_variables
    unread = lamina.Variable(1.0)
    with lamina.GradientTape(persistent=True) as tape:
        loss = LOSS(Y, model(X))
        loss = LOSS(Y, model(X))
    of_list = tape.gradient(loss, weights)
    of_tuple = tape.gradient(loss, (*weights, unread))
    assert type(of_list) is list
    assert type(of_tuple) is tuple
    assert of_tuple[-1] is None
    assert tape.gradient(loss, unread) is None
    for one, other in zip(of_list, of_tuple[:-1], strict=True):
        assert np.array_equal(one, other)
    named = tape.gradient(loss, {"first": weights[0], "rest": weights[1:]})
    assert np.array_equal(named["first"], of_list[0])
    assert np.array_equal(tape.gradient(loss, weights[0]), of_list[0])
    assert tape.gradient(loss, []) == []
    with pytest.raises(TypeError, match="tensors or variables"):
        tape.gradient(loss, [1.0])
    with pytest.raises(ValueError, match="anything that it watches"):
        tape.gradient(lamina.convert_to_tensor(1.0), weights)


def test_gradients_that_are_applied_stay_as_they_are() -> None:
    model = model_of()
    optimizer = optimizers.SGD(0.1, clipvalue=1e-3)
    for _ in range(3):
        with lamina.GradientTape() as tape:
            loss = LOSS(Y, model(X, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        before = [np.array(g) for g in gradients]
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        for old, new in zip(before, gradients, strict=True):
            assert np.array_equal(old, new)


def test_a_loss_whose_settings_change() -> None:
    loss_fn = losses.SparseCategoricalCrossentropy(from_logits=True)
    logits = lamina.convert_to_tensor(X[:, :3])
    first = float(loss_fn(Y, logits))
    assert loss_fn._quick
    loss_fn.reduction = "sum"
    assert float(loss_fn(Y, logits)) == pytest.approx(24 * first, rel=1e-6)
    loss_fn.reduction = "none"
    assert loss_fn(Y, logits).shape == (24,)
    loss_fn.reduction, loss_fn.ignore_class = "mean", 1
    kept = Y != 1
    assert float(loss_fn(Y, logits)) == pytest.approx(
        float(LOSS(Y[kept], logits[np.flatnonzero(kept)])), rel=1e-6
    )
    for again in (copy.deepcopy(loss_fn), pickle.loads(pickle.dumps(loss_fn))):
        assert float(again(Y, logits)) == float(loss_fn(Y, logits))


def test_targets_that_do_not_fit_as_they_are() -> None:
    logits = lamina.convert_to_tensor(X[:, :3])
    expected = float(LOSS(Y, logits))
    for labels in (Y[:, None], Y.tolist(), *(Y.astype(c) for c in "bBhHiIlLefd")):
        assert float(LOSS(labels, logits)) == expected
    assert float(LOSS(lamina.convert_to_tensor(Y), logits)) == expected
    mse = losses.MeanSquaredError()
    column = lamina.convert_to_tensor(X[:, :1])
    expected = float(mse(X[:, 1:2], column))
    assert float(mse(X[:, 1:2], column)) == expected
    assert float(mse(X[:, 1], column)) == expected
    assert float(mse(X[:, 1:2].astype("f8"), column)) == expected
    for wrong in (Y + 1, Y - 1, np.full(24, 0.5)):
        with pytest.raises(ValueError, match="abels"):
            LOSS(wrong, logits)
    with pytest.raises(ValueError, match="NaN"):
        mse(np.full((24, 1), np.nan, "f"), column)


def test_inputs_that_do_not_fit_as_they_are() -> None:
    model = model_of()
    with lamina.GradientTape():
        expected = np.asarray(model(X))
        assert model._fast_call is not None
        for inputs in (
            X.astype("f8"),
            X.tolist(),
            lamina.convert_to_tensor(X),
            np.asfortranarray(X),
        ):
            assert np.array_equal(model(inputs), expected)
        with pytest.raises(ValueError, match="shape"):
            model(X[:, :4])
        with pytest.raises(ValueError):
            model(np.float32(1.0))
    assert isinstance(model(X), np.ndarray)
    assert isinstance(model(lamina.convert_to_tensor(X)), lamina.Tensor)


def test_gradients_that_do_not_fit_as_they_are() -> None:
    model = model_of()
    optimizer = optimizers.SGD(1.0)
    step(model, optimizer)
    variables = model.trainable_variables
    before = model.get_weights()
    ones = [np.ones(v.shape) for v in variables]  # arrays, of float64
    optimizer.apply_gradients(zip(ones, variables, strict=True))
    optimizer.apply_gradients(list(zip(ones, variables, strict=True))[::-1])
    tensors = [lamina.convert_to_tensor(one, dtype="float32") for one in ones]
    optimizer.apply_gradients([[g, v] for g, v in zip(tensors, variables, strict=True)])
    for old, new in zip(before, model.get_weights(), strict=True):
        assert np.array_equal(new, ((old - 1) - 1) - 1)
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        optimizer.apply_gradients([(None, variables[0]), (tensors[1], variables[1])])
    with pytest.raises(ValueError, match="shape"):
        optimizer.apply_gradients([(tensors[1], variables[0])])
    with pytest.raises(ValueError, match="other variables"):
        optimizer.apply_gradients([(tensors[0], lamina.Variable(np.ones((5, 7), "f")))])
    with pytest.raises(ValueError, match="no gradients"):
        optimizer.apply_gradients([(None, variables[0])])


def test_freezing_in_between() -> None:
    model = model_of()
    optimizer = optimizers.Adam(0.01)
    step(model, optimizer)
    step(model, optimizer)
    model.layers[0].trainable = False
    assert len(model.trainable_variables) == 2
    before = model.get_weights()
    step(model, optimizer)
    after = model.get_weights()
    assert np.array_equal(before[0], after[0])
    assert not np.array_equal(before[2], after[2])
    model.layers[0].trainable = True
    step(model, optimizer)
    assert not np.array_equal(after[0], model.get_weights()[0])


def test_a_model_that_changes() -> None:
    model = model_of()
    optimizer = optimizers.SGD(0.1)
    step(model, optimizer)
    step(model, optimizer)
    assert len(model.weights) == 4
    model.layers[0].name = "renamed"
    assert model.weights[0].path.startswith("renamed/")
    model.add(layers.Dense(3, name="on_top"))
    assert len(model.weights) == 6
    assert model.weights[-1].path == "on_top/bias"
    step(model, optimizers.SGD(0.1))
    assert len(model.trainable_variables) == 6
    model.pop()
    assert len(model.weights) == 4
    other = lamina.Sequential([lamina.Input((5,)), model.layers[0], layers.Dense(2)])
    assert other.weights[0] is model.weights[0]


def test_a_layer_that_another_model_trains_too() -> None:
    shared = layers.Dense(3, kernel_initializer="ones")
    one = lamina.Sequential([lamina.Input((5,)), shared])
    optimizer = optimizers.SGD(0.1)
    step(one, optimizer)
    step(one, optimizer)
    two = lamina.Sequential([lamina.Input((5,)), shared])
    two.build()
    before = shared.kernel.numpy()
    step(two, optimizers.SGD(0.1))
    middle = shared.kernel.numpy()
    assert not np.array_equal(before, middle)
    step(one, optimizer)
    assert not np.array_equal(middle, shared.kernel.numpy())
    assert np.array_equal(one(X), two(X))


def test_losses_of_layers_are_cleared_by_the_next_call() -> None:
    model = model_of()
    with lamina.GradientTape():
        model(X)
        model(X)
        model.layers[0].add_loss(1.0)
        assert len(model.losses) == 1
        model(X)
        assert model.losses == []
    regularized = lamina.Sequential(
        [lamina.Input((5,)), layers.Dense(3, activity_regularizer="l2")]
    )
    with lamina.GradientTape() as tape:
        for _ in range(3):
            y = regularized(X)
            assert len(regularized.losses) == 1
        total = ops.sum(y) + sum(regularized.losses)
    assert tape.gradient(total, regularized.trainable_variables)[0] is not None


def test_calls_inside_of_layers_take_the_long_way() -> None:
    inner = model_of(0.5)
    inner.build()
    inner(X, training=True)

    class Twice(layers.Layer):
        def call(self, inputs: Any, training: bool = False) -> Any:
            return inner(inputs) + inner(inputs)

    with lamina.GradientTape():
        inner(X, training=True)
        assert inner._fast_call is not None
        outer = Twice()
        evaluated = np.asarray(outer(X))
        assert np.array_equal(evaluated, 2 * np.asarray(inner(X)))
        assert not np.array_equal(np.asarray(outer(X, training=True)), evaluated)
