"""Models from configurations that Keras wrote."""

from __future__ import annotations

import warnings
from typing import Any

from lamina._core import FileFormatError
from lamina.registry import Registry, custom_object, shorten
from lamina.saving.keras_config import fit_arguments, from_keras

#: What `compile` got that is about how Keras runs, and not about what it computes.
_RUNNING = ("run_eagerly", "steps_per_execution", "jit_compile", "auto_scale_loss")


def build(config: dict[str, Any], training: bool = False) -> Any:
    """The model of a configuration, with freshly drawn weights.

    Args:
        config: `{"class_name": "Sequential" or "Functional", "config": ...}` as Keras writes it,
            or with the class of a model that is registered.
        training: Whether calls in graphs have the `training` that they were made with. Keras
            writes its default there, too, and heeds none of them when the model is called.

    Raises:
        FileFormatError: If it describes anything but a Sequential, a graph of layers or a
            registered class.
    """
    from lamina.models.sequential import Sequential

    if not training:
        _forget_training(config)
    if config.get("class_name") in ("Functional", "Model"):
        described = from_keras(config)["config"]
        if not isinstance(described.get("layers"), list) or "input_layers" not in described:
            raise FileFormatError(
                "A Functional, a graph of layers, must have a list of 'layers' and its "
                f"'input_layers'. Received: {shorten(described)}"
            )
        described["layers"] = [fit_arguments(layer) for layer in described["layers"]]
        graph: Any = Registry._all["layers"].find("Functional")
        return graph.from_config(described)
    if config.get("class_name") != "Sequential":
        return _of_custom_class(config)
    described = from_keras(config)["config"]
    if isinstance(described, list):  # the first versions of Keras 2
        described = {"layers": described}
    layers = described.get("layers")
    if not isinstance(layers, list):
        raise FileFormatError(
            f"A Sequential must have a list of layers. Received: {shorten(layers)}"
        )
    described["layers"] = [fit_arguments(layer) for layer in layers]
    return Sequential.from_config(described)


def _forget_training(config: Any) -> None:
    """Leaves out what calls of layers in graphs, at any depth, say of `training`."""
    waiting = [config]
    while waiting:
        value = waiting.pop()
        waiting += value.values() if isinstance(value, dict) else value
        calls = value.get("inbound_nodes") if isinstance(value, dict) else None
        for call in calls if isinstance(calls, list) else ():
            if isinstance(call, dict) and isinstance(call.get("kwargs"), dict):
                call["kwargs"].pop("training", None)
        waiting = [item for item in waiting if isinstance(item, (dict, list))]


def _of_custom_class(config: dict[str, Any]) -> Any:
    """The model of a class that is registered or in `custom_objects`, built if it was."""
    converted = from_keras(config)
    cls = custom_object(converted["class_name"])
    base: Any = Registry._all["layers"].find("Functional")
    if not (isinstance(cls, type) and issubclass(cls, base)):
        raise FileFormatError(
            "The file's model must be a Sequential, a graph of layers, or of a class of models in "
            f"`custom_objects`. Received: {shorten(config.get('class_name'))}"
        )
    described = converted["config"]
    if isinstance(described.get("layers"), list):  # a subclass of one of the two
        described["layers"] = [fit_arguments(layer) for layer in described["layers"]]
    model: Any = cls.from_config(described)  # type: ignore[attr-defined]
    shapes = config.get("build_config")
    if not model.built and isinstance(shapes, dict) and shapes:
        model.build_from_config(from_keras(shapes))
    return model


def compile_built(model: Any, config: Any) -> None:
    """Compiles a model with what Keras' `compile` got.

    Settings of how Keras runs (`jit_compile`, `steps_per_execution`, `run_eagerly`) are left out:
    they do not change what is computed.

    Raises:
        FileFormatError: If the configuration is malformed or names what lamina does not have.
    """
    if not type(model).compile.__module__.startswith("lamina."):
        if type(model).compile_from_config.__module__.startswith("lamina."):
            warn_of_custom_compile()
        else:
            model.compile_from_config(from_keras(config))
        return
    if not isinstance(config, dict) or "optimizer" not in config:
        raise FileFormatError(
            f"The file's compile configuration must have an optimizer. Received: {shorten(config)}"
        )
    settings = fit_arguments(from_keras(config))
    arguments = {
        key: _single(key, value)
        for key, value in settings.items()
        if key not in _RUNNING and value is not None
    }
    model.compile(**arguments)


def warn_of_custom_compile() -> None:
    """Says that a model of a file is not compiled, because only its class knows how."""
    warnings.warn(
        "`compile()` was not called as part of model loading because the model's `compile()` "
        "method is custom. All subclassed Models that have `compile()` overridden should also "
        "override `get_compile_config()` and `compile_from_config(config)`. Alternatively, you can "
        "call `compile()` manually after loading.",
        stacklevel=6,
    )


def _single(key: str, value: Any) -> Any:
    """Takes the one output's entry out of lists and dictionaries with one for each output."""
    if key in ("loss", "loss_weights") and isinstance(value, list) and len(value) == 1:
        return value[0]
    if key in ("metrics", "weighted_metrics"):
        if isinstance(value, dict) and len(value) == 1 and "class_name" not in value:
            (value,) = value.values()
        if isinstance(value, list) and len(value) == 1 and isinstance(value[0], list):
            return value[0]
    return value
