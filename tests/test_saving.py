"""Files: what is saved comes back, goes on with the same bits, and damage changes nothing."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lamina
from lamina import _core, layers

Array = np.ndarray[Any, Any]


def _data() -> tuple[Array, Array]:
    x = np.random.default_rng(0).normal(size=(75, 4)).astype("float32")
    return x, (x.sum(axis=1) > 0).astype("int64")


def _model(optimizer: Any = "adam", dtype: str = "float32") -> lamina.Sequential:
    model = lamina.Sequential(
        [
            lamina.Input((4,)),
            layers.Dense(9, "relu", dtype=dtype),
            layers.Dropout(0.4, dtype=dtype),
            layers.Dense(5, activation=layers.LeakyReLU(0.1), dtype=dtype),
            layers.Dropout(0.2, seed=3, dtype=dtype),
            layers.Dense(2, "softmax", use_bias=False, dtype=dtype),
        ]
    )
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def _bits(model: lamina.Sequential) -> bytes:
    parts = [w.tobytes() for w in model.get_weights()]
    if model.optimizer is not None:
        parts += [v.numpy().tobytes() for v in model.optimizer.variables]
        parts.append(repr((model.optimizer.iterations, model.optimizer.learning_rate)).encode())
    return b"".join(parts)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: lamina.optimizers.SGD(0.1),
        lambda: lamina.optimizers.SGD(0.1, momentum=0.9),
        lambda: lamina.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
        lambda: lamina.optimizers.Adam(0.01, 0.8, 0.99, 1e-5),
    ],
)
def test_save_load_continue_is_straight_through(optimizer: Any, dtype: str, tmp_path: Path) -> None:
    x, y = _data()
    lamina.utils.set_random_seed(5)
    straight = _model(optimizer(), dtype)
    straight.fit(x, y, epochs=2, batch_size=16, verbose=0)
    path = tmp_path / "model.safetensors"
    straight.save(path)
    straight.optimizer.learning_rate = 0.02
    history = straight.fit(x, y, epochs=3, batch_size=16, verbose=0).history

    loaded = lamina.saving.load_model(path)
    assert loaded.get_config() == lamina.saving.load_model(str(path)).get_config()
    loaded.optimizer.learning_rate = 0.02
    assert loaded.fit(x, y, epochs=3, batch_size=16, verbose=0).history == history
    assert _bits(loaded) == _bits(straight)
    assert np.array_equal(loaded.predict(x, verbose=0), straight.predict(x, verbose=0))


def test_a_new_process_gives_the_same_bits(tmp_path: Path) -> None:
    x, y = _data()
    model = _model()
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "m.safetensors")
    np.save(tmp_path / "x.npy", x)
    script = (
        "import sys, numpy as np, lamina\n"
        "model = lamina.saving.load_model(sys.argv[1])\n"
        "sys.stdout.buffer.write(model.predict(np.load(sys.argv[2]), verbose=0).tobytes())\n"
    )
    out = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "m.safetensors", tmp_path / "x.npy"],
        check=True,
        capture_output=True,
    ).stdout
    assert out == model.predict(x, verbose=0).tobytes()


def test_everything_comes_back(tmp_path: Path) -> None:
    x, y = _data()
    model = _model()
    model.fit(x, y, verbose=0)
    model.optimizer.learning_rate = 0.125
    model.save(tmp_path / "m")
    loaded = lamina.models.load_model(tmp_path / "m")
    assert loaded.get_config() == model.get_config()
    assert loaded.get_compile_config() == model.get_compile_config()
    assert loaded.metrics_names == ["loss", "accuracy"]
    assert _bits(loaded) == _bits(model)
    assert loaded.evaluate(x, y) == model.evaluate(x, y)


def test_without_compiling(tmp_path: Path) -> None:
    model = _model()
    model.save(tmp_path / "m")
    loaded = lamina.saving.load_model(tmp_path / "m", compile=False)
    assert not loaded.compiled and loaded.optimizer is None
    with pytest.raises(RuntimeError, match="compile"):
        loaded.fit(*_data())


def test_models_that_are_not_compiled_or_built(tmp_path: Path) -> None:
    model = lamina.Sequential([lamina.Input((2,)), layers.Dense(3)])
    model.save(tmp_path / "a")
    loaded = lamina.saving.load_model(tmp_path / "a")
    assert _bits(loaded) == _bits(model)
    unbuilt = lamina.Sequential([layers.Dense(3)])
    unbuilt.compile("sgd", "mse")
    unbuilt.save(tmp_path / "b")
    again = lamina.saving.load_model(tmp_path / "b")
    assert not again.built and again.compiled
    again.fit(np.zeros((4, 2)), np.zeros((4, 3)), verbose=0)


def test_losses_and_metrics_with_arguments(tmp_path: Path) -> None:
    model = lamina.Sequential([lamina.Input((2,)), layers.Dense(3)])
    model.compile(
        "sgd",
        lamina.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.25),
        metrics=[lamina.metrics.BinaryAccuracy(threshold=0.75, name="hits"), "mae", "acc"],
    )
    model.save(tmp_path / "m")
    loaded = lamina.saving.load_model(tmp_path / "m")
    assert loaded.loss.label_smoothing == 0.25 and loaded.loss.from_logits is True
    assert loaded.metrics_names == ["loss", "hits", "mae", "acc"]


def test_custom_initializers(tmp_path: Path) -> None:
    class Halves(lamina.Initializer):
        def __call__(self, shape: Any, dtype: Any = None) -> Any:
            return np.full(shape, 0.5, dtype)

    model = lamina.Sequential([lamina.Input((2,)), layers.Dense(3, kernel_initializer=Halves())])
    model.save(tmp_path / "m")
    with pytest.raises(lamina.FileFormatError, match="Unknown initializer"):
        lamina.saving.load_model(tmp_path / "m")
    loaded = lamina.saving.load_model(tmp_path / "m", custom_objects={"Halves": Halves})
    assert np.array_equal(loaded.get_weights()[0], np.full((2, 3), 0.5, "float32"))
    with lamina.saving.custom_object_scope({"Halves": Halves}):
        lamina.saving.load_model(tmp_path / "m")
    function = layers.Dense(1, kernel_initializer=lambda shape, dtype: np.zeros(shape, dtype))
    with pytest.raises(ValueError, match="custom function"):
        lamina.Sequential([lamina.Input((2,)), function]).save(tmp_path / "n")
    assert not (tmp_path / "n").exists()


def test_weights_alone(tmp_path: Path) -> None:
    one, two = _model(), _model()
    two.set_weights([w + 1 for w in one.get_weights()])
    two = lamina.Sequential.from_config(one.get_config())
    one.save_weights(tmp_path / "w")
    two.load_weights(tmp_path / "w")
    assert [a.tobytes() for a in one.get_weights()] == [b.tobytes() for b in two.get_weights()]
    one.save(tmp_path / "m")
    two.load_weights(tmp_path / "m")
    other = lamina.Sequential([lamina.Input((4,)), layers.Dense(9, name="dense")])
    before = _bits(other)
    with pytest.raises(lamina.FileFormatError, match="weights of this model"):
        other.load_weights(tmp_path / "w")
    assert _bits(other) == before
    with pytest.raises(lamina.FileFormatError, match=r"must be lamina\.model"):
        lamina.saving.load_model(tmp_path / "w")


def test_any_safetensors_tool_reads_the_file(tmp_path: Path) -> None:
    numpy_tools = pytest.importorskip("safetensors.numpy")
    model = _model()
    model.save(tmp_path / "m.safetensors")
    tensors = numpy_tools.load_file(tmp_path / "m.safetensors")
    assert np.array_equal(tensors[f"model/{model.weights[0].path}"], model.get_weights()[0])


def test_paths(tmp_path: Path) -> None:
    model = _model()
    model.save(str(tmp_path / "a"))
    with pytest.raises(FileExistsError):
        model.save(tmp_path / "a", overwrite=False)
    with pytest.raises(OSError):
        model.save(tmp_path / "missing" / "a")
    with pytest.raises(FileNotFoundError):
        lamina.saving.load_model(tmp_path / "nothing")
    with pytest.raises(TypeError, match="must be a path"):
        model.save(3)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a"]


def _saved(tmp_path: Path) -> tuple[Path, lamina.Sequential]:
    x, y = _data()
    model = _model()
    model.fit(x, y, verbose=0)
    path = tmp_path / "model.safetensors"
    model.save(path)
    return path, model


def test_truncated_files(tmp_path: Path) -> None:
    path, model = _saved(tmp_path)
    data, before = path.read_bytes(), _bits(model)
    for length in sorted({0, 1, 7, 8, 9, 100, len(data) // 2, len(data) - 1, len(data) - 8}):
        path.write_bytes(data[:length])
        with pytest.raises(lamina.FileFormatError):
            lamina.saving.load_model(path)
        with pytest.raises(lamina.FileFormatError):
            model.load_weights(path)
    path.write_bytes(data + b"x")
    with pytest.raises(lamina.FileFormatError):
        lamina.saving.load_model(path)
    assert _bits(model) == before


def test_altered_files_never_do_worse_than_an_error(tmp_path: Path) -> None:
    path, model = _saved(tmp_path)
    data, before = path.read_bytes(), _bits(model)
    header = 8 + int.from_bytes(data[:8], "little")
    generator = random.Random(1)
    for _ in range(400):
        altered = bytearray(data)
        for _ in range(generator.choice([1, 1, 2, 8])):
            altered[generator.randrange(header)] = generator.randrange(256)
        path.write_bytes(bytes(altered))
        try:
            lamina.saving.load_model(path)
        except lamina.FileFormatError as error:
            assert str(path) in str(error)
    assert _bits(model) == before


def _rewrite(path: Path, **changes: Any) -> None:
    """Replaces entries of the metadata by JSON of the given values, or removes them."""
    tensors, metadata = _core.load_safetensors(str(path))
    for key, value in changes.items():
        if value is None:
            metadata.pop(key, None)
        else:
            metadata[key] = value if isinstance(value, str) else json.dumps(value)
    _core.save_safetensors(str(path), tensors, metadata)


def _dense(**config: Any) -> dict[str, Any]:
    return {"class_name": "Dense", "config": {"units": 3, **config}}


def _stack(*stack: Any) -> dict[str, Any]:
    return {"class_name": "Sequential", "config": {"name": "m", "layers": list(stack)}}


_DEEP = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize(
    "changes",
    [
        {"format": None},
        {"format": "another"},
        {"format_version": "2"},
        {"format_version": "0"},
        {"format_version": "x"},
        {"format_version": "9" * 5000},
        {"config": None},
        {"config": "{"},
        {"config": _DEEP},
        {"config": '{"class_name": ' + _DEEP + "}"},
        {"config": "[]"},
        {"config": "3"},
        {"config": {"class_name": "os.system", "config": {}}},
        {"config": {"class_name": "Sequential", "config": None}},
        {"config": {"class_name": "Sequential", "config": {"layers": 3}}},
        {"config": {"class_name": "Sequential", "config": {"layers": [], "extra": 1}}},
        {"config": {"class_name": "Sequential", "config": {"name": 3, "layers": []}}},
        {"config": _stack()},
        {"config": _stack(3)},
        {"config": _stack({"class_name": "Lambda", "config": {}})},
        {"config": _stack({"class_name": "__import__", "module": "builtins", "config": {}})},
        {"config": _stack({"class_name": "system", "module": "os", "config": {}})},
        {"config": _stack({"class_name": ["Dense"], "config": {}})},
        {"config": _stack({"class_name": "Layer", "config": {}})},
        {"config": _stack({"class_name": "Dense", "config": []})},
        {"config": _stack({"class_name": "Dense", "config": {}})},
        {"config": _stack(_dense(units=-1))},
        {"config": _stack(_dense(units=1e9))},
        {"config": _stack(_dense(units=10**30))},
        {"config": _stack(_dense(units="3"))},
        {"config": _stack(_dense(units=None))},
        {"config": _stack(_dense(unknown=1))},
        {"config": _stack(_dense(name="a/b"))},
        {"config": _stack(_dense(name=3))},
        {"config": _stack(_dense(dtype="float16"))},
        {"config": _stack(_dense(dtype=[]))},
        {"config": _stack(_dense(activation="rm -rf"))},
        {"config": _stack(_dense(activation={"class_name": "function", "config": "eval"}))},
        {"config": _stack(_dense(activation=3))},
        {"config": _stack(_dense(kernel_initializer={"class_name": "Zeros", "config": 3}))},
        {"config": _stack(_dense(kernel_initializer={"class_name": "Dense"}))},
        {"config": _stack(_dense(kernel_regularizer={"class_name": "L2"}))},
        {"config": _stack(_dense(), _dense(name="x"))},
        {"config": _stack(_dense(input_shape=[4]))},
        {"config": _stack(_dense(input_shape=[2**40]))},
        {"config": _stack(_dense(input_shape=[2**62, 2**62]))},
        {"config": _stack({"class_name": "InputLayer", "config": {"shape": [2**46]}}, _dense())},
        {"config": _stack({"class_name": "InputLayer", "config": {"shape": [-4]}}, _dense())},
        {"config": _stack({"class_name": "Dropout", "config": {"rate": 2}})},
        {"config": _stack({"class_name": "Dropout", "config": {"rate": float("nan")}})},
        {"state": None},
        {"state": "null"},
        {"state": {}},
        {"state": {"seed": -1, "epochs_seen": 0, "steps_seen": 0, "layer_seeds": {}}},
        {"state": {"seed": 1, "epochs_seen": 2**63, "steps_seen": 0, "layer_seeds": {}}},
        {"state": {"seed": 1, "epochs_seen": 0, "steps_seen": 0.5, "layer_seeds": {}}},
        {"state": {"seed": 1, "epochs_seen": 0, "steps_seen": 0, "layer_seeds": {"x": 1}}},
        {"compile": "{}"},
        {"compile": {"optimizer": "rmsprop", "loss": "mse", "metrics": []}},
        {"compile": {"optimizer": None, "loss": "mse", "metrics": []}},
        {"compile": {"optimizer": "sgd", "loss": "mse", "metrics": []}},
        {"compile": {"optimizer": "adam", "loss": "nothing", "metrics": []}},
        {"compile": {"optimizer": "adam", "loss": None, "metrics": []}},
        {"compile": {"optimizer": "adam", "loss": "mse", "metrics": "mse"}},
        {"compile": {"optimizer": {"class_name": "Adam", "config": {"learning_rate": -1}}}},
    ],
)
def test_hostile_metadata(changes: dict[str, Any], tmp_path: Path) -> None:
    path, model = _saved(tmp_path)
    before = _bits(model)
    _rewrite(path, **changes)
    with pytest.raises(lamina.FileFormatError):
        lamina.saving.load_model(path)
    assert _bits(model) == before


def test_hostile_tensors(tmp_path: Path) -> None:
    path, model = _saved(tmp_path)
    tensors, metadata = _core.load_safetensors(str(path))
    kernel = f"model/{model.weights[0].path}"
    slot = next(key for key in tensors if key.startswith("optimizer/"))
    hostile = [
        {**tensors, kernel: tensors[kernel].T.copy()},
        {**tensors, kernel: tensors[kernel].astype("float64")},
        {**tensors, kernel: tensors[kernel].astype("int32")},
        {**tensors, slot: tensors[slot].ravel()[:1]},
        {**tensors, "model/more": np.zeros(3)},
        {**tensors, "more": np.zeros(3)},
        {key: value for key, value in tensors.items() if key != kernel},
        {key: value for key, value in tensors.items() if key != slot},
        {},
    ]
    for altered in hostile:
        _core.save_safetensors(str(path), altered, metadata)
        with pytest.raises(lamina.FileFormatError, match="Received"):
            lamina.saving.load_model(path)
    _core.save_safetensors(str(path), tensors, metadata)
    assert _bits(lamina.saving.load_model(path)) == _bits(model)


def test_a_failed_save_leaves_the_old_file(tmp_path: Path) -> None:
    path, model = _saved(tmp_path)
    data = path.read_bytes()
    model.add(layers.Dense(1, kernel_initializer=lambda shape, dtype: np.zeros(shape, dtype)))
    with pytest.raises(ValueError, match="custom function"):
        model.save(path)
    assert path.read_bytes() == data and list(tmp_path.iterdir()) == [path]
