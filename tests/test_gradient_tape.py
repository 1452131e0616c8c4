"""GradientTape: what it records, what it gives, and what it says when it is used wrongly."""

import gc
import threading

import numpy as np
import pytest
from gradient_checks import core, total

import lamina


def value(x):
    return np.array(x)


def constant(x, dtype="float32"):
    return core.convert(np.asarray(x, dtype))


def test_a_variable_is_watched_when_it_is_read():
    x = lamina.Variable(3.0)
    with lamina.GradientTape() as tape:
        y = x * x
    gradient = tape.gradient(y, x)
    assert float(gradient) == 6.0
    assert gradient.dtype == "float32"
    assert tape.watched_variables() == (x,) or tape.watched_variables()[0] is x


def test_a_tensor_is_watched_when_asked_for():
    x = constant([1.0, 2.0])
    with lamina.GradientTape() as tape:
        tape.watch(x)
        y = x * x * x
    np.testing.assert_array_equal(value(tape.gradient(y, x)), [3.0, 12.0])


def test_what_comes_before_watching_is_not_recorded():
    x = constant(2.0)
    with lamina.GradientTape() as tape:
        y = x * x
        tape.watch(x)
        z = y + x
    assert float(tape.gradient(z, x)) == 1.0


def test_what_comes_after_the_block_is_not_recorded():
    x = lamina.Variable(2.0)
    with lamina.GradientTape() as tape:
        y = x * x
    z = y * 10.0
    with pytest.raises(ValueError, match="not computed, while the tape recorded"):
        tape.gradient(z, x)


def test_variables_that_are_not_trainable():
    x, y = lamina.Variable(2.0), lamina.Variable(3.0, trainable=False)
    with lamina.GradientTape(persistent=True) as tape:
        z = x * y
    assert float(tape.gradient(z, x)) == 3.0
    assert tape.gradient(z, y) is None
    assert len(tape.watched_variables()) == 1
    with lamina.GradientTape() as tape:
        tape.watch(y)
        z = x * y
    assert float(tape.gradient(z, y)) == 2.0


def test_no_watching_of_accessed_variables():
    x, y = lamina.Variable(2.0), lamina.Variable(3.0)
    with lamina.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(x)
        z = x * y
    gradients = tape.gradient(z, [x, y])
    assert float(gradients[0]) == 3.0
    assert gradients[1] is None


def test_structures_keep_their_form():
    a, b = lamina.Variable(2.0), lamina.Variable(5.0)
    with lamina.GradientTape() as tape:
        y = a * b
    gradients = tape.gradient(y, {"first": a, "rest": (b, [a])})
    assert set(gradients) == {"first", "rest"}
    assert float(gradients["first"]) == 5.0
    assert isinstance(gradients["rest"], tuple)
    assert float(gradients["rest"][0]) == 2.0
    assert float(gradients["rest"][1][0]) == 5.0


def test_several_targets_are_added_up():
    x = lamina.Variable(2.0)
    with lamina.GradientTape() as tape:
        y, z = x * x, x * 3.0
    assert float(tape.gradient([y, z], x)) == 7.0


def test_a_source_on_the_way_gets_its_gradient_too():
    x = lamina.Variable(2.0)
    with lamina.GradientTape() as tape:
        y = x * x
        z = y * y
    gradients = tape.gradient(z, [x, y, z])
    assert [float(g) for g in gradients] == [32.0, 8.0, 1.0]


def test_a_target_that_is_a_source():
    x = lamina.Variable([2.0, 3.0])
    with lamina.GradientTape() as tape:
        tape.watch(x)
    np.testing.assert_array_equal(value(tape.gradient(x, x)), [1.0, 1.0])


def test_output_gradients():
    x = lamina.Variable([1.0, 2.0])
    with lamina.GradientTape(persistent=True) as tape:
        y = x * x
    np.testing.assert_array_equal(
        value(tape.gradient(y, x, output_gradients=np.float32([10.0, 100.0]))), [20.0, 400.0]
    )
    with pytest.raises(ValueError, match=r"targets' shapes.*\(3,\).*\(2,\)"):
        tape.gradient(y, x, output_gradients=np.zeros(3, np.float32))
    with pytest.raises(ValueError, match="one entry for each target"):
        tape.gradient([y], x, output_gradients=[None, None])


def test_unconnected_gradients():
    x, y = lamina.Variable(2.0), lamina.Variable([1.0, 2.0])
    with lamina.GradientTape(persistent=True) as tape:
        z = x * x
        _ = y * y
    assert tape.gradient(z, y) is None
    np.testing.assert_array_equal(value(tape.gradient(z, y, unconnected_gradients="zero")), [0, 0])
    assert lamina.UnconnectedGradients.ZERO == "zero"
    with pytest.raises(ValueError, match=r"'none' or 'zero'.*'nought'"):
        tape.gradient(z, y, unconnected_gradients="nought")


def test_a_tape_gives_gradients_once():
    x = lamina.Variable(2.0)
    with lamina.GradientTape() as tape:
        y = x * x
    tape.gradient(y, x)
    with pytest.raises(RuntimeError, match="persistent=True"):
        tape.gradient(y, x)


def test_a_persistent_tape_gives_them_often():
    x = lamina.Variable(2.0)
    with lamina.GradientTape(persistent=True) as tape:
        y = x * x
        z = y * y
    assert float(tape.gradient(z, x)) == 32.0
    assert float(tape.gradient(y, x)) == 4.0
    assert float(tape.gradient(z, x)) == 32.0


def test_a_gradient_inside_of_the_block_ends_the_recording():
    x = lamina.Variable(2.0)
    with lamina.GradientTape() as tape:
        y = x * x
        assert float(tape.gradient(y, x)) == 4.0
        _ = x * x


def test_stop_recording_and_reset():
    x = lamina.Variable(2.0)
    with lamina.GradientTape(persistent=True) as tape:
        y = x * x
        with tape.stop_recording():
            z = x * x
        w = y + z
    assert float(tape.gradient(w, x)) == 4.0
    with lamina.GradientTape(persistent=True) as tape:
        y = x * x
        tape.reset()
        z = x * 3.0
    assert float(tape.gradient(z, x)) == 3.0
    with pytest.raises(ValueError, match="not computed"):
        tape.gradient(y, x)


def test_wrong_use_of_the_block():
    tape = lamina.GradientTape()
    with tape, pytest.raises(RuntimeError, match="recording already"):
        tape.__enter__()
    with pytest.raises(RuntimeError, match="not recording"), tape.stop_recording():
        pass


def test_what_cannot_be_differentiated():
    x = constant([1, 2], "int32")
    with (
        lamina.GradientTape() as tape,
        pytest.raises(TypeError, match=r"float32 and float64.*int32"),
    ):
        tape.watch(x)
    with pytest.raises(TypeError, match=r"tensors or variables.*float"):
        tape.watch(2.0)
    y = lamina.Variable(2.0)
    with lamina.GradientTape(persistent=True) as tape:
        z = core.argmax(y, None, False)
    with pytest.raises(ValueError, match=r"only float32 and float64.*int64"):
        tape.gradient(z, y)
    with pytest.raises(TypeError, match=r"tensors or variables.*ndarray"):
        tape.gradient(y, np.zeros(2))


def test_second_derivatives_by_nested_tapes():
    x = lamina.Variable(2.0)
    with lamina.GradientTape() as outer:
        with lamina.GradientTape() as inner:
            y = x * x * x
        first = inner.gradient(y, x)
    assert float(first) == 12.0
    assert float(outer.gradient(first, x)) == 12.0


def test_third_derivatives_by_one_persistent_tape():
    x = lamina.Variable(2.0)
    with lamina.GradientTape(persistent=True) as tape:
        y = x * x * x * x
        first = tape.gradient(y, x)
        second = tape.gradient(first, x)
    assert float(first) == 32.0
    assert float(second) == 48.0
    assert float(tape.gradient(second, x)) == 48.0


def test_tapes_keep_apart_what_they_watch():
    x, y = constant(2.0), constant(3.0)
    with lamina.GradientTape() as outer:
        outer.watch(x)
        with lamina.GradientTape() as inner:
            inner.watch(y)
            z = x * y
        slope = inner.gradient(z, y)
    assert float(slope) == 2.0
    assert float(outer.gradient(slope, x)) == 1.0
    with lamina.GradientTape(persistent=True) as outer:
        outer.watch(x)
        square = x * x
        with lamina.GradientTape(persistent=True) as inner:
            inner.watch(square)
            z = square * square
    assert float(inner.gradient(z, square)) == 8.0
    assert inner.gradient(z, x) is None
    assert float(outer.gradient(z, x)) == 32.0


def test_jacobians():
    x = lamina.Variable(np.arange(6, dtype=np.float64).reshape(2, 3) + 1)
    with lamina.GradientTape(persistent=True) as tape:
        y = x * x
    jacobian = value(tape.jacobian(y, x))
    expected = np.zeros((2, 3, 2, 3))
    for i in np.ndindex(2, 3):
        expected[i + i] = 2 * x.numpy()[i]
    np.testing.assert_array_equal(jacobian, expected)
    by_sample = value(tape.batch_jacobian(y, x))
    np.testing.assert_array_equal(by_sample, np.stack([expected[i, :, i] for i in range(2)]))
    other = lamina.Variable([1.0])
    assert tape.jacobian(y, other) is None
    with pytest.raises(ValueError, match=r"same number of samples.*\(2, 3\).*\(1,\)"):
        tape.batch_jacobian(y, other)


def test_a_jacobian_uses_the_tape_once():
    x = lamina.Variable([1.0, 2.0])
    with lamina.GradientTape() as tape:
        y = x * x
    np.testing.assert_array_equal(value(tape.jacobian(y, x)), [[2.0, 0.0], [0.0, 4.0]])
    with pytest.raises(RuntimeError, match="persistent"):
        tape.jacobian(y, x)


def test_hessian():
    x = lamina.Variable(np.array([1.0, 2.0, 3.0]))
    with lamina.GradientTape() as outer:
        with lamina.GradientTape() as inner:
            y = total(x * x * x)
        gradient = inner.gradient(y, x)
    np.testing.assert_array_equal(value(outer.jacobian(gradient, x)), np.diag([6.0, 12.0, 18.0]))


def test_assigning_does_not_change_what_was_recorded():
    x = lamina.Variable(3.0)
    with lamina.GradientTape() as tape:
        y = x * x
    x.assign(100.0)
    assert float(tape.gradient(y, x)) == 6.0
    assert float(x) == 100.0


def test_a_change_in_place_is_noticed():
    memory = np.array([1.0, 2.0], np.float32)
    x = core.convert(memory)
    with lamina.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    lamina._core.mark_changed(x)
    with pytest.raises(RuntimeError, match="'multiply' needs was changed in place"):
        tape.gradient(y, x)


def test_no_graph_outlives_its_results():
    """A loop that keeps the last result only must not keep the graphs of all others."""
    x = lamina.Variable(np.zeros(1000, np.float32))
    gc.collect()
    before = lamina._core.live_nodes()
    for _ in range(10):
        with lamina.GradientTape() as tape:
            y = total(core.exp(x) * x)
        tape.gradient(y, x)
    del y, tape
    gc.collect()
    assert lamina._core.live_nodes() == before


def test_a_long_chain_is_freed_without_recursion():
    x = lamina.Variable(1.0)
    with lamina.GradientTape() as tape:
        y = x * 1.0
        for _ in range(100_000):
            y = y + 1.0
    assert float(tape.gradient(y, x)) == 1.0
    with lamina.GradientTape() as tape:
        y = x * 1.0
        for _ in range(100_000):
            y = y + 1.0
    del y, tape


def test_threads_have_tapes_of_their_own():
    x = lamina.Variable(2.0)
    results = {}

    def work(i):
        for _ in range(50):
            with lamina.GradientTape() as tape:
                y = x * float(i)
                for _ in range(10):
                    y = y * 1.0
            results[i] = float(tape.gradient(y, x))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(1, 5)]
    with lamina.GradientTape() as tape:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        y = x * x
    assert results == {i: float(i) for i in range(1, 5)}
    assert float(tape.gradient(y, x)) == 4.0


def test_broadcast_and_types_come_back():
    a = lamina.Variable(np.ones((3, 1), np.float32))
    b = lamina.Variable(np.ones((2, 1, 4), np.float64))
    with lamina.GradientTape() as tape:
        y = a * b
    ga, gb = tape.gradient(y, [a, b])
    assert ga.shape == (3, 1) and ga.dtype == "float32"
    assert gb.shape == (2, 1, 4) and gb.dtype == "float64"
    np.testing.assert_array_equal(value(ga), np.full((3, 1), 8.0))
    np.testing.assert_array_equal(value(gb), np.full((2, 1, 4), 3.0))
