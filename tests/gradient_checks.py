"""Gradients against central differences in float64."""

import numpy as np

import lamina
from lamina import _core

core = _core.ops


def total(x):
    return core.sum(x, None, False)


def average(x):
    return core.mean(x, None, False)


def tensors(arrays):
    return [core.convert(np.asarray(a, np.float64)) for a in arrays]


def weights_for(shape, seed=0):
    """What the elements of a result are multiplied by, so that no symmetry hides an error."""
    return np.random.default_rng(seed).uniform(0.5, 1.5, shape)


def gradients(f, arrays):
    """By the tape: of the weighted sum of all results of f, with respect to each array."""
    inputs = tensors(arrays)
    with lamina.GradientTape() as tape:
        tape.watch(inputs)
        results = f(*inputs)
        results = list(results) if isinstance(results, (list, tuple)) else [results]
    seeds = [weights_for(r.shape, i) for i, r in enumerate(results)]
    found = tape.gradient(results, inputs, output_gradients=seeds)
    return [None if g is None else np.array(g) for g in found]


def weighted_sum(f, arrays):
    results = f(*tensors(arrays))
    results = list(results) if isinstance(results, (list, tuple)) else [results]
    return sum(float(np.sum(np.array(r) * weights_for(r.shape, i))) for i, r in enumerate(results))


def differences(f, arrays, step=3e-4):
    """By differences of fourth order: their error is about step^4 and rounding / step."""
    arrays = [np.array(a, np.float64) for a in arrays]
    found = []
    for a in arrays:
        slope = np.zeros_like(a)
        for index in np.ndindex(a.shape):
            value = a[index]
            h = step * max(1.0, abs(value))
            sums = []
            for k in (-2, -1, 1, 2):
                a[index] = value + k * h
                sums.append(weighted_sum(f, arrays))
            a[index] = value
            slope[index] = (sums[0] - 8 * sums[1] + 8 * sums[2] - sums[3]) / (12 * h)
        found.append(slope)
    return found


def check(f, *arrays, rtol=1e-6, second=True):
    """f's gradient, and the gradient of that, with respect to all of its arguments."""
    arrays = [np.asarray(a, np.float64) for a in arrays]
    compare(gradients(f, arrays), differences(f, arrays), rtol)
    if second:

        def slope(*inputs):
            inputs = list(inputs)
            with lamina.GradientTape() as tape:
                tape.watch(inputs)
                results = f(*inputs)
                results = list(results) if isinstance(results, (list, tuple)) else [results]
            seeds = [weights_for(r.shape, i) for i, r in enumerate(results)]
            return tape.gradient(
                results, inputs, output_gradients=seeds, unconnected_gradients="zero"
            )

        found = [
            np.zeros(a.shape) if g is None else g
            for g, a in zip(gradients_or_zero(slope, arrays), arrays, strict=True)
        ]
        compare(found, differences(slope, arrays), rtol)


def gradients_or_zero(f, arrays):
    try:
        return gradients(f, arrays)
    except ValueError as error:
        # A linear function's gradient depends on nothing.
        assert "not computed" in str(error)
        return [None] * len(arrays)


def compare(found, expected, rtol):
    assert len(found) == len(expected)
    for g, e in zip(found, expected, strict=True):
        assert g is not None
        assert g.shape == e.shape
        scale = max(1e-2, float(np.max(np.abs(e), initial=0.0)))
        np.testing.assert_allclose(g, e, rtol=rtol, atol=rtol * scale)
