"""Layers that prepare data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina._lazy import late_names
from lamina.layers.layer import LAYERS
from lamina.layers.preprocessing.normalization import Normalization
from lamina.layers.preprocessing.rescaling import Rescaling

if TYPE_CHECKING:
    from lamina.layers.preprocessing.encoding import CategoryEncoding, Discretization
    from lamina.layers.preprocessing.hashing import HashedCrossing, Hashing
    from lamina.layers.preprocessing.integer_lookup import IntegerLookup
    from lamina.layers.preprocessing.string_lookup import StringLookup

__all__ = [
    "CategoryEncoding",
    "Discretization",
    "HashedCrossing",
    "Hashing",
    "IntegerLookup",
    "Normalization",
    "Rescaling",
    "StringLookup",
]

# Few models use one of these: each is loaded when first used.
_LATE = {
    "CategoryEncoding": "lamina.layers.preprocessing.encoding",
    "Discretization": "lamina.layers.preprocessing.encoding",
    "HashedCrossing": "lamina.layers.preprocessing.hashing",
    "Hashing": "lamina.layers.preprocessing.hashing",
    "IntegerLookup": "lamina.layers.preprocessing.integer_lookup",
    "StringLookup": "lamina.layers.preprocessing.string_lookup",
}
for _name, _module in _LATE.items():
    LAYERS.register_lazy(_module, _name)
__getattr__ = late_names(__name__, _LATE)


def __dir__() -> list[str]:
    return sorted(__all__)
