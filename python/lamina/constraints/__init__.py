"""What holds for weights after each step of training."""

from lamina.constraints.constraint import Constraint, MaxNorm, MinMaxNorm, NonNeg, UnitNorm
from lamina.constraints.resolve import deserialize, get, serialize

max_norm = MaxNorm
min_max_norm = MinMaxNorm
non_neg = NonNeg
unit_norm = UnitNorm

__all__ = [
    "Constraint",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "UnitNorm",
    "deserialize",
    "get",
    "max_norm",
    "min_max_norm",
    "non_neg",
    "serialize",
    "unit_norm",
]


def __dir__() -> list[str]:
    return sorted(__all__)
