"""Files of models with a `call` and of graphs, both ways with Keras itself."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lamina
from lamina.graph import tree

h5py = pytest.importorskip("h5py", reason="h5py is not installed (extra `keras`)")

pytestmark = pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning", "ignore:.*HDF5.*")

OPTIONS: dict[str, Any] = {"batch_size": 8, "shuffle": False, "verbose": 0, "epochs": 2}


def classes(library: Any) -> dict[str, Any]:
    """The same classes, of one library or the other."""
    layers, saving = library.layers, library.saving
    register = saving.register_keras_serializable(package="files")

    @register
    class Block(layers.Layer):
        def __init__(self, units: int, **options: Any) -> None:
            super().__init__(**options)
            self.units = units
            self.stack = [layers.Dense(units, "tanh"), layers.Dense(units)]
            self.norm = layers.BatchNormalization()

        def build(self, input_shape: Any) -> None:
            self.scale = self.add_weight(
                shape=(self.units,), initializer="ones", trainable=False, name="scale"
            )
            self.shift = self.add_weight(shape=(self.units,), initializer="ones", name="shift")
            shape = input_shape
            for layer in self.stack:
                layer.build(shape)
                shape = (shape[0], self.units)
            self.norm.build(shape)

        def call(self, inputs: Any, training: bool = False) -> Any:
            hidden = self.stack[1](self.stack[0](inputs))
            return self.norm(hidden * self.scale + self.shift, training=training)

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "units": self.units}

    @register
    class Net(library.Model):
        def __init__(self, units: int = 4, **options: Any) -> None:
            super().__init__(**options)
            self.units = units
            self.zeta = layers.Dense(units, "tanh")
            self.alpha = layers.Dense(units)
            self._hidden = layers.Dense(units, "relu")
            self.again = self.zeta
            self.blocks = [Block(units), Block(units)]
            self.table = {"b": layers.Dense(units), "a": [layers.Dense(units), layers.Dropout(0.0)]}
            self.encoder = library.Sequential([layers.Dense(units, "tanh")])
            x = library.Input((units,))
            self.graph = library.Model(x, layers.Add()([x, layers.Dense(units)(x)]))

        @property
        def first(self) -> Any:
            return self._hidden

        def call(self, inputs: Any, training: bool = False) -> Any:
            hidden = self._hidden(self.alpha(self.zeta(inputs)))
            for block in self.blocks:
                hidden = block(hidden, training=training)
            hidden = self.table["a"][1](self.table["a"][0](self.table["b"](hidden)))
            return self.again(self.graph(self.encoder(hidden)))

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "units": self.units}

    @register
    class Towers(library.Model):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.left, self.right = layers.Dense(3, "relu"), layers.Dense(3, "tanh")
            self.join = layers.Concatenate()
            self.heads = {"value": layers.Dense(1), "policy": layers.Dense(2, "softmax")}

        def call(self, inputs: Any) -> Any:
            joined = self.join([self.left(inputs["a"]), self.right(inputs["b"])])
            return {key: head(joined) for key, head in self.heads.items()}

        def get_config(self) -> dict[str, Any]:
            return super().get_config()

    return {"Block": Block, "Net": Net, "Towers": Towers}


def net(library: Any, made: dict[str, Any]) -> Any:
    return made["Net"](4), np.ones((2, 4), "float32")


def towers(library: Any, made: dict[str, Any]) -> Any:
    return made["Towers"](), {"a": np.ones((2, 4), "float32"), "b": np.ones((2, 3), "float32")}


def shared_by_models(library: Any, made: dict[str, Any]) -> Any:
    """A layer that is in a graph and in a model in it."""
    x, inner_in = library.Input((4,)), library.Input((4,))
    shared = library.layers.Dense(4, "tanh")
    inner = library.Model(inner_in, shared(inner_in))
    return library.Model(x, inner(shared(x))), np.ones((2, 4), "float32")


def graph_of_blocks(library: Any, made: dict[str, Any]) -> Any:
    """A graph with custom layers, a shared layer, and models of every kind in it."""
    layers = library.layers
    a, b = library.Input((4,), name="a"), library.Input((4,), name="b")
    shared = layers.Dense(4, "tanh", name="shared")
    inner_in = library.Input((4,))
    inner = library.Model(inner_in, [layers.Dense(3)(inner_in), layers.Dense(2)(inner_in)])
    block = made["Block"](4, name="block")(layers.Average()([shared(a), shared(b)]))
    chain = library.Sequential([layers.Dense(4, "relu"), layers.BatchNormalization()], name="c")
    one, two = inner(chain(block))
    joined = layers.Concatenate()([one, two, layers.Multiply()([a, b])])
    outputs = {"value": layers.Dense(1, name="value")(joined), "two": two}
    inputs = {"a": a, "b": b}
    x = np.ones((2, 4), "float32")
    return library.Model(inputs, outputs), {"a": x, "b": x}


MODELS = [net, towers, graph_of_blocks]
Pair = tuple[dict[str, Any], dict[str, Any]]


@pytest.fixture(scope="module")
def made(keras: Any) -> Iterator[Pair]:
    yield classes(keras), classes(lamina)


def _samples(like: Any) -> Any:
    generator = np.random.default_rng(4)
    return tree.map_structure(
        lambda part: generator.normal(size=(24, *part.shape[1:])).astype("float32"), like
    )


def _built(make: Callable[..., Any], library: Any, its: dict[str, Any]) -> tuple[Any, Any, Any]:
    library.utils.set_random_seed(3)
    library.backend.clear_session()
    model, one = make(library, its)
    y = tree.map_structure(lambda part: np.asarray(part), model(one))
    return model, _samples(one), _samples(y)


def _equal(one: Any, other: Any, tolerance: float = 1e-6) -> None:
    assert type(one) is type(other)
    for a, b in zip(tree.flatten(one), tree.flatten(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance)


def _tensors(path: Path) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}

    def note(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and "seed_generator" not in name:
            found[name] = item.shape

    if path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            archive.extract("model.weights.h5", path.parent)
        path = path.parent / "model.weights.h5"
    with h5py.File(path) as file:
        file.visititems(note)
    return found


@pytest.mark.parametrize("make", [*MODELS, shared_by_models])
def test_weights_have_the_paths_of_keras(
    make: Callable[..., Any], keras: Any, made: Pair, tmp_path: Path
) -> None:
    theirs, x, _ = _built(make, keras, made[0])
    mine, _, _ = _built(make, lamina, made[1])
    theirs.save_weights(str(tmp_path / "a.weights.h5"))
    mine.save_weights(tmp_path / "b.weights.h5")
    assert _tensors(tmp_path / "b.weights.h5") == _tensors(tmp_path / "a.weights.h5")
    mine.load_weights(tmp_path / "a.weights.h5")
    _equal(mine.predict(x, verbose=0), theirs.predict(x, verbose=0))
    mine.set_weights([weight * 1.25 for weight in mine.get_weights()])
    mine.save_weights(tmp_path / "b.weights.h5")
    theirs.load_weights(str(tmp_path / "b.weights.h5"))
    _equal(mine.predict(x, verbose=0), theirs.predict(x, verbose=0))


@pytest.mark.parametrize("make", MODELS)
def test_models_of_keras_are_read_and_go_on(
    make: Callable[..., Any], keras: Any, made: Pair, tmp_path: Path
) -> None:
    model, x, y = _built(make, keras, made[0])
    model.compile(keras.optimizers.SGD(0.02, momentum=0.9), "mse")
    model.fit(x, y, **OPTIONS)
    model.save(str(tmp_path / "m.keras"))
    loaded = lamina.saving.load_model(tmp_path / "m.keras")
    _goes_on_equally(model, loaded, x, y)
    loaded.save(tmp_path / "n.keras")
    _goes_on_equally(loaded, keras.saving.load_model(str(tmp_path / "n.keras")), x, y)


@pytest.mark.parametrize("make", MODELS)
def test_keras_reads_models_and_goes_on(
    make: Callable[..., Any], keras: Any, made: Pair, tmp_path: Path
) -> None:
    model, x, y = _built(make, lamina, made[1])
    model.compile(lamina.optimizers.SGD(0.02, momentum=0.9), "mse")
    model.fit(x, y, **OPTIONS)
    model.save(tmp_path / "m.keras")
    _goes_on_equally(model, keras.saving.load_model(str(tmp_path / "m.keras")), x, y)
    _goes_on_equally(model, lamina.saving.load_model(tmp_path / "m.keras"), x, y, trained=True)


def _goes_on_equally(one: Any, other: Any, x: Any, y: Any, trained: bool = False) -> None:
    if trained:
        other.set_weights(one.get_weights())
    _equal(one.predict(x, verbose=0), other.predict(x, verbose=0))
    if not trained:
        histories = [model.fit(x, y, **OPTIONS).history["loss"] for model in (one, other)]
        np.testing.assert_allclose(*histories, rtol=1e-5, atol=1e-6)
        _equal(one.predict(x, verbose=0), other.predict(x, verbose=0), 2e-5)


def test_layers_of_keras_files_drop_in_training(keras: Any, tmp_path: Path) -> None:
    # Keras writes `training: false` for calls that say nothing of it.
    x = keras.Input((50,))
    inner = keras.Model(x, keras.layers.GaussianNoise(0.5)(x))
    keras.Model(x, keras.layers.Dropout(0.5)(inner(x))).save(str(tmp_path / "m.keras"))
    model, ones = lamina.saving.load_model(tmp_path / "m.keras"), np.ones((2, 50), "float32")
    assert (model.predict(ones, verbose=0) == 1.0).all()
    trained = np.asarray(model(ones, training=True))
    assert 0.2 < (trained == 0.0).mean() < 0.8 and len(np.unique(trained)) > 20
    y = lamina.Input((50,))
    mine = lamina.Model(y, lamina.layers.Dropout(0.5)(y, training=True))
    mine.save(tmp_path / "n.keras")
    again = lamina.saving.load_model(tmp_path / "n.keras")
    assert (again.predict(ones, verbose=0) == 0.0).any()
