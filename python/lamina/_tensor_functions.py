"""The core's functions of tensors, as a type checker may see them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, cast

import lamina._core as _core
from lamina._core import Tensor


class Functions(Protocol):
    """Every attribute is a function of positional arguments (bindings/tensor_functions.cpp)."""

    def __getattr__(self, name: str) -> Callable[..., Tensor]: ...

    def nonzero(self, x: Any) -> list[Tensor]:
        """One tensor of positions for each axis."""
        ...

    def shares_memory(self, x: Tensor, y: Tensor) -> bool:
        """Whether two tensors lie in the same storage."""
        ...


functions = cast(Functions, _core.ops)
