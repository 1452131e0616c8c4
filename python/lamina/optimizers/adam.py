"""Adam."""

from __future__ import annotations

from typing import Any

import lamina._core as _core
from lamina import _checks
from lamina._typing import Config
from lamina.optimizers.optimizer import OPTIMIZERS, Optimizer


@OPTIMIZERS.register("adam")
class Adam(Optimizer):
    """Adam, as Keras has it: epsilon outside the square root, bias correction in the rate.

    `m += (g - m) * (1 - beta_1); v += (g^2 - v) * (1 - beta_2);
    w -= rate * sqrt(1 - beta_2^t) / (1 - beta_1^t) * m / (sqrt(v) + epsilon)`.

    Args:
        learning_rate: A finite number of at least 0, a schedule or a function.
        beta_1, beta_2: How slowly m and v change, from 0 up to and without 1.
        epsilon: A finite number of at least 0.
        amsgrad: Whether to divide by the largest v so far instead of v.
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
            ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps, name: See
            `Optimizer`.

    Raises:
        ValueError: If a number is out of range.
    """

    _slot_order = {"velocity_hat": 3}  # noqa: RUF012

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
    ) -> None:
        self.beta_1 = _checks.number("Adam", "beta_1", beta_1, low=0.0, high=1.0, open_high=True)
        self.beta_2 = _checks.number("Adam", "beta_2", beta_2, low=0.0, high=1.0, open_high=True)
        self.epsilon = _checks.number("Adam", "epsilon", epsilon, low=0.0, open_high=True)
        self.amsgrad = _checks.boolean("Adam", "amsgrad", amsgrad)
        super().__init__(
            learning_rate,
            weight_decay,
            clipnorm,
            clipvalue,
            global_clipnorm,
            use_ema,
            ema_momentum,
            ema_overwrite_frequency,
            loss_scale_factor,
            gradient_accumulation_steps,
            name,
        )

    def _rule(self) -> _core.Optimizer:
        return _core.Optimizer(
            "amsgrad" if self.amsgrad else "adam",
            self._start_rate(),
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
            "amsgrad": self.amsgrad,
        }
