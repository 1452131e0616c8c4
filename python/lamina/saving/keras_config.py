"""Configurations of Keras as lamina's, and the other way round.

Both have the same classes and arguments; what differs is how a file spells them: types as
policies, modules, tuples, arguments that only one of the two has at their default. A file's
module names are compared with Keras' and lamina's and never imported, and code in a file is an
error whatever `safe_mode` says.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from lamina._core import FileFormatError
from lamina.registry import Registry, custom_object, shorten
from lamina.saving.keras_names import KERAS_CLASSES, KERAS_OPERATIONS

_DEEPEST = 100
_MOST_BYTES = 16 << 20
_MOST_VALUES = 1_000_000

#: Arguments that mean nothing at these values; lamina's classes need not have them.
_MEANINGLESS: dict[str, tuple[Any, ...]] = {
    "renorm_momentum": (0.99,),
    "is_legacy_optimizer": (True, False),
    "jit_compile": (True, False),
    "decay": (0, 0.0),
    "initial_decay": (0, 0.0),
    "fn": (),
}
#: What says how a layer of a graph is called.
_GRAPH_KEYS = ("name", "inbound_nodes")
#: Where Keras' files say that functional models are.
_FUNCTIONAL = "keras.src.models.functional"
#: Names of arguments in files of Keras 2, by class (or for all).
_OLD_NAMES: dict[tuple[str, str], str] = {
    ("LeakyReLU", "alpha"): "negative_slope",
    ("InputLayer", "batch_input_shape"): "batch_shape",
    ("*", "lr"): "learning_rate",
}


def parse_json(text: str | bytes, what: str, finite: bool = True) -> dict[str, Any]:
    """The object that is written in JSON, of bounded length, depth and number of values.

    Args:
        text: The JSON.
        what: What messages call it.
        finite: Whether NaN and infinities are errors.

    Raises:
        FileFormatError: If it is anything else, or a key is there twice.
    """
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError as error:
            raise FileFormatError(f"The file's {what} is not UTF-8: {error}") from None
    if len(text) > _MOST_BYTES or sum(map(text.count, "[{,")) > _MOST_VALUES:
        raise FileFormatError(
            f"The file's {what} is too large for the configuration of a model. "
            f"Received: {len(text)} characters"
        )
    try:
        value = json.loads(
            text,
            parse_constant=_no_constant if finite else float,
            object_pairs_hook=_no_duplicates,
        )
        _check(value, finite)
    except (ValueError, RecursionError) as error:
        raise FileFormatError(f"The file's {what} is not valid JSON: {error}") from None
    if not isinstance(value, dict):
        raise FileFormatError(f"The file's {what} must be an object. Received: {shorten(value)}")
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"numbers must be finite, and {name} is not")


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key is there twice")
    return result


def _check(value: Any, finite: bool) -> None:
    waiting = [(value, 0)]
    while waiting:
        item, depth = waiting.pop()
        if depth > _DEEPEST:
            raise ValueError(f"values are nested more than {_DEEPEST} deep")
        if isinstance(item, dict):
            waiting += [(child, depth + 1) for child in item.values()]
        elif isinstance(item, list):
            waiting += [(child, depth + 1) for child in item]
        elif finite and isinstance(item, float) and item - item != 0.0:
            raise ValueError("numbers must be finite")


def from_keras(value: Any) -> Any:
    """A configuration of Keras as lamina's classes take it.

    Raises:
        FileFormatError: For code, and for classes and functions that are neither Keras' own nor
            registered; the message names them.
    """
    if isinstance(value, list):
        return [from_keras(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "class_name" not in value:
        return {key: from_keras(item) for key, item in value.items()}
    name = value["class_name"]
    if not isinstance(name, str):
        raise FileFormatError(f"A class name must be a string. Received: {shorten(name)}")
    special = _SPECIAL.get(name)
    if special is not None:
        return special(value)
    if name in ("function", "builtin_function_or_method"):
        return _function(value)
    name = _known_name(value, name)
    config = value.get("config")
    if config is None:
        config = {}
    if not isinstance(config, dict):
        raise FileFormatError(
            f"The configuration of '{shorten(name)}' must be an object. Received: {shorten(config)}"
        )
    config = {key: from_keras(item) for key, item in config.items()}
    if name == "Sequential":
        config.pop("optimizer", None)
    result = {"class_name": name, "config": config, "module": _family_of(value)}
    for key in _GRAPH_KEYS:  # of a layer in a graph; `graph.config` reads the calls
        if key in value:
            result[key] = value[key]
    return result


def fit_arguments(config: Any) -> Any:
    """Renames and drops arguments so that lamina's classes, known by now, take the rest."""
    if isinstance(config, list):
        return [fit_arguments(item) for item in config]
    if not isinstance(config, dict):
        return config
    if "class_name" not in config:
        return {key: fit_arguments(item) for key, item in config.items()}
    name = config["class_name"]
    if config.get("module") == "ops":
        return config  # the settings of a function, where None is a value
    if name == "MeanMetricWrapper" and isinstance(config["config"].get("fn"), str):
        inner = dict(config["config"])  # Keras 2 wraps functions that are classes here
        return fit_arguments({**config, "class_name": inner.pop("fn"), "config": inner})
    arguments = {key: fit_arguments(item) for key, item in config["config"].items()}
    classes = _classes_of(config)
    if classes and custom_object(name) is None:
        accepted = set().union(*map(_arguments_of, classes))
        for key in list(arguments):
            new = _OLD_NAMES.get((name, key), _OLD_NAMES.get(("*", key)))
            if key not in accepted and new in accepted:
                arguments[new] = arguments.pop(key)
                key = new
            if key not in accepted and _means_nothing(key, arguments[key]):
                del arguments[key]
        if arguments.get("reduction") == "auto":  # Keras 2
            arguments["reduction"] = "sum_over_batch_size"
        axis = arguments.get("axis")
        if isinstance(axis, list) and len(axis) == 1:
            arguments["axis"] = axis[0]
    return {**config, "config": arguments}


def _means_nothing(key: str, value: Any) -> bool:
    if value is None or value is False:
        return True
    return key in _MEANINGLESS and (value in _MEANINGLESS[key] or key == "fn")


def _arguments_of(cls: type) -> set[str]:
    """The names of all arguments that a constructor takes, those it hands on included."""
    names: set[str] = set()
    for base in cls.__mro__:
        constructor = base.__dict__.get("__init__")
        if constructor is None or base is object:
            continue
        parameters = inspect.signature(constructor).parameters.values()
        names |= {p.name for p in parameters if p.kind is not p.VAR_KEYWORD}
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return names - {"self"}


def _classes_of(config: Mapping[str, Any]) -> list[type]:
    """The classes of that name: a loss and a metric may share one, and old files do not tell."""
    found = []
    for family in _families(config.get("module")):
        try:
            found.append(family.find(config["class_name"]))
        except ValueError:
            continue
    return found


def _families(module: Any) -> list[Registry]:
    known = Registry._all
    return [known[module]] if module in known else list(known.values())


def _family_of(value: Mapping[str, Any]) -> str | None:
    """The public module without what is in front of it: "layers", "optimizers.schedules"."""
    module = value.get("module")
    if not isinstance(module, str):
        return None
    if module.split(".")[-2:-1] == ["ops"] or module.split(".")[-1] == "ops":
        return "ops"  # such as keras.src.ops.numpy
    return module.partition(".")[2]


def _known_name(value: Mapping[str, Any], name: str) -> str:
    """The name to look up; FileFormatError for classes that are not registered."""
    module, registered = value.get("module"), value.get("registered_name")
    for candidate in (registered, name):
        if isinstance(candidate, str) and custom_object(candidate) is not None:
            return candidate
    own = _is_own(module)
    foreign = isinstance(registered, str) and registered.partition(">")[0] not in ("keras", name)
    if own and not foreign:
        return name
    raise FileFormatError(
        "The file needs a class or function that is not registered; nothing that a file names is "
        "imported. Give it in `custom_objects` if it is yours. "
        f"Received: {shorten(registered if foreign else f'{module}.{name}')}"
    )


def _is_own(module: Any) -> bool:
    """Whether a module is Keras', lamina's, or where Keras says that functions are."""
    return module is None or (
        isinstance(module, str) and module.split(".")[0] in ("keras", "lamina", "builtins")
    )


def _function(value: Mapping[str, Any]) -> Any:
    name, module = value.get("config"), value.get("module")
    if not isinstance(name, str):
        raise FileFormatError(f"A function must be given by its name. Received: {shorten(name)}")
    for candidate in (value.get("registered_name"), name):
        custom = custom_object(candidate) if isinstance(candidate, str) else None
        if custom is not None:
            return custom
    if not _is_own(module):
        raise FileFormatError(
            "The file needs a function that is not registered; nothing that a file names is "
            f"imported. Give it in `custom_objects` if it is yours. Received: {module}.{name}"
        )
    return name


def _refuse_code(value: Mapping[str, Any]) -> Any:
    raise FileFormatError(
        "The file holds code, which is never run, whatever `safe_mode` says. "
        f"Received: {value['class_name']}"
    )


def _policy(value: Mapping[str, Any]) -> Any:
    config = value.get("config")
    name = config.get("name") if isinstance(config, dict) else None
    if name not in ("float32", "float64"):
        raise FileFormatError(
            "lamina computes in float32 and float64; other types and policies are not supported. "
            f"Received: {shorten(name)}"
        )
    return name


def _tuple(value: Mapping[str, Any]) -> Any:
    return tuple(from_keras(item) for item in _list(value.get("items")))


def _array(value: Mapping[str, Any]) -> Any:
    config = value.get("config")
    if not isinstance(config, dict):
        raise FileFormatError(f"An array must have a configuration. Received: {shorten(config)}")
    try:
        array = np.array(config.get("value"))
    except (ValueError, OverflowError):
        array = np.array(None)
    if array.dtype.kind not in "iufb":
        raise FileFormatError(
            f"An array must hold numbers. Received: {shorten(config.get('value'))}"
        )
    return array.tolist()


def _list(value: Any) -> Iterator[Any]:
    if not isinstance(value, list):
        raise FileFormatError(f"A tuple must have a list of items. Received: {shorten(value)}")
    return iter(value)


_SPECIAL: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "__lambda__": _refuse_code,
    "__typespec__": _refuse_code,
    "Policy": _policy,  # Keras 2
    "DTypePolicy": _policy,
    "FloatDTypePolicy": _policy,
    "__tuple__": _tuple,
    "__numpy__": _array,
    "__tensor__": _array,
}


def to_keras(value: Any) -> Any:
    """A configuration of lamina as Keras takes it.

    Raises:
        ValueError: For what Keras does not have.
    """
    if isinstance(value, (list, tuple)):
        return [to_keras(item) for item in value]
    if not isinstance(value, dict):
        return value
    result = {key: to_keras(item) for key, item in value.items()}
    if "class_name" not in value or str(value["class_name"]).startswith("__"):
        return result
    name, module = value["class_name"], value.get("module")
    if module == "lamina.ops":
        return _operation_to_keras(result)
    if name == "Functional":
        return {**result, "module": _FUNCTIONAL, "registered_name": "Functional"}
    if name == "SeedGenerator":
        result["module"] = "keras.random"
    elif isinstance(module, str) and module.split(".")[0] == "lamina":
        family = "" if name == "Sequential" else module.partition(".")[2]
        if family and name not in KERAS_CLASSES.get(family, frozenset()):
            raise ValueError(
                f"Keras has no '{name}' in its {family}, so a file for Keras cannot hold it. "
                f"Save the model as safetensors instead. Received: {name}"
            )
        result["module"] = f"keras.{family}" if family else "keras"
    result.setdefault("module", None)
    result.setdefault("config", {})
    if name.startswith("SpatialDropout"):
        result["config"].pop("trainable", None)  # Keras' constructor does not take it
    result.setdefault("registered_name", None)
    if result["config"].get("activation") == "gelu_tanh":
        raise ValueError(
            "Keras has no name for gelu's approximation, so a file for Keras cannot hold it. "
            "Received: activation='gelu_tanh'"
        )
    return result


def _operation_to_keras(value: dict[str, Any]) -> dict[str, Any]:
    """The configuration of a function in a graph; Keras has a class for each."""
    name = value["class_name"]
    for module, names in KERAS_OPERATIONS.items():
        if name in names:
            return {**value, "module": f"keras.src.ops.{module}", "registered_name": name}
    raise ValueError(
        f"Keras has no operation '{name}', so a file for Keras cannot hold it. Save the model as "
        f"safetensors instead. Received: {name}"
    )
