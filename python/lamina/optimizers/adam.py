"""Adam."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina import _checks, _core
from lamina._typing import Config
from lamina.optimizers.optimizer import OPTIMIZERS, Optimizer, OptimizerOptions

if TYPE_CHECKING:
    from typing import Unpack


@OPTIMIZERS.register("adam")
class Adam(Optimizer):
    """Adam, as Keras has it: epsilon outside the square root, bias correction in the rate.

    `m += (g - m) * (1 - beta_1); v += (g^2 - v) * (1 - beta_2);
    w -= rate * sqrt(1 - beta_2^t) / (1 - beta_1^t) * m / (sqrt(v) + epsilon)`.

    Args:
        learning_rate: A finite number of at least 0.
        beta_1, beta_2: How slowly m and v change, from 0 up to and without 1.
        epsilon: A finite number of at least 0.
        amsgrad: Not supported yet: False only.
        **options: See `Optimizer`.

    Raises:
        ValueError: If a number is out of range.
        NotImplementedError: For options that are not supported yet.
    """

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **options: Unpack[OptimizerOptions],
    ) -> None:
        _checks.require_default("Adam", amsgrad=amsgrad)
        self.beta_1 = _checks.number("Adam", "beta_1", beta_1, low=0.0, high=1.0, open_high=True)
        self.beta_2 = _checks.number("Adam", "beta_2", beta_2, low=0.0, high=1.0, open_high=True)
        self.epsilon = _checks.number("Adam", "epsilon", epsilon, low=0.0, open_high=True)
        super().__init__(learning_rate, **options)

    def specification(self) -> _core.Optimizer:
        """What the core needs to compute it."""
        return _core.Optimizer(
            "adam",
            self.learning_rate,
            beta_1=self.beta_1,
            beta_2=self.beta_2,
            epsilon=self.epsilon,
        )

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "amsgrad": False,
        }
