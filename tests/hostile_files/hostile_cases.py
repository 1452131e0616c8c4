"""Makes hostile files: each case is a name, the content, and whether it has to be refused.

A file with a few wrong bytes may still be a valid one with other numbers: it need not be refused.
"""

from __future__ import annotations

import base64
import io
import json
import marshal
import random
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

Case = tuple[str, bytes, bool]
GOOD = Path(__file__).parent.parent / "keras_files"
FIRST = "layers/dense/vars/0"


def members(name: str = "keras3_adam.keras") -> dict[str, bytes]:
    with zipfile.ZipFile(GOOD / name) as archive:
        return {entry: archive.read(entry) for entry in archive.namelist()}


def archive(content: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as file:
        for name, data in content.items():
            file.writestr(name, data)
    return out.getvalue()


def with_config(change: Callable[[dict[str, Any]], Any] | bytes) -> bytes:
    """A good archive with another configuration."""
    content = members()
    if callable(change):
        config = json.loads(content["config.json"])
        change(config)
        content["config.json"] = json.dumps(config).encode()
    else:
        content["config.json"] = change
    return archive(content)


def with_layer(layer: Any) -> bytes:
    """A good archive with one more layer after the others."""
    return with_config(lambda config: config["config"]["layers"].append(layer))


def with_weights(change: Callable[[h5py.File], Any]) -> bytes:
    """The good weights after a change."""
    content = io.BytesIO((GOOD / "keras3_adam.weights.h5").read_bytes())
    with h5py.File(content, "a") as file:
        change(file)
    return content.getvalue()


def with_model(change: Callable[[h5py.File], Any]) -> bytes:
    """The good legacy model after a change."""
    content = io.BytesIO((GOOD / "keras3_adam.h5").read_bytes())
    with h5py.File(content, "a") as file:
        change(file)
    return content.getvalue()


def code(canary: str) -> str:
    """What Keras runs when it loads a Lambda: marshalled code that would create a file."""
    program = compile(f"open({canary!r}, 'w').close()", "<canary>", "exec")
    return base64.b64encode(marshal.dumps(program)).decode()


def lambda_layer(canary: str, legacy: bool = False) -> dict[str, Any]:
    if legacy:
        function: Any = [code(canary), None, None]
        kind = {"function_type": "lambda", "module": "__main__", "output_shape_type": "raw"}
        config = {"name": "l", "function": function, "output_shape": None, **kind}
        return {"class_name": "Lambda", "config": {**config, "arguments": {}}}
    inner = {"code": code(canary), "defaults": None, "closure": None}
    function = {"class_name": "__lambda__", "config": inner}
    return layer("Lambda", name="l", function=function, arguments={})


def layer(class_name: str, module: str = "keras.layers", **config: Any) -> dict[str, Any]:
    return {
        "module": module,
        "class_name": class_name,
        "config": config,
        "registered_name": None,
        "build_config": {"input_shape": [None, 2]},
    }


def function(module: str | None, name: str) -> dict[str, Any]:
    return {
        "module": module,
        "class_name": "function",
        "config": name,
        "registered_name": name,
    }


# Archives.


def _dense(**changes: Any) -> bytes:
    return with_config(lambda config: config["config"]["layers"][1]["config"].update(changes))


def configurations() -> Iterator[Case]:
    """Configurations that name code, lie about sizes, or are no configurations."""
    gadgets = [
        ("os", "system"), ("posix", "system"), ("subprocess", "Popen"), ("builtins", "eval"),
        ("builtins", "exec"), ("builtins", "__import__"), ("keras.utils", "get_file"),
        ("keras.config", "enable_unsafe_deserialization"), ("keras.models", "load_model"),
        ("keras.src.utils.python_utils", "func_load"), ("pickle", "loads"),
        ("lamina", "Sequential"), ("lamina.saving", "load_model"), ("numpy", "load"),
        ("importlib", "import_module"),
        ("../../evil", "Dense"), ("", "Dense"), ("keras.layers.", "__class__"),
    ]  # fmt: skip
    for module, name in gadgets:
        yield f"layer {module}.{name}", with_layer(layer(name, module, name="x")), True
        as_function = function(module, name)
        yield f"activation {module}.{name}", _dense(activation=as_function), True
        yield f"initializer {module}.{name}", _dense(kernel_initializer=layer(name, module)), True
        for key in ("loss", "optimizer", "metrics"):
            value = [as_function] if key == "metrics" else as_function
            change = {key: value}
            yield (
                f"{key} {module}.{name}",
                with_config(lambda config, c=change: config["compile_config"].update(c)),
                True,
            )
    for registered in ("os>system", "Custom>Evil", "builtins>eval"):
        yield (
            f"registered {registered}",
            with_config(lambda c, r=registered: c["config"]["layers"][1].update(registered_name=r)),
            True,
        )
    for size in (-1, 0, 2**31, 2**40, 2**62, 10**30, 1e9, 2.5, "6", None, [6], {}, True):
        yield f"units {size}", _dense(units=size), True
    for shape in ([None, 2**40], [None, -4], [None, 2**62, 2**62], [None, 0], 4, "x", [], [None]):
        yield (
            f"shape {shape}",
            with_config(
                lambda c, s=shape: c["config"]["layers"][0]["config"].update(batch_shape=s)
            ),
            True,
        )
    for dtype in ("float16", "bfloat16", "mixed_float16", "int32", "object", 3, [], {"a": 1}):
        yield f"dtype {dtype}", _dense(dtype=dtype), True
    for name in ("a/b", "../../x", "", 3, ["n"]):
        yield f"name {name}", _dense(name=name), True
    for text in (b"NaN", b"Infinity", b"-Infinity", b"1e999"):
        raw = members()["config.json"].replace(b'"rate": 0.0', b'"rate": ' + text)
        yield f"number {text!r}", with_config(raw), True
    deep = b"[" * 50_000 + b"]" * 50_000
    for text in (
        b"", b"{", b"[]", b"3", b'"x"', b"null", b"\xff\xfe", b"{}", deep, b'{"a":' + deep + b"}",
        b'{"class_name": "Sequential", "class_name": "Sequential", "config": {"layers": []}}',
        b'{"class_name": "Sequential", "config": null}', b'{"class_name": ["Sequential"]}',
        b'{"class_name": "Sequential", "config": {"layers": 3}}',
        b'{"class_name": "Sequential", "config": {"layers": [3]}}',
        b'{"class_name": "Sequential", "config": {"layers": [{"class_name": 3}]}}',
        b'{"class_name": "Functional", "config": {}}',
        b'{"n": ' + b"9" * 10_000 + b"}",
        b'{"a": [' + b"[]," * 1_100_000 + b"[]]}",
    ):  # fmt: skip
        yield f"JSON {text[:40]!r}", with_config(text), True
    nested: Any = layer("Dense", units=2)
    for _ in range(200):
        nested = layer("Dense", units=2, activation=nested)
    yield "nested activations", with_layer(nested), True


def containers() -> Iterator[Case]:
    """Zip archives that are wrong as such."""
    good = members()
    for name in (
        "../evil.txt", "/etc/evil", "a/../../evil", "C:\\evil", "..\\evil", "\\\\host\\share\\x",
        "assets/../../evil", "evil.py", "__init__.py", "model.weights.npz", "/config.json",
    ):  # fmt: skip
        yield f"member {name}", archive({**good, name: b"x"}), True
    for name in ("config.json", "model.weights.h5"):
        yield f"without {name}", archive({k: v for k, v in good.items() if k != name}), True
        out = io.BytesIO(archive(good))
        with zipfile.ZipFile(out, "a") as file:
            file.filelist = []  # so that zipfile does not warn of a second one
            file.NameToInfo = {}
            for key, data in {**good, name: good[name]}.items():
                file.writestr(key, data)
            entry = zipfile.ZipInfo(name)
            file.NameToInfo = {}
            file.writestr(entry, b"{}")
        yield f"twice {name}", out.getvalue(), True
        for kind in (0o120777, 0o020666, 0o010666, 0o140666, 0o060666):  # a link, devices, ...
            out = io.BytesIO()
            with zipfile.ZipFile(out, "w") as file:
                for key, data in good.items():
                    entry = zipfile.ZipInfo(key)
                    entry.external_attr = (kind if key == name else 0o100644) << 16
                    file.writestr(entry, b"/etc/passwd" if key == name else data)
            yield f"kind {kind:o} {name}", out.getvalue(), True
        whole = bytearray(archive(good))
        for signature, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
            at = whole.find(signature)
            while at >= 0:
                whole[at + offset] |= 1
                at = whole.find(signature, at + 1)
        yield f"encrypted {name}", bytes(whole), True
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        yield f"method {method}", archive(good, method), True
    zeros = bytes(1 << 20)
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("config.json", good["config.json"])
        with file.open("model.weights.h5", "w", force_zip64=True) as member:
            for _ in range(96):
                member.write(zeros)
    yield "bomb of weights", bomb.getvalue(), True
    for name in ("config.json", "metadata.json"):
        spaces = b" " * (20 << 20) + good[name]
        yield f"bomb of {name}", archive({**good, name: spaces}, zipfile.ZIP_DEFLATED), True
    yield "many members", archive({**good, **{f"assets/{i}": b"" for i in range(1200)}}), True
    stored = archive(good)
    at = stored.rfind(b"PK\x01\x02")  # the central entry of the weights lies about its size
    for size in (0, 1, 2**31, 2**32 - 1):
        lying = bytearray(stored)
        struct.pack_into("<I", lying, at + 24, size)
        yield f"declared size {size}", bytes(lying), True
    yield "state is a list", archive({**good, "metadata.json": b'{"lamina_state": []}'}), True
    yield "metadata is a list", archive({**good, "metadata.json": b"[]"}), True


# HDF5.


def _replace(file: h5py.File, path: str, value: Any, **options: Any) -> None:
    del file[path]
    file.create_dataset(path, data=value, **options)


def _virtual(file: h5py.File, source: str) -> None:
    layout = h5py.VirtualLayout((4, 6), "f4")
    layout[:] = h5py.VirtualSource(source, "x", (4, 6))
    del file[FIRST]
    file.create_virtual_dataset(FIRST, layout)


def _group_in_itself(file: h5py.File) -> None:
    file["layers/dense/again"] = file["layers"]


def _deep(file: h5py.File) -> None:
    file.create_group("layers/" + "/".join("g" * 200))


def _unwritten(shape: tuple[int, ...]) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file[FIRST]
        file.create_dataset(FIRST, shape, "f4")  # no data: HDF5 would fill it in

    return change


def weights(secret: str) -> Iterator[Case]:
    """Weights in HDF5 that lie elsewhere or nowhere. `secret` is a file that may not be read."""
    elsewhere = h5py.ExternalLink(secret, "/")
    changes: dict[str, Callable[[h5py.File], Any]] = {
        "external link": lambda f: _link(f, FIRST, h5py.ExternalLink(secret, "/x")),
        "external link to a group": lambda f: _link(f, "layers/dense", elsewhere),
        "external link at the top": lambda f: _link(f, "layers", elsewhere),
        "soft link": lambda f: _link(f, FIRST, h5py.SoftLink("/layers/dense_1/vars/0")),
        "soft link to itself": lambda f: _link(f, FIRST, h5py.SoftLink("/" + FIRST)),
        "soft link of a group": lambda f: _link(f, "layers/dense", h5py.SoftLink("/layers")),
        "dangling link": lambda f: _link(f, FIRST, h5py.SoftLink("/nowhere")),
        "external storage": lambda f: _replace(
            f, FIRST, None, shape=(4, 6), dtype="f4", external=[(secret, 0, 96)]
        ),
        "virtual dataset": lambda f: _virtual(f, secret),
        "virtual dataset in the same file": lambda f: _virtual(f, "."),
        "a group in itself": _group_in_itself,
        "one dataset twice": lambda f: _link(f, FIRST, f["layers/dense_2/vars/0"]),
        "deep groups": _deep,
        "chunked": lambda f: _replace(f, FIRST, np.zeros((4, 6), "f4"), chunks=(2, 3)),
        "compressed": lambda f: _replace(f, FIRST, np.zeros((4, 6), "f4"), compression="gzip"),
        "compressed bomb": lambda f: _replace(
            f, FIRST, np.zeros((4096, 512), "f4"), compression="gzip"
        ),
        "extra": lambda f: f.create_dataset("layers/dense/vars/2", data=np.zeros(3, "f4")),
        "extra layer": lambda f: f.create_dataset("layers/conv2d/vars/0", data=np.zeros(3, "f4")),
        "missing": lambda f: f.__delitem__(FIRST),
        "a group for a dataset": lambda f: (f.__delitem__(FIRST), f.create_group(FIRST)),
        "a type for a dataset": lambda f: (
            f.__delitem__(FIRST), f.__setitem__(FIRST, np.dtype("f4"))
        ),
        "null": lambda f: _replace(f, FIRST, h5py.Empty("f4")),
        "no layers": lambda f: f.__delitem__("layers"),
        "a dataset for the layers": lambda f: (
            f.__delitem__("layers"), f.create_dataset("layers", data=1.0)
        ),
    }  # fmt: skip
    for name, change in changes.items():
        yield name, with_weights(change), True
    for shape in (
        (2**40,), (2**60,), (2**30, 2**30), (4, 2**58), (2**20, 2**20, 2**20), (65536, 65536),
    ):  # fmt: skip
        yield f"shape bomb {shape}", with_weights(_unwritten(shape)), True
    yield "unwritten", with_weights(_unwritten((4, 6))), True
    for value in (
        np.zeros((4, 6), "i8"), np.zeros((4, 6), "u1"), np.zeros((4, 6), "?"),
        np.zeros((4, 6), "c8"), np.zeros((4, 6), "S4"), np.zeros((4, 6), "f4,i4"),
        np.full((4, 6), "x", h5py.string_dtype()), np.zeros((6, 4), "f4"), np.zeros(24, "f4"),
        np.zeros((4, 6, 1), "f4"), np.zeros((0, 6), "f4"), np.float32(3), np.zeros((4, 6), "g"),
        np.zeros((4, 6), "V4"), np.zeros((4, 6), h5py.enum_dtype({"A": 0})),
        _lists(), np.zeros((4, 6), "(3,)f4"),
    ):  # fmt: skip
        yield (
            f"data {value.dtype} {value.shape}",
            with_weights(lambda f, v=value: _replace(f, FIRST, v)),
            True,
        )


def _lists() -> Any:
    array = np.empty((4, 6), h5py.vlen_dtype("f4"))
    for index in np.ndindex(4, 6):
        array[index] = np.zeros(2, "f4")
    return array


def _link(file: h5py.File, path: str, link: Any) -> None:
    del file[path]
    file[path] = link


def optimizer_states() -> Iterator[Case]:
    """Archives whose optimizer state is not one."""
    for name, path, value in (
        ("iterations -1", "0", np.int32(-1)),
        ("iterations 1.5", "0", np.float32(1.5)),
        ("iterations []", "0", np.zeros(2, "i4")),
        ("iterations u8", "0", np.uint64(2**64 - 1)),
        ("rate nan", "1", np.float32("nan")),
        ("rate inf", "1", np.float32("inf")),
        ("rate -1", "1", np.float32(-1)),
        ("rate integer", "1", np.int32(1)),
        ("rate []", "1", np.zeros(2, "f4")),
        ("slot shape", "2", np.zeros((6, 4), "f4")),
        ("slot type", "2", np.zeros((4, 6), "i4")),
        ("one more", "99", np.zeros(3, "f4")),
        ("a name", "x", np.zeros(3, "f4")),
    ):

        def change(file: h5py.File, key: str = f"optimizer/vars/{path}", v: Any = value) -> None:
            if key in file:
                del file[key]
            file[key] = v

        yield name, archive({**members(), "model.weights.h5": with_weights(change)}), True
    without = with_weights(lambda file: file.__delitem__("optimizer/vars/3"))
    yield "one missing", archive({**members(), "model.weights.h5": without}), True


def legacy_models(secret: str, canary: str) -> Iterator[Case]:
    """Whole models in HDF5."""
    text = json.loads(h5py.File(GOOD / "keras3_adam.h5").attrs["model_config"])

    def attribute(name: str, value: Any, group: str = "/") -> Callable[[h5py.File], Any]:
        def change(file: h5py.File) -> None:
            if name in file[group].attrs:
                del file[group].attrs[name]
            file[group].attrs[name] = value

        return change

    evil = {**text, "config": {**text["config"], "layers": [*text["config"]["layers"]]}}
    evil["config"]["layers"].append(lambda_layer(canary, legacy=True))
    deep = "[" * 50_000 + "]" * 50_000
    dense = "model_weights/first"
    first = f"{dense}/classifier/first/kernel"
    changes: dict[str, Callable[[h5py.File], Any]] = {
        "lambda": attribute("model_config", json.dumps(evil)),
        "no configuration": attribute("model_config", "{"),
        "a number": attribute("model_config", 3),
        "an array": attribute("model_config", np.zeros(3)),
        "two texts": attribute("model_config", ["{}", "{}"]),
        "bytes that are no text": attribute("model_config", np.bytes_(b"\xff\xfe{}")),
        "deep": attribute("model_config", deep),
        "long": attribute("model_config", json.dumps(text) + " " * (17 << 20)),
        "empty": attribute("model_config", h5py.Empty("f4")),
        "training is a list": attribute("training_config", "[]"),
        "training without optimizer": attribute("training_config", '{"loss": "mse"}'),
        "training names a module": attribute(
            "training_config",
            json.dumps({"optimizer_config": {"class_name": "os>system", "config": {}}}),
        ),
        "custom optimizer": attribute(
            "training_config",
            json.dumps({"optimizer_config": {"class_name": "Custom>Evil", "config": {}}}),
        ),
        "layers are a number": attribute("layer_names", 3, "model_weights"),
        "layers are one text": attribute("layer_names", ["first"], "model_weights"),
        "a layer twice": attribute("layer_names", ["first", "first"], "model_weights"),
        "a layer above": attribute("layer_names", ["../../first"], "model_weights"),
        "a weight above": attribute("weight_names", ["../x", "/etc/passwd"], dense),
        "a weight elsewhere": attribute("weight_names", ["/optimizer_weights"], dense),
        "a weight too few": attribute("weight_names", ["classifier/first/kernel"], dense),
        "external link": lambda f: _link(f, first, h5py.ExternalLink(secret, "/x")),
        "soft link": lambda f: _link(f, first, h5py.SoftLink("/optimizer_weights")),
        "linked layer": lambda f: _link(f, "model_weights/first", h5py.ExternalLink(secret, "/")),
        "external storage": lambda f: _replace(
            f, first, None, shape=(4, 6), dtype="f4", external=[(secret, 0, 96)]
        ),
        "shape bomb": lambda f: (f.__delitem__(first), f.create_dataset(first, (2**50,), "f4")),
        "strings": lambda f: _replace(f, first, np.full((4, 6), "x", h5py.string_dtype())),
    }  # fmt: skip
    for name, change in changes.items():
        yield name, with_model(change), True


# Damage.


def damaged(name: str, content: bytes, flips: int, cuts: int) -> Iterator[Case]:
    """A good file cut off at many places, and with wrong bits."""
    places = sorted({0, 1, 3, 4, 7, 8, 9, len(content) - 1, len(content) - 4} | set(
        range(0, len(content), max(1, len(content) // cuts))
    ))  # fmt: skip
    for length in places:
        yield f"{name} cut at {length}", content[:length], True
    generator = random.Random(name)
    for number in range(flips):
        altered = bytearray(content)
        for _ in range(generator.choice((1, 1, 2, 8, 64))):
            near = generator.random() < 0.5
            at = generator.randrange(min(len(altered), 4096) if near else len(altered))
            altered[at] ^= 1 << generator.randrange(8)
        yield f"{name} damaged {number}", bytes(altered), False
