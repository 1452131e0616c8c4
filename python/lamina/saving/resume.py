"""Putting everything that a model was into a model that is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lamina._core import FileFormatError
from lamina._typing import Array
from lamina.saving import model_file

if TYPE_CHECKING:
    from lamina.models.sequential import Sequential


def restore_into(model: Sequential, tensors: dict[str, Array], metadata: dict[str, str]) -> None:
    """Gives `model` the weights, optimizer state, seeds and counters that `capture` kept.

    Raises:
        FileFormatError: If they are not of such a model; it is unchanged then.
    """
    model_file._check_header(metadata, (model_file._MODEL,))
    state = model_file._json(metadata, "state")
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
    model._forget_network()
    model_file._restore_state(model, state)
    for variable, value in zip(model.weights, values, strict=True):
        variable.assign(value)
    model._plan()
    model_file._restore_optimizer(model, state.get("iterations", 0), slots)
    rate = settings["config"].get("learning_rate")
    if isinstance(rate, (int, float)):
        optimizer.learning_rate = rate
