"""Differentiation: tapes, variables, gradients of functions (docs/autograd.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina._lazy import late_names
from lamina.variable import Variable

if TYPE_CHECKING:
    from lamina.autograd.functional import custom_gradient, grad, stop_gradient, value_and_grad
    from lamina.autograd.gradient_tape import GradientTape, UnconnectedGradients

__all__ = [
    "GradientTape",
    "UnconnectedGradients",
    "Variable",
    "custom_gradient",
    "grad",
    "stop_gradient",
    "value_and_grad",
]

_LATE = {
    "GradientTape": "lamina.autograd.gradient_tape",
    "UnconnectedGradients": "lamina.autograd.gradient_tape",
    "custom_gradient": "lamina.autograd.functional",
    "grad": "lamina.autograd.functional",
    "stop_gradient": "lamina.autograd.functional",
    "value_and_grad": "lamina.autograd.functional",
}
__getattr__ = late_names(__name__, _LATE)


def __dir__() -> list[str]:
    return sorted(__all__)
