"""Where a loss that is not finite came from."""

from __future__ import annotations

from typing import Any

import numpy as np

import lamina._core as _core
from lamina._typing import Array
from lamina.data.samples import Samples


def report_nonfinite(model: Any, samples: Samples) -> str:
    """A sentence about the first thing that is not finite on the way to a batch's loss.

    Looks at the inputs, the weights (and, of the step before, the gradients that changed them),
    each layer's output, the targets and the sample weights, in this order.

    Args:
        model: The model, as it was before the step.
        samples: The batch.
    """
    bad = bad_row(samples.x)
    if bad is not None:
        return f"Row {bad} of the batch has inputs that are not finite."
    network = model._plan()
    placed = [(place, variable) for place, variable in model._placed]
    lost = [(place, v) for place, v in placed if not np.isfinite(v.numpy()).all()]
    if lost:
        # The gradient flows from the last layer to the first.
        for place, variable in reversed(placed):
            gradient = network.get_gradient(place)  # None: its traces are in the weight itself
            if not np.isfinite(variable.numpy() if gradient is None else gradient).all():
                return (
                    f"In the step before, the gradient of '{variable.path}' was not finite, the "
                    "first one on the way back from the loss: try a lower learning rate, or clip "
                    "gradients."
                )
        return f"Weight '{lost[0][1].path}' is not finite: try a lower learning rate."
    for count, layer in enumerate(model._layers, 1):
        answers = outputs_after(model, count, samples.x)
        if not np.isfinite(answers).all():
            return (
                f"Layer '{layer.name}' is the first whose output is not finite "
                f"(row {bad_row(answers)} of the batch)."
            )
    bad = bad_row(samples.y)
    if bad is not None:
        return f"Row {bad} of the batch has targets that are not finite."
    if samples.weights is not None and not np.isfinite(samples.weights).all():
        return f"Row {bad_row(samples.weights)} of the batch has a weight that is not finite."
    return "All layers' outputs are finite: the loss itself overflows."


def bad_row(values: Array) -> int | None:
    """The first row that is not finite."""
    if values.dtype.kind != "f":
        return None
    rows = np.isfinite(values).reshape(len(values), -1).all(axis=1)
    return None if bool(rows.all()) else int(np.argmin(rows))


def outputs_after(model: Any, count: int, x: Array) -> Array:
    """What the first `count` layers make of `x`."""
    network = _core.Network(model._after_front(), model.dtype, "cpu", 0)
    for layer in model._layers[:count]:
        layer._append_to(network)
    # The first layers' parameters are the model's first ones.
    whole = model._plan()
    for place in range(len(network.parameters())):
        network.set_parameter(place, whole.get_parameter(place))
    return network.predict(x, len(x), None)
