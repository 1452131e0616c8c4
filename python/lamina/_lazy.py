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
        self._module: Any = None

    def __getattr__(self, attribute: str) -> Any:
        if self._module is None:
            self._module = importlib.import_module(self._name)
        return getattr(self._module, attribute)
