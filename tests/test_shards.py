"""Weights in several files: whole or refused, also when a saving was cut off."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lamina
from lamina import layers

h5py = pytest.importorskip("h5py")

LIMIT = 300 / 1024**3


def _model(units: int = 8) -> lamina.Sequential:
    model = lamina.Sequential(
        [lamina.Input((4,)), layers.Dense(units), layers.BatchNormalization(), layers.Dense(3)]
    )
    model.compile("adam", "mse")
    return model


def _bits(model: lamina.Sequential) -> list[bytes]:
    return [weight.tobytes() for weight in model.get_weights()]


def _saved(folder: Path) -> lamina.Sequential:
    model = _model()
    model.train_on_batch(np.ones((2, 4)), np.ones((2, 3)))
    model.save_weights(folder / "w.weights.json", max_shard_size=LIMIT)
    return model


def test_there_and_back(tmp_path: Path) -> None:
    source, model = _saved(tmp_path), _model()
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names[0] == "w.weights.json" and len(names) > 4
    assert names[1:] == [f"w_{i:05}.weights.h5" for i in range(len(names) - 1)]
    index = json.loads((tmp_path / "w.weights.json").read_text())
    listed = index["weight_map"]
    assert listed["/layers/dense/vars"] == "w_00000.weights.h5"
    assert len(listed["/optimizer/vars"]) > 1
    for name in names[1:]:
        with h5py.File(tmp_path / name) as file:
            sizes: list[int] = []
            file.visititems(lambda _, x, s=sizes: s.append(getattr(x, "nbytes", 0)))
            assert 0 < sum(sizes) <= 300
    model.load_weights(tmp_path / "w.weights.json")
    assert _bits(model) == _bits(source)
    source.save_weights(tmp_path / "w.weights.json", max_shard_size=1)
    assert json.loads((tmp_path / "w.weights.json").read_text())["metadata"]["total_size"] > 500
    model.load_weights(tmp_path / "w.weights.json")


def test_names_and_sizes(tmp_path: Path) -> None:
    model = _model()
    with pytest.warns(UserWarning, match=r"\.json"):
        model.save_weights(tmp_path / "a.weights.h5", max_shard_size=1)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.weights.json", "a_00000.weights.h5"]
    with pytest.raises(FileExistsError):
        model.save_weights(tmp_path / "a.weights.json", overwrite=False, max_shard_size=1)
    with pytest.raises(ValueError, match="does not fit"):
        model.save_weights(tmp_path / "b.weights.json", max_shard_size=8 / 1024**3)
    for wrong in (0, -1, float("nan"), "1GB"):
        with pytest.raises((TypeError, ValueError), match="max_shard_size"):
            model.save_weights(tmp_path / "b.weights.json", max_shard_size=wrong)
    with pytest.raises(lamina.FileFormatError, match="by_name"):
        model.load_weights(tmp_path / "a.weights.json", by_name=True)
    assert not list(tmp_path.glob("b*"))


def test_what_does_not_fit_is_listed(tmp_path: Path) -> None:
    _saved(tmp_path)
    model = _model(7)
    before = _bits(model)
    with pytest.raises(lamina.FileFormatError, match=r"layers/dense/vars/0.*\(4, 7\).*\(4, 8\)"):
        model.load_weights(tmp_path / "w.weights.json")
    assert _bits(model) == before
    with pytest.warns(UserWarning, match="left as they are"):
        model.load_weights(tmp_path / "w.weights.json", skip_mismatch=True)


def test_files_of_two_savings_are_not_mixed(tmp_path: Path) -> None:
    """A saving over an older one that was cut off before its last file."""
    _saved(tmp_path)
    old = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    newer = _model()
    newer.save_weights(tmp_path / "w.weights.json", max_shard_size=LIMIT)
    model = _model()
    model.load_weights(tmp_path / "w.weights.json")
    assert _bits(model) == _bits(newer)
    for name in ("w.weights.json", "w_00000.weights.h5"):
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(old[name])
        with pytest.raises(lamina.FileFormatError, match="different savings"):
            model.load_weights(tmp_path / "w.weights.json")
        (tmp_path / name).write_bytes(whole)
    (tmp_path / "w_00001.weights.h5").unlink()
    with pytest.raises(lamina.FileFormatError, match="not there"):
        model.load_weights(tmp_path / "w.weights.json")
    assert _bits(model) == _bits(newer)


def _rename(first: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda index: index["weight_map"].update({"/layers/dense/vars": first})


HOSTILE: dict[str, Callable[[dict[str, Any]], Any]] = {
    "above": _rename("../w_00000.weights.h5"),
    "absolute": _rename("/etc/x_00000.weights.h5"),
    "backslash": _rename("..\\x_00000.weights.h5"),
    "drive": _rename("C:x_00000.weights.h5"),
    "another kind": _rename("/etc/passwd"),
    "zero": _rename("a\0_00000.weights.h5"),
    "line": _rename("w_00000.weights.h5\n"),
    "digits": _rename("w_\u0660\u0660\u0660\u0660\u0660.weights.h5"),
    "a number": _rename(3),
    "nothing": _rename(None),
    "an object": _rename({"a": "w_00000.weights.h5"}),
    "nested": _rename([["w_00000.weights.h5"]]),
    "itself": _rename("w.weights.json"),
    "a folder": _rename("folder_00000.weights.h5"),
    "a pipe": _rename("pipe_00000.weights.h5"),
    "missing": _rename("gone_00000.weights.h5"),
    "another file": _rename("w_00001.weights.h5"),
    "twice": _rename(["w_00000.weights.h5", "copy_00000.weights.h5"]),
    "many": _rename([f"w_{i:05}.weights.h5" for i in range(20_000)]),
    "no map": lambda index: index.pop("weight_map"),
    "a list": lambda index: index.update(weight_map=[]),
    "empty": lambda index: index.update(weight_map={}),
    "less": lambda index: index["weight_map"].pop("/layers/dense/vars"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_lists(name: str, tmp_path: Path) -> None:
    _saved(tmp_path)
    path = tmp_path / "w.weights.json"
    (tmp_path / "folder_00000.weights.h5").mkdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe_00000.weights.h5")
    (tmp_path / "copy_00000.weights.h5").write_bytes((tmp_path / "w_00000.weights.h5").read_bytes())
    index = json.loads(path.read_text())
    HOSTILE[name](index)
    path.write_text(json.dumps(index))
    model = _model()
    before = _bits(model)
    with pytest.raises(lamina.FileFormatError) as error:
        model.load_weights(path)
    assert str(path) in str(error.value) and len(str(error.value)) < 5000
    assert _bits(model) == before


@pytest.mark.parametrize(
    "text",
    ["{", "{}", '{"a": 1, "a": 2}', '{"a":' + "[" * 5000, '{"weight_map": {"a": NaN}}',
     "{" + " " * (17 << 20) + "}", '{"weight_map": ' + "9" * 5000 + "}", "{\xff}"],
    ids=range(8),
)  # fmt: skip
def test_malformed_lists(text: str, tmp_path: Path) -> None:
    path = tmp_path / "w.weights.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(lamina.FileFormatError):
        _model().load_weights(path)


def test_damage_of_any_file(tmp_path: Path) -> None:
    source = _saved(tmp_path)
    whole = {p: p.read_bytes() for p in tmp_path.iterdir()}
    generator = np.random.default_rng(3)
    model = _model()
    good, before = model.get_weights(), _bits(model)
    for path, content in whole.items():
        for number in range(12):
            altered = bytearray(content)
            if number < 4:
                del altered[int(generator.integers(len(altered))) :]
            else:
                for _ in range(int(generator.choice([1, 1, 8]))):
                    place = int(generator.integers(len(altered)))
                    altered[place] ^= 1 << int(generator.integers(8))
            path.write_bytes(altered)
            try:
                model.load_weights(tmp_path / "w.weights.json")
            except lamina.FileFormatError:
                assert _bits(model) == before
            else:
                model.set_weights(good)
        path.write_bytes(content)
    model.load_weights(tmp_path / "w.weights.json")
    assert _bits(model) == _bits(source)
