"""Putting everything that a model was into a model that is there."""

from __future__ import annotations

from typing import Any

from lamina._core import FileFormatError
from lamina._typing import Array
from lamina.saving import model_file


def restore_into(model: Any, tensors: dict[str, Array], metadata: dict[str, str]) -> None:
    """Gives `model` the weights, optimizer state, seeds and counters that `capture` kept.

    Raises:
        FileFormatError: If they are not of such a model; it is unchanged then.
    """
    model_file._check_header(metadata, (model_file._MODEL,))
    state = model_file._json(metadata, "state")
    # Default names count on within a process: layers are matched by their place.
    names = _renamed(model, model_file._json(metadata, "config"))
    tensors = {_rename(key, names): value for key, value in tensors.items()}
    seeds = state.get("layer_seeds")
    if isinstance(seeds, dict):
        state["layer_seeds"] = {names.get(name, name): seed for name, seed in seeds.items()}
    weights = {key: value for key, value in tensors.items() if key.startswith("model/")}
    slots = {key: value for key, value in tensors.items() if key.startswith("optimizer/")}
    values = model_file._matched(weights, {model_file._key(v): v for v in model.weights})
    settings = model_file._json(metadata, "compile")["optimizer"]
    optimizer: Any = model.optimizer
    if settings["class_name"] != type(optimizer).__name__:
        raise FileFormatError(
            f"The file's optimizer is {settings['class_name']}, the model's is "
            f"{type(optimizer).__name__}"
        )
    model._trainer.release_engine()
    model_file._restore_state(model, state)
    for variable, value in zip(model.weights, values, strict=True):
        variable.assign(value)
    model._trainer.ready()
    model_file._restore_optimizer(model, state.get("iterations", 0), slots)
    inner = settings["config"].get("inner_optimizer", settings)  # of one that scales the loss
    rate = inner["config"].get("learning_rate")
    if isinstance(rate, (int, float)):
        optimizer.learning_rate = rate


def _renamed(model: Any, config: dict[str, Any]) -> dict[str, str]:
    """The names in the file to those of the model's layers at the same places."""
    layers = [
        layer["config"]["name"]
        for layer in config["config"].get("layers", ())
        if layer["class_name"] != "InputLayer"
    ]
    if len(layers) != len(model.layers):
        return {}
    return dict(zip(layers, (layer.name for layer in model.layers), strict=True))


def _rename(key: str, names: dict[str, str]) -> str:
    kind, *parts = key.split("/")
    place = {"model": 0, "optimizer": 1}.get(kind)
    if place is not None and place < len(parts):
        parts[place] = names.get(parts[place], parts[place])
    return "/".join([kind, *parts])
