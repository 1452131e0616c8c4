"""The few kinds of protobuf fields that an ONNX model is made of."""

from __future__ import annotations

import struct


def varint(value: int) -> bytes:
    """An integer in groups of seven bits, the low ones first; negative ones as of 64 bits."""
    value %= 1 << 64
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field: int, value: int) -> bytes:
    """An integer field."""
    return varint(field << 3) + varint(value)


def real(field: int, value: float) -> bytes:
    """A field of 32-bit floating point."""
    return varint(field << 3 | 5) + struct.pack("<f", value)


def data(field: int, value: bytes | str) -> bytes:
    """A field of bytes, text, or a message."""
    raw = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(raw)) + raw
