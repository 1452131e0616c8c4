"""Optimizers."""

from lamina.optimizers.adam import Adam
from lamina.optimizers.optimizer import Optimizer
from lamina.optimizers.resolve import deserialize, get, serialize
from lamina.optimizers.sgd import SGD

__all__ = ["SGD", "Adam", "Optimizer", "deserialize", "get", "serialize"]
