"""Modules that are loaded when first used, so that importing lamina costs little."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any


class LazyModule:
    """Stands in for a module until one of its attributes is used.

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
        found = getattr(self._module, attribute)
        setattr(self, attribute, found)  # the next look does not come here
        return found


def late_names(module: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """A `__getattr__` for a module whose names are loaded when first used.

    Args:
        module: The module's `__name__`.
        homes: Where each name is defined; a name that is a module is its own home.

    Returns:
        The function; a name that `homes` does not have is an AttributeError.

    Example:
        >>> late = late_names("lamina.models", {"load_model": "lamina.saving.model_file"})
        >>> late("load_model").__name__
        'load_model'
    """

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        home = importlib.import_module(homes[name])
        found = home if homes[name] == f"{module}.{name}" else getattr(home, name)
        setattr(sys.modules[module], name, found)
        return found

    return find
