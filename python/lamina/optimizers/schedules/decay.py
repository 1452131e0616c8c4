"""Schedules that decay without cosines."""

from __future__ import annotations

from typing import Any

from lamina import _checks
from lamina._typing import Config
from lamina.optimizers.schedules.schedule import SCHEDULES, CoreSchedule, finite, length, rate


@SCHEDULES.register()
class ExponentialDecay(CoreSchedule):
    """`initial_learning_rate * decay_rate ** (step / decay_steps)`.

    Args:
        initial_learning_rate: The first learning rate.
        decay_steps: After how many steps it is multiplied by `decay_rate`; above 0.
        decay_rate: A number of at least 0.
        staircase: Whether to round `step / decay_steps` down.
        name: Its name.

    Example:
        >>> lamina.optimizers.schedules.ExponentialDecay(0.5, 100, 0.25)(50)
        0.25
    """

    _kind = "exponential_decay"

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ) -> None:
        where = "ExponentialDecay"
        self.initial_learning_rate = rate(where, "initial_learning_rate", initial_learning_rate)
        self.decay_steps = length(where, "decay_steps", decay_steps)
        self.decay_rate = rate(where, "decay_rate", decay_rate)
        self.staircase = _checks.boolean(where, "staircase", staircase)
        self.name = name

    def _numbers(self) -> list[float]:
        return [
            self.initial_learning_rate,
            self.decay_steps,
            self.decay_rate,
            float(self.staircase),
        ]

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "decay_rate": self.decay_rate,
            "staircase": self.staircase,
            "name": self.name,
        }


@SCHEDULES.register()
class PiecewiseConstantDecay(CoreSchedule):
    """`values[i]` up to and with step `boundaries[i]`, the last value behind them all.

    Args:
        boundaries: Steps in increasing order.
        values: Learning rates, one more than boundaries.
        name: Its name.

    Example:
        >>> schedule = lamina.optimizers.schedules.PiecewiseConstantDecay([10], [0.5, 0.25])
        >>> schedule(10), schedule(11)
        (0.5, 0.25)
    """

    _kind = "piecewise_constant_decay"

    def __init__(self, boundaries: Any, values: Any, name: str = "PiecewiseConstant") -> None:
        where = "PiecewiseConstantDecay"
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                f"{where}: there must be one more of `values` than of `boundaries`. "
                f"Received: boundaries={boundaries} and values={values}"
            )
        self.boundaries = [_checks.number(where, "boundaries", b) for b in boundaries]
        if any(
            not low < high for low, high in zip(self.boundaries, self.boundaries[1:], strict=False)
        ):
            raise ValueError(f"{where}: `boundaries` must increase. Received: {boundaries}")
        self.values = [rate(where, "values", v) for v in values]
        self.name = name

    def _numbers(self) -> list[float]:
        return [*self.boundaries, *self.values]

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        boundaries = [int(b) if b == int(b) else b for b in self.boundaries]
        return {"boundaries": boundaries, "values": list(self.values), "name": self.name}


@SCHEDULES.register()
class PolynomialDecay(CoreSchedule):
    """`(initial - end) * (1 - step / decay_steps) ** power + end`, and `end` ever after.

    Args:
        initial_learning_rate: The first learning rate.
        decay_steps: How many steps the decay takes; above 0.
        end_learning_rate: The last learning rate.
        power: The power; 1 gives a line.
        cycle: Whether to start again, from ever lower: `decay_steps` is then the first multiple
            of itself that is not below the step.
        name: Its name.
    """

    _kind = "polynomial_decay"

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ) -> None:
        where = "PolynomialDecay"
        self.initial_learning_rate = rate(where, "initial_learning_rate", initial_learning_rate)
        self.decay_steps = length(where, "decay_steps", decay_steps)
        self.end_learning_rate = rate(where, "end_learning_rate", end_learning_rate)
        self.power = finite(where, "power", power)
        self.cycle = _checks.boolean(where, "cycle", cycle)
        self.name = name

    def _numbers(self) -> list[float]:
        return [
            self.initial_learning_rate,
            self.decay_steps,
            self.end_learning_rate,
            self.power,
            float(self.cycle),
        ]

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "end_learning_rate": self.end_learning_rate,
            "power": self.power,
            "cycle": self.cycle,
            "name": self.name,
        }


@SCHEDULES.register()
class InverseTimeDecay(CoreSchedule):
    """`initial_learning_rate / (1 + decay_rate * step / decay_steps)`.

    Args:
        initial_learning_rate: The first learning rate.
        decay_steps: A number of steps above 0.
        decay_rate: A number of at least 0.
        staircase: Whether to round `step / decay_steps` down.
        name: Its name.
    """

    _kind = "inverse_time_decay"

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ) -> None:
        where = "InverseTimeDecay"
        self.initial_learning_rate = rate(where, "initial_learning_rate", initial_learning_rate)
        self.decay_steps = length(where, "decay_steps", decay_steps)
        self.decay_rate = rate(where, "decay_rate", decay_rate)
        self.staircase = _checks.boolean(where, "staircase", staircase)
        self.name = name

    def _numbers(self) -> list[float]:
        return [
            self.initial_learning_rate,
            self.decay_steps,
            self.decay_rate,
            float(self.staircase),
        ]

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "decay_rate": self.decay_rate,
            "staircase": self.staircase,
            "name": self.name,
        }
