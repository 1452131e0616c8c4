"""Layers of models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina._lazy import late_names
from lamina.layers.activations import ELU, Activation, LeakyReLU, ReLU, Softmax
from lamina.layers.dense import Dense
from lamina.layers.dropout import Dropout, SpatialDropout1D
from lamina.layers.flatten import Flatten
from lamina.layers.input_layer import Input, InputLayer
from lamina.layers.layer import LAYERS, Layer
from lamina.layers.noise import AlphaDropout, GaussianDropout, GaussianNoise
from lamina.layers.preprocessing import Normalization, Rescaling
from lamina.layers.resolve import deserialize, serialize

if TYPE_CHECKING:
    from lamina.layers.activity_regularization import ActivityRegularization
    from lamina.layers.batch_normalization import BatchNormalization
    from lamina.layers.einsum_dense import EinsumDense
    from lamina.layers.embedding import Embedding
    from lamina.layers.input_spec import InputSpec
    from lamina.layers.joining import Concatenate, Dot, concatenate, dot
    from lamina.layers.lambda_layer import Lambda
    from lamina.layers.layer_normalization import GroupNormalization, LayerNormalization
    from lamina.layers.merging import (
        Add,
        Average,
        Maximum,
        Minimum,
        Multiply,
        Subtract,
        add,
        average,
        maximum,
        minimum,
        multiply,
        subtract,
    )
    from lamina.layers.prelu import PReLU
    from lamina.layers.preprocessing import (
        CategoryEncoding,
        Discretization,
        HashedCrossing,
        Hashing,
        IntegerLookup,
        StringLookup,
    )
    from lamina.layers.reshaping import Identity, Permute, RepeatVector, Reshape
    from lamina.layers.residual import Residual
    from lamina.layers.rms_normalization import RMSNormalization, UnitNormalization
    from lamina.layers.spectral_normalization import SpectralNormalization

__all__ = [
    "ELU",
    "Activation",
    "ActivityRegularization",
    "Add",
    "AlphaDropout",
    "Average",
    "BatchNormalization",
    "CategoryEncoding",
    "Concatenate",
    "Dense",
    "Discretization",
    "Dot",
    "Dropout",
    "EinsumDense",
    "Embedding",
    "Flatten",
    "GaussianDropout",
    "GaussianNoise",
    "GroupNormalization",
    "HashedCrossing",
    "Hashing",
    "Identity",
    "Input",
    "InputLayer",
    "InputSpec",
    "IntegerLookup",
    "Lambda",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "Maximum",
    "Minimum",
    "Multiply",
    "Normalization",
    "PReLU",
    "Permute",
    "RMSNormalization",
    "ReLU",
    "RepeatVector",
    "Rescaling",
    "Reshape",
    "Residual",
    "Softmax",
    "SpatialDropout1D",
    "SpectralNormalization",
    "StringLookup",
    "Subtract",
    "UnitNormalization",
    "add",
    "average",
    "concatenate",
    "deserialize",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "serialize",
    "subtract",
]

_LATE = {
    "ActivityRegularization": "lamina.layers.activity_regularization",
    "BatchNormalization": "lamina.layers.batch_normalization",
    "EinsumDense": "lamina.layers.einsum_dense",
    "Embedding": "lamina.layers.embedding",
    "Lambda": "lamina.layers.lambda_layer",
    "GroupNormalization": "lamina.layers.layer_normalization",
    "LayerNormalization": "lamina.layers.layer_normalization",
    "PReLU": "lamina.layers.prelu",
    "Residual": "lamina.layers.residual",
    "Identity": "lamina.layers.reshaping",
    "Permute": "lamina.layers.reshaping",
    "RepeatVector": "lamina.layers.reshaping",
    "Reshape": "lamina.layers.reshaping",
    "RMSNormalization": "lamina.layers.rms_normalization",
    "UnitNormalization": "lamina.layers.rms_normalization",
    "SpectralNormalization": "lamina.layers.spectral_normalization",
}
_LATE |= dict.fromkeys(
    ("Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract"), "lamina.layers.merging"
)
_LATE |= dict.fromkeys(("Concatenate", "Dot"), "lamina.layers.joining")
for _name, _module in _LATE.items():
    LAYERS.register_lazy(_module, _name)
_LATE |= dict.fromkeys(
    ("add", "average", "maximum", "minimum", "multiply", "subtract"), "lamina.layers.merging"
)
_LATE |= dict.fromkeys(("concatenate", "dot"), "lamina.layers.joining")
_LATE["InputSpec"] = "lamina.layers.input_spec"
_LATE |= dict.fromkeys(
    (
        "CategoryEncoding",
        "Discretization",
        "HashedCrossing",
        "Hashing",
        "IntegerLookup",
        "StringLookup",
    ),
    "lamina.layers.preprocessing",
)
__getattr__ = late_names(__name__, _LATE)


def __dir__() -> list[str]:
    return sorted(__all__)
