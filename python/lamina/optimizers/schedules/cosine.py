"""Schedules along cosines."""

from __future__ import annotations

from lamina import _checks
from lamina._typing import Config
from lamina.optimizers.schedules.schedule import SCHEDULES, CoreSchedule, finite, length, rate


@SCHEDULES.register()
class CosineDecay(CoreSchedule):
    """Half a cosine from the initial learning rate down to `alpha` times it, after a warm-up.

    `initial * ((1 - alpha) * (1 + cos(pi * step / decay_steps)) / 2 + alpha)`.

    Args:
        initial_learning_rate: The first learning rate.
        decay_steps: How many steps the decay takes; above 0.
        alpha: The last learning rate as a share of the one that the decay starts from.
        name: Its name.
        warmup_target: If given, the learning rate first goes along a line from the initial one
            to this one, and decays from there.
        warmup_steps: How many steps that line takes.

    Example:
        >>> schedule = lamina.optimizers.schedules.CosineDecay(
        ...     0.0, 1000, warmup_target=0.5, warmup_steps=100)
        >>> schedule(50), schedule(100), schedule(600), schedule(1100)
        (0.25, 0.5, 0.25, 0.0)
    """

    _kind = "cosine_decay"

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: float = 0,
    ) -> None:
        where = "CosineDecay"
        self.initial_learning_rate = rate(where, "initial_learning_rate", initial_learning_rate)
        self.decay_steps = length(where, "decay_steps", decay_steps)
        self.alpha = finite(where, "alpha", alpha)
        self.name = name
        self.warmup_target = (
            None if warmup_target is None else rate(where, "warmup_target", warmup_target)
        )
        self.warmup_steps = _checks.number(
            where, "warmup_steps", warmup_steps, low=0.0, open_high=True
        )

    def _numbers(self) -> list[float]:
        warm = self.warmup_target is not None
        target = self.warmup_target if self.warmup_target is not None else 0.0
        return [
            self.initial_learning_rate,
            self.decay_steps,
            self.alpha,
            float(warm),
            target,
            self.warmup_steps,
        ]

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        steps = self.warmup_steps
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "alpha": self.alpha,
            "name": self.name,
            "warmup_target": self.warmup_target,
            "warmup_steps": int(steps) if steps == int(steps) else steps,
        }


@SCHEDULES.register()
class CosineDecayRestarts(CoreSchedule):
    """A `CosineDecay` that starts again and again (SGDR).

    Args:
        initial_learning_rate: The first learning rate.
        first_decay_steps: How many steps the first decay takes; above 0.
        t_mul: How many times as long each next one takes; above 0.
        m_mul: How many times as high each next one starts.
        alpha: The lowest learning rate as a share of the initial one.
        name: Its name.
    """

    _kind = "cosine_decay_restarts"

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: float,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ) -> None:
        where = "CosineDecayRestarts"
        self.initial_learning_rate = rate(where, "initial_learning_rate", initial_learning_rate)
        self.first_decay_steps = length(where, "first_decay_steps", first_decay_steps)
        self.t_mul = _checks.number(where, "t_mul", t_mul, low=0.0, open_low=True, open_high=True)
        self.m_mul = rate(where, "m_mul", m_mul)
        self.alpha = finite(where, "alpha", alpha)
        self.name = name

    def _numbers(self) -> list[float]:
        return [
            self.initial_learning_rate,
            self.first_decay_steps,
            self.t_mul,
            self.m_mul,
            self.alpha,
        ]

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "first_decay_steps": self.first_decay_steps,
            "t_mul": self.t_mul,
            "m_mul": self.m_mul,
            "alpha": self.alpha,
            "name": self.name,
        }


@SCHEDULES.register()
class OneCycle(CoreSchedule):
    """One cycle: up to the maximum, then down to almost nothing (Smith and Topin, 2017).

    Keras has no such schedule; this one gives the numbers of PyTorch's `OneCycleLR`, without
    its cycling of momentum. After `total_steps` the learning rate stays at its last value.

    Args:
        max_learning_rate: The highest learning rate.
        total_steps: The number of steps of the whole cycle; above 0.
        pct_start: The share of steps that go up, from 0 to 1.
        anneal_strategy: "cos" or "linear".
        div_factor: The first learning rate is the maximum divided by this.
        final_div_factor: The last learning rate is the first one divided by this.
        three_phase: Whether to come down to the first learning rate in as many steps as it went
            up, and to the last one in the rest, instead of in one phase.
        name: Its name.

    Example:
        >>> schedule = lamina.optimizers.schedules.OneCycle(0.5, total_steps=100)
        >>> schedule(29), schedule(64) < 0.3
        (0.5, True)
    """

    _kind = "one_cycle"

    def __init__(
        self,
        max_learning_rate: float,
        total_steps: int,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        name: str = "OneCycle",
    ) -> None:
        where = "OneCycle"
        self.max_learning_rate = rate(where, "max_learning_rate", max_learning_rate)
        self.total_steps = _checks.integer(where, "total_steps", total_steps, low=1)
        self.pct_start = _checks.number(where, "pct_start", pct_start, low=0.0, high=1.0)
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"{where}: `anneal_strategy` must be 'cos' or 'linear'. "
                f"Received: anneal_strategy={anneal_strategy!r}"
            )
        self.anneal_strategy = anneal_strategy

        self.div_factor = _checks.number(
            where, "div_factor", div_factor, low=0.0, open_low=True, open_high=True
        )
        self.final_div_factor = _checks.number(
            where, "final_div_factor", final_div_factor, low=0.0, open_low=True, open_high=True
        )
        self.three_phase = _checks.boolean(where, "three_phase", three_phase)
        self.name = name

    def _numbers(self) -> list[float]:
        first = self.max_learning_rate / self.div_factor
        return [
            self.max_learning_rate,
            self.total_steps,
            self.pct_start,
            float(self.anneal_strategy == "linear"),
            first,
            first / self.final_div_factor,
            float(self.three_phase),
        ]

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {
            "max_learning_rate": self.max_learning_rate,
            "total_steps": self.total_steps,
            "pct_start": self.pct_start,
            "anneal_strategy": self.anneal_strategy,
            "div_factor": self.div_factor,
            "final_div_factor": self.final_div_factor,
            "three_phase": self.three_phase,
            "name": self.name,
        }
