"""Initializers: limits, moments, seeds."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import lamina
from lamina import initializers


@pytest.mark.parametrize(
    ("name", "scale", "mode", "uniform"),
    [
        ("glorot_uniform", 1.0, "avg", True),
        ("glorot_normal", 1.0, "avg", False),
        ("he_uniform", 2.0, "in", True),
        ("he_normal", 2.0, "in", False),
        ("lecun_uniform", 1.0, "in", True),
        ("lecun_normal", 1.0, "in", False),
    ],
)
@pytest.mark.parametrize("shape", [(300, 200), (64, 1000)])
def test_variance_follows_the_shape(
    name: str, scale: float, mode: str, uniform: bool, shape: tuple[int, int]
) -> None:
    lamina.utils.set_random_seed(5)
    values = initializers.get(name)(shape, "float64")
    n = shape[0] if mode == "in" else sum(shape) / 2
    variance = scale / n
    assert values.shape == shape and values.dtype == np.float64
    if uniform:
        limit = math.sqrt(3 * variance)
        assert np.abs(values).max() <= limit and np.abs(values).max() > 0.99 * limit
    else:
        limit = 2 * math.sqrt(variance) / 0.87962566103423978
        assert np.abs(values).max() <= limit * (1 + 1e-12)
    assert abs(values.var() / variance - 1) < 0.03
    assert abs(values.mean()) < 5 * math.sqrt(variance / values.size)


@pytest.mark.parametrize("distribution", ["truncated_normal", "untruncated_normal", "uniform"])
@pytest.mark.parametrize("mode", ["fan_in", "fan_out", "fan_avg"])
def test_variance_scaling(distribution: str, mode: str) -> None:
    made = initializers.VarianceScaling(3.0, mode, distribution, seed=1)
    values = made((100, 400), "float64")
    n = {"fan_in": 100, "fan_out": 400, "fan_avg": 250}[mode]
    assert abs(values.var() * n / 3 - 1) < 0.03
    again = initializers.VarianceScaling.from_config(made.get_config())
    assert np.array_equal(again((100, 400), "float64"), values)


def test_fixed_spreads() -> None:
    normal = initializers.RandomNormal(1.0, 0.5, seed=1)((100_000,), "float64")
    assert abs(normal.mean() - 1) < 0.01 and abs(normal.std() - 0.5) < 0.01
    assert np.abs(normal - 1).max() > 1.5
    truncated = initializers.TruncatedNormal(1.0, 0.5, seed=1)((100_000,), "float64")
    assert np.abs(truncated - 1).max() <= 1.0
    uniform = initializers.RandomUniform(-2, 3, seed=1)((100_000,), "float64")
    assert uniform.min() >= -2 and uniform.max() < 3 and abs(uniform.mean() - 0.5) < 0.02


def test_constants() -> None:
    assert np.array_equal(initializers.Zeros()((2, 3)), np.zeros((2, 3), "float32"))
    assert np.array_equal(initializers.get("ones")((2,), "float64"), np.ones(2))
    assert np.array_equal(initializers.Constant(2.5)((2,)), np.full(2, 2.5, "float32"))
    rows = initializers.Constant([1.0, 2.0])
    assert np.array_equal(rows((3, 2)), np.tile([1.0, 2.0], (3, 1)))
    assert rows.get_config() == {"value": [1.0, 2.0]}
    assert np.array_equal(initializers.Identity(2.0)((2, 3)), 2 * np.eye(2, 3))
    array = np.arange(6.0).reshape(2, 3)
    assert np.array_equal(initializers.get(array)((2, 3), "float64"), array)


def test_an_integer_seed_repeats() -> None:
    made = initializers.GlorotUniform(seed=42)
    assert np.array_equal(made((3, 3)), made((3, 3)))
    assert np.array_equal(made((3, 3)), initializers.GlorotUniform(seed=42)((3, 3)))
    assert not np.array_equal(made((3, 3)), initializers.GlorotUniform(seed=43)((3, 3)))


def test_without_a_seed_objects_differ_but_calls_repeat() -> None:
    one, two = initializers.GlorotUniform(), initializers.GlorotUniform()
    assert np.array_equal(one((3, 3)), one((3, 3)))
    assert not np.array_equal(one((3, 3)), two((3, 3)))


def test_a_generator_moves_on() -> None:
    made = initializers.HeNormal(seed=lamina.random.SeedGenerator(1))
    first, second = made((3, 3)), made((3, 3))
    assert not np.array_equal(first, second)
    again = initializers.HeNormal.from_config(made.get_config())
    assert np.array_equal(again((3, 3)), first) and np.array_equal(again((3, 3)), second)


def test_set_random_seed_seeds_everything() -> None:
    import random

    def draw() -> tuple[Any, ...]:
        layer = lamina.layers.Dense(3)
        layer.build((None, 4))
        return (
            random.random(),
            np.random.rand(),  # noqa: NPY002 - what is seeded
            layer.get_weights()[0].tobytes(),
            lamina.random.normal((3,)).numpy().tobytes(),
            lamina.random.randint((3,), 0, 1000).numpy().tobytes(),
        )

    lamina.utils.set_random_seed(3)
    first = draw()
    second = draw()
    lamina.utils.set_random_seed(3)
    assert draw() == first and first != second


def test_float32_numbers_are_not_float64_numbers_cut() -> None:
    # Both are functions of the seed; what must hold is that each is in its own range.
    narrow = initializers.RandomUniform(0, 1, seed=1)((1000,), "float32")
    assert narrow.dtype == np.float32 and narrow.min() >= 0 and narrow.max() < 1


def test_functions_and_classes_are_initializers() -> None:
    class Halves(initializers.Initializer):
        def __call__(self, shape: Any, dtype: Any = None) -> Any:
            return np.full(shape, 0.5, dtype)

    for given in (Halves, Halves(), lambda shape, dtype: np.full(shape, 0.5, dtype)):
        layer = lamina.layers.Dense(2, kernel_initializer=given)
        layer.build((None, 3))
        assert np.array_equal(layer.get_weights()[0], np.full((3, 2), 0.5, "float32"))


def test_random_functions() -> None:
    random = lamina.random
    assert random.uniform((2, 3), -1, 1, seed=1).shape == (2, 3)
    assert random.truncated_normal((1000,), seed=1).max() <= 2
    drawn = random.randint((1000,), -2, 3, seed=1)
    assert isinstance(drawn, lamina.Tensor)
    assert drawn.dtype == np.int32 and set(drawn.tolist()) == {-2, -1, 0, 1, 2}
    x = np.arange(10)
    mixed = random.shuffle(x, seed=1)
    assert sorted(mixed.tolist()) == x.tolist() and not np.array_equal(mixed, x)
    assert np.array_equal(x, np.arange(10))
    assert random.uniform(3, seed=1).shape == (3,)
    assert np.array_equal(random.normal((3,), seed=-1), random.normal((3,), seed=2**64 - 1))


@pytest.mark.parametrize(
    ("name", "here"),
    [("xavier", "GlorotUniform"), ("Xavier_Normal", "GlorotNormal"), ("msra", "HeNormal")],
)
def test_names_of_other_libraries_are_translated(name: str, here: str) -> None:
    with pytest.raises(ValueError, match=f"Keras calls it '{here}'.*Received: '{name}'"):
        initializers.get(name)
    initializers.get(here)
