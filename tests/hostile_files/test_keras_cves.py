"""The published vulnerabilities of Keras' model files, one by one.

Each test holds the attack as it was published, in small: what Keras ran, read or wrote there is
an error here, and the canary that it would have left is not there.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import hostile_cases as cases
import numpy as np
import pytest

import lamina


class Attack:
    """Loads content in every way there is and wants an error each time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.canary = folder / "canary"

    def fails(self, content: bytes, match: str, **options: Any) -> None:
        path = self.folder / "m.keras"
        path.write_bytes(content)
        for safe_mode in (True, False):
            with pytest.raises(lamina.FileFormatError, match=match):
                lamina.saving.load_model(path, safe_mode=safe_mode, **options)
        assert not self.canary.exists()


@pytest.fixture
def attack(tmp_path: Path) -> Attack:
    return Attack(tmp_path)


def test_cve_2024_3660_lambda_code(attack: Attack) -> None:
    """A Lambda layer holds marshalled code that is run when the model loads."""
    layer = cases.lambda_layer(str(attack.canary))
    attack.fails(cases.with_layer(layer), "code|Lambda")
    attack.fails(cases.with_layer(layer), "code|Lambda", compile=False)


def test_cve_2025_1550_modules_in_the_configuration(attack: Attack) -> None:
    """The configuration names any function of any module, with its arguments."""
    for module, name in (("os", "system"), ("builtins", "exec"), ("subprocess", "call")):
        layer = cases.layer(name, module, command=f"touch {attack.canary}")
        attack.fails(cases.with_layer(layer), name)
        layer = cases.layer("Lambda", name="l", function=cases.function(module, name))
        layer["config"]["arguments"] = {"command": f"touch {attack.canary}"}
        layer["inbound_nodes"] = [{"args": [], "kwargs": {"inputs": f"touch {attack.canary}"}}]
        attack.fails(cases.with_layer(layer), f"Lambda|{name}")


def test_cve_2025_8747_gadgets_within_keras(attack: Attack) -> None:
    """A function of Keras itself, `get_file`, fetches and unpacks what the file says."""
    layer = cases.layer("Lambda", name="l", function=cases.function("keras.utils", "get_file"))
    layer["config"]["arguments"] = {"origin": "http://127.0.0.1:9/x", "fname": str(attack.canary)}
    attack.fails(cases.with_layer(layer), "Lambda|get_file")


def test_cve_2025_9905_lambda_code_in_legacy_files(attack: Attack, tmp_path: Path) -> None:
    """Safe mode did not hold for `.h5` files."""
    models = {n: c for n, c, _ in cases.legacy_models("none", str(attack.canary))}
    path = tmp_path / "m.h5"
    path.write_bytes(models["lambda"])
    for options in ({}, {"safe_mode": True}, {"safe_mode": False, "compile": False}):
        with pytest.raises(lamina.FileFormatError, match="Lambda"):
            lamina.saving.load_model(path, **options)
    assert not attack.canary.exists()


def test_cve_2025_9906_switching_safe_mode_off(attack: Attack) -> None:
    """A first layer switches safe mode off, a second one brings code."""
    function = cases.function("keras.config", "enable_unsafe_deserialization")
    first = cases.layer("Lambda", name="off", function=function)

    def both(config: dict[str, Any]) -> None:
        config["config"]["layers"] += [first, cases.lambda_layer(str(attack.canary))]

    attack.fails(cases.with_config(both), "Lambda|code|enable_unsafe")


def test_cve_2025_12058_vocabulary_from_a_path(attack: Attack, tmp_path: Path) -> None:
    """A lookup layer's vocabulary is the path of a file, or an address, to be read."""
    secret = tmp_path / "secret"
    secret.write_text("password\n")
    for name in ("StringLookup", "IntegerLookup", "TextVectorization"):
        for path in (str(secret), "/etc/passwd", "http://127.0.0.1:9/x", "gs://bucket/x"):
            layer = cases.layer(name, name="lookup", vocabulary=path)
            attack.fails(cases.with_layer(layer), f"{name}|vocabulary")
            with pytest.raises(ValueError, match=f"{name}|vocabulary"):
                lamina.layers.deserialize(layer)


def test_cve_2025_12060_and_12638_archives_that_unpack_elsewhere(attack: Attack) -> None:
    """Members of tar archives with paths and links that lead out of the folder."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        entry = tarfile.TarInfo("../canary")
        entry.size = 1
        archive.addfile(entry, io.BytesIO(b"x"))
        link = tarfile.TarInfo("config.json")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    attack.fails(out.getvalue(), ".")  # a tar archive is no model
    good = cases.members()
    attack.fails(cases.archive({**good, "../canary": b"x"}), "outside")
    attack.fails(cases.archive({**good, "assets/../../canary": b"x"}), "outside")
    attack.fails(cases.archive({**good, str(attack.canary): b"x"}), "outside")


def test_cve_2026_12479_paths_in_the_names_of_layers(attack: Attack) -> None:
    """A layer's name becomes part of a path that is written to."""
    for name in ("../../canary", str(attack.canary), "a/../../canary"):
        attack.fails(cases.with_layer(cases.layer("Dense", name=name, units=2)), "name")


def test_cve_2025_49655_torch_modules(attack: Attack) -> None:
    """A layer that unpickles a module of PyTorch."""
    payload = json.dumps({"__reduce__": f"touch {attack.canary}"})
    layer = cases.layer("TorchModuleWrapper", name="t", module=payload, lazy=False)
    attack.fails(cases.with_layer(layer), "TorchModuleWrapper")


def test_cve_2026_1462_saved_models_elsewhere(attack: Attack) -> None:
    """A layer that loads and runs another model from a path."""
    layer = cases.layer("TFSMLayer", name="t", filepath="/tmp/evil", call_endpoint="serve")
    attack.fails(cases.with_layer(layer), "TFSMLayer")


def test_cve_2026_12481_lambda_outside_of_loading(attack: Attack) -> None:
    """Lambda code came through where safe mode was not set: deserialize, clone, from JSON."""
    layer = cases.lambda_layer(str(attack.canary))
    with pytest.raises(ValueError, match=r"Lambda|code"):
        lamina.layers.deserialize(layer)
    with pytest.raises(ValueError, match=r"Lambda|code"):
        lamina.saving.deserialize_keras_object(layer, safe_mode=False)
    stack = {"class_name": "Sequential", "config": {"name": "s", "layers": [layer]}}
    with pytest.raises(ValueError, match=r"Lambda|code"):
        lamina.models.model_from_json(json.dumps(stack))
    assert not attack.canary.exists()


def test_cve_2021_37678_yaml(attack: Attack) -> None:
    """Models from YAML ran code; there are none here."""
    assert not hasattr(lamina.models, "model_from_yaml")
    attack.fails(f"!!python/object/apply:os.system ['touch {attack.canary}']".encode(), ".")


def test_cve_2026_0897_shapes_without_data(attack: Attack) -> None:
    """A dataset of a few bytes says that it has many terabytes."""

    def bomb(file: Any) -> None:
        del file[cases.FIRST]
        file.create_dataset(cases.FIRST, (2**24, 2**24), "f4")

    content = {**cases.members(), "model.weights.h5": cases.with_weights(bomb)}
    attack.fails(cases.archive(content), "not in the file")


def test_cve_2026_1669_data_of_other_files(attack: Attack, tmp_path: Path) -> None:
    """A dataset whose data is any file of this machine; links and virtual datasets likewise."""
    secret = tmp_path / "secret"
    secret.write_bytes(b"password" * 12)
    for name, content, _ in cases.weights(str(secret)):
        if "external" in name or "virtual" in name or "link" in name:
            attack.fails(cases.archive({**cases.members(), "model.weights.h5": content}), ".")


def test_archives_that_grow(attack: Attack) -> None:
    """Decompression bombs (CWE-409), which Keras refuses since 3.15 only from 4 GiB on."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("config.json", cases.members()["config.json"])
        file.writestr("model.weights.h5", bytes(80 << 20))
    assert len(out.getvalue()) < 1 << 20
    attack.fails(out.getvalue(), "too many")


def test_arrays_of_objects_in_npz(attack: Attack) -> None:
    """Weights as pickled NumPy objects: `model.weights.npz` is not read at all."""

    class Evil:
        def __reduce__(self) -> Any:
            return os.system, (f"touch {attack.canary}",)

    out = io.BytesIO()
    np.savez(out, x=np.array([Evil()], dtype=object))
    content = cases.members()
    del content["model.weights.h5"]
    attack.fails(cases.archive({**content, "model.weights.npz": out.getvalue()}), "npz")
