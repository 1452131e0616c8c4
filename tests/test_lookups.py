"""Hashing, crossings and lookups: TensorFlow's values, Keras' rules, and their place in a model."""

from __future__ import annotations

import json
import pickle
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lamina
from lamina import _core, layers

#: What tf.strings.to_hash_bucket_fast and _strong (key 133, 137) gave for 2^62 buckets.
HASHES = json.loads((Path(__file__).parent / "golden" / "tensorflow_hashes.json").read_text())
BUCKETS = np.uint64(2**62)


def test_hashes_are_tensorflows() -> None:
    strings = [bytes.fromhex(case["bytes"]) for case in HASHES]
    fast, strong = _core.hash_strings(strings), _core.hash_strings(strings, (133, 137))
    assert (fast % BUCKETS).tolist() == [case["fast"] for case in HASHES]
    assert (strong % BUCKETS).tolist() == [case["strong"] for case in HASHES]
    numbers = np.array([0, -1, 12345678901234567, -(2**63)])
    as_text = [str(number) for number in numbers.tolist()]
    assert np.array_equal(_core.hash_integers(numbers), _core.hash_strings(as_text))


def test_hashing_documented_values() -> None:
    letters = [["A"], ["B"], ["C"], ["D"], ["E"]]
    assert layers.Hashing(3)(letters).ravel().tolist() == [1, 0, 1, 1, 2]
    masked = layers.Hashing(3, mask_value="")([["A"], ["B"], [""], ["C"], ["D"]])
    assert masked.ravel().tolist() == [1, 1, 0, 2, 2] and masked.dtype == "int64"
    assert layers.Hashing(3, salt=[133, 137])(letters).ravel().tolist() == [1, 2, 1, 0, 2]
    assert layers.Hashing(3, salt=133)(letters).ravel().tolist() == [0, 0, 2, 1, 0]
    hot = layers.Hashing(3, output_mode="one_hot")(letters)
    assert hot.argmax(1).tolist() == [1, 0, 1, 1, 2] and hot.dtype == "float32"
    counts = layers.Hashing(3, output_mode="count")([["A", "C", "B"]])
    assert counts.tolist() == [[1.0, 2.0, 0.0]]
    assert layers.Hashing(3, dtype="int32")([1.9, 2.0]).dtype == "int32"
    assert np.array_equal(layers.Hashing(7)([1.9, 2.0]), layers.Hashing(7)(["1", "2"]))


def test_crossing_documented_values() -> None:
    features = (np.array(["A", "B", "A", "B", "A"]), np.array([101, 101, 101, 102, 102]))
    assert layers.HashedCrossing(5)(features).tolist() == [1, 4, 1, 1, 3]
    hot = layers.HashedCrossing(5, output_mode="one_hot")(features)
    assert hot.argmax(1).tolist() == [1, 4, 1, 1, 3] and hot.shape == (5, 5)
    columns = [feature[:, None] for feature in features]
    assert layers.HashedCrossing(5)(columns).shape == (5, 1)
    assert layers.HashedCrossing(5)((np.array("A"), np.array(101))).tolist() == 1


def test_string_lookup_modes() -> None:
    data = [["a", "c", "d"], ["d", "z", "b"]]
    words = ["a", "b", "c", "d"]
    assert layers.StringLookup(vocabulary=words)(data).tolist() == [[1, 3, 4], [4, 0, 2]]
    masked = layers.StringLookup(vocabulary=words, mask_token="")
    assert masked.get_vocabulary() == ["", "[UNK]", *words] and masked([""]).tolist() == [0]
    assert masked.get_vocabulary(include_special_tokens=False) == words
    hot = layers.StringLookup(vocabulary=words, output_mode="multi_hot")
    assert hot(data).tolist() == [[0, 1, 0, 1, 1], [1, 0, 1, 0, 1]]
    counted = layers.StringLookup(vocabulary=words, output_mode="count", mask_token="m")
    assert counted([["a", "a", "m"]]).tolist() == [[0, 2, 0, 0, 0]]
    one = layers.StringLookup(vocabulary=words, output_mode="one_hot")
    assert one([["c"], ["q"]]).tolist() == [[0, 0, 0, 1, 0], [1, 0, 0, 0, 0]]
    padded = layers.StringLookup(
        vocabulary=words, output_mode="one_hot", pad_to_max_tokens=True, max_tokens=9
    )
    assert padded(["a"]).shape == (1, 9)
    idf = layers.StringLookup(
        vocabulary=words, output_mode="tf_idf", idf_weights=[0.25, 0.75, 0.6, 0.4]
    )
    expected = [[0, 0.25, 0, 0.6, 0.4], [0.5, 0, 0.75, 0, 0.4]]
    assert np.allclose(idf(data), expected) and idf(data).dtype == "float32"
    several = layers.StringLookup(vocabulary=words, num_oov_indices=3)
    bins = _core.hash_strings(["x", "y"]) % np.uint64(3)
    assert several(["a", "x", "y"]).tolist() == [3, *bins.tolist()]
    back = layers.StringLookup(vocabulary=words, invert=True)
    assert back([[1, 3, 4], [4, 0, 99]]).tolist() == [["a", "c", "d"], ["d", "[UNK]", "[UNK]"]]


def test_integer_lookup_modes() -> None:
    tokens = [12, 36, 1138, 42]
    data = [[12, 1138, 42], [42, 1000, 36]]
    assert layers.IntegerLookup(vocabulary=tokens)(data).tolist() == [[1, 3, 4], [4, 0, 2]]
    several = layers.IntegerLookup(vocabulary=tokens, num_oov_indices=2)
    assert several([37, -3, 12, 1000]).tolist() == [1, 1, 2, 0]
    hashed = layers.IntegerLookup(
        vocabulary=tokens, num_oov_indices=3, oov_method="farmhash", salt=5
    )
    bins = _core.hash_integers(np.array([7, -9]), (5, 5)) % np.uint64(3)
    assert hashed([7, -9]).tolist() == bins.tolist()
    back = layers.IntegerLookup(vocabulary=tokens, invert=True, mask_token=0)
    assert back([0, 1, 2, 5, 77]).tolist() == [0, -1, 12, 42, -1]
    assert layers.IntegerLookup(vocabulary=np.array(tokens), num_oov_indices=0)([36]) == [1]


@settings(max_examples=40, deadline=None)
@given(
    data=st.lists(st.lists(st.sampled_from("abcdefgh"), min_size=3, max_size=3), min_size=1),
    most=st.integers(2, 9),
)
def test_adapt_orders_by_counts(data: list[list[str]], most: int) -> None:
    layer = layers.StringLookup(max_tokens=most)
    layer.adapt(data)
    counts = Counter(token for sample in data for token in sample)
    expected = sorted(counts, key=lambda token: (counts[token], token), reverse=True)[: most - 1]
    assert layer.get_vocabulary() == ["[UNK]", *expected]
    batches = layers.StringLookup(max_tokens=most)
    batches.adapt(np.array(data)[i : i + 2] for i in range(0, len(data), 2))
    assert batches.get_vocabulary() == layer.get_vocabulary()
    weighted = layers.StringLookup(max_tokens=most, output_mode="tf_idf")
    weighted.adapt(data)
    found = [sum(token in sample for sample in data) for token in expected]
    weights = np.log(1 + len(data) / (1 + np.array(found)))
    answer = weighted([["-", expected[0], expected[0]]])[0]
    assert np.allclose(answer[:2], [weights.mean(), 2 * weights[0]], rtol=1e-5)


def _model(layer: Any) -> Any:
    lamina.utils.set_random_seed(3)
    model = lamina.Sequential(
        [
            lamina.Input((1,), dtype="string"),
            layer,
            layers.Embedding(8, 4) if layer.output_mode == "int" else layers.Dense(4, "relu"),
            layers.Flatten(),
            layers.Dense(3, "softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.mark.parametrize("mode", ["int", "one_hot", "multi_hot", "count", "tf_idf"])
def test_strings_go_through_a_model(mode: str, tmp_path: Path) -> None:
    words = np.array(["red", "green", "blue", "grey"])
    x, y = words[np.arange(90) % 4], np.arange(90) % 4 % 3
    layer = layers.StringLookup(output_mode=mode)
    layer.adapt(x)
    model = _model(layer)
    history = model.fit(
        x, y, batch_size=16, epochs=3, validation_data=(x[:8, None], y[:8]), verbose=0
    ).history
    assert history["loss"][-1] < history["loss"][0] and "val_loss" in history
    expected = model.predict(x)
    assert np.array_equal(model(x[:5].tolist()), expected[:5])
    assert np.array_equal(model.predict(x.astype(object)[:, None]), expected)
    assert np.array_equal(model.predict_on_batch(np.char.encode(x)), expected)
    model.train_on_batch(x, y)
    assert np.isfinite(model.evaluate(x, y, verbose=0)).all()
    batches = [(x[i : i + 30], y[i : i + 30]) for i in range(0, 90, 30)]
    model.fit(iter(batches), verbose=0)
    assert [type(part).__name__ for part in model.layers[:1]] == ["StringLookup"]

    model.save(tmp_path / "model.safetensors")
    again = lamina.saving.load_model(tmp_path / "model.safetensors")
    copied = pickle.loads(pickle.dumps(model))
    for other in (again, copied):
        assert np.array_equal(other.predict(x), model.predict(x))
        assert other.layers[0].get_vocabulary() == layer.get_vocabulary()
        other.fit(x, y, verbose=0)
    assert all(
        np.array_equal(a, b) for a, b in zip(again.get_weights(), copied.get_weights(), strict=True)
    )


def test_an_unbuilt_model_learns_its_shape() -> None:
    layer = layers.Discretization([0.0, 1.0], output_mode="one_hot")
    model = lamina.Sequential([layer, layers.Dense(2)])
    model.compile("sgd", "mse")
    x = np.linspace(-1, 2, 12)[:, None]
    model.fit(x, np.zeros((12, 2)), verbose=0)
    assert model.input_shape == (None, 1) and model.layers[1].kernel.shape == (3, 2)
    hashed = lamina.Sequential([layers.Hashing(50), layers.Embedding(50, 3), layers.Flatten()])
    assert hashed.predict(np.array([["a", "b"], ["b", "c"]])).shape == (2, 6)
    chain = lamina.Sequential(
        [
            lamina.Input((2,)),
            layers.Discretization([0.0, 1.0]),
            layers.CategoryEncoding(3, "count"),
            layers.Dense(1),
        ]
    )
    assert chain.predict(np.array([[-1.0, 5.0]])).shape == (1, 1)
    assert chain.compute_output_shape((None, 2)) == (None, 1)


def test_configurations_and_assets() -> None:
    given_words = layers.StringLookup(vocabulary=["a", "b"], mask_token="", name="words")
    again = layers.deserialize(layers.serialize(given_words))
    assert again.get_vocabulary() == given_words.get_vocabulary()
    assert given_words._vocabulary_asset() is None
    learned = layers.IntegerLookup()
    learned.adapt([5, 5, 7])
    asset = learned._vocabulary_asset()
    assert asset == "-1\n5\n7"
    fresh = layers.IntegerLookup.from_config(learned.get_config())
    fresh._load_vocabulary_asset(asset)
    assert fresh.get_vocabulary() == [-1, 5, 7] and fresh.vocabulary_size() == 3
    for layer in (layers.Hashing(4, salt=1), layers.HashedCrossing(4, output_mode="one_hot")):
        assert layers.deserialize(layers.serialize(layer)).get_config() == layer.get_config()


def test_vocabulary_files(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("uno\ndos\ntrés\n", encoding="utf-8")
    layer = layers.StringLookup(vocabulary=str(path))
    assert layer(["trés", "?"]).tolist() == [3, 0]
    assert layer.get_config()["vocabulary"] is None and layer._vocabulary_asset() is not None
    with pytest.raises(ValueError, match="file"):
        layers.StringLookup.from_config({"vocabulary": str(path)})
    with pytest.raises(OSError, match="nothing"):
        layers.StringLookup(vocabulary=str(tmp_path / "nothing"))


def test_damaged_vocabularies_in_files(tmp_path: Path) -> None:
    layer = layers.StringLookup(output_mode="one_hot")
    layer.adapt(["a", "b"])
    model = _model(layer)
    path = tmp_path / "model.safetensors"
    model.save(path)
    tensors, metadata = _core.load_safetensors(str(path))
    key = "learned/string_lookup"
    key = next(name for name in tensors if name.startswith("learned/"))
    for bad in (
        b"",
        b"[]",
        b'{"tokens": 3}',
        b'{"tokens": ["a", "a"], "idf_weights": null}',
        b'{"tokens": ["a"], "idf_weights": null}',
        b'{"tokens": ["a", 3], "idf_weights": null}',
        b'{"tokens": ["a", "b"], "idf_weights": [1.0, 2.0, 3.0]}',
        b"\xff\xfe",
    ):
        _core.save_safetensors(str(path), {**tensors, key: np.frombuffer(bad, "uint8")}, metadata)
        with pytest.raises(_core.FileFormatError):
            lamina.saving.load_model(path)
    for wrong in (
        {name: value for name, value in tensors.items() if name != key},
        {**tensors, "learned/other": tensors[key]},
        {**tensors, key: np.zeros(3, "float32")},
    ):
        _core.save_safetensors(str(path), wrong, metadata)
        with pytest.raises(_core.FileFormatError):
            lamina.saving.load_model(path)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: layers.Hashing(0), ValueError, "num_bins"),
        (lambda: layers.Hashing(3, salt="a"), ValueError, "salt"),
        (lambda: layers.Hashing(3, output_mode="hot"), ValueError, "one_hot"),
        (lambda: layers.Hashing(3, dtype="float32"), ValueError, "int32"),
        (lambda: layers.Hashing(3, sparse=True), NotImplementedError, "sparse"),
        (lambda: layers.Hashing(3, mask_value="a")([1, 2]), TypeError, "mask_value"),
        (lambda: layers.Hashing(3)([1j]), TypeError, "real numbers"),
        (lambda: layers.Hashing(3)(np.array(["a", None], object)), TypeError, "None"),
        (lambda: layers.HashedCrossing(3)(["a"]), ValueError, "at least two"),
        (lambda: layers.HashedCrossing(3)((["a"], ["b", "c"])), ValueError, "same shape"),
        (lambda: layers.HashedCrossing(3)((["a"], [0.5])), TypeError, "float64"),
        (lambda: layers.StringLookup(max_tokens=1), ValueError, "max_tokens=1"),
        (lambda: layers.StringLookup(vocabulary=["a", "a"]), ValueError, "different"),
        (lambda: layers.StringLookup(vocabulary=[]), ValueError, "not empty"),
        (lambda: layers.StringLookup(vocabulary=["a", "b"], max_tokens=2), ValueError, "larger"),
        (lambda: layers.StringLookup(vocabulary=["a", ""], mask_token=""), ValueError, "mask"),
        (lambda: layers.StringLookup(output_mode="one_hot")(["a"]), RuntimeError, "adapt"),
        (lambda: layers.StringLookup(output_mode="hot"), ValueError, "one_hot"),
        (lambda: layers.StringLookup(invert=True, output_mode="count"), ValueError, "invert"),
        (lambda: layers.StringLookup(vocabulary=["a"])([3]), TypeError, "takes strings"),
        (lambda: layers.StringLookup(vocabulary=["a"])([b"\xff"]), ValueError, "UTF-8"),
        (lambda: layers.StringLookup(vocabulary=["a"]).adapt(["a"]), ValueError, "nothing to"),
        (lambda: layers.StringLookup(encoding="latin1"), NotImplementedError, "encoding"),
        (lambda: layers.StringLookup(pad_to_max_tokens=True), ValueError, "max_tokens"),
        (
            lambda: layers.StringLookup(vocabulary=["a"], num_oov_indices=0)(["z"]),
            ValueError,
            "num_oov_indices=0",
        ),
        (
            lambda: layers.StringLookup(vocabulary=["a"], output_mode="tf_idf"),
            ValueError,
            "idf_weights",
        ),
        (lambda: layers.StringLookup(colour=3), TypeError, "colour"),
        (lambda: layers.IntegerLookup(vocabulary=[1])(["a"]), TypeError, "integers"),
        (lambda: layers.IntegerLookup(vocabulary=[1])([0.5]), ValueError, "whole"),
        (lambda: layers.IntegerLookup(salt=3), ValueError, "farmhash"),
        (lambda: layers.IntegerLookup(vocabulary_dtype="int32"), ValueError, "int64"),
        (
            lambda: lamina.Sequential([lamina.Input((2,)), layers.HashedCrossing(3)]),
            ValueError,
            "several features",
        ),
        (
            lambda: lamina.Sequential([lamina.Input((2,)), layers.Dense(2), layers.Hashing(3)]),
            ValueError,
            "before all other layers",
        ),
        (
            lambda: lamina.Sequential(
                [layers.Dense(2), lamina.Sequential([layers.Hashing(3), layers.Dense(2)])]
            ),
            ValueError,
            "before all layers",
        ),
        (lambda: layers.Residual([layers.Hashing(3)]), TypeError, "list of layers"),
    ],
)
def test_clear_errors(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_a_model_keeps_the_size_of_its_vocabulary() -> None:
    layer = layers.StringLookup(output_mode="one_hot")
    layer.adapt(["a", "b"])
    model = _model(layer)
    layer.set_vocabulary(["c", "d"])
    with pytest.raises(RuntimeError, match="size of the vocabulary"):
        layer.set_vocabulary(["c", "d", "e"])
    assert model.predict(["c"]).shape == (1, 3)
