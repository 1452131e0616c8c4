"""Networks of the core as graphs: merged values, shared layers, several inputs and outputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lamina
import lamina._core as _core

SEED = 5
Array = np.ndarray[Any, Any]
F = _core.Activation


def _layers(network: _core.Network) -> tuple[_core.Layers, list[Any]]:
    variables = []
    for i, info in enumerate(network.parameters()):
        low = 0.5 if info.name == "moving_variance" else -0.7
        value = _core.random_uniform(info.shape, low, 0.9, SEED, i, "float64")
        variables.append(lamina.Variable(value, trainable=info.trained, dtype="float64"))
    return _core.Layers(network, variables), variables


def _check(
    build: Callable[[_core.Network], None],
    reference: Callable[..., list[Array]] | None,
    shapes: list[tuple[int, ...]],
    batch: int = 3,
    low: float = -1.0,
) -> None:
    """Outputs against NumPy, gradients against central differences."""
    network = _core.Network(shapes[0], "float64")
    for shape in shapes[1:]:
        network.add_input(shape)
    build(network)
    layers, variables = _layers(network)
    xs = [
        np.asarray(_core.random_uniform((batch, *s), low, 1.3, SEED, 50 + i, "float64"))
        for i, s in enumerate(shapes)
    ]
    tensors = [lamina.ops.convert_to_tensor(x) for x in xs]
    weights: list[Array] = []

    def total(values: list[Any]) -> Any:
        ys = layers(values, False, 0)[0]
        return [np.asarray(y) for y in ys]

    ys = total(tensors)
    if reference is not None:
        for y, expected in zip(ys, reference(*xs), strict=True):
            assert y.shape == expected.shape
            np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-12)
    for k, y in enumerate(ys):
        weights.append(
            np.asarray(_core.random_uniform(y.shape, -1.0, 1.0, SEED, 80 + k, "float64"))
        )
    with lamina.GradientTape() as tape:
        for tensor in tensors:
            tape.watch(tensor)
        outputs = layers(tensors, False, 0)[0]
        parts = [lamina.ops.sum(y * w) for y, w in zip(outputs, weights, strict=True)]
        loss = parts[0]
        for part in parts[1:]:
            loss = loss + part
    gradients = tape.gradient(loss, [*tensors, *variables])

    def loss_of(values: list[Array]) -> float:
        ys = total([lamina.ops.convert_to_tensor(v) for v in values])
        return float(sum((y * w).sum() for y, w in zip(ys, weights, strict=True)))

    step = 1e-6
    for i, x in enumerate(xs):
        numeric = np.zeros_like(x)
        for at in np.ndindex(x.shape):
            above, below = x.copy(), x.copy()
            above[at] += step
            below[at] -= step
            many = list(xs)
            many[i] = above
            upper = loss_of(many)
            many[i] = below
            numeric[at] = (upper - loss_of(many)) / (2 * step)
        np.testing.assert_allclose(np.asarray(gradients[i]), numeric, rtol=1e-6, atol=1e-8)
    for variable, gradient in zip(variables, gradients[len(xs) :], strict=True):
        if not variable.trainable:
            continue
        value = np.asarray(variable)
        numeric = np.zeros_like(value)
        for at in np.ndindex(value.shape):
            for sign in (1.0, -1.0):
                moved = value.copy()
                moved[at] += sign * step
                variable.assign(moved)
                numeric[at] += sign * loss_of(xs) / (2 * step)
        variable.assign(value)
        np.testing.assert_allclose(np.asarray(gradient), numeric, rtol=1e-6, atol=1e-8)


MERGES: dict[str, Callable[..., Array]] = {
    "add": lambda *x: sum(x[1:], x[0]),
    "multiply": lambda *x: np.prod(np.broadcast_arrays(*x), axis=0),
    "average": lambda *x: sum(x[1:], x[0]) / len(x),
    "maximum": lambda *x: np.maximum.reduce(np.broadcast_arrays(*x)),
    "minimum": lambda *x: np.minimum.reduce(np.broadcast_arrays(*x)),
}


@pytest.mark.parametrize("kind", MERGES)
@pytest.mark.parametrize(
    "shapes",
    [
        [(4,), (4,)],
        [(2, 3), (2, 3), (2, 3)],
        [(2, 3), (1, 3)],
        [(2, 1), (2, 3), (1, 3)],
        [(3, 1, 2), (1, 4, 2), (3, 4, 1)],
    ],
)
def test_merges(kind: str, shapes: list[tuple[int, ...]]) -> None:
    _check(
        lambda n: n.add_merge(kind, list(range(len(shapes)))),
        lambda *x: [MERGES[kind](*x)],
        shapes,
    )


@pytest.mark.parametrize("kind", ["subtract", "divide"])
@pytest.mark.parametrize("shapes", [[(4,), (4,)], [(2, 3), (1, 3)], [(2, 1), (2, 3)]])
def test_binary(kind: str, shapes: list[tuple[int, ...]]) -> None:
    function = {"subtract": np.subtract, "divide": np.divide}[kind]
    _check(lambda n: n.add_binary(kind, 0, 1), lambda a, b: [function(a, b)], shapes, low=0.4)


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("kind", ["add", "subtract", "multiply", "divide", "maximum", "minimum"])
def test_numbers(kind: str, first: bool) -> None:
    function = getattr(np, kind)
    _check(
        lambda n: n.add_number(kind, 0.75, first),
        lambda x: [function(0.75, x) if first else function(x, 0.75)],
        [(2, 3)],
        low=0.2,
    )


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_concatenate(axis: int) -> None:
    shapes = []
    for extent in (2, 1, 3):
        shape = [2, 3, 4]
        shape[axis] = extent
        shapes.append(tuple(shape))
    _check(
        lambda n: n.add_merge("concatenate", [0, 1, 2], axis),
        lambda *x: [np.concatenate(x, axis + 1)],
        shapes,
        batch=2,
    )


def test_slices() -> None:
    def build(network: _core.Network) -> None:
        network.add_slice([1, 0], [2, 2], [1, 3])
        first = network.value
        network.seek(0)
        network.add_slice([3, 4], [4, 3], [-1, -2])
        network.set_outputs([first, network.value])

    _check(build, lambda x: [x[:, 1:3, 0:4:3], x[:, 3::-1, 4::-2]], [(4, 5)], batch=2)


@pytest.mark.parametrize("kind", ["sum", "mean", "max", "min"])
@pytest.mark.parametrize("axes", [[2], [0], [1], [0, 2], [0, 1], [0, 1, 2], [1, 2]])
@pytest.mark.parametrize("keepdims", [False, True])
def test_reductions(kind: str, axes: list[int], keepdims: bool) -> None:
    function = getattr(np, kind)
    over = tuple(axis + 1 for axis in axes)
    _check(
        lambda n: n.add_reduce(kind, axes, keepdims),
        lambda x: [function(x, axis=over, keepdims=keepdims)],
        [(2, 3, 4)],
        batch=2,
    )


@pytest.mark.parametrize("kind", ["sum", "mean", "max"])
def test_reductions_have_the_bits_of_tensors(kind: str) -> None:
    for axes in ([1], [0], [0, 2]):
        network = _core.Network((5, 40, 3), "float32")
        network.add_reduce(kind, axes)
        layers, _ = _layers(network)
        x = lamina.ops.convert_to_tensor(
            _core.random_normal((9, 5, 40, 3), 0.0, 1.0, SEED, 1, "float32")
        )
        over = tuple(axis + 1 for axis in axes)
        with lamina.GradientTape(persistent=True) as tape:
            tape.watch(x)
            y = layers([x], True, 0)[0][0]
            expected = getattr(lamina.ops, kind)(x, axis=over)
            ys, es = lamina.ops.sum(y * y), lamina.ops.sum(expected * expected)
        assert np.array_equal(np.asarray(y), np.asarray(expected))
        assert np.array_equal(np.asarray(tape.gradient(ys, x)), np.asarray(tape.gradient(es, x)))


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize(
    ("shapes", "axes", "equation"),
    [
        ([(4,), (4,)], (0, 0), "bi,bi->b"),
        ([(4,), (4, 3)], (0, 0), "bi,bij->bj"),
        ([(2, 4), (3, 4)], (1, 1), "bki,bji->bkj"),
        ([(4, 2), (3, 4)], (0, 1), "bik,bji->bkj"),
        ([(4, 2, 3), (2, 4)], (0, 1), "biuv,bji->buvj"),
    ],
)
def test_dot(
    shapes: list[tuple[int, ...]], axes: tuple[int, int], equation: str, normalize: bool
) -> None:
    def reference(a: Array, b: Array) -> list[Array]:
        if normalize:
            a = a / np.linalg.norm(a, axis=axes[0] + 1, keepdims=True)
            b = b / np.linalg.norm(b, axis=axes[1] + 1, keepdims=True)
        y = np.einsum(equation, a, b)
        return [y if y.ndim > 1 else y[:, None]]

    _check(lambda n: n.add_dot((0, 1), axes, normalize), reference, shapes)


def test_matmul() -> None:
    _check(lambda n: n.add_matmul(0, 1), lambda a, b: [a @ b], [(3, 2, 4), (3, 4, 5)], batch=2)


def _diamond(network: _core.Network) -> None:
    network.add_dense(5, True, F("tanh"))
    x = network.value
    network.add_dense(4, True, F("gelu"))
    left = network.value
    network.seek(x)
    network.add_dense(4, True, F("silu"))
    network.add_merge("add", [left, network.value, left])
    network.add_activation(F("sigmoid"))


def _shared(network: _core.Network) -> None:
    network.add_dense(5, True, F("gelu"))
    first = network.value
    network.seek(1)
    network.share(0)
    network.add_dense(5, True, F("gelu"))
    network.share(0)
    second = network.value
    network.seek(2)
    network.add_dense(5, True, F("gelu"))
    network.add_merge("multiply", [first, second, network.value])


def _two_outputs(network: _core.Network) -> None:
    network.add_dense(5, True, F("tanh"))
    trunk = network.value
    network.add_dense(3, True, F("linear"))
    policy = network.value
    network.seek(trunk)
    network.add_dense(1, True, F("linear"))
    network.set_outputs([policy, network.value, trunk, policy])


def test_a_diamond() -> None:
    _check(_diamond, None, [(4,)])


def test_a_shared_layer_has_one_set_of_weights() -> None:
    network = _core.Network((4,), "float64")
    network.add_input((4,))
    network.add_input((4,))
    _shared(network)
    assert [info.name for info in network.parameters()] == ["kernel", "bias"]
    _check(_shared, None, [(4,), (4,), (4,)])


def test_several_outputs() -> None:
    _check(_two_outputs, None, [(4,)])


def test_an_input_may_be_an_output() -> None:
    def build(network: _core.Network) -> None:
        network.add_merge("add", [0, 1])
        network.set_outputs([0, network.value, 1])

    _check(build, lambda a, b: [a, a + b, b], [(3,), (3,)])


def test_values_without_readers_and_outputs_without_gradients() -> None:
    network = _core.Network((4,), "float64")
    network.add_dense(3, True, F("tanh"))
    first = network.value
    network.add_dense(2, True, F("linear"))  # nothing reads it
    network.seek(first)
    network.add_dense(2, True, F("gelu"))
    second = network.value
    network.seek(first)
    network.add_dense(1, True, F("linear"))
    network.set_outputs([second, network.value])
    layers, variables = _layers(network)
    x = lamina.ops.convert_to_tensor(np.ones((3, 4)))
    with lamina.GradientTape() as tape:
        y, _ = layers([x], True, 0)[0]
        loss = lamina.ops.sum(y)
    gradients = tape.gradient(loss, variables)
    assert [g is None for g in gradients] == [False, False, True, True, False, False, True, True]


@pytest.mark.parametrize("build", [_diamond], ids=["diamond"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_plan_trains_with_the_bits_of_the_tape(
    build: Callable[[_core.Network], None], dtype: str
) -> None:
    network, mirror = (_core.Network((4,), dtype) for _ in range(2))
    build(network)
    build(mirror)
    variables = []
    for i, info in enumerate(network.parameters()):
        value = _core.random_uniform(info.shape, -0.7, 0.9, SEED, i, dtype)
        network.set_parameter(i, value)
        variables.append(lamina.Variable(value, dtype=dtype))
    layers = _core.Layers(mirror, variables)
    network.compile(_core.Loss("mean_squared_error"), _core.Optimizer("sgd", 0.1), [])
    x = _core.random_normal((70, 4), 0.0, 1.0, SEED, 90, dtype)
    y = _core.random_uniform((70, 4), 0.0, 1.0, SEED, 91, dtype)
    network.train_on_batch(x, y, None)
    target = lamina.ops.convert_to_tensor(y)
    with lamina.GradientTape() as tape:
        prediction = layers([lamina.ops.convert_to_tensor(x)], True, 0)[0][0]
        loss = _core.batch_loss(
            _core.Loss("mean_squared_error"), "mean", 1.0, target, prediction, None
        )[0]
    gradients = tape.gradient(loss, variables)
    for i, gradient in enumerate(gradients):
        assert np.array_equal(network.get_gradient(i), np.asarray(gradient)), i


def test_predictions_of_a_graph_do_not_depend_on_the_batch() -> None:
    network = _core.Network((6,), "float32")
    network.add_dense(33, True, F("relu"))
    x = network.value
    network.add_dense(17, True, F("tanh"))
    network.add_dropout(0.5, 3)
    body = network.value
    network.add_merge("concatenate", [x, body], 0)
    network.add_dense(5, True, F("softmax"))
    for i, info in enumerate(network.parameters()):
        network.set_parameter(i, _core.random_uniform(info.shape, -0.5, 0.5, SEED, i, "float32"))
    rows = _core.random_normal((3000, 6), 0.0, 1.0, SEED, 9, "float32")
    whole = network.predict(rows, 3000, None)
    for first, last in ((0, 1), (5, 17), (0, 700), (1000, 3000)):
        assert np.array_equal(network.predict(rows[first:last], 3000, None), whole[first:last])


def test_bad_values_are_errors() -> None:
    network = _core.Network((4,), "float64")
    network.add_input((3,))
    with pytest.raises(ValueError, match="extents of samples must be equal or 1"):
        network.add_merge("add", [0, 1])
    with pytest.raises(ValueError, match="there are 2 values"):
        network.seek(2)
    with pytest.raises(ValueError, match="kind must be"):
        network.add_binary("modulo", 0, 0)
    with pytest.raises(ValueError, match="do not have the axis"):
        network.add_merge("concatenate", [0, 1], 1)
    with pytest.raises(ValueError, match="same extent"):
        network.add_dot((0, 1), (0, 0))
    with pytest.raises(ValueError, match="needs an output"):
        network.set_outputs([])
    network.add_dense(2, True, F("linear"))
    network.seek(1)
    network.share(0)
    with pytest.raises(ValueError, match="share"):
        network.add_dense(2, True, F("linear"))


def _objective(kind: str, weight: float) -> _core.OutputObjective:
    return _core.OutputObjective(_core.Loss(kind), "mean", weight)


def _embeddings(network: _core.Network) -> None:
    """Columns of indices beside numbers, two towers and their dot."""
    network.seek(1)
    network.add_embedding(9, 6)
    network.add_flatten()
    column = network.value
    network.add_merge("concatenate", [0, column], 0)
    network.add_dense(12, True, F("relu"))
    network.add_dropout(0.25, 3)
    left = network.value
    network.seek(0)
    network.add_dense(12, True, F("gelu"))
    right = network.value
    network.add_dot((left, right), (0, 0), True)
    score = network.value
    network.seek(left)
    network.add_dense(3, True, F("softmax"))
    classes = network.value
    network.seek(right)
    network.share(5)
    network.add_dense(3, True, F("softmax"))
    again = network.value
    network.set_outputs([score, classes, again])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_plan_of_several_inputs_and_outputs_has_the_bits_of_the_tape(dtype: str) -> None:
    network, mirror = (_core.Network((4,), dtype, "cpu", SEED) for _ in range(2))
    variables = []
    for each in (network, mirror):
        each.add_input((1,))
        _embeddings(each)
    for i, info in enumerate(network.parameters()):
        value = _core.random_uniform(info.shape, -0.7, 0.9, SEED, i, dtype)
        network.set_parameter(i, value)
        variables.append(lamina.Variable(value, dtype=dtype))
    layers = _core.Layers(mirror, variables)
    kinds = ["mean_squared_error", "categorical_crossentropy", "categorical_crossentropy"]
    weights = [0.7, 1.3, 0.4]
    network.compile(
        [_objective(kind, weight) for kind, weight in zip(kinds, weights, strict=True)],
        _core.Optimizer("sgd", 0.1),
    )
    x = _core.random_normal((200, 4), 0.0, 1.0, SEED, 90, dtype)
    indices = np.asarray(np.arange(200) % 9, dtype).reshape(200, 1)
    targets = [
        _core.random_uniform((200, 1), 0.0, 1.0, SEED, 91, dtype),
        *(_core.random_uniform((200, 3), 0.0, 1.0, SEED, k, dtype) for k in (92, 93)),
    ]
    network.train_on_batch([x, indices], targets, None)
    inputs = [lamina.ops.convert_to_tensor(v) for v in (x, indices)]
    with lamina.GradientTape() as tape:
        total = None
        for kind, weight, target, prediction in zip(
            kinds, weights, targets, layers(inputs, True, 0)[0], strict=True
        ):
            loss = _core.batch_loss(
                _core.Loss(kind),
                "mean",
                weight,
                lamina.ops.convert_to_tensor(target),
                prediction,
                None,
            )[0]
            total = loss if total is None else total + loss
    gradients = tape.gradient(total, variables)
    for i, gradient in enumerate(gradients):
        assert np.array_equal(network.get_gradient(i), np.asarray(gradient)), i
    whole = network.predict([x, indices], 64, None)
    assert [y.shape for y in whole] == [(200, 1), (200, 3), (200, 3)]
    rows = network.predict([x[7:8], indices[7:8]], 64, None)
    for all_rows, one in zip(whole, rows, strict=True):
        assert np.array_equal(all_rows[7:8], one)


def test_outputs_without_a_loss_train_nothing() -> None:
    network = _core.Network((4,), "float32", "cpu", SEED)
    network.add_dense(5, True, F("tanh"))
    trunk = network.value
    network.add_dense(2, True, F("linear"))
    first = network.value
    network.seek(trunk)
    network.add_dense(2, True, F("linear"))
    network.set_outputs([first, network.value])
    for i, info in enumerate(network.parameters()):
        network.set_parameter(i, _core.random_uniform(info.shape, -1.0, 1.0, SEED, i, "float32"))
    before = [network.get_parameter(i) for i in range(6)]
    network.compile([_objective("mean_squared_error", 1.0), None], _core.Optimizer("adam", 0.1))
    x = _core.random_normal((30, 4), 0.0, 1.0, SEED, 90, "float32")
    y = _core.random_normal((30, 2), 0.0, 1.0, SEED, 91, "float32")
    for _ in range(3):
        network.train_on_batch(x, [y, None], None)
    moved = [not np.array_equal(before[i], network.get_parameter(i)) for i in range(6)]
    assert moved == [True, True, True, True, False, False]


PLACE = next((name for name in lamina.config.available_devices() if name != "cpu"), None)


@pytest.mark.skipif(PLACE is None, reason="no GPU, nor its emulation")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_gpu_has_the_bits_of_the_cpu(dtype: str) -> None:
    """With steps that are captured: epochs of several batches."""

    def build(network: _core.Network) -> None:
        network.add_input((4, 3))
        network.seek(0)
        network.add_dense(12, True, F("relu"))
        network.add_reshape([4, 3])
        x = network.value
        network.add_merge("maximum", [x, 1])
        largest = network.value
        network.add_merge("average", [x, 1, largest])
        network.add_binary("multiply", network.value, x)
        network.add_number("divide", 3.0)
        whole = network.value
        network.add_reduce("mean", [0])
        mean = network.value
        network.seek(whole)
        network.add_reduce("max", [0, 1])
        network.add_reshape([1])
        most = network.value
        network.seek(whole)
        network.add_slice([3, 0], [2, 2], [-2, 2])
        network.add_flatten()
        part = network.value
        network.add_dot((whole, x), (1, 1))
        network.add_flatten()
        network.add_merge("concatenate", [mean, most, part, network.value], 0)
        network.add_dense(5, True, F("tanh"))
        network.share(0)
        shared = network.value
        network.seek(0)
        network.add_dense(12, True, F("relu"))
        network.set_outputs([shared, network.value])

    results = []
    for place in ("cpu", PLACE):
        network = _core.Network((6,), dtype, place, SEED)
        build(network)
        for i, info in enumerate(network.parameters()):
            network.set_parameter(i, _core.random_uniform(info.shape, -0.7, 0.9, SEED, i, dtype))
        objectives = [_objective("mean_squared_error", weight) for weight in (1.0, 0.5)]
        network.compile(objectives, _core.Optimizer("adam", 0.01))
        x = [_core.random_normal((200, *s), 0.0, 1.0, SEED, 90, dtype) for s in ((6,), (4, 3))]
        y = [_core.random_uniform((200, n), 0.0, 1.0, SEED, 91, dtype) for n in (5, 12)]
        losses = [network.train(x, y, None, 32, True, None) for _ in range(3)]
        losses.append(network.evaluate(x, y, None, 64, None))
        outputs = network.predict(x, 128, None)
        weights = [network.get_parameter(i) for i in range(len(network.parameters()))]
        results.append((losses, [np.asarray(a) for a in (*outputs, *weights)]))
    assert results[0][0] == results[1][0]
    for a, b in zip(results[0][1], results[1][1], strict=True):
        assert np.array_equal(a, b)
