"""Models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lamina._lazy import LazyModule
from lamina.models.cloning import clone_model, model_from_json
from lamina.models.model import Model
from lamina.models.sequential import Sequential

if TYPE_CHECKING:
    from lamina.saving.model_file import load_model, save_model

__all__ = ["Model", "Sequential", "clone_model", "load_model", "model_from_json", "save_model"]

_LATE = {"load_model", "save_model"}


def __getattr__(name: str) -> Any:
    if name in _LATE:
        return getattr(LazyModule("lamina.saving.model_file"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
