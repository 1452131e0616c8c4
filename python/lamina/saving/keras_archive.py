"""Keras' `.keras` files: a zip archive of `config.json`, `metadata.json` and weights."""

from __future__ import annotations

import io
import json
import warnings
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import lamina._core as _core
from lamina._core import FileFormatError
from lamina.registry import custom_object_scope, serialize_keras_object, shorten
from lamina.saving import optimizer_h5, weights_h5
from lamina.saving.exclusions import restore_exclusions, without_weight_decay
from lamina.saving.hdf5 import Hdf5File, import_h5py
from lamina.saving.keras_config import parse_json, to_keras
from lamina.saving.keras_model import build, compile_built
from lamina.saving.paths import places

SIGNATURE = b"PK\x03\x04"
_CONFIG, _METADATA, _WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
_ASSETS, _VOCABULARY = "assets/", "/vocabulary.txt"
_MOST_MEMBERS = 1000
_MOST_TEXT = 16 << 20
#: Keras stores members as they are; an archive packed again may be this much smaller.
_MOST_EXPANSION = 20
_ALWAYS_ALLOWED = 64 << 20
#: The version of Keras whose layout is written.
_LAYOUT = "3.10.0"


def save(model: Any, state: Mapping[str, Any]) -> bytes:
    """The content of a `.keras` file.

    Args:
        model: The model.
        state: Seeds and counters that Keras does not know; lamina finds them in the metadata.
    """
    import_h5py()
    config = to_keras(serialize_keras_object(model))
    _add_shapes(model, config)
    compiled = model.get_compile_config()
    if compiled is not None:
        if compiled.pop("missing_targets", "error") != "error":
            raise ValueError(
                "save: Keras has no setting for missing targets; save as '.safetensors'. "
                "Received: a model compiled with missing_targets='ignore'"
            )
        defaults = {
            "loss_weights": None,
            "weighted_metrics": None,
            "run_eagerly": False,
            "steps_per_execution": 1,
            "jit_compile": False,
        }
        config["compile_config"] = {**defaults, **to_keras(compiled)}
    state = dict(state)
    excluded = without_weight_decay(model)
    if excluded:
        state["without_weight_decay"] = excluded
        warnings.warn(
            "Files of Keras cannot say which weights are excluded from weight decay: lamina finds "
            "it in this one, and Keras will decay them. Call `exclude_from_weight_decay` there. "
            f"Received: {shorten(excluded)}",
            stacklevel=4,
        )
    metadata = {
        "keras_version": _LAYOUT,
        "lamina_version": _core.__version__,
        "lamina_numerics_version": _core.numerics_version,
        "lamina_state": state,
    }
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        members: list[tuple[str, str | bytes]] = [
            (_METADATA, json.dumps(metadata)),
            (_CONFIG, json.dumps(config)),
            (_WEIGHTS, weights_h5.save(model, whole=True)),
            *_assets(model),
        ]
        for name, data in members:
            # Times of their own would make two files of the same model differ.
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)
    return content.getvalue()


def _lookups(model: Any) -> list[tuple[str, Any]]:
    """The layers that learn a vocabulary, and where Keras keeps it."""
    return [
        (f"{_ASSETS}{place.path}{_VOCABULARY}", place.layer)
        for place in places(model)
        if hasattr(place.layer, "_state_asset")
    ]


def _assets(model: Any) -> list[tuple[str, bytes]]:
    """The members that hold what layers learned beside weights."""
    found = []
    for path, layer in _lookups(model):
        text = layer._vocabulary_asset()
        if text is None:
            continue
        if layer.output_mode == "tf_idf":
            raise ValueError(
                "A file of Keras cannot hold learned weights of tokens yet: save as safetensors. "
                f"Received: layer '{layer.name}' with output_mode='tf_idf'"
            )
        if len(text.splitlines()) != layer.vocabulary_size() or text.endswith("\n"):
            raise ValueError(
                "Keras keeps a vocabulary with a token in each line, and a token has a line break "
                f"or is empty at the end. Save as safetensors. Received: layer '{layer.name}'"
            )
        found.append((path, text.encode("utf-8")))
    return found


def _load_assets(model: Any, members: Mapping[str, bytes]) -> None:
    """Gives the layers the vocabularies that they learned."""
    for path, layer in _lookups(model):
        content = members.get(path)
        if layer._given:
            continue  # the configuration has it
        if content is None:
            if layer._needs_asset:
                raise FileFormatError(f"A vocabulary is missing. Received: no '{path}'")
            continue
        if layer.output_mode == "tf_idf":
            raise FileFormatError(
                "Learned weights of tokens cannot be read from a file of Keras yet. "
                f"Received: layer '{layer.name}' with output_mode='tf_idf'"
            )
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise FileFormatError(f"'{path}' is not UTF-8: {error}") from None
        lines = text.splitlines()
        while lines and lines[-1] == "":
            lines.pop()
        tokens, special = layer._parsed(lines), layer._special
        if not tokens or tokens[: len(special)] != special:
            raise FileFormatError(
                f"'{path}' must begin with the tokens {special}. "
                f"Received: {shorten(tokens[: len(special) + 1])}"
            )
        layer._load_state_asset({"tokens": tokens[len(special) :], "idf_weights": None})


def _add_shapes(model: Any, config: dict[str, Any]) -> None:
    """Tells Keras the input shape of each layer: it creates weights before it reads them."""
    if not model.built or model._graph is not None:  # the calls of a graph say it
        return
    config["build_config"] = to_keras(model.get_build_config())
    if not hasattr(type(model), "add") or "layers" not in config["config"]:
        return  # a class with a `call`, which says itself how it is made
    layers = model.layers
    described = config["config"]["layers"]
    described = described[len(described) - len(layers) :]
    for layer, entry in zip(layers, described, strict=True):
        if isinstance(getattr(layer, "layers", None), list):
            _add_shapes(layer, entry)
        elif layer.built:
            entry["build_config"] = {"input_shape": list(layer.input_shape)}


def load(
    path: str,
    custom_objects: Mapping[str, Any] | None,
    compile: bool,
    restore_state: Callable[[Any, dict[str, Any]], None],
) -> Any:
    """The model of a file.

    Args:
        path: The file.
        custom_objects: Names to classes of the caller's own.
        compile: Whether to compile the model as it was.
        restore_state: Takes what `save` got as `state`, if lamina wrote the file.

    Raises:
        FileFormatError: If the file is damaged, or holds what lamina does not have.
    """
    members = read(path)
    config = parse_json(members[_CONFIG], _CONFIG)
    state = parse_json(members.get(_METADATA, b"{}"), _METADATA).get("lamina_state")
    with custom_object_scope(custom_objects):
        model = build(config, training=state is not None)
        _load_assets(model, members)
        if state is not None:
            if not isinstance(state, dict):
                raise FileFormatError(
                    f"'lamina_state' must be an object. Received: {shorten(state)}"
                )
            restore_state(model, state)
        with Hdf5File(io.BytesIO(members[_WEIGHTS])) as file:
            if model.built:
                weights_h5.load(model, file)
            elif file.tensors("layers"):
                raise FileFormatError(
                    "The file has weights, but its configuration has no input shape"
                )
            slots = file.tensors("optimizer/vars")
            compiled = config.get("compile_config")
            if compile and compiled not in (None, {}):  # Keras writes either
                compile_built(model, compiled)
                if model.optimizer is None:
                    return model
                restore_exclusions(model, (state or {}).get("without_weight_decay", []))
                optimizer_h5.load(model, slots)
    return model


def load_weights(model: Any, path: str, skip_mismatch: bool) -> None:
    """Sets all weights of a model from those of a `.keras` file, or none."""
    with Hdf5File(io.BytesIO(read(path)[_WEIGHTS])) as file:
        weights_h5.load(model, file, skip_mismatch)


def read(path: str) -> dict[str, bytes]:
    """The members of an archive; nothing is unpacked to the disk.

    Raises:
        FileFormatError: If the archive is damaged or is not one of Keras.
    """
    import_h5py()
    try:
        with zipfile.ZipFile(path) as archive:
            entries = _checked(archive.infolist(), Path(path).stat().st_size)
            return {name: _content(archive, entry) for name, entry in entries.items()}
    except FileFormatError:
        raise
    except (FileNotFoundError, PermissionError, IsADirectoryError):
        raise
    except (
        zipfile.BadZipFile,
        zlib.error,
        OSError,
        EOFError,
        ValueError,
        NotImplementedError,
        RuntimeError,
        OverflowError,
        KeyError,
        IndexError,
        MemoryError,
    ) as error:
        raise FileFormatError(f"The archive is damaged: {error}") from None


def _checked(entries: list[zipfile.ZipInfo], size: int) -> dict[str, zipfile.ZipInfo]:
    """The members that a model is made of, after all were looked at."""
    if len(entries) > _MOST_MEMBERS:
        raise FileFormatError(f"The archive has too many members. Received: {len(entries)}")
    found: dict[str, zipfile.ZipInfo] = {}
    names: set[str] = set()
    total = 0
    for entry in entries:
        name = entry.filename
        steps = name.replace("\\", "/").split("/")
        if ".." in steps or not steps[0] or ":" in name or "\0" in entry.orig_filename:
            raise FileFormatError(
                f"A member of the archive points outside of it. Received: {shorten(name)}"
            )
        if name in names:
            raise FileFormatError(f"A member is in the archive twice. Received: {shorten(name)}")
        names.add(name)
        kind = entry.external_attr >> 16 & 0o170000
        if kind not in (0, 0o100000, 0o040000):
            raise FileFormatError(
                f"A member of the archive is a link or no file. Received: {shorten(name)}"
            )
        if entry.flag_bits & 0x1:
            raise FileFormatError(f"The archive is encrypted. Received: {shorten(name)}")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise FileFormatError(
                "Members must be stored or deflated. "
                f"Received: {shorten(name)} of type {entry.compress_type}"
            )
        vocabulary = name.startswith(_ASSETS) and name.endswith(_VOCABULARY)
        if vocabulary or name in (_CONFIG, _METADATA, _WEIGHTS):
            found[name] = entry
            total += entry.file_size
            if name in (_CONFIG, _METADATA) and entry.file_size > _MOST_TEXT:
                raise FileFormatError(
                    f"{name} is too large for the configuration of a model. "
                    f"Received: {entry.file_size} bytes"
                )
        elif not name.startswith(_ASSETS):
            raise FileFormatError(
                f"The archive has a member that is not Keras'. Received: {shorten(name)}"
            )
    if total > max(_ALWAYS_ALLOWED, _MOST_EXPANSION * size):
        raise FileFormatError(
            f"The archive's {size} bytes would become too many. Received: {total} bytes"
        )
    for name in (_CONFIG, _WEIGHTS):
        if name not in found:
            raise FileFormatError(
                f"The archive has no '{name}'. Received: {shorten(sorted(names))}"
            )
    return found


def _content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """A member's bytes, never more than it said to have."""
    with archive.open(entry) as member:
        data = member.read(entry.file_size)
        if len(data) != entry.file_size or member.read(1):
            raise FileFormatError(f"A member has another size than it says: {entry.filename}")
    return data
