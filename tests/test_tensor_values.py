"""Values of the functions on tensors against NumPy in float64, over any shape and stride."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lamina import ops

Array = np.ndarray[Any, Any]
DTYPES = ("bool", "uint8", "int32", "int64", "float32", "float64")
FLOATS = ("float32", "float64")
MANY = settings(max_examples=60, deadline=None)
FEW = settings(max_examples=25, deadline=None)

shapes = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5)


def arrays(dtype: str, shape: Any = shapes, special: bool = True) -> st.SearchStrategy[Array]:
    if dtype in FLOATS:
        width = 32 if dtype == "float32" else 64
        if special:
            elements = st.one_of(
                st.sampled_from([0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan, 0.5, 2.5]),
                st.floats(-100, 100, width=width),
            )
        else:
            elements = st.floats(-10, 10, width=width)
        return hnp.arrays(dtype, shape, elements=elements)
    return hnp.arrays(dtype, shape)


@st.composite
def viewed(draw: Any, dtype: str, special: bool = True) -> tuple[Array, Any]:
    """An array and a tensor of the same elements; both may be views with odd strides."""
    array = draw(arrays(dtype, special=special))
    for axis in range(array.ndim):
        step = draw(st.sampled_from([1, 1, 2, -1, -2]))
        where = [slice(None)] * array.ndim
        where[axis] = slice(None, None, step)
        array = array[tuple(where)]
    if draw(st.booleans()):
        array = array.transpose(draw(st.permutations(range(array.ndim))))
    return array, ops.from_numpy(array)


def numpy_result(function: Any, *arguments: Any) -> Any:
    with np.errstate(all="ignore"):
        return function(*arguments)


def check(got: Any, wanted: Any, ulps: float = 0.0) -> None:
    """Equal values and shapes; floating-point ones within so many units in the last place."""
    result, wanted = got.numpy(), np.asarray(wanted)
    assert result.shape == wanted.shape
    if result.dtype.kind != "f":
        np.testing.assert_array_equal(result, wanted)
        return
    with np.errstate(all="ignore"):
        rounded = wanted.astype(result.dtype)
        spacing = np.abs(np.spacing(rounded)).astype(np.float64)
        near = np.abs(result.astype(np.float64) - wanted) <= ulps * spacing
    same = (result == rounded) | (np.isnan(result) & np.isnan(rounded)) | near
    assert same.all(), (result[~same], wanted[~same])


EXACT_BINARY = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "equal": np.equal,
    "not_equal": np.not_equal,
    "less": np.less,
    "less_equal": np.less_equal,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
    "floor_divide": np.floor_divide,
    "mod": np.mod,
    "divide": np.divide,
}


@pytest.mark.parametrize("name", EXACT_BINARY)
@MANY
@given(st.data())
def test_arithmetic_is_numpys(name: str, data: Any) -> None:
    dtype = data.draw(st.sampled_from(DTYPES))
    x, tx = data.draw(viewed(dtype))
    y = data.draw(arrays(dtype, hnp.broadcastable_shapes(x.shape, max_dims=4, max_side=5)))
    if dtype == "bool" and name in ("subtract",):
        with pytest.raises(TypeError):
            getattr(ops, name)(tx, y)
        return
    with np.errstate(all="ignore"):
        if name == "divide" and dtype not in FLOATS:
            wanted: Any = np.divide(x.astype("float32"), y.astype("float32"))
        elif dtype == "bool" and name in ("floor_divide", "mod"):
            wanted = EXACT_BINARY[name](x.astype("uint8"), y.astype("uint8"))
        else:
            wanted = EXACT_BINARY[name](x, y)
    got = getattr(ops, name)(tx, ops.from_numpy(y))
    check(got, wanted)
    assert got.dtype == wanted.dtype
    if wanted.dtype.kind == "f" and name not in ("maximum", "minimum"):
        zero = (wanted == 0) & (got.numpy() == 0)
        np.testing.assert_array_equal(np.signbit(got.numpy())[zero], np.signbit(wanted)[zero])


UNARY = {
    "negative": (np.negative, 0.0),
    "absolute": (np.abs, 0.0),
    "sign": (np.sign, 0.0),
    "square": (np.square, 0.51),
    "sqrt": (np.sqrt, 0.51),
    "rsqrt": (lambda x: 1 / np.sqrt(x), 1.5),  # two roundings: of the root up to 1, of 1 / root 1/2
    "reciprocal": (lambda x: 1 / x, 0.51),
    "exp": (np.exp, 1.0),
    "expm1": (np.expm1, 1.1),
    "log": (np.log, 1.0),
    "log1p": (np.log1p, 1.1),
    "log2": (np.log2, 0.6),
    "log10": (np.log10, 0.6),
    "sin": (np.sin, 1.0),
    "cos": (np.cos, 1.0),
    "tan": (np.tan, 2.0),
    "sinh": (np.sinh, 2.5),
    "cosh": (np.cosh, 2.5),
    "tanh": (np.tanh, 1.5),
    "arcsin": (np.arcsin, 2.0),
    "arccos": (np.arccos, 2.0),
    "arctan": (np.arctan, 0.7),
    "arcsinh": (np.arcsinh, 3.0),
    "arccosh": (np.arccosh, 3.0),
    "arctanh": (np.arctanh, 3.0),
    "erf": (np.vectorize(math.erf, otypes=[np.float64]), 1.0),
    "floor": (np.floor, 0.0),
    "ceil": (np.ceil, 0.0),
    "trunc": (np.trunc, 0.0),
    "round": (np.round, 0.0),
    "isfinite": (np.isfinite, 0.0),
    "isinf": (np.isinf, 0.0),
    "isnan": (np.isnan, 0.0),
    "logical_not": (np.logical_not, 0.0),
}


@pytest.mark.parametrize("name", UNARY)
@FEW
@given(st.data())
def test_functions_are_numpys(name: str, data: Any) -> None:
    function, ulps = UNARY[name]
    x, tx = data.draw(viewed("float32"))
    got = getattr(ops, name)(tx)
    check(got, numpy_result(function, x.astype(np.float64)), ulps)
    # float64 within what float64 itself can tell: NumPy's own error beside lamina's.
    y, ty = data.draw(viewed("float64"))
    check(getattr(ops, name)(ty), numpy_result(function, y), 2 * ulps + 2 if ulps else 0.0)


def test_new_elementary_functions_over_their_range() -> None:
    """The largest errors that the comments of the headers promise, on a grid of each binade."""
    exponents = np.linspace(-126, 126.9, 20000)
    x = (2.0**exponents).astype(np.float32)
    x = np.concatenate([x, -x, np.float32([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan])])
    unit = np.linspace(-1, 1, 40001).astype(np.float32)
    bounds = {
        "arctan": (np.arctan, x, 0.62),
        "tan": (np.tan, x, 2.0),
        "sinh": (np.sinh, x, 2.5),
        "cosh": (np.cosh, x, 2.5),
        "arcsinh": (np.arcsinh, x, 2.5),
        "arccosh": (np.arccosh, x, 2.5),
        "arcsin": (np.arcsin, unit, 1.7),
        "arccos": (np.arccos, unit, 1.7),
        "arctanh": (np.arctanh, unit, 2.5),
        "log2": (np.log2, x, 0.52),
        "log10": (np.log10, x, 0.52),
    }
    for name, (function, where, ulps) in bounds.items():
        check(getattr(ops, name)(where), numpy_result(function, where.astype(np.float64)), ulps)
    for power in range(-37, 38):
        assert ops.log10(np.float64(10.0**power)).item() == power
    assert ops.log2(np.float64(2.0**-1074)).item() == -1074


@FEW
@given(st.data())
def test_arctan2_and_power(data: Any) -> None:
    x, tx = data.draw(viewed("float32"))
    y = data.draw(arrays("float32", hnp.broadcastable_shapes(x.shape, max_dims=4, max_side=5)))
    wide, other = x.astype(np.float64), y.astype(np.float64)
    got = ops.arctan2(tx, y)
    check(got, numpy_result(np.arctan2, wide, other), 0.62)
    assert (np.signbit(got.numpy()) == np.signbit(np.arctan2(wide, other)))[~np.isnan(got)].all()
    # For an exponent 0.5 that is the same all along its loop NumPy takes the root: NaN of minus
    # infinity, where pow() is infinite.
    wanted = numpy_result(np.power, wide, other)
    wanted = np.where(np.isneginf(wide) & (other == 0.5), np.inf, wanted)
    check(ops.power(tx, y), wanted, 1.0)


@FEW
@given(st.data())
def test_integer_power_and_bits(data: Any) -> None:
    dtype = data.draw(st.sampled_from(["uint8", "int32", "int64"]))
    x = data.draw(arrays(dtype))
    exponent = data.draw(st.integers(0, 9))
    with np.errstate(all="ignore"):
        check(ops.power(x, exponent), x ** np.array(exponent, dtype))
    y = data.draw(arrays(dtype, st.just(x.shape)))
    for name in ("bitwise_and", "bitwise_or", "bitwise_xor"):
        check(getattr(ops, name)(x, y), getattr(np, name)(x, y))
    check(ops.bitwise_not(x), np.invert(x))
    shift = data.draw(st.integers(0, 7))
    check(ops.left_shift(x, shift), np.left_shift(x, np.array(shift, dtype)))
    check(ops.right_shift(x, shift), np.right_shift(x, np.array(shift, dtype)))


def test_promotion_is_the_standards_table() -> None:
    order = {name: place for place, name in enumerate(DTYPES)}
    for a in DTYPES:
        for b in DTYPES:
            got = ops.add(ops.zeros(2, a), ops.zeros(2, b)).dtype
            kinds = {np.dtype(a).kind, np.dtype(b).kind}
            if kinds <= {"b", "i", "u"} or kinds == {"f"}:
                assert got == np.result_type(a, b)
            else:  # the standard leaves it open
                assert got == max((a, b), key=order.__getitem__)
            assert ops.result_type(a, b) == got


def test_python_numbers_take_the_type_of_what_they_meet() -> None:
    for dtype in DTYPES[1:]:
        assert (ops.ones(2, dtype) + 1).dtype == dtype
    assert (ops.ones(2, "bool") + 1).dtype == "int64"
    assert (ops.ones(2, "int64") * 0.5).dtype == "float32"
    assert (0.5 * ops.ones(2, "float64")).dtype == "float64"
    with pytest.raises(OverflowError, match="300"):
        ops.ones(2, "uint8") + 300


REDUCTIONS = {
    "sum": np.sum,
    "prod": np.prod,
    "max": np.max,
    "min": np.min,
    "mean": np.mean,
    "var": np.var,
    "std": np.std,
    "any": np.any,
    "all": np.all,
    "count_nonzero": np.count_nonzero,
}


@pytest.mark.parametrize("name", REDUCTIONS)
@FEW
@given(st.data())
def test_reductions_are_numpys(name: str, data: Any) -> None:
    dtype = data.draw(st.sampled_from(DTYPES))
    x, tx = data.draw(viewed(dtype, special=name in ("max", "min", "any", "all", "count_nonzero")))
    axes = data.draw(
        st.lists(st.integers(-x.ndim, x.ndim - 1), max_size=x.ndim) if x.ndim else st.just([])
    )
    axes = list({a % x.ndim: a for a in axes}.values())
    axis = data.draw(st.sampled_from([None, tuple(axes)]))
    keepdims = data.draw(st.booleans())
    function = getattr(ops, name)
    if name in ("max", "min") and x.size == 0:
        count = x.size if axis is None else math.prod(x.shape[a] for a in axis)
        rest = (
            1
            if axis is None
            else math.prod(n for i, n in enumerate(x.shape) if i not in {a % x.ndim for a in axis})
        )
        if count == 0 and rest > 0:
            with pytest.raises(ValueError, match=name):
                function(tx, axis=axis, keepdims=keepdims)
        return
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wide = x.astype(np.float64) if x.dtype.kind == "f" or name in ("mean", "var", "std") else x
        wanted = REDUCTIONS[name](wide, axis=axis, keepdims=keepdims)
    got = function(tx, axis=axis, keepdims=keepdims)
    if x.dtype.kind == "f" or name in ("mean", "var", "std"):
        assert got.shape == np.shape(wanted)
        scale = 1e-5 if got.dtype == "float32" else 1e-12
        atol = np.float64(scale * 1e3)
        if x.dtype.kind != "f" and x.size:
            # Integers, and so their mean, are rounded: to within some units of the largest one.
            off = 4 * np.finfo(str(got.dtype)).eps * np.abs(x.astype(np.float64)).max()
            with np.errstate(all="ignore"):
                spread = np.nanmax(np.sqrt(wanted), initial=0.0) if name == "var" else 0.0
            atol += off * (off + 2 * spread) if name == "var" else off
        np.testing.assert_allclose(got.numpy(), wanted, rtol=scale, atol=atol, equal_nan=True)
    elif name in ("sum", "prod"):
        assert got.dtype == "int64"
        check(got, np.asarray(wanted).astype(np.int64))  # NumPy's may be uint64: the same bits
    else:
        check(got, wanted)


@FEW
@given(st.data())
def test_positions_of_extremes_and_orders(data: Any) -> None:
    dtype = data.draw(st.sampled_from(DTYPES))
    x, tx = data.draw(viewed(dtype))
    if x.ndim == 0 or x.size == 0:
        return
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    check(ops.argmax(tx, axis=axis), np.argmax(x, axis=axis))
    check(ops.argmin(tx, axis=axis), np.argmin(x, axis=axis))
    check(ops.argmax(tx), np.argmax(x))
    check(ops.sort(tx, axis=axis), np.sort(x, axis=axis))
    check(ops.argsort(tx, axis=axis), np.argsort(x, axis=axis, kind="stable"))
    with np.errstate(all="ignore"):
        if x.dtype.kind != "f":
            check(ops.cumsum(tx, axis=axis), np.cumsum(x, axis=axis, dtype=np.int64))
            check(ops.cumprod(tx, axis=axis), np.cumprod(x, axis=axis, dtype=np.int64))
        else:
            check(ops.cumsum(tx, axis=axis), np.cumsum(x, axis=axis, dtype=x.dtype))
    flat = np.sort(x.reshape(-1))
    for side in ("left", "right"):
        check(ops.searchsorted(flat, tx, side), np.searchsorted(flat, x, side))


@FEW
@given(st.data())
def test_where_clip_and_cast(data: Any) -> None:
    dtype = data.draw(st.sampled_from(DTYPES))
    x, tx = data.draw(viewed(dtype))
    condition = data.draw(
        hnp.arrays("bool", hnp.broadcastable_shapes(x.shape, max_dims=4, max_side=5))
    )
    y = data.draw(arrays(dtype, hnp.broadcastable_shapes(x.shape, max_dims=4, max_side=5)))
    try:
        wanted = np.where(condition, x, y)
    except ValueError:
        with pytest.raises(ValueError, match="where"):
            ops.where(condition, tx, y)
        return
    check(ops.where(condition, tx, y), wanted)
    for other in DTYPES:
        if x.dtype.kind == "f" and np.dtype(other).kind in "iu":
            continue  # what does not fit is undefined there: below
        check(ops.cast(tx, other), numpy_result(x.astype, other))


def test_casts_that_numpy_leaves_open() -> None:
    x = [math.nan, math.inf, -math.inf, 1e30, -1e30, 2.9, -2.9, 300.0]
    big = 2**31 - 1, 2**63 - 1
    for wide in FLOATS:
        t = ops.array(x, wide)
        assert ops.cast(t, "uint8").tolist() == [0, 255, 0, 255, 0, 2, 0, 255]
        assert ops.cast(t, "int32").tolist() == [
            0,
            big[0],
            -big[0] - 1,
            big[0],
            -big[0] - 1,
            2,
            -2,
            300,
        ]
        assert ops.cast(t, "int64").tolist() == [
            0,
            big[1],
            -big[1] - 1,
            big[1],
            -big[1] - 1,
            2,
            -2,
            300,
        ]
    assert ops.cast(ops.array([math.nan, 0.0, -0.0, 2.0]), "bool").tolist() == [
        True,
        False,
        False,
        True,
    ]


@FEW
@given(st.data())
def test_matrix_products(data: Any) -> None:
    dtype = data.draw(st.sampled_from(["bool", "uint8", "int32", "int64", "float32", "float64"]))
    rank = data.draw(st.integers(1, 2))
    other = data.draw(st.integers(1, 2))
    m, k, n = (data.draw(st.integers(0, 5)) for _ in range(3))
    batch = data.draw(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=2, max_side=3))
    shape_1 = (k,) if rank == 1 else (*batch.input_shapes[0], m, k)
    shape_2 = (k,) if other == 1 else (*batch.input_shapes[1], k, n)
    x = data.draw(arrays(dtype, st.just(shape_1), special=False))
    y = data.draw(arrays(dtype, st.just(shape_2), special=False))
    wanted = numpy_result(np.matmul, x.astype(np.float64) if x.dtype.kind == "f" else x, y)
    tx, ty = ops.from_numpy(x), ops.from_numpy(y)
    if rank == 2 and data.draw(st.booleans()):
        tx = ops.from_numpy(np.ascontiguousarray(x.swapaxes(-1, -2))).mT
    if other == 2 and data.draw(st.booleans()):
        ty = ops.from_numpy(np.ascontiguousarray(y.swapaxes(-1, -2))).mT
    got = tx @ ty
    assert got.shape == wanted.shape
    np.testing.assert_allclose(got.numpy(), wanted, rtol=1e-4, atol=1e-4)
    if x.dtype.kind != "f":
        np.testing.assert_array_equal(got.numpy(), wanted)


EINSUMS = [
    ("ij,jk->ik", [(3, 4), (4, 2)]),
    ("ij,kj->ik", [(3, 4), (2, 4)]),
    ("bij,bjk->bik", [(2, 3, 4), (2, 4, 5)]),
    ("ij->ji", [(3, 4)]),
    ("ij->", [(3, 4)]),
    ("ii->i", [(3, 3)]),
    ("ii", [(3, 3)]),
    ("i,j->ij", [(3,), (4,)]),
    ("i,i", [(3,), (3,)]),
    ("...ij,...jk->...ik", [(2, 1, 3, 4), (5, 4, 2)]),
    ("bhqd,bhkd->bhqk", [(2, 3, 4, 5), (2, 3, 6, 5)]),
    ("ij,jk,kl->il", [(2, 3), (3, 4), (4, 5)]),
    ("ij,j", [(2, 3), (3,)]),
    ("ba,ca", [(2, 3), (4, 3)]),
    ("ijk,k->ij", [(2, 3, 4), (4,)]),
    ("ij,k->i", [(2, 3), (4,)]),
    ("i...,i...->...", [(2, 3, 4), (2, 3, 4)]),
    ("ij,ij->ij", [(2, 1), (2, 3)]),
]


@pytest.mark.parametrize(("subscripts", "extents"), EINSUMS)
def test_einsum(subscripts: str, extents: list[tuple[int, ...]]) -> None:
    draw = np.random.default_rng(0)
    xs = [draw.normal(size=shape) for shape in extents]
    got = ops.einsum(subscripts, *xs)
    wanted = np.einsum(subscripts, *xs)
    assert got.shape == wanted.shape
    np.testing.assert_allclose(got.numpy(), wanted, rtol=1e-12, atol=1e-12)


def test_other_products() -> None:
    draw = np.random.default_rng(1)
    x, y = draw.normal(size=(2, 3, 4)), draw.normal(size=(4, 3, 5))
    for axes in (0, ((1, 2), (1, 0)), ((2,), (0,)), ([-1], [0])):
        np.testing.assert_allclose(
            ops.tensordot(x, y, axes).numpy(), np.tensordot(x, y, axes), rtol=1e-12, atol=1e-12
        )
    z = draw.normal(size=(2, 3, 4))
    np.testing.assert_allclose(ops.vecdot(x, z).numpy(), (x * z).sum(-1), rtol=1e-12)
    np.testing.assert_allclose(ops.outer(x, z).numpy(), np.outer(x, z))
    np.testing.assert_allclose(ops.inner(x, z).numpy(), np.inner(x, z), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(
        ops.dot(x, y[:, 0]).numpy(), np.dot(x, y[:, 0]), rtol=1e-12, atol=1e-14
    )
    three = draw.normal(size=(5, 3)), draw.normal(size=(5, 3))
    np.testing.assert_allclose(ops.cross(*three).numpy(), np.cross(*three), rtol=1e-12, atol=1e-14)
    a, b = three[0].reshape(1, -1, 3), np.moveaxis(three[1].reshape(1, -1, 3), 2, 0)
    np.testing.assert_allclose(
        ops.cross(a, b, axisb=0, axisc=1).numpy(),
        np.cross(a, b, axisb=0, axisc=1),
        rtol=1e-12,
        atol=1e-14,
    )
    with pytest.raises(ValueError, match="3 elements"):
        ops.cross(np.ones((3, 2)), np.ones((3, 2)))
    assert ops.arange(2, 8, None).tolist() == [2, 3, 4, 5, 6, 7]
    assert ops.isin([1, 2, 3], [2], False, True).tolist() == [True, False, True]


@FEW
@given(st.data())
def test_logsumexp_and_softmax(data: Any) -> None:
    x = data.draw(
        arrays("float64", hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=5))
    )
    x = np.where(np.isnan(x), 1.0, x)
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    with np.errstate(all="ignore"):
        wanted = np.logaddexp.reduce(x, axis=axis)
    np.testing.assert_allclose(ops.logsumexp(x, axis).numpy(), wanted, rtol=1e-12, atol=1e-12)
    if np.isfinite(x).all():
        e = np.exp(x - x.max(axis, keepdims=True))
        np.testing.assert_allclose(
            ops.softmax(x, axis).numpy(), e / e.sum(axis, keepdims=True), rtol=1e-11, atol=1e-300
        )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("endpoint", [True, False])
def test_linspace_is_numpys(dtype: str, endpoint: bool) -> None:
    assert float(ops.linspace(-5.0, 5.0, 101)[50]) == 0.0
    ranges = [(-5.0, 5.0, 101), (0.1, 0.7, 13), (3.0, -1e5, 77), (0.0, 5e-324, 7), (2.0, 9.0, 1)]
    for start, stop, count in [*ranges, (2.0, 9.0, 0), (4.0, 4.0, 5)]:
        expected = np.linspace(start, stop, count, endpoint=endpoint, dtype=dtype)
        actual = ops.linspace(start, stop, count, endpoint=endpoint, dtype=dtype)
        np.testing.assert_array_equal(actual.numpy(), expected)
