"""Putting everything that a model was into a model that is there."""

from __future__ import annotations

from typing import Any

from lamina._core import FileFormatError
from lamina._typing import Array
from lamina.saving import model_file, structure


def restore_into(model: Any, tensors: dict[str, Array], metadata: dict[str, str]) -> None:
    """Gives `model` the weights, optimizer state, seeds and counters that `capture` kept.

    Raises:
        FileFormatError: If they are not of such a model; it is unchanged then.
    """
    model_file._check_header(metadata, (model_file._MODEL,))
    state = model_file._json(metadata, "state")
    # Automatic names count on within a process: weights are matched by the model's structure.
    tensors = structure.renamed(tensors, structure.names_in_model(model, tensors, metadata))
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
