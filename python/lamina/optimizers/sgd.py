"""Stochastic gradient descent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina import _checks, _core
from lamina._typing import Config
from lamina.optimizers.optimizer import OPTIMIZERS, Optimizer, OptimizerOptions

if TYPE_CHECKING:
    from typing import Unpack


@OPTIMIZERS.register("sgd")
class SGD(Optimizer):
    """Stochastic gradient descent, with momentum if wanted.

    Without momentum `w -= rate * g`; with it `v = momentum * v - rate * g; w += v`; with
    nesterov `w += momentum * v - rate * g` after the same update of v.

    Args:
        learning_rate: A finite number of at least 0.
        momentum: A number from 0 to 1.
        nesterov: Whether to use Nesterov's momentum.
        **options: See `Optimizer`.

    Raises:
        ValueError: If a number is out of range.
        NotImplementedError: For options that are not supported yet.
    """

    def __init__(
        self,
        learning_rate: float = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        **options: Unpack[OptimizerOptions],
    ) -> None:
        self.momentum = _checks.number("SGD", "momentum", momentum, low=0.0, high=1.0)
        self.nesterov = _checks.boolean("SGD", "nesterov", nesterov)
        super().__init__(learning_rate, **options)

    def specification(self) -> _core.Optimizer:
        """What the core needs to compute it."""
        kind = "sgd" if self.momentum == 0.0 else "nesterov" if self.nesterov else "momentum"
        return _core.Optimizer(kind, self.learning_rate, momentum=self.momentum)

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {**super().get_config(), "momentum": self.momentum, "nesterov": self.nesterov}
