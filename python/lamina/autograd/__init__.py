"""Differentiation: tapes, variables, gradients of functions (docs/autograd.md)."""

from lamina.autograd.functional import custom_gradient, grad, stop_gradient, value_and_grad
from lamina.autograd.gradient_tape import GradientTape, UnconnectedGradients
from lamina.autograd.variable import Variable

__all__ = [
    "GradientTape",
    "UnconnectedGradients",
    "Variable",
    "custom_gradient",
    "grad",
    "stop_gradient",
    "value_and_grad",
]
