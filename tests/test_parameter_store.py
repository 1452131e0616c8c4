"""Stores of parameters without layers: optimizers, penalties, variables, shared memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import reference_optimizers as reference
from hypothesis import given
from hypothesis import strategies as st

import lamina._core as _core

Array = np.ndarray[Any, Any]
SHAPES = [(3, 5), (5,), (), (17,)]


def _store(shapes: Any = SHAPES, dtype: str = "float64") -> Any:
    return _core.ParameterStore([(f"p{i}", s, True) for i, s in enumerate(shapes)], dtype)


def _filled(store: Any, seed: int = 0) -> list[Array]:
    rng = np.random.default_rng(seed)
    values = [rng.normal(size=info.shape) for info in store.parameters()]
    for i, value in enumerate(values):
        store.set_parameter(i, value)
    return values


def _values(store: Any) -> list[Array]:
    return [store.get_parameter(i) for i in range(len(store.parameters()))]


RULES = {
    "sgd": (_core.Optimizer("sgd", 0.1), reference.SGD(momentum=0.0, nesterov=False), 0.1),
    "nesterov": (
        _core.Optimizer("nesterov", 0.1, momentum=0.9),
        reference.SGD(momentum=0.9, nesterov=True),
        0.1,
    ),
    "adam": (
        _core.Optimizer("adam", 0.02),
        reference.Adam(beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad=False),
        0.02,
    ),
    "lamb": (
        _core.Optimizer("lamb", 0.02),
        reference.Lamb(beta_1=0.9, beta_2=0.999, epsilon=1e-7),
        0.02,
    ),
}


@pytest.mark.parametrize("name", sorted(RULES))
@given(seed=st.integers(0, 2**32 - 1), subset=st.booleans())
def test_rules_over_a_store(name: str, seed: int, subset: bool) -> None:
    settings, rule, rate = RULES[name]
    rule.state.clear()
    store = _store()
    expected = _filled(store, seed)
    store.set_optimizer(settings)
    rng = np.random.default_rng(seed + 1)
    places = [0, 2] if subset else [0, 1, 2, 3]
    for t in range(1, 5):
        gradients = [rng.normal(size=expected[i].shape) for i in places]
        store.apply_gradients(places, gradients)
        rule.begin(t)
        for i, g in zip(places, gradients, strict=True):
            expected[i] = rule.step(t, rate, i, expected[i], np.asarray(g))
        assert store.iterations == t
    for found, value in zip(_values(store), expected, strict=True):
        np.testing.assert_allclose(found, value, rtol=1e-12, atol=1e-14)


def test_slots_and_numbers_are_the_optimizers() -> None:
    store = _store([(2, 3)])
    _filled(store)
    store.set_optimizer(_core.Optimizer("adam", 0.1))
    gradient = np.full((2, 3), 2.0)
    store.apply_gradients([0], [gradient])
    assert store.slot_names() == ["momentum", "velocity"]
    np.testing.assert_allclose(store.get_slot(0, 0), 0.1 * gradient, rtol=1e-15)
    np.testing.assert_allclose(store.get_slot(1, 0), 0.001 * gradient**2, rtol=1e-12)
    store.set_slot(0, 0, gradient)
    np.testing.assert_array_equal(store.get_slot(0, 0), gradient)
    assert store.slot_shape(0, 0) == (2, 3)
    store.learning_rate = 0.5
    assert store.learning_rate == 0.5
    store.iterations = 7
    assert store.iterations == 7
    assert store.get_gradient(0) is None  # used where it was
    store.set_gradient(0, gradient)
    np.testing.assert_array_equal(store.get_gradient(0), gradient)


def test_penalties_are_added_to_the_gradients() -> None:
    store = _store([(4,), (3,)])
    first, second = _filled(store)
    store.add_penalty(0, 0.25, 0.5)
    store.add_constraint(1, "non_negative", 1, 3, 1)
    store.set_optimizer(_core.Optimizer("sgd", 0.1))
    penalty = store.apply_gradients([0, 1], [np.ones(4), np.ones(3)], True)
    assert penalty == pytest.approx(0.25 * np.abs(first).sum() + 0.5 * (first**2).sum(), rel=1e-12)
    gradient = 1 + 0.25 * np.sign(first) + first
    np.testing.assert_allclose(store.get_parameter(0), first - 0.1 * gradient, rtol=1e-12)
    np.testing.assert_allclose(store.get_parameter(1), np.maximum(second - 0.1, 0), rtol=1e-12)
    with pytest.raises(ValueError, match="Received: index 2"):
        store.add_penalty(2, 0.0, 1.0)


def test_frozen_parameters_stay() -> None:
    store = _store([(2,), (2,)])
    before = _filled(store)
    store.set_optimizer(_core.Optimizer("sgd", 0.1))
    store.set_trainable(0, False)
    store.apply_gradients([0, 1], [np.ones(2), np.ones(2)])
    np.testing.assert_array_equal(store.get_parameter(0), before[0])
    np.testing.assert_allclose(store.get_parameter(1), before[1] - 0.1, rtol=1e-12)


def test_two_stores_in_one_memory_have_optimizers_apart() -> None:
    store = _store([(3,)])
    before = _filled(store)[0]
    other = _core.ParameterStore(store)
    store.set_optimizer(_core.Optimizer("momentum", 0.1, momentum=0.9))
    other.set_optimizer(_core.Optimizer("sgd", 1.0))
    store.apply_gradients([0], [np.ones(3)])
    other.apply_gradients([0], [np.ones(3)])
    np.testing.assert_allclose(store.get_parameter(0), before - 1.1, rtol=1e-12)
    np.testing.assert_array_equal(store.get_parameter(0), other.get_parameter(0))
    assert (store.iterations, other.iterations) == (1, 1)
    assert other.slot_names() == []


def test_a_store_in_the_memory_of_a_network() -> None:
    network = _core.Network((3,), "float64")
    network.add_dense(2, True, _core.Activation("linear"))
    store = _core.ParameterStore(network)
    assert [(p.name, p.shape) for p in store.parameters()] == [("kernel", (3, 2)), ("bias", (2,))]
    store.set_optimizer(_core.Optimizer("sgd", 1.0))
    store.apply_gradients([1], [np.array([1.0, 2.0])])
    np.testing.assert_array_equal(network.get_parameter(1), [-1.0, -2.0])
    x = np.zeros((1, 3))
    np.testing.assert_array_equal(network.predict(x, 1, None), [[-1.0, -2.0]])


def test_a_lent_parameter_is_the_variables_value() -> None:
    store = _store([(2,)])
    value = _filled(store)[0]
    variable = _core.Variable()
    store.lend_parameter(0, variable)
    np.testing.assert_array_equal(np.asarray(variable.peek()), value)
    variable.store(_core.convert(np.array([1.0, 2.0])))
    np.testing.assert_array_equal(store.get_parameter(0), [1.0, 2.0])
    store.set_parameter(0, np.array([3.0, 4.0]))
    np.testing.assert_array_equal(np.asarray(variable.peek()), [3.0, 4.0])
    del store
    np.testing.assert_array_equal(np.asarray(variable.peek()), [3.0, 4.0])


def test_shared_parameters_are_one() -> None:
    first, second = _store([(2,)]), _store([(4,), (2,)])
    _filled(first, 1), _filled(second, 2)
    first.share_parameter(0, second, 1)
    np.testing.assert_array_equal(first.get_parameter(0), second.get_parameter(1))
    first.set_parameter(0, np.array([5.0, 6.0]))
    np.testing.assert_array_equal(second.get_parameter(1), [5.0, 6.0])
    del first
    np.testing.assert_array_equal(second.get_parameter(1), [5.0, 6.0])
    with pytest.raises(ValueError, match=r"'p0' of shape \(4,\) and \(2,\)"):
        second.share_parameter(0, _store([(2,)]), 0)


def test_bad_calls_change_nothing() -> None:
    store = _store([(2,)])
    before = _filled(store)[0]
    with pytest.raises(RuntimeError, match=r"compile\(\)"):
        store.apply_gradients([0], [np.ones(2)])
    store.set_optimizer(_core.Optimizer("sgd", 0.1))
    with pytest.raises(ValueError, match="no such parameter"):
        store.apply_gradients([1], [np.ones(2)])
    with pytest.raises(ValueError, match=r"Received: gradient\.shape"):
        store.apply_gradients([0], [np.ones(3)])
    with pytest.raises(ValueError, match="2 gradients and 1 parameters"):
        store.apply_gradients([0], [np.ones(2), np.ones(2)])
    with pytest.raises(ValueError, match="Received: index 1"):
        store.get_parameter(1)
    np.testing.assert_array_equal(store.get_parameter(0), before)
    assert store.iterations == 0


def test_gradients_can_be_set_and_read() -> None:
    store = _store([(2,), (3,)], "float32")
    store.set_gradient(1, np.array([1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(store.get_gradient(1), np.array([1, 2, 3], np.float32))
    np.testing.assert_array_equal(store.get_gradient(0), np.zeros(2, np.float32))
    assert (store.dtype, store.device) == ("float32", "cpu")
