"""Where a loss that is not finite came from."""

from __future__ import annotations

import numpy as np

from lamina._typing import Array
from lamina.data.samples import Samples
from lamina.execution.engine import Engine
from lamina.execution.trainable import Trainable


def report_nonfinite(model: Trainable, engine: Engine, samples: Samples) -> str:
    """A sentence about the first thing that is not finite on the way to a batch's loss.

    Looks at the inputs, the weights (and, of the step before, the gradients that changed them),
    each layer's output, the targets and the sample weights, in this order.

    Args:
        model: The model, as it was before the step.
        engine: What runs it.
        samples: The batch.
    """
    for array in samples.x:
        bad = bad_row(array)
        if bad is not None:
            return f"Row {bad} of the batch has inputs that are not finite."
    lost = [(place, v) for place, v in engine.placed if not np.isfinite(v.numpy()).all()]
    if lost:
        # The gradient flows from the last layer to the first.
        for place, variable in reversed(engine.placed):
            # None: its traces are in the weight itself
            gradient = engine.network.get_gradient(place)
            if not np.isfinite(variable.numpy() if gradient is None else gradient).all():
                return (
                    f"In the step before, the gradient of '{variable.path}' was not finite, the "
                    "first one on the way back from the loss: try a lower learning rate, or clip "
                    "gradients."
                )
        return f"Weight '{lost[0][1].path}' is not finite: try a lower learning rate."
    for layer, output in model._each_output(samples.x):
        if not np.isfinite(output).all():
            return (
                f"Layer '{layer.name}' is the first whose output is not finite "
                f"(row {bad_row(output)} of the batch)."
            )
    for target in samples.y or []:
        bad = None if target is None else bad_row(target)
        if bad is not None:
            return f"Row {bad} of the batch has targets that are not finite."
    for weights in samples.weights or []:
        if weights is not None and not np.isfinite(weights).all():
            return f"Row {bad_row(weights)} of the batch has a weight that is not finite."
    return "All layers' outputs are finite: the loss itself overflows."


def bad_row(values: Array) -> int | None:
    """The first row that is not finite."""
    if values.dtype.kind != "f":
        return None
    rows = np.isfinite(values).reshape(len(values), -1).all(axis=1)
    return None if bool(rows.all()) else int(np.argmin(rows))
