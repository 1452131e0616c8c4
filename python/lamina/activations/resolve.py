"""From what users pass as `activation=` to the function, and to what the core needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lamina._core as _core
from lamina._checks import unknown_name
from lamina._typing import Array
from lamina.activations import functions
from lamina.activations import specification as spec

ActivationFunction = Callable[..., Array]

_FUNCTIONS: dict[str, ActivationFunction] = {
    name: getattr(functions, name)
    for name in (
        "linear",
        "relu",
        "relu6",
        "leaky_relu",
        "elu",
        "selu",
        "celu",
        "sigmoid",
        "hard_sigmoid",
        "tanh",
        "softplus",
        "softsign",
        "silu",
        "swish",
        "gelu",
        "gelu_tanh",
        "mish",
        "exponential",
        "threshold",
        "sparse_plus",
        "sparse_sigmoid",
        "squareplus",
        "hard_tanh",
        "hard_silu",
        "hard_swish",
        "hard_shrink",
        "soft_shrink",
        "tanh_shrink",
        "log_sigmoid",
        "glu",
        "softmax",
        "log_softmax",
        "sparsemax",
    )
}
_NAMES: dict[ActivationFunction, str] = {
    function: name for name, function in _FUNCTIONS.items() if name not in ("swish", "hard_swish")
}


def get(identifier: Any) -> ActivationFunction:
    """The activation function that `identifier` names.

    Args:
        identifier: None (linear), a name, one of this module's functions, an activation layer
            such as `LeakyReLU(0.1)`, or a custom function made of functions of `lamina.ops`.

    Raises:
        ValueError: For an unknown name.
        TypeError: For anything else.

    Example:
        >>> lamina.activations.get("relu") is lamina.activations.relu
        True
    """
    if identifier is None:
        return functions.linear
    if isinstance(identifier, str):
        if identifier not in _FUNCTIONS:
            from lamina.registry import custom_object

            own = custom_object(identifier)
            if callable(own):
                return own() if isinstance(own, type) else own  # type: ignore[no-any-return]
            raise unknown_name("activation", identifier, _FUNCTIONS)
        identifier = _FUNCTIONS[identifier]
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if identifier is functions.threshold:
        raise ValueError(
            "threshold needs a threshold and a value below it, which a layer cannot give: use "
            "`ReLU(threshold=...)`. Received: activation=threshold"
        )
    if identifier is functions.glu:
        raise NotImplementedError(
            "glu halves its input, so it is no layer's activation: call it on arrays. "
            "Received: activation=glu"
        )
    if callable(identifier):
        function: ActivationFunction = identifier
        return function
    raise TypeError(
        "An activation is a name, a function of lamina.activations or None. "
        f"Received: activation={identifier!r}"
    )


def is_native(function: Any) -> bool:
    """Whether the core computes it: None, and whatever is not custom."""
    return function is None or _is_known(function) or hasattr(function, "activation_specification")


def _is_known(function: Any) -> bool:
    try:
        return function in _NAMES
    except TypeError:  # an object that cannot be hashed
        return False


def specification(function: ActivationFunction) -> _core.Activation:
    """What the core needs to compute a function that `get` returned.

    Raises:
        NotImplementedError: For a custom function.
    """
    own = getattr(function, "activation_specification", None)
    if own is not None:
        result: _core.Activation = own()
        return result
    if not _is_known(function):
        raise NotImplementedError(
            "Custom activation functions are for layers that are in a model themselves, not "
            f"inside of Residual or SpectralNormalization. Received: activation={function!r}"
        )
    name = _NAMES[function]
    if name == "leaky_relu":
        return spec.leaky_relu(name, 0.2)
    if name == "elu":
        return spec.elu(name, 1.0)
    if name == "celu":
        return spec.celu(name, 1.0)
    if name == "squareplus":
        return spec.squareplus(name, 4.0)
    if name in ("hard_shrink", "soft_shrink"):
        return spec.shrink(name, 0.5)
    return spec.plain(name)


def serialize(activation: ActivationFunction) -> Any:
    """The name of an activation function, or the configuration of an activation layer."""
    if _is_known(activation):
        return _NAMES[activation]
    from lamina.registry import serialize_function, serialize_keras_object

    if not hasattr(activation, "get_config"):
        return serialize_function(activation)

    return serialize_keras_object(activation)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> ActivationFunction:
    """The activation function of what `serialize` returned."""
    if isinstance(config, dict):
        if config.get("class_name") == "function":
            return get(config.get("config"))
        from lamina.registry import deserialize_keras_object

        return get(deserialize_keras_object(config, custom_objects))
    return get(config)
