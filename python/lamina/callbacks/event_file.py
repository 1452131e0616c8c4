"""TensorBoard's event files: protocol buffers in TFRecords, written without TensorFlow.

A record is the length of its data (8 bytes), a checksum of the length, the data, a checksum of
the data (4 bytes each, little-endian). The data are an `Event` message: field 1 the time (double),
2 the step, 3 the version (the first record only) or 5 a `Summary`, whose `Value`s have a tag (1)
and a number (2), a histogram (5), or a tensor (8) with metadata (9).
"""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lamina._typing import Array

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def _make_crc_table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_CRC_TABLE = _make_crc_table()


def masked_crc32c(data: bytes) -> int:
    """The checksum of TFRecords: CRC-32C, rotated by 15 bits, plus a constant."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _CRC_TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def record(data: bytes) -> bytes:
    """One TFRecord."""
    length = struct.pack("<Q", len(data))
    checks = struct.pack("<I", masked_crc32c(length)), struct.pack("<I", masked_crc32c(data))
    return length + checks[0] + data + checks[1]


def varint(value: int) -> bytes:
    """A number of at least 0 in groups of seven bits, the lowest first."""
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def _key(field: int, kind: int) -> bytes:
    return varint(field << 3 | kind)


def _double(field: int, value: float) -> bytes:
    return _key(field, _FIXED64) + struct.pack("<d", value)


def _bytes(field: int, value: bytes) -> bytes:
    return _key(field, _BYTES) + varint(len(value)) + value


def _integer(field: int, value: int) -> bytes:
    return _key(field, _VARINT) + varint(value % 2**64)


def scalar_value(tag: str, value: float) -> bytes:
    """A `Summary.Value` with a number; of several numbers their mean."""
    number = _float(float(np.mean(value)))
    return _bytes(1, tag.encode()) + _key(2, _FIXED32) + struct.pack("<f", number)


def histogram_value(tag: str, values: Array, bins: int = 30) -> bytes:
    """A `Summary.Value` with a histogram of an array; what is not finite is left out."""
    flat = np.asarray(values, dtype=np.float64).reshape(-1)
    flat = flat[np.isfinite(flat)]
    if flat.size == 0:
        flat = np.zeros(1)
    counts, edges = np.histogram(flat, bins=bins)
    message = b"".join(
        [
            _double(1, float(flat.min())),
            _double(2, float(flat.max())),
            _double(3, float(flat.size)),
            _double(4, float(flat.sum())),
            _double(5, float((flat * flat).sum())),
            _packed(6, edges[1:].tolist()),
            _packed(7, counts.tolist()),
        ]
    )
    return _bytes(1, tag.encode()) + _bytes(5, message)


def text_value(tag: str, plugin: str, text: str) -> bytes:
    """A `Summary.Value` with a string tensor for one of TensorBoard's plugins."""
    metadata = _bytes(1, _bytes(1, plugin.encode()) + _bytes(2, b"1"))
    tensor = _integer(1, 7) + _bytes(2, b"") + _bytes(8, text.encode())  # DT_STRING, a scalar
    return _bytes(1, tag.encode()) + _bytes(8, tensor) + _bytes(9, metadata)


def _packed(field: int, values: Sequence[float]) -> bytes:
    return _bytes(field, struct.pack(f"<{len(values)}d", *values))


def _float(value: float) -> float:
    """What fits float32, with the infinities of its sign beyond."""
    return float(np.float32(value)) if abs(value) < 3.4e38 or value != value else value


class EventFile:
    """A file of events, to which values are added.

    Args:
        folder: Where the file goes; it is made if it is not there.
        suffix: What its name ends with.
    """

    _count = 0

    def __init__(self, folder: Path, suffix: str = "") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        EventFile._count += 1
        name = (
            f"events.out.tfevents.{int(time.time())}.{socket.gethostname()}.{os.getpid()}."
            f"{EventFile._count}{suffix}"
        )
        self.path = folder / name
        self._file = self.path.open("wb")
        self._write(_double(1, time.time()) + _bytes(3, b"brain.Event:2"))

    def _write(self, event: bytes) -> None:
        self._file.write(record(event))

    def add(self, step: int, values: Sequence[bytes]) -> None:
        """Adds an event with some `Summary.Value`s."""
        summary = b"".join(_bytes(1, value) for value in values)
        self._write(_double(1, time.time()) + _integer(2, step) + _bytes(5, summary))

    def flush(self) -> None:
        """Hands what was added to the system."""
        self._file.flush()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()
