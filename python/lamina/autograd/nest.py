"""Values in lists, tuples and dictionaries, in each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def flatten(structure: Any) -> list[Any]:
    """The values of a structure in order; dictionaries in the order of their sorted keys."""
    if isinstance(structure, (list, tuple)):
        return [leaf for part in structure for leaf in flatten(part)]
    if isinstance(structure, dict):
        return [leaf for key in sorted(structure) for leaf in flatten(structure[key])]
    return [structure]


def pack(structure: Any, leaves: list[Any]) -> Any:
    """Values, as `flatten` gives them, in the form of `structure`."""
    remaining = iter(leaves)

    def build(part: Any) -> Any:
        if isinstance(part, tuple) and hasattr(part, "_fields"):
            return type(part)(*(build(inner) for inner in part))
        if isinstance(part, (list, tuple)):
            return type(part)(build(inner) for inner in part)
        if isinstance(part, dict):
            built = {key: build(part[key]) for key in sorted(part)}
            return {key: built[key] for key in part}
        return next(remaining)

    return build(structure)


def transform(function: Callable[[Any], Any], structure: Any) -> Any:
    """The structure with `function` applied to each value."""
    return pack(structure, [function(leaf) for leaf in flatten(structure)])
