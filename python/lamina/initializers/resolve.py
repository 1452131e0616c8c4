"""From what users pass as an initializer to the initializer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lamina._typing import Array, Config
from lamina.initializers.constant import Constant
from lamina.initializers.initializer import INITIALIZERS
from lamina.registry import custom_object_scope, serialize_keras_object

InitializerFunction = Callable[..., Array]

# Names of other libraries, in lower case.
_ELSEWHERE = {
    "xavier": "GlorotUniform",
    "xavier_uniform": "GlorotUniform",
    "xavieruniform": "GlorotUniform",
    "xavier_normal": "GlorotNormal",
    "xaviernormal": "GlorotNormal",
    "kaiming": "HeNormal",
    "kaiming_normal": "HeNormal",
    "kaimingnormal": "HeNormal",
    "kaiming_uniform": "HeUniform",
    "kaiminguniform": "HeUniform",
    "msra": "HeNormal",
}


def get(identifier: Any) -> InitializerFunction:
    """The initializer that `identifier` names.

    Args:
        identifier: A name, a configuration, an initializer or its class, an array, or a
            function of (shape, dtype).

    Raises:
        ValueError: For unknown names and malformed configurations.
        TypeError: For anything else.
    """
    if isinstance(identifier, str):
        if (same := _ELSEWHERE.get(identifier.lower())) and identifier not in INITIALIZERS.names():
            raise ValueError(
                f"Unknown initializer. Keras calls it '{same}'. Received: {identifier!r}"
            )
        created: InitializerFunction = INITIALIZERS.create({"class_name": identifier})
        return created
    if isinstance(identifier, dict):
        from_config: InitializerFunction = INITIALIZERS.create(identifier)
        return from_config
    if isinstance(identifier, (np.ndarray, np.generic)):
        return Constant(identifier)
    if isinstance(identifier, type):
        identifier = identifier()
    if callable(identifier):
        function: InitializerFunction = identifier
        return function
    raise TypeError(
        "An initializer is a name, an object of lamina.initializers or a function of "
        f"(shape, dtype). Received: {identifier!r}"
    )


def serialize(initializer: InitializerFunction) -> Any:
    """An initializer as plain data."""
    return serialize_keras_object(initializer)


def deserialize(
    config: Config, custom_objects: dict[str, Any] | None = None
) -> InitializerFunction:
    """The initializer of what `serialize` returned."""
    with custom_object_scope(custom_objects):
        return get(config)
