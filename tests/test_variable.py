"""`lamina.Variable`: one class for free values, for weights of layers and for state."""

import copy
import operator
import pickle
from typing import Any

import numpy as np
import pytest

import lamina
from lamina import layers, ops

VALUE = np.arange(6, dtype="f").reshape(2, 3)


def free() -> Any:
    return lamina.Variable(VALUE, name="w")


def of_a_layer() -> Any:
    layer = layers.Dense(3)
    layer.build((None, 2))
    layer.kernel.assign(VALUE)
    return layer.kernel


def pending() -> Any:
    layer = layers.Dense(3, kernel_initializer=lambda shape, dtype: VALUE.astype(dtype))
    layer.build((None, 2))
    return layer.kernel


MODELS = []


def of_a_model() -> Any:
    layer = layers.Dense(3)
    model = lamina.Sequential([lamina.Input((2,)), layer])
    model.compile("sgd", "mse")
    model.train_on_batch(np.ones((1, 2)), np.ones((1, 3)))
    layer.kernel.assign(VALUE)
    MODELS.append(model)
    return layer.kernel


ALL = pytest.mark.parametrize("make", [free, of_a_layer, pending, of_a_model])


@ALL
def test_it_is_a_tensor(make: Any) -> None:
    v = make()
    assert isinstance(v, lamina.Variable)
    assert v.shape == (2, 3) and v.dtype == "float32" and (v.ndim, v.size, len(v)) == (2, 6, 2)
    np.testing.assert_array_equal(v, VALUE)
    np.testing.assert_array_equal(v + 1, VALUE + 1)
    np.testing.assert_array_equal(2 - v, 2 - VALUE)
    np.testing.assert_array_equal(v[1], VALUE[1])
    np.testing.assert_array_equal([np.asarray(row) for row in v], VALUE)
    assert np.asarray(v == VALUE).all() and 5.0 in v


@ALL
def test_it_has_a_tensor_s_methods(make: Any) -> None:
    v = make()
    for name in dir(lamina.Tensor):
        assert name.startswith("_") or hasattr(v, name), name
    np.testing.assert_array_equal(v.reshape(3, 2), VALUE.reshape(3, 2))
    np.testing.assert_array_equal(v.T, VALUE.T)
    np.testing.assert_array_equal(v.sum(axis=0), VALUE.sum(axis=0))
    assert float(v.mean()) == VALUE.mean() and v.astype("float64").dtype == "float64"
    assert v.tolist() == VALUE.tolist() and int(v.argmax()) == 5
    with lamina.GradientTape() as tape:
        total = (v.transpose() ** 2).sum()
    np.testing.assert_array_equal(tape.gradient(total, v), 2 * VALUE)


@ALL
def test_assignments(make: Any) -> None:
    v = make()
    before = v.value
    assert v.assign_add(np.ones((2, 3))) is v
    v.assign_sub(ops.convert_to_tensor(VALUE))
    np.testing.assert_array_equal(v.numpy(), np.ones((2, 3)))
    np.testing.assert_array_equal(before, VALUE)  # what was read stays
    with pytest.raises(ValueError, match="must match"):
        v.assign(np.ones((3, 2)))
    with pytest.raises(TypeError, match="real numbers"):
        v.assign([["a", "b", "c"], ["d", "e", "f"]])
    np.testing.assert_array_equal(v.numpy(), np.ones((2, 3)))


@ALL
@pytest.mark.parametrize(
    ("operate", "instead"),
    [
        (operator.iadd, "assign_add"),
        (operator.isub, "assign_sub"),
        (operator.imul, r"assign\(variable \* value\)"),
        (operator.itruediv, r"assign\(variable / value\)"),
        (operator.ifloordiv, r"assign\(variable // value\)"),
        (operator.imod, r"assign\(variable % value\)"),
        (operator.ipow, r"assign\(variable \*\* value\)"),
        (operator.imatmul, r"assign\(variable @ value\)"),
        (operator.iand, r"assign\(variable & value\)"),
        (operator.ior, r"assign\(variable \| value\)"),
        (operator.ixor, r"assign\(variable \^ value\)"),
        (operator.ilshift, r"assign\(variable << value\)"),
        (operator.irshift, r"assign\(variable >> value\)"),
    ],
)
def test_operators_in_place_are_errors(make: Any, operate: Any, instead: str) -> None:
    v = make()
    with pytest.raises(RuntimeError, match=instead):
        operate(v, 1)
    np.testing.assert_array_equal(v, VALUE)


@ALL
@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))]
)
def test_copies_have_values_of_their_own(make: Any, copied: Any) -> None:
    v = make()
    v.constraint = lamina.constraints.NonNeg()
    w = copied(v)
    assert (w.name, w.path, w.trainable) == (v.name, v.path, v.trainable)
    assert isinstance(w.constraint, lamina.constraints.NonNeg)
    np.testing.assert_array_equal(w, VALUE)
    w.assign(np.zeros((2, 3)))
    np.testing.assert_array_equal(v, VALUE)


def test_a_first_value_is_made_once_and_late() -> None:
    made = []

    def start(shape: Any, dtype: Any) -> Any:
        made.append(shape)
        return np.ones(shape, dtype)

    layer = layers.Dense(3, kernel_initializer=start)
    layer.build((None, 2))
    assert not made
    layer.kernel.assign(VALUE)
    assert not made and layer.kernel.numpy().tolist() == VALUE.tolist()
    layer = layers.Dense(3, kernel_initializer=start)
    layer.build((None, 2))
    layer.kernel.numpy(), layer.kernel.sum(), layer(np.ones((1, 2)))
    assert made == [(2, 3)]


def test_types_and_flags() -> None:
    v = lamina.Variable(3, trainable=False)
    assert v.dtype == "int32" or v.dtype == "int64"
    assert not v.trainable and int(v) == 3 and range(5)[v] == 3
    assert f"{lamina.Variable(0.5):.2f}" == "0.50"
    w = lamina.Variable(lamina.initializers.Ones(), shape=(2,), dtype="float64")
    assert w.dtype == "float64" and np.asarray(w).tolist() == [1.0, 1.0]
    with pytest.raises(ValueError, match="needs a shape"):
        lamina.Variable(lamina.initializers.Ones())
    assert repr(w) == f"<Variable path={w.name}, shape=(2,), dtype=float64, value=[1., 1.]>"
