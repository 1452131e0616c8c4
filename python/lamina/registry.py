"""Objects as plain data and back.

Only registered classes are ever built: a configuration has nothing imported but lamina's own.
"""

from __future__ import annotations

import contextlib
import contextvars
import importlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, TypeVar

from lamina._checks import unknown_name

T = TypeVar("T")

#: Arguments that constructors take as a path too: fine from a program, not from a file.
_NAMES_OF_FILES = ("vocabulary", "idf_weights")

_registered: dict[str, Any] = {}
_scope: contextvars.ContextVar[Mapping[str, Any] | None] = contextvars.ContextVar(
    "lamina_custom_objects", default=None
)


class Registry:
    """The classes of one kind (layers, losses, ...) and the names they go by.

    Args:
        kind: What messages call one, such as "layer".
        module: The public module, such as "layers".
    """

    _all: ClassVar[dict[str, Registry]] = {}

    def __init__(self, kind: str, module: str) -> None:
        self.kind = kind
        self.module = module
        self._classes: dict[str, type] = {}
        self._aliases: dict[str, type] = {}
        self._late: dict[str, str] = {}
        Registry._all[module] = self

    def register(self, *aliases: str) -> Callable[[type[T]], type[T]]:
        """Decorates a class: it becomes known by its own name and the aliases."""

        def add(cls: type[T]) -> type[T]:
            self._classes[cls.__name__] = cls
            for alias in aliases:
                self._aliases[alias] = cls
            return cls

        return add

    def register_lazy(self, module: str, *names: str) -> None:
        """Makes classes known whose module is loaded when one of their names is asked for."""
        self._late.update(dict.fromkeys(names, module))

    def names(self) -> list[str]:
        """All names and aliases."""
        return list(dict.fromkeys((*self._classes, *self._aliases, *self._late)))

    def knows(self, name: str) -> bool:
        """Whether one of lamina's own classes of this kind goes by that name."""
        return name in self._classes or name in self._aliases or name in self._late

    def find(self, name: object) -> type:
        """The class of that name; ValueError with a suggestion if there is none."""
        custom = custom_object(name) if isinstance(name, str) else None
        if isinstance(custom, type):
            return custom
        if isinstance(name, str):
            if name in self._late:
                importlib.import_module(self._late[name])
            found = self._classes.get(name) or self._aliases.get(name)
            if found is not None:
                return found
        raise unknown_name(self.kind, name, self.names())

    def is_builtin(self, cls: type) -> bool:
        """Whether `cls` is one of lamina's own classes of this kind."""
        return self._classes.get(cls.__name__) is cls

    def create(self, config: Any) -> Any:
        """The object of `{"class_name": ..., "config": {...}}`.

        Raises:
            ValueError: If the configuration is malformed or does not fit the class.
        """
        if not isinstance(config, Mapping) or "class_name" not in config:
            raise ValueError(
                f"A {self.kind} configuration must be a dictionary with 'class_name' and "
                f"'config'. Received: {shorten(config)}"
            )
        cls = self.find(config["class_name"])
        arguments = config.get("config")
        if arguments is None:
            arguments = {}
        if not isinstance(arguments, dict) or not all(isinstance(key, str) for key in arguments):
            raise ValueError(
                f"The configuration of {self.kind} '{cls.__name__}' must be a dictionary. "
                f"Received: config={shorten(arguments)}"
            )
        for key in _NAMES_OF_FILES:
            if isinstance(arguments.get(key), str):
                raise ValueError(
                    f"A configuration cannot name a file to read: `{key}` must be a list. "
                    f"Received: {key}={shorten(arguments[key])}"
                )
        from_config = getattr(cls, "from_config", None)
        try:
            return from_config(arguments) if from_config is not None else cls(**arguments)
        except TypeError as error:
            raise ValueError(
                f"The configuration does not fit {self.kind} '{cls.__name__}': {error}. "
                f"Received: config={shorten(arguments)}"
            ) from error


def shorten(value: Any, length: int = 200) -> str:
    """The text of a value, cut where it would flood the screen."""
    text = repr(value)
    return text if len(text) <= length else text[:length] + "..."


def register_keras_serializable(
    package: str = "Custom", name: str | None = None
) -> Callable[[T], T]:
    """Decorates a custom class or function so that it can be saved and loaded.

    Args:
        package: A prefix that keeps names apart.
        name: The name in files; the class's own by default.

    Raises:
        ValueError: If the class has no `get_config` method.
    """

    def add(cls: T) -> T:
        own = str(getattr(cls, "__name__", cls))
        if isinstance(cls, type) and not hasattr(cls, "get_config"):
            raise ValueError(
                f"A class needs a `get_config` method to be registered. Received: {own}"
            )
        _registered[f"{package}>{name if name is not None else own}"] = cls
        return cls

    return add


def get_registered_name(obj: Any) -> str:
    """The registered name of a class, or its own name."""
    for name, registered in _registered.items():
        if registered is obj:
            return name
    return str(obj.__name__)


def get_registered_object(
    name: str,
    custom_objects: Mapping[str, Any] | None = None,
    module_objects: Mapping[str, Any] | None = None,
) -> Any:
    """What is registered as `name`, or in one of the two dictionaries, or None."""
    if custom_objects is not None and name in custom_objects:
        return custom_objects[name]
    found = custom_object(name)
    if found is None and module_objects is not None:
        found = module_objects.get(name)
    return found


def get_custom_objects() -> dict[str, Any]:
    """The registry of custom objects itself: what is put there is found by name."""
    return _registered


def custom_object(name: str) -> Any:
    """The custom object of that name in the scope or registered, or None."""
    scope = _scope.get()
    if scope is not None and name in scope:
        return scope[name]
    if name in _registered:
        return _registered[name]
    for key, value in _registered.items():
        if key.split(">", 1)[-1] == name:
            return value
    return None


def is_function(value: Any) -> bool:
    """Whether it is a function rather than a class."""
    return callable(value) and not isinstance(value, type)


@contextlib.contextmanager
def custom_object_scope(custom_objects: Mapping[str, Any] | None) -> Iterator[None]:
    """Within the `with` block, names in `custom_objects` stand for its values.

    Args:
        custom_objects: Names to classes.
    """
    if custom_objects is not None and not isinstance(custom_objects, Mapping):
        raise TypeError(
            "`custom_objects` must be a dictionary of names to classes. "
            f"Received: {custom_objects!r}"
        )
    merged = {**(_scope.get() or {}), **(custom_objects or {})}
    token = _scope.set(merged)
    try:
        yield
    finally:
        _scope.reset(token)


CustomObjectScope = custom_object_scope


def serialize_keras_object(obj: Any) -> Any:
    """An object as plain data.

    Args:
        obj: None, plain data, or an object with `get_config`.

    Returns:
        A dictionary with "module", "class_name", "config" and "registered_name".

    Raises:
        ValueError: For what cannot be saved, such as a function of the caller's.
    """
    if obj is None or isinstance(obj, (str, int, float, bool)):
        return obj
    if isinstance(obj, (list, tuple)):
        return [serialize_keras_object(item) for item in obj]
    if isinstance(obj, dict):
        return {str(key): serialize_keras_object(item) for key, item in obj.items()}
    cls = type(obj)
    get_config = getattr(obj, "get_config", None)
    if get_config is None or isinstance(obj, type):
        raise ValueError(
            "Only objects with a `get_config` method can be saved; a custom function "
            f"cannot. Received: {obj!r}"
        )
    config = get_config()
    registry = next((f for f in Registry._all.values() if f.is_builtin(cls)), None)
    registered = None if registry is not None else get_registered_name(cls)
    return {
        "module": f"lamina.{registry.module}" if registry is not None else None,
        # A graph of layers is a Functional, whose class Keras does not show.
        "class_name": getattr(obj, "_file_class_name", None) or cls.__name__,
        # Those of custom classes may hold objects.
        "config": config if registry is not None else serialize_keras_object(config),
        "registered_name": registered,
    }


def serialize_function(function: Any) -> str:
    """The name by which a custom function is found again.

    Raises:
        ValueError: For a lambda, which has no name.
    """
    name = get_registered_name(function) if hasattr(function, "__name__") else ""
    if not name or "<lambda>" in name:
        raise ValueError(
            "A lambda cannot be saved: define a function with a name, and give it to "
            f"`custom_objects` when loading. Received: {function!r}"
        )
    return name


def deserialize_function(name: Any) -> Callable[..., Any]:
    """The function that is registered, or in `custom_objects`, under a name; nothing is imported.

    Raises:
        ValueError: If there is none.
    """
    function = custom_object(name) if isinstance(name, str) else name
    if not callable(function):
        raise ValueError(
            "A custom function must be given in `custom_objects` or registered with "
            f"register_keras_serializable before it can be loaded. Received: {shorten(name)}"
        )
    return function  # type: ignore[no-any-return]


def deserialize_keras_object(
    config: Any, custom_objects: Mapping[str, Any] | None = None, safe_mode: bool = True
) -> Any:
    """The object of a dictionary from `serialize_keras_object`.

    Args:
        config: The dictionary.
        custom_objects: Names to classes of the caller's own.
        safe_mode: Accepted for compatibility; nothing unsafe can be loaded either way.

    Raises:
        ValueError: For unknown classes and malformed configurations.
    """
    with custom_object_scope(custom_objects):
        if not isinstance(config, Mapping) or "class_name" not in config:
            if config is None or isinstance(config, (str, int, float, bool)):
                return config
            raise ValueError(
                "A configuration must be a dictionary with 'class_name' and 'config'. "
                f"Received: {shorten(config)}"
            )
        module = str(config.get("module") or "").rpartition(".")[2]
        registries = (
            [Registry._all[module]] if module in Registry._all else list(Registry._all.values())
        )
        for registry in registries:
            try:
                registry.find(config["class_name"])
            except ValueError:
                continue
            return registry.create(config)
        raise unknown_name(
            "class",
            config["class_name"],
            [name for registry in registries for name in registry.names()],
        )
