"""Muon."""

from __future__ import annotations

import re
from typing import Any

import lamina._core as _core
from lamina import _checks
from lamina._typing import Config
from lamina.optimizers.optimizer import OPTIMIZERS, Optimizer, Placed
from lamina.variable import Variable


@OPTIMIZERS.register("muon")
class Muon(Optimizer):
    """Muon (Jordan, 2024): momentum made orthogonal, for the matrices inside a network.

    Weights with two axes, unless excluded: `m = momentum * m + g`, then x, which is
    `momentum * m + g` with nesterov, else m, goes through `ns_steps` Newton-Schulz steps
    `A = x x^T; x = muon_a * x + (muon_b * A + muon_c * A^2) x`, after a division by its norm, and
    `w -= rate * sqrt(max(rows, columns)) * rms_rate * x`. All other weights take Adam's step with
    `adam_lr_ratio * rate`. The products are the contract's, so the bits are the same everywhere.

    Give the name of the output layer in `exclude_layers`: Muon is not meant for it.

    Args:
        learning_rate: A finite number of at least 0, a schedule or a function.
        adam_beta_1, adam_beta_2, epsilon: Adam's numbers.
        adam_weight_decay: The weight decay of weights that take Adam's step.
        weight_decay: The weight decay of the others.
        clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name: See `Optimizer`.
        exclude_layers: Regular expressions without repetition (`* + ? {`), or just words; weights
            in whose path ("dense/kernel") one of them is found take Adam's step.
        exclude_embeddings: Whether weights with "embedding" in their path do.
        muon_a, muon_b, muon_c: The numbers of the Newton-Schulz step.
        adam_lr_ratio: A number of at least 0.
        momentum: A number from 0 to 1.
        ns_steps: How many Newton-Schulz steps; at least 0.
        nesterov: Whether to use Nesterov's momentum.
        rms_rate: A number (Liu et al., 2025), or None for `w -= rate * x`.

    Raises:
        ValueError: If a number is out of range.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        adam_beta_1: float = 0.9,
        adam_beta_2: float = 0.999,
        adam_weight_decay: float | None = 0.004,
        epsilon: float = 1e-7,
        weight_decay: float | None = 0.004,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        exclude_layers: Any = None,
        exclude_embeddings: bool = True,
        muon_a: float = 3.4445,
        muon_b: float = -4.7750,
        muon_c: float = 2.0315,
        adam_lr_ratio: float = 1.0,
        momentum: float = 0.95,
        ns_steps: int = 5,
        nesterov: bool = True,
        rms_rate: float | None = 0.2,
    ) -> None:
        self.adam_beta_1 = _checks.number(
            "Muon", "adam_beta_1", adam_beta_1, low=0.0, high=1.0, open_high=True
        )
        self.adam_beta_2 = _checks.number(
            "Muon", "adam_beta_2", adam_beta_2, low=0.0, high=1.0, open_high=True
        )
        self.adam_weight_decay = (
            None
            if adam_weight_decay is None
            else _checks.number(
                "Muon", "adam_weight_decay", adam_weight_decay, low=0.0, open_high=True
            )
        )
        self.epsilon = _checks.number("Muon", "epsilon", epsilon, low=0.0, open_high=True)
        names = [exclude_layers] if isinstance(exclude_layers, str) else exclude_layers or []
        self.exclude_layers = [_checked_expression(name) for name in names]
        self.exclude_embeddings = _checks.boolean("Muon", "exclude_embeddings", exclude_embeddings)
        self.muon_a = _checks.number("Muon", "muon_a", muon_a, open_low=True, open_high=True)
        self.muon_b = _checks.number("Muon", "muon_b", muon_b, open_low=True, open_high=True)
        self.muon_c = _checks.number("Muon", "muon_c", muon_c, open_low=True, open_high=True)
        self.adam_lr_ratio = _checks.number(
            "Muon", "adam_lr_ratio", adam_lr_ratio, low=0.0, open_high=True
        )
        self.momentum = _checks.number("Muon", "momentum", momentum, low=0.0, high=1.0)
        self.ns_steps = _checks.integer("Muon", "ns_steps", ns_steps, low=0, high=1000)
        self.nesterov = _checks.boolean("Muon", "nesterov", nesterov)
        self.rms_rate = (
            None
            if rms_rate is None
            else _checks.number("Muon", "rms_rate", rms_rate, open_low=True, open_high=True)
        )
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
            "muon",
            self._start_rate(),
            momentum=self.momentum,
            beta_1=self.adam_beta_1,
            beta_2=self.adam_beta_2,
            epsilon=self.epsilon,
        )

    def _takes_adam(self, weight: Variable) -> bool:
        if len(weight.shape) != 2:
            return True
        if self.exclude_embeddings and "embedding" in weight.path.lower():
            return True
        return any(re.search(expression, weight.path) for expression in self.exclude_layers)

    def _place(self, rule: _core.Optimizer, weights: Placed) -> None:
        rule.set_muon(
            self.muon_a,
            self.muon_b,
            self.muon_c,
            self.ns_steps,
            self.nesterov,
            self.rms_rate,
            self.adam_lr_ratio,
            self.adam_weight_decay,
            [place for place, weight in weights if self._takes_adam(weight)],
        )

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {
            **super().get_config(),
            "adam_beta_1": self.adam_beta_1,
            "adam_beta_2": self.adam_beta_2,
            "epsilon": self.epsilon,
            "exclude_layers": self.exclude_layers,
            "muon_a": self.muon_a,
            "muon_b": self.muon_b,
            "muon_c": self.muon_c,
            "adam_lr_ratio": self.adam_lr_ratio,
            "momentum": self.momentum,
            "ns_steps": self.ns_steps,
            "nesterov": self.nesterov,
            "exclude_embeddings": self.exclude_embeddings,
            "adam_weight_decay": self.adam_weight_decay,
            "rms_rate": self.rms_rate,
        }


def _checked_expression(value: Any) -> str:
    """A regular expression that takes no longer than the text; it may come from a file."""
    if not isinstance(value, str) or any(sign in value for sign in "*+?{") or len(value) > 1000:
        raise ValueError(
            "Muon: `exclude_layers` must hold words, or regular expressions without repetition "
            f"(* + ? {{). Received: {value!r}"
        )
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(
            f"Muon: `exclude_layers` holds no regular expression: {error}. Received: {value!r}"
        ) from None
    return value
