"""Whatever is thrown at the functions of tensors gives a result or a documented exception.

Run under AddressSanitizer and UndefinedBehaviorSanitizer too (CONTRIBUTING.md).
"""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import lamina
from lamina import ops

ERRORS = (ValueError, TypeError, IndexError, OverflowError, MemoryError, BufferError)
NOT_CALLED = ("DType", "newaxis", "e", "pi", "inf", "nan", "bool", "array_api")
FUNCTIONS = sorted(
    name
    for name in ops.__all__
    if callable(getattr(ops, name)) and not name.startswith("__") and name not in NOT_CALLED
)
NUMBERS = st.one_of(
    st.integers(-4, 6),
    st.sampled_from([2**62, -(2**62), 2**63 - 1, -(2**63), 2**63, 2**70, 10**400]),
    st.sampled_from([0.0, -0.0, 0.5, 1e308, -1e-320, float("nan"), float("inf"), float("-inf")]),
)
SHAPES = st.lists(st.integers(0, 4), max_size=4).map(tuple)
TYPES = st.sampled_from(["bool", "uint8", "int32", "int64", "float32", "float64"])


@st.composite
def tensors(draw: Any) -> lamina.Tensor:
    shape, dtype = draw(SHAPES), draw(TYPES)
    fill = draw(st.sampled_from([0, 1, -3, 7, 255, 2**31 - 1, -(2**62)]))
    count = int(np.prod(shape, dtype=np.int64))
    with np.errstate(all="ignore"):
        data = (np.arange(count, dtype=np.int64) * 3 + fill).astype(dtype).reshape(shape)
    if dtype.startswith("float") and count:
        data.reshape(-1)[:: draw(st.integers(1, 3))] = draw(
            st.sampled_from([np.nan, np.inf, -np.inf, -0.0, 1e-45, 0.25])
        )
    x = ops.array(data)
    for _ in range(draw(st.integers(0, 2))):
        if x.ndim:
            x = draw(st.sampled_from([x[::-1], x[..., ::2], ops.transpose(x), x[None], x[1:]]))
    return x


THINGS = st.one_of(
    tensors(),
    tensors(),
    NUMBERS,
    SHAPES,
    TYPES,
    st.none(),
    st.booleans(),
    st.sampled_from(["", "ij,jk->ik", "i...->...", "add", "edge", "left", object(), b"x", {}, 1j]),
    st.lists(st.one_of(NUMBERS, tensors()), max_size=3),
    st.tuples(NUMBERS, NUMBERS),
)


@settings(
    max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
@given(st.data())
def test_functions_give_a_result_or_an_exception(data: Any) -> None:
    name = data.draw(st.sampled_from(FUNCTIONS))
    function = getattr(ops, name)
    parameters = inspect.signature(function).parameters.values()
    needed = sum(
        p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        for p in parameters
    )
    arguments = [data.draw(tensors())] if data.draw(st.booleans()) else []
    count = data.draw(st.integers(needed, max(needed, len(parameters))))
    while len(arguments) < count:
        arguments.append(data.draw(THINGS))
    try:
        result = function(*arguments)
    except ERRORS as error:
        assert str(error) or isinstance(error, MemoryError)
        return
    for part in result if isinstance(result, (tuple, list)) else [result]:
        if isinstance(part, lamina.Tensor):
            np.asarray(part).sum(dtype="float64")  # every element can be read
            repr(part)


INDICES = st.one_of(
    st.integers(-5, 5),
    st.slices(4),
    st.none(),
    st.just(...),
    tensors(),
    st.lists(st.integers(-4, 4), max_size=3),
    st.sampled_from(
        [2**63, -(2**70), True, False, 1.5, "a", np.int8(1), slice(2**70, None, -(2**65))]
    ),
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(tensors(), st.one_of(INDICES, st.lists(INDICES, max_size=4).map(tuple)))
def test_any_index(x: lamina.Tensor, index: Any) -> None:
    try:
        got = x[index]
    except ERRORS:
        return
    plain = tuple(i.numpy() if isinstance(i, lamina.Tensor) else i for i in _items(index))
    np.testing.assert_array_equal(got.numpy(), x.numpy()[plain])


def _items(index: Any) -> tuple[Any, ...]:
    return index if isinstance(index, tuple) else (index,)
