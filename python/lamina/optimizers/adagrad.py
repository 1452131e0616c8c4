"""Adagrad."""

from __future__ import annotations

from typing import Any

import lamina._core as _core
from lamina import _checks
from lamina._typing import Config
from lamina.optimizers.optimizer import OPTIMIZERS, Optimizer


@OPTIMIZERS.register("adagrad")
class Adagrad(Optimizer):
    """Adagrad: steps divided by the root of the sum of all squared gradients.

    `a += g^2; w -= rate * g / sqrt(a + epsilon)`.

    Args:
        learning_rate: A finite number of at least 0, a schedule or a function.
        initial_accumulator_value: Where a starts; at least 0.
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
        initial_accumulator_value: float = 0.1,
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
        self.initial_accumulator_value = _checks.number(
            "Adagrad",
            "initial_accumulator_value",
            initial_accumulator_value,
            low=0.0,
            open_high=True,
        )
        self.epsilon = _checks.number("Adagrad", "epsilon", epsilon, low=0.0, open_high=True)
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
        rule = _core.Optimizer("adagrad", self._start_rate(), epsilon=self.epsilon)
        rule.initial_accumulator_value = self.initial_accumulator_value
        return rule

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {
            **super().get_config(),
            "initial_accumulator_value": self.initial_accumulator_value,
            "epsilon": self.epsilon,
        }
