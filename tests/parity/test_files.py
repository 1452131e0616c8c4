"""Files both ways, with Keras itself on the other side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lamina

pytest.importorskip("h5py", reason="h5py is not installed (extra `keras`)")

# Keras' own warnings are not what is tested here.
pytestmark = pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning", "ignore:.*HDF5.*")

Array = np.ndarray[Any, Any]
OPTIONS: dict[str, Any] = {"batch_size": 16, "shuffle": False, "verbose": 0}


def _data(outputs: int, labels: bool) -> tuple[Array, Array]:
    generator = np.random.default_rng(7)
    x = generator.normal(size=(48, 4)).astype("float32")
    if labels:
        return x, generator.integers(0, outputs, 48)
    return x, generator.normal(size=(48, outputs)).astype("float32")


def _classifier(keras: Any) -> Any:
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(6, "gelu", name="one"),
            keras.layers.Dropout(0.0),
            keras.layers.Dense(5, activation=keras.layers.LeakyReLU(0.2), use_bias=False),
            keras.layers.ReLU(max_value=2.0, negative_slope=0.1, threshold=0.05),
            keras.layers.ELU(0.5),
            keras.layers.Dense(3, kernel_initializer=keras.initializers.HeNormal(seed=3)),
            keras.layers.Softmax(),
        ],
        name="classifier",
    )
    model.compile(
        keras.optimizers.Adam(0.01, beta_1=0.8, epsilon=1e-6),
        keras.losses.SparseCategoricalCrossentropy(),
        metrics=["accuracy", keras.metrics.SparseCategoricalAccuracy(name="hits")],
    )
    return model


def _regression(keras: Any) -> Any:
    model = keras.Sequential(
        [
            keras.layers.Dense(7, "tanh"),
            keras.layers.Activation("silu"),
            keras.layers.Dense(3),
        ]
    )
    model.build((None, 4))
    model.compile(
        keras.optimizers.SGD(0.02, momentum=0.9, nesterov=True),
        keras.losses.Huber(),
        metrics=["mae", "mse"],
    )
    return model


def _plain(keras: Any) -> Any:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Flatten(), keras.layers.Dense(3)])
    model.compile("sgd", "mse")
    return model


MODELS = {"classifier": _classifier, "regression": _regression, "plain": _plain}


def _same_from_here(one: Any, other: Any, x: Array, y: Array) -> None:
    """Equal predictions; then training goes on equally."""
    predictions = [model.predict(x, verbose=0) for model in (one, other)]
    np.testing.assert_allclose(*predictions, rtol=0, atol=1e-6)
    assert int(one.optimizer.iterations) == int(other.optimizer.iterations)
    histories = [model.fit(x, y, epochs=3, **OPTIONS).history for model in (one, other)]
    assert list(histories[0]) == list(histories[1])
    for key, values in histories[0].items():
        np.testing.assert_allclose(values, histories[1][key], rtol=1e-5, atol=1e-6, err_msg=key)
    predictions = [model.predict(x, verbose=0) for model in (one, other)]
    np.testing.assert_allclose(*predictions, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("name", MODELS)
def test_from_keras(name: str, suffix: str, keras: Any, tmp_path: Path) -> None:
    model = MODELS[name](keras)
    x, y = _data(3, name == "classifier")
    model.fit(x, y, epochs=2, **OPTIONS)
    model.save(str(tmp_path / f"m{suffix}"))
    _same_from_here(model, lamina.models.load_model(tmp_path / f"m{suffix}"), x, y)


@pytest.mark.parametrize("name", MODELS)
def test_to_keras(name: str, keras: Any, tmp_path: Path) -> None:
    model = MODELS[name](lamina)
    x, y = _data(3, name == "classifier")
    model.fit(x, y, epochs=2, **OPTIONS)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(str(tmp_path / "m.keras"))
    assert [layer.name for layer in loaded.layers] == [layer.name for layer in model.layers]
    _same_from_here(model, loaded, x, y)


@pytest.mark.parametrize("name", MODELS)
def test_there_and_back(name: str, keras: Any, tmp_path: Path) -> None:
    model = MODELS[name](keras)
    x, y = _data(3, name == "classifier")
    model.fit(x, y, epochs=2, **OPTIONS)
    model.save(str(tmp_path / "a.keras"))
    lamina.models.load_model(tmp_path / "a.keras").save(tmp_path / "b.keras")
    again = keras.saving.load_model(str(tmp_path / "b.keras"))
    theirs, mine = model.get_config(), again.get_config()
    for config in (theirs, mine):
        for layer in config["layers"]:
            layer.pop("shared_object_id", None)
            layer["config"].pop("dtype")
    assert [entry["class_name"] for entry in mine["layers"]] == [
        entry["class_name"] for entry in theirs["layers"]
    ]
    for one, other in zip(model.get_weights(), again.get_weights(), strict=True):
        assert one.tobytes() == other.tobytes()
    for one, other in zip(model.optimizer.variables, again.optimizer.variables, strict=True):
        assert np.array(one.value).tobytes() == np.array(other.value).tobytes()
    _same_from_here(model, again, x, y)


@pytest.mark.parametrize("name", MODELS)
def test_weights_both_ways(name: str, keras: Any, tmp_path: Path) -> None:
    theirs, mine = MODELS[name](keras), MODELS[name](lamina)
    x, _ = _data(3, name == "classifier")
    theirs.save_weights(str(tmp_path / "a.weights.h5"))
    mine.load_weights(tmp_path / "a.weights.h5")
    np.testing.assert_allclose(
        mine.predict(x, verbose=0), theirs.predict(x, verbose=0), rtol=0, atol=1e-6
    )
    mine.set_weights([weight * 1.5 for weight in mine.get_weights()])
    mine.save_weights(tmp_path / "b.weights.h5")
    theirs.load_weights(str(tmp_path / "b.weights.h5"))
    np.testing.assert_allclose(
        mine.predict(x, verbose=0), theirs.predict(x, verbose=0), rtol=0, atol=1e-6
    )


def test_float64(keras: Any, tmp_path: Path) -> None:
    if keras.backend.backend() == "jax":
        import jax

        if not jax.config.jax_enable_x64:
            pytest.skip("this backend computes in float32 (JAX_ENABLE_X64=1 changes that)")
    layers = keras.layers
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, "tanh", dtype="float64")])
    model.save(str(tmp_path / "m.keras"))
    loaded = lamina.models.load_model(tmp_path / "m.keras")
    assert loaded.dtype == "float64"
    x, _ = _data(3, False)
    np.testing.assert_allclose(loaded.predict(x, verbose=0), model.predict(x), rtol=1e-12)
