"""Adadelta."""

from __future__ import annotations

from typing import Any

import lamina._core as _core
from lamina import _checks
from lamina._typing import Config
from lamina.optimizers.optimizer import OPTIMIZERS, Optimizer


@OPTIMIZERS.register("adadelta")
class Adadelta(Optimizer):
    """Adadelta (Zeiler, 2012): steps in the units of the weights.

    `a = rho * a + (1 - rho) * g^2; d = -sqrt(b + epsilon) / sqrt(a + epsilon) * g;
    b = rho * b + (1 - rho) * d^2; w += rate * d`.

    Args:
        learning_rate: A finite number of at least 0, a schedule or a function. (1 is the
            paper's.)
        rho: How slowly the averages change, from 0 to 1.
        epsilon: A finite number of at least 0.
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
            ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps, name: See
            `Optimizer`.

    Raises:
        ValueError: If a number is out of range.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-7,
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
        self.rho = _checks.number("Adadelta", "rho", rho, low=0.0, high=1.0)
        self.epsilon = _checks.number("Adadelta", "epsilon", epsilon, low=0.0, open_high=True)
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
        rule = _core.Optimizer("adadelta", self._start_rate(), epsilon=self.epsilon)
        rule.rho = self.rho
        return rule

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {
            **super().get_config(),
            "rho": self.rho,
            "epsilon": self.epsilon,
        }
