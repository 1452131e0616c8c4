"""Files of named arrays, against the safetensors package and against damage.

The package is the oracle for both directions: what lamina writes must be, byte for byte, what
the package writes, and what either refuses is compared on thousands of altered files.
"""

import errno
import json
import multiprocessing
import os
import signal
import stat
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
import safetensors.numpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from lamina import _core

DTYPES = ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"]
DTYPES += ["float32", "float64"]

# Everything a file may call its arrays: any text that UTF-8 can hold.
names = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
arrays = st.sampled_from(DTYPES).flatmap(
    lambda dtype: npst.arrays(
        dtype, npst.array_shapes(min_dims=0, max_dims=8, min_side=0, max_side=3)
    )
)
tensor_dicts = st.dictionaries(
    names.filter(lambda name: name != "__metadata__"), arrays, max_size=6
)
in_any_folder = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def header_of(content: bytes) -> tuple[dict[str, Any], int]:
    """Returns the parsed header and where the data starts."""
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length]), 8 + length


def pack(header: str | bytes, data: bytes = b"") -> bytes:
    text = header.encode("utf-8", "surrogatepass") if isinstance(header, str) else header
    return struct.pack("<Q", len(text)) + text + data


def assert_same(actual: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert actual.keys() == expected.keys()
    for name, array in expected.items():
        assert actual[name].dtype == array.dtype
        assert actual[name].shape == array.shape
        assert actual[name].tobytes() == array.tobytes()


@in_any_folder
@given(tensors=tensor_dicts)
def test_bytes_are_those_of_the_reference(tmp_path: Path, tensors: dict[str, np.ndarray]) -> None:
    path = tmp_path / "file"
    _core.save_safetensors(str(path), tensors, {})
    assert path.read_bytes() == safetensors.numpy.save(tensors)


@in_any_folder
@given(key=names, value=names)
def test_metadata_is_written_as_by_the_reference(tmp_path: Path, key: str, value: str) -> None:
    # One entry: the reference's order of several changes from run to run.
    tensors = {"x": np.arange(3, dtype=np.float32)}
    path = tmp_path / "file"
    _core.save_safetensors(str(path), tensors, {key: value})
    assert path.read_bytes() == safetensors.numpy.save(tensors, {key: value})


@in_any_folder
@given(tensors=tensor_dicts, metadata=st.dictionaries(names, names, max_size=4))
def test_round_trip(
    tmp_path: Path, tensors: dict[str, np.ndarray], metadata: dict[str, str]
) -> None:
    path = tmp_path / "file"
    _core.save_safetensors(str(path), tensors, metadata)
    loaded, loaded_metadata = _core.load_safetensors(str(path))
    assert_same(loaded, tensors)
    assert loaded_metadata == metadata
    assert_same(safetensors.numpy.load_file(path), tensors)
    content = path.read_bytes()
    header, _ = header_of(content)
    assert list(header.get("__metadata__", {})) == sorted(metadata, key=lambda key: key.encode())
    # The order of the arguments does not matter.
    reordered = {name: tensors[name] for name in reversed(tensors)}
    _core.save_safetensors(str(path), reordered, dict(reversed(metadata.items())))
    assert path.read_bytes() == content


@in_any_folder
@given(tensors=tensor_dicts)
def test_reads_what_the_reference_writes(tmp_path: Path, tensors: dict[str, np.ndarray]) -> None:
    path = tmp_path / "file"
    safetensors.numpy.save_file(tensors, path, {"a": "b", "c": "d"})
    loaded, metadata = _core.load_safetensors(str(path))
    assert_same(loaded, tensors)
    assert metadata == {"a": "b", "c": "d"}


def test_layouts_of_arrays(tmp_path: Path) -> None:
    base = np.arange(24, dtype=np.float32).reshape(4, 6)
    read_only = base.copy()
    read_only.flags.writeable = False
    tensors = {
        "transposed": base.T,
        "strided": base[::2, 1::3],
        "backwards": base[::-1],
        "fortran": np.asfortranarray(base),
        "broadcast": np.broadcast_to(np.float64(3), (2, 3)),
        "read_only": read_only,
        "scalar": np.array(5, np.int64),
    }
    path = tmp_path / "file"
    _core.save_safetensors(str(path), tensors, {})
    loaded, _ = _core.load_safetensors(str(path))
    assert_same(
        loaded, {name: np.ascontiguousarray(a).reshape(a.shape) for name, a in tensors.items()}
    )
    for array in loaded.values():
        assert array.flags.writeable
        assert array.flags.c_contiguous
        assert array.flags.aligned


@pytest.mark.parametrize("dtype", ["float16", "complex64", "object", "U3", ">f4", "longdouble"])
def test_element_types_that_cannot_be_saved(tmp_path: Path, dtype: str) -> None:
    path = tmp_path / "file"
    with pytest.raises((TypeError, ValueError)):
        _core.save_safetensors(str(path), {"x": np.zeros(2, dtype)}, {})
    assert list(tmp_path.iterdir()) == []


def test_refused_names_and_shapes(tmp_path: Path) -> None:
    path = str(tmp_path / "file")
    x = np.zeros(2, np.float32)
    with pytest.raises(ValueError, match="__metadata__"):
        _core.save_safetensors(path, {"__metadata__": x}, {})
    with pytest.raises(ValueError, match="at most 8 axes"):
        _core.save_safetensors(path, {"x": x.reshape((1,) * 8 + (2,))}, {})
    with pytest.raises((TypeError, ValueError)):
        _core.save_safetensors(path, {"\ud800": x}, {})
    with pytest.raises(TypeError, match="strings"):
        _core.save_safetensors(path, {1: x}, {})
    with pytest.raises((TypeError, ValueError)):
        _core.save_safetensors(path, {"x": x}, {"a": "\ud800"})
    with pytest.raises(ValueError, match="at most"):
        _core.save_safetensors(path, {"x": x}, {"a": " " * (16 << 20)})
    assert list(tmp_path.iterdir()) == []


def sample() -> bytes:
    """Returns a file as lamina would write it, with some of everything."""
    tensors = {
        "dense/kernel": np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4),
        "dense/bias": np.ones(4, np.float32),
        "iterations": np.array(7, np.int64),
        "mask": np.array([True, False]),
        "none": np.zeros((0, 3), np.float64),
    }
    return safetensors.numpy.save(tensors, {"format": "lamina \u20ac"})


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    content = sample()
    path = tmp_path / "file"
    for size in range(len(content)):
        path.write_bytes(content[:size])
        with pytest.raises(_core.FileFormatError, match="file"):
            _core.load_safetensors(str(path))
    path.write_bytes(content + b"\0")
    with pytest.raises(_core.FileFormatError, match="file"):
        _core.load_safetensors(str(path))


def test_altered_headers_are_read_as_by_the_reference_or_refused(tmp_path: Path) -> None:
    """lamina may be stricter than the reference, never laxer, and never reads other values."""
    content = sample()
    path = tmp_path / "file"
    _, start = header_of(content)
    read = 0
    for bit in range(8 * start):
        altered = bytearray(content)
        altered[bit // 8] ^= 1 << bit % 8
        path.write_bytes(altered)
        try:
            loaded, _ = _core.load_safetensors(str(path))
        except _core.FileFormatError:
            continue
        read += 1
        assert_same(loaded, safetensors.numpy.load(bytes(altered)))
    assert read > 50


def entry(shape: str = "[1]", offsets: str = "[0,4]", dtype: str = '"F32"') -> str:
    return f'{{"dtype":{dtype},"shape":{shape},"data_offsets":{offsets}}}'


HOSTILE = {
    "no bytes": b"",
    "seven bytes": b"\0" * 7,
    "no header": b"\0" * 8,
    "huge header": b"\xff" * 8 + b"{}",
    "header beyond the end": struct.pack("<Q", 3) + b"{}",
    "header of another kind": pack("[]"),
    "white space first": pack(" {}"),
    "text after the header": pack("{} {}"),
    "text after the data": pack("{}", b"x"),
    "a pickle": b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x8c\x07builtins",
    "a zip": b"PK\x03\x04" + b"\0" * 60,
    "element count overflows": pack(f'{{"a":{entry("[4294967296,4294967296]")}}}', b"1234"),
    "byte count overflows": pack(f'{{"a":{entry("[4611686018427387905]")}}}', b"1234"),
    "extent above 2^63": pack(f'{{"a":{entry("[9223372036854775809]")}}}', b"1234"),
    "extent above 2^64": pack(f'{{"a":{entry("[18446744073709551617]")}}}', b"1234"),
    "negative extent": pack(f'{{"a":{entry("[-1]")}}}', b"1234"),
    "fraction as extent": pack(f'{{"a":{entry("[1.0]")}}}', b"1234"),
    "NaN as extent": pack(f'{{"a":{entry("[NaN]")}}}', b"1234"),
    "text as extent": pack(
        f'{{"a":{entry(chr(91) + chr(34) + "1" + chr(34) + chr(93))}}}', b"1234"
    ),
    "nested shape": pack(f'{{"a":{entry("[[1]]")}}}', b"1234"),
    "nine axes": pack(f'{{"a":{entry("[1,1,1,1,1,1,1,1,1]")}}}', b"1234"),
    "offsets run backwards": pack(f'{{"a":{entry(offsets="[4,0]")}}}', b"1234"),
    "offsets start late": pack(f'{{"a":{entry(offsets="[4,8]")}}}', b"12345678"),
    "offsets beyond the end": pack(f'{{"a":{entry("[2]", "[0,8]")}}}', b"1234"),
    "offset overflows": pack(f'{{"a":{entry(offsets="[0,18446744073709551615]")}}}', b"1234"),
    "negative offset": pack(f'{{"a":{entry(offsets="[-4,0]")}}}', b"1234"),
    "three offsets": pack(f'{{"a":{entry(offsets="[0,4,4]")}}}', b"1234"),
    "overlap": pack(f'{{"a":{entry()},"b":{entry()}}}', b"1234"),
    "gap": pack(f'{{"a":{entry()},"b":{entry(offsets="[8,12]")}}}', b"1234" * 3),
    "same name twice": pack(f'{{"a":{entry()},"a":{entry()}}}', b"1234"),
    "same name, escaped": pack(
        f'{{"a":{entry()},"\\u0061":{entry(offsets="[4,8]")}}}', b"12345678"
    ),
    "same key twice": pack(
        '{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}', b"1234"
    ),
    "unknown key": pack('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}}', b"1234"),
    "missing key": pack('{"a":{"dtype":"F32","shape":[1]}}', b"1234"),
    "unknown type": pack(f'{{"a":{entry(dtype=chr(34) + "F33" + chr(34))}}}', b"1234"),
    "type that lamina lacks": pack(
        f'{{"a":{entry("[2]", dtype=chr(34) + "BF16" + chr(34))}}}', b"1234"
    ),
    "truth value of 2": pack(
        f'{{"a":{entry(offsets="[0,1]", dtype=chr(34) + "BOOL" + chr(34))}}}', b"\2"
    ),
    "metadata of numbers": pack('{"__metadata__":{"a":1}}'),
    "metadata twice": pack('{"__metadata__":{},"__metadata__":{}}'),
    "metadata key twice": pack('{"__metadata__":{"a":"1","a":"2"}}'),
    "bad UTF-8": pack(b'{"__metadata__":{"a":"\xff"}}'),
    "overlong UTF-8": pack(b'{"__metadata__":{"a":"\xc0\xaf"}}'),
    "surrogate in UTF-8": pack('{"__metadata__":{"a":"\ud800"}}'),
    "unpaired surrogate": pack('{"__metadata__":{"a":"\\ud800"}}'),
    "line break in a string": pack('{"__metadata__":{"a":"\n"}}'),
    "deep arrays": pack('{"a":' + "[" * 1_000_000),
    "deep objects": pack('{"a":' * 200_000),
    "100,001 tensors": pack(
        "{" + ",".join(f'"{i}":{entry("[0]", "[0,0]")}' for i in range(100_001)) + "}"
    ),
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_files(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    before = time.perf_counter()
    with pytest.raises(_core.FileFormatError, match=r"model\.safetensors") as caught:
        _core.load_safetensors(str(path))
    assert time.perf_counter() - before < 5
    assert isinstance(caught.value, ValueError)
    assert len(str(caught.value)) < 1000


@in_any_folder
@given(data=st.binary(max_size=300), with_length=st.booleans())
def test_random_bytes(tmp_path: Path, data: bytes, with_length: bool) -> None:
    path = tmp_path / "file"
    path.write_bytes(pack(data) if with_length else data)
    try:
        _core.load_safetensors(str(path))
    except _core.FileFormatError:
        return
    safetensors.numpy.load(path.read_bytes())


def test_the_size_a_header_claims_is_not_allocated(tmp_path: Path) -> None:
    # 2^45 float32 are 128 TiB; the file has four bytes of data.
    path = tmp_path / "file"
    path.write_bytes(pack(f'{{"a":{entry("[35184372088832]", "[0,140737488355328]")}}}', b"1234"))
    with pytest.raises(_core.FileFormatError):
        _core.load_safetensors(str(path))


def test_hundred_thousand_tensors(tmp_path: Path) -> None:
    path = tmp_path / "file"
    count = 100_000
    entries = (
        f'"{count - i}":{entry("[]", f"[{i},{i + 1}]", chr(34) + "U8" + chr(34))}'
        for i in range(count)
    )
    path.write_bytes(pack("{" + ",".join(entries) + "}", bytes(count)))
    loaded, _ = _core.load_safetensors(str(path))
    assert len(loaded) == count


def test_unicode_paths_and_missing_files(tmp_path: Path) -> None:
    folder = tmp_path / "mod\u00e8les \u6a21\u578b \U0001f600"
    path = folder / "w \u2116 1.safetensors"
    x = {"x": np.ones(2, np.float32)}
    with pytest.raises(FileNotFoundError):
        _core.save_safetensors(str(path), x, {})
    with pytest.raises(FileNotFoundError) as caught:
        _core.load_safetensors(str(path))
    assert caught.value.errno == errno.ENOENT
    folder.mkdir()
    _core.save_safetensors(str(path), x, {})
    assert_same(_core.load_safetensors(str(path))[0], x)
    with pytest.raises(OSError, match="mod"):
        _core.load_safetensors(str(folder))
    with pytest.raises(OSError, match="mod"):
        _core.save_safetensors(str(folder), x, {})
    with pytest.raises((OSError, TypeError, ValueError)):
        _core.save_safetensors(str(folder / "a\0b"), x, {})
    assert [p.name for p in folder.iterdir()] == [path.name]


posix_only = pytest.mark.skipif(os.name != "posix", reason="POSIX permissions, links and signals")


@posix_only
def test_modes_and_links(tmp_path: Path) -> None:
    path = tmp_path / "file"
    x = {"x": np.ones(2, np.float32)}
    before = os.umask(0o027)
    try:
        _core.save_safetensors(str(path), x, {})
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    path.chmod(0o604)
    link = tmp_path / "link"
    link.symlink_to("file")
    _core.save_safetensors(str(link), {}, {})
    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o604
    assert _core.load_safetensors(str(path))[0] == {}
    with pytest.raises(OSError, match="null"):
        _core.save_safetensors(os.devnull, x, {})
    fifo = tmp_path / "pipe"
    os.mkfifo(fifo)
    with pytest.raises(OSError, match="pipe"):
        _core.load_safetensors(str(fifo))


@posix_only
@pytest.mark.parametrize("limit", [0, 1, 100, 4_000, 40_000])
def test_full_disk_keeps_the_old_file(tmp_path: Path, limit: int) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    code = (
        "import errno, resource, sys\n"
        "import numpy as np\n"
        "from lamina import _core\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)\n"
        "try:\n"
        "    _core.save_safetensors(sys.argv[1], {'x': np.ones(20_000, np.float32)}, {})\n"
        "except OSError as error:\n"
        "    sys.exit(0 if error.errno == errno.EFBIG else 2)\n"
        "sys.exit(1)\n"
    )
    command = [sys.executable, "-c", code, str(path), str(limit)]
    assert subprocess.run(command, check=False, cwd=tmp_path).returncode == 0
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def save_for_ever(path: str) -> None:
    value = 0
    while True:
        value += 1
        _core.save_safetensors(path, {"x": np.full(50_000, value, np.int64)}, {"value": str(value)})


@posix_only
def test_kill_during_save(tmp_path: Path) -> None:
    path = tmp_path / "file"
    _core.save_safetensors(str(path), {"x": np.zeros(50_000, np.int64)}, {"value": "0"})
    context = multiprocessing.get_context("spawn")
    for extra in range(5):
        process = context.Process(target=save_for_ever, args=(str(path),))
        process.start()
        changed = path.stat().st_mtime_ns
        while path.stat().st_mtime_ns == changed:
            assert process.is_alive()
            time.sleep(0.001)
        time.sleep(0.0137 * extra)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        loaded, metadata = _core.load_safetensors(str(path))
        assert (loaded["x"] == int(metadata["value"])).all()
    _core.save_safetensors(str(path), {}, {})
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
