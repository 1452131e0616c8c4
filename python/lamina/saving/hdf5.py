"""HDF5 files, read without trusting them.

HDF5 can name other files (external links and storage, virtual datasets), make one object appear
in many places, and claim any size for what takes no room. None of that is in a file of Keras,
so all of it is refused before a byte of data is read: what can be read here is plain numbers
that lie in the file itself, each once, and so never more than the file is long.
"""

from __future__ import annotations

import io
import mmap
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from lamina._core import FileFormatError
from lamina._typing import Array, Shape
from lamina.registry import shorten

_DEEPEST = 32
_MOST_OBJECTS = 200_000
_MOST_TEXT = 16 << 20
_HEAP = b"GCOL\x01"
SIGNATURE = b"\x89HDF\r\n\x1a\n"


def import_h5py() -> Any:
    """The module h5py; ImportError that names the extra where it is missing."""
    try:
        import h5py
    except ImportError:
        raise ImportError(
            "Reading and writing files of Keras needs h5py: install it with "
            '`pip install "lamina[keras]"`.'
        ) from None
    return h5py


class Tensor:
    """A dataset that was found, with its data still in the file.

    Args:
        shape: Its shape.
        dtype: Its element type: floating point, integer or boolean, of at most 8 bytes.
        read: Reads it.
    """

    def __init__(self, shape: Shape, dtype: Any, read: Callable[[], Array]) -> None:
        self.shape = shape
        self.dtype = dtype
        self.read = read

    @property
    def floating(self) -> bool:
        """Whether it holds floating-point numbers."""
        return bool(self.dtype.kind == "f")

    def describe(self) -> str:
        """Type and shape, as messages have them."""
        return f"{self.dtype.name} of shape {self.shape}"


class Hdf5File:
    """An open file; what is wrong with it is a `FileFormatError`.

    Args:
        source: A path, or the file's content in memory.
    """

    def __init__(self, source: str | io.BytesIO) -> None:
        self._h5py = import_h5py()
        if isinstance(source, io.BytesIO):
            self._size = source.getbuffer().nbytes
        else:
            self._size = os.stat(source).st_size  # noqa: PTH116 - an OSError of its own
        self._left = self._size
        self._source = source
        self._heaps_checked = False
        with damage():
            self._file = self._h5py.File(source, "r")

    def __enter__(self) -> Hdf5File:
        return self

    def __exit__(self, *exception: object) -> None:
        with damage():
            self._file.close()

    def has_group(self, path: str) -> bool:
        """Whether there is a group of that path, one of its own and not a link elsewhere."""
        return self._group(path) is not None

    def tensors(self, path: str) -> dict[str, Tensor]:
        """All datasets in a group and its subgroups, by their paths within it.

        Args:
            path: The group's path; one that is not there has no datasets.

        Raises:
            FileFormatError: For links, external, virtual, chunked and compressed datasets,
                types that are no numbers, and sizes that are not in the file.
        """
        self._left = self._size  # a part of the file may be read again
        with damage():
            top = self._group(path)
            if top is None:
                return {}
            found: dict[str, Tensor] = {}
            seen = {self._address(top)}
            waiting: list[tuple[str, Any, int]] = [("", top, 0)]
            while waiting:
                prefix, group, depth = waiting.pop()
                if depth > _DEEPEST:
                    raise FileFormatError(
                        f"Groups are nested more than {_DEEPEST} deep. Received: {shorten(prefix)}"
                    )
                for name in group:
                    child = self._member(group, name)
                    address = self._address(child)
                    if address in seen or len(seen) > _MOST_OBJECTS:
                        raise FileFormatError(
                            "An object of the file is in two places, or there are too many. "
                            f"Received: {shorten(prefix + name)}"
                        )
                    seen.add(address)
                    if isinstance(child, self._h5py.Group):
                        waiting.append((f"{prefix}{name}/", child, depth + 1))
                    else:
                        found[prefix + name] = self._tensor(child, prefix + name)
            return found

    def tensor(self, group: str, name: str) -> Tensor:
        """The dataset of that path, which may have slashes, within a group."""
        with damage():
            parent, _, last = name.rpartition("/")
            path = f"{group}/{parent}" if parent else group
            place = self._group(path)
            if place is None or last not in place:
                raise FileFormatError(f"A dataset is missing. Received: {shorten(name)}")
            return self._tensor(self._member(place, last), name)

    def text(self, group: str, name: str) -> str | None:
        """A string that is an attribute of a group, or None if there is none."""
        values = self._attribute(group, name, ())
        return None if values is None else values[0]

    def names(self, group: str, name: str) -> list[str]:
        """A list of strings that is an attribute of a group, in parts where it was long."""
        whole = self._attribute(group, name, None)
        if whole is not None:
            return whole
        parts: list[str] = []
        for count in range(_MOST_OBJECTS):
            part = self._attribute(group, f"{name}{count}", None)
            if part is None:
                return parts
            parts += part
        return parts

    def _attribute(self, path: str, name: str, shape: Shape | None) -> list[str] | None:
        with damage():
            group = self._group(path)
            if group is None or name not in group.attrs:
                return None
            self._check_heaps()
            attribute = group.attrs.get_id(name)
            if attribute.shape and 0 in attribute.shape:
                return []
            if attribute.get_storage_size() > min(_MOST_TEXT, self._size):
                raise FileFormatError(f"Attribute {shorten(name)} is too long")
            if shape is not None and attribute.shape != shape:
                raise FileFormatError(f"Attribute {shorten(name)} must be one string")
            if len(attribute.shape) > 1:
                raise FileFormatError(f"Attribute {shorten(name)} must be a list of strings")
            if self._h5py.check_string_dtype(attribute.dtype) is None:
                raise FileFormatError(
                    f"Attribute {shorten(name)} must be text. Received: {attribute.dtype}"
                )
            texts = [_text(value) for value in np.atleast_1d(group.attrs[name])]
            if sum(map(len, texts)) > _MOST_TEXT:
                raise FileFormatError(f"Attribute {shorten(name)} is too long")
            return texts

    def _check_heaps(self) -> None:
        """Refuses heaps of strings that the library would walk through for ever."""
        if self._heaps_checked:
            return
        if isinstance(self._source, io.BytesIO):
            check_heaps(self._source.getvalue())
        else:
            with (
                open(self._source, "rb") as file,  # noqa: PTH123 - mmap needs its descriptor
                mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
            ):
                check_heaps(content)
        self._heaps_checked = True

    def _group(self, path: str) -> Any:
        """The group of a path, every step of which is a link within the file; or None."""
        with damage():
            place = self._file["/"]
            for step in path.split("/"):
                if not step:
                    continue
                if step == ".." or step not in place:
                    return None
                place = self._member(place, step)
                if not isinstance(place, self._h5py.Group):
                    return None
            return place

    def _member(self, group: Any, name: str) -> Any:
        link = group.get(name, getlink=True)
        if type(link) is not self._h5py.HardLink:
            raise FileFormatError(
                "Links to other places or files are not followed. "
                f"Received: {type(link).__name__} {shorten(name)}"
            )
        return group[name]

    def _address(self, thing: Any) -> int:
        return int(self._h5py.h5o.get_info(thing.id).addr)

    def _tensor(self, dataset: Any, name: str) -> Tensor:
        if not isinstance(dataset, self._h5py.Dataset):
            raise FileFormatError(
                "Only groups and datasets are expected. "
                f"Received: {type(dataset).__name__} {shorten(name)}"
            )
        plan = dataset.id.get_create_plist()
        layout, constants = plan.get_layout(), self._h5py.h5d
        if layout not in (constants.CONTIGUOUS, constants.COMPACT) or plan.get_nfilters():
            raise FileFormatError(
                "Datasets must be stored in one piece, neither virtual nor chunked nor compressed "
                "(`h5repack -l CONTI -f NONE` makes them so). "
                f"Received: dataset {shorten(name)}"
            )
        if plan.get_external_count():
            raise FileFormatError(
                f"Data in other files is not read. Received: dataset {shorten(name)}"
            )
        dtype, shape = dataset.dtype, dataset.shape
        if dtype.kind not in "fiub" or dtype.itemsize > 8 or shape is None or dtype.shape:
            raise FileFormatError(
                f"Datasets must hold numbers. Received: {dtype} for dataset {shorten(name)}"
            )
        size = dtype.itemsize
        for extent in shape:
            size *= int(extent)
        self._left -= size
        if dataset.id.get_storage_size() != size or self._left < 0:
            raise FileFormatError(
                "A dataset's data is not in the file. "
                f"Received: dataset {shorten(name)} of shape {shape}"
            )

        def read() -> Array:
            with damage():
                return np.asarray(dataset[()])

        return Tensor(tuple(int(extent) for extent in shape), dtype, read)


def check_heaps(content: bytes | mmap.mmap) -> None:
    """FileFormatError unless every global heap in a file is a chain of objects that ends.

    Strings of variable length lie in such heaps: 16 bytes of header, then objects of an index,
    a count and a size, each with its data up to a multiple of 8. The HDF5 library follows a size
    of 0 on the spot, without end.
    """
    start = content.find(_HEAP)
    while start >= 0:
        size = int.from_bytes(content[start + 8 : start + 16], "little")
        if start + size > len(content) or size < 16:
            raise FileFormatError("The HDF5 data is damaged: a heap is longer than the file")
        at = 16
        while at + 16 <= size:
            head = content[start + at : start + at + 16]
            index = int.from_bytes(head[:2], "little")
            room = int.from_bytes(head[8:], "little")
            step = room if index == 0 else 16 + (room + 7) // 8 * 8
            if step < 16 or at + step > size:
                raise FileFormatError("The HDF5 data is damaged: an object is not in its heap")
            at += step
        start = content.find(_HEAP, start + 1)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, str):
        return value
    raise FileFormatError(f"Text is expected. Received: {type(value).__name__}")


@contextmanager
def damage() -> Iterator[None]:
    """What the HDF5 library stumbles over is a `FileFormatError`."""
    try:
        yield
    except (FileFormatError, FileNotFoundError, PermissionError, IsADirectoryError):
        raise
    except (
        OSError,
        RuntimeError,
        KeyError,
        ValueError,
        TypeError,
        AttributeError,
        OverflowError,
        SystemError,
        MemoryError,
        NotImplementedError,
    ) as error:
        raise FileFormatError(f"The HDF5 data is damaged: {error}") from None
