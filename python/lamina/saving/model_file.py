"""Models as files: safetensors here, the formats of Keras in modules of their own.

A safetensors file holds the weights as "model/<layer>/<weight>", the optimizer's state as
"optimizer/<slot>/<layer>/<weight>" (single numbers as "optimizer/<name>"), and in its metadata,
as JSON: "config" (the layers), "compile" (what `compile` was given) and "state" (seeds and
counters). docs/files.md has the
whole format.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import lamina._core as _core
from lamina import _checks
from lamina._core import FileFormatError
from lamina._typing import Array
from lamina.registry import (
    Registry,
    custom_object,
    custom_object_scope,
    get_registered_name,
    shorten,
)
from lamina.saving import hdf5, keras_archive, keras_model, legacy_h5, shards, structure, weights_h5
from lamina.saving.exclusions import restore_exclusions, without_weight_decay
from lamina.saving.keras_config import parse_json

if TYPE_CHECKING:
    from lamina.variable import Variable

#: Raised when older versions of lamina cannot read the file any more.
FORMAT_VERSION = 1
_MODEL, _WEIGHTS = "lamina.model", "lamina.weights"


def save_model(
    model: Any, filepath: Any, overwrite: bool = True, zipped: bool | None = None
) -> None:
    """Writes a whole model; see `Sequential.save`."""
    if zipped not in (None, True):
        raise _checks.unsupported("save", "zipped", zipped)
    path = _writable(filepath, overwrite)
    if _is_keras(path):
        _core.replace_file(path, keras_archive.save(model, _state(model)))
        return
    if _is_hdf5(path):
        raise ValueError(
            "save: whole models are written as safetensors, or as a '.keras' file for Keras; "
            f"'.h5' is read only. Received: filepath={path!r}"
        )
    tensors, metadata = capture(model)
    _core.save_safetensors(path, tensors, metadata)


def load_model(
    filepath: Any,
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """The model of a file that `Sequential.save` or Keras wrote.

    The content tells the format: safetensors, a `.keras` archive, or HDF5 with a whole model
    (`.h5`). Only classes of lamina's own and those in `custom_objects` (or registered) are built;
    nothing that the file names is imported, and no size in it is believed before it is
    checked against the data that is there.

    Args:
        filepath: The file.
        custom_objects: Names to custom classes, such as initializers.
        compile: Whether to compile the model as it was, with the optimizer's state.
        safe_mode: Accepted for compatibility; nothing unsafe can be loaded either way.

    Raises:
        FileFormatError: If the file is damaged, is no model, or has what lamina does not have.
        ImportError: If it is a file of Keras, and h5py is not installed.
        OSError: If it cannot be read.

    Example:
        >>> model.save("model.safetensors")
        >>> again = lamina.saving.load_model("model.safetensors")
    """
    path = path_of(filepath)
    start = _start(path)
    if start.startswith(keras_archive.SIGNATURE):
        with _format_errors(path):
            return keras_archive.load(path, custom_objects, compile, _restore_state)
    if start == hdf5.SIGNATURE:
        with _format_errors(path), custom_object_scope(custom_objects), _hdf5(path) as file:
            return legacy_h5.load(file, compile)
    with _format_errors(path):
        tensors, metadata = _core.load_safetensors(path)
        return restore(tensors, metadata, custom_objects, compile)


def save_weights(
    model: Any, filepath: Any, overwrite: bool = True, max_shard_size: Any = None
) -> None:
    """Writes the weights of a model; see `Sequential.save_weights`."""
    _require_built(model, "saving")
    path = path_of(filepath)
    if max_shard_size is not None:
        if path.lower().endswith(".weights.h5"):
            path = f"{path[:-3]}.json"
            warnings.warn(
                f"save_weights: weights in several files are listed in a '.json': {path!r}",
                stacklevel=3,
            )
        if not path.lower().endswith(".weights.json"):
            raise ValueError(
                "save_weights: with `max_shard_size` the name must end in '.weights.json', as in "
                f"Keras. Received: filepath={path!r}"
            )
        shards.save(model, _writable(path, overwrite), max_shard_size)
        return
    if path.lower().endswith(".json"):
        raise ValueError(
            "save_weights: a '.weights.json' lists weights in several files; give "
            f"`max_shard_size`. Received: filepath={path!r}"
        )
    path = _writable(path, overwrite)
    if _is_hdf5(path):
        if not path.lower().endswith(".weights.h5"):
            raise ValueError(
                "save_weights: Keras wants weights in a file that ends in '.weights.h5'. "
                f"Received: filepath={path!r}"
            )
        _core.replace_file(path, weights_h5.save(model))
        return
    if _is_keras(path):
        raise ValueError(
            "save_weights: a '.keras' file holds a whole model; use `save`, or a name that ends in "
            f"'.weights.h5'. Received: filepath={path!r}"
        )
    tensors = {_key(variable): variable.numpy() for variable in model.weights}
    header = {**_header(_WEIGHTS), structure.KEY: structure.listed(model)}
    _core.save_safetensors(path, tensors, header)


def load_weights(
    model: Any, filepath: Any, skip_mismatch: bool = False, by_name: bool = False
) -> None:
    """Sets all weights of a model from a file; see `Sequential.load_weights`."""
    _require_built(model, "loading weights into")
    skip = _checks.boolean("load_weights", "skip_mismatch", skip_mismatch)
    by_name = _checks.boolean("load_weights", "by_name", by_name)
    variables = model.weights
    path = path_of(filepath)
    start = _start(path)
    with _format_errors(path):
        if start == hdf5.SIGNATURE:
            with _hdf5(path) as file:
                if file.names("/", "layer_names") or legacy_h5.is_model(file):
                    legacy_h5.load_weights(model, file, skip, by_name)
                    return
                _refuse_by_name(by_name)
                weights_h5.load(model, file, skip)
            return
        _refuse_by_name(by_name)
        if shards.is_index(start):
            with shards.ShardedFile(path) as file:
                weights_h5.load(model, file, skip)
            return
        if start.startswith(keras_archive.SIGNATURE):
            keras_archive.load_weights(model, path, skip)
            return
        tensors, metadata = _core.load_safetensors(path)
        _check_header(metadata, (_MODEL, _WEIGHTS))
        tensors = structure.renamed(tensors, structure.names_in_model(model, tensors, metadata))
        weights = {
            key: weights_h5.tensor(value)
            for key, value in tensors.items()
            if key.startswith("model/")
        }
        expected = [(_key(variable), variable) for variable in variables]
        weights_h5.assign(expected, weights, skip, exact=True)


def _require_built(model: Any, what: str) -> None:
    if not model.built:
        raise ValueError(
            f"You are {what} a model that has not yet been built. Try building the model first by "
            f"calling it on some data or by using `build()`. Received: model '{model.name}'"
        )


def _refuse_by_name(by_name: bool) -> None:
    if by_name:
        raise ValueError(
            "load_weights: `by_name` is for legacy '.h5' files, as in Keras. Received: by_name=True"
        )


def capture(model: Any) -> tuple[dict[str, Array], dict[str, str]]:
    """Everything that a model is, as tensors and metadata."""
    engine = model._trainer.engine
    model._name_weights()
    variables = model.weights if model.built else []
    tensors = {_key(variable): variable.numpy() for variable in variables}
    metadata = _header(_MODEL)
    described = {"class_name": _class_name(model), "config": model.get_config()}
    is_built_by_config = model._graph is not None or "build_input_shape" in described["config"]
    if model.built and not is_built_by_config:
        described["build_config"] = model.get_build_config()
    metadata["config"] = json.dumps(described)
    metadata[structure.KEY] = structure.listed(model)
    state = _state(model)
    compile_config = model.get_compile_config()
    if compile_config is not None:
        metadata["compile"] = json.dumps(compile_config)
        optimizer = model.optimizer
        if optimizer is not None and optimizer.built and engine is not None:
            state["iterations"] = optimizer._iterations
            for key, variable in optimizer._state.items():
                tensors[f"optimizer/{key}"] = variable.numpy()
        if optimizer is not None:
            excluded = without_weight_decay(model)
            if excluded:
                state["without_weight_decay"] = excluded
    metadata["state"] = json.dumps(state)
    for key, lookup in _lookups(model):
        learned = lookup._state_asset()
        if learned is not None:
            tensors[key] = np.frombuffer(json.dumps(learned).encode(), "uint8")
    return tensors, metadata


def _class_name(model: Any) -> str:
    """What files call the class of a model; Keras' name for a graph of layers."""
    name = type(model).__name__
    return model._file_class_name or (
        name if name == "Sequential" else get_registered_name(type(model))
    )


def _state(model: Any) -> dict[str, Any]:
    """Seeds and counters: what random numbers depend on."""
    counters = model._trainer.counters
    model._name_weights()
    return {
        "seed": counters.seed,
        "epochs_seen": counters.epochs,
        "steps_seen": counters.steps,
        "layer_seeds": {
            f"{layer._prefix}{layer.name}": layer.seed
            for layer in model._leaves()
            if hasattr(layer, "seed")
        },
    }


def restore(
    tensors: dict[str, Array],
    metadata: dict[str, str],
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
) -> Any:
    """The model that `capture` described."""
    from lamina.models.sequential import Sequential

    _check_header(metadata, (_MODEL,))
    config = _json(metadata, "config")
    state = _json(metadata, "state")
    with custom_object_scope(custom_objects):
        name = str(config.get("class_name"))
        graph: Any = Registry._all["layers"].find("Functional")
        cls: Any = {"Sequential": Sequential, "Functional": graph}.get(name)
        cls = cls or custom_object(name)
        if not (isinstance(cls, type) and issubclass(cls, graph)):
            raise FileFormatError(
                "The file's model must be a Sequential, a graph of layers, or a model's class in "
                f"`custom_objects`. Received: {shorten(config.get('class_name'))}"
            )
        model: Any = cls.from_config(config.get("config"))  # type: ignore[attr-defined]
        if isinstance(config.get("build_config"), dict):
            model.build_from_config(config["build_config"])
        names: dict[str, str] = {}
        if model.built:
            names = structure.names_in_model(model, tensors, metadata)
            tensors = structure.renamed(tensors, names)
        _restore_state(model, state)
        variables = model.weights if model.built else []
        weights = {key: value for key, value in tensors.items() if key.startswith("model/")}
        values = _matched(weights, {_key(variable): variable for variable in variables})
        learned = {key: value for key, value in tensors.items() if key.startswith("learned/")}
        slots = {k: v for k, v in tensors.items() if k not in weights and k not in learned}
        _restore_learned(model, learned)
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        if not compile or "compile" not in metadata:
            return model
        cls = type(model)
        if not cls.compile.__module__.startswith("lamina.") and (
            cls.compile_from_config.__module__.startswith("lamina.")
        ):
            keras_model.warn_of_custom_compile()
            return model
        model.compile_from_config(_json(metadata, "compile"))
        excluded = state.get("without_weight_decay", [])
        if isinstance(excluded, list):
            excluded = [names.get(path, path) for path in map(str, excluded)]
        restore_exclusions(model, excluded)
        if "iterations" in state:
            if model.loss is None:
                raise FileFormatError(
                    "The file has an optimizer's state, but no loss. Received: loss=None"
                )
            _restore_optimizer(model, state["iterations"], slots)
        elif slots:
            raise FileFormatError(f"The file has tensors too many. Received: {sorted(slots)}")
        return model


def _restore_state(model: Any, state: dict[str, Any]) -> None:
    model._name_weights()
    counters = model._trainer.counters
    counters.seed = _checks.integer("state", "seed", state.get("seed"), low=0, high=2**64 - 1)
    most = 2**62
    counters.epochs = _checks.integer(
        "state", "epochs_seen", state.get("epochs_seen"), low=0, high=most
    )
    counters.steps = _checks.integer(
        "state", "steps_seen", state.get("steps_seen"), low=0, high=most
    )
    seeds = _seeds_in_order(model, state.get("layer_seeds"))
    wanted = {
        f"{layer._prefix}{layer.name}": layer for layer in model._leaves() if hasattr(layer, "seed")
    }
    if not isinstance(seeds, dict) or set(seeds) != set(wanted):
        raise FileFormatError(
            f"The file's layer seeds must be of {sorted(wanted)}. Received: {shorten(seeds)}"
        )
    for name, layer in wanted.items():
        seed = _checks.integer("state", "seed", seeds[name], low=0, high=2**64 - 1)
        setattr(layer, "seed", seed)  # noqa: B010 - only layers with a seed come here
        layer._native_call = None  # made with the seed of before


def _seeds_in_order(model: Any, seeds: Any) -> Any:
    """The seeds of a file under the names of the model's layers: by their order if these differ."""
    wanted = [f"{leaf._prefix}{leaf.name}" for leaf in model._leaves() if hasattr(leaf, "seed")]
    if isinstance(seeds, dict) and len(seeds) == len(wanted) and set(seeds) != set(wanted):
        return dict(zip(wanted, seeds.values(), strict=True))
    return seeds


def _lookups(model: Any, prefix: str = "learned/") -> list[tuple[str, Any]]:
    """The layers that learn a vocabulary, also of a model at the front, and where a file has it."""
    found: list[tuple[str, Any]] = []
    for layer in model.layers:
        if hasattr(layer, "_state_asset"):
            found.append((f"{prefix}{layer.name}", layer))
        elif getattr(layer, "_preprocessing", None):
            found += _lookups(layer, f"{prefix}{layer.name}/")
    return found


def _restore_learned(model: Any, learned: dict[str, Array]) -> None:
    """Gives the layers in front the vocabularies of a file."""
    waiting = {key: layer for key, layer in _lookups(model) if layer._needs_asset}
    if set(waiting) != set(learned):
        raise FileFormatError(
            f"The file must hold the vocabularies {sorted(waiting)}. "
            f"Received: {shorten(sorted(learned))}"
        )
    for key, layer in waiting.items():
        text = learned[key]
        if text.dtype.name != "uint8" or text.ndim != 1:
            raise FileFormatError(f"'{key}' must be a list of bytes. Received: {text.dtype}")
        layer._load_state_asset(json.loads(text.tobytes()))


def _restore_optimizer(model: Any, iterations: Any, slots: dict[str, Array]) -> None:
    steps = _checks.integer("state", "iterations", iterations, low=0, high=2**62)
    engine = model._trainer.ready()
    optimizer = model.optimizer
    assert optimizer is not None
    optimizer.mark_loaded(key.removeprefix("optimizer/") for key in slots)
    expected = {f"optimizer/{key}": variable for key, variable in optimizer._state.items()}
    values = _matched(slots, expected)
    for variable, value in zip(expected.values(), values, strict=True):
        variable.assign(value)
    engine.iterations = steps


def _key(variable: Variable) -> str:
    return f"model/{variable.path}"


def _matched(tensors: dict[str, Array], expected: dict[str, Variable]) -> list[Array]:
    """The tensors in the order of `expected`; FileFormatError unless they are exactly those."""
    missing, extra = sorted(set(expected) - set(tensors)), sorted(set(tensors) - set(expected))
    if missing or extra:
        raise FileFormatError(
            "The file does not hold the tensors of this model. "
            f"Received: missing {shorten(missing)}, too many {shorten(extra)}"
        )
    for key, variable in expected.items():
        value = tensors[key]
        if value.shape != variable.shape or value.dtype.name != variable.dtype:
            raise FileFormatError(
                f"Tensor '{key}' must be {variable.dtype} of shape {variable.shape}. "
                f"Received: {value.dtype.name} of shape {value.shape}"
            )
    return [tensors[key] for key in expected]


def _header(kind: str) -> dict[str, str]:
    return {
        "format": kind,
        "format_version": str(FORMAT_VERSION),
        "lamina_version": _core.__version__,
        "numerics_version": str(_core.numerics_version),
    }


def _check_header(metadata: dict[str, str], kinds: tuple[str, ...]) -> None:
    kind = metadata.get("format")
    if kind not in kinds:
        raise FileFormatError(
            "The file is valid safetensors, but not what is needed: its 'format' must be "
            f"{' or '.join(kinds)}. Received: format={shorten(kind)}"
        )
    version = metadata.get("format_version", "")
    if not version.isascii() or not version.isdigit() or not 1 <= len(version) <= 9:
        raise FileFormatError(f"The file's format_version is no number. Received: {version!r}")
    if not 1 <= int(version) <= FORMAT_VERSION:
        raise FileFormatError(
            f"The file has format version {version}, and this lamina reads up to "
            f"{FORMAT_VERSION}: a newer lamina is needed. "
            f"Received: lamina_version={shorten(metadata.get('lamina_version'))}"
        )


def _json(metadata: dict[str, str], key: str) -> dict[str, Any]:
    return parse_json(metadata.get(key, ""), f"'{key}'", finite=False)


@contextmanager
def _format_errors(path: str) -> Iterator[None]:
    """What a file's content makes go wrong is an error of the file."""
    try:
        yield
    except FileFormatError as error:
        raise FileFormatError(f"{path}: {error}") from error.__cause__
    except (
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        NotImplementedError,
        OverflowError,
        RuntimeError,  # RecursionError among them
    ) as error:
        raise FileFormatError(f"{path}: the file does not describe a model: {error}") from error


def _start(path: str) -> bytes:
    with Path(path).open("rb") as file:
        return file.read(len(hdf5.SIGNATURE))


@contextmanager
def _hdf5(path: str) -> Iterator[hdf5.Hdf5File]:
    with hdf5.Hdf5File(path) as file:
        yield file


def _is_keras(path: str) -> bool:
    return path.lower().endswith(".keras")


def _is_hdf5(path: str) -> bool:
    return path.lower().endswith((".h5", ".hdf5"))


def path_of(filepath: Any) -> str:
    """A path as a string; TypeError for what is none."""
    try:
        return os.fsdecode(os.fspath(filepath))
    except TypeError:
        raise TypeError(f"`filepath` must be a path. Received: {filepath!r}") from None


def _writable(filepath: Any, overwrite: bool) -> str:
    path = path_of(filepath)
    if not overwrite and Path(path).exists():
        raise FileExistsError(f"{path} exists, and overwrite=False was received")
    return path
