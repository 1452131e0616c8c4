"""Vocabularies in `.keras` files: where Keras keeps them, and nothing else is believed."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lamina
from lamina import layers

pytest.importorskip("h5py")

WORDS = np.array([["red"], ["green"], ["blue"], ["red"], ["caf\u00e9"], ["green"]])
MEMBER = "assets/layers/string_lookup/vocabulary.txt"


def _model(learned: bool = True, **options: Any) -> lamina.Sequential:
    lookup = layers.StringLookup(output_mode="one_hot", **options)
    if learned:
        lookup.adapt(WORDS)
    model = lamina.Sequential([lamina.Input((1,), dtype="string"), lookup, layers.Dense(2)])
    model.compile("adam", "mse")
    return model


def test_there_and_back(tmp_path: Path) -> None:
    model = _model()
    model.save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        text = archive.read(MEMBER).decode("utf-8")
    assert text.split("\n")[0] == "[UNK]" and "caf\u00e9" in text.split("\n")
    again = lamina.models.load_model(tmp_path / "m.keras")
    assert again.layers[0].get_vocabulary() == model.layers[0].get_vocabulary()
    x = np.array([["blue"], ["other"], ["caf\u00e9"]])
    assert again.predict(x, verbose=0).tobytes() == model.predict(x, verbose=0).tobytes()


def test_integers_and_given_vocabularies(tmp_path: Path) -> None:
    lookup = layers.IntegerLookup(output_mode="multi_hot")
    lookup.adapt(np.array([3, 3, 7, -2]))
    model = lamina.Sequential([lamina.Input((2,), dtype="int64"), lookup, layers.Dense(2)])
    model.save(tmp_path / "i.keras")
    again = lamina.models.load_model(tmp_path / "i.keras")
    assert again.layers[0].get_vocabulary() == lookup.get_vocabulary()
    given = _model(learned=False, vocabulary=["a", "b"])
    given.save(tmp_path / "g.keras")
    with zipfile.ZipFile(tmp_path / "g.keras") as archive:
        assert MEMBER not in archive.namelist()
    again = lamina.models.load_model(tmp_path / "g.keras")
    assert again.layers[0].get_vocabulary() == ["[UNK]", "a", "b"]


def test_what_lines_cannot_hold(tmp_path: Path) -> None:
    lookup = layers.StringLookup()
    lookup.adapt(np.array(["a\nb", "c"]))
    model = lamina.Sequential([lamina.Input((1,), dtype="string"), lookup, layers.Dense(2)])
    with pytest.raises(ValueError, match="line break"):
        model.save(tmp_path / "m.keras")
    assert not list(tmp_path.iterdir())


def _with(path: Path, change: Callable[[dict[str, bytes]], Any]) -> None:
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def _vocabulary_is(value: Any, key: str = "vocabulary") -> Callable[[dict[str, bytes]], Any]:
    def change(members: dict[str, bytes]) -> None:
        config = json.loads(members["config.json"])
        config["config"]["layers"][1]["config"][key] = value
        members["config.json"] = json.dumps(config).encode()

    return change


HOSTILE: dict[str, Callable[[dict[str, bytes]], Any]] = {
    "missing": lambda m: m.pop(MEMBER),
    "empty": lambda m: m.update({MEMBER: b""}),
    "no text": lambda m: m.update({MEMBER: b"[UNK]\n\xff\xfe"}),
    "twice the same": lambda m: m.update({MEMBER: b"[UNK]\na\na\nb\nc"}),
    "bomb": lambda m: m.update({MEMBER: b"a\n" * (48 << 20)}),
    "elsewhere": lambda m: m.update({"assets/../" + MEMBER: m.pop(MEMBER)}),
    "a path": _vocabulary_is("/etc/passwd"),
    "a path in a list": _vocabulary_is({"path": "/etc/passwd"}),
    "a number": _vocabulary_is(3),
    "without size": _vocabulary_is(None, "vocabulary_size"),
    "another size": _vocabulary_is(9, "vocabulary_size"),
    "a huge size": _vocabulary_is(2**40, "vocabulary_size"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_vocabularies(name: str, tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    _model().save(path)
    _with(path, HOSTILE[name])
    with pytest.raises(lamina.FileFormatError):
        lamina.models.load_model(path)
    assert [p.name for p in tmp_path.iterdir()] == ["m.keras"]
