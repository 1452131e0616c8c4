"""Functions and operators on symbolic tensors: shapes, types, and the graphs that they record."""

import copy
import inspect
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lamina
from lamina import ops
from lamina.graph import tree
from lamina.graph.function import Function
from lamina.graph.keras_tensor import KerasTensor

X = (None, 4)


def symbol(shape=X, dtype="float32"):
    return KerasTensor(shape, dtype)


def number_of(shape, seed=0):
    return np.random.default_rng(seed).uniform(0.5, 1.5, shape).astype("float32")


# A call, and arguments after the first that are symbolic tensors of the same shape.
CALLS = {
    "negative": lambda x: ops.negative(x),
    "add": lambda x: ops.add(x, 1.0),
    "power": lambda x: x**2,
    "rpower": lambda x: 2.0**x,
    "rsub": lambda x: 1.0 - x,
    "floordiv": lambda x: x // 0.3,
    "mod": lambda x: x % 0.3,
    "matmul": lambda x: x @ np.ones((4, 3), "float32"),
    "rmatmul": lambda x: np.ones((2, 4), "float32") @ ops.transpose(x),
    "array": lambda x: np.ones((1, 4), "float32") * x,
    "tensor": lambda x: ops.ones((1, 4)) - x,
    "greater": lambda x: x > 1.0,
    "not_equal": lambda x: x != 1.0,
    "logical": lambda x: (x > 0.7) & ~(x > 1.2),
    "where": lambda x: ops.where(x > 1.0, x, 0.0),
    "mean": lambda x: ops.mean(x, axis=1, keepdims=True),
    "sum": lambda x: ops.sum(x),
    "sum0": lambda x: ops.sum(x, axis=0),
    "argmax": lambda x: ops.argmax(x, axis=-1),
    "softmax": lambda x: ops.softmax(x),
    "relu": lambda x: ops.relu(x - 1.0),
    "gelu": lambda x: ops.gelu(x, approximate=False),
    "clip": lambda x: ops.clip(x, 0.8, 1.2),
    "reshape": lambda x: ops.reshape(x, (-1, 2, 2)),
    "flat": lambda x: x.reshape(-1),
    "expand": lambda x: ops.expand_dims(x, 1),
    "index": lambda x: x[:, 1:3],
    "newaxis": lambda x: x[:, None, 0],
    "row": lambda x: x[0],
    "ellipsis": lambda x: x[..., -1],
    "concatenate": lambda x: ops.concatenate([x, 2.0 * x], axis=-1),
    "rows": lambda x: ops.concatenate([x, x], axis=0),
    "stack": lambda x: ops.stack([x, x + 1.0], axis=1),
    "split": lambda x: ops.split(x, 2, axis=1),
    "unstack": lambda x: ops.unstack(x, axis=1),
    "einsum": lambda x: ops.einsum("ij,ik->ijk", x, x),
    "pad": lambda x: ops.pad(x, ((0, 0), (1, 2)), constant_values=3.0),
    "take": lambda x: ops.take(x, [3, 0], axis=1),
    "one_hot": lambda x: ops.one_hot(ops.cast(x, "int64"), 3),
    "top_k": lambda x: ops.top_k(x, 2),
    "moments": lambda x: ops.moments(x, 1),
    "cast": lambda x: ops.cast(x, "float64"),
    "full_like": lambda x: ops.full_like(x, 7),
    "full": lambda x: ops.full((3,), x[0, 0]),
    "stop_gradient": lambda x: ops.stop_gradient(x) * x,
    "norm": lambda x: ops.norm(x, axis=1),
    "cumsum": lambda x: ops.cumulative_sum(x, axis=1),
    "activation": lambda x: abs(-x).reshape((-1, 4)).squeeze() + x.T.T,
    "round": lambda x: ops.round(x * 10.0, 1),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_symbolic_call_gives_the_shape_type_and_bits_of_the_call(name):
    call = CALLS[name]
    x = symbol()
    symbolic = call(x)
    for rows in (1, 5):
        value = number_of((rows, 4), rows)
        expected = tree.flatten(call(ops.array(value)))
        results = tree.flatten(Function(x, symbolic)(ops.array(value)))
        for one, other, spec in zip(results, expected, tree.flatten(symbolic), strict=True):
            assert one.dtype == other.dtype == spec.dtype
            if rows != 1 or name != "activation":  # squeeze takes a batch of one away
                assert len(spec.shape) == one.ndim
                for extent, known in zip(one.shape, spec.shape, strict=True):
                    assert known in (None, extent)
            np.testing.assert_array_equal(one.numpy(), other.numpy(), strict=True)


extents = st.integers(1, 6)


@given(
    st.lists(extents, min_size=1, max_size=3),
    st.lists(extents, min_size=1, max_size=3),
    st.data(),
)
def test_shapes_broadcast_as_those_of_numbers(left, right, data):
    # One of each pair of extents becomes 1 where they differ, so that the two do broadcast.
    for place in range(-min(len(left), len(right)), 0):
        if left[place] != right[place]:
            one = data.draw(st.sampled_from([left, right]))
            one[place] = 1
    a, b = symbol((None, *left)), symbol(right)
    if len(right) > len(left):
        with pytest.raises(ValueError, match="broadcast"):
            for rows in (2, 3):
                np.broadcast_shapes((rows, *left), tuple(right))
            raise ValueError("broadcast")
        return
    expected = np.broadcast_shapes((11, *left), tuple(right))
    assert (a * b).shape == (None, *expected[1:])


@given(st.lists(extents, min_size=1, max_size=4), st.data())
def test_reductions_and_permutations_have_the_shapes_of_numbers(shape, data):
    x = symbol((None, *shape))
    value = np.zeros((13, *shape), "float32")
    axis = data.draw(st.integers(-len(shape) - 1, len(shape)))
    keep = data.draw(st.booleans())
    expected = value.max(axis=axis, keepdims=keep).shape
    assert ops.max(x, axis=axis, keepdims=keep).shape == tuple(
        None if extent == 13 else extent for extent in expected
    )
    order = data.draw(st.permutations(range(len(shape) + 1)))
    expected = value.transpose(order).shape
    assert ops.transpose(x, order).shape == tuple(None if e == 13 else e for e in expected)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.data())
def test_concatenation_and_splits_have_the_shapes_of_numbers(shape, data):
    axis = data.draw(st.integers(1, len(shape)))
    others = list(shape)
    others[axis - 1] = data.draw(st.integers(1, 4))
    joined = ops.concatenate([symbol((None, *shape)), symbol((None, *others))], axis=axis)
    total = shape[axis - 1] + others[axis - 1]
    assert joined.shape[axis] == total
    parts = ops.split(joined, total, axis=axis)
    assert [part.shape[axis] for part in parts] == [1] * total


def test_known_batch_sizes_stay_known():
    x, y = symbol((8, 3)), symbol((None, 3))
    assert (x + 1.0).shape == (8, 3)
    assert (x + y).shape == (8, 3)  # what is unknown can only be 8
    assert (y + ops.ones((5, 3))).shape == (5, 3)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda x: bool(x), TypeError, "cannot be used as a boolean"),
        (lambda x: float(x), ValueError, "convert it to a float"),
        (lambda x: int(x), ValueError, "convert it to an int"),
        (lambda x: np.asarray(x), ValueError, "convert it to a NumPy array"),
        (lambda x: x.numpy(), ValueError, "convert it to a NumPy array"),
        (lambda x: list(x), NotImplementedError, "Iterating"),
        (lambda x: len(x), TypeError, "not known"),
        (lambda x: 1 in x, TypeError, "look for a value"),
        (lambda x: range(3)[x], TypeError, "index"),
        (lambda x: x + symbol((None, 3)), ValueError, r"\(None, 4\), \(None, 3\)"),
        (lambda x: symbol((2, 3)) @ symbol((4, 5)), ValueError, "matmul"),
        (lambda x: x.reshape((-1, -1)), ValueError, "one extent may be -1"),
        (lambda x: symbol((2, 3)).reshape((4,)), ValueError, "number of elements"),
        (lambda x: ops.nonzero(x), TypeError, "depends on the numbers"),
        (lambda x: ops.where(x > 0), TypeError, "depends on the numbers"),
        (lambda x: ops.unique_values(x), TypeError, "depends on the numbers"),
        (lambda x: ops.convert_to_numpy(x), TypeError, "depends on the numbers"),
        (lambda x: ops.size(x), TypeError, "not known"),
        (lambda x: ops.sum(x, axis=2), (ValueError, IndexError), "sum"),
        (lambda x: ops.add(x), TypeError, "x2"),
        (lambda x: symbol(X, "string") + 1, TypeError, "StringLookup"),
        (lambda x: KerasTensor((-1,)), ValueError, "not negative"),
    ],
)
def test_what_needs_numbers_says_so(call, error, text):
    with pytest.raises(error, match=text):
        call(symbol())


def test_what_is_known_needs_no_numbers():
    x = symbol()
    assert ops.shape(x) == (None, 4)
    assert ops.ndim(x) == x.ndim == 2
    assert ops.size(symbol((2, 3))) == 6
    assert len(symbol((7, 4))) == 7


def test_symbolic_tensors_are_found_by_identity():
    x, y = symbol(), symbol()
    assert x in [y, x] and [y, x].index(x) == 1
    assert {x: 1}[x] == 1
    assert copy.deepcopy([x])[0] is x
    again = pickle.loads(pickle.dumps(x))
    assert (again.shape, again.dtype, again.name) == (x.shape, x.dtype, x.name)


def test_functions_on_numbers_keep_names_documents_and_signatures():
    assert ops.mean.__name__ == "mean" and "divided by" in ops.mean.__doc__
    assert list(inspect.signature(ops.mean).parameters) == ["x", "axis", "keepdims"]
    assert ops.pow is ops.power and ops.abs is ops.absolute
    assert pickle.loads(pickle.dumps(ops.matmul)) is ops.matmul
    with pytest.raises(TypeError):
        ops.add(1.0)
    with pytest.raises(ValueError, match="broadcast"):
        ops.add(ops.ones((2,)), ops.ones((3,)))


def test_operations_are_named_and_configured_as_in_keras():
    lamina.backend.clear_session()
    x = symbol()
    operation = ops.expand_dims(x, 1)._keras_history.operation
    assert type(operation).__name__ == "ExpandDims"
    assert operation.get_config() == {"name": "expand_dims", "axis": 1}
    assert (x + 1.0)._keras_history.operation.name == "add"
    assert (x + 1.0)._keras_history.operation.name == "add_1"
    node = (2.0 * x)._keras_history.operation._inbound_nodes[0]
    assert node.args == (2.0, x) and node.kwargs == {}
    mean = ops.mean(x, keepdims=True)._keras_history.operation
    assert mean.get_config() == {"name": "mean", "axis": None, "keepdims": True}
    assert mean.input is x and mean.output.shape == (1, 1)
    assert type(mean).from_config(mean.get_config()).settings == mean.settings


def test_an_operation_that_was_not_called_has_no_tensors():
    operation = type(ops.exp(symbol())._keras_history.operation)()
    with pytest.raises(AttributeError, match="never been called"):
        _ = operation.output
