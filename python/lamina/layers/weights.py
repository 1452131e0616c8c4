"""How layers make and set their weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lamina._core as _core
from lamina import _checks, constraints, initializers, regularizers
from lamina._typing import Shape
from lamina.config import standardize_dtype
from lamina.variable import Variable

if TYPE_CHECKING:
    from lamina.layers.layer import Layer


def make_weight(
    layer: Layer,
    name: str,
    shape: Shape,
    initializer: Any,
    regularizer: Any = None,
    constraint: Any = None,
    trainable: bool = True,
) -> Variable:
    """A variable for a layer, of its dtype."""
    if constraint is not None and constraint.is_native():
        constraint.specification(shape)  # raises if it does not fit
    if regularizer is not None:
        regularizer._check(shape, name)
    variable = Variable.deferred(
        initializer,
        shape,
        layer._dtype,
        name,
        f"{layer._prefix}{layer.name}/{name}",
        trainable,
        regularizer,
        constraint,
    )
    variable.trainable = trainable and layer._trainable
    return variable


def add_weight(
    layer: Layer,
    shape: Any,
    initializer: Any,
    dtype: Any,
    trainable: bool,
    regularizer: Any,
    constraint: Any,
    name: str | None,
) -> Variable:
    """Makes a variable and puts it among those of a layer; see `Layer.add_weight`."""
    where = f"Layer '{layer.name}'"
    given = _checks.extents(where, "shape", () if shape is None else shape)
    extents = tuple(extent for extent in given if extent is not None)
    if name is None:
        name = "variable" if not layer._variables else f"variable_{len(layer._variables)}"
    if name in layer._variables:
        raise ValueError(f"{where} has a variable of that name. Received: name={name!r}")
    if dtype is not None and standardize_dtype(dtype) != layer._dtype:
        raise ValueError(
            f"{where} computes in {layer._dtype}, and its variables must be of that type. "
            f"Received: dtype={dtype!r}"
        )
    variable = make_weight(
        layer,
        name,
        extents,
        initializers.get("glorot_uniform" if initializer is None else initializer),
        regularizers.get(regularizer),
        constraints.get(constraint),
        _checks.boolean(where, "trainable", trainable),
    )
    if not layer._building:
        layer._plan_changed()
    layer._variables[name] = variable
    return variable


def adopt_variables(layer: Layer, found: list[Variable]) -> None:
    """Takes the variables among a layer's attributes as weights beside those of `add_weight`.

    Raises:
        ValueError: If one is trained, and of another type than the layer.
    """
    there = {id(variable) for variable in found}
    kept = {
        name: variable
        for name, variable in layer._variables.items()
        if id(variable) in there or id(variable) not in layer._adopted
    }
    known = {id(variable) for variable in kept.values()}
    for variable in found:
        if id(variable) not in known:
            kept[_free_name(layer, variable, kept)] = variable
            layer._adopted[id(variable)] = "/" in variable.path
            if not layer._trainable:
                variable.trainable = False
    if list(map(id, kept.values())) != list(map(id, layer._variables.values())):
        layer._variables = kept
        set_paths(layer)
        if not layer._building:
            layer._plan_changed()


def _free_name(layer: Layer, variable: Variable, taken: dict[str, Variable]) -> str:
    if not variable.is_state and variable.dtype != layer._dtype:
        raise ValueError(
            f"Layer '{layer.name}' computes in {layer._dtype}, and its trainable variables must be "
            f"of that type. Received: variable '{variable.name}' of {variable.dtype}"
        )
    name, number = variable.name, 0
    while name in taken:
        number += 1
        name = f"{variable.name}_{number}"
    return name


def set_paths(layer: Layer) -> None:
    """Names a layer's variables by where the layer is; those of other layers keep their names."""
    for variable in layer._variables.values():
        if not layer._adopted.get(id(variable), False):
            variable.path = f"{layer._prefix}{layer.name}/{variable.name}"


def variables_of(network: _core.Network, leaves: list[Layer]) -> list[Variable]:
    """The variables of a network's layers, in the order of its parameters."""
    return [leaves[info.layer]._variables[info.name] for info in network.parameters()]


def set_weights(variables: list[Variable], weights: Any, where: str) -> None:
    """Sets all variables, or none if any value does not fit."""
    if not isinstance(weights, (list, tuple)):
        raise TypeError(
            f"{where}: `weights` must be a list of arrays. Received: {type(weights).__name__}"
        )
    if len(weights) != len(variables):
        raise ValueError(
            f"{where} has {len(variables)} weights. Received: a list of {len(weights)} arrays"
        )
    values = [variable.checked(weight) for variable, weight in zip(variables, weights, strict=True)]
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
