"""Learning rates as functions of the step."""

from __future__ import annotations

from typing import Any

from lamina.optimizers.schedules.cosine import CosineDecay, CosineDecayRestarts, OneCycle
from lamina.optimizers.schedules.decay import (
    ExponentialDecay,
    InverseTimeDecay,
    PiecewiseConstantDecay,
    PolynomialDecay,
)
from lamina.optimizers.schedules.schedule import SCHEDULES, LearningRateSchedule
from lamina.registry import custom_object_scope, serialize_keras_object

__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "OneCycle",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "deserialize",
    "serialize",
]


def serialize(learning_rate_schedule: LearningRateSchedule) -> Any:
    """A schedule's settings as plain data."""
    return serialize_keras_object(learning_rate_schedule)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> LearningRateSchedule:
    """The schedule of what `serialize` returned.

    Raises:
        ValueError: If the configuration is malformed, or describes no schedule.
    """
    with custom_object_scope(custom_objects):
        schedule = SCHEDULES.create(config)
    if not isinstance(schedule, LearningRateSchedule):
        raise ValueError(f"A learning-rate schedule is needed. Received: {schedule!r}")
    return schedule


def __dir__() -> list[str]:
    return sorted(__all__)
