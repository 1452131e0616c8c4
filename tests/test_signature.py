"""What users may pass for the inputs of a model."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lamina
from lamina import ops
from lamina.graph import tree
from lamina.graph.keras_tensor import KerasTensor
from lamina.graph.signature import Signature

A, B = lamina.Input((4,), name="a"), lamina.Input((1,), name="b", dtype="int32")
ROWS_A, ROWS_B = np.arange(8.0).reshape(2, 4), np.array([[1], [2]])


def values(structure, inputs):
    return [np.asarray(value).tolist() for value in Signature(structure).tensors_of(inputs)]


@pytest.mark.parametrize(
    ("structure", "inputs"),
    [
        ([A, B], [ROWS_A, ROWS_B]),
        ([A, B], (ROWS_A, ROWS_B)),
        ((A, B), [ROWS_A, ROWS_B]),
        ([A, B], {"b": ROWS_B, "a": ROWS_A, "c": 3}),
        ({"a": A, "b": B}, {"a": ROWS_A, "b": ROWS_B, "c": 3}),
        ({"a": A, "b": B}, [ROWS_A, ROWS_B]),
        ([A, B], [ROWS_A, ROWS_B[:, 0]]),
        ([A, B], [ROWS_A[..., None], ROWS_B]),
        ([A, B], [ops.array(ROWS_A), ops.array(ROWS_B)]),
        ([A, [B]], [ROWS_A.tolist(), [ROWS_B.tolist()]]),
    ],
)
def test_several_inputs(structure, inputs):
    assert values(structure, inputs) == [ROWS_A.tolist(), ROWS_B.tolist()]


@pytest.mark.parametrize(
    ("structure", "inputs"),
    [
        (A, ROWS_A),
        (A, [ROWS_A]),
        (A, {"a": ROWS_A}),
        (A, ROWS_A.tolist()),
        ([A], ROWS_A),
        ([A], [ROWS_A]),
        ([A], {"a": ROWS_A}),
        ([A], ROWS_A.tolist()),
        ({"a": A}, ROWS_A),
    ],
)
def test_one_input(structure, inputs):
    assert values(structure, inputs) == [ROWS_A.tolist()]


def test_types_are_those_of_the_inputs():
    first, second = Signature([A, B]).tensors_of([ROWS_A.astype("int64"), ROWS_B])
    assert first.dtype == "float32" and second.dtype == "int32"
    words = Signature(lamina.Input((1,), dtype="string")).tensors_of(np.array(["x", "y"]))[0]
    assert isinstance(words, np.ndarray) and words.shape == (2, 1)
    symbolic = KerasTensor((None, 4))
    assert Signature(A).tensors_of(symbolic)[0] is symbolic
    signature = Signature([A, B])
    assert signature.names == ["a", "b"] and signature.shapes == [(None, 4), (None, 1)]
    assert signature.dtypes == ["float32", "int32"]


@pytest.mark.parametrize(
    ("structure", "inputs", "text"),
    [
        ([A, B], ROWS_A, "Expected: .'a', 'b'.. Received: inputs=ndarray"),
        ([A, B], [ROWS_A], "doesn't match"),
        ([A, B], [ROWS_A, ROWS_B, ROWS_A], "doesn't match"),
        ([A, B], {"a": ROWS_A}, "Missing: .'b'"),
        ({"a": A, "b": B}, {"a": ROWS_A}, "Missing: .'b'"),
        ({"b": B, "a": A}, [ROWS_B, ROWS_A], "doesn't match"),
        ([A, [B]], {"a": ROWS_A}, "doesn't match"),
        (A, ROWS_A[:, :3], r"Expected shape \(None, 4\)"),
        (A, None, "not optional"),
        ([A, B], [ROWS_A, None], "not optional"),
        (A, KerasTensor((None, 3)), "incompatible shape"),
    ],
)
def test_what_does_not_fit_says_so(structure, inputs, text):
    with pytest.raises(ValueError, match=text):
        Signature(structure).tensors_of(inputs)


NESTS = st.recursive(
    st.integers(1, 3),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3),
        st.lists(inner, min_size=1, max_size=3).map(tuple),
        st.dictionaries(st.sampled_from("abc"), inner, min_size=1),
    ),
    max_leaves=5,
)


@given(NESTS)
def test_nests_come_as_they_are(nest):
    structure = tree.map_structure(lambda n: KerasTensor((None, n)), nest)
    inputs = tree.map_structure(lambda n: np.full((2, n), float(n)), nest)
    found = Signature(structure).tensors_of(inputs)
    assert [tuple(x.shape) for x in found] == [(2, n) for n in tree.flatten(nest)]
    packed = tree.pack(structure, found)
    assert tree.map_structure(lambda x: None, packed) == tree.map_structure(lambda x: None, nest)
    assert all(x is y for x, y in zip(tree.flatten(packed), found, strict=True))


@given(NESTS)
def test_flatten_and_pack_are_opposites(nest):
    assert tree.pack(nest, tree.flatten(nest)) == nest
    assert [value for _, value in tree.paths(nest)] == tree.flatten(nest)
    with pytest.raises(ValueError, match="values"):
        tree.pack(nest, [*tree.flatten(nest), 1])
