"""What every loss is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

import lamina._core as _core
from lamina import _checks
from lamina._checks import unknown_name
from lamina._lazy import LazyModule
from lamina._names import auto_name
from lamina._typing import Array, Config, Shape
from lamina.config import floatx, standardize_dtype
from lamina.registry import Registry

if TYPE_CHECKING:
    from lamina.losses import reduction as _reduction
else:
    _reduction = LazyModule("lamina.losses.reduction")

LOSSES = Registry("loss", "losses")

Self = TypeVar("Self", bound="Loss")


class Loss:
    """The base of all losses, also of custom ones.

    A custom loss defines `call(self, y_true, y_pred)` with functions of `lamina.ops`: a tensor
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
        if reduction is not None and reduction not in _reduction.REDUCTIONS:
            raise unknown_name("`reduction`", reduction, filter(None, _reduction.REDUCTIONS))
        self.reduction = reduction
        self._dtype = None if dtype is None else standardize_dtype(dtype)

    @property
    def dtype(self) -> str:
        """The type that calls are computed in."""
        return self._dtype if self._dtype is not None else floatx()

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each row: an array without the last axis of the predictions."""
        values = self._row_values(y_true, y_pred)
        return values if wants_tensor(y_true, y_pred) else new_array(values)

    def _row_values(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each row as a tensor."""
        y_true, y_pred = _reduction.along(getattr(self, "axis", -1), y_true, y_pred)
        return _reduction.row_values(self.specification(), y_true, y_pred, self._dtype, floatx())

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
        """Whether the core computes it, rather than a custom `call`."""
        return LOSSES.is_builtin(type(self))

    def on_tape(
        self, y_true: Any, y_pred: Any, sample_weight: Any, weight: float = 1.0
    ) -> tuple[Any, float, float, int]:
        """The loss of tensors by a formula of the core.

        Returns:
            The loss times `weight` as a tensor, the same in double, what a batch adds to the sum
            over an epoch, and for how many rows.
        """
        y_true, y_pred = _reduction.along(getattr(self, "axis", -1), y_true, y_pred)
        return _reduction.batch_loss(self, y_true, y_pred, sample_weight, weight, floatx())

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
        loss = self._batch_loss(y_true, y_pred, sample_weight)
        if wants_tensor(y_true, y_pred):
            return loss
        array = new_array(loss)
        return array if array.ndim else array[()]

    def _batch_loss(self, y_true: Any, y_pred: Any, sample_weight: Any) -> Any:
        """The loss of a batch as a tensor."""
        if not self.is_native():
            return _reduction.custom_loss(self, y_true, y_pred, sample_weight, floatx())
        if self.reduction in (None, "none"):
            return _reduction.reduced(self._row_values(y_true, y_pred), sample_weight, None)
        loss = self.on_tape(y_true, y_pred, sample_weight)[0]
        if self._quick is None:
            plain = type(self).on_tape is Loss.on_tape
            self._quick = plain and _reduction.quick_call(self)
        return loss

    def counted(self, y_true: Any, values: Array) -> Array | None:
        """Which of the rows' losses count in a mean; None for all."""
        return None

    def specification(self) -> _core.Loss:
        """What the core needs to compute it; NotImplementedError for custom losses."""
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
    """A loss that is built in: a formula of the core and its settings."""

    _kind = ""

    def settings(self) -> Config:
        """What the formula takes."""
        return {}

    def specification(self) -> _core.Loss:
        """What the core needs to compute it."""
        return _core.Loss(self._kind, **self.settings())


def new_array(value: Any) -> Array:
    """A tensor's numbers as an array that shares no memory with anything."""
    return np.array(value)


def wants_tensor(y_true: Any, y_pred: Any) -> bool:
    """Whether the output is a tensor: for tensors, and while a tape records."""
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


def row_losses(specification: _core.Loss, y_true: Any, y_pred: Any) -> Any:
    """The loss of each row, for functions: of tensors a tensor, else an array."""
    values = _reduction.row_values(specification, y_true, y_pred, None, floatx())
    return values if wants_tensor(y_true, y_pred) else new_array(values)


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
