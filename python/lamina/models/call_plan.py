"""Models whose `call` only calls layers and functions: traced once, they run in the core's plan."""

from __future__ import annotations

from typing import Any

from lamina.graph import tree
from lamina.graph.builder import NotInPlanError
from lamina.graph.function import Function
from lamina.graph.keras_tensor import KerasTensor
from lamina.graph.lowering import Partition
from lamina.graph.tracing import NotAGraphError, difference, trace
from lamina.layers import call_context
from lamina.layers.call_spec import call_takes


class CallPlan:
    """What of a custom `call` the core's plan has.

    Args:
        model: The model, which was called before, so that its inputs are known.

    Attributes:
        partition: What runs in the plan; None where `call` is no graph.
        reason: Why there can be no plan; None where there can be.
    """

    def __init__(self, model: Any) -> None:
        self.partition: Partition | None = None
        self.reason: str | None = None
        try:
            function = traced_call(model)
            partition = Partition(function, model.dtype)
            self.partition, self.reason = partition, partition.reason
            if self.reason is None:
                _check_weights(model, function)
        except NotInPlanError as error:
            self.reason = str(error)
        except NotAGraphError as error:
            self.reason = f"custom call: {error}"


def traced_call(model: Any) -> Function:
    """The graph of what a model calls, the same whether as in training or not.

    Raises:
        NotAGraphError: If `call` does more than call layers and functions.
        NotInPlanError: For models with weights, metrics or losses beside those of their layers.
    """
    traced = model._traced
    if model._variables:
        raise NotInPlanError("custom call with weights of the model itself")
    if model._held_metrics():
        raise NotInPlanError("metrics among the layers")
    if model.activity_regularizer is not None or vars(model).get("input_spec") is not None:
        raise NotInPlanError("custom call with a penalty or an input_spec")
    tensors = [
        KerasTensor((None, *sample), dtype)
        for sample, dtype in zip(traced.samples, traced.dtypes, strict=True)
    ]
    inputs = tree.pack(traced.inputs, tensors) if tree.is_nest(traced.inputs) else tensors[0]
    each = [_traced(model, inputs, training) for training in (False, True)]
    found = difference(*each)
    if found is not None:
        raise NotAGraphError(f"calls differ in training: {found}")
    return each[0]


def _traced(model: Any, inputs: Any, training: bool) -> Function:
    options = {"training": training} if call_takes(type(model), "training") else {}

    def call(tensors: Any) -> Any:
        before = dict(vars(model))
        try:
            with call_context.inside(training):
                outputs = model.call(tensors, **options)
            changed = [n for n, v in vars(model).items() if v is not before.get(n, vars)]
        finally:
            vars(model).update(before)
        if changed:
            raise NotAGraphError(f"it sets {', '.join(changed)}")
        if any(leaf._losses for leaf in model._leaves()):
            raise NotAGraphError("add_loss")
        return outputs

    try:
        function = trace(call, inputs)
    finally:
        model._clear_losses()
    for node in function.calls:  # the pass says whether it is one of a training
        node.without_training(training)
    return function


def _check_weights(model: Any, function: Function) -> None:
    """NotInPlanError if there are weights that no call uses."""
    used: set[int] = set()
    for operation in function.operations:
        used.update(id(variable) for variable in getattr(operation, "weights", ()))
    unused = [variable.path for variable in model.weights if id(variable) not in used]
    if unused:
        raise NotInPlanError(f"weights that `call` does not use: {', '.join(unused[:3])}")
