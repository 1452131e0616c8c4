"""Layers that join several inputs, against NumPy, with Keras' checks and configurations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lamina
from lamina import layers

RNG = np.random.default_rng(3)

ELEMENTWISE = {
    "Add": lambda xs: sum(xs[1:], xs[0]),
    "Multiply": lambda xs: np.prod(np.stack(np.broadcast_arrays(*xs)), axis=0),
    "Average": lambda xs: np.mean(np.stack(np.broadcast_arrays(*xs)), axis=0),
    "Maximum": lambda xs: np.max(np.stack(np.broadcast_arrays(*xs)), axis=0),
    "Minimum": lambda xs: np.min(np.stack(np.broadcast_arrays(*xs)), axis=0),
}
extent = st.integers(1, 4)


def numbers(*shape):
    return RNG.normal(size=shape)


@st.composite
def broadcastable(draw, count=3):
    """Arrays of samples of different ranks and extents that broadcast, and with equal ranks."""
    full = draw(st.lists(extent, min_size=1, max_size=3))
    batch = draw(st.integers(1, 3))
    arrays, aligned = [], []
    for _ in range(count):
        rank = draw(st.integers(1, len(full)))
        sample = [n if draw(st.booleans()) else 1 for n in full[len(full) - rank :]]
        x = numbers(batch, *sample)
        arrays.append(x)
        aligned.append(x.reshape(batch, *[1] * (len(full) - rank), *sample))
    rank = max(x.ndim for x in arrays)
    return arrays, [x.reshape(x.shape[0], *x.shape[x.ndim - rank + 1 :]) for x in aligned]


@pytest.mark.parametrize("name", ELEMENTWISE)
@given(inputs=broadcastable())
def test_elementwise_layers_are_numpys_functions(name, inputs):
    arrays, aligned = inputs
    layer = getattr(layers, name)(dtype="float64")
    result = layer(arrays)
    np.testing.assert_allclose(result, ELEMENTWISE[name](aligned), rtol=1e-14)
    symbolic = [lamina.Input(x.shape[1:], dtype="float64") for x in arrays]
    output = getattr(layers, name)(dtype="float64")(symbolic)
    assert output.shape == (None, *result.shape[1:]) and output.dtype == "float64"
    shapes = [(None, *x.shape[1:]) for x in arrays]
    assert layer.compute_output_shape(shapes) == output.shape


@given(inputs=broadcastable(count=2))
def test_subtract_takes_two(inputs):
    arrays, (first, second) = inputs
    result = layers.Subtract(dtype="float64")(arrays)
    np.testing.assert_array_equal(result, first - second)


@given(st.lists(extent, min_size=1, max_size=3), st.data())
def test_concatenate_is_numpys(sample, data):
    axis = data.draw(st.integers(1, len(sample)))
    count = data.draw(st.integers(1, 3))
    arrays = []
    for _ in range(count):
        shape = list(sample)
        shape[axis - 1] = data.draw(extent)
        arrays.append(numbers(2, *shape))
    counted = axis if data.draw(st.booleans()) else axis - len(sample) - 1
    expected = np.concatenate(arrays, axis=axis)
    layer = layers.Concatenate(axis=counted, dtype="float64")
    np.testing.assert_array_equal(layer(arrays), expected)
    symbolic = layer([lamina.Input(x.shape[1:], dtype="float64") for x in arrays])
    assert symbolic.shape == (None, *expected.shape[1:])


@given(st.lists(extent, max_size=2), st.lists(extent, max_size=2), extent, st.booleans(), st.data())
def test_dot_is_numpys_tensordot_of_each_sample(left, right, depth, normalize, data):
    first = data.draw(st.integers(1, len(left) + 1))
    second = data.draw(st.integers(1, len(right) + 1))
    x1 = numbers(3, *left[: first - 1], depth, *left[first - 1 :])
    x2 = numbers(3, *right[: second - 1], depth, *right[second - 1 :])
    a, b = x1, x2
    if normalize:
        a = x1 / np.linalg.norm(x1, axis=first, keepdims=True)
        b = x2 / np.linalg.norm(x2, axis=second, keepdims=True)
    expected = np.stack(
        [np.tensordot(p, q, axes=(first - 1, second - 1)) for p, q in zip(a, b, strict=True)]
    )
    if expected.ndim == 1:
        expected = expected[:, None]
    layer = layers.Dot((first, second - x2.ndim), normalize=normalize, dtype="float64")
    result = layer([x1, x2])
    np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-14)
    symbolic = layer([lamina.Input(x.shape[1:], dtype="float64") for x in (x1, x2)])
    assert symbolic.shape == (None, *expected.shape[1:])


def test_functions_are_layers():
    x, y = numbers(2, 3).astype("float32"), numbers(2, 3).astype("float32")
    for name in (*ELEMENTWISE, "Subtract", "Concatenate"):
        np.testing.assert_array_equal(
            getattr(layers, name.lower())([x, y]), getattr(layers, name)()([x, y])
        )
    np.testing.assert_array_equal(layers.dot([x, y], axes=1), layers.Dot(1)([x, y]))
    a, b = lamina.Input((3,)), lamina.Input((3,))
    assert layers.add([a, b], name="sum")._keras_history.operation.name == "sum"
    assert layers.concatenate([a, b]).shape == (None, 6)
    assert layers.dot([a, b]).shape == (None, 1)


def test_gradients_are_those_of_the_functions():
    values = [numbers(2, 3).astype("float32") for _ in range(2)]
    for name in (*ELEMENTWISE, "Subtract"):
        x, y = (lamina.Variable(value) for value in values)
        with lamina.GradientTape() as tape:
            output = getattr(layers, name)()([x, y])
            loss = lamina.ops.sum(output * output)
        dx, dy = tape.gradient(loss, [x, y])
        assert dx.shape == dy.shape == (2, 3)
        step = 1e-3
        for variable, gradient in ((0, dx), (1, dy)):
            moved = [value.astype("float64") for value in values]
            moved[variable][1, 2] += step
            up = np.sum(np.square(getattr(layers, name)(dtype="float64")(moved)))
            moved[variable][1, 2] -= 2 * step
            down = np.sum(np.square(getattr(layers, name)(dtype="float64")(moved)))
            np.testing.assert_allclose(
                gradient.numpy()[1, 2], (up - down) / (2 * step), rtol=1e-3, atol=1e-4
            )


@pytest.mark.parametrize("name", [*ELEMENTWISE, "Subtract", "Concatenate", "Dot"])
def test_configurations_come_back(name):
    options = {"axes": [1, 2]} if name == "Dot" else {}
    layer = getattr(layers, name)(name="joined", **options)
    config = layer.get_config()
    assert config["name"] == "joined"
    again = layers.deserialize(layers.serialize(layer))
    assert type(again) is type(layer) and again.get_config() == config
    assert not layer.weights


A = lamina.Input((3,))
B = lamina.Input((4,))


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: layers.Add()(A), ValueError, "called on a list of inputs"),
        (lambda: layers.Add()(np.ones((2, 3))), ValueError, "called on a list of inputs"),
        (lambda: layers.Add()([]), ValueError, "called on a list"),
        (lambda: layers.Add()([A, B]), ValueError, "incompatible shapes"),
        (lambda: layers.Add()([np.ones((2, 3)), np.ones((3, 3))]), ValueError, "batch sizes"),
        (lambda: layers.Subtract()([A]), ValueError, "exactly 2 inputs"),
        (lambda: layers.Subtract()([A, A, A]), ValueError, "exactly 2 inputs"),
        (lambda: layers.Concatenate()(A), ValueError, "called on a list"),
        (
            lambda: layers.Concatenate()([A, lamina.Input((3, 1))]),
            ValueError,
            "matching shapes except for the concatenation axis",
        ),
        (lambda: layers.Concatenate(axis=0.5), ValueError, "axis"),
        (lambda: layers.Concatenate(axis=3)([A, B]), ValueError, "axis"),
        (lambda: layers.Dot(1)([A, B]), ValueError, "axis values 3"),
        (lambda: layers.Dot(1)([A]), ValueError, "2 inputs"),
        (lambda: layers.Dot(0)([A, A]), ValueError, "not the batch"),
        (lambda: layers.Dot("1"), TypeError, "list or an int"),
        (lambda: layers.Dot((1, 2, 3)), ValueError, "two elements"),
        (lambda: layers.Dot((1, 2.0)), ValueError, "should be integers"),
        (lambda: layers.Dot(1, normalize=2), TypeError, "normalize"),
    ],
)
def test_wrong_inputs_are_clear_errors(call, error, text):
    with pytest.raises(error, match=text):
        call()


@pytest.mark.parametrize("name", ["Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"])
def test_masks_of_merged_inputs(name: str) -> None:
    layer = getattr(layers, name)()
    inputs = [np.zeros((2, 3, 4)), np.zeros((2, 3, 4))]
    first, second = np.array([[1, 0, 0], [0, 0, 1]]) > 0, np.array([[0, 1, 0], [0, 0, 1]]) > 0
    mask = layer.compute_mask(inputs, [first, second])
    np.testing.assert_array_equal(mask, first | second)
    assert layer.compute_mask(inputs) is None
    assert layer.compute_mask(inputs, [first, None]) is None
    for x, masks in ((inputs, first), (inputs[0], [first, second]), (inputs, [first])):
        with pytest.raises(ValueError, match="list"):
            layer.compute_mask(x, masks)


def test_masks_of_joined_inputs() -> None:
    inputs = [np.zeros((2, 3, 4)), np.zeros((2, 2, 4))]
    rows = np.array([[1, 0, 0], [0, 0, 1]]) > 0
    layer = layers.Concatenate(axis=1)
    expected = np.concatenate([rows, np.ones((2, 2), bool)], axis=1)
    np.testing.assert_array_equal(layer.compute_mask(inputs, [rows, None]), expected)
    assert layer.compute_mask(inputs, [None, None]) is None
    with pytest.raises(ValueError, match="same length"):
        layer.compute_mask(inputs, [rows])
    assert layers.Dot(1).compute_mask(inputs, [rows, rows]) is None
