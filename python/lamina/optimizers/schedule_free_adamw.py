"""ScheduleFreeAdamW."""

from __future__ import annotations

from typing import Any

import lamina._core as _core
from lamina import _checks
from lamina._typing import Config
from lamina.optimizers.optimizer import OPTIMIZERS, Optimizer


@OPTIMIZERS.register("schedulefreeadamw", "schedule_free_adamw")
class ScheduleFreeAdamW(Optimizer):
    """AdamW that needs no schedule of learning rates (Defazio and others, 2024).

    Gradients move z, x is the mean of all z, and the weights are between them. At step t, from 1,
    with v as Adam's: `z -= rate * g / (sqrt(v / (1 - beta_2^t)) + epsilon)`,
    `x += (z - x) / t`, `w = (1 - beta_1) * z + beta_1 * x`. z starts as the weights.

    Args:
        learning_rate: A finite number of at least 0, a schedule or a function.
        beta_1: How near to x the weights are, above 0 and below 1.
        beta_2: How slowly v changes, from 0 up to and without 1.
        epsilon: A finite number of at least 0.
        warmup_steps: Over so many steps the learning rate grows to its value.
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
            ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps, name: See
            `Optimizer`.

    Raises:
        ValueError: If a number is out of range.
    """

    def __init__(
        self,
        learning_rate: Any = 0.0025,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        warmup_steps: int = 0,
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
        where = "ScheduleFreeAdamW"
        self.beta_1 = _checks.number(
            where, "beta_1", beta_1, low=0.0, high=1.0, open_low=True, open_high=True
        )
        self.beta_2 = _checks.number(where, "beta_2", beta_2, low=0.0, high=1.0, open_high=True)
        self.epsilon = _checks.number(where, "epsilon", epsilon, low=0.0, open_high=True)
        self.warmup_steps = _checks.integer(where, "warmup_steps", warmup_steps, low=0)
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
        rule = _core.Optimizer(
            "schedule_free",
            self._start_rate(),
            beta_1=self.beta_1,
            beta_2=self.beta_2,
            epsilon=self.epsilon,
        )
        rule.warmup_steps = self.warmup_steps
        return rule

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "warmup_steps": self.warmup_steps,
        }
