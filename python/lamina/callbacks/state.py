"""Plain data as JSON and tensors, and back: what callbacks remember."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina._typing import Array


class NotPlainError(TypeError):
    """A value that is no plain data."""


def pack(value: Any, tensors: dict[str, Array], prefix: str) -> Any:
    """`value` as JSON; its arrays are put into `tensors`.

    Raises:
        NotPlainError: For what is neither None, a bool, number, string or array, nor a list,
            tuple or dictionary of such.
    """
    if isinstance(value, np.generic) and value.dtype.kind in "biuf":
        value = value.item()
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, (list, tuple)) and type(value) in (list, tuple):
        items = [pack(item, tensors, f"{prefix}/{i}") for i, item in enumerate(value)]
        return {type(value).__name__: items}
    if type(value) is dict:
        pairs = [
            [pack(key, tensors, f"{prefix}/{i}/key"), pack(item, tensors, f"{prefix}/{i}")]
            for i, (key, item) in enumerate(value.items())
        ]
        return {"dict": pairs}
    if type(value) is np.ndarray and value.dtype.kind in "biuf" and value.dtype.isnative:
        tensors[prefix] = np.ascontiguousarray(value)
        return {"tensor": prefix, "shape": list(value.shape)}
    raise NotPlainError(f"Received: {value!r} of type {type(value).__name__}")


def unpack(value: Any, tensors: dict[str, Array]) -> Any:
    """What `pack` was given."""
    if not isinstance(value, dict):
        return value
    if "tensor" in value:
        return np.array(tensors[value["tensor"]]).reshape(value["shape"])
    if "dict" in value:
        return {unpack(k, tensors): unpack(v, tensors) for k, v in value["dict"]}
    if "tuple" in value:
        return tuple(unpack(item, tensors) for item in value["tuple"])
    return [unpack(item, tensors) for item in value["list"]]
