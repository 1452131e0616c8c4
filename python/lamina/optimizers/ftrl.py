"""FTRL."""

from __future__ import annotations

from typing import Any

import lamina._core as _core
from lamina import _checks
from lamina._typing import Config
from lamina.optimizers.optimizer import OPTIMIZERS, Optimizer


@OPTIMIZERS.register("ftrl")
class Ftrl(Optimizer):
    """Follow the regularized leader (McMahan et al., 2013), with Keras' shrinkage.

    With `s(x) = x ** -learning_rate_power` and `l2' = l2 + beta / (2 * rate)`:
    `b = a + g^2; z += g + 2 * shrinkage * w - (s(b) - s(a)) / rate * w; a = b;
    w = (clip(z, -l1, l1) - z) / (s(b) / rate + 2 * l2')`.

    Args:
        learning_rate: A finite number above 0, a schedule or a function.
        learning_rate_power: A number of at most 0; 0 keeps the learning rate fixed.
        initial_accumulator_value: Where a starts; at least 0.
        l1_regularization_strength: l1; at least 0.
        l2_regularization_strength: l2; at least 0.
        l2_shrinkage_regularization_strength: The shrinkage; at least 0.
        beta: A number of at least 0.
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
            ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps, name: See
            `Optimizer`.

    Raises:
        ValueError: If a number is out of range.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
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
        self.learning_rate_power = _checks.number(
            "Ftrl", "learning_rate_power", learning_rate_power, open_low=True, high=0.0
        )
        self.initial_accumulator_value = _checks.number(
            "Ftrl", "initial_accumulator_value", initial_accumulator_value, low=0.0, open_high=True
        )
        self.l1_regularization_strength = _checks.number(
            "Ftrl",
            "l1_regularization_strength",
            l1_regularization_strength,
            low=0.0,
            open_high=True,
        )
        self.l2_regularization_strength = _checks.number(
            "Ftrl",
            "l2_regularization_strength",
            l2_regularization_strength,
            low=0.0,
            open_high=True,
        )
        self.l2_shrinkage_regularization_strength = _checks.number(
            "Ftrl",
            "l2_shrinkage_regularization_strength",
            l2_shrinkage_regularization_strength,
            low=0.0,
            open_high=True,
        )
        self.beta = _checks.number("Ftrl", "beta", beta, low=0.0, open_high=True)
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
        kind = "ftrl" if self.learning_rate_power == -0.5 else "ftrl_power"
        rule = _core.Optimizer(kind, self._start_rate())
        rule.initial_accumulator_value = self.initial_accumulator_value
        rule.set_ftrl(
            self.learning_rate_power,
            self.l1_regularization_strength,
            self.l2_regularization_strength,
            self.l2_shrinkage_regularization_strength,
            self.beta,
        )
        return rule

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {
            **super().get_config(),
            "learning_rate_power": self.learning_rate_power,
            "initial_accumulator_value": self.initial_accumulator_value,
            "l1_regularization_strength": self.l1_regularization_strength,
            "l2_regularization_strength": self.l2_regularization_strength,
            "l2_shrinkage_regularization_strength": self.l2_shrinkage_regularization_strength,
            "beta": self.beta,
        }
