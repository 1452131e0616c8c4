"""Data sets whose elements hold several arrays, and models that take them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lamina
from lamina.data import Dataset

Array = np.ndarray[Any, Any]
ROWS, SIZE = 20, 8
RANDOM = np.random.default_rng(3)
A = RANDOM.normal(size=(ROWS, 3)).astype("float32")
B = RANDOM.normal(size=(ROWS, 2)).astype("float32")
VALUE = RANDOM.normal(size=(ROWS, 1)).astype("float32")
LABEL = RANDOM.integers(0, 4, ROWS)
WEIGHT = RANDOM.uniform(0.5, 2.0, ROWS).astype("float32")
X = {"a": A, "b": B}
Y = {"value": VALUE, "label": LABEL}
W = {"value": WEIGHT, "label": WEIGHT[::-1].copy()}


def _model() -> Any:
    lamina.utils.set_random_seed(5)
    a, b = lamina.Input((3,), name="a"), lamina.Input((2,), name="b")
    joined = lamina.layers.concatenate([lamina.layers.Dense(4, "tanh")(a), b])
    outputs = {
        "value": lamina.layers.Dense(1, name="value")(joined),
        "label": lamina.layers.Dense(4, "softmax", name="label")(joined),
    }
    model = lamina.Model({"a": a, "b": b}, outputs)
    model.compile("adam", {"value": "mse", "label": "sparse_categorical_crossentropy"})
    return model


class Net(lamina.Model):
    """The same with a `call`."""

    def __init__(self) -> None:
        super().__init__()
        self.a = lamina.layers.Dense(4, "tanh")
        self.value = lamina.layers.Dense(1)
        self.label = lamina.layers.Dense(4, "softmax")

    def call(self, inputs: Any) -> Any:
        joined = lamina.ops.concatenate([self.a(inputs["a"]), inputs["b"]], axis=-1)
        return {"value": self.value(joined), "label": self.label(joined)}


def _net() -> Any:
    lamina.utils.set_random_seed(5)
    model = Net()
    model.compile("adam", {"value": "mse", "label": "sparse_categorical_crossentropy"})
    return model


def _batches() -> Iterator[Any]:
    for first in range(0, ROWS, SIZE):
        part = slice(first, first + SIZE)
        yield tuple({key: array[part] for key, array in each.items()} for each in (X, Y, W))


class Batches(lamina.utils.PyDataset):
    """The same batches by their number."""

    def __len__(self) -> int:
        return -(-ROWS // SIZE)

    def __getitem__(self, index: int) -> Any:
        return list(_batches())[index]


SOURCES: dict[str, Callable[[], Any]] = {
    "dataset": lambda: Dataset.from_arrays(X, Y, W).batch(SIZE),
    "slices": lambda: Dataset.from_tensor_slices((X, Y, W)).batch(SIZE).prefetch(2),
    "samples": lambda: Dataset.from_arrays(X, Y, W).map(lambda *parts: parts).batch(SIZE),
    "zip": lambda: Dataset.zip(*map(Dataset.from_arrays, (X, Y, W))).batch(SIZE),
    "generator": _batches,
    "generated": lambda: Dataset.from_generator(_batches, batched=True),
    "indexed": Batches,
}


@pytest.mark.parametrize("make", [_model, _net])
@pytest.mark.parametrize("kind", SOURCES)
def test_sources_train_as_arrays_do(kind: str, make: Callable[[], Any]) -> None:
    one, other = make(), make()
    options: dict[str, Any] = {"verbose": 0, "shuffle": False}
    history = one.fit(X, Y, sample_weight=W, batch_size=SIZE, **options).history
    assert other.fit(SOURCES[kind](), **options).history == history
    for first, second in zip(one.get_weights(), other.get_weights(), strict=True):
        assert first.tobytes() == second.tobytes()
    expected = one.evaluate(X, Y, sample_weight=W, batch_size=SIZE, verbose=0, return_dict=True)
    assert other.evaluate(SOURCES[kind](), verbose=0, return_dict=True) == expected
    predicted = other.predict(SOURCES[kind](), verbose=0)
    for key, value in one.predict(X, verbose=0).items():
        assert predicted[key].tobytes() == value.tobytes()


def test_inputs_alone_in_lists_and_dictionaries() -> None:
    model = _model()
    expected = model.predict(X, verbose=0)["value"]
    for data in (Dataset.from_arrays(X), Dataset.from_tensor_slices(X).map(lambda x: x)):
        assert np.array_equal(model.predict(data.batch(SIZE), verbose=0)["value"], expected)
    a, b = lamina.Input((3,)), lamina.Input((2,))
    model = lamina.Model([a, b], lamina.layers.Dense(1)(lamina.layers.concatenate([a, b])))
    model.compile("sgd", "mse")
    expected = model.predict([A, B], verbose=0)
    for nest in ([A, B], (A, B)):
        data = Dataset.from_arrays(nest)
        assert np.array_equal(model.predict(data.batch(SIZE), verbose=0), expected)
    data = Dataset.zip(Dataset.zip(Dataset.from_arrays(A), Dataset.from_arrays(B)), _values())
    (x, y), *_ = data.batch(SIZE)
    assert isinstance(x, tuple) and np.array_equal(x[1], B[:SIZE]) and y.shape == (SIZE, 1)
    model.fit(data.shuffle(4, seed=1).batch(SIZE), validation_data=data.batch(SIZE), verbose=0)


def _values() -> Dataset:
    return Dataset.from_arrays(VALUE)


def test_columns_of_strings() -> None:
    town = np.array(["A", "B", "A", "C"] * 5)
    name, number = lamina.Input((1,), dtype="string", name="town"), lamina.Input((3,), name="a")
    looked_up = lamina.layers.StringLookup(vocabulary=["A", "B"], output_mode="one_hot")(name)
    joined = lamina.layers.concatenate([looked_up, number])
    model = lamina.Model({"town": name, "a": number}, lamina.layers.Dense(1)(joined))
    model.compile("sgd", "mse")
    columns = {"town": town, "a": A}
    data = Dataset.from_arrays(columns, VALUE).shuffle(seed=2).batch(SIZE)
    assert np.isfinite(model.fit(data, verbose=0).history["loss"][0])
    expected = model.predict({"town": town[:, None], "a": A}, verbose=0)
    found = model.predict(Dataset.from_arrays(columns).batch(SIZE), verbose=0)
    assert found.tobytes() == expected.tobytes()


@given(size=st.integers(1, 9), skip=st.integers(0, 9), seed=st.integers(0, 3))
def test_rows_of_a_nest_stay_together(size: int, skip: int, seed: int) -> None:
    rows = np.arange(12)
    nest = {"b": [rows, rows * 2], "a": {"c": rows * 3}}
    plain = Dataset.from_arrays(rows).shuffle(seed=seed).batch(size)
    nested = Dataset.from_arrays(nest, rows).shuffle(seed=seed)
    for data in (nested.batch(size), nested.map(lambda x, y: (x, y)).batch(size).prefetch(1)):
        tail = zip(plain.start(1, skip), data.start(1, skip), strict=True)
        for (expected,), (x, y) in tail:
            assert list(x) == ["b", "a"] and np.array_equal(y, expected)
            assert np.array_equal(x["b"][1], expected * 2)
            assert np.array_equal(x["a"]["c"], expected * 3)


def test_zipped_shuffles_can_be_resumed() -> None:
    one, other = Dataset.from_arrays(np.arange(9)), Dataset.from_arrays(np.arange(12) * 10)
    data = Dataset.zip(one.shuffle(seed=1), other.shuffle(seed=2).repeat())
    assert len(data) == 9 and data.seeds == [1, 2]
    data.seeds = [3, 4]
    whole = list(data.batch(2).start(2))
    for first, second in zip(data.batch(2).start(2, 3), whole[3:], strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    endless = Dataset.zip(one.repeat(), other.repeat())
    assert endless.length is None and len(list(endless.take(30))) == 30


def test_bad_nests() -> None:
    with pytest.raises(ValueError, match="same number of samples"):
        Dataset.from_arrays({"a": A, "b": B[:-1]})
    with pytest.raises(ValueError, match="at least one array"):
        Dataset.from_arrays({})
    with pytest.raises(TypeError, match=r"x\['b'\]"):
        Dataset.from_arrays({"a": A, "b": np.zeros(ROWS, "complex64")})
    with pytest.raises(ValueError, match="length 4"):
        Dataset.from_tensor_slices((A, A, A, A))
    with pytest.raises(TypeError, match="data sets are needed"):
        Dataset.zip(Dataset.from_arrays(A), B)
    with pytest.raises(ValueError, match="batched"):
        Dataset.zip(Dataset.from_arrays(A).batch(2), Dataset.from_arrays(B))
    ragged = Dataset.from_generator(lambda: iter([{"a": 1}, {"b": 1}])).batch(2)
    with pytest.raises(ValueError, match="nested in the same way"):
        list(ragged)
