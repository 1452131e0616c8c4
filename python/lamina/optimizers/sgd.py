"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

import lamina._core as _core
from lamina import _checks
from lamina._typing import Config
from lamina.optimizers.optimizer import OPTIMIZERS, Optimizer


@OPTIMIZERS.register("sgd")
class SGD(Optimizer):
    """Stochastic gradient descent, with momentum if wanted.

    Without momentum `w -= rate * g`; with it `v = momentum * v - rate * g; w += v`; with
    nesterov `w += momentum * v - rate * g` after the same update of v.

    Args:
        learning_rate: A finite number of at least 0, a schedule or a function.
        momentum: A number from 0 to 1.
        nesterov: Whether to use Nesterov's momentum.
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
            ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps, name: See
            `Optimizer`.

    Raises:
        ValueError: If a number is out of range.
    """

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
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
        self.momentum = _checks.number("SGD", "momentum", momentum, low=0.0, high=1.0)
        self.nesterov = _checks.boolean("SGD", "nesterov", nesterov)
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
        kind = "sgd" if self.momentum == 0.0 else "nesterov" if self.nesterov else "momentum"
        return _core.Optimizer(kind, self._start_rate(), momentum=self.momentum)

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {
            **super().get_config(),
            "momentum": self.momentum,
            "nesterov": self.nesterov,
        }
