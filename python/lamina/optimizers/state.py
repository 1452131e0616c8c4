"""The state of optimizers: slots of parameters in a store of the core."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

import lamina._core as _core
from lamina._typing import Array
from lamina.variable import Variable

#: In which order `variables` lists the slots: all of one number before those of the next.
_SLOT_ORDER = {"average": 0, "gradient_accumulator": 1}
_OTHER_SLOTS, _NUMBERS = 2, 9


class OptimizerState:
    """What an optimizer keeps for the weights of a store, as variables.

    Args:
        store: The store, or the network that has one, with the optimizer set.
        weights: All weights that the optimizer may ever train, with their indices in the store.
        source: The store in whose memory that of `store` is, if it was made for the optimizer.
        copied: Whether the weights have their values elsewhere, so that a step copies them.
    """

    def __init__(
        self,
        store: Any,
        weights: Iterable[tuple[int, Variable]],
        source: Any = None,
        copied: bool = False,
    ) -> None:
        self.store = store
        self.source = source
        self.copied = copied
        #: With the names that the weights have in the model.
        self.weights = [(index, weight, weight.path) for index, weight in weights]
        self.indices = {id(weight): index for index, weight, _ in self.weights}
        self._trained: set[int] = set()
        self._variables: dict[str, tuple[int, Variable]] | None = None
        self.mark_trainable()

    @classmethod
    def of_variables(cls, optimizer: Any, variables: list[Any]) -> OptimizerState:
        """The state for variables of no compiled model, in a store of the optimizer's.

        Variables of one model are in that model's memory, and the optimizer changes them there.
        Others are copied in and out.

        Raises:
            ValueError: For no variables, and for variables of different types.
        """
        if not variables:
            raise ValueError(f"{optimizer.name}: there is no variable to train. Received: []")
        kinds = {str(v.dtype) for v in variables}
        if len(kinds) != 1 or not kinds <= {"float32", "float64"}:
            raise ValueError(
                f"{optimizer.name}: all variables must be float32, or all float64. "
                f"Received: {sorted(kinds)}"
            )
        source = _common_store(variables)
        if source is None:
            shapes = [("value", tuple(v.shape), True) for v in variables]
            store = _core.ParameterStore(shapes, kinds.pop())
            weights = list(enumerate(variables))
        else:
            store = _core.ParameterStore(source)
            weights = [(v.index_in(source), v) for v in variables]
        store.set_optimizer(optimizer.specification(weights))
        return cls(store, weights, source, source is None)

    def capture(self, optimizer: Any) -> dict[str, Any]:
        """What `restored` goes on from: the weights, and their state by its names in files."""
        slots = {key: variable.numpy() for key, variable in optimizer._state.items()}
        return {
            "weights": [weight for _, weight, _ in self.weights],
            "iterations": self.store.iterations,
            "slots": slots,
        }

    @classmethod
    def restored(cls, optimizer: Any, kept: dict[str, Any]) -> OptimizerState:
        """The state that `capture` described, in a store of its own."""
        state = cls.of_variables(optimizer, kept["weights"])
        state.mark_loaded(kept["slots"])
        state.store.iterations = kept["iterations"]
        for key, (_, variable) in state.variables(optimizer.name, {}).items():
            if key in kept["slots"]:
                variable.assign(kept["slots"][key])
        state.mark_trainable()  # their order is the optimizer's
        return state

    def is_current(self) -> bool:
        """Whether the weights are still where they were."""
        source = self.source
        return source is None or all(v.index_in(source) is not None for _, v, _ in self.weights)

    def moved(self, optimizer: Any) -> OptimizerState:
        """The same state for weights that are elsewhere now."""
        new = OptimizerState.of_variables(optimizer, [weight for _, weight, _ in self.weights])
        for slot in range(len(self.store.slot_names())):
            for (index, _, _), (before, _, _) in zip(new.weights, self.weights, strict=True):
                if self.store.slot_shape(slot, before) is not None:
                    new.store.set_slot(slot, index, self.store.get_slot(slot, before))
        for i in range(len(self.store.optimizer_numbers())):
            new.store.set_optimizer_number(i, self.store.get_optimizer_number(i))
        new.store.iterations = self.store.iterations
        return new

    # As variables.

    def mark_trainable(self) -> None:
        """Layers were frozen or thawed: there are variables for weights that were ever trained."""
        self._trained |= {index for index, weight, _ in self.weights if weight.trainable}
        self._variables = None

    def mark_loaded(self, keys: Iterable[str]) -> None:
        """Weights whose state a file has were trained before it was written."""
        there = set(keys)
        slots = self.store.slot_names()
        for index, _, path in self.weights:
            if any(f"{slot}/{path}" in there for slot in slots):
                self._trained.add(index)
        self._variables = None

    def variables(self, name: str, slot_order: dict[str, int]) -> dict[str, tuple[int, Variable]]:
        """The variables by their names in files, each with its place in the order of all.

        They are made when they are first needed: a model's first step does not wait for them.

        Args:
            name: The optimizer's, for paths.
            slot_order: The places of the rule's own slots.
        """
        if self._variables is not None:
            return self._variables
        store, found = self.store, {}
        slots = store.slot_names()
        for index, weight, path in self.weights:
            for slot, slot_name in enumerate(slots) if index in self._trained else ():
                shape = store.slot_shape(slot, index)
                if shape is None:
                    continue
                variable = _state_variable(
                    _SlotValue(store, slot, index),
                    shape,
                    weight.dtype,
                    slot_name,
                    f"{name}/{path}/{slot_name}",
                )
                order = _SLOT_ORDER.get(slot_name, slot_order.get(slot_name, _OTHER_SLOTS))
                found[f"{slot_name}/{path}"] = order, variable
        for i, number_name in enumerate(store.optimizer_numbers()):
            source = _NumberValue(store, i)
            variable = _state_variable(source, (), "float64", number_name, f"{name}/{number_name}")
            found[number_name] = _NUMBERS, variable
        self._variables = found
        return found


def _common_store(variables: list[Any]) -> Any:
    """The store in whose memory all of them are; None if there is no such one."""
    if not all(isinstance(v, Variable) for v in variables):
        return None
    for store in variables[0].stores():
        if all(v.index_in(store) is not None for v in variables):
            return store
    return None


def _state_variable(source: Any, shape: Any, dtype: Any, name: str, path: str) -> Variable:
    variable = Variable.deferred(np.zeros, shape, dtype, name, path, trainable=False)
    variable.bind_source(source)
    return variable


class _SlotValue(NamedTuple):
    """The memory of one parameter's state of one kind."""

    store: Any
    slot: int
    parameter: int

    def read(self) -> Array:
        """A copy of the value."""
        return np.asarray(self.store.get_slot(self.slot, self.parameter))

    def write(self, value: Array) -> None:
        """Sets the value."""
        self.store.set_slot(self.slot, self.parameter, value)


class _NumberValue(NamedTuple):
    """State that is one number."""

    store: Any
    number: int

    def read(self) -> Array:
        """The value."""
        return np.array(self.store.get_optimizer_number(self.number), "float64")

    def write(self, value: Array) -> None:
        """Sets the value."""
        self.store.set_optimizer_number(self.number, float(value))
