"""Views, indexing, conversions, protocols and errors of lamina.Tensor."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import lamina
from lamina import ops

Array = np.ndarray[Any, Any]
SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
WHOLE = hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4)
DTYPES = ("bool", "uint8", "int32", "int64", "float32", "float64")


def index_items(extent: int) -> st.SearchStrategy[Any]:
    bounds = st.one_of(st.none(), st.integers(-extent - 2, extent + 2))
    steps = st.one_of(st.none(), st.integers(-3, 3).filter(bool))
    choices = [st.builds(slice, bounds, bounds, steps)]
    if extent:
        choices.append(st.integers(-extent, extent - 1))
        choices.append(
            hnp.arrays(
                "int64",
                hnp.array_shapes(max_dims=2, max_side=3),
                elements=st.integers(-extent, extent - 1),
            )
        )
    choices.append(hnp.arrays("bool", extent))
    return st.one_of(choices)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_indexing_is_numpys(data: Any) -> None:
    array = data.draw(hnp.arrays("int64", SHAPES))
    index: list[Any] = []
    for extent in array.shape[: data.draw(st.integers(0, array.ndim))]:
        index.append(data.draw(index_items(extent)))
        if data.draw(st.integers(0, 5)) == 0:
            index.append(None)
    if data.draw(st.booleans()):
        place = data.draw(st.integers(0, len(index)))
        index = [*index[:place], Ellipsis]  # what would follow is for the last axes
    key = tuple(index)
    try:
        wanted = array[key]
    except (IndexError, ValueError):
        with pytest.raises((IndexError, ValueError)):
            ops.from_numpy(array)[key]
        return
    got = ops.from_numpy(array)[key]
    assert got.shape == wanted.shape
    np.testing.assert_array_equal(got.numpy(), wanted)
    # The functional update writes the same places.
    changed = array.copy()
    changed[key] = 7
    updated = lamina._core.ops.set_item(array, key, 7)
    np.testing.assert_array_equal(updated.numpy(), changed)


def test_basic_slices_are_views_and_the_rest_copies() -> None:
    array = np.arange(12.0).reshape(3, 4)
    tensor = ops.from_numpy(array)
    for view in (
        tensor[1],
        tensor[:, ::2],
        tensor.T,
        tensor[None, ..., 0],
        tensor.reshape(2, 6),
        tensor[::-1],
    ):
        assert np.shares_memory(view.numpy(), array)
    assert not np.shares_memory(tensor[[0, 1]].numpy(), array)
    assert not np.shares_memory(tensor.T.reshape(12).numpy(), array)
    np.testing.assert_array_equal(tensor.T.reshape(12).numpy(), array.T.reshape(12))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_reshapes_of_views(data: Any) -> None:
    array = data.draw(hnp.arrays("int32", SHAPES.filter(bool)))
    array = array.transpose(data.draw(st.permutations(range(array.ndim))))[
        :: data.draw(st.sampled_from([1, -1, 2]))
    ]
    shapes = [(-1,), array.shape[::-1], (1, *array.shape, 1), (array.size, 1)]
    if array.ndim > 1:
        shapes.append((array.shape[0] * array.shape[1], *array.shape[2:]))
    for shape in shapes:
        np.testing.assert_array_equal(ops.reshape(array, shape).numpy(), array.reshape(shape))
    with pytest.raises(ValueError, match="reshape"):
        ops.reshape(array, (array.size + 1,))


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_shapes_are_numpys(data: Any) -> None:
    array = data.draw(hnp.arrays("int64", WHOLE))
    axis = data.draw(st.integers(-array.ndim, array.ndim - 1))
    times = data.draw(st.integers(0, 3))
    pairs: list[tuple[Any, Any]] = [
        (ops.flip(array, axis), np.flip(array, axis)),
        (ops.roll(array, times - 1, axis), np.roll(array, times - 1, axis)),
        (ops.roll(array, 2), np.roll(array, 2)),
        (ops.repeat(array, times, axis), np.repeat(array, times, axis)),
        (ops.repeat(array, times), np.repeat(array, times)),
        (ops.tile(array, (times, 2)), np.tile(array, (times, 2))),
        (ops.moveaxis(array, axis, 0), np.moveaxis(array, axis, 0)),
        (ops.swapaxes(array, axis, 0), np.swapaxes(array, axis, 0)),
        (ops.expand_dims(array, axis), np.expand_dims(array, axis)),
        (ops.squeeze(array), np.squeeze(array)),
        (ops.stack([array, array], axis), np.stack([array, array], axis)),
        (ops.concatenate([array, array], axis), np.concatenate([array, array], axis)),
        (ops.pad(array, ((1, times),) * array.ndim), np.pad(array, ((1, times),) * array.ndim)),
        (ops.diff(array, axis=axis), np.diff(array, axis=axis)),
        (ops.take(array, [0, -1], axis), np.take(array, [0, -1], axis)),
    ]
    for mode in ("reflect", "symmetric", "edge"):
        pairs.append((ops.pad(array, 2, mode), np.pad(array, 2, mode)))
    if array.ndim > 1:
        pairs += [
            (ops.tril(array, times - 1), np.tril(array, times - 1)),
            (ops.triu(array, times - 2), np.triu(array, times - 2)),
            (ops.diagonal(array, times - 1), np.diagonal(array, times - 1)),
            (ops.trace(array), np.trace(array)),
        ]
    for got, wanted in pairs:
        assert got.shape == np.shape(wanted)
        np.testing.assert_array_equal(got.numpy(), wanted)
    for part, wanted in zip(ops.split(array, 1, axis), np.split(array, 1, axis), strict=True):
        np.testing.assert_array_equal(part.numpy(), wanted)
    order = np.argsort(array, axis)
    np.testing.assert_array_equal(
        ops.take_along_axis(array, order, axis).numpy(), np.take_along_axis(array, order, axis)
    )
    values, counts = ops.unique_counts(array)
    for got, wanted in zip((values, counts), np.unique(array, return_counts=True), strict=True):
        np.testing.assert_array_equal(got.numpy(), wanted)
    everything = np.unique(array, return_index=True, return_inverse=True)
    _, first, inverse, _ = ops.unique_all(array)
    np.testing.assert_array_equal(first.numpy(), everything[1])
    np.testing.assert_array_equal(inverse.numpy().reshape(-1), everything[2].reshape(-1))


def test_creation() -> None:
    for got, wanted in (
        (ops.arange(5), np.arange(5)),
        (ops.arange(5, 0, -2), np.arange(5, 0, -2)),
        (ops.linspace(0, 1, 5, dtype="float64"), np.linspace(0, 1, 5)),
        (ops.eye(3, 4, 1), np.eye(3, 4, 1, dtype="float32")),
        (ops.tri(3, 4, -1), np.tri(3, 4, -1, dtype="float32")),
        (ops.full((2, 2), 7), np.full((2, 2), 7)),
        (ops.full_like(np.zeros(3, "uint8"), 9), np.full(3, 9, "uint8")),
        (ops.one_hot([0, 2, 5], 3), np.array([[1, 0, 0], [0, 0, 1], [0, 0, 0]], "float32")),
        (ops.bincount([1, 1, 3]), np.bincount([1, 1, 3])),
        (ops.diag([1, 2], 1), np.diag([1, 2], 1)),
        (ops.argwhere([[0, 1], [2, 0]]), np.argwhere([[0, 1], [2, 0]])),
        (ops.scatter([[1], [1]], [2.0, 3.0], (3,)), np.array([0, 5, 0], "float32")),
        (ops.slice_update(ops.zeros(3), [1], [4.0]), np.array([0, 4, 0], "float32")),
        (ops.array([[1, 2], [3, 4]]), np.array([[1, 2], [3, 4]])),
        (ops.array([2**40], "int64"), np.array([2**40])),
        (ops.array([0.1], "float64"), np.array([0.1])),
        (ops.convert_to_tensor(np.arange(3, dtype="int8"), "int32"), np.arange(3, dtype="int32")),
    ):
        assert got.dtype == wanted.dtype
        np.testing.assert_array_equal(got.numpy(), wanted)
    for xy, wanted in zip(
        ops.meshgrid([1, 2], [3, 4, 5]), np.meshgrid([1, 2], [3, 4, 5]), strict=True
    ):
        np.testing.assert_array_equal(xy.numpy(), wanted)
    values, where = ops.top_k([1.0, 3.0, 2.0], 2)
    assert values.tolist() == [3.0, 2.0]
    assert where.tolist() == [1, 2]


@pytest.mark.parametrize("dtype", DTYPES)
def test_arrays_go_both_ways_without_a_copy(dtype: str) -> None:
    array = np.arange(12).reshape(3, 4).astype(dtype)
    for source in (array, array.T, array[::-1, ::2]):
        tensor = ops.from_numpy(source)
        assert tensor.dtype == dtype
        for back in (
            tensor.numpy(),
            np.asarray(tensor),
            np.from_dlpack(tensor),
            np.asarray(memoryview(tensor)),
        ):
            np.testing.assert_array_equal(back, source)
            assert np.shares_memory(back, array)
        again = ops.from_dlpack(source)
        np.testing.assert_array_equal(again.numpy(), source)
        assert np.shares_memory(again.numpy(), array)


def test_memory_of_others_may_change_and_stays_alive() -> None:
    array = np.zeros(3)
    tensor = ops.from_numpy(array)
    array[1] = 5.0
    assert tensor.tolist() == [0.0, 5.0, 0.0]
    alive = weakref.ref(array)
    view = tensor[1:]
    del array, tensor
    gc.collect()
    assert alive() is not None
    assert view.tolist() == [5.0, 0.0]
    del view
    gc.collect()
    assert alive() is None


def test_read_only_flags() -> None:
    tensor = ops.zeros(3)
    assert not tensor.numpy().flags.writeable
    assert memoryview(tensor).readonly
    assert not np.from_dlpack(tensor).flags.writeable
    assert np.array(tensor).flags.writeable
    frozen = np.zeros(3)
    frozen.flags.writeable = False
    assert not ops.from_numpy(frozen).numpy().flags.writeable
    assert not ops.from_dlpack(ops.from_numpy(frozen)).numpy().flags.writeable
    assert ops.from_numpy(np.zeros(3)).numpy().flags.writeable


def test_dlpack_capsules() -> None:
    tensor = ops.arange(3.0)
    assert tensor.__dlpack_device__() == (1, 0)
    assert "dltensor_versioned" in repr(tensor.__dlpack__(max_version=(1, 0)))
    old = tensor.__dlpack__()
    assert '"dltensor"' in repr(old)
    capsules = lamina._core.ops.from_dlpack
    np.testing.assert_array_equal(capsules(old).numpy(), [0, 1, 2])
    with pytest.raises(TypeError, match="unused"):
        capsules(old)
    copied = (
        np.from_dlpack(tensor, copy=True)
        if np.lib.NumpyVersion(np.__version__) >= "2.1.0"
        else None
    )
    assert copied is None or copied.flags.writeable
    with pytest.raises(ValueError, match="stream"):
        tensor.__dlpack__(stream=1)
    with pytest.raises(BufferError, match="host"):
        tensor.__dlpack__(dl_device=(2, 0))


def test_torch_both_ways() -> None:
    torch = pytest.importorskip("torch")
    theirs = torch.arange(12, dtype=torch.float32).reshape(3, 4)
    mine = ops.from_dlpack(theirs.T)
    assert mine.shape == (4, 3)
    theirs[0, 0] = 9.0
    assert mine[0, 0].item() == 9.0
    back = torch.from_dlpack(ops.from_numpy(np.arange(6.0).reshape(2, 3)))
    assert back.tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]


def test_jax_both_ways() -> None:
    jax = pytest.importorskip("jax")
    theirs = jax.numpy.arange(6, dtype="float32").reshape(2, 3)
    assert ops.from_dlpack(theirs).tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    back = jax.dlpack.from_dlpack(ops.arange(6.0).reshape((2, 3)))
    np.testing.assert_array_equal(np.asarray(back), [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]])


def test_pickle_and_copies() -> None:
    tensor = ops.arange(1000.0).reshape((10, 100))[:, 3:5].T
    for again in (pickle.loads(pickle.dumps(tensor)), copy.deepcopy(tensor), copy.copy(tensor)):
        assert again.dtype == tensor.dtype
        np.testing.assert_array_equal(again.numpy(), tensor.numpy())
    assert len(pickle.dumps(tensor)) < 1000  # not the memory that it is a view of
    assert not np.shares_memory(copy.deepcopy(tensor).numpy(), tensor.numpy())
    assert np.shares_memory(copy.copy(tensor).numpy(), tensor.numpy())


def test_python_protocols() -> None:
    tensor = ops.array([[1, 2], [3, 4]])
    assert len(tensor) == 2
    assert [row.tolist() for row in tensor] == [[1, 2], [3, 4]]
    assert 3 in tensor
    assert float(tensor[0, 0]) == 1.0
    assert int(ops.array([2.7])) == 2
    assert [10, 20][ops.array(1)] == 20
    assert bool(ops.array(2.0))
    assert f"{ops.array(1.25):.1f}" == "1.2"
    assert tensor.T.tolist() == [[1, 3], [2, 4]]
    assert (tensor.shape, tensor.ndim, tensor.size, tensor.nbytes) == ((2, 2), 2, 4, 32)
    assert tensor.__array_namespace__() is ops
    assert isinstance(np.ones(2) + ops.ones(2), lamina.Tensor)
    assert isinstance(np.float64(2.0) * ops.ones(2), lamina.Tensor | np.ndarray)
    assert repr(ops.zeros(2)) == "<Tensor shape=(2,), dtype=float32: [0. 0.]>"
    assert (tensor == None) is False  # noqa: E711
    with pytest.raises(TypeError, match="unhashable"):
        hash(tensor)
    for call, error in (
        (lambda: bool(tensor), ValueError),
        (lambda: float(tensor), TypeError),
        (lambda: [1][ops.array(0.0)], TypeError),
        (lambda: len(ops.array(1)), TypeError),
        (lambda: iter(ops.array(1)), TypeError),
        (lambda: tensor + "a", TypeError),
        (lambda: tensor.__setitem__(0, 1), TypeError),
        (lambda: lamina.Tensor(), TypeError),
    ):
        with pytest.raises(error):
            call()


@pytest.mark.parametrize(
    ("call", "error", "parts"),
    [
        (lambda: ops.ones((2, 3)) + ops.ones(4), ValueError, ("add", "(2, 3)", "(4,)")),
        (lambda: ops.ones((2, 3)) @ ops.ones((2, 3)), ValueError, ("matmul", "(2, 3)")),
        (lambda: ops.sum(ops.ones(3), 1), ValueError, ("sum", "axis=1")),
        (lambda: ops.sum(ops.ones((3, 3)), (0, 0)), ValueError, ("sum", "twice")),
        (lambda: ops.max(ops.ones(0)), ValueError, ("max", "(0,)")),
        (lambda: ops.reshape(ops.ones(3), (2, -1)), ValueError, ("reshape", "(3,)")),
        (lambda: ops.transpose(ops.ones((2, 3)), (0, 0)), ValueError, ("transpose", "(0, 0)")),
        (
            lambda: ops.broadcast_to(ops.ones(3), (2, 4)),
            ValueError,
            ("broadcast_to", "(3,)", "(2, 4)"),
        ),
        (
            lambda: ops.concatenate([ops.ones((2, 3)), ops.ones((2, 4))]),
            ValueError,
            ("concatenate", "(2, 4)"),
        ),
        (lambda: ops.squeeze(ops.ones(3), 0), ValueError, ("squeeze", "(3,)")),
        (lambda: ops.take(ops.ones(3), 3), IndexError, ("3",)),
        (lambda: ops.ones(3)[3], IndexError, ("3", "axis 0")),
        (lambda: ops.ones(3)[0, 0], IndexError, ("too many",)),
        (lambda: ops.ones(3)[[0.5]], IndexError, ("integers",)),
        (lambda: ops.ones((2, 3))[np.ones(3, bool)], IndexError, ("mask",)),
        (lambda: ops.power(ops.array([2]), -1), ValueError, ("power", "negative")),
        (lambda: ops.negative(ops.array([True])), TypeError, ("negative", "bool")),
        (lambda: ops.bitwise_and(ops.ones(2), 1), TypeError, ("bitwise_and", "float32")),
        (lambda: ops.convert_to_tensor(np.ones(2, "complex64")), TypeError, ("complex64",)),
        (lambda: ops.convert_to_tensor(np.ones(2, "int8")), TypeError, ("int8", "uint8")),
        (lambda: ops.convert_to_tensor("text"), TypeError, ()),
        (lambda: ops.convert_to_tensor(object()), TypeError, ()),
        (lambda: ops.zeros((2,), "float16"), TypeError, ("float16",)),
        (lambda: ops.zeros((-1,)), ValueError, ("(-1,)",)),
        (lambda: ops.zeros((2**40, 2**40)), ValueError, ("memory",)),
        (lambda: ops.zeros((1,) * 17), ValueError, ("16",)),
        (lambda: ops.zeros((2**44,)), MemoryError, ()),
        (lambda: ops.arange(0, 1, 0), ValueError, ("step",)),
        (lambda: ops.einsum("ij,jk", ops.ones((2, 3))), ValueError, ("einsum",)),
    ],
)
def test_errors_name_the_function_and_what_was_received(call: Any, error: Any, parts: Any) -> None:
    with pytest.raises(error) as caught:
        call()
    for part in parts:
        assert part in str(caught.value)


def test_floatx_decides_what_integers_become() -> None:
    try:
        lamina.config.set_floatx("float64")
        assert ops.sqrt([1, 4]).dtype == "float64"
        assert ops.zeros(2).dtype == "float64"
        assert ops.convert_to_tensor([0.1]).item() == 0.1
    finally:
        lamina.config.set_floatx("float32")
    assert ops.sqrt([1, 4]).dtype == "float32"


def test_activations_of_tensors_are_those_of_arrays() -> None:
    x = np.linspace(-4, 4, 24, dtype="float32").reshape(2, 3, 4)
    for name in (
        "relu",
        "gelu",
        "silu",
        "elu",
        "selu",
        "softplus",
        "mish",
        "sigmoid",
        "hard_silu",
        "log_sigmoid",
    ):
        plain = getattr(lamina.activations, name)
        got = plain(ops.array(x))
        assert isinstance(got, lamina.Tensor)
        np.testing.assert_array_equal(got.numpy(), plain(x))
    for axis in (-1, 0, 1):
        np.testing.assert_array_equal(
            ops.softmax(x, axis).numpy(), lamina.activations.softmax(x, axis)
        )
    np.testing.assert_array_equal(ops.glu(x).numpy(), lamina.activations.glu(x))


def test_crossentropies() -> None:
    logits = np.array([[1.0, 2.0, 0.5], [0.1, -1.0, 3.0]])
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = np.array([1, 2])
    wanted = -np.log(p[[0, 1], labels])
    for got in (
        ops.sparse_categorical_crossentropy(labels, logits, from_logits=True),
        ops.sparse_categorical_crossentropy(labels, p),
        ops.categorical_crossentropy(np.eye(3)[labels], logits, from_logits=True),
    ):
        np.testing.assert_allclose(got.numpy(), wanted, rtol=1e-12)
    z, t = logits[:, 0], np.array([1.0, 0.0])
    wanted = -(t * np.log(1 / (1 + np.exp(-z))) + (1 - t) * np.log(1 - 1 / (1 + np.exp(-z))))
    np.testing.assert_allclose(
        ops.binary_crossentropy(t, z, from_logits=True).numpy(), wanted, rtol=1e-12
    )
