"""Einsums, axes of normalizations, orthogonal penalties, hashing and lookups against Keras 3.

The last need TensorFlow beside Keras, whatever the backend, and are skipped without it.
"""

from __future__ import annotations

import importlib.util
import os
from typing import Any

import numpy as np
import pytest

import lamina

keras = pytest.importorskip("keras", reason="Keras 3 is not installed")
if int(keras.__version__.split(".")[0]) < 3:
    pytest.skip("Keras 3 is not installed", allow_module_level=True)

from .test_layers import _close, _pair  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")
needs_tensorflow = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is None, reason="TensorFlow is not installed"
)

MATRIX = (3, 4)
# (Not RMSNormalization: Keras 3.15 cannot compute it over another axis than the last.)
LAYERS: dict[str, Any] = {
    "layer first axis": lambda k: k.layers.LayerNormalization(axis=1),
    "layer two axes": lambda k: k.layers.LayerNormalization(axis=[1, 2]),
    "unit first axis": lambda k: k.layers.UnitNormalization(axis=1),
    "group first axis": lambda k: k.layers.GroupNormalization(groups=3, axis=1),
    "orthogonal rows": lambda k: k.layers.Dense(
        5, kernel_regularizer=k.regularizers.OrthogonalRegularizer(0.5)
    ),
    "orthogonal columns": lambda k: k.layers.Dense(
        5, kernel_regularizer=k.regularizers.OrthogonalRegularizer(0.5, mode="columns")
    ),
    "einsum": lambda k: k.layers.EinsumDense("abc,cd->abd", (3, 5), "tanh", "d"),
    "einsum ellipsis": lambda k: k.layers.EinsumDense("...x,xy->...y", 5, bias_axes="y"),
    "einsum trailing": lambda k: k.layers.EinsumDense("ab...,cb->ac...", 5, "relu", "c"),
    "einsum heads": lambda k: k.layers.EinsumDense("abc,cde->abde", (3, 2, 3), bias_axes="de"),
    "einsum groups": lambda k: k.layers.EinsumDense("abc,cdb->adb", (2, 3), bias_axes="b"),
}


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_outputs_and_ten_steps(name: str) -> None:
    theirs, ours = _pair(LAYERS[name], MATRIX)
    rng = np.random.default_rng(12)
    x, y = rng.normal(size=(20, 5)).astype("float32"), rng.normal(size=(20, 3)).astype("float32")
    _close(ours(x), theirs(x))
    for _ in range(10):
        _close(ours.train_on_batch(x, y), theirs.train_on_batch(x, y))
    for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        _close(mine, other)


def test_spectral_normalization() -> None:
    """Other backends than TensorFlow forget the divided kernel after each step (Keras 3.15)."""
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(20, 5)).astype("float32"), rng.normal(size=(20, 3)).astype("float32")
    models = []
    for library in (keras, lamina):
        layer = library.layers.SpectralNormalization(library.layers.Dense(3), power_iterations=2)
        model = library.Sequential([library.Input((5,)), layer])
        model.compile(library.optimizers.SGD(0.05), "mse")
        models.append(model)
    theirs, ours = models
    weights = [rng.normal(size=v.shape).astype("float32") for v in ours.weights]
    for model in models:
        model.set_weights(weights)
    _close(ours(x), theirs(x))
    if keras.backend.backend() != "tensorflow":
        _close(ours.train_on_batch(x, y), theirs.train_on_batch(x, y))
        return
    for _ in range(10):
        _close(ours.train_on_batch(x, y), theirs.train_on_batch(x, y))
    for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        _close(mine, other)


WORDS = [["a", "c", "d"], ["d", "z", "b"], ["", "a", "a"]]
NUMBERS = [[12, 1138, 42], [42, 1000, 36], [0, -5, 12]]
#: A layer of either library, and what it is called on.
PREPARE: dict[str, Any] = {
    "hashing": (lambda k: k.layers.Hashing(7), WORDS),
    "hashing salt": (lambda k: k.layers.Hashing(7, salt=[3, 9], mask_value=""), WORDS),
    "hashing numbers": (lambda k: k.layers.Hashing(7, output_mode="multi_hot"), NUMBERS),
    "hashing counts": (lambda k: k.layers.Hashing(7, salt=4, output_mode="count"), NUMBERS),
    "crossing": (lambda k: k.layers.HashedCrossing(11), (["a", "b", "c"], [3, 4, 5])),
    "crossing hot": (
        lambda k: k.layers.HashedCrossing(11, output_mode="one_hot"),
        (["a", "b", "c"], ["u", "v", "w"]),
    ),
}
for _mode in ("int", "one_hot", "multi_hot", "count"):
    PREPARE[f"strings {_mode}"] = (
        lambda k, mode=_mode: k.layers.StringLookup(
            vocabulary=["a", "b", "c", "d"], mask_token="", output_mode=mode, num_oov_indices=2
        ),
        WORDS,
    )
    PREPARE[f"integers {_mode}"] = (
        lambda k, mode=_mode: k.layers.IntegerLookup(
            vocabulary=[12, 36, 1138, 42], mask_token=0, output_mode=mode, num_oov_indices=2
        ),
        NUMBERS,
    )
PREPARE["integers farmhash"] = (
    lambda k: k.layers.IntegerLookup(
        vocabulary=[12], num_oov_indices=5, oov_method="farmhash", salt=[1, 2]
    ),
    NUMBERS,
)
PREPARE["strings tf_idf"] = (
    lambda k: k.layers.StringLookup(
        vocabulary=["a", "b"], output_mode="tf_idf", idf_weights=[0.5, 0.75]
    ),
    WORDS,
)
PREPARE["integers back"] = (
    lambda k: k.layers.IntegerLookup(vocabulary=[12, 36], invert=True, mask_token=0),
    [[0, 1, 2], [3, 4, 1]],
)


@needs_tensorflow
@pytest.mark.parametrize("name", sorted(PREPARE))
def test_prepared_data(name: str) -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    build, data = PREPARE[name]
    arrays = tuple(np.array(part) for part in data) if isinstance(data, tuple) else np.array(data)
    theirs, ours = np.asarray(build(keras)(arrays)), build(lamina)(arrays)
    assert ours.shape == theirs.shape
    assert np.allclose(ours, theirs, rtol=1e-6)


@needs_tensorflow
@pytest.mark.parametrize("mode", ["int", "multi_hot", "tf_idf"])
def test_learned_vocabularies(mode: str) -> None:
    rng = np.random.default_rng(1)
    data = rng.choice(["a", "b", "cc", "d", "[UNK]", "é"], size=(30, 4))
    both = []
    for library in (keras, lamina):
        layer = library.layers.StringLookup(output_mode=mode, max_tokens=5)
        layer.adapt(data)
        both.append(layer)
    theirs, ours = both
    assert ours.get_vocabulary() == [str(token) for token in theirs.get_vocabulary()]
    assert ours.vocabulary_size() == theirs.vocabulary_size()
    assert np.allclose(ours(data), np.asarray(theirs(data)), rtol=1e-5)
