"""Weights and optimizer state in the order and under the paths of Keras' `.weights.h5`.

A layer's variables are `layers/<class>[_n]/vars/<i>`: the class in snake case, counted in the
order of the layers, whatever the layer is called; layers inside of layers come below. The
optimizer's are `optimizer/vars/<i>`: iterations, learning rate, then its slots.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina._core import FileFormatError
from lamina._names import snake_case
from lamina._typing import Array
from lamina.layers.spectral_normalization import SpectralNormalization
from lamina.saving import optimizer_h5
from lamina.saving.differences import differences
from lamina.saving.hdf5 import Hdf5File, Tensor, import_h5py

if TYPE_CHECKING:
    from lamina.variable import Variable

#: Attributes that hold a layer inside of another one, as Keras calls them.
_INNER = ("activation", "layer")
#: What Keras keeps beside the weights and lamina keeps elsewhere.
_NOT_WEIGHTS = ("seed_generator", "optimizer")


class Place:
    """A layer in the tree of a file.

    Args:
        path: Its path: "layers/dense_1".
        name: The layer's own name.
        variables: The variables that are its own, in order.
    """

    def __init__(self, path: str, name: str, variables: list[Variable]) -> None:
        self.path = path
        self.name = name
        self.variables = variables

    def key(self, index: int) -> str:
        """The path of one of its variables."""
        return f"{self.path}/vars/{index}" if self.path else f"vars/{index}"


def places(model: Any, path: str = "") -> Iterator[Place]:
    """The places of a model or layer and of all layers inside of it."""
    inner: list[tuple[str, Any]] = []
    children = getattr(model, "layers", None)
    if isinstance(children, (list, tuple)):
        inner += named(children, f"{path}/layers" if path else "layers")
    for attribute in _INNER:
        child = getattr(model, attribute, None)
        if hasattr(child, "weights") and hasattr(child, "name"):
            inner.append((f"{path}/{attribute}", child))
    theirs = {id(v) for _, child in inner for v in child.weights}
    own = [v for v in model.weights if id(v) not in theirs]
    if isinstance(model, SpectralNormalization) and model.built:
        own = [model.weights[0], *own]  # Keras has the inner layer's kernel in both places
    yield Place(path, model.name, own)
    for child_path, child in inner:
        yield from places(child, child_path)


def named(layers: Iterable[Any], path: str) -> list[tuple[str, Any]]:
    """The paths of layers in a file: their classes, counted in their order."""
    counts: dict[str, int] = {}
    result = []
    for layer in layers:
        name = snake_case(getattr(layer, "_file_class_name", None) or type(layer).__name__)
        count = counts.get(name, 0)
        counts[name] = count + 1
        result.append((f"{path}/{name}_{count}" if count else f"{path}/{name}", layer))
    return result


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
    top = "layers"
    if not file.has_group(top) and file.has_group("_layer_checkpoint_dependencies"):
        top = "_layer_checkpoint_dependencies"  # TensorFlow 2.12 and 2.13
    there = {f"layers/{path}": tensor for path, tensor in file.tensors(top).items()}
    there.update({f"vars/{path}": tensor for path, tensor in file.tensors("vars").items()})
    there = {
        path: tensor
        for path, tensor in there.items()
        if not any(step in _NOT_WEIGHTS for step in path.split("/"))
    }
    expected = [
        (place.key(index), variable)
        for place in places(model)
        for index, variable in enumerate(place.variables)
    ]
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
