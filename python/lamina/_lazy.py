"""Modules that are loaded when first used, so that importing lamina costs little."""

from __future__ import annotations

import importlib
from typing import Any


class LazyModule:
    """Stands in for a module until one of its attributes is asked for.

    Args:
        name: The module's full name.

    Example:
        >>> LazyModule("lamina.saving.model_file").save_model.__name__
        'save_model'
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(importlib.import_module(self._name), attribute)
