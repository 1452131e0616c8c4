"""Graphs, subclasses and layers that hold layers: files, checkpoints, resumed trainings."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lamina
from lamina import layers

h5py = pytest.importorskip("h5py", reason="h5py is not installed (extra `keras`)")

Array = np.ndarray[Any, Any]
RANDOM = np.random.default_rng(6)
A = RANDOM.normal(size=(40, 4)).astype("float32")
VALUE = RANDOM.normal(size=(40, 1)).astype("float32")
LABEL = RANDOM.integers(0, 3, 40)
OPTIONS: dict[str, Any] = {"verbose": 0, "batch_size": 8}


@lamina.saving.register_keras_serializable("resume")
class Block(layers.Layer):
    """Two layers and a dropout around which the input goes."""

    def __init__(self, units: int, **options: Any) -> None:
        super().__init__(**options)
        self.stack = [layers.Dense(units, "tanh"), layers.Dense(units)]
        self.drop = layers.Dropout(0.2)

    def call(self, inputs: Any, training: bool = False) -> Any:
        return inputs + self.drop(self.stack[1](self.stack[0](inputs)), training=training)


@lamina.saving.register_keras_serializable("resume")
class Net(lamina.Model):
    """Blocks in a list, and a graph."""

    def __init__(self, units: int = 4, **options: Any) -> None:
        super().__init__(**options)
        self.blocks = [Block(units), Block(units)]
        self.norm, self.head = layers.BatchNormalization(), layers.Dense(1)
        x = lamina.Input((units,))
        self.graph = lamina.Model(x, layers.Dense(units)(x))

    def call(self, inputs: Any, training: bool = False) -> Any:
        for block in self.blocks:
            inputs = block(inputs, training=training)
        return self.head(self.norm(self.graph(inputs), training=training))


def net() -> tuple[Any, Any, Any]:
    model = Net()
    model.compile("adam", "mse")
    return model, A, VALUE


def graph() -> tuple[Any, Any, Any]:
    a, b = lamina.Input((4,), name="a"), lamina.Input((4,), name="b")
    shared = layers.Dense(4, "tanh")
    hidden = layers.Dropout(0.3)(layers.Add()([shared(a), shared(b)]))
    hidden = layers.BatchNormalization()(Block(4)(hidden))
    outputs = {"value": layers.Dense(1)(hidden), "label": layers.Dense(3, "softmax")(hidden)}
    model = lamina.Model({"a": a, "b": b}, outputs)
    model.compile("adam", {"value": "mse", "label": "sparse_categorical_crossentropy"})
    return model, {"a": A, "b": A[::-1].copy()}, {"value": VALUE, "label": LABEL}


def chain() -> tuple[Any, Any, Any]:
    model = lamina.Sequential([lamina.Input((4,)), Block(4), layers.Dropout(0.1), layers.Dense(1)])
    model.compile("rmsprop", "mse")
    return model, A, VALUE


MODELS = [net, graph, chain]
Make = Callable[[], tuple[Any, Any, Any]]


def _same(one: Any, other: Any) -> None:
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        assert a.tobytes() == b.tobytes()


@pytest.mark.parametrize("suffix", [".safetensors", ".keras"])
@pytest.mark.parametrize("make", MODELS)
def test_a_loaded_model_goes_on_with_the_same_bits(make: Make, suffix: str, tmp_path: Path) -> None:
    lamina.utils.set_random_seed(1)
    model, x, y = make()
    model.fit(x, y, **OPTIONS)
    model.save(tmp_path / f"m{suffix}")
    others = [lamina.saving.load_model(tmp_path / f"m{suffix}")]
    others += [copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
    history = model.fit(x, y, **OPTIONS).history
    for other in others:
        assert other.fit(x, y, **OPTIONS).history == history
        _same(model, other)


@pytest.mark.parametrize("suffix", [".safetensors", ".weights.h5"])
@pytest.mark.parametrize("make", MODELS)
def test_weights_between_two_models_of_one_function(
    make: Make, suffix: str, tmp_path: Path
) -> None:
    model, x, y = make()
    twin, _, _ = make()
    for each in (model, twin):
        each.fit(x, y, **OPTIONS)
    model.save_weights(tmp_path / f"w{suffix}")
    twin.load_weights(tmp_path / f"w{suffix}")
    _same(model, twin)


class Interrupt(lamina.callbacks.Callback):
    """Ends a training after its second epoch, once."""

    on = True

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if epoch == 1 and Interrupt.on:
            raise KeyboardInterrupt


@pytest.mark.parametrize("make", MODELS)
def test_an_interrupted_training_goes_on_in_another_model(make: Make, tmp_path: Path) -> None:
    lamina.utils.set_random_seed(1)
    whole, x, y = make()
    history = whole.fit(x, y, epochs=4, **OPTIONS).history
    lamina.utils.set_random_seed(1)
    for on in (True, False):
        Interrupt.on = on
        model, _, _ = make()
        callbacks = [lamina.callbacks.BackupAndRestore(tmp_path / "backup"), Interrupt()]
        try:
            assert model.fit(x, y, epochs=4, callbacks=callbacks, **OPTIONS).history == history
        except KeyboardInterrupt:
            assert on
    _same(whole, model)


@pytest.mark.parametrize("make", MODELS)
def test_checkpoints(make: Make, tmp_path: Path) -> None:
    model, x, y = make()
    names = [tmp_path / "best.keras", tmp_path / "best.safetensors", tmp_path / "w.weights.h5"]
    callbacks = [
        lamina.callbacks.ModelCheckpoint(name, save_weights_only="weights" in name.name)
        for name in names
    ]
    model.fit(x, y, epochs=2, callbacks=callbacks, **OPTIONS)
    for name in names[:2]:
        _same(lamina.saving.load_model(name), model)
    twin, _, _ = make()
    twin.fit(x, y, **OPTIONS)
    twin.load_weights(names[2])
    _same(twin, model)


@lamina.saving.register_keras_serializable("resume")
class OwnCompile(Net):
    """Compiles in a way that files do not know."""

    def compile(self, rate: float = 0.1) -> None:  # type: ignore[override]
        super().compile(lamina.optimizers.SGD(rate), "mse")


@pytest.mark.parametrize("suffix", [".safetensors", ".keras"])
def test_a_custom_compile_is_not_called(suffix: str, tmp_path: Path) -> None:
    model = OwnCompile()
    model.compile(0.2)
    model.fit(A, VALUE, **OPTIONS)
    model.save(tmp_path / f"m{suffix}")
    with pytest.warns(UserWarning, match="was not called as part of model loading"):
        again = lamina.saving.load_model(tmp_path / f"m{suffix}")
    assert not again.compiled
    _same(model, again)


def test_models_that_are_not_built_have_no_weights_to_save(tmp_path: Path) -> None:
    for name in ("w.safetensors", "w.weights.h5"):
        with pytest.raises(ValueError, match="has not yet been built"):
            Net().save_weights(tmp_path / name)
        with pytest.raises(ValueError, match="has not yet been built"):
            Net().load_weights(tmp_path / name)
