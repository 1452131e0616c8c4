"""Every layer that both have, in files both ways: the same configuration and predictions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lamina
from lamina.saving.keras_names import KERAS_CLASSES

pytest.importorskip("h5py", reason="h5py is not installed (extra `keras`)")

# Keras' own warnings are not what is tested here.
pytestmark = pytest.mark.filterwarnings("ignore")

Array = np.ndarray[Any, Any]
Build = Callable[[Any], Any]
VECTOR, MATRIX = (8,), (3, 4)

#: Each builds a layer from either library, with arguments that are not the defaults; the shape
#: of its samples.
LAYERS: dict[str, tuple[Build, tuple[int, ...]]] = {
    "Activation": (lambda k: k.layers.Activation("mish"), VECTOR),
    "Activation layer": (lambda k: k.layers.Activation(k.layers.LeakyReLU(0.1)), VECTOR),
    "ActivityRegularization": (lambda k: k.layers.ActivityRegularization(0.1, 0.2), VECTOR),
    "AlphaDropout": (lambda k: k.layers.AlphaDropout(0.3, noise_shape=(None, 8), seed=4), VECTOR),
    "BatchNormalization": (
        lambda k: k.layers.BatchNormalization(
            momentum=0.8,
            epsilon=0.01,
            gamma_initializer=k.initializers.RandomUniform(0.5, 1.0, seed=3),
            gamma_regularizer=k.regularizers.L1L2(0.1, 0.2),
            beta_constraint=k.constraints.MaxNorm(1.5),
        ),
        VECTOR,
    ),
    "BatchNormalization renorm": (
        lambda k: k.layers.BatchNormalization(
            renorm=True, renorm_clipping={"rmax": 3.0, "dmax": 5.0}, renorm_momentum=0.9
        ),
        VECTOR,
    ),
    "BatchNormalization renorm free": (
        lambda k: k.layers.BatchNormalization(1, renorm=True, center=False),
        MATRIX,
    ),
    "BatchNormalization axis": (lambda k: k.layers.BatchNormalization(1, scale=False), MATRIX),
    "Dense": (
        lambda k: k.layers.Dense(
            5,
            "gelu",
            kernel_initializer=k.initializers.VarianceScaling(2.0, "fan_avg", "uniform", seed=3),
            bias_initializer=k.initializers.Constant(0.25),
            kernel_regularizer=k.regularizers.L2(0.5),
            bias_regularizer="l1",
            activity_regularizer=k.regularizers.L1(0.125),
            kernel_constraint=k.constraints.MinMaxNorm(0.1, 2.0, 0.5, axis=1),
            bias_constraint="non_neg",
        ),
        VECTOR,
    ),
    "Dense matrix": (
        lambda k: k.layers.Dense(5, activation=k.layers.ReLU(1.0, 0.1), use_bias=False),
        MATRIX,
    ),
    "Dropout": (lambda k: k.layers.Dropout(0.25, noise_shape=(None, 1), seed=7), VECTOR),
    "ELU": (lambda k: k.layers.ELU(0.5), VECTOR),
    "EinsumDense": (
        lambda k: k.layers.EinsumDense("abc,cde->abde", (None, 2, 5), "tanh", "de"),
        MATRIX,
    ),
    "Embedding": (
        lambda k: k.layers.Embedding(7, 3, embeddings_initializer="normal", mask_zero=False),
        (4,),
    ),
    "Flatten": (lambda k: k.layers.Flatten(), MATRIX),
    "GaussianDropout": (lambda k: k.layers.GaussianDropout(0.25, seed=3), VECTOR),
    "GaussianNoise": (lambda k: k.layers.GaussianNoise(0.5, seed=3), VECTOR),
    "GroupNormalization": (lambda k: k.layers.GroupNormalization(2, epsilon=0.01), MATRIX),
    "Identity": (lambda k: k.layers.Identity(), VECTOR),
    "LayerNormalization": (lambda k: k.layers.LayerNormalization(epsilon=0.01), MATRIX),
    "LayerNormalization axes": (lambda k: k.layers.LayerNormalization([1, 2]), MATRIX),
    "LeakyReLU": (lambda k: k.layers.LeakyReLU(0.15), VECTOR),
    "Normalization": (
        lambda k: k.layers.Normalization(mean=[1.0, 2.0, 3.0, 4.0], variance=[4.0, 1.0, 2.0, 9.0]),
        MATRIX,
    ),
    "Normalization weights": (lambda k: _adapted(k.layers.Normalization(), MATRIX), MATRIX),
    "Normalization invert": (
        lambda k: k.layers.Normalization(mean=2.0, variance=4.0, axis=None, invert=True),
        VECTOR,
    ),
    "PReLU": (lambda k: k.layers.PReLU("ones", shared_axes=[1]), MATRIX),
    "Permute": (lambda k: k.layers.Permute((2, 1)), MATRIX),
    "RMSNormalization": (lambda k: k.layers.RMSNormalization(epsilon=0.01), MATRIX),
    "ReLU": (lambda k: k.layers.ReLU(1.0, 0.1, 0.2), VECTOR),
    "RepeatVector": (lambda k: k.layers.RepeatVector(3), VECTOR),
    "Rescaling": (lambda k: k.layers.Rescaling(0.5, offset=1.0), VECTOR),
    "Reshape": (lambda k: k.layers.Reshape((2, -1)), VECTOR),
    "Sequential": (
        lambda k: k.Sequential(
            [
                k.layers.Dense(6, "tanh"),
                k.layers.BatchNormalization(),
                k.Sequential([k.layers.Dense(3), k.layers.PReLU()], name="inner"),
                k.layers.Dense(4),
            ],
            name="block",
        ),
        VECTOR,
    ),
    "Softmax": (lambda k: k.layers.Softmax(axis=1), MATRIX),
    "SpatialDropout1D": (lambda k: k.layers.SpatialDropout1D(0.25, seed=3), MATRIX),
    "SpectralNormalization": (
        lambda k: k.layers.SpectralNormalization(k.layers.Dense(5), power_iterations=2),
        VECTOR,
    ),
    "UnitNormalization": (lambda k: k.layers.UnitNormalization(axis=-1), MATRIX),
}
#: Without TensorFlow Keras cannot run these.
APART = {
    "CategoryEncoding",
    "Discretization",
    "HashedCrossing",
    "Hashing",
    "Lambda",  # code, which is never loaded from a file
    "IntegerLookup",
    "StringLookup",
}


def _adapted(layer: Any, shape: tuple[int, ...]) -> Any:
    layer.adapt(np.random.default_rng(3).normal(2.0, 3.0, size=(50, *shape)).astype("float32"))
    return layer


def _model(library: Any, name: str) -> Any:
    build, shape = LAYERS[name]
    model = library.Sequential([library.Input(shape), build(library)], name="whole")
    if "Normalization weights" not in name:
        model.set_weights(
            [
                np.random.default_rng(place).normal(size=tuple(weight.shape)) ** 2 / 4 + 0.1
                for place, weight in enumerate(model.weights)
            ]
        )
    return model


def _data(name: str) -> Array:
    generator = np.random.default_rng(5)
    if name == "Embedding":
        return generator.integers(0, 7, (9, 4))
    return generator.normal(size=(9, *LAYERS[name][1])).astype("float32")


def _plain(config: Any) -> Any:
    """A configuration without types, names that count on, and spellings of the same."""
    if isinstance(config, dict):
        left_out = ("dtype", "shared_object_id", "build_config", "registered_name", "data_format")
        return {k: _plain(v) for k, v in config.items() if k not in left_out}
    if isinstance(config, (list, tuple)):
        return [_plain(item) for item in config]
    return config


def _close(mine: Any, theirs: Any, x: Array) -> None:
    expected = np.asarray(theirs(x))
    np.testing.assert_allclose(mine.predict(x, verbose=0), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", LAYERS)
def test_whole_models(name: str, keras: Any, tmp_path: Path) -> None:
    x = _data(name)
    theirs = _model(keras, name)
    theirs.save(str(tmp_path / "theirs.keras"))
    mine = lamina.models.load_model(tmp_path / "theirs.keras")
    _close(mine, theirs, x)
    mine.save(tmp_path / "mine.keras")
    again = keras.saving.load_model(str(tmp_path / "mine.keras"))
    _close(mine, again, x)
    assert _plain(again.get_config()) == _plain(theirs.get_config())
    own = _model(lamina, name)
    own.save(tmp_path / "own.keras")
    _close(own, keras.saving.load_model(str(tmp_path / "own.keras")), x)


@pytest.mark.parametrize("name", LAYERS)
def test_weights(name: str, keras: Any, tmp_path: Path) -> None:
    x = _data(name)
    theirs, mine = _model(keras, name), _model(lamina, name)
    mine.set_weights([weight * 0.5 for weight in mine.get_weights()])
    theirs.save_weights(str(tmp_path / "a.weights.h5"))
    mine.load_weights(tmp_path / "a.weights.h5")
    _close(mine, theirs, x)
    mine.set_weights([weight * 0.5 for weight in mine.get_weights()])
    mine.save_weights(tmp_path / "b.weights.h5")
    theirs.load_weights(str(tmp_path / "b.weights.h5"))
    _close(mine, theirs, x)


@pytest.mark.parametrize("name", [name for name in LAYERS if name.startswith("BatchNorm")])
def test_old_files_with_state(name: str, keras: Any, tmp_path: Path) -> None:
    theirs = _model(keras, name)
    theirs.save(str(tmp_path / "theirs.h5"))
    theirs.save_weights(str(tmp_path / "theirs.weights.h5"))
    mine = lamina.models.load_model(tmp_path / "theirs.h5")
    for one, other in zip(mine.get_weights(), theirs.get_weights(), strict=True):
        assert one.tobytes() == np.asarray(other).tobytes()
    fresh = _model(lamina, name)
    fresh.set_weights([np.zeros_like(weight) for weight in fresh.get_weights()])
    fresh.load_weights(tmp_path / "theirs.weights.h5")
    assert all(
        a.tobytes() == b.tobytes()
        for a, b in zip(mine.get_weights(), fresh.get_weights(), strict=True)
    )
    _close(mine, theirs, _data(name))


#: They take several inputs: test_functional.py has them in graphs.
MERGING = {"Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Dot"}


def test_no_layer_is_missing() -> None:
    both = {name for name in KERAS_CLASSES["layers"] if hasattr(lamina.layers, name)}
    tested = {name.partition(" ")[0] for name in LAYERS}
    assert both - tested - APART - MERGING - {"InputLayer"} == set()


@pytest.mark.parametrize("size", [1, 200, 350, 10**6])
def test_weights_in_several_files(size: int, keras: Any, tmp_path: Path) -> None:
    """`size` bytes in each file, and whatever fits into one."""
    theirs, mine = _sharded(keras), _sharded(lamina)
    limit = max(size, 192) / 1024**3
    x = np.random.default_rng(5).normal(size=(9, 4)).astype("float32")
    y = np.random.default_rng(6).normal(size=(9, 3)).astype("float32")
    for model in (theirs, mine):
        model.train_on_batch(x, y)
    theirs.save_weights(str(tmp_path / "a.weights.json"), max_shard_size=limit)
    mine.load_weights(tmp_path / "a.weights.json")
    _close(mine, theirs, x)
    assert float(mine.train_on_batch(x, y)) == pytest.approx(
        float(theirs.train_on_batch(x, y)), rel=1e-5
    )
    mine.save_weights(tmp_path / "b.weights.json", max_shard_size=limit)
    names = [{p.name[1:] for p in tmp_path.glob(f"{letter}_*")} for letter in "ab"]
    assert names[0] == names[1] and (len(names[0]) > 1) == (size < 10**6)
    theirs.load_weights(str(tmp_path / "b.weights.json"))
    _close(mine, theirs, x)
    for one, other in zip(mine.optimizer.variables, theirs.optimizer.variables[2:], strict=True):
        assert one.numpy().tobytes() == np.asarray(other.numpy()).tobytes()


def _sharded(library: Any) -> Any:
    layers = library.layers
    model = library.Sequential(
        [library.Input((4,)), layers.Dense(8), layers.BatchNormalization(), layers.Dense(3)]
    )
    model.compile(library.optimizers.Adam(0.01), "mse")
    return model
