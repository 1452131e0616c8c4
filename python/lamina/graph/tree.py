"""Nests: lists, tuples and dictionaries of values, as arguments and results have them.

The values of a dictionary are in the order of its sorted keys, as Keras orders them; None is a
value like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any


def is_nest(value: Any) -> bool:
    """Whether it is a list, tuple or dictionary."""
    return isinstance(value, (list, tuple, dict))


def sorted_keys(nest: dict[Any, Any]) -> list[Any]:
    """The keys in ascending order; in their own where they cannot be compared."""
    try:
        return sorted(nest)
    except TypeError:
        return list(nest)


def leaves(nest: Any) -> Iterator[Any]:
    """The values of a nest, one after the other."""
    if isinstance(nest, dict):
        for key in sorted_keys(nest):
            yield from leaves(nest[key])
    elif isinstance(nest, (list, tuple)):
        for item in nest:
            yield from leaves(item)
    else:
        yield nest


def flatten(nest: Any) -> list[Any]:
    """The values of a nest as a list.

    Example:
        >>> flatten({"b": (1, 2), "a": 0})
        [0, 1, 2]
    """
    return list(leaves(nest))


def map_structure(function: Callable[[Any], Any], nest: Any) -> Any:
    """The nest with the function's result in the place of each value."""
    if isinstance(nest, dict):
        results = {key: map_structure(function, nest[key]) for key in sorted_keys(nest)}
        return {key: results[key] for key in nest}
    if isinstance(nest, (list, tuple)):
        return _like(nest, [map_structure(function, item) for item in nest])
    return function(nest)


def pack(structure: Any, values: list[Any]) -> Any:
    """A nest like `structure` with these values: the opposite of `flatten`.

    Raises:
        ValueError: If the structure has more or fewer values.
    """
    count = len(flatten(structure))
    if count != len(values):
        raise ValueError(f"A structure of {count} values. Received: {len(values)} values")
    iterator = iter(values)
    return map_structure(lambda _: next(iterator), structure)


def paths(nest: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Each value with the keys and positions that lead to it."""
    if isinstance(nest, dict):
        for key in sorted_keys(nest):
            yield from paths(nest[key], (*before, key))
    elif isinstance(nest, (list, tuple)):
        for index, item in enumerate(nest):
            yield from paths(item, (*before, index))
    else:
        yield before, nest


def _like(nest: Any, items: list[Any]) -> Any:
    kind = type(nest)
    if kind in (list, tuple):
        return kind(items)
    if hasattr(nest, "_fields"):  # a named tuple
        return kind(*items)
    return list(items) if isinstance(nest, list) else tuple(items)
