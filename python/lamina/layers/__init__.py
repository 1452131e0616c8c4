"""Layers of a `Sequential` model."""

from lamina.layers.activations import ELU, Activation, LeakyReLU, ReLU, Softmax
from lamina.layers.dense import Dense
from lamina.layers.dropout import Dropout
from lamina.layers.flatten import Flatten
from lamina.layers.input_layer import Input, InputLayer
from lamina.layers.layer import Layer
from lamina.layers.resolve import deserialize, serialize

__all__ = [
    "ELU",
    "Activation",
    "Dense",
    "Dropout",
    "Flatten",
    "Input",
    "InputLayer",
    "Layer",
    "LeakyReLU",
    "ReLU",
    "Softmax",
    "deserialize",
    "serialize",
]
