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
from lamina.saving.hdf5 import Hdf5File, Tensor, import_h5py
from lamina.saving.serialization import shorten

if TYPE_CHECKING:
    from lamina.models.sequential import Sequential
    from lamina.variable import Variable

#: Attributes that hold a layer inside of another one, as Keras calls them.
_INNER = ("activation", "layer")
#: What Keras keeps beside the weights and lamina keeps elsewhere.
_NOT_WEIGHTS = ("seed_generator", "optimizer")
_MOST_LISTED = 12


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
        inner += _named(children, f"{path}/layers" if path else "layers")
    for attribute in _INNER:
        child = getattr(model, attribute, None)
        if hasattr(child, "weights") and hasattr(child, "name"):
            inner.append((f"{path}/{attribute}", child))
    theirs = {id(v) for _, child in inner for v in child.weights}
    yield Place(path, model.name, [v for v in model.weights if id(v) not in theirs])
    for child_path, child in inner:
        yield from places(child, child_path)


def _named(layers: Iterable[Any], path: str) -> list[tuple[str, Any]]:
    counts: dict[str, int] = {}
    result = []
    for layer in layers:
        name = snake_case(type(layer).__name__)
        count = counts.get(name, 0)
        counts[name] = count + 1
        result.append((f"{path}/{name}_{count}" if count else f"{path}/{name}", layer))
    return result


def save(model: Sequential, whole: bool = False) -> bytes:
    """The content of a `.weights.h5` file: weights, and the optimizer's state if compiled.

    Args:
        model: The model.
        whole: With the optimizer's slots even before its first step: a loaded model of Keras has
            them, a compiled one has not.
    """
    h5py = import_h5py()
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        for place in places(model) if model.built else ():
            group = file.create_group(f"{place.path}/vars" if place.path else "vars")
            group.attrs["name"] = place.name
            for index, variable in enumerate(place.variables):
                group[str(index)] = variable.numpy()
        if model.optimizer is not None:
            group = file.create_group("optimizer/vars")
            group.attrs["name"] = model.optimizer.name
            for index, value in enumerate(_optimizer_values(model, whole)):
                group[str(index)] = value
    return content.getvalue()


def load(model: Sequential, file: Hdf5File, skip_mismatch: bool = False) -> None:
    """Sets all weights of a built model from a file, or none.

    Args:
        model: The model.
        file: The file.
        skip_mismatch: Leave layers as they are whose weights do not fit, with a warning that
            lists them, in place of an error.

    Raises:
        FileFormatError: If the file is damaged or does not fit; the message lists what differs.
    """
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
        elif tensor.shape != tuple(variable.shape) or not _fits(tensor, variable.dtype, exact):
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


def _fits(tensor: Tensor, dtype: str, exact: bool) -> bool:
    if exact:
        return bool(tensor.dtype == dtype)
    return tensor.floating or np.dtype(dtype).kind != "f"


def differences(wrong: dict[str, str]) -> str:
    """A list for a message, cut where it would flood the screen."""
    lines = [f"{shorten(key)[1:-1]}: {text}" for key, text in wrong.items()]
    if len(lines) > _MOST_LISTED:
        lines[_MOST_LISTED:] = [f"and {len(lines) - _MOST_LISTED} more"]
    return "; ".join(lines)


def _layer_of(key: str) -> str:
    return key.rpartition("/")[0]


# The optimizer.


def _slots(model: Sequential) -> list[Variable]:
    """The optimizer's variables that Keras has too: those of the weights that are trained."""
    optimizer = model.optimizer
    assert optimizer is not None
    if not model.built or model.loss is None:
        return []
    model._plan()
    frozen = tuple(
        f"{optimizer.name}/{weight.path}/" for weight in model.weights if not weight.trainable
    )
    return [slot for slot in optimizer.variables if not slot.path.startswith(frozen)]


def _optimizer_values(model: Sequential, whole: bool) -> list[Array]:
    optimizer = model.optimizer
    assert optimizer is not None
    slots = _slots(model) if whole or optimizer.iterations > 0 else []
    # The network counts batches, and `iterations` steps: several batches may make one step.
    steps = model._network.iterations if model._network is not None else 0
    values: list[Any] = [np.int32(min(steps, 2**31 - 1))]
    if has_rate_variable(model):
        values.append(np.float32(optimizer.learning_rate))
    for slot in slots:
        values += [np.int32(0)] * _placeholders_before(model, slot)
        values.append(slot.numpy())
    return [np.asarray(value) for value in values]


def _placeholders_before(model: Sequential, slot: Variable) -> int:
    """How many variables without meaning Keras has before a slot.

    Its Adafactor keeps two integers in the place of the row and column averages that weights of
    one axis do not have.
    """
    adafactor = type(model.optimizer).__name__ == "Adafactor"
    return 2 if adafactor and slot.name == "velocity" and len(slot.shape) < 2 else 0


def has_rate_variable(model: Sequential) -> bool:
    """Whether the learning rate is a variable, and not computed by a schedule."""
    assert model.optimizer is not None
    return not isinstance(model.optimizer.get_config().get("learning_rate"), dict)


def load_optimizer(model: Sequential, there: dict[str, Tensor]) -> None:
    """Sets the optimizer's state from its variables in a file, all of it or nothing.

    Args:
        model: A compiled model.
        there: The variables by their numbers.

    Raises:
        FileFormatError: If they are not those of this optimizer and model.
    """
    optimizer = model.optimizer
    assert optimizer is not None
    if not there:
        warnings.warn(
            f"The file has no state of optimizer '{optimizer.name}': it starts afresh.",
            stacklevel=5,
        )
        return
    slots = _slots(model)
    own = 2 if has_rate_variable(model) else 1
    if own == 2 and len(there) == 1 + len(slots):
        own = 1  # Keras 2 has the learning rate in the configuration only
    there = _without_placeholders(model, there)
    wrong: dict[str, str] = {}
    if len(there) > own:
        for index, slot in enumerate(slots, own):
            tensor = there.get(str(index))
            if tensor is None or tensor.shape != tuple(slot.shape) or not tensor.floating:
                found = "nothing" if tensor is None else tensor.describe()
                wrong[f"optimizer/vars/{index}"] = (
                    f"'{slot.path}' has shape {slot.shape}, and the file has {found}"
                )
    for key in sorted(set(there) - {str(i) for i in range(own + len(slots))}):
        wrong[f"optimizer/vars/{key}"] = (
            f"the file's is {there[key].describe()}, and the optimizer has nothing"
        )
    steps = there.get("0")
    if steps is None or steps.shape != () or steps.dtype.kind not in "iu":
        wrong["optimizer/vars/0"] = "the number of iterations must be one integer"
    rate = there.get("1") if own == 2 else None
    if own == 2 and (rate is None or rate.shape != () or not rate.floating):
        wrong["optimizer/vars/1"] = "the learning rate must be one number"
    if wrong:
        raise FileFormatError(
            f"The file does not hold the state of optimizer '{optimizer.name}' for this model. "
            f"Received: {differences(wrong)}"
        )
    assert steps is not None
    count = int(steps.read())
    if count < 0:
        raise FileFormatError(f"Iterations cannot be negative. Received: {count}")
    values = [there[str(index)].read() for index in range(own, len(there))]
    if rate is not None and float(rate.read()) != np.float32(optimizer.learning_rate):
        # Else the configuration's number is the same, before Keras rounded it.
        optimizer.learning_rate = float(rate.read())
    if model.built and model.loss is not None:
        network = model._plan()
        for slot, value in zip(slots, values, strict=False):
            slot.assign(value)
        network.iterations = count


def _without_placeholders(model: Sequential, there: dict[str, Tensor]) -> dict[str, Tensor]:
    """The variables of a file with new numbers, less those that `_placeholders_before` counts."""
    if type(model.optimizer).__name__ != "Adafactor":
        return there
    kept = [
        there[key]
        for key in sorted(there, key=lambda key: (len(key), key))
        if key == "0" or there[key].floating or there[key].shape != ()
    ]
    return {str(index): item for index, item in enumerate(kept)}


def scalar(value: float) -> Tensor:
    """A number that is not in the file, as if it were."""
    return tensor(np.asarray(value, "float64"))


def tensor(value: Array) -> Tensor:
    """An array as something found in a file."""
    return Tensor(value.shape, value.dtype, lambda: value)
