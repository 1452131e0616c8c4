"""The element types of tensors: strings that know NumPy's names for themselves."""

from __future__ import annotations

from typing import Any

import numpy as np


class DType(str):
    """The name of an element type, equal to that name, to NumPy's dtype and to NumPy's type.

    Example:
        >>> lamina.ops.zeros(3).dtype == "float32"
        True
        >>> lamina.ops.zeros(3).dtype == np.float32
        True
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):
            return str.__eq__(self, other)
        if not isinstance(other, (np.dtype, type)):
            return False
        try:
            return str.__eq__(self, np.dtype(other).name)
        except (TypeError, ValueError):  # not every class is a type of elements
            return False

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__

    @property
    def name(self) -> str:
        """The name as a plain string."""
        return str(self)

    @property
    def itemsize(self) -> int:
        """Bytes of an element."""
        return int(np.dtype(str(self)).itemsize)


# "bool" would hide Python's in modules that import it.
bool_ = DType("bool")
uint8 = DType("uint8")
int32 = DType("int32")
int64 = DType("int64")
float32 = DType("float32")
float64 = DType("float64")
ALL = (bool_, uint8, int32, int64, float32, float64)


def optional(dtype: Any, default: Any) -> Any:
    """`dtype`, or a default where it is None."""
    return default if dtype is None else dtype
