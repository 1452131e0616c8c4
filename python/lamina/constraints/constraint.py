"""Constraints: functions of a weight that the core applies after each step."""

from __future__ import annotations

from typing import Any, TypedDict, TypeVar

import numpy as np

import lamina._core as _core
from lamina import _checks
from lamina._arrays import floating_array
from lamina._typing import Config, Shape
from lamina.config import floatx
from lamina.registry import Registry

CONSTRAINTS = Registry("constraint", "constraints")

Self = TypeVar("Self", bound="Constraint")

#: What keeps norms of 0 apart from a division by 0: Keras' `config.epsilon()`.
_EPSILON = 1e-7


class Specification(TypedDict):
    """What the core needs to know of a constraint on a weight of some shape."""

    kind: str
    outer: int
    reduced: int
    inner: int
    low: float
    high: float
    rate: float
    epsilon: float


class Constraint:
    """The base of all constraints, also of custom ones.

    A custom constraint defines `__call__(self, w)` with functions of `lamina.ops`: what the weight
    becomes after each step. A model with it runs on the tape.
    """

    def specification(self, shape: Shape) -> Specification:
        """What the core needs to apply it to a weight of this shape.

        Raises:
            ValueError: If the weight does not have the constraint's axes.
            NotImplementedError: For a class of the caller's own, and for axes that do not
                follow each other.
        """
        raise NotImplementedError(
            f"Constraint {type(self).__name__} must define `__call__(self, w)`."
        )

    def is_native(self) -> bool:
        """Whether the core applies it."""
        cls = type(self)
        own = cls.__call__ is not Constraint.__call__
        return not own and cls.specification is not Constraint.specification

    def __call__(self, w: Any) -> Any:
        """A copy of an array for which the constraint holds; a tensor of a tensor or variable."""
        if type(w) is not np.ndarray:
            from lamina import _eager

            if _eager.is_eager(w):
                return _eager.tensor(self(np.asarray(w)))
        array = floating_array(w, "w", None, floatx())
        if array.size == 0:
            return array.copy()
        return np.asarray(_core.constrain(array, **self.specification(array.shape)))

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {}

    @classmethod
    def from_config(cls: type[Self], config: Config) -> Self:
        """The constraint that `get_config` described."""
        return cls(**config)


class _Norm(Constraint):
    """A constraint of the norms along some axes."""

    axis: Any

    def _over_axes(
        self, kind: str, shape: Shape, low: float = 0.0, high: float = 1.0, rate: float = 1.0
    ) -> Specification:
        where = type(self).__name__
        rank = len(shape)
        axes = range(rank) if self.axis is None else self.axis
        chosen = set()
        for axis in (axes,) if isinstance(axes, int) else axes:
            if not -rank <= axis < rank:
                raise ValueError(
                    f"{where}: a weight of shape {shape} has no axis {axis}. "
                    f"Received: axis={self.axis}"
                )
            chosen.add(axis % rank)
        first, last = (min(chosen), max(chosen)) if chosen else (0, -1)
        if len(chosen) != last - first + 1:
            raise NotImplementedError(
                f"{where}: norms are computed over axes that follow each other. "
                f"Received: axis={self.axis} for a weight of shape {shape}"
            )
        sizes = [1, 1, 1]
        for place, extent in enumerate(shape):
            sizes[0 if place < first else 1 if place <= last else 2] *= extent
        return Specification(
            kind=kind,
            outer=sizes[0],
            reduced=sizes[1],
            inner=sizes[2],
            low=low,
            high=high,
            rate=rate,
            epsilon=_EPSILON,
        )


def _axis(where: str, axis: Any) -> Any:
    if axis is None:
        return None
    if isinstance(axis, (list, tuple)):
        return [_checks.integer(where, "axis", a, low=-64, high=63) for a in axis]
    return _checks.integer(where, "axis", axis, low=-64, high=63)


@CONSTRAINTS.register("max_norm")
class MaxNorm(_Norm):
    """Scales weights down whose norm is larger than a maximum.

    Args:
        max_value: The largest norm.
        axis: Over which axes norms are taken; 0 for the inputs of each unit of a Dense
            kernel.
    """

    def __init__(self, max_value: float = 2, axis: Any = 0) -> None:
        self.max_value = _checks.number("MaxNorm", "max_value", max_value, low=0.0)
        self.axis = _axis("MaxNorm", axis)

    def specification(self, shape: Shape) -> Specification:
        """What the core needs to apply it to a weight of this shape."""
        return self._over_axes("max_norm", shape, high=self.max_value)

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {"max_value": self.max_value, "axis": self.axis}


@CONSTRAINTS.register("min_max_norm")
class MinMaxNorm(_Norm):
    """Moves norms into a range.

    Args:
        min_value: The least norm.
        max_value: The largest norm.
        rate: How much of the way to the range is gone in one step: 1 for all of it.
        axis: As for `MaxNorm`.
    """

    def __init__(
        self,
        min_value: float = 0.0,
        max_value: float = 1.0,
        rate: float = 1.0,
        axis: Any = 0,
    ) -> None:
        self.min_value = _checks.number("MinMaxNorm", "min_value", min_value, low=0.0)
        self.max_value = _checks.number("MinMaxNorm", "max_value", max_value, low=self.min_value)
        self.rate = _checks.number("MinMaxNorm", "rate", rate, low=0.0, high=1.0)
        self.axis = _axis("MinMaxNorm", axis)

    def specification(self, shape: Shape) -> Specification:
        """What the core needs to apply it to a weight of this shape."""
        return self._over_axes("min_max_norm", shape, self.min_value, self.max_value, self.rate)

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {
            "min_value": self.min_value,
            "max_value": self.max_value,
            "rate": self.rate,
            "axis": self.axis,
        }


@CONSTRAINTS.register("non_neg")
class NonNeg(Constraint):
    """Sets negative weights to 0.

    Example:
        >>> lamina.constraints.NonNeg()(np.array([-1.0, 2.0]))
        array([0., 2.])
    """

    def specification(self, shape: Shape) -> Specification:
        """What the core needs to apply it to a weight of this shape."""
        count = 1
        for extent in shape:
            count *= extent
        return Specification(
            kind="non_negative",
            outer=1,
            reduced=count,
            inner=1,
            low=0.0,
            high=1.0,
            rate=1.0,
            epsilon=_EPSILON,
        )


@CONSTRAINTS.register("unit_norm")
class UnitNorm(_Norm):
    """Divides weights by their norm.

    Args:
        axis: As for `MaxNorm`.
    """

    def __init__(self, axis: Any = 0) -> None:
        self.axis = _axis("UnitNorm", axis)

    def specification(self, shape: Shape) -> Specification:
        """What the core needs to apply it to a weight of this shape."""
        return self._over_axes("unit_norm", shape)

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {"axis": self.axis}
