"""Saving and loading: safetensors files that hold data only, never code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lamina._core import FileFormatError
from lamina._lazy import LazyModule
from lamina.registry import (
    CustomObjectScope,
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
    serialize_keras_object,
)

if TYPE_CHECKING:
    from lamina.saving.model_file import load_model, load_weights, save_model, save_weights

__all__ = [
    "CustomObjectScope",
    "FileFormatError",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "load_model",
    "load_weights",
    "register_keras_serializable",
    "save_model",
    "save_weights",
    "serialize_keras_object",
]

_LATE = {"load_model", "load_weights", "save_model", "save_weights"}


def __getattr__(name: str) -> Any:
    if name in _LATE:
        return getattr(LazyModule("lamina.saving.model_file"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
