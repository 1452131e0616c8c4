"""Gradients from a tape, applied to variables."""

from __future__ import annotations

import operator
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

import lamina._core as _core
from lamina import _eager
from lamina.variable import Variable

if TYPE_CHECKING:
    from lamina.optimizers.optimizer import Optimizer
    from lamina.optimizers.state import OptimizerState


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


def apply_native(
    optimizer: Optimizer, state: OptimizerState, gradients: list[Any], variables: list[Any]
) -> None:
    """One step of a rule of the core."""
    unknown = [v.path for v in variables if id(v) not in state.indices]
    if unknown:
        raise ValueError(
            f"{optimizer.name}: the optimizer was built for other variables; it cannot be given "
            "new ones. Call `optimizer.build(all_variables)` with all of them first. "
            f"Received: unknown variables {unknown}"
        )
    apply_to_store(state.store, state.indices, gradients, variables, copied=state.copied)


def apply_to_store(
    store: Any,
    indices: dict[int, int],
    gradients: list[Any],
    variables: list[Any],
    penalties: bool = False,
    copied: bool = False,
) -> float:
    """One step of the optimizer that a store has.

    Args:
        store: The store, or the network that has one.
        indices: The parameters in the store by the identities of their variables.
        gradients: One for each of `variables`; None leaves the variable as it is.
        variables: The variables.
        penalties: Whether the penalties on parameters are part of the gradients.
        copied: Whether the variables have their values elsewhere.

    Returns:
        The value of the penalties, 0 without them.
    """
    found = [
        (indices[id(v)], g, v) for g, v in zip(gradients, variables, strict=True) if g is not None
    ]
    found.sort(key=_first)
    value: float = store.apply_gradients(
        [index for index, _, _ in found],
        [gradient for _, gradient, _ in found],
        penalties,
        [variable.handle() for _, _, variable in found] if copied else [],
    )
    return value


_first = operator.itemgetter(0)


def quick_steps(state: OptimizerState) -> Any:
    """The core's step for the gradients and variables of a state that fit as they are."""
    indices = [index for index, _, _ in state.weights]
    handles = [variable.handle() for _, variable, _ in state.weights]
    return _core.FastSteps(state.store, indices, handles, state.copied).try_apply


def apply_custom(optimizer: Optimizer, gradients: list[Any], variables: list[Any]) -> None:
    """One step of a custom `update_step`."""
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
    optimizer._custom_iterations += 1


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
    """A variable of a custom optimizer, like another one."""
    from lamina import initializers

    return Variable.deferred(
        initializers.get(value), tuple(reference.shape), str(reference.dtype), name, path, False
    )
