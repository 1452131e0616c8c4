"""Lion."""

from __future__ import annotations

from typing import Any

import lamina._core as _core
from lamina import _checks
from lamina._typing import Config
from lamina.optimizers.optimizer import OPTIMIZERS, Optimizer


@OPTIMIZERS.register("lion")
class Lion(Optimizer):
    """Lion (Chen et al., 2023): steps of one size, whose signs come from a momentum.

    `w -= rate * sign(beta_1 * m + (1 - beta_1) * g); m = beta_2 * m + (1 - beta_2) * g`.

    Args:
        learning_rate: A finite number of at least 0, a schedule or a function. (A tenth of
            Adam's is usual.)
        beta_1: A number above 0 and at most 1.
        beta_2: A number from 0 to 1.
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
            ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps, name: See
            `Optimizer`.

    Raises:
        ValueError: If a number is out of range.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
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
        self.beta_1 = _checks.number("Lion", "beta_1", beta_1, low=0.0, open_low=True, high=1.0)
        self.beta_2 = _checks.number("Lion", "beta_2", beta_2, low=0.0, high=1.0)
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
        return _core.Optimizer("lion", self._start_rate(), beta_1=self.beta_1, beta_2=self.beta_2)

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
        }
