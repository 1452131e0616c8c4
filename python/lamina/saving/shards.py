"""Weights in several files: a `.weights.json` of Keras, and the `.weights.h5` files it lists.

The JSON says in which of the files, which lie beside it, each group of variables is; a group may
go on in the next file. The files have the layout of a whole `.weights.h5`.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np

import lamina._core as _core
from lamina import _checks
from lamina._core import FileFormatError
from lamina._typing import Array
from lamina.registry import shorten
from lamina.saving import weights_h5
from lamina.saving.hdf5 import Hdf5File, Tensor, import_h5py
from lamina.saving.keras_config import parse_json

_GIB = 1024**3
#: A file beside the JSON, as Keras calls it; nothing that could lead elsewhere.
_NAME = re.compile(r"[^/\\:\x00-\x1f]+_[0-9]{5}\.weights\.h5")
_MOST_SHARDS = 10_000
_MOST_TEXT = 16 << 20
#: The attribute and key that tell parts of one saving from those of another.
_SET = "lamina_set"


def is_index(start: bytes) -> bool:
    """Whether a file that begins so is JSON; one of safetensors has zeros in its first bytes."""
    return start.startswith(b"{") and b"\0" not in start


def save(model: Any, path: str, max_shard_size: Any) -> None:
    """Writes weights, and the optimizer's state if compiled, into files of a limited size.

    The JSON is written last. Each file is replaced in one step; files of different savings are
    told apart when they are read.

    Args:
        model: The model.
        path: A name that ends in ".weights.json".
        max_shard_size: How much each file may hold, in GiB.

    Raises:
        ValueError: If one weight alone is larger, or there would be too many files.
    """
    limit = _GIB * _checks.number(
        "save_weights", "max_shard_size", max_shard_size, low=0.0, open_low=True, open_high=True
    )
    base = Path(path).name[: -len(".weights.json")]
    folder = Path(path).parent
    shards: list[list[tuple[str, str, str, Array]]] = [[]]
    where: dict[str, list[str]] = {}
    held = total = 0
    digest = hashlib.sha256()
    for group, name, values in weights_h5.groups(model):
        for index, value in enumerate(values):
            if value.nbytes > limit:
                raise ValueError(
                    f"save_weights: '{group}/{index}' has {value.nbytes} bytes and does not fit "
                    f"into one file. Received: max_shard_size={max_shard_size}"
                )
            if held + value.nbytes > limit:
                shards.append([])
                held = 0
            held += value.nbytes
            total += value.nbytes
            digest.update(np.ascontiguousarray(value).tobytes())
            shards[-1].append((group, name, str(index), value))
            place = where.setdefault(f"/{group}", [])
            file = f"{base}_{len(shards) - 1:05}.weights.h5"
            if file not in place:
                place.append(file)
    if len(shards) > _MOST_SHARDS:
        raise ValueError(
            f"save_weights: there would be {len(shards)} files. "
            f"Received: max_shard_size={max_shard_size}"
        )
    key = digest.hexdigest()[:32]
    for number, entries in enumerate(shards):
        target = folder / f"{base}_{number:05}.weights.h5"
        _core.replace_file(str(target), _encode(entries, key))
    index_of_files = {
        "metadata": {"total_size": float(total), _SET: key},
        "weight_map": {
            group: files[0] if len(files) == 1 else files for group, files in where.items()
        },
    }
    _core.replace_file(path, json.dumps(index_of_files, indent=4).encode())


def _encode(entries: list[tuple[str, str, str, Array]], key: str) -> bytes:
    content = io.BytesIO()
    with import_h5py().File(content, "w") as file:
        file.attrs[_SET] = key
        for path, name, index, value in entries:
            group = file.require_group(path)
            group.attrs["name"] = name
            group[index] = value
    return content.getvalue()


class ShardedFile(Hdf5File):
    """The files of a `.weights.json` as if they were one; reads as `Hdf5File` does.

    Args:
        path: The JSON file.

    Raises:
        FileFormatError: If it is malformed, names anything but files beside it, or if these do
            not hold what it says.
    """

    def __init__(self, path: str) -> None:
        import_h5py()
        place = Path(path)
        if place.stat().st_size > _MOST_TEXT:
            raise FileFormatError("The list of files is too long")
        index = parse_json(place.read_bytes(), "list of files")
        groups = index.get("weight_map")
        if not isinstance(groups, dict):
            raise FileFormatError(f"'weight_map' must be an object. Received: {shorten(groups)}")
        metadata = index.get("metadata")
        key = metadata.get(_SET) if isinstance(metadata, dict) else None
        self._folder = place.parent
        self._found: dict[str, Tensor] = {}
        self._open_name = ""
        self._open_file: Hdf5File | None = None
        listed = {group: _files_of(group, files) for group, files in groups.items()}
        names = sorted({name for files in listed.values() for name in files})
        if len(names) > _MOST_SHARDS:
            raise FileFormatError(f"There are too many files. Received: {len(names)}")
        try:
            for name in names:
                self._list(name, key, listed)
        except BaseException:
            self._close()  # else the library gives the next reader what it remembers of the file
            raise

    def _list(self, name: str, key: str | None, listed: dict[str, list[str]]) -> None:
        """Takes note of what is in a file."""
        file = self._shard(name)
        if key is not None and file.text("/", _SET) != key:
            raise FileFormatError(
                f"Files of different savings lie beside each other. Received: {shorten(name)}"
            )
        for group, tensors in self._tensors_of(file).items():
            if name not in listed.get(f"/{group}", ()):
                raise FileFormatError(
                    f"A file has weights that the list does not know. Received: {name}: {group}"
                )
            for index_, tensor in tensors.items():
                if f"{group}/{index_}" in self._found:
                    raise FileFormatError(
                        f"A weight is in two files. Received: {shorten(f'{group}/{index_}')}"
                    )
                self._found[f"{group}/{index_}"] = self._later(name, group, index_, tensor)

    def _tensors_of(self, file: Hdf5File) -> dict[str, dict[str, Tensor]]:
        result: dict[str, dict[str, Tensor]] = {}
        for path, tensor in file.tensors("/").items():
            group, _, index = path.rpartition("/")
            result.setdefault(group, {})[index] = tensor
        return result

    def _later(self, name: str, group: str, index: str, tensor: Tensor) -> Tensor:
        """The tensor, read when it is needed: files are open one at a time."""

        def read() -> Array:
            found = self._shard(name).tensor(group, index)
            if found.shape != tensor.shape or found.dtype != tensor.dtype:
                raise FileFormatError(f"A file has changed while it was read. Received: {name}")
            return found.read()

        return Tensor(tensor.shape, tensor.dtype, read)

    def _shard(self, name: str) -> Hdf5File:
        if name != self._open_name or self._open_file is None:
            self._close()
            target = self._folder / name
            if not target.is_file():
                raise FileFormatError(f"A file that is listed is not there. Received: {name}")
            self._open_file, self._open_name = Hdf5File(str(target)), name
        return self._open_file

    def _close(self) -> None:
        if self._open_file is not None:
            self._open_file.__exit__()
            self._open_file = None

    def __enter__(self) -> ShardedFile:
        return self

    def __exit__(self, *exception: object) -> None:
        self._close()

    def has_group(self, path: str) -> bool:
        """Whether there is anything below that path."""
        return any(key.startswith(f"{path}/") for key in self._found)

    def tensors(self, path: str) -> dict[str, Tensor]:
        """All datasets below a path, by their paths within it."""
        start = "" if path == "/" else f"{path}/"
        return {
            key[len(start) :]: tensor
            for key, tensor in self._found.items()
            if key.startswith(start)
        }


def _files_of(group: str, files: Any) -> list[str]:
    names = files if isinstance(files, list) else [files]
    for name in names:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise FileFormatError(
                "The list of files may name files beside it only, such as "
                f"'model_00000.weights.h5'. Received: {shorten(name)} for {shorten(group)}"
            )
    return names
