"""The tape with layers that models share or that prepare data, and the newer layers and losses."""

from typing import Any

import numpy as np
import pytest

import lamina
from lamina import layers, losses, ops
from lamina.autograd.gradient_tape import GradientTape
from lamina.regularizers import OrthogonalRegularizer

RNG = np.random.default_rng(12)
X = RNG.normal(size=(48, 6)).astype("f")
Y = RNG.normal(size=(48, 3)).astype("f")
LABELS = RNG.integers(0, 3, 48)


def base() -> Any:
    lamina.utils.set_random_seed(4)
    model = lamina.Sequential(
        [
            lamina.Input((6,)),
            layers.Dense(8, "tanh", name="a"),
            layers.BatchNormalization(name="norm"),
            layers.Dense(3, name="b"),
        ],
        name="base",
    )
    model.compile(lamina.optimizers.SGD(0.05), "mse")
    model.fit(X, Y, batch_size=16, verbose=0)
    return model


def by_hand(model: Any, optimizer: Any, x: Any, y: Any) -> None:
    with GradientTape() as tape:
        loss = losses.MeanSquaredError()(y, model(x, training=True))
    variables = model.trainable_variables
    optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))


def assert_equal(mine: list[Any], theirs: list[Any]) -> None:
    assert len(mine) == len(theirs)
    for a, b in zip(mine, theirs, strict=True):
        assert a.tobytes() == b.tobytes()


def test_a_loop_by_hand_and_a_plan_in_turns_are_one_model() -> None:
    one, alone = base(), base()
    twin = lamina.Sequential(one.layers)
    optimizer = lamina.optimizers.SGD(0.05)
    for i in range(6):
        if i % 2:
            by_hand(twin, optimizer, X, Y)
        else:
            one.train_on_batch(X, Y)
        alone.train_on_batch(X, Y)
        if i == 3:  # copies that a prediction makes are old afterwards
            assert_equal([one.predict(X, verbose=0)], [twin.predict(X, verbose=0)])
    assert_equal(one.get_weights(), alone.get_weights())
    assert_equal(twin.get_weights(), alone.get_weights())
    assert_equal([one.predict(X, verbose=0)], [alone.predict(X, verbose=0)])


def test_steps_on_the_tape_reach_other_models() -> None:
    one, alone = base(), base()
    twin = lamina.Sequential(one.layers)
    twin.compile(lamina.optimizers.SGD(0.05), "mse", run_eagerly=True)
    for i in range(6):
        (one, twin)[i % 2].train_on_batch(X, Y)
        alone.train_on_batch(X, Y)
    assert_equal(one.get_weights(), alone.get_weights())
    assert_equal([one.predict(X, verbose=0)], [alone.predict(X, verbose=0)])
    assert_equal([twin.predict(X, verbose=0)], [alone.predict(X, verbose=0)])


def test_assignments_are_seen_on_the_tape() -> None:
    one = base()
    features = lamina.Sequential(one.layers[:1])
    kernel = one.layers[0].kernel
    tensor = ops.convert_to_tensor(X)
    before = np.asarray(features(tensor))
    one.train_on_batch(X, Y)  # changes the copy in another network than the variable's own
    after = np.asarray(features(tensor))
    assert not np.array_equal(before, after)
    assert np.asarray(kernel.peek()).tobytes() == one.get_weights()[0].tobytes()
    kernel.assign(np.ones((6, 8)))
    assert (np.asarray(one.layers[0].kernel.value) == 1.0).all() and (
        one.get_weights()[0] == 1.0
    ).all()
    kernel.assign_add(np.ones((6, 8)))
    assert (one.get_weights()[0] == 2.0).all()
    _ = one.predict(X, verbose=0), features.predict(X, verbose=0)
    lamina._core.Variable.store(kernel.handle(), lamina._core.convert(np.zeros((6, 8), "f")))
    assert not one.get_weights()[0].any()
    assert_equal([one.predict(X, verbose=0)[:1]], [one.predict(np.zeros((1, 6)), verbose=0)])


def test_a_tensor_follows_its_variable() -> None:
    layer = layers.Dense(2, kernel_initializer="ones")
    tensor = ops.convert_to_tensor(X)
    first = np.asarray(layer(tensor))  # before there is a model
    model = lamina.Sequential([lamina.Input((6,)), layer])
    model.compile("sgd", "mse")
    model.train_on_batch(X, Y[:, :2])
    second = np.asarray(layer(tensor))
    assert not np.array_equal(first, second)
    assert second.tobytes() == model.predict(X, verbose=0).tobytes()
    model.pop()
    layer.kernel.assign(np.zeros((6, 2)))
    layer.bias.assign(np.ones(2))
    assert (np.asarray(layer(tensor)) == 1.0).all()


def test_one_optimizer_for_a_part_of_a_shared_model() -> None:
    one, alone = base(), base()
    head = lamina.Sequential([*one.layers[:-1], layers.Dense(2, name="head")])
    head.build((None, 6))
    head.predict(X, verbose=0)
    optimizers = lamina.optimizers.Adam(0.01), lamina.optimizers.Adam(0.01)
    for _ in range(3):
        by_hand(one, optimizers[0], X, Y)  # its variables lie in two networks
        by_hand(alone, optimizers[1], X, Y)
    assert_equal(one.get_weights(), alone.get_weights())


class Twice(layers.Layer):
    """A layer of one's own."""

    def call(self, inputs: Any) -> Any:
        return inputs * 2.0


def test_a_model_with_a_layer_of_ones_own_shares_too() -> None:
    one, alone = base(), base()
    results = []
    for model in (one, alone):
        mine = lamina.Sequential([*model.layers, Twice()])
        mine.compile(lamina.optimizers.SGD(0.05), "mse")
        for _ in range(2):
            mine.train_on_batch(X, Y)
            model.train_on_batch(X, Y)
        results.append((mine.predict(X, verbose=0), model.predict(X, verbose=0)))
    np.testing.assert_array_equal(results[0][0], 2.0 * results[0][1])
    assert_equal(one.get_weights(), alone.get_weights())


def stack(kind: str) -> list[Any]:
    dense = layers.Dense(3, kernel_initializer=lamina.initializers.GlorotUniform(seed=2))
    if kind == "spectral":
        return [layers.SpectralNormalization(layers.Dense(8, "relu"), power_iterations=2), dense]
    if kind == "spectral inside":
        inner = layers.SpectralNormalization(layers.Dense(6, "tanh"))
        return [layers.Residual([inner, layers.BatchNormalization()]), dense]
    if kind == "einsum":
        return [
            layers.Reshape((2, 3)),
            layers.EinsumDense("abc,cd->abd", (None, 4), "relu", bias_axes="d"),
            layers.Flatten(),
            dense,
        ]
    if kind == "axes":
        return [
            layers.Reshape((2, 3)),
            layers.LayerNormalization(axis=1),
            layers.GroupNormalization(1, axis=1),
            layers.Flatten(),
            dense,
        ]
    regularizer = OrthogonalRegularizer(0.1, "columns")
    return [layers.Dense(8, "relu", kernel_regularizer=regularizer), dense]


@pytest.mark.parametrize("kind", ["spectral", "spectral inside", "einsum", "axes", "orthogonal"])
@pytest.mark.parametrize("how", ["run_eagerly", "by hand"])
def test_newer_layers_have_the_bits_of_the_plan(kind: str, how: str) -> None:
    if how == "by hand" and kind == "orthogonal":
        pytest.skip("whoever trains by hand adds penalties himself")
    weights = []
    for eagerly in (False, True):
        lamina.utils.set_random_seed(6)
        model = lamina.Sequential([lamina.Input((6,)), *stack(kind)])
        optimizer = lamina.optimizers.Adam(0.01)
        if eagerly and how == "by hand":
            for _ in range(3):
                by_hand(model, optimizer, X, Y)
        else:
            model.compile(optimizer, "mse", run_eagerly=eagerly)
            for _ in range(3):
                model.train_on_batch(X, Y)
        weights.append([*model.get_weights(), model.predict(X, verbose=0)])
    assert_equal(*weights)


def test_a_spectral_layer_on_its_own() -> None:
    one, other = (
        layers.SpectralNormalization(
            layers.Dense(4, kernel_initializer=lamina.initializers.GlorotUniform(seed=1))
        )
        for _ in range(2)
    )
    for layer in (one, other):
        layer.build((None, 6))
    other.set_weights(one.get_weights())
    for _ in range(3):
        one(X, training=True)
        other(ops.convert_to_tensor(X), training=True)
    assert_equal(one.get_weights(), other.get_weights())


@pytest.mark.parametrize(
    "loss",
    [
        lambda: losses.CategoricalGeneralizedCrossEntropy(0.3),
        lambda: losses.Circle(gamma=4.0),
        lambda: losses.Circle(gamma=4.0, reduction="mean_with_sample_weight"),
        lambda: losses.CategoricalFocalCrossentropy(alpha=[0.2, 0.3, 0.5]),
        lambda: "crossentropy",
    ],
)
def test_newer_losses_have_the_bits_of_the_plan(loss: Any) -> None:
    results = []
    for eagerly in (False, True):
        lamina.utils.set_random_seed(6)
        made = loss()
        last = "linear" if isinstance(made, losses.Circle) else "softmax"
        model = lamina.Sequential([lamina.Input((6,)), layers.Dense(3, last)])
        if last == "linear":
            model.add(layers.UnitNormalization())
        model.compile(lamina.optimizers.SGD(0.1), made, run_eagerly=eagerly)
        dense = isinstance(made, losses.CategoricalFocalCrossentropy)
        y = np.eye(3, dtype="f")[LABELS] if dense else LABELS
        found = [model.train_on_batch(X, y) for _ in range(3)]
        results.append([np.array(found), *model.get_weights()])
    assert_equal(*results)


@pytest.mark.parametrize(
    ("loss", "labels"),
    [
        (lambda r: losses.CategoricalCrossentropy(axis=1, reduction=r), False),
        (lambda r: losses.SparseCategoricalCrossentropy(axis=1, reduction=r), True),
        (lambda r: losses.CosineSimilarity(axis=1, reduction=r), False),
        (lambda r: losses.Dice(axis=(0, 2), reduction=r), False),
        (lambda r: losses.Dice(axis=None, reduction=r), False),
        (lambda r: losses.Tversky(axis=-1, reduction=r), False),
    ],
)
@pytest.mark.parametrize("reduction", ["sum", "none", "sum_over_batch_size"])
def test_losses_along_axes(loss: Any, labels: bool, reduction: str) -> None:
    p = RNG.uniform(0.1, 1.0, size=(4, 3, 5))
    y = RNG.integers(0, 3, (4, 5)) if labels else RNG.uniform(0.1, 1.0, size=(4, 3, 5))
    made = loss(reduction)
    variable = lamina.Variable(p)
    with GradientTape() as tape:
        found = made(y, variable * 1.0)
        total = ops.sum(found)
    np.testing.assert_allclose(np.asarray(found), made(y, p), rtol=1e-12)
    gradient = np.asarray(tape.gradient(total, variable))
    for index in [(0, 0, 0), (3, 2, 4), (1, 1, 2)]:
        step = np.zeros_like(p)
        step[index] = 1e-6
        slope = (np.sum(made(y, p + step)) - np.sum(made(y, p - step))) / 2e-6
        assert gradient[index] == pytest.approx(slope, rel=1e-5, abs=1e-7)


def test_an_orthogonal_penalty_has_a_gradient() -> None:
    for mode in ("rows", "columns"):
        rule = OrthogonalRegularizer(0.3, mode)
        w = RNG.normal(size=(3, 4))
        variable = lamina.Variable(w)
        with GradientTape() as tape:
            value = rule(variable)
        assert float(value) == pytest.approx(rule(w), rel=1e-12)
        gradient = np.asarray(tape.gradient(value, variable))
        for index in [(0, 0), (2, 3)]:
            step = np.zeros_like(w)
            step[index] = 1e-6
            slope = (rule(w + step) - rule(w - step)) / 2e-6
            assert gradient[index] == pytest.approx(slope, rel=1e-5)


def words() -> tuple[Any, Any]:
    x = np.array([["a"], ["b"], ["c"], ["a"]] * 8)
    return x, (x == "a").astype("f")


def with_front(kind: type = lamina.Sequential) -> Any:
    lamina.utils.set_random_seed(3)
    return kind(
        [
            layers.StringLookup(vocabulary=["a", "b"], name="words"),
            layers.Embedding(3, 4),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )


def test_layers_that_prepare_data_on_the_tape() -> None:
    x, y = words()
    results = []
    for eagerly in (False, True):
        model = with_front()
        model.compile("adam", "mse", run_eagerly=eagerly)
        model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
        results.append([*model.get_weights(), model.predict(x, verbose=0)])
    assert_equal(*results)
    with GradientTape() as tape:
        answer = model(x, training=True)
        loss = ops.mean(ops.square(answer - y))
    assert all(g is not None for g in tape.gradient(loss, model.trainable_variables))
    assert np.asarray(answer).tobytes() == results[1][-1].tobytes()


def test_a_step_of_ones_own_gets_prepared_data() -> None:
    class Mine(lamina.Sequential):
        def train_step(self, data: Any) -> dict[str, Any]:
            x, y = data
            with GradientTape() as tape:
                loss = self.compute_loss(y=y, y_pred=self(x, training=True))
            variables = self.trainable_variables
            self.optimizer.apply(tape.gradient(loss, variables), variables)
            return {"loss": loss}

    x, y = words()
    mine, plain = with_front(Mine), with_front()
    for model in (mine, plain):
        model.compile("adam", "mse")
        model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    assert_equal(mine.get_weights(), plain.get_weights())
    assert_equal([mine.predict(x, verbose=0)], [plain.predict(x, verbose=0)])
