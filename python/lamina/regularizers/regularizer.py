"""What every regularizer is, and sums of magnitudes and of squares."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

import lamina._core as _core
from lamina import _checks
from lamina._arrays import floating_array
from lamina._typing import Config
from lamina.config import floatx
from lamina.registry import Registry

REGULARIZERS = Registry("regularizer", "regularizers")

Self = TypeVar("Self", bound="Regularizer")


class Regularizer:
    """The base of all regularizers, also of custom ones.

    A custom regularizer defines `__call__(self, x)` with functions of `lamina.ops`: a tensor
    without axes. A model with it runs on the tape.
    """

    def factors(self) -> tuple[float, float]:
        """What the sum of magnitudes and the sum of squares are multiplied by."""
        raise NotImplementedError(
            f"Regularizer {type(self).__name__} must define `__call__(self, x)`."
        )

    def is_native(self) -> bool:
        """Whether the core computes it."""
        cls = type(self)
        return cls.__call__ is Regularizer.__call__ and cls.factors is not Regularizer.factors

    def _attach_to(self, network: _core.Network, place: int) -> None:
        """Tells a network of this penalty on one of its parameters."""
        network.add_penalty(place, *self.factors())

    def _check(self, shape: tuple[int, ...], where: str) -> None:
        """ValueError if it does not fit weights of that shape."""

    def __call__(self, x: Any) -> Any:
        """The penalty of an array: a number, or a tensor for a tensor or variable."""
        l1, l2 = self.factors()
        if type(x) is not np.ndarray or _core.is_recording():
            from lamina import _eager

            if _eager.is_eager(x):
                return _eager.penalty(x, l1, l2)
        array = floating_array(x, "x", None, floatx())
        return _core.penalty(array, l1, l2)

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {}

    @classmethod
    def from_config(cls: type[Self], config: Config) -> Self:
        """The regularizer that `get_config` described."""
        return cls(**config)

    def __repr__(self) -> str:
        arguments = ", ".join(f"{key}={value}" for key, value in self.get_config().items())
        return f"{type(self).__name__}({arguments})"


def _factor(where: str, name: str, value: Any, default: float) -> float:
    if value is None:
        return default
    return _checks.number(where, name, value, low=0.0, open_high=True)


@REGULARIZERS.register("l1_l2")
class L1L2(Regularizer):
    """l1 * sum(|x|) + l2 * sum(x^2).

    Args:
        l1: A finite number of at least 0.
        l2: Likewise.

    Example:
        >>> lamina.regularizers.L1L2(l1=0.5, l2=0.25)(np.array([1.0, -2.0]))
        2.75
    """

    def __init__(self, l1: float | None = 0.0, l2: float | None = 0.0) -> None:
        self.l1 = _factor("L1L2", "l1", l1, 0.0)
        self.l2 = _factor("L1L2", "l2", l2, 0.0)

    def factors(self) -> tuple[float, float]:
        """What the sum of magnitudes and the sum of squares are multiplied by."""
        return self.l1, self.l2

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {"l1": self.l1, "l2": self.l2}


@REGULARIZERS.register("l1")
class L1(Regularizer):
    """l1 * sum(|x|).

    Args:
        l1: A finite number of at least 0.
    """

    def __init__(self, l1: float | None = 0.01) -> None:
        self.l1 = _factor("L1", "l1", l1, 0.01)

    def factors(self) -> tuple[float, float]:
        """What the sum of magnitudes and the sum of squares are multiplied by."""
        return self.l1, 0.0

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {"l1": self.l1}


@REGULARIZERS.register("l2")
class L2(Regularizer):
    """l2 * sum(x^2).

    Args:
        l2: A finite number of at least 0.
    """

    def __init__(self, l2: float | None = 0.01) -> None:
        self.l2 = _factor("L2", "l2", l2, 0.01)

    def factors(self) -> tuple[float, float]:
        """What the sum of magnitudes and the sum of squares are multiplied by."""
        return 0.0, self.l2

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {"l2": self.l2}


@REGULARIZERS.register("orthogonal_regularizer")
class OrthogonalRegularizer(Regularizer):
    """Makes the rows, or the columns, of a matrix orthogonal to each other.

    `factor` times the mean magnitude of the dot products of different rows (columns), each
    scaled to norm 1; 0 for a single one. For weights only.

    Args:
        factor: A finite number of at least 0.
        mode: "rows" or "columns".

    Raises:
        ValueError: When called, or for weights, that are no matrix.

    Example:
        >>> penalty = lamina.regularizers.OrthogonalRegularizer(factor=1.0)
        >>> penalty(np.array([[1.0, 0.0], [0.0, 2.0]]))
        0.0
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        self.factor = _checks.number(
            "OrthogonalRegularizer", "factor", factor, low=0.0, open_high=True
        )
        if mode not in ("rows", "columns"):
            raise _checks.unknown_name("`mode` of OrthogonalRegularizer", mode, ("rows", "columns"))
        self.mode = mode

    def factors(self) -> tuple[float, float]:
        """Not for outputs of layers."""
        raise ValueError(
            "OrthogonalRegularizer is for weights that are matrices, not for outputs. "
            "Received: activity_regularizer=OrthogonalRegularizer"
        )

    def is_native(self) -> bool:
        """Whether the core computes it."""
        return type(self).__call__ is OrthogonalRegularizer.__call__

    def _attach_to(self, network: _core.Network, place: int) -> None:
        network.add_orthogonal_penalty(place, self.factor, self.mode == "rows")

    def _check(self, shape: tuple[int, ...], where: str) -> None:
        if len(shape) != 2:
            raise ValueError(
                f"OrthogonalRegularizer: '{where}' must be a matrix. Received: shape {shape}"
            )

    def __call__(self, x: Any) -> Any:
        """The penalty of a matrix: a number, or a tensor for a tensor or variable."""
        if type(x) is not np.ndarray or _core.is_recording():
            from lamina import _eager

            if _eager.is_eager(x):
                self._check(tuple(x.shape), "x")
                return _eager.orthogonal_penalty(x, self.factor, self.mode == "rows")
        array = floating_array(x, "x", None, floatx())
        self._check(array.shape, "x")
        return _core.orthogonal_penalty(array, self.factor, self.mode == "rows")

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {"factor": self.factor, "mode": self.mode}
