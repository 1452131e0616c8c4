"""Random numbers against an independent Philox4x32-10 in NumPy and the standard library.

The reference is written from the generator's published formula and the numbering that
docs/numerics.md states; it shares no code with lamina.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lamina
from lamina import _core

Array = np.ndarray[Any, Any]

LOW = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)
SEEDS = st.integers(0, 2**64 - 1)
LENGTHS = st.one_of(
    st.integers(0, 200), st.sampled_from([255, 256, 257, 1000, 8191, 8192, 8193, 20000])
)


def philox(seed: int, stream: int, block: Array) -> list[Array]:
    """The four words of each block, as uint64 arrays of 32-bit values."""
    block = block.astype(np.uint64)
    counter = [
        block & LOW,
        block >> HALF,
        np.full_like(block, stream & 0xFFFFFFFF),
        np.full_like(block, stream >> 32),
    ]
    key = [seed & 0xFFFFFFFF, seed >> 32]
    for _ in range(10):
        first = counter[0] * np.uint64(0xD2511F53)
        second = counter[2] * np.uint64(0xCD9E8D57)
        counter = [
            (second >> HALF) ^ counter[1] ^ np.uint64(key[0]),
            second & LOW,
            (first >> HALF) ^ counter[3] ^ np.uint64(key[1]),
            first & LOW,
        ]
        key = [(key[0] + 0x9E3779B9) % 2**32, (key[1] + 0xBB67AE85) % 2**32]
    return counter


def words(
    bits: int, seed: int, stream: int, elements: Array, section: int = 0, attempt: int = 0
) -> Array:
    """Words of 32 or 64 bits by their element numbers."""
    elements = elements.astype(np.uint64)
    group = np.uint64(64 if bits == 32 else 32)
    sixteen = np.uint64(16)
    r = elements % group
    block = np.uint64((attempt << 56) + (section << 42)) + elements // group * sixteen + r % sixteen
    w = philox(seed, stream, block)
    if bits == 32:
        chosen: Array = np.choose((r // sixteen).astype(np.int64), w)
        return chosen
    joined: Array = np.where(r < sixteen, w[0] | (w[1] << HALF), w[2] | (w[3] << HALF))
    return joined


def below(
    bits: int, word: int, limit: int, seed: int, stream: int, element: int, section: int = 0
) -> int:
    """Lemire's bounded draw with exact rejection, in Python's integers."""
    for attempt in range(1, 257):
        product = int(word) * limit
        if product % 2**bits >= 2**bits % limit or attempt == 256:
            break
        word = int(words(bits, seed, stream, np.array([element]), section, attempt)[0])
    return product >> bits


def shuffled(values: list[int], seed: int, stream: int, section: int) -> list[int]:
    """The shuffle of a list with one section's words."""
    drawn = words(32, seed, stream, np.arange(len(values)), section).tolist()
    for i in range(1, len(values)):
        j = below(32, drawn[i], i + 1, seed, stream, i, section)
        values[i], values[j] = values[j], values[i]
    return values


def permutation(n: int, seed: int, stream: int) -> list[int]:
    """A permutation by the stated rule."""
    if n <= 2**17:
        return shuffled(list(range(n)), seed, stream, 0)
    b = next(b for b in range(1, 13) if b == 12 or n <= 2 ** (b + 16))
    bucket = words(32, seed, stream, np.arange(n)) >> np.uint64(32 - b)
    result: list[int] = []
    for k in range(2**b):
        result += shuffled(np.flatnonzero(bucket == k).tolist(), seed, stream, k + 1)
    return result


def unit(dtype: str, seed: int, stream: int, n: int) -> Array:
    """Uniform numbers in [0, 1)."""
    if dtype == "float32":
        return (words(32, seed, stream, np.arange(n)) >> np.uint64(8)).astype(
            np.float32
        ) * np.float32(2**-24)
    return (words(64, seed, stream, np.arange(n)) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def quantiles(dtype: str, seed: int, stream: int, n: int, truncated: bool) -> list[float]:
    """The normal quantile of (word + 1/2) / 2^B.

    The standard library's quantile, which has only p to go by, and a step of Newton's
    method on whichever of erf and erfc keeps its accuracy there.
    """
    bits = 32 if dtype == "float32" else 64
    kept = math.erf(math.sqrt(2.0)) if truncated else 1.0
    beyond = math.erfc(math.sqrt(2.0)) / 2 if truncated else 0.0
    root = math.sqrt(2.0)
    out = []
    for word in words(bits, seed, stream, np.arange(n)).tolist():
        low = min(word, 2**bits - 1 - word)
        tail = beyond + kept * ((2 * low + 1) / 2 ** (bits + 1))
        centre = kept * ((2**bits - 2 * low - 1) / 2 ** (bits + 1))
        z = abs(NormalDist().inv_cdf(tail))
        miss = math.erf(z / root) / 2 - centre if centre < 0.25 else tail - math.erfc(z / root) / 2
        z -= miss * math.sqrt(2 * math.pi) * math.exp(z * z / 2)
        out.append(z if word >= 2 ** (bits - 1) else -z)
    return out


def test_known_answers() -> None:
    """Random123's published vectors, for the reference itself."""
    pi = philox(0x299F31D0A4093822, 0x0370734413198A2E, np.array([0x85A308D3243F6A88], np.uint64))
    assert [int(w[0]) for w in pi] == [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1]
    ones = philox(2**64 - 1, 2**64 - 1, np.array([2**64 - 1], np.uint64))
    assert [int(w[0]) for w in ones] == [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]
    zeros = philox(0, 0, np.array([0], np.uint64))
    assert [int(w[0]) for w in zeros] == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@given(n=LENGTHS, seed=SEEDS, stream=SEEDS)
@settings(deadline=None)
def test_unit_uniform(dtype: str, n: int, seed: int, stream: int) -> None:
    out = _core.random_uniform((n,), 0.0, 1.0, seed, stream, dtype)
    assert out.dtype == dtype
    np.testing.assert_array_equal(out, unit(dtype, seed, stream, n))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@given(low=st.floats(-1e6, 1e6), width=st.floats(1e-300, 1e6), seed=SEEDS)
@settings(deadline=None)
def test_scaled_uniform(dtype: str, low: float, width: float, seed: int) -> None:
    kind = np.dtype(dtype).type
    high = low + width
    a, b = kind(low), kind(high)
    out = _core.random_uniform((100,), low, high, seed, 0, dtype)
    assert np.all(out >= a)
    if a == b:
        assert np.all(out == a)
        return
    assert np.all(out < b)
    u = unit(dtype, seed, 0, 100)
    if dtype == "float32":  # the product is exact in float64, and so nearly always is the sum
        expected = (np.float64(b - a) * u.astype(np.float64) + np.float64(a)).astype(np.float32)
        np.testing.assert_array_max_ulp(out, np.minimum(expected, np.nextafter(b, a)), 1)
    else:
        scale = np.maximum(np.abs(a), np.abs(b))
        assert np.all(np.abs(out - ((b - a) * u + a)) <= 2 * np.spacing(scale))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("truncated", [False, True])
@given(n=st.integers(0, 300), seed=SEEDS, stream=SEEDS)
@settings(deadline=None)
def test_normal(dtype: str, truncated: bool, n: int, seed: int, stream: int) -> None:
    draw = _core.random_truncated_normal if truncated else _core.random_normal
    out = draw((n,), 0.0, 1.0, seed, stream, dtype)
    expected = np.array(quantiles(dtype, seed, stream, n, truncated)).astype(dtype)
    assert out.dtype == dtype
    # lamina's own bound is 5 ulp; in float64 the reference is off by some of its own.
    np.testing.assert_array_max_ulp(out, expected, 5 if dtype == "float32" else 16)
    if truncated:
        assert np.all(np.abs(out) <= 2)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_mean_and_deviation(dtype: str) -> None:
    kind = np.dtype(dtype).type
    plain = _core.random_normal((1000,), 0.0, 1.0, 1, 2, dtype)
    moved = _core.random_normal((1000,), 0.5, 0.25, 1, 2, dtype)
    assert np.all(np.abs(moved - (plain * kind(0.25) + kind(0.5))) <= np.spacing(kind(2)))


@given(
    n=LENGTHS, limits=st.tuples(*[st.integers(-(2**63), 2**63 - 1)] * 2), seed=SEEDS, stream=SEEDS
)
@settings(deadline=None, max_examples=50)
def test_integers(n: int, limits: tuple[int, int], seed: int, stream: int) -> None:
    low, high = sorted(limits)
    high += low == high
    n = min(n, 1000)
    if high > 2**63 - 1:
        return
    out = _core.random_integers(n, low, high, seed, stream)
    drawn = words(64, seed, stream, np.arange(n)).tolist()
    assert out.dtype == np.int64
    assert out.tolist() == [
        low + below(64, w, high - low, seed, stream, i) for i, w in enumerate(drawn)
    ]


def test_integers_of_an_empty_range() -> None:
    for low, high in [(0, 0), (3, 2)]:
        with pytest.raises(ValueError, match=f"low={low}, high={high}"):
            _core.random_integers(1, low, high, 0, 0)


@given(n=LENGTHS, seed=SEEDS, stream=SEEDS)
@settings(deadline=None, max_examples=40)
def test_permutation(n: int, seed: int, stream: int) -> None:
    out = _core.permutation(n, seed, stream)
    assert out.dtype == np.int64
    assert out.tolist() == permutation(n, seed, stream)


@pytest.mark.parametrize("n", [2**17, 2**17 + 1, 2**18 + 1])
def test_long_permutation(n: int) -> None:
    assert _core.permutation(n, 3, 4).tolist() == permutation(n, 3, 4)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_change_nothing(threads: int) -> None:
    before = _core.get_num_threads()
    try:
        _core.set_num_threads(threads)
        uniform = _core.random_uniform((100_000,), 0.0, 1.0, 5, 6, "float32")
        order = _core.permutation(200_000, 5, 6)
    finally:
        _core.set_num_threads(before)
    np.testing.assert_array_equal(uniform, unit("float32", 5, 6, 100_000))
    assert order.tolist() == permutation(200_000, 5, 6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@given(
    rate=st.floats(0.0, 0.99),
    rows=st.integers(1, 9),
    columns=st.sampled_from([1, 2, 16, 33, 63, 64, 65, 130]),
    seed=SEEDS,
    steps=st.integers(0, 3),
)
@settings(deadline=None, max_examples=40)
def test_dropout_mask(
    dtype: str, rate: float, rows: int, columns: int, seed: int, steps: int
) -> None:
    """The mask of the first Dropout in training step `steps`, read off a network's gradient.

    Each row of the batch is one unit vector, so row r of the kernel moves exactly where
    the mask keeps element (r, column); earlier steps are spent on a rate of learning of 0.
    """
    network = _core.Network((rows,), dtype=dtype)
    network.add_dense(columns, False, _core.Activation("linear"))
    network.add_dropout(rate, seed)
    network.compile(_core.Loss("mean_absolute_error"), _core.Optimizer("sgd", 0.0), [])
    network.set_parameter(0, np.ones((rows, columns), dtype))
    x, y = np.eye(rows, dtype=dtype), np.full((rows, columns), -1.0, dtype)
    for _ in range(steps):
        network.train_on_batch(x, y, None)
    network.learning_rate = 1.0
    network.train_on_batch(x, y, None)
    moved = network.get_parameter(0) != 1
    stream = _core.stream_id("dropout", 0, steps)
    padded = -(-columns // 64) * 64
    elements = np.arange(rows)[:, None] * padded + np.arange(columns)
    kept = words(32, seed, stream, elements) >= np.uint64(math.floor(math.ldexp(rate, 32)))
    np.testing.assert_array_equal(moved, kept)


def test_stream_id() -> None:
    assert _core.stream_id("initializer", 0, 0) == 1 << 56
    assert _core.stream_id("dropout", 3, 5) == (2 << 56) + (3 << 40) + 5
    assert _core.stream_id("shuffle", 0, 7) == (3 << 56) + 7
    assert _core.stream_id("user", 65535, 2**40 - 1) == (4 << 56) + 2**56 - 1
    for purpose, index, step in [
        ("weather", 0, 0),
        ("user", 65536, 0),
        ("user", -1, 0),
        ("user", 0, 2**40),
    ]:
        with pytest.raises(ValueError, match="Received: "):
            _core.stream_id(purpose, index, step)


@given(x=st.integers(0, 2**64 - 1))
@settings(deadline=None, max_examples=20)
def test_a_longer_array_begins_with_the_shorter(x: int) -> None:
    for draw in (_core.random_uniform, _core.random_normal, _core.random_truncated_normal):
        for dtype in ("float32", "float64"):
            long = draw((500,), 0.0, 1.0, x, x ^ 1, dtype)
            np.testing.assert_array_equal(draw((77,), 0.0, 1.0, x, x ^ 1, dtype), long[:77])


@given(SEEDS, st.sampled_from(["float32", "float64"]))
@settings(max_examples=20, deadline=None)
def test_tensors_of_random_numbers_are_the_numbers_of_their_stream(seed: int, dtype: str) -> None:
    stream = _core.stream_id("user", 0, 0)
    shape = (3, 41)
    for name, function, arguments in (
        ("normal", _core.random_normal, (0.5, 2.0)),
        ("uniform", _core.random_uniform, (-1.0, 3.0)),
        ("truncated_normal", _core.random_truncated_normal, (0.0, 1.5)),
    ):
        drawn = getattr(lamina.random, name)(shape, *arguments, dtype=dtype, seed=seed)
        assert isinstance(drawn, lamina.Tensor) and drawn.dtype == dtype
        np.testing.assert_array_equal(
            drawn.numpy(), function(shape, *arguments, seed, stream, dtype)
        )
    whole = lamina.random.randint((50,), -3, 9, seed=seed)
    assert whole.dtype == "int32"
    np.testing.assert_array_equal(whole.numpy(), _core.random_integers(50, -3, 9, seed, stream))
    order = permutation(20, seed, stream)
    assert lamina.random.shuffle(np.arange(20), seed=seed).tolist() == order
    rows = np.arange(40).reshape(2, 20)
    np.testing.assert_array_equal(
        lamina.random.shuffle(rows, axis=-1, seed=seed).numpy(), rows[:, order]
    )


def test_dropout_of_tensors() -> None:
    x = np.full((40, 50), 3.0, "float32")
    kept = lamina.random.dropout(x, 0.25, seed=3).numpy()
    assert set(np.unique(kept)) == {0.0, np.float32(4.0)}
    assert 0.2 < (kept == 0).mean() < 0.3
    rows = lamina.random.dropout(x, 0.5, noise_shape=(None, 1), seed=3).numpy()
    assert ((rows == 0).all(1) | (rows == 6.0).all(1)).all() and 5 < (rows[:, 0] == 0).sum() < 35
    np.testing.assert_array_equal(lamina.random.dropout(x, 0.0, seed=1).numpy(), x)
    for call in (
        lambda: lamina.random.dropout(x, 1.0),
        lambda: lamina.random.dropout(x, 0.5, noise_shape=(3,)),
        lambda: lamina.random.dropout(x, 0.5, noise_shape=(3, 1)),
        lambda: lamina.random.randint((2,), 0, 300, dtype="uint8"),
        lambda: lamina.random.uniform((2,), 1.0, 0.0),
        lambda: lamina.random.normal((2,), float("inf")),
        lambda: lamina.random.shuffle([1, 2], axis=1),
    ):
        with pytest.raises(ValueError, match=r"dropout|broadcast|randint|random|shuffle|mean"):
            call()
