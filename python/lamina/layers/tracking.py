"""What a layer holds, and what holds it: layers, metrics and variables among attributes."""

from __future__ import annotations

import weakref
from operator import is_
from typing import Any

from lamina.layers.weights import adopt_variables

#: Values of these types hold nothing.
PLAIN = frozenset((type(None), bool, int, float, complex, str, bytes))

#: Attributes that a layer keeps for itself.
_OWN = frozenset(
    (
        "_adopted",
        "_before_build",
        "_inbound_nodes",
        "_losses",
        "_made_with",
        "_tracker",
        "_variables",
    )
)

#: A list that holds nothing to track, and more items than this, is data: it is not compared again.
DATA_SIZE = 4096


class Tracker:
    """The parts and the parents of one layer.

    Parts are the objects whose class has an attribute `_tracked_as`, among the layer's attributes
    and in the lists, tuples and dictionaries among them, at any depth. They are listed once each,
    in the order in which attributes were first set. What the layer itself is part of is no part
    of it, even where an attribute refers to it.

    What was found is kept. The layer reports a new attribute by `changed`; that a list or
    dictionary has other items now is noticed at the next look.
    """

    __slots__ = ("_containers", "_found", "changed", "names", "parent_refs")

    def __init__(self) -> None:
        self.parent_refs: list[weakref.ref[Any]] = []
        self._found: dict[str, list[Any]] = {}
        self._containers: list[tuple[Any, tuple[Any, ...]]] = []
        #: The attributes in which something was found.
        self.names: set[str] = set()
        #: Whether attributes have changed since the last look.
        self.changed = True

    # Parts.

    def parts(self, holder: Any, kind: str) -> list[Any]:
        """What `holder`, whose tracker this is, holds of a kind; the list is not to be changed.

        Args:
            holder: The layer.
            kind: "layer", "metric", "variable" or "seed_generator".
        """
        if self.changed or (self._containers and not self._is_current()):
            self._look(holder)
        return self._found.get(kind, [])

    def _is_current(self) -> bool:
        for container, items in self._containers:
            now = container.values() if isinstance(container, dict) else container
            if len(now) != len(items) or not all(map(is_, now, items)):
                return False
        return True

    def _look(self, holder: Any) -> None:
        before = self._found.get("layer", [])
        above = _ancestors(holder)
        found: dict[str, dict[int, Any]] = {}
        self.changed = False
        self._containers = []
        self.names = set()
        for name, value in vars(holder).items():
            if name in _OWN or type(value) in PLAIN:
                continue
            if self._search(value, found, above, []):
                self.names.add(name)
        self._found = {kind: list(parts.values()) for kind, parts in found.items()}
        if not holder._native:  # the weights of others are what their class says
            adopt_variables(holder, self._found.get("variable", []))
        layers = found.get("layer", {})
        for layer in before:
            if id(layer) not in layers:
                layer._tracker.remove_parent(holder)
        for layer in layers.values():
            layer._tracker.add_parent(holder)

    def _search(
        self, value: Any, found: dict[str, dict[int, Any]], above: set[int], inside: list[int]
    ) -> bool:
        """Whether `value` is or holds a part; `inside` are the containers that it is in."""
        kind = getattr(type(value), "_tracked_as", None)
        if kind is not None:
            if id(value) not in above:
                found.setdefault(kind, {})[id(value)] = value
            return True
        if not isinstance(value, (list, tuple, dict)) or id(value) in inside:
            return False
        items = tuple(value.values() if isinstance(value, dict) else value)
        inside.append(id(value))
        holds = False
        for item in items:
            if type(item) not in PLAIN and self._search(item, found, above, inside):
                holds = True
        inside.pop()
        if not isinstance(value, tuple) and (holds or len(items) <= DATA_SIZE):
            self._containers.append((value, items))
        return holds

    def note(self, name: str, value: Any) -> None:
        """Attribute `name` of the layer is `value` now."""
        if name in self.names or (
            hasattr(type(value), "_tracked_as") or isinstance(value, (list, tuple, dict))
        ):
            self.changed = True

    # Parents.

    def parents(self) -> list[Any]:
        """The layers and models that it is part of, the most recent last."""
        if not self.parent_refs:
            return []
        living = [parent for parent in (ref() for ref in self.parent_refs) if parent is not None]
        if len(living) != len(self.parent_refs):
            self.parent_refs = [weakref.ref(parent) for parent in living]
        return living

    def add_parent(self, parent: Any) -> None:
        """The layer is part of `parent`."""
        if any(reference() is parent for reference in self.parent_refs):
            return
        self.parent_refs.append(weakref.ref(parent))
        self._look_again(set())

    def remove_parent(self, parent: Any) -> None:
        """The layer is no part of `parent` any more."""
        self.parent_refs = [ref for ref in self.parent_refs if ref() not in (None, parent)]

    def _look_again(self, seen: set[int]) -> None:
        """What this layer and those in it refer to may be above them now."""
        if id(self) in seen:
            return
        seen.add(id(self))
        self.changed = True
        for layer in self._found.get("layer", []):
            layer._tracker._look_again(seen)


def _ancestors(holder: Any) -> set[int]:
    """The identities of a layer and of all that it is part of."""
    found: set[int] = set()
    waiting = [holder]
    while waiting:
        part = waiting.pop()
        if id(part) not in found:
            found.add(id(part))
            waiting.extend(part._tracker.parents())
    return found
