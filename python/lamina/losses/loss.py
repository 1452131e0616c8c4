"""What every loss is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

import lamina._core as _core
from lamina import _checks
from lamina._arrays import floating_array, real_array
from lamina._checks import unknown_name
from lamina._lazy import LazyModule
from lamina._names import auto_name
from lamina._reduce import exact_sum, weights_like
from lamina._typing import Array, Config, Shape
from lamina.config import floatx, standardize_dtype
from lamina.losses.targets import align_labels, align_values
from lamina.registry import Registry

if TYPE_CHECKING:
    from lamina.losses import tape
else:
    tape = LazyModule("lamina.losses.tape")

LOSSES = Registry("loss", "losses")
_REDUCTIONS = ("sum_over_batch_size", "mean", "mean_with_sample_weight", "sum", "none")

Self = TypeVar("Self", bound="Loss")


class Loss:
    """The base of all losses, also of losses of your own.

    One of your own defines `call(self, y_true, y_pred)` with functions of `lamina.ops`: a tensor
    with a value for each row. A model that is trained with it runs on the tape.

    Args:
        name: What messages call it.
        reduction: How the losses of the rows become one number: "sum_over_batch_size" (their sum
            over their number; also "mean"), "mean_with_sample_weight" (over the sum of the
            weights) or "sum"; in a call also "none" or None, which keeps them apart.
        dtype: The type to compute a call in; by default that of the predictions.
    """

    def __init__(
        self,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ) -> None:
        self.name = name if name is not None else auto_name(type(self).__name__)
        if reduction is not None and reduction not in _REDUCTIONS:
            raise unknown_name("`reduction`", reduction, _REDUCTIONS)
        self.reduction = reduction
        self._dtype = None if dtype is None else standardize_dtype(dtype)

    @property
    def dtype(self) -> str:
        """The type that calls are computed in."""
        return self._dtype if self._dtype is not None else floatx()

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each row: an array without the last axis of the predictions."""
        return row_losses(
            self.specification(), *along(getattr(self, "axis", -1), y_true, y_pred), self._dtype
        )

    def check_axis(self, output: Shape) -> None:
        """Raises where it does not work along the last axis of predictions, as training does.

        Args:
            output: The shape of one prediction.
        """
        axis = getattr(self, "axis", -1)
        if axis not in (None, -1, len(output)):
            raise NotImplementedError(
                f"compile: {type(self).__name__} works along another axis of the predictions than "
                "the last; in training that is not supported (Permute the output). "
                f"Received: axis={axis} for predictions of shape {(None, *output)}"
            )

    #: The core's call on tensors that fit as they are; False where there is none.
    _quick: Any = None

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        if name != "_quick":
            self.__dict__.pop("_quick", None)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_quick"}

    def is_native(self) -> bool:
        """Whether the core computes it, rather than a `call` of the user's own."""
        return LOSSES.owns(type(self))

    def on_tape(
        self, y_true: Any, y_pred: Any, sample_weight: Any, weight: float = 1.0
    ) -> tuple[Any, float, float, int]:
        """The loss of tensors by a formula of the core.

        Returns:
            The loss times `weight` as a tensor, the same in double, what a batch adds to the sum
            over an epoch, and for how many rows.
        """
        y_true, y_pred = along(getattr(self, "axis", -1), y_true, y_pred)
        return tape.batch_loss(self, y_true, y_pred, sample_weight, weight, floatx())

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The loss of a batch.

        Args:
            y_true: The targets.
            y_pred: The predictions.
            sample_weight: None, or one weight for each sample or row.

        Returns:
            A number, or with reduction "none" an array. A tensor for tensors, and while a tape
            records.

        Raises:
            ValueError: If shapes do not fit, or labels are out of range.
        """
        if self._quick and sample_weight is None:
            loss = self._quick(y_true, y_pred)
            if loss is not NotImplemented:
                return loss
        if not self.is_native():
            answer = tape.own_loss(self, y_true, y_pred, sample_weight, floatx())
            return answer if wants_tensor(y_true, y_pred) else np.asarray(answer)[()]
        if wants_tensor(y_true, y_pred):
            if self.reduction not in (None, "none"):
                loss = self.on_tape(y_true, y_pred, sample_weight)[0]
                if self._quick is None:
                    self._quick = tape.quick_call(self)
                return loss
            return tape.reduced(self.call(y_true, y_pred), sample_weight, None)
        values = np.asarray(self.call(y_true, y_pred))
        counted = self.counted(y_true, values)
        weights = None
        if sample_weight is not None:
            if values.ndim == 0:  # one value for the whole batch, weighted for each sample
                values = np.broadcast_to(values, np.shape(sample_weight)[:1])
            weights = weights_like(sample_weight, values).astype(values.dtype)
            values = values * weights
        if self.reduction in (None, "none"):
            return values
        total = exact_sum(values)
        if self.reduction == "sum":
            return values.dtype.type(total)
        count = float(values.size if counted is None else np.count_nonzero(counted))
        if self.reduction == "mean_with_sample_weight" and weights is not None:
            count = exact_sum(weights if counted is None else weights[counted])
        return values.dtype.type(total / count if count != 0.0 else 0.0)

    def counted(self, y_true: Any, values: Array) -> Array | None:
        """Which of the rows' losses count in a mean; None for all."""
        return None

    def specification(self) -> _core.Loss:
        """What the core needs to compute it; NotImplementedError for losses of your own."""
        raise NotImplementedError(
            f"Loss '{self.name}' ({type(self).__name__}) must define `call(self, y_true, y_pred)`."
        )

    def labels_are_columns(self) -> bool:
        """Whether labels, where it takes them, are columns of the predictions."""
        return True

    def takes_labels(self) -> bool:
        """Whether targets are integer labels rather than rows like the predictions."""
        return False

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {"name": self.name, "reduction": self.reduction}

    @classmethod
    def from_config(cls: type[Self], config: Config) -> Self:
        """The loss that `get_config` described."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


class FormulaLoss(Loss):
    """A loss of lamina's own: a formula of the core and its settings."""

    _kind = ""

    def settings(self) -> Config:
        """What the formula takes."""
        return {}

    def specification(self) -> _core.Loss:
        """What the core needs to compute it."""
        return _core.Loss(self._kind, **self.settings())


def wants_tensor(y_true: Any, y_pred: Any) -> bool:
    """Whether the answer is a tensor: for tensors, and while a tape records."""
    if type(y_pred) is np.ndarray and type(y_true) is np.ndarray and not _core.is_recording():
        return False
    from lamina import _eager

    return _eager.is_eager(y_pred) or _eager.is_tensor(y_true)


def last_axis(where: str, axis: Any) -> int:
    """-1; NotImplementedError for any other axis."""
    if _checks.integer(where, "axis", axis, low=-(2**31)) != -1:
        raise NotImplementedError(
            f"{where}: `axis` must be -1, the last one; other axes are not supported. "
            f"Received: axis={axis}"
        )
    return -1


def checked_axis(where: str, axis: Any) -> int:
    """A whole number; what it means depends on the predictions."""
    return _checks.integer(where, "axis", axis, low=-64, high=64)


def along(axis: int | None, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Targets and predictions with `axis` as their last one.

    Raises:
        ValueError: If the predictions do not have that axis.
    """
    if axis is None or axis == -1:
        return y_true, y_pred
    if wants_tensor(y_true, y_pred):
        return tape.along(axis, y_true, y_pred)
    prediction = np.asarray(y_pred)
    return (
        turned(real_array(y_true, "y_true"), axis, prediction.ndim),
        turned(prediction, axis, prediction.ndim),
    )


def turned(array: Array, axis: int, ndim: int) -> Array:
    """`array` with the axis of predictions of `ndim` axes as its last."""
    if not -ndim <= axis < ndim:
        raise ValueError(f"`axis` must be one of the {ndim} of `y_pred`. Received: axis={axis}")
    return np.moveaxis(array, axis, -1) if array.ndim == ndim else array


def row_losses(
    specification: _core.Loss, y_true: Any, y_pred: Any, dtype: str | None = None
) -> Any:
    """The loss of each row of targets that look like the predictions."""
    if wants_tensor(y_true, y_pred):
        return tape.row_values(specification, y_true, y_pred, dtype, floatx())
    prediction = floating_array(y_pred, "y_pred", dtype, floatx())
    target = align_values(real_array(y_true, "y_true"), prediction.shape)
    return np.asarray(_core.loss_values(specification, target, prediction))


def label_losses(
    specification: _core.Loss,
    y_true: Any,
    y_pred: Any,
    dtype: str | None = None,
    ignore_class: int | None = None,
    columns: bool = True,
) -> Any:
    """The loss of each row of integer labels; +0 where the label is the ignored class.

    Without `columns` labels are any integers from 0 on.
    """
    if wants_tensor(y_true, y_pred):
        return tape.row_values(specification, y_true, y_pred, dtype, floatx())
    prediction = floating_array(y_pred, "y_pred", dtype, floatx())
    if prediction.ndim == 0:
        raise ValueError("`y_pred` needs an axis of classes. Received: y_pred.shape=()")
    target = align_labels(real_array(y_true, "y_true"), prediction.shape)
    flat = target.reshape(-1)
    classes = prediction.shape[-1] if columns else 2**31
    bad = _core.find_bad_label(flat, classes, ignore_class) if flat.size else -1
    if bad >= 0:
        raise bad_label(flat, bad, classes, "y_true")
    return np.asarray(_core.loss_values(specification, target, prediction))


def bad_label(flat: Array, index: int, classes: int, name: str) -> ValueError:
    """The error for a label that is no class."""
    if classes == 2**31:
        return ValueError(
            f"Labels in `{name}` must be integers from 0 on. "
            f"Received: {flat[index]} at index {index}"
        )
    return ValueError(
        f"Labels in `{name}` must be integers from 0 to {classes - 1}, because the predictions "
        f"have {classes} classes. Received: {flat[index]} at index {index}"
    )
