"""How losses become values of rows and numbers of batches: of tensors, as in the planned step.

Arrays are converted at the edge, so that there is one path.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import lamina._core as _core
from lamina import _eager
from lamina._arrays import floating_array
from lamina._typing import Shape
from lamina.losses.targets import align_labels, align_values

#: The names of reductions as the core has them; None keeps the values of rows.
REDUCTIONS: dict[str | None, Any] = {
    "sum_over_batch_size": "mean",
    "mean": "mean",
    "mean_with_sample_weight": "weighted_mean",
    "sum": "sum",
    "none": None,
    None: None,
}


def prediction_of(y_pred: Any, dtype: str | None, default: str) -> Any:
    """Predictions as a floating tensor, connected with what they were computed from."""
    if _eager.is_tensor(y_pred):
        tensor = _eager.tensor(y_pred)
        floating = str(tensor.dtype).startswith("float")
        return _eager.cast(tensor, dtype or (str(tensor.dtype) if floating else default))
    return _core.convert(floating_array(y_pred, "y_pred", dtype, default))


def aligned(y_true: Any, shape: Shape, labels: bool) -> Any:
    """Targets as a tensor of the shape that they must have for predictions of `shape`."""
    target = _eager.tensor(y_true, "y_true")
    if tuple(target.shape) == (shape[:-1] if labels else shape):
        return target
    # The rule for arrays, on an array that has the shape and takes no memory.
    stand_in = np.broadcast_to(np.False_, tuple(target.shape))
    wanted = (align_labels if labels else align_values)(stand_in, shape).shape
    return target if tuple(target.shape) == wanted else target.reshape(wanted)


def along(axis: int | None, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Targets and predictions with `axis` of the predictions as their last one.

    Raises:
        ValueError: If the predictions do not have that axis.
    """
    if axis is None or axis == -1:
        return y_true, y_pred
    from lamina import ops

    target, prediction = _eager.tensor(y_true, "y_true"), _eager.tensor(y_pred, "y_pred")
    ndim = len(prediction.shape)
    if not -ndim <= axis < ndim:
        raise ValueError(f"`axis` must be one of the {ndim} of `y_pred`. Received: axis={axis}")
    if len(target.shape) == ndim:
        target = ops.moveaxis(target, axis, -1)
    return target, ops.moveaxis(prediction, axis, -1)


def weights_of(sample_weight: Any, positions: Shape, dtype: str) -> Any:
    """One weight for each position, from weights of samples or positions.

    Raises:
        ValueError: If the shape fits neither.
    """
    weights = _eager.typed_tensor(sample_weight, dtype)
    shape = tuple(weights.shape)
    if shape == (*positions, 1):
        return weights.reshape(positions)
    if shape == positions:
        return weights
    if len(shape) <= len(positions) and shape == positions[: len(shape)]:
        spread = np.broadcast_to(
            np.asarray(weights).reshape(shape + (1,) * (len(positions) - len(shape))), positions
        )
        return _eager.typed_tensor(np.ascontiguousarray(spread), dtype)
    raise ValueError(
        f"`sample_weight` must have one weight for each sample, or for each value: values have "
        f"shape {positions}. Received: sample_weight.shape={shape}"
    )


def batch_loss(
    loss: Any, y_true: Any, y_pred: Any, sample_weight: Any, weight: float, default: str
) -> tuple[Any, float, float, int]:
    """The loss of a batch by a formula of the core.

    Returns:
        The loss as a tensor, its mean, what it adds to the sum of an epoch, and for how many rows.
    """
    prediction = prediction_of(y_pred, loss._dtype, default)
    shape = tuple(prediction.shape)
    target = aligned(y_true, shape, loss.takes_labels())
    weights = None
    if sample_weight is not None:
        weights = weights_of(sample_weight, shape[:-1], str(prediction.dtype))
    reduction = REDUCTIONS[loss.reduction]
    result: tuple[Any, float, float, int] = _core.batch_loss(
        loss.specification(), reduction, weight, target, prediction, weights
    )
    return result


def quick_call(loss: Any) -> Any:
    """The core's call for a loss whose settings are plain values; False for others."""
    settings = [value for name, value in vars(loss).items() if name != "_quick"]
    if (
        loss._dtype is not None
        or getattr(loss, "axis", -1) not in (None, -1)
        or not all(type(value) in (type(None), bool, int, float, str) for value in settings)
    ):
        return False
    reduction = REDUCTIONS[loss.reduction]
    return _core.FastLoss(loss.specification(), reduction).try_call


def row_values(
    specification: _core.Loss, y_true: Any, y_pred: Any, dtype: str | None, default: str
) -> Any:
    """The loss of each row as a tensor."""
    prediction = prediction_of(y_pred, dtype, default)
    labels = specification.takes_labels
    return _core.row_losses(
        specification, aligned(y_true, tuple(prediction.shape), labels), prediction
    )


def as_rows(value: Any, order: list[int], count: int) -> Any:
    """A matrix whose columns are the last `count` axes, once all are put into an order."""
    from lamina import ops

    turned = ops.transpose(value, order)
    shape = tuple(turned.shape)
    kept = len(shape) - count
    rows, columns = int(np.prod(shape[:kept])), int(np.prod(shape[kept:]))
    return turned.reshape((rows, columns))


def reduced(values: Any, sample_weight: Any, reduction: str | None) -> Any:
    """The values of rows as one number, by the rule of `Loss`."""
    from lamina import ops

    weights = None
    if sample_weight is not None:
        dtype = str(values.dtype)
        if not values.shape:  # one value for the whole batch, weighted for each sample
            values = ops.broadcast_to(values, np.shape(sample_weight)[:1])
        weights = weights_of(sample_weight, tuple(values.shape), dtype)
        values = values * weights
    if reduction in (None, "none"):
        return values
    if reduction == "sum":
        return ops.sum(values)
    if reduction == "mean_with_sample_weight" and weights is not None:
        total = ops.sum(weights)
        return ops.sum(values) / total if _eager.number(total) != 0.0 else ops.sum(values) * 0.0
    return ops.mean(values)


def custom_loss(loss: Any, y_true: Any, y_pred: Any, sample_weight: Any, default: str) -> Any:
    """The loss of a batch by a custom `call`."""
    prediction = prediction_of(y_pred, loss._dtype, default)
    target = _eager.floating_tensor(y_true, str(prediction.dtype))
    values = loss.call(target, prediction)
    return reduced(
        _eager.floating_tensor(values, str(prediction.dtype)), sample_weight, loss.reduction
    )
