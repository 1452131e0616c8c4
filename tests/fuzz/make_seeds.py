"""Writes the first inputs of the fuzzer: small valid files and files with one thing wrong."""

import json
import struct
import sys
from pathlib import Path

SIZES = {"F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "I16": 2, "U8": 1, "BOOL": 1}


def build(
    tensors: list[tuple[str, str, list[int]]], metadata: dict[str, str] | None = None
) -> bytes:
    """Returns a file that holds these (name, dtype, shape), all ones."""
    header: dict[str, object] = {} if metadata is None else {"__metadata__": metadata}
    data = b""
    for name, dtype, shape in tensors:
        count = 1
        for extent in shape:
            count *= extent
        start = len(data)
        data += count * (b"\x01" + bytes(SIZES[dtype] - 1))
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [start, len(data)]}
    return pack(json.dumps(header, separators=(",", ":")), data)


def pack(header: str, data: bytes = b"") -> bytes:
    """Returns header length, header padded with spaces to a multiple of 8, data."""
    text = header.encode("utf-8", "surrogatepass")
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def main() -> None:
    """Writes the files into the folder that the first argument names."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    dense = [("dense/kernel", "F32", [3, 2]), ("dense/bias", "F32", [2]), ("step", "I64", [])]
    seeds = [
        b"",
        build([]),
        build([], {}),
        build(dense),
        build(
            dense, {"format": "lamina", "config": json.dumps({"layers": ["Dense"], "€": "\u0001"})}
        ),
        build([(dtype, dtype, [2]) for dtype in SIZES]),
        build([("a", "U8", [0]), ("b", "U8", [1]), ("c", "BOOL", [2, 0])]),
        build([(str(i), "U8", [1]) for i in range(40)]),
        pack('{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}'),
        pack('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,18446744073709551615]}}', b"1234"),
        pack('{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}', b"12345678"),
        pack('{"a":' + "[" * 300),
        pack('{"__metadata__":{"\\ud83d\\ude00\\n":"\\u0000"}}'),
        pack('{"\ud800":1}'),
        build(dense)[:-1],
        build(dense) + b"x",
    ]
    for number, seed in enumerate(seeds):
        (folder / f"seed{number:02d}").write_bytes(seed)


if __name__ == "__main__":
    main()
