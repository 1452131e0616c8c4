"""Where Keras' files have the layers of a model: paths by attributes and classes, not by names.

A Sequential and a graph of layers have theirs below "layers": the class in snake case, counted in
their order, whatever a layer is called. Other models and layers have each at its attribute, lists
and dictionaries as the former have their "layers". What is at several places counts at the first,
in the alphabetical order of attributes with private ones last.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from lamina._names import snake_case

if TYPE_CHECKING:
    from lamina.variable import Variable

#: Attributes that hold a layer inside of a built-in one, as Keras calls them.
_INNER = ("activation", "layer")
#: Where a Sequential keeps what its `layers` are.
_KEPT = frozenset(("_input", "_layers"))


class Place:
    """A layer in the tree of a file.

    Args:
        path: Its path: "layers/dense_1".
        layer: The layer or model.
        variables: The variables that are its own, in order: those that are trained first.
    """

    def __init__(self, path: str, layer: Any, variables: list[Variable]) -> None:
        self.path = path
        self.layer = layer
        self.variables = variables

    @property
    def name(self) -> str:
        """The layer's own name."""
        name: str = self.layer.name
        return name

    def key(self, index: int) -> str:
        """The path of one of its variables."""
        return f"{self.path}/vars/{index}" if self.path else f"vars/{index}"


def places(model: Any) -> Iterator[Place]:
    """The places of a model or layer and of all layers inside of it, each layer once."""
    yield from _places(model, "", set())


def _places(layer: Any, path: str, seen: set[int]) -> Iterator[Place]:
    seen.add(id(layer))
    inside = list(_parts(layer))
    held = {id(v) for _, part in inside for each in _layers_in(part) for v in _weights(each)}
    own = [variable for variable in _weights(layer) if id(variable) not in held]
    own.sort(key=lambda variable: variable.is_state)
    yield Place(path, layer, [*getattr(layer, "_saved_again", ()), *own])
    for step, part in inside:
        below = f"{path}/{step}" if path else step
        if _is_layer(part):
            if id(part) not in seen:
                yield from _places(part, below, seen)
        else:
            yield from _container(part, below, seen, [])


def _weights(layer: Any) -> list[Variable]:
    """All variables of a layer; those that are there yet, where it is not built."""
    found = {id(v): v for leaf in layer._leaves() for v in leaf._variables.values()}
    return list(found.values())


def _container(container: Any, path: str, seen: set[int], around: list[int]) -> Iterator[Place]:
    """The places of the layers in a list, tuple or dictionary."""
    if id(container) in around:
        return
    counts: dict[str, int] = {}
    for item in container.values() if isinstance(container, dict) else container:
        if _is_layer(item):
            step = _counted(class_name(item), counts)
            if id(item) not in seen:
                yield from _places(item, f"{path}/{step}", seen)
        elif isinstance(item, (list, tuple, dict)):
            step = _counted("container", counts)
            yield from _container(item, f"{path}/{step}", seen, [*around, id(container)])


def _counted(name: str, counts: dict[str, int]) -> str:
    count = counts.get(name, 0)
    counts[name] = count + 1
    return f"{name}_{count}" if count else name


def class_name(layer: Any) -> str:
    """A layer's class as paths have it."""
    return snake_case(getattr(layer, "_file_class_name", None) or type(layer).__name__)


def named(layers: Iterable[Any], path: str) -> list[tuple[str, Any]]:
    """The paths of layers in a file: their classes, counted in their order."""
    counts: dict[str, int] = {}
    return [(f"{path}/{_counted(class_name(layer), counts)}", layer) for layer in layers]


def _parts(layer: Any) -> Iterator[tuple[str, Any]]:
    """The layers, and what holds layers, directly in a layer, in the order in which they count."""
    children = getattr(layer, "layers", None)
    listed = isinstance(children, (list, tuple))
    if layer._native and not hasattr(layer, "_trainer"):  # a built-in layer
        if listed:
            yield "layers", children
        for name in _INNER:
            part = getattr(layer, name, None)
            if _is_layer(part):
                yield name, part
        return
    chain = hasattr(type(layer), "add")
    layer._tracker.parts(layer, "layer")
    names = set(layer._tracker.names) | _properties(type(layer))
    if chain or getattr(layer, "_graph", None) is not None:
        yield "layers", children
        names -= _KEPT if chain else set()
    elif hasattr(layer, "_trainer"):
        names.add("layers")
    for name in sorted(names, key=lambda name: f"~{name}" if name.startswith("_") else name):
        try:
            part = getattr(layer, name)
        except Exception:
            continue
        if _is_layer(part) or isinstance(part, (list, tuple, dict)):
            yield name, part


def _properties(cls: type) -> set[str]:
    """The properties of custom classes; those of lamina are not looked at."""
    return {
        name
        for base in cls.__mro__
        if not base.__module__.startswith("lamina.") and base is not object
        for name, value in vars(base).items()
        if isinstance(value, property) and not name.startswith("__")
    }


def _is_layer(value: Any) -> bool:
    return getattr(type(value), "_tracked_as", None) == "layer"


def _layers_in(part: Any, around: tuple[int, ...] = ()) -> Iterator[Any]:
    if _is_layer(part):
        yield part
    elif isinstance(part, (list, tuple, dict)) and id(part) not in around:
        for item in part.values() if isinstance(part, dict) else part:
            yield from _layers_in(item, (*around, id(part)))
