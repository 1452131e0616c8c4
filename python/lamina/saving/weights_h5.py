"""Weights and optimizer state in the order and under the paths of Keras' `.weights.h5`.

A layer's variables are `<path>/vars/<i>`, where `saving.paths` says which path it has. The
optimizer's are `optimizer/vars/<i>`: iterations, learning rate, then its slots.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina._core import FileFormatError
from lamina._typing import Array
from lamina.saving import optimizer_h5
from lamina.saving.differences import differences
from lamina.saving.hdf5 import Hdf5File, Tensor, import_h5py
from lamina.saving.paths import places

if TYPE_CHECKING:
    from lamina.variable import Variable

#: What Keras keeps beside the weights and lamina keeps elsewhere.
_NOT_WEIGHTS = ("seed_generator", "optimizer")
#: What Keras 2 keeps beside the layers.
_NO_LAYERS = ("metrics", "_metrics", "_compile_metrics", "_loss_tracker")
#: Where TensorFlow 2.12 and 2.13 have the layers.
_OLD_LAYERS = "_layer_checkpoint_dependencies"


def groups(model: Any, whole: bool = False) -> Iterator[tuple[str, str, list[Array]]]:
    """The groups of a file: path, name of the layer or optimizer, and values of each.

    Args:
        model: The model.
        whole: With the optimizer's slots even before its first step.
    """
    for place in places(model) if model.built else ():
        path = f"{place.path}/vars" if place.path else "vars"
        yield (
            path,
            place.name,
            [v.numpy().astype("int32") if _is_count(v) else v.numpy() for v in place.variables],
        )
    yield from optimizer_h5.groups(model, whole)


def save(model: Any, whole: bool = False) -> bytes:
    """The content of a `.weights.h5` file: weights, and the optimizer's state if compiled.

    Args:
        model: The model.
        whole: With the optimizer's slots even before its first step: a loaded model of Keras has
            them, a compiled one has not.
    """
    h5py = import_h5py()
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        for path, name, values in groups(model, whole):
            group = file.create_group(path)
            group.attrs["name"] = name
            for index, value in enumerate(values):
                group[str(index)] = value
    return content.getvalue()


def load(model: Any, file: Hdf5File, skip_mismatch: bool = False) -> None:
    """Sets all weights of a built model from a file, or none.

    Args:
        model: The model.
        file: The file.
        skip_mismatch: Leave layers as they are whose weights do not fit, with a warning that
            lists them, in place of an error.

    Raises:
        FileFormatError: If the file is damaged or does not fit; the message lists what differs.
    """
    set_optimizer = optimizer_h5.prepare_for_weights(model, lambda: file.tensors("optimizer/vars"))
    old = not file.has_group("layers") and file.has_group(_OLD_LAYERS)
    expected = [
        (place.key(index), variable)
        for place in places(model)
        for index, variable in enumerate(place.variables)
    ]
    tops = {key.partition("/")[0] for key, _ in expected}
    there = {
        path.replace(_OLD_LAYERS, "layers", 1) if old else path: tensor
        for path, tensor in file.tensors("/").items()
        if not any(step in _NOT_WEIGHTS for step in path.split("/"))
        and (path.partition("/")[0] not in _NO_LAYERS or path.partition("/")[0] in tops)
    }
    assign(expected, there, skip_mismatch)
    set_optimizer()


def assign(
    expected: list[tuple[str, Variable]],
    there: dict[str, Tensor],
    skip_mismatch: bool = False,
    exact: bool = False,
) -> None:
    """Sets variables from what is there under their keys: all of them, or none.

    Floating-point numbers are converted to the model's type unless `exact`.

    Raises:
        FileFormatError: If anything is missing, too many, or of another shape or type.
    """
    wrong: dict[str, str] = {}
    for key, variable in expected:
        tensor = there.get(key)
        wanted = f"the model's '{variable.path}' is {variable.dtype} of shape {variable.shape}"
        if tensor is None:
            wrong[key] = f"{wanted}, and the file has nothing"
        elif tensor.shape != tuple(variable.shape) or not _fits(tensor, variable, exact):
            wrong[key] = f"{wanted}, and the file's is {tensor.describe()}"
    for key in sorted(set(there) - {key for key, _ in expected}):
        wrong[key] = f"the file's is {there[key].describe()}, and the model has nothing"
    if wrong and not skip_mismatch:
        raise FileFormatError(
            "The file does not hold the weights of this model. Received: " + differences(wrong)
        )
    skipped = {_layer_of(key) for key in wrong}
    values = [
        (variable, there[key].read()) for key, variable in expected if _layer_of(key) not in skipped
    ]
    if wrong:
        warnings.warn(
            "Weights of these layers do not fit and were left as they are: " + differences(wrong),
            stacklevel=5,
        )
    for variable, value in values:
        variable.assign(value)


def _fits(tensor: Tensor, variable: Variable, exact: bool) -> bool:
    if exact:
        return bool(tensor.dtype == variable.dtype)
    return tensor.floating or np.dtype(variable.dtype).kind != "f" or _is_count(variable)


def _is_count(variable: Variable) -> bool:
    """Whether it is how many samples a Normalization was adapted to: an integer in Keras."""
    return variable.name == "count" and variable.shape == ()


def _layer_of(key: str) -> str:
    return key.rpartition("/")[0]


def scalar(value: float) -> Tensor:
    """A number that is not in the file, as if it were."""
    return tensor(np.asarray(value, "float64"))


def tensor(value: Array) -> Tensor:
    """An array as something found in a file."""
    return Tensor(value.shape, value.dtype, lambda: value)
