"""Activations against float64 NumPy formulas that share no code with lamina."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lamina import _core

Array = np.ndarray[Any, Any]
Function = Callable[[Array], Array]

_erf: Function = np.vectorize(math.erf, otypes=[np.float64])
_erfc: Function = np.vectorize(math.erfc, otypes=[np.float64])


def _sigmoid(x: Array) -> Array:
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, e) / (1.0 + e)


def _softplus(x: Array) -> Array:
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))


def _relu(slope: float, maximum: float, threshold: float) -> Function:
    def f(x: Array) -> Array:
        above = np.where(x > threshold, x, 0.0)
        if maximum < math.inf:
            above = np.clip(above, 0.0, maximum)
        return above - slope * np.maximum(threshold - x, 0.0)

    return f


def _elu(alpha: float) -> Function:
    return lambda x: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0.0)))


def _celu(alpha: float) -> Function:
    return lambda x: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0.0) / alpha))


def _gelu_tanh(x: Array) -> Array:
    return 0.5 * x * (1.0 + np.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3)))


# Label: the arguments of _core.Activation, the formula, and where it has kinks.
CASES: dict[str, tuple[tuple[Any, ...], Function, tuple[float, ...]]] = {
    "linear": (("linear",), lambda x: x, ()),
    "relu": (("relu", 0.0, math.inf, 0.0), _relu(0.0, math.inf, 0.0), (0.0,)),
    "relu(max=2)": (("relu", 0.0, 2.0, 0.0), _relu(0.0, 2.0, 0.0), (0.0, 2.0)),
    "relu(slope=.25)": (("relu", 0.25, math.inf, 0.0), _relu(0.25, math.inf, 0.0), (0.0,)),
    "relu(slope=-.5)": (("relu", -0.5, math.inf, 0.0), _relu(-0.5, math.inf, 0.0), (0.0,)),
    "relu(threshold=1)": (("relu", 0.0, math.inf, 1.0), _relu(0.0, math.inf, 1.0), (1.0,)),
    "relu(.5, 4, 1.5)": (("relu", 0.5, 4.0, 1.5), _relu(0.5, 4.0, 1.5), (1.5, 4.0)),
    "relu(.5, 4, -1)": (("relu", 0.5, 4.0, -1.0), _relu(0.5, 4.0, -1.0), (-1.0, 0.0, 4.0)),
    "relu6": (("relu6",), _relu(0.0, 6.0, 0.0), (0.0, 6.0)),
    "leaky_relu": (("leaky_relu", 0.25), _relu(0.25, math.inf, 0.0), (0.0,)),
    "elu": (("elu", 1.0), _elu(1.0), (0.0,)),
    "elu(.5)": (("elu", 0.5), _elu(0.5), (0.0,)),
    "elu(-.5)": (("elu", -0.5), _elu(-0.5), (0.0,)),
    "selu": (
        ("selu",),
        lambda x: 1.0507009873554805 * _elu(1.6732632423543772)(x),
        (0.0,),
    ),
    "celu": (("celu", 1.0), _celu(1.0), (0.0,)),
    "celu(2)": (("celu", 2.0), _celu(2.0), (0.0,)),
    "sigmoid": (("sigmoid",), _sigmoid, ()),
    "hard_sigmoid": (("hard_sigmoid",), lambda x: np.clip(x / 6.0 + 0.5, 0.0, 1.0), (-3.0, 3.0)),
    "tanh": (("tanh",), np.tanh, ()),
    "softplus": (("softplus",), _softplus, ()),
    "softsign": (("softsign",), lambda x: x / (1.0 + np.abs(x)), (0.0,)),
    "silu": (("silu",), lambda x: x * _sigmoid(x), ()),
    "gelu": (("gelu",), lambda x: 0.5 * x * _erfc(-x / math.sqrt(2.0)), ()),
    "gelu_tanh": (("gelu_tanh",), _gelu_tanh, ()),
    "mish": (("mish",), lambda x: x * np.tanh(_softplus(x)), ()),
    "exponential": (("exponential",), np.exp, ()),
}
# x -> -inf, x -> inf.
LIMITS = {
    "linear": (-math.inf, math.inf),
    "relu": (0.0, math.inf),
    "relu(max=2)": (0.0, 2.0),
    "relu(slope=.25)": (-math.inf, math.inf),
    "relu(threshold=1)": (0.0, math.inf),
    "relu6": (0.0, 6.0),
    "leaky_relu": (-math.inf, math.inf),
    "elu": (-1.0, math.inf),
    "celu(2)": (-2.0, math.inf),
    "sigmoid": (0.0, 1.0),
    "hard_sigmoid": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "softplus": (0.0, math.inf),
    "softsign": (-1.0, 1.0),
    "silu": (0.0, math.inf),
    "gelu": (0.0, math.inf),
    "gelu_tanh": (0.0, math.inf),
    "mish": (0.0, math.inf),
    "exponential": (0.0, math.inf),
}
RELATIVE = {np.float32: 2e-6, np.float64: 2e-14}

dtypes = st.sampled_from([np.float32, np.float64])
shapes = st.one_of(
    st.tuples(st.integers(0, 70)),
    hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=19),
)


@st.composite
def arrays(draw: st.DrawFn, bound: float = 30.0, shape: Any = shapes) -> Array:
    """Numbers of [-bound, bound], drawn by a seed so that large arrays are cheap."""
    dtype = draw(dtypes)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = rng.uniform(-bound, bound, draw(shape)).astype(dtype)
    special = draw(hnp.arrays(dtype, 3, elements=st.floats(-bound, bound, width=32)))
    flat = x.reshape(-1)
    flat[: min(3, flat.size)] = special[: flat.size]
    return x


def _activation(name: str) -> Any:
    return _core.Activation(*CASES[name][0])


def _slopes(activation: Any, x: Array, dy: Array) -> Array:
    from_output = _core.derivative_from(activation) == "output"
    saved = _core.activate(activation, x) if from_output else x
    dx: Array = _core.activate_backward(activation, saved, dy)
    return dx


def _same_bits(a: Array, b: Array) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


@pytest.mark.parametrize("name", CASES)
@given(x=arrays())
def test_values(name: str, x: Array) -> None:
    y = _core.activate(_activation(name), x)
    assert y.dtype == x.dtype and y.shape == x.shape
    expected = CASES[name][1](x.astype(np.float64))
    tolerance = RELATIVE[x.dtype.type]
    # Relative where the function has no cancellation of its own in this reference.
    scale = np.maximum(np.abs(expected), 1.0 if name != "exponential" else 0.0)
    assert np.all(np.abs(y - expected) <= tolerance * scale * 2.0)


@pytest.mark.parametrize("name", CASES)
@given(seed=st.integers(0, 2**32 - 1))
def test_derivatives_by_central_differences(name: str, seed: int) -> None:
    arguments, function, kinks = CASES[name]
    h = 1e-4
    x = np.random.default_rng(seed).uniform(-8.0, 8.0, 50)
    for kink in kinks:
        x = x[np.abs(x - kink) > 3 * h]
    near, far = function(x + h) - function(x - h), function(x + 2 * h) - function(x - 2 * h)
    expected = (8.0 * near - far) / (12.0 * h)
    got = _slopes(_core.Activation(*arguments), x, np.ones_like(x))
    assert np.all(np.abs(got - expected) <= 1e-7 * np.maximum(1.0, np.abs(expected)))


@pytest.mark.parametrize("name", CASES)
@given(x=arrays(bound=8.0))
def test_float32_derivatives_follow_float64(name: str, x: Array) -> None:
    dy = np.linspace(-2.0, 3.0, x.size).reshape(x.shape).astype(x.dtype)
    wide = _slopes(_activation(name), x.astype(np.float64), dy.astype(np.float64))
    got = _slopes(_activation(name), x, dy)
    near_kink = np.zeros(x.shape, bool)
    for kink in CASES[name][2]:
        near_kink |= np.abs(x - kink) < 1e-6
    error = np.abs(got - wide) / np.maximum(1.0, np.abs(wide))
    assert got.dtype == x.dtype
    assert np.all(error[~near_kink] <= 4e-6)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_element_does_not_depend_on_its_place(name: str, dtype: Any) -> None:
    activation = _activation(name)
    x = np.random.default_rng(3).normal(0, 4, 211).astype(dtype)
    y = _core.activate(activation, x)
    for i in range(0, 211, 7):
        assert _same_bits(_core.activate(activation, x[i : i + 1]), y[i : i + 1])
    assert _same_bits(_core.activate(activation, x[::-1]), y[::-1].copy())
    assert _same_bits(
        _core.activate(activation, x[:210].reshape(15, 14).T), y[:210].reshape(15, 14).T.copy()
    )
    frozen = x.copy()
    frozen.flags.writeable = False
    assert _same_bits(_core.activate(activation, frozen), y)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_not_a_number_stays_one(name: str, dtype: Any) -> None:
    y = _core.activate(_activation(name), np.array([1.0, np.nan, -1.0], dtype))
    assert list(np.isnan(y)) == [False, True, False]


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_limits(name: str, dtype: Any) -> None:
    x = np.array([-np.inf, np.inf], dtype)
    assert tuple(_core.activate(_activation(name), x)) == LIMITS[name]


def test_derivatives_at_kinks() -> None:
    def slope(name: str, x: float) -> float:
        return float(_slopes(_activation(name), np.array([x]), np.ones(1))[0])

    assert slope("relu", 0.0) == 0.0
    assert slope("relu6", 6.0) == 0.0
    assert slope("leaky_relu", 0.0) == 0.25
    assert slope("elu(.5)", 0.0) == 0.5
    assert slope("hard_sigmoid", 3.0) == 0.0


def test_what_derivatives_are_computed_from() -> None:
    for name in ("relu", "relu6", "leaky_relu", "elu", "selu", "sigmoid", "tanh", "softplus"):
        assert _core.derivative_from(_activation(name)) == "output"
    for name in ("silu", "gelu", "gelu_tanh", "mish", "relu(threshold=1)", "elu(-.5)"):
        assert _core.derivative_from(_activation(name)) == "input"
    assert _core.derivative_from(_core.Activation("softmax")) == "output"


# ---- softmax and log_softmax

row_shapes = st.one_of(
    st.tuples(st.integers(0, 5), st.integers(1, 70)),
    hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=19),
    st.just((2, 9001)),
)


def _log_softmax(x: Array) -> Array:
    shifted = x - x.max(axis=-1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    result: Array = shifted - log_sum
    return result


@given(x=arrays(shape=row_shapes))
def test_softmax(x: Array) -> None:
    y = _core.activate(_core.Activation("softmax"), x)
    z = _core.activate(_core.Activation("log_softmax"), x)
    expected = _log_softmax(x.astype(np.float64)) if x.size else x.astype(np.float64)
    tolerance = RELATIVE[x.dtype.type]
    assert y.dtype == z.dtype == x.dtype and y.shape == z.shape == x.shape
    assert np.all(np.abs(z - expected) <= tolerance * np.maximum(1.0, np.abs(expected)))
    assert np.all(np.abs(y - np.exp(expected)) <= 20 * tolerance * np.exp(expected))
    assert np.all(np.abs(y.sum(axis=-1, dtype=np.float64) - 1.0) <= 5 * tolerance)


@given(x=arrays(bound=5.0, shape=row_shapes))
def test_softmax_derivatives(x: Array) -> None:
    dy = np.random.default_rng(x.size).normal(size=x.shape).astype(x.dtype)
    wide = dy.astype(np.float64)
    log_p = _log_softmax(x.astype(np.float64)) if x.size else x.astype(np.float64)
    p = np.exp(log_p)
    by_softmax = p * (wide - (p * wide).sum(axis=-1, keepdims=True))
    by_log_softmax = wide - p * wide.sum(axis=-1, keepdims=True)
    tolerance = 10 * RELATIVE[x.dtype.type]
    for name, expected in (("softmax", by_softmax), ("log_softmax", by_log_softmax)):
        got = _slopes(_core.Activation(name), x, dy)
        size = 1.0 + np.abs(wide).sum(axis=-1, keepdims=True) * np.maximum(p, 1e-3)
        assert np.all(np.abs(got - expected) <= tolerance * size)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_softmax_of_special_rows(dtype: Any) -> None:
    softmax, log_softmax = _core.Activation("softmax"), _core.Activation("log_softmax")
    x = np.array([[-np.inf, 2.0, 2.0], [1e4, 0.0, -1e4]], dtype)
    assert _core.activate(softmax, x).tolist() == [[0.0, 0.5, 0.5], [1.0, 0.0, 0.0]]
    assert _core.activate(log_softmax, x)[1].tolist() == [0.0, -1e4, -2e4]
    for row in ([1.0, np.nan, 0.0], [1.0, np.inf, 0.0], [-np.inf] * 3):
        for activation in (softmax, log_softmax):
            assert np.isnan(_core.activate(activation, np.array(row, dtype))).all()


def test_softmax_of_a_row_does_not_depend_on_other_rows() -> None:
    x = np.random.default_rng(5).normal(0, 3, (40, 37)).astype(np.float32)
    order = np.random.default_rng(6).permutation(40)
    for name in ("softmax", "log_softmax"):
        activation = _core.Activation(name)
        y = _core.activate(activation, x)
        assert _same_bits(_core.activate(activation, x[order]), y[order])
        assert _same_bits(_core.activate(activation, x[7]), y[7])


# ---- bad input


def test_unknown_names_come_with_a_suggestion() -> None:
    with pytest.raises(ValueError, match=r"Did you mean 'softplus'\?.*Received: 'sofplus'"):
        _core.Activation("sofplus")
    with pytest.raises(ValueError, match="'log_softmax'"):
        _core.Activation("no such activation")


def test_bad_arrays() -> None:
    relu = _core.Activation("relu")
    for bad in (np.zeros(3, complex), np.array(["a"]), np.zeros(3, object)):
        with pytest.raises(TypeError):
            _core.activate(relu, bad)
    with pytest.raises(ValueError):
        _core.activate(_core.Activation("softmax"), np.array(1.0))
    with pytest.raises(ValueError):
        _core.activate_backward(relu, np.zeros(3), np.zeros(4))
    with pytest.raises(ValueError):
        _core.activate_backward(relu, np.zeros(3), np.zeros(3, np.float32))
