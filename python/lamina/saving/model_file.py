"""Models as safetensors files.

A file holds the weights as "model/<layer>/<weight>", the optimizer's state as
"optimizer/<slot>/<layer>/<weight>", and in its metadata, as JSON: "config" (the layers),
"compile" (what `compile` was given) and "state" (seeds and counters). docs/files.md has the
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

from lamina import _checks, _core
from lamina._core import FileFormatError
from lamina._typing import Array
from lamina.saving.serialization import custom_object_scope, shorten

if TYPE_CHECKING:
    from lamina.models.sequential import Sequential
    from lamina.variable import Variable

#: Raised when older versions of lamina cannot read the file any more.
FORMAT_VERSION = 1
_MODEL, _WEIGHTS = "lamina.model", "lamina.weights"
_FOREIGN_SUFFIXES = (".keras", ".h5", ".hdf5")


def save_model(model: Sequential, filepath: Any, overwrite: bool = True) -> None:
    """Writes a whole model; see `Sequential.save`."""
    path = _writable(filepath, overwrite)
    tensors, metadata = capture(model)
    _core.save_safetensors(path, tensors, metadata)


def load_model(
    filepath: Any,
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Sequential:
    """The model of a file that `Sequential.save` wrote.

    Only classes of lamina's own and those in `custom_objects` (or registered) are built;
    nothing that the file names is imported, and no size in it is believed before it is
    checked against the data that is there.

    Args:
        filepath: The file.
        custom_objects: Names to classes of your own, such as initializers.
        compile: Whether to compile the model as it was, with the optimizer's state.
        safe_mode: Accepted for compatibility; nothing unsafe can be loaded either way.

    Raises:
        FileFormatError: If the file is damaged, or is not a model of lamina.
        OSError: If it cannot be read.

    Example:
        >>> model.save("model.safetensors")
        >>> again = lamina.saving.load_model("model.safetensors")
    """
    path = _path(filepath)
    tensors, metadata = _read(path)
    with _format_errors(path):
        return restore(tensors, metadata, custom_objects, compile)


def save_weights(model: Sequential, filepath: Any, overwrite: bool = True) -> None:
    """Writes the weights of a model; see `Sequential.save_weights`."""
    path = _writable(filepath, overwrite)
    tensors = {_key(variable): variable.numpy() for variable in model.weights}
    _core.save_safetensors(path, tensors, _header(_WEIGHTS))


def load_weights(model: Sequential, filepath: Any) -> None:
    """Sets all weights of a model from a file; see `Sequential.load_weights`."""
    variables = model.weights
    path = _path(filepath)
    tensors, metadata = _read(path)
    with _format_errors(path):
        _check_header(metadata, (_MODEL, _WEIGHTS))
        weights = {key: value for key, value in tensors.items() if key.startswith("model/")}
        values = _matched(weights, {_key(variable): variable for variable in variables})
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def capture(model: Sequential) -> tuple[dict[str, Array], dict[str, str]]:
    """Everything that a model is, as tensors and metadata."""
    network = model._network
    variables = model.weights if model.built else []
    tensors = {_key(variable): variable.numpy() for variable in variables}
    metadata = _header(_MODEL)
    metadata["config"] = json.dumps({"class_name": "Sequential", "config": model.get_config()})
    state: dict[str, Any] = {
        "seed": model._seed,
        "epochs_seen": network.epochs_seen if network is not None else model._epochs_seen,
        "steps_seen": network.steps_seen if network is not None else model._steps_seen,
        "layer_seeds": {
            f"{layer._prefix}{layer.name}": layer.seed
            for layer in model._leaves()
            if hasattr(layer, "seed")
        },
    }
    compile_config = model.get_compile_config()
    if compile_config is not None:
        metadata["compile"] = json.dumps(compile_config)
        optimizer = model.optimizer
        if optimizer is not None and optimizer.built and network is not None:
            state["iterations"] = optimizer.iterations
            for place, variable in model._placed:
                if variable.is_state:
                    continue
                for slot, name in enumerate(network.slot_names()):
                    tensors[_slot_key(name, variable)] = network.get_slot(slot, place)
    metadata["state"] = json.dumps(state)
    return tensors, metadata


def restore(
    tensors: dict[str, Array],
    metadata: dict[str, str],
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
) -> Sequential:
    """The model that `capture` described."""
    from lamina.models.sequential import Sequential

    _check_header(metadata, (_MODEL,))
    config = _json(metadata, "config")
    state = _json(metadata, "state")
    if config.get("class_name") != "Sequential":
        raise FileFormatError(
            f"The file's model must be a Sequential. Received: {shorten(config.get('class_name'))}"
        )
    with custom_object_scope(custom_objects):
        model = Sequential.from_config(config.get("config"))
        _restore_state(model, state)
        variables = model.weights if model.built else []
        weights = {key: value for key, value in tensors.items() if key.startswith("model/")}
        values = _matched(weights, {_key(variable): variable for variable in variables})
        slots = {key: value for key, value in tensors.items() if key not in weights}
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        if not compile or "compile" not in metadata:
            return model
        model.compile_from_config(_json(metadata, "compile"))
        if "iterations" in state:
            if model.loss is None:
                raise FileFormatError(
                    "The file has an optimizer's state, but no loss. Received: loss=None"
                )
            _restore_optimizer(model, state["iterations"], slots)
        elif slots:
            raise FileFormatError(f"The file has tensors too many. Received: {sorted(slots)}")
        return model


def _restore_state(model: Sequential, state: dict[str, Any]) -> None:
    model._seed = _checks.integer("state", "seed", state.get("seed"), low=0, high=2**64 - 1)
    most = 2**62
    model._epochs_seen = _checks.integer(
        "state", "epochs_seen", state.get("epochs_seen"), low=0, high=most
    )
    model._steps_seen = _checks.integer(
        "state", "steps_seen", state.get("steps_seen"), low=0, high=most
    )
    seeds = state.get("layer_seeds")
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


def _restore_optimizer(model: Sequential, iterations: Any, slots: dict[str, Array]) -> None:
    steps = _checks.integer("state", "iterations", iterations, low=0, high=2**62)
    network = model._plan()
    names = network.slot_names()
    expected = {
        _slot_key(name, variable): (slot, place, variable)
        for place, variable in model._placed
        if not variable.is_state
        for slot, name in enumerate(names)
    }
    values = _matched(slots, {key: entry[2] for key, entry in expected.items()})
    for (slot, place, _), value in zip(expected.values(), values, strict=True):
        network.set_slot(slot, place, value)
    network.iterations = steps


def _key(variable: Variable) -> str:
    return f"model/{variable.path}"


def _slot_key(slot: str, variable: Variable) -> str:
    return f"optimizer/{slot}/{variable.path}"


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
    try:
        value = json.loads(metadata.get(key, ""))
    except (ValueError, RecursionError) as error:
        raise FileFormatError(
            f"The file's '{key}' is not valid JSON: {error}. Received: {shorten(metadata.get(key))}"
        ) from None
    if not isinstance(value, dict):
        raise FileFormatError(f"The file's '{key}' must be an object. Received: {shorten(value)}")
    return value


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
        RecursionError,
    ) as error:
        raise FileFormatError(f"{path}: the file does not describe a model: {error}") from error


def _read(path: str) -> tuple[dict[str, Array], dict[str, str]]:
    try:
        return _core.load_safetensors(path)
    except FileFormatError as error:
        with Path(path).open("rb") as file:
            start = file.read(4)
        if start in (b"PK\x03\x04", b"\x89HDF"):
            raise FileFormatError(
                f"{path}: this is a file of Keras; reading those is not supported yet. Export "
                "the weights with `get_weights` there and use `set_weights` here."
            ) from None
        raise error


def _path(filepath: Any) -> str:
    try:
        return os.fsdecode(os.fspath(filepath))
    except TypeError:
        raise TypeError(f"`filepath` must be a path. Received: {filepath!r}") from None


def _writable(filepath: Any, overwrite: bool) -> str:
    path = _path(filepath)
    if not overwrite and Path(path).exists():
        raise FileExistsError(f"{path} exists, and overwrite=False was received")
    if path.lower().endswith(_FOREIGN_SUFFIXES):
        warnings.warn(
            f"{path}: lamina writes safetensors, whatever the file is called, and Keras cannot "
            "read it. Better call it '.safetensors'.",
            stacklevel=4,
        )
    return path
