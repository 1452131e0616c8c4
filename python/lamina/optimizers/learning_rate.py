"""What a learning rate may be: a number, a schedule, or a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lamina._core as _core
from lamina import _checks
from lamina.optimizers.schedules.schedule import SCHEDULES, LearningRateSchedule

Rate = float | LearningRateSchedule | Callable[[], Any]


def checked_rate(where: str, value: Any) -> Rate:
    """What an optimizer keeps of a learning rate that it is given.

    Raises:
        ValueError: If it is no number of at least 0, no schedule and no function.
    """
    if isinstance(value, dict):
        value = SCHEDULES.create(value)
    if isinstance(value, LearningRateSchedule):
        return value
    if callable(value) and not isinstance(value, type):
        return value  # type: ignore[no-any-return]
    return checked_number(where, value)


def checked_number(where: str, value: Any) -> float:
    """A rate as a number."""
    return _checks.number(where, "learning_rate", value, low=0.0, open_high=True)


def rate_at(where: str, rate: Rate, step: int) -> float:
    """The number for a step."""
    if isinstance(rate, LearningRateSchedule):
        return checked_number(where, rate(step))
    return checked_number(where, rate()) if callable(rate) else rate


def has_python_schedule(rate: Rate) -> bool:
    """Whether each step calls a function of Python for its rate."""
    if isinstance(rate, LearningRateSchedule):
        return rate.specification() is None
    return callable(rate)


def with_rate(where: str, rule: _core.Optimizer, rate: Rate) -> _core.Optimizer:
    """The rule, which follows a schedule or calls a function from now on if the rate is one."""
    if isinstance(rate, LearningRateSchedule):
        specification = rate.specification()
        if specification is not None:
            rule.schedule = specification
        else:
            rule.set_rate_function(_checked_schedule(where, rate))
    elif callable(rate):
        function = rate
        rule.set_rate_function(_checked_schedule(where, lambda step: function()))
    return rule


def _checked_schedule(where: str, function: Callable[[int], Any]) -> Callable[[int], float]:
    """A function of the step for the core, with what it returns checked."""

    def rate(step: int) -> float:
        return checked_number(where, function(step))

    return rate
