"""What layers, blocks and models have as parts of others: their owners."""

from __future__ import annotations

import weakref
from typing import Any


class Owned:
    """A part that several models may have in common."""

    _owners: list[weakref.ref[Any]]

    @property
    def _owner(self) -> weakref.ref[Any] | None:
        """The youngest owner."""
        return self._owners[-1] if self._living_owners() else None

    @_owner.setter
    def _owner(self, owner: weakref.ref[Any] | None) -> None:
        """One owner more; None: none is left."""
        living = [] if owner is None else [r for r in self._owners if r() is not None]
        self._owners = living if owner is None else [*living, owner]

    def _living_owners(self) -> list[Any]:
        """The models and blocks that it is part of."""
        if not self._owners:
            return []
        self._owners = [reference for reference in self._owners if reference() is not None]
        return [owner for owner in (reference() for reference in self._owners) if owner is not None]

    def _leave(self, owner: Any) -> None:
        """It is no part of `owner` any more."""
        self._owners = [r for r in self._owners if r() is not None and r() is not owner]
