"""More than 500 hostile files: a clear error, nothing run, nothing reached, nothing changed."""

from __future__ import annotations

import encodings.ascii  # noqa: F401 - h5py wants it for names of types
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hostile_cases as cases
import numpy as np
import pytest

import lamina
from lamina import _core, layers
from lamina.layers import Lambda  # noqa: F401 - loaded when a file names it

_watched: list[tuple[str, Path]] | None = None
_EXECUTING = ("os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "exec")
_REACHING = ("socket.connect", "socket.getaddrinfo", "urllib.Request", "ctypes.dlopen")
_CHANGING = ("os.remove", "os.rename", "os.mkdir", "os.link", "os.symlink", "shutil.", "tempfile.")


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _watched is None:
        return
    if event == "open":
        path = arguments[0]
        if isinstance(path, (str, bytes)):
            _watched.append(("open", Path(os.fsdecode(path))))
    elif event == "import":
        _watched.append((f"import {arguments[0]}", Path()))
    elif event in ("marshal.loads", "pickle.find_class", "compile", *_REACHING) or event.startswith(
        (*_EXECUTING, *_CHANGING)
    ):
        _watched.append((event, Path()))


sys.addaudithook(_audit)


@contextmanager
def watching(file: Path) -> Iterator[None]:
    """Whatever happens within, only `file` may be opened and nothing run or imported."""
    global _watched
    _watched = []
    try:
        yield
    finally:
        events, _watched = _watched, None
    wrong = [event for event in events if event != ("open", file)]
    assert not wrong, wrong


def _model() -> lamina.Sequential:
    return lamina.Sequential(
        [
            lamina.Input((4,)),
            layers.Dense(6, "tanh"),
            layers.Dropout(0.0),
            layers.Dense(5),
            layers.LeakyReLU(0.1),
            layers.Dense(2, "softmax", use_bias=False),
        ]
    )


def _refused(
    files: Iterable[cases.Case], folder: Path, load: Callable[[Path], Any], suffix: str
) -> int:
    """Loads every file; the number of files."""
    count = 0
    path = folder / f"hostile{suffix}"
    load_once = cases.GOOD / {".keras": "keras3_adam.keras", ".h5": "keras3_adam.h5"}.get(
        suffix, "keras3_adam.weights.h5"
    )
    if suffix != ".safetensors":
        load(load_once)  # what is imported on the first use is imported
    for name, content, must_fail in files:
        path.write_bytes(content)
        failed = False
        with warnings.catch_warnings(), watching(path):
            warnings.simplefilter("ignore")
            try:
                load(path)
            except lamina.FileFormatError as error:
                failed = True
                assert str(path) in str(error) and len(str(error)) < 5000, name
        assert failed or not must_fail, f"{name}: loaded"
        assert [p.name for p in folder.iterdir() if p.name != "secret"] == [path.name], name
        count += 1
    return count


def _weights_into(model: lamina.Sequential) -> Callable[[Path], None]:
    def load(path: Path) -> None:
        before = [w.tobytes() for w in model.get_weights()]
        try:
            model.load_weights(path)
        except lamina.FileFormatError:
            assert [w.tobytes() for w in model.get_weights()] == before
            raise

    return load


def _secret(folder: Path) -> str:
    """A file that holds what a hostile file would like to read."""
    import h5py

    path = folder / "secret"
    with h5py.File(path, "w") as file:
        file["x"] = np.ones((4, 6), "f4")
        file["vars/0"] = np.ones((4, 6), "f4")
        file["dense/vars/0"] = np.ones((4, 6), "f4")
    return str(path)


def test_configurations(tmp_path: Path) -> None:
    assert _refused(cases.configurations(), tmp_path, lamina.saving.load_model, ".keras") > 150


def test_archives(tmp_path: Path) -> None:
    assert _refused(cases.containers(), tmp_path, lamina.saving.load_model, ".keras") > 35


def test_weights(tmp_path: Path) -> None:
    secret = _secret(tmp_path)
    load = _weights_into(_model())
    assert _refused(cases.weights(secret), tmp_path, load, ".weights.h5") > 45


def test_weights_in_archives(tmp_path: Path) -> None:
    files = (
        (name, cases.archive({**cases.members(), "model.weights.h5": content}), must_fail)
        for name, content, must_fail in cases.weights(_secret(tmp_path))
    )
    assert _refused(files, tmp_path, lamina.saving.load_model, ".keras") > 45


def test_optimizer_states(tmp_path: Path) -> None:
    assert _refused(cases.optimizer_states(), tmp_path, lamina.saving.load_model, ".keras") > 10


def test_legacy_models(tmp_path: Path) -> None:
    files = cases.legacy_models(_secret(tmp_path), str(tmp_path / "canary"))
    assert _refused(files, tmp_path, lamina.saving.load_model, ".h5") > 20


@pytest.mark.parametrize("name", ["keras3_adam.keras", "keras3_adam.h5", "keras2_adam.keras"])
def test_damaged_models(name: str, tmp_path: Path) -> None:
    content = (cases.GOOD / name).read_bytes()
    files = cases.damaged(name, content, flips=120, cuts=60)
    assert _refused(files, tmp_path, lamina.saving.load_model, Path(name).suffix) > 150


def test_damaged_weights(tmp_path: Path) -> None:
    name = "keras3_adam.weights.h5"
    files = cases.damaged(name, (cases.GOOD / name).read_bytes(), flips=150, cuts=60)
    assert _refused(files, tmp_path, _weights_into(_model()), ".weights.h5") > 200


def _own(tmp_path: Path) -> tuple[bytes, dict[str, Any], dict[str, str]]:
    model = _model()
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(np.zeros((4, 4)), np.zeros(4), verbose=0)
    path = tmp_path / "hostile.safetensors"
    model.save(path)
    tensors, metadata = _core.load_safetensors(str(path))
    return path.read_bytes(), tensors, metadata


def test_own_files(tmp_path: Path) -> None:
    content, tensors, metadata = _own(tmp_path)

    def changed(**changes: Any) -> bytes:
        path = tmp_path / "hostile.safetensors"
        texts = {k: v if isinstance(v, str) else json.dumps(v) for k, v in changes.items()}
        _core.save_safetensors(str(path), tensors, {**metadata, **texts})
        return path.read_bytes()

    def files() -> Iterator[cases.Case]:
        config = json.loads(metadata["config"])
        for module, name in (("os", "system"), ("builtins", "eval"), ("keras.layers", "Lambda")):
            extra = cases.layer(name, module, name="x")
            stack = {**config["config"], "layers": [*config["config"]["layers"], extra]}
            yield name, changed(config={"class_name": "Sequential", "config": stack}), True
        path = cases.layer("Dense", units=3, vocabulary="/etc/passwd")
        stack = {**config["config"], "layers": [*config["config"]["layers"], path]}
        yield "a path", changed(config={"class_name": "Sequential", "config": stack}), True
        deep = "[" * 50_000 + "]" * 50_000
        for key in ("config", "compile", "state"):
            for text in (
                "",
                "{",
                "[]",
                "3",
                "null",
                deep,
                f'{{"a": {deep}}}',
                "{" * 100,
                " " * 10**6,
            ):
                yield f"{key} {text[:20]}", changed(**{key: text}), True
            yield f"{key} long", changed(**{key: "[" + "{}," * 1_000_001 + "{}]"}), True
            yield f"{key} twice", changed(**{key: '{"a": 1, "a": 2}'}), True
        yield from cases.damaged("safetensors", content, flips=100, cuts=60)

    assert _refused(files(), tmp_path, lamina.saving.load_model, ".safetensors") > 200


_SCRIPT = """
import resource, sys, warnings
import lamina
from pathlib import Path
warnings.simplefilter("ignore")
lamina.saving.load_model(sys.argv[1])
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
limit = used + (256 << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for path in sorted(Path(sys.argv[2]).iterdir()):
    try:
        lamina.saving.load_model(path)
    except lamina.FileFormatError:
        pass
    else:
        sys.exit(f"{path} loaded")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_memory_is_bounded(tmp_path: Path) -> None:
    """Bombs in a process that may take 256 MiB more than it has."""
    folder = tmp_path / "bombs"
    folder.mkdir()
    bombs = [case for case in cases.containers() if "bomb" in case[0] or "size" in case[0]]
    bombs += [
        (name, cases.archive({**cases.members(), "model.weights.h5": content}), True)
        for name, content, _ in cases.weights(str(tmp_path / "none"))
        if "bomb" in name or "deep" in name
    ]
    bombs += [
        case
        for case in cases.configurations()
        if case[0].startswith(("units", "shape", "JSON", "nested"))
    ]
    bombs += [c for c in cases.legacy_models("none", "none") if c[0] in ("long", "shape bomb")]
    assert len(bombs) > 50
    for number, (_, content, _) in enumerate(bombs):
        (folder / f"{number:03}").write_bytes(content)
    good = cases.GOOD / "keras3_adam.keras"
    run = subprocess.run(
        [sys.executable, "-c", _SCRIPT, good, folder], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr[-2000:]
