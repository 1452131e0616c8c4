"""RMSprop."""

from __future__ import annotations

from typing import Any

import lamina._core as _core
from lamina import _checks
from lamina._typing import Config
from lamina.optimizers.optimizer import OPTIMIZERS, Optimizer


@OPTIMIZERS.register("rmsprop")
class RMSprop(Optimizer):
    """RMSprop: steps divided by the root of a moving average of squared gradients.

    `v = rho * v + (1 - rho) * g^2; i = rate * g / sqrt(v + epsilon)`, then `w -= i`, or with
    momentum `m = momentum * m + i; w -= m`. Centered, v is replaced in the root by
    `max(0, v - a^2)` with `a = rho * a + (1 - rho) * g`: an estimate of the variance. (It cannot
    turn negative by rounding here, as it can in Keras, whose weights become NaN then.)

    Args:
        learning_rate: A finite number of at least 0, a schedule or a function.
        rho: How slowly the averages change, from 0 to 1.
        momentum: A number from 0 to 1.
        epsilon: A finite number of at least 0.
        centered: Whether to divide by the estimated standard deviation.
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
            ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps, name: See
            `Optimizer`.

    Raises:
        ValueError: If a number is out of range.
    """

    _slot_order = {"velocity": 2, "momentum": 3, "average_gradient": 4}  # noqa: RUF012

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
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
        self.rho = _checks.number("RMSprop", "rho", rho, low=0.0, high=1.0)
        self.momentum = _checks.number("RMSprop", "momentum", momentum, low=0.0, high=1.0)
        self.epsilon = _checks.number("RMSprop", "epsilon", epsilon, low=0.0, open_high=True)
        self.centered = _checks.boolean("RMSprop", "centered", centered)
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
        kind = "rmsprop" + "_centered" * self.centered + "_momentum" * (self.momentum > 0.0)
        rule = _core.Optimizer(
            kind, self._start_rate(), momentum=self.momentum, epsilon=self.epsilon
        )
        rule.rho = self.rho
        return rule

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {
            **super().get_config(),
            "rho": self.rho,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "centered": self.centered,
        }
