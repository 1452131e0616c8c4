"""lamina: dense networks behind the Keras API you know, with the same bits on every machine.

Example:
    >>> import lamina as keras
    >>> model = keras.Sequential([
    ...     keras.Input(shape=(64,)),
    ...     keras.layers.Dense(32, activation="relu"),
    ...     keras.layers.Dense(10, activation="softmax"),
    ... ])
    >>> model.compile(optimizer="adam", loss="sparse_categorical_crossentropy",
    ...               metrics=["accuracy"])
    >>> model.count_params()
    2410
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina import (
    activations,
    autograd,
    backend,
    callbacks,
    config,
    constraints,
    data,
    initializers,
    layers,
    losses,
    metrics,
    models,
    optimizers,
    random,
    regularizers,
    saving,
    utils,
)
from lamina._core import __version__, get_num_threads, numerics_version, set_num_threads
from lamina._device import device
from lamina._lazy import late_names
from lamina.autograd import Variable
from lamina.graph import KerasTensor
from lamina.initializers import Initializer
from lamina.layers import Input, InputLayer, Layer
from lamina.losses import Loss
from lamina.metrics import Metric
from lamina.models import Model, Sequential
from lamina.optimizers import Optimizer
from lamina.saving import FileFormatError
from lamina.tensor import Tensor

if TYPE_CHECKING:
    from lamina import ops
    from lamina.autograd import (
        GradientTape,
        UnconnectedGradients,
        custom_gradient,
        grad,
        value_and_grad,
    )
    from lamina.ops import convert_to_tensor, stop_gradient

__all__ = [
    "FileFormatError",
    "GradientTape",
    "Initializer",
    "Input",
    "InputLayer",
    "KerasTensor",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "Optimizer",
    "Sequential",
    "Tensor",
    "UnconnectedGradients",
    "Variable",
    "__version__",
    "activations",
    "autograd",
    "backend",
    "callbacks",
    "config",
    "constraints",
    "convert_to_tensor",
    "custom_gradient",
    "data",
    "device",
    "get_num_threads",
    "grad",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "numerics_version",
    "ops",
    "optimizers",
    "random",
    "regularizers",
    "saving",
    "set_num_threads",
    "stop_gradient",
    "utils",
    "value_and_grad",
]

_LATE = {
    "GradientTape": "lamina.autograd",
    "UnconnectedGradients": "lamina.autograd",
    "convert_to_tensor": "lamina.ops",
    "custom_gradient": "lamina.autograd",
    "grad": "lamina.autograd",
    "ops": "lamina.ops",
    "stop_gradient": "lamina.ops",
    "value_and_grad": "lamina.autograd",
}
__getattr__ = late_names(__name__, _LATE)


def __dir__() -> list[str]:
    return sorted(__all__)
