"""What users pass as arrays of samples, alone or nested, as checked columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from lamina._arrays import real_array
from lamina._typing import Array
from lamina.graph import tree


def columns_of(parts: dict[str, Any]) -> list[Any]:
    """The columns of each part: an array, or a nest of arrays.

    Args:
        parts: What the user passed, by the names that messages use. "x" may hold strings.

    Raises:
        TypeError: For what does not hold real numbers.
        ValueError: For different numbers of rows.
    """
    found: list[Any] = []
    for name, value in parts.items():
        if not _is_nest_of_arrays(value):
            found.append(_column(value, name, name == "x"))
            continue
        nest = _plain(value)
        arrays = [
            _column(leaf, f"{name}{''.join(f'[{step!r}]' for step in path)}", name == "x")
            for path, leaf in tree.paths(nest)
        ]
        found.append(tree.pack(nest, arrays))
    _check_rows(list(parts), found)
    return found


def _is_nest_of_arrays(value: Any) -> bool:
    """Whether it is meant as several arrays; a list of numbers or rows is one array."""
    if isinstance(value, Mapping):
        return True
    return isinstance(value, (list, tuple)) and any(
        hasattr(item, "shape") or _is_nest_of_arrays(item) for item in value
    )


def _plain(value: Any) -> Any:
    """The nest with dictionaries for other mappings, and arrays for lists of numbers."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if _is_nest_of_arrays(value):
        return type(value)(_plain(item) for item in value)
    return np.asarray(value) if isinstance(value, (list, tuple)) else value


def _column(value: Any, name: str, strings: bool) -> Array:
    if strings:
        to_numpy = getattr(value, "to_numpy", None)
        array = value
        if not isinstance(value, np.ndarray):
            array = to_numpy() if callable(to_numpy) else value
        if isinstance(array, np.ndarray) and _holds_strings(array):
            return array
    array = real_array(value, name)
    if array.ndim == 0:
        raise ValueError(f"Dataset: `{name}` needs an axis of samples. Received: a number")
    return array


def _holds_strings(array: Array) -> bool:
    if array.ndim == 0:
        return False
    if array.dtype.kind == "O":
        return all(isinstance(item, (str, bytes)) for item in array.ravel().tolist())
    return array.dtype.kind in ("U", "S", "T")


def _check_rows(names: list[str], columns: list[Any]) -> None:
    """Raises ValueError unless all arrays have as many rows."""
    first = None
    for name, column in zip(names, columns, strict=True):
        for array in tree.leaves(column):
            if first is None:
                first = (name, len(array))
            elif len(array) != first[1]:
                raise ValueError(
                    f"Dataset: `{first[0]}` and `{name}` must have the same number of samples. "
                    f"Received: {first[1]} and {len(array)}"
                )
    if first is None:
        raise ValueError(f"Dataset: `{names[0]}` needs at least one array. Received: none")
