"""Adafactor."""

from __future__ import annotations

from typing import Any

import lamina._core as _core
from lamina import _checks
from lamina._typing import Config
from lamina.optimizers.optimizer import OPTIMIZERS, Optimizer


@OPTIMIZERS.register("adafactor")
class Adafactor(Optimizer):
    """Adafactor (Shazeer and Stern, 2018): second moments from those of rows and columns.

    With `rho = min(rate, 1 / sqrt(t))`, `alpha = max(epsilon_2, rms(w)) * rho` and
    `beta = 1 - t ** beta_2_decay`: r and c are moving averages, with beta, of the means of
    `g^2 + epsilon_1` along rows and columns, `v = r c / mean(r)`, `u = g / sqrt(v)` and
    `w -= alpha * u / max(1, rms(u) / clip_threshold)`. Weights with less than two axes keep a v
    of their own.

    Args:
        learning_rate: A finite number of at least 0, a schedule or a function.
        beta_2_decay: The power by which the averages slow down.
        epsilon_1, epsilon_2: Finite numbers of at least 0.
        clip_threshold: A number above 0.
        relative_step: Accepted with Keras' meaning, where it changes nothing: the learning rate
            is at most `1 / sqrt(t)` either way.
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
            ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps, name: See
            `Optimizer`.

    Raises:
        ValueError: If a number is out of range.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
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
        self.beta_2_decay = _checks.number(
            "Adafactor", "beta_2_decay", beta_2_decay, open_low=True, open_high=True
        )
        self.epsilon_1 = _checks.number(
            "Adafactor", "epsilon_1", epsilon_1, low=0.0, open_high=True
        )
        self.epsilon_2 = _checks.number(
            "Adafactor", "epsilon_2", epsilon_2, low=0.0, open_high=True
        )
        self.clip_threshold = _checks.number(
            "Adafactor", "clip_threshold", clip_threshold, low=0.0, open_low=True, open_high=True
        )
        self.relative_step = _checks.boolean("Adafactor", "relative_step", relative_step)
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
        rule = _core.Optimizer("adafactor", self._start_rate())
        rule.set_adafactor(self.beta_2_decay, self.epsilon_1, self.epsilon_2, self.clip_threshold)
        return rule

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {
            **super().get_config(),
            "beta_2_decay": self.beta_2_decay,
            "epsilon_1": self.epsilon_1,
            "epsilon_2": self.epsilon_2,
            "clip_threshold": self.clip_threshold,
            "relative_step": self.relative_step,
        }
