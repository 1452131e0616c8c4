"""grad, value_and_grad, stop_gradient, custom_gradient, and variables."""

import copy
import pickle

import numpy as np
import pytest
from gradient_checks import average, core, total

import lamina


def value(x):
    return np.array(x)


def test_grad_and_its_gradient():
    slope = lamina.grad(lambda x: x * x * x)
    assert float(slope(2.0)) == 12.0
    assert float(lamina.grad(slope)(2.0)) == 12.0
    assert float(lamina.grad(lamina.grad(slope))(2.0)) == 6.0


def test_value_and_grad():
    def loss(w, data, scale=1.0):
        return total((w["kernel"] * data + w["bias"]) * scale)

    weights = {"kernel": np.float32([1, 2]), "bias": np.float32([0, 1])}
    result, gradients = lamina.value_and_grad(loss)(weights, np.float32([3, 4]), scale=2.0)
    assert float(result) == 24.0
    np.testing.assert_array_equal(value(gradients["kernel"]), [6.0, 8.0])
    np.testing.assert_array_equal(value(gradients["bias"]), [2.0, 2.0])


def test_argnums_and_aux():
    def f(x, y):
        return x * y * y, {"sum": x + y}

    both = lamina.grad(f, argnums=(0, 1), has_aux=True)
    gradients, aux = both(2.0, 3.0)
    assert [float(g) for g in gradients] == [9.0, 12.0]
    assert float(aux["sum"]) == 5.0
    (result, _), gradient = lamina.value_and_grad(f, argnums=1, has_aux=True)(2.0, 3.0)
    assert float(result) == 18.0 and float(gradient) == 12.0
    with pytest.raises(ValueError, match="no positional argument 2"):
        lamina.grad(f, argnums=2)(1.0, 2.0)


def test_the_same_tensor_twice_is_two_arguments():
    x = core.convert(np.float32(3.0))
    assert float(lamina.grad(lambda a, b: a * b)(x, x)) == 3.0


def test_grad_wants_a_scalar():
    with pytest.raises(ValueError, match=r"scalar.*\(2,\)"):
        lamina.grad(lambda x: x * x)(np.float32([1, 2]))


def test_grad_of_what_does_not_depend_on_it():
    x = lamina.Variable(2.0)
    assert float(lamina.grad(lambda a: x * 1.0)(3.0)) == 0.0


def test_stop_gradient():
    x = lamina.Variable(3.0)
    with lamina.GradientTape() as tape:
        y = x * lamina.stop_gradient(x) + lamina.stop_gradient([x * x])[0]
    assert float(tape.gradient(y, x)) == 3.0


@lamina.custom_gradient
def log1pexp(x):
    e = core.exp(x)

    def rule(upstream):
        return upstream * (1.0 - 1.0 / (1.0 + e))

    return core.log(1.0 + e), rule


def test_custom_gradient():
    x = lamina.Variable(np.float64(100.0))
    with lamina.GradientTape() as tape:
        y = log1pexp(x)
    assert float(tape.gradient(y, x)) == 1.0
    x = lamina.Variable(np.float64(1.0))
    with lamina.GradientTape() as outer:
        with lamina.GradientTape() as inner:
            y = log1pexp(x)
        first = inner.gradient(y, x)
    s = 1 / (1 + np.exp(-1.0))
    np.testing.assert_allclose(float(first), s, rtol=1e-12)
    np.testing.assert_allclose(float(outer.gradient(first, x)), s * (1 - s), rtol=1e-12)


def test_custom_gradient_of_several_values_and_variables():
    w = lamina.Variable(5.0)

    @lamina.custom_gradient
    def f(a, b):
        def rule(da, db, variables):
            assert variables[0] is w
            return (da * 10.0, None), [db * 100.0]

        return [a * w, b * 1.0], rule

    x, y = lamina.Variable(2.0), lamina.Variable(3.0)
    with lamina.GradientTape() as tape:
        p, q = f(x, y)
        z = p + 2.0 * q
    gradients = tape.gradient(z, [x, y, w])
    assert float(z) == 16.0
    assert float(gradients[0]) == 10.0
    assert gradients[1] is None
    assert float(gradients[2]) == 200.0


def test_custom_gradients_that_do_not_fit():
    def make(answer):
        @lamina.custom_gradient
        def f(x):
            return x * 1.0, lambda upstream: answer

        return f

    x = lamina.Variable([1.0, 2.0])
    for answer, message in [
        (np.zeros(3, np.float32), r"argument 0 of 'f'.*\(2,\).*\(3,\)"),
        ([1.0, 2.0], "must return 1 gradients. Received: 2"),
    ]:
        with lamina.GradientTape() as tape:
            y = make(answer)(x)
        with pytest.raises(ValueError, match=message):
            tape.gradient(y, x)
    with pytest.raises(TypeError, match="must return \\(result, rule\\)"):
        lamina.custom_gradient(lambda x: x)(1.0)


def test_a_custom_gradient_that_fails():
    @lamina.custom_gradient
    def f(x):
        def rule(upstream):
            raise KeyError("inside")

        return x * 1.0, rule

    x = lamina.Variable(1.0)
    with lamina.GradientTape() as tape:
        y = f(x)
    with pytest.raises(KeyError, match="inside"):
        tape.gradient(y, x)


def test_variables_are_tensors_to_operators_and_functions():
    v = lamina.Variable([1.0, 4.0])
    for result, expected in [
        (v + 1, [2, 5]),
        (1 - v, [0, -3]),
        (v * v, [1, 16]),
        (2 / v, [2, 0.5]),
        (v**2, [1, 16]),
        (-v, [-1, -4]),
        (abs(-v), [1, 4]),
        (v > 2, [False, True]),
        (v == 1, [True, False]),
        (v @ v, 17),
        (v[1:], [4]),
        (core.sqrt(v), [1, 2]),
        (core.convert(np.float32([1, 1])) + v, [2, 5]),
        (np.float32([1, 1]) + np.asarray(v), [2, 5]),
    ]:
        np.testing.assert_array_equal(value(result), expected)
    assert len(v) == 2 and [float(x) for x in v] == [1.0, 4.0]
    assert float(lamina.Variable(2.5)) == 2.5 and int(lamina.Variable(2)) == 2
    assert lamina.Variable(1.0) and not lamina.Variable(0.0)
    assert hash(v) == hash(v)


def test_variables_have_their_own_type_and_name():
    assert lamina.Variable(1.0).dtype == "float32"
    assert lamina.Variable(np.float64(1.0)).dtype == "float64"
    assert lamina.Variable(1.0, dtype="float64").dtype == "float64"
    v = lamina.Variable(lambda shape, dtype: np.ones(shape, dtype), shape=(2, 3), name="w")
    assert v.shape == (2, 3) and v.dtype == "float32" and v.name == "w"
    assert v.ndim == 2 and v.size == 6 and v.trainable
    assert "<Variable path=w, shape=(2, 3), dtype=float32, value=" in repr(v)
    with pytest.raises(ValueError, match="needs a shape"):
        lamina.Variable(lambda shape, dtype: 0)
    with pytest.raises(ValueError, match=r"shape \(3,\).*\(2,\)"):
        lamina.Variable([1.0, 2.0], shape=(3,))


def test_assignment():
    v = lamina.Variable([1.0, 2.0])
    before = v.value
    assert v.assign([3, 4]) is v
    np.testing.assert_array_equal(v.numpy(), [3.0, 4.0])
    assert v.dtype == "float32"
    np.testing.assert_array_equal(value(before), [1.0, 2.0])
    v.assign_add([1.0, 1.0]).assign_sub(0.5)
    np.testing.assert_array_equal(v.numpy(), [3.5, 4.5])
    with pytest.raises(ValueError, match=r"\(2,\).*\(3,\)"):
        v.assign([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match=r"\(2,\).*\(3,\)|broadcast"):
        v.assign_add([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(v.numpy(), [3.5, 4.5])


def test_variables_share_no_memory_with_what_they_were_made_of():
    array = np.float32([1, 2])
    v = lamina.Variable(array)
    array[0] = 9
    np.testing.assert_array_equal(v.numpy(), [1.0, 2.0])
    v.assign(array)
    array[0] = 7
    np.testing.assert_array_equal(v.numpy(), [9.0, 2.0])
    v.numpy()[1] = 5
    np.testing.assert_array_equal(v.numpy(), [9.0, 2.0])


def test_variables_are_copied_and_pickled():
    v = lamina.Variable([1.0, 2.0], name="w", trainable=False)
    for other in (copy.copy(v), copy.deepcopy(v), pickle.loads(pickle.dumps(v))):
        assert other.name == "w" and not other.trainable
        other.assign([5.0, 5.0])
        np.testing.assert_array_equal(v.numpy(), [1.0, 2.0])


def test_a_loop_by_hand_learns():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 3)).astype(np.float32)
    y = x @ np.float32([[1], [-2], [3]]) + np.float32(0.5)
    w, b = lamina.Variable(np.zeros((3, 1), np.float32)), lamina.Variable([0.0])
    for _ in range(200):
        with lamina.GradientTape() as tape:
            loss = average(core.square(x @ w + b - y))
        for variable, gradient in zip((w, b), tape.gradient(loss, (w, b)), strict=True):
            variable.assign_sub(0.1 * gradient)
    np.testing.assert_allclose(w.numpy().ravel(), [1, -2, 3], atol=1e-3)
    np.testing.assert_allclose(b.numpy(), [0.5], atol=1e-3)
