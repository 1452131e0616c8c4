"""Whole models in HDF5, as Keras 2 and 3 write them to `.h5`: read only.

The configuration is the attribute `model_config`, what `compile` got is `training_config`, the
weights are in `model_weights/<layer>` in the order of the attribute `weight_names`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lamina._core import FileFormatError
from lamina.registry import shorten
from lamina.saving import optimizer_h5, weights_h5
from lamina.saving.hdf5 import Hdf5File, Tensor
from lamina.saving.keras_config import parse_json
from lamina.saving.keras_model import build, compile_built

if TYPE_CHECKING:
    from lamina.variable import Variable


def is_model(file: Hdf5File) -> bool:
    """Whether a file holds a whole model."""
    return file.text("/", "model_config") is not None


def load(file: Hdf5File, compile: bool) -> Any:
    """The model of a file.

    Raises:
        FileFormatError: If the file is damaged, or holds what lamina does not have.
    """
    text = file.text("/", "model_config")
    if text is None:
        raise FileFormatError("The file holds no model: attribute 'model_config' is missing")
    model = build(parse_json(text, "model_config"))
    layers = _layers(file)
    if model.built:
        load_weights(model, file)
    elif any(layers.values()):
        raise FileFormatError("The file has weights, but its configuration has no input shape")
    training = file.text("/", "training_config") if compile else None
    if training is not None:
        config = parse_json(training, "training_config")
        optimizer = config.pop("optimizer_config", None)
        if isinstance(optimizer, dict) and isinstance(optimizer.get("class_name"), str):
            # Keras 2 has its own optimizers in the package "Custom".
            name = optimizer["class_name"].removeprefix("Custom>")
            optimizer = {**optimizer, "class_name": name}
        config.pop("sample_weight_mode", None)
        compile_built(model, {**config, "optimizer": optimizer})
        optimizer_h5.load(model, _optimizer(model, file))
    return model


def load_weights(
    model: Any, file: Hdf5File, skip_mismatch: bool = False, by_name: bool = False
) -> None:
    """Sets all weights of a built model from a file of a model or of weights, or none.

    Layers are taken in their order, or with `by_name` by their names; then layers that only
    one side has are left alone.

    Raises:
        FileFormatError: If the file is damaged or does not fit; the message lists what differs.
    """
    stored = _layers(file)
    mine = [(layer.name, layer.weights) for layer in model.layers]
    pairs: list[tuple[str, list[Variable], list[Tensor]]]
    if by_name:
        pairs = [(name, own, stored[name]) for name, own in mine if name in stored]
    else:
        with_weights = [(name, own) for name, own in mine if own]
        theirs = [(name, tensors) for name, tensors in stored.items() if tensors]
        if len(with_weights) != len(theirs):
            raise FileFormatError(
                "The file does not hold the weights of this model. "
                f"Received: layers {shorten([name for name, _ in theirs])} for layers "
                f"{shorten([name for name, _ in with_weights])}"
            )
        pairs = [
            (name, own, tensors)
            for (name, own), (_, tensors) in zip(with_weights, theirs, strict=True)
        ]
    expected = [(f"{n}/{i}", v) for n, own, _ in pairs for i, v in enumerate(own)]
    there = {f"{n}/{i}": t for n, _, tensors in pairs for i, t in enumerate(tensors)}
    weights_h5.assign(expected, there, skip_mismatch)


def _layers(file: Hdf5File) -> dict[str, list[Tensor]]:
    """The weights of each layer of a file, in order."""
    top = "model_weights" if file.has_group("model_weights") else "/"
    result: dict[str, list[Tensor]] = {}
    for layer in file.names(top, "layer_names"):
        if layer in result or not file.has_group(f"{top}/{layer}"):
            raise FileFormatError(f"A layer is there twice or missing. Received: {shorten(layer)}")
        group = f"{top}/{layer}"
        result[layer] = [file.tensor(group, name) for name in file.names(group, "weight_names")]
    return result


def _optimizer(model: Any, file: Hdf5File) -> dict[str, Tensor]:
    """The optimizer's variables by their numbers in Keras 3."""
    names = file.names("optimizer_weights", "weight_names")
    if not names:
        return {}
    tensors = {name: file.tensor("optimizer_weights", name) for name in names}
    rate = [name for name in names if _last(name) in ("learning_rate", "current_learning_rate")]
    steps = [name for name in names if _last(name) in ("iteration", "iter")]
    slots = [name for name in names if name not in rate and name not in steps]
    order: list[Any] = [tensors[name] for name in steps]
    assert model.optimizer is not None
    if optimizer_h5.has_rate_variable(model):
        # Keras 2 has the rate in the configuration only.
        order.append(tensors[rate[0]] if rate else weights_h5.scalar(model.optimizer.learning_rate))
    if slots and all(_last(name) in ("m", "v", "vhat") for name in slots) and "/" in slots[0]:
        slots = _alternating(slots)
    order += [tensors[name] for name in slots]
    return {str(index): tensor for index, tensor in enumerate(order)}


def _alternating(slots: list[str]) -> list[str]:
    """The first optimizers of Keras 2 have all of m, then all of v: m and v in turn."""
    m = [name for name in slots if _last(name) == "m"]
    v = [name for name in slots if _last(name) == "v"]
    rest = [name for name in slots if _last(name) == "vhat"]
    return [name for pair in zip(m, v, strict=False) for name in pair] + rest


def _last(name: str) -> str:
    """adam/dense/kernel/m:0 gives m."""
    return name.rpartition("/")[2].partition(":")[0]
