"""Keras' `backend` names that a dense network's code uses."""

from __future__ import annotations

from lamina.config import backend, epsilon, floatx, set_epsilon, set_floatx, standardize_dtype
from lamina.utils.naming import clear_session

__all__ = [
    "backend",
    "clear_session",
    "epsilon",
    "floatx",
    "set_epsilon",
    "set_floatx",
    "standardize_dtype",
]


def __dir__() -> list[str]:
    return sorted(__all__)
