"""The optimizer's state in the order of Keras: `optimizer/vars/<i>` of a `.weights.h5`.

Iterations, the learning rate unless a schedule computes it, then the slots. An optimizer that
scales the loss has counters of its own in front of those of the inner one, which is there once
more below `optimizer/inner_optimizer`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina._core import FileFormatError
from lamina._typing import Array
from lamina.saving.differences import differences
from lamina.saving.hdf5 import Tensor

if TYPE_CHECKING:
    from lamina.variable import Variable

#: What an optimizer that scales the loss has beside the inner one's state.
_SCALE = ("step_counter", "dynamic_scale")
_MOST = 2**31 - 1


def groups(model: Any, whole: bool) -> list[tuple[str, str, list[Array]]]:
    """The groups of a file that hold the optimizer: path, name and values of each.

    Args:
        model: The model.
        whole: With slots even before the first step: a loaded model of Keras has them, a
            compiled one has not.
    """
    optimizer: Any = model.optimizer
    if optimizer is None:
        return []
    inner = getattr(optimizer, "inner_optimizer", None)
    if type(inner).__name__ == "Nadam":
        raise ValueError(
            "Keras leaves out a part of Nadam's state where the loss is scaled, so a file of Keras "
            "cannot hold it. Save as safetensors. Received: LossScaleOptimizer(Nadam())"
        )
    started = whole or optimizer.iterations > 0
    # The network counts batches, and `iterations` steps: several batches may make one step.
    engine = model._trainer.engine
    steps = engine.iterations if engine is not None else 0
    own: list[Any] = [np.int32(min(steps, _MOST))]
    if has_rate_variable(model):
        own.append(np.float32(optimizer.learning_rate))
    for slot in slots_of(model) if started else []:
        own += [np.int32(0)] * _placeholders_before(model, slot)
        own.append(slot.numpy())
    values = [np.asarray(value) for value in own]
    if inner is None:
        return [("optimizer/vars", optimizer.name, values)]
    outer: list[Any] = [np.int32(0), np.float32(0.0)]
    if started and model.built and model.loss is not None:
        counter, scale = (optimizer._state[name].numpy() for name in _SCALE)
        outer += [np.int32(min(float(counter), _MOST)), np.float32(scale)]
    return [
        ("optimizer/vars", optimizer.name, [*(np.asarray(value) for value in outer), *values]),
        ("optimizer/inner_optimizer/vars", inner.name, values),
    ]


def slots_of(model: Any) -> list[Variable]:
    """The optimizer's variables that Keras has too: those of the weights that are trained."""
    optimizer = model.optimizer
    assert optimizer is not None
    if not model.built or model.loss is None:
        return []
    model._trainer.ready()
    left_out = tuple(
        f"{optimizer.name}/{weight.path}/" for weight in model.weights if not weight.trainable
    )
    if hasattr(optimizer, "inner_optimizer"):
        left_out += tuple(f"{optimizer.name}/{name}" for name in _SCALE)
    return [slot for slot in optimizer.variables if not slot.path.startswith(left_out)]


def has_rate_variable(model: Any) -> bool:
    """Whether the learning rate is a variable, and not computed by a schedule."""
    optimizer: Any = model.optimizer
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    return not isinstance(optimizer.get_config().get("learning_rate"), dict)


def _placeholders_before(model: Any, slot: Variable) -> int:
    """How many variables without meaning Keras has before a slot.

    Its Adafactor keeps two integers in the place of the row and column averages that weights of
    one axis do not have. (It does not see them where it is the inner one of another optimizer.)
    """
    adafactor = type(model.optimizer).__name__ == "Adafactor"
    return 2 if adafactor and slot.name == "velocity" and len(slot.shape) < 2 else 0


def load(model: Any, there: dict[str, Tensor]) -> None:
    """Sets the optimizer's state from its variables in a file, all of it or nothing.

    Args:
        model: A compiled model.
        there: The variables by their numbers.

    Raises:
        FileFormatError: If they are not those of this optimizer and model.
    """
    if not there:
        assert model.optimizer is not None
        warnings.warn(
            f"The file has no state of optimizer '{model.optimizer.name}': it starts afresh.",
            stacklevel=5,
        )
        return
    prepare(model, there)()


def prepare(model: Any, there: dict[str, Tensor]) -> Callable[[], None]:
    """Reads and checks the optimizer's state; what it returns sets it.

    Raises:
        FileFormatError: If it is not of this optimizer and model.
    """
    optimizer: Any = model.optimizer
    wrong: dict[str, str] = {}
    slots = slots_of(model)
    own = 2 if has_rate_variable(model) else 1
    scale: dict[str, Tensor] = {}
    if hasattr(optimizer, "inner_optimizer"):
        scale, there = _without_scale(there, own)
    if own == 2 and len(there) == 1 + len(slots):
        own = 1  # Keras 2 has the learning rate in the configuration only
    there = _without_placeholders(model, there)
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
    for name, tensor in scale.items():
        if tensor.shape != () or tensor.floating != (name == "dynamic_scale"):
            wrong[name] = f"it must be one number, and the file has {tensor.describe()}"
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
    numbers = {name: float(tensor.read()) for name, tensor in scale.items()}
    if not all(0.0 <= number < np.inf for number in numbers.values()):
        raise FileFormatError(f"The scale of the loss must be finite. Received: {numbers}")
    new_rate = None if rate is None else float(rate.read())

    def apply() -> None:
        if new_rate is not None and new_rate != np.float32(optimizer.learning_rate):
            # Else the configuration's number is the same, before Keras rounded it.
            optimizer.learning_rate = new_rate
        if model.built and model.loss is not None:
            network = model._trainer.ready()
            for slot, value in zip(slots, values, strict=False):
                slot.assign(value)
            for name, number in numbers.items():
                optimizer._state[name].assign(number)
            network.iterations = count

    return apply


def prepare_for_weights(model: Any, tensors: Callable[[], dict[str, Tensor]]) -> Callable[[], None]:
    """As `prepare` for `load_weights`: only for an optimizer that has begun, as in Keras.

    One before its first step stays as it is: pre-trained weights do not bring the steps and the
    learning rate that made them. A state of another optimizer is left out with a warning.
    """
    optimizer = model.optimizer
    if optimizer is None or model._trainer.engine is None or optimizer._iterations == 0:
        return lambda: None
    there = tensors()
    if not there:
        return lambda: None
    try:
        return prepare(model, there)
    except FileFormatError as error:
        warnings.warn(f"The optimizer's state was left as it is. {error}", stacklevel=5)
        return lambda: None


def _without_scale(
    there: dict[str, Tensor], own: int
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The two counters of a scaled loss, if they are there, and what the inner optimizer has."""
    ordered = [there[key] for key in sorted(there, key=lambda key: (len(key), key))]
    outer = 2 if len(ordered) <= 2 + own else 4
    scale = dict(zip(_SCALE, ordered[2:outer], strict=False))
    inner = {str(index): tensor for index, tensor in enumerate(ordered[outer:])}
    return scale, inner


def _without_placeholders(model: Any, there: dict[str, Tensor]) -> dict[str, Tensor]:
    """The variables of a file with new numbers, less those that `_placeholders_before` counts."""
    if type(model.optimizer).__name__ != "Adafactor":
        return there
    kept = [
        there[key]
        for key in sorted(there, key=lambda key: (len(key), key))
        if key == "0" or there[key].floating or there[key].shape != ()
    ]
    return {str(index): item for index, item in enumerate(kept)}
