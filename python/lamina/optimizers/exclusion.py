"""Which weights an optimizer does not decay."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any


class DecayExclusion:
    """Weights that are named by themselves, by patterns, or by paths from a file."""

    def __init__(self) -> None:
        self._variables: list[Any] = []
        self._names: re.Pattern[str] | None = None
        self._paths: frozenset[str] = frozenset()

    def set(self, variables: Any, names: Any) -> None:
        """Excludes these variables, and weights in whose names one of the patterns is found."""
        patterns = [names] if isinstance(names, str) else list(names or ())
        self._names = re.compile("|".join(patterns)) if patterns else None
        self._variables = list(variables or ())
        self._paths = frozenset()

    def restore(self, paths: Iterable[str]) -> None:
        """Excludes the weights of these paths, too."""
        self._paths = frozenset(paths)

    def excludes(self, weight: Any) -> bool:
        """Whether a weight is not decayed."""
        if any(weight is other for other in self._variables) or weight.path in self._paths:
            return True
        return self._names is not None and bool(self._names.search(weight.name))
