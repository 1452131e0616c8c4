"""What every learning-rate schedule is."""

from __future__ import annotations

from typing import Any, TypeVar

import lamina._core as _core
from lamina import _checks
from lamina._typing import Config
from lamina.registry import Registry

SCHEDULES = Registry("learning-rate schedule", "optimizers.schedules")

Self = TypeVar("Self", bound="LearningRateSchedule")


class LearningRateSchedule:
    """A learning rate that is a function of the step; the first step is 0.

    A custom schedule defines `__call__(self, step)`, and `get_config` so that it can be
    saved. It is called once for each step; the schedules of this module need no call of Python
    while an epoch runs.

    Example:
        >>> class Half(lamina.optimizers.schedules.LearningRateSchedule):
        ...     def __call__(self, step):
        ...         return 0.5 / (step + 1)
        >>> lamina.optimizers.SGD(Half()).learning_rate
        0.5
    """

    def __call__(self, step: Any) -> Any:
        """The learning rate of a step."""
        raise NotImplementedError(
            f"Learning rate schedule '{type(self).__name__}' must define `__call__(self, step)`."
        )

    def specification(self) -> _core.Schedule | None:
        """What the core needs to compute it; None if only Python can."""
        return None

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        raise NotImplementedError(
            f"Learning rate schedule '{type(self).__name__}' must define `get_config()` to be "
            "saved."
        )

    @classmethod
    def from_config(cls: type[Self], config: Config) -> Self:
        """The schedule that `get_config` described."""
        return cls(**config)


class CoreSchedule(LearningRateSchedule):
    """A schedule that the core computes, in double precision."""

    name: str

    def _numbers(self) -> list[float]:
        raise NotImplementedError

    #: Its name in the core.
    _kind = ""

    def specification(self) -> _core.Schedule | None:
        """What the core needs to compute it; None if a subclass computes something else."""
        if type(self).__call__ is not CoreSchedule.__call__:
            return None
        return _core.Schedule(self._kind, self._numbers())

    def __call__(self, step: Any) -> Any:
        """The learning rate of a step.

        Args:
            step: An integer of at least 0.
        """
        number = _checks.integer(type(self).__name__, "step", step, low=0)
        return _core.Schedule(self._kind, self._numbers())(number)

    def __repr__(self) -> str:
        arguments = ", ".join(f"{key}={value!r}" for key, value in self.get_config().items())
        return f"{type(self).__name__}({arguments})"


def rate(where: str, name: str, value: Any) -> float:
    """`value` as a learning rate."""
    return _checks.number(where, name, value, low=0.0, open_high=True)


def finite(where: str, name: str, value: Any) -> float:
    """`value` as a finite number."""
    return _checks.number(where, name, value, open_low=True, open_high=True)


def length(where: str, name: str, value: Any) -> float:
    """`value` as a number of steps: above 0, and a float only if it was one."""
    number = _checks.number(where, name, value, low=0.0, open_low=True, open_high=True)
    return int(number) if number == int(number) else number
