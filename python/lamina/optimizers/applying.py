"""Gradients from a tape, applied to variables: the part of optimizers that loops by hand use."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

import lamina._core as _core
from lamina import _eager
from lamina.variable import Variable

if TYPE_CHECKING:
    from lamina.optimizers.optimizer import Optimizer


class Home:
    """Where an optimizer keeps its state when no compiled model does: a network of parameters.

    Variables of one model lie in that model's memory, and the optimizer changes them there.
    Others are copied in and out.

    Args:
        optimizer: The optimizer.
        variables: The variables, in the order of its state.
    """

    def __init__(self, optimizer: Optimizer, variables: list[Any]) -> None:
        if not variables:
            raise ValueError(f"{optimizer.name}: there is no variable to train. Received: []")
        kinds = {str(v.dtype) for v in variables}
        if len(kinds) != 1 or not kinds <= {"float32", "float64"}:
            raise ValueError(
                f"{optimizer.name}: all variables must be float32, or all float64. "
                f"Received: {sorted(kinds)}"
            )
        self.variables = variables
        self.source = common_network(variables)
        on = "cpu" if self.source is None else self.source.device
        network = _core.Network((1,), kinds.pop(), on, 0)
        if self.source is not None:
            for info in self.source.parameters():
                network.add_parameter(info.name, info.shape, info.trained)
            network.build_in(self.source)
            placed = [(v.index_in(self.source), v) for v in variables]
        else:
            for variable in variables:
                network.add_parameter("value", tuple(variable.shape))
            placed = list(enumerate(variables))
        network.set_optimizer(optimizer.specification(placed))
        self.network, self.placed = network, placed

    def fits(self) -> bool:
        """Whether the variables are still where they were."""
        source = self.source
        return source is None or all(v.index_in(source) is not None for v in self.variables)

    def take_over(self, other: Home) -> None:
        """Goes on with another home's state."""
        new, old = self.network, other.network
        for slot in range(len(old.slot_names())):
            for (place, _), (before, _) in zip(self.placed, other.placed, strict=True):
                if old.slot_shape(slot, before) is not None:
                    new.set_slot(slot, place, old.get_slot(slot, before))
        for i in range(len(old.optimizer_numbers())):
            new.set_optimizer_number(i, old.get_optimizer_number(i))
        new.iterations = old.iterations


def common_network(variables: list[Any]) -> Any:
    """The network in whose memory all of them lie; None if there is no such one."""
    if not all(isinstance(v, Variable) for v in variables):
        return None
    for network in variables[0].stores():
        if all(v.index_in(network) is not None for v in variables):
            return network
    return None


def pairs_of(optimizer: Optimizer, gradients: Any, variables: Any) -> tuple[list[Any], list[Any]]:
    """Gradients and variables of the same number, without those that have no gradient.

    Raises:
        ValueError: If their numbers differ, or no variable has a gradient.
    """
    gradients, variables = list(gradients), list(variables)
    if len(gradients) != len(variables):
        raise ValueError(
            f"{optimizer.name}: there must be one gradient for each variable. "
            f"Received: {len(gradients)} gradients and {len(variables)} variables"
        )
    kept = [(g, v) for g, v in zip(gradients, variables, strict=True) if g is not None]
    if not kept:
        raise ValueError(
            f"{optimizer.name}: no gradients provided for any variable: the loss does not depend "
            "on them, or was not computed while the tape recorded."
        )
    if len(kept) < len(variables):
        missing = [v.path for g, v in zip(gradients, variables, strict=True) if g is None]
        warnings.warn(
            f"Gradients do not exist for variables {missing} when minimizing the loss. If you are "
            "using `model.compile()`, did you forget to provide a `loss` argument?",
            stacklevel=4,
        )
    return [g for g, _ in kept], [v for _, v in kept]


def apply_native(optimizer: Optimizer, gradients: list[Any], variables: list[Any]) -> None:
    """One step of a rule of the core."""
    home = optimizer._home
    network = optimizer._network
    if home is not None and not home.fits():
        moved = Home(optimizer, home.variables)
        moved.take_over(home)
        optimizer._home = home = moved
        optimizer.bind(moved.network, moved.placed)
        network = moved.network
    assert network is not None
    places = optimizer._places_by_id()
    try:
        found = [(places[id(v)], g, v) for g, v in zip(gradients, variables, strict=True)]
    except KeyError:
        unknown = [v.path for v in variables if id(v) not in places]
        raise ValueError(
            f"{optimizer.name}: the optimizer was built for other variables; it cannot be given "
            "new ones. Call `optimizer.build(all_variables)` with all of them first. "
            f"Received: unknown variables {unknown}"
        ) from None
    found.sort(key=lambda entry: entry[0])
    copies: list[Any] = []
    if home is not None and home.source is None:
        copies = [_handle(v) for _, _, v in found]
    network.apply_gradients([p for p, _, _ in found], [g for _, g, _ in found], False, copies)


def quick_steps(optimizer: Optimizer) -> Any:
    """The core's step for an optimizer in use; None where `apply` is the user's own."""
    from lamina.optimizers.optimizer import Optimizer

    network, home = optimizer._network, optimizer._home
    if type(optimizer).apply is not Optimizer.apply or not isinstance(network, _core.Network):
        return None
    places = [place for place, _, _ in optimizer._weights]
    handles = [_handle(variable) for _, variable, _ in optimizer._weights]
    copies = home is not None and home.source is None
    return _core.QuickSteps(network, places, handles, copies).try_apply


def _handle(variable: Any) -> Any:
    handle = getattr(variable, "handle", None)
    return variable if handle is None else handle()


def apply_own(optimizer: Optimizer, gradients: list[Any], variables: list[Any]) -> None:
    """One step of an `update_step` of the user's own."""
    with _core.Unrecorded():
        rate = optimizer.learning_rate
        gradients = clipped(optimizer, [_eager.tensor(g) for g in gradients])
        if optimizer.weight_decay:
            for variable in variables:
                if not optimizer._is_excluded(variable):
                    variable.assign_sub(variable.value * (optimizer.weight_decay * rate))
        for gradient, variable in zip(gradients, variables, strict=True):
            optimizer.update_step(gradient, variable, rate)
        for variable in variables:
            rule = getattr(variable, "constraint", None)
            if rule is not None:
                variable.assign(rule(variable))
    optimizer._own_iterations += 1


def clipped(optimizer: Optimizer, gradients: list[Any]) -> list[Any]:
    """The gradients within the optimizer's limits."""
    from lamina import ops

    if optimizer.clipvalue:
        return [ops.clip(g, -optimizer.clipvalue, optimizer.clipvalue) for g in gradients]
    if optimizer.clipnorm:
        return [_scaled(g, _norm([g]), optimizer.clipnorm) for g in gradients]
    if optimizer.global_clipnorm:
        norm = _norm(gradients)
        return [_scaled(g, norm, optimizer.global_clipnorm) for g in gradients]
    return gradients


def _norm(gradients: list[Any]) -> float:
    from lamina import ops

    total = sum((_eager.number(ops.sum(ops.square(g))) for g in gradients), 0.0)
    return float(np.sqrt(total))


def _scaled(gradient: Any, norm: float, limit: float) -> Any:
    return gradient if norm <= limit else (gradient * limit) / norm


def zeros_like(reference: Any, name: str, path: str, value: Any = "zeros") -> Variable:
    """A variable of an optimizer's own, like another one."""
    from lamina import initializers

    return Variable.deferred(
        initializers.get(value), tuple(reference.shape), str(reference.dtype), name, path, False
    )
