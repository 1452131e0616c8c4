"""Files of Keras: those that Keras 2 and 3 wrote load, and what is written has Keras' layout."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lamina
from lamina import layers

h5py = pytest.importorskip("h5py")

Array = np.ndarray[Any, Any]
FILES = Path(__file__).parent / "keras_files"
CASES: list[dict[str, Any]] = [
    case
    for name in ("keras2", "keras3")
    for case in json.loads((FILES / f"{name}.json").read_text())
]
WHOLE = [(case, name) for case in CASES for name in case["files"] if ".weights." not in name]
OPTIONS: dict[str, Any] = {"batch_size": 16, "shuffle": False, "verbose": 0}


def _data() -> tuple[Array, Array]:
    steps = np.arange(48 * 4, dtype="float64").reshape(48, 4)
    x = (steps * 37 % 101 / 50 - 1).astype("float32")
    return x, (x[:, 0] + x[:, 1] * x[:, 2] > 0).astype("int64")


def _model(optimizer: Any = "adam", dtype: str = "float32", width: int = 6) -> lamina.Sequential:
    model = lamina.Sequential(
        [
            lamina.Input((4,)),
            layers.Dense(width, "tanh", dtype=dtype, name="first"),
            layers.Dropout(0.25, dtype=dtype),
            layers.Dense(5, activation=layers.LeakyReLU(0.1), dtype=dtype),
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


# What Keras wrote.


@pytest.mark.parametrize(("case", "name"), WHOLE, ids=[name for _, name in WHOLE])
def test_models_of_keras_predict_and_train_on_as_there(case: dict[str, Any], name: str) -> None:
    x, y = _data()
    model = lamina.saving.load_model(FILES / name)
    assert model.name == "classifier" and model.layers[0].name == "first"
    assert model.optimizer is not None and model.optimizer.iterations == case["iterations"]
    assert model.metrics_names == ["loss", "accuracy"]
    np.testing.assert_allclose(model.predict(x, verbose=0), case["predictions"], rtol=0, atol=1e-6)
    history = model.fit(x, y, epochs=2, **OPTIONS).history
    np.testing.assert_allclose(history["loss"], case["loss"], rtol=1e-5)
    np.testing.assert_allclose(history["accuracy"], case["accuracy"], rtol=1e-6)
    after = case["predictions_after"]
    np.testing.assert_allclose(model.predict(x, verbose=0), after, rtol=0, atol=1e-5)


@pytest.mark.parametrize("stem", ["keras3_adam", "keras3_sgd"])
def test_weights_of_keras(stem: str) -> None:
    x, _ = _data()
    expected = next(c for c in CASES if f"{stem}.keras" in c["files"])["predictions"]
    whole = lamina.saving.load_model(FILES / f"{stem}.keras", compile=False)
    assert not whole.compiled
    for suffix in (".weights.h5", ".h5", ".keras"):
        model = lamina.Sequential.from_config(whole.get_config())
        model.load_weights(FILES / f"{stem}{suffix}")
        np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=0, atol=1e-6)


def test_weights_by_name() -> None:
    model = lamina.Sequential(
        [lamina.Input((4,)), layers.Dense(6, name="first"), layers.Dense(3, name="head")]
    )
    head = model.layers[1].get_weights()
    model.load_weights(FILES / "keras3_adam.h5", by_name=True)
    whole = lamina.saving.load_model(FILES / "keras3_adam.h5")
    assert np.array_equal(model.get_weights()[0], whole.get_weights()[0])
    assert all(
        np.array_equal(a, b) for a, b in zip(head, model.layers[1].get_weights(), strict=True)
    )
    with pytest.raises(lamina.FileFormatError, match="by_name"):
        model.load_weights(FILES / "keras3_adam.keras", by_name=True)


# What lamina writes.


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: lamina.optimizers.SGD(0.1),
        lambda: lamina.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
        lambda: lamina.optimizers.Adam(0.01),
    ],
)
def test_there_and_back_goes_on_with_the_same_bits(
    optimizer: Any, dtype: str, tmp_path: Path
) -> None:
    x, y = _data()
    model = _model(optimizer(), dtype)
    model.fit(x, y, epochs=2, batch_size=16, verbose=0)
    model.save(tmp_path / "m.keras")
    again = lamina.models.load_model(tmp_path / "m.keras")
    assert _bits(again) == _bits(model)
    for one in (model, again):  # shuffled, and with dropout
        one.fit(x, y, epochs=2, batch_size=16, verbose=0)
    assert _bits(again) == _bits(model)
    assert again.get_config() == model.get_config()


def test_the_archive_is_one_of_keras(tmp_path: Path) -> None:
    x, y = _data()
    model = _model()
    model.fit(x, y, **OPTIONS)
    model.save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        assert archive.namelist() == ["metadata.json", "config.json", "model.weights.h5"]
        assert all(entry.compress_type == zipfile.ZIP_STORED for entry in archive.infolist())
        config = json.loads(archive.read("config.json"))
        weights = io.BytesIO(archive.read("model.weights.h5"))
    assert (config["module"], config["class_name"]) == ("keras", "Sequential")
    assert config["build_config"] == {"input_shape": [None, 4]}
    entries = config["config"]["layers"]
    assert [e["class_name"] for e in entries] == [
        "InputLayer",
        "Dense",
        "Dropout",
        "Dense",
        "Dense",
    ]
    assert {e["module"] for e in entries} == {"keras.layers"}
    assert entries[1]["build_config"] == {"input_shape": [None, 4]}
    assert "lamina" not in json.dumps(config)
    assert config["compile_config"]["optimizer"]["module"] == "keras.optimizers"
    with h5py.File(weights) as file:
        datasets: dict[str, tuple[int, ...]] = {}
        file.visititems(
            lambda name, thing: (
                datasets.update({name: thing.shape}) if isinstance(thing, h5py.Dataset) else None
            )
        )
        assert file["layers/dense/vars"].attrs["name"] == "first"
        assert file["optimizer/vars/0"].dtype == "int32" and file["optimizer/vars/0"][()] == 3
    slots = [(4, 6), (6,), (6, 5), (5,), (5, 2)]
    assert datasets == {
        "layers/dense/vars/0": (4, 6),
        "layers/dense/vars/1": (6,),
        "layers/dense_1/vars/0": (6, 5),
        "layers/dense_1/vars/1": (5,),
        "layers/dense_2/vars/0": (5, 2),
        "optimizer/vars/0": (),
        "optimizer/vars/1": (),
        **{f"optimizer/vars/{2 + 2 * i + j}": s for i, s in enumerate(slots) for j in (0, 1)},
    }


def test_two_files_of_one_model_are_the_same_bytes(tmp_path: Path) -> None:
    model = _model()
    for name in ("a.keras", "b.keras"):
        model.save(tmp_path / name)
    assert (tmp_path / "a.keras").read_bytes() == (tmp_path / "b.keras").read_bytes()
    model.save_weights(tmp_path / "a.weights.h5")
    model.save_weights(tmp_path / "b.weights.h5")
    assert (tmp_path / "a.weights.h5").read_bytes() == (tmp_path / "b.weights.h5").read_bytes()


def test_models_that_are_not_trained_compiled_or_built(tmp_path: Path) -> None:
    model = _model()  # compiled, not trained
    model.save(tmp_path / "m.keras")
    again = lamina.saving.load_model(tmp_path / "m.keras")
    assert again.optimizer is not None and again.optimizer.iterations == 0
    assert again.optimizer.learning_rate == 0.001
    plain = lamina.Sequential([lamina.Input((2,)), layers.Dense(3)])
    plain.save(tmp_path / "p.keras")
    loaded = lamina.saving.load_model(tmp_path / "p.keras")
    assert not loaded.compiled and _bits(loaded) == _bits(plain)
    unbuilt = lamina.Sequential([layers.Dense(3)])
    unbuilt.compile("sgd", "mse")
    unbuilt.save(tmp_path / "u.keras")
    again = lamina.saving.load_model(tmp_path / "u.keras")
    assert not again.built and again.compiled
    again.fit(np.zeros((4, 2)), np.zeros((4, 3)), verbose=0)


def test_names_decide_what_is_written(tmp_path: Path) -> None:
    model = _model()
    with pytest.raises(ValueError, match="read only"):
        model.save(tmp_path / "m.h5")
    with pytest.raises(ValueError, match=r"\.weights\.h5"):
        model.save_weights(tmp_path / "m.h5")
    with pytest.raises(ValueError, match="whole model"):
        model.save_weights(tmp_path / "m.keras")
    with pytest.raises(NotImplementedError, match="zipped"):
        model.save(tmp_path / "m.keras", zipped=False)
    with pytest.raises(ValueError, match="max_shard_size"):
        model.save_weights(tmp_path / "m.weights.json")
    with pytest.raises(ValueError, match=r"\.weights\.json"):
        model.save_weights(tmp_path / "m.json", max_shard_size=1)
    assert not list(tmp_path.iterdir())
    model.save(tmp_path / "m.keras")
    with pytest.raises(FileExistsError):
        model.save(tmp_path / "m.keras", overwrite=False)
    assert [p.name for p in tmp_path.iterdir()] == ["m.keras"]


def test_what_keras_lacks_is_not_written(tmp_path: Path) -> None:
    model = lamina.Sequential([lamina.Input((2,)), layers.Dense(3, "gelu_tanh")])
    with pytest.raises(ValueError, match="gelu"):
        model.save(tmp_path / "m.keras")
    assert not list(tmp_path.iterdir())


# What does not fit.


@pytest.mark.parametrize("suffix", [".safetensors", ".weights.h5", ".keras"])
def test_differences_are_listed_and_nothing_changes(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"w{suffix}"
    source = _model(width=6)
    source.save(path) if suffix == ".keras" else source.save_weights(path)
    model = lamina.Sequential.from_config(_model(width=7).get_config())
    for mine, its in zip(model.layers, source.layers, strict=True):
        mine.name = its.name
    before = _bits(model)
    with pytest.raises(lamina.FileFormatError) as error:
        model.load_weights(path)
    text = str(error.value)
    assert text.count("(4, 6)") == 1 and text.count("(4, 7)") == 1 and text.count("(6, 5)") == 1
    assert _bits(model) == before


def test_skip_mismatch(tmp_path: Path) -> None:
    source, model = _model(width=6), _model(width=7)
    source.save_weights(tmp_path / "w.weights.h5")
    before = model.get_weights()
    with pytest.warns(UserWarning, match=r"left as they are.*layers/dense/vars/0.*\(4, 6\)"):
        model.load_weights(tmp_path / "w.weights.h5", skip_mismatch=True)
    after, theirs = model.get_weights(), source.get_weights()
    assert [np.array_equal(a, b) for a, b in zip(after, before, strict=True)] == [True] * 4 + [
        False
    ]
    assert np.array_equal(after[4], theirs[4])


def test_one_layer_more_or_less(tmp_path: Path) -> None:
    two = lamina.Sequential([lamina.Input((2,)), layers.Dense(2), layers.Dense(2)])
    one = lamina.Sequential([lamina.Input((2,)), layers.Dense(2)])
    two.save_weights(tmp_path / "two.weights.h5")
    one.save_weights(tmp_path / "one.weights.h5")
    with pytest.raises(lamina.FileFormatError, match=r"dense_1/vars/0.*the model has nothing"):
        one.load_weights(tmp_path / "two.weights.h5")
    with pytest.raises(lamina.FileFormatError, match=r"dense_1/vars/0.*the file has nothing"):
        two.load_weights(tmp_path / "one.weights.h5")
    with pytest.warns(UserWarning, match="dense_1"):
        two.load_weights(tmp_path / "one.weights.h5", skip_mismatch=True)
    assert np.array_equal(two.get_weights()[0], one.get_weights()[0])


def _repack(path: Path, **members: Any) -> None:
    """Replaces members of an archive: bytes, or a function of the old JSON that changes it."""
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    for key, change in members.items():
        name = {"weights": "model.weights.h5"}.get(key, f"{key}.json")
        if callable(change):
            value = json.loads(content[name])
            change(value)
            content[name] = json.dumps(value).encode()
        else:
            content[name] = change
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)


def test_classes_that_lamina_lacks_are_named(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    for change, name in [
        (lambda c: c["config"]["layers"][1].update(class_name="Conv2D"), "Conv2D"),
        (lambda c: c["compile_config"]["optimizer"].update(class_name="Rprop"), "Rprop"),
        (lambda c: c["compile_config"].update(loss="ctc"), "ctc"),
        (lambda c: c["compile_config"].update(metrics=["no_such_metric"]), "no_such_metric"),
        (lambda c: c.update(class_name="Functional"), "Functional"),
        (lambda c: c["config"]["layers"][1].update(registered_name="mine>Dense"), "mine>Dense"),
        (lambda c: c["config"]["layers"][1]["config"].update(dtype="mixed_float16"), "float16"),
        (lambda c: c["config"]["layers"][1]["config"].update(surprise=3), "surprise"),
    ]:
        _model().save(path)
        _repack(path, config=change)
        with pytest.raises(lamina.FileFormatError, match=name):
            lamina.saving.load_model(path)


def test_custom_objects(tmp_path: Path) -> None:
    class Halves(lamina.Initializer):
        def __call__(self, shape: Any, dtype: Any = None) -> Any:
            return np.full(shape, 0.5, dtype)

    model = lamina.Sequential([lamina.Input((2,)), layers.Dense(3, kernel_initializer=Halves())])
    path = tmp_path / "m.keras"
    model.save(path)
    with pytest.raises(lamina.FileFormatError, match="Halves"):
        lamina.saving.load_model(path)
    loaded = lamina.saving.load_model(path, custom_objects={"Halves": Halves})
    assert isinstance(loaded.layers[0].kernel_initializer, Halves)


def test_an_archive_that_was_packed_again(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    model = _model()
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    assert _bits(lamina.saving.load_model(path)) == _bits(model)


def test_no_optimizer_state_is_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    _model().save(path)
    with zipfile.ZipFile(path) as archive:
        content = io.BytesIO(archive.read("model.weights.h5"))
    with h5py.File(content, "a") as file:
        del file["optimizer"]
    _repack(path, weights=content.getvalue())
    with pytest.warns(UserWarning, match="starts afresh"):
        lamina.saving.load_model(path)


def test_h5py_is_needed_for_these_files_only(tmp_path: Path) -> None:
    _model().save(tmp_path / "m.keras")
    _model().save_weights(tmp_path / "m.weights.h5")
    _model().save(tmp_path / "m.safetensors")
    script = (
        "import sys\n"
        "sys.modules['h5py'] = None\n"
        "import lamina\n"
        "model = lamina.saving.load_model('m.safetensors')\n"
        "for work in (lambda: lamina.saving.load_model('m.keras'), lambda: model.save('n.keras'),\n"
        "             lambda: model.load_weights('m.weights.h5')):\n"
        "    try:\n"
        "        work()\n"
        "    except ImportError as error:\n"
        "        assert 'lamina[keras]' in str(error), error\n"
        "    else:\n"
        "        raise AssertionError\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=tmp_path)
    assert not (tmp_path / "n.keras").exists()


def test_what_keras_cannot_say_is_not_left_out(tmp_path: Path) -> None:
    model = lamina.Sequential([lamina.Input((2,)), lamina.layers.Dense(1)])
    model.compile("sgd", "mse", missing_targets="ignore")
    with pytest.raises(ValueError, match="missing targets"):
        model.save(tmp_path / "model.keras")
    assert not (tmp_path / "model.keras").exists()


def test_weights_without_decay_come_back_and_keras_is_warned_of(tmp_path: Path) -> None:
    x, y = _data()
    model = _model(lamina.optimizers.Adam(0.01))
    optimizer = lamina.optimizers.AdamW(0.01, weight_decay=0.1)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    model.compile(optimizer, "sparse_categorical_crossentropy")
    model.fit(x, y, epochs=2, batch_size=16, verbose=0)
    with pytest.warns(UserWarning, match="excluded from weight decay.*first/bias"):
        model.save(tmp_path / "m.keras")
    again = lamina.models.load_model(tmp_path / "m.keras")
    for one in (model, again):
        one.fit(x, y, epochs=2, batch_size=16, verbose=0)
    assert _bits(again) == _bits(model)


@pytest.mark.parametrize("scaled", [False, True])
def test_loss_scales_and_averages_go_on_with_the_same_bits(scaled: bool, tmp_path: Path) -> None:
    x, y = _data()
    optimizer: Any = lamina.optimizers.Adam(
        0.01, use_ema=True, ema_momentum=0.8, gradient_accumulation_steps=2
    )
    if scaled:
        optimizer = lamina.optimizers.LossScaleOptimizer(optimizer, dynamic_growth_steps=3)
    model = _model(optimizer)
    model.fit(x, y, epochs=3, batch_size=16, verbose=0)
    model.save(tmp_path / "m.keras")
    again = lamina.models.load_model(tmp_path / "m.keras")
    assert _bits(again) == _bits(model)
    for one in (model, again):
        one.fit(x, y, epochs=2, batch_size=16, verbose=0)
    assert _bits(again) == _bits(model)


def test_a_part_of_a_state_that_keras_leaves_out(tmp_path: Path) -> None:
    model = _model(lamina.optimizers.LossScaleOptimizer(lamina.optimizers.Nadam()))
    with pytest.raises(ValueError, match="Nadam"):
        model.save(tmp_path / "m.keras")


def test_an_optimizer_that_has_begun_takes_its_state_from_weights(tmp_path: Path) -> None:
    x, y = _data()
    model = _model()
    model.fit(x, y, epochs=2, batch_size=16, verbose=0)
    model.save_weights(tmp_path / "w.weights.h5")
    before = _bits(model)
    model.fit(x, y, epochs=2, batch_size=16, verbose=0)
    model.load_weights(tmp_path / "w.weights.h5")
    assert _bits(model) == before
    fresh = _model()
    fresh.load_weights(tmp_path / "w.weights.h5")
    assert fresh.optimizer is not None and fresh.optimizer.iterations == 0
    other = _model("sgd")
    other.fit(x, y, batch_size=16, verbose=0)
    with pytest.warns(UserWarning, match=r"left as it is.*optimizer/vars"):
        other.load_weights(tmp_path / "w.weights.h5")
    assert other.get_weights()[0].tobytes() == fresh.get_weights()[0].tobytes()
