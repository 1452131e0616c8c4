"""Optimizers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina._lazy import late_names
from lamina.optimizers import schedules
from lamina.optimizers.adam import Adam
from lamina.optimizers.adamw import AdamW
from lamina.optimizers.optimizer import OPTIMIZERS, Optimizer
from lamina.optimizers.resolve import deserialize, get, serialize
from lamina.optimizers.rmsprop import RMSprop
from lamina.optimizers.sgd import SGD

if TYPE_CHECKING:
    from lamina.optimizers.adadelta import Adadelta
    from lamina.optimizers.adafactor import Adafactor
    from lamina.optimizers.adagrad import Adagrad
    from lamina.optimizers.adamax import Adamax
    from lamina.optimizers.ftrl import Ftrl
    from lamina.optimizers.lamb import Lamb
    from lamina.optimizers.lbfgs import LBFGS
    from lamina.optimizers.lion import Lion
    from lamina.optimizers.loss_scale import LossScaleOptimizer
    from lamina.optimizers.muon import Muon
    from lamina.optimizers.nadam import Nadam
    from lamina.optimizers.schedule_free_adamw import ScheduleFreeAdamW

__all__ = [
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "LossScaleOptimizer",
    "Muon",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "ScheduleFreeAdamW",
    "deserialize",
    "get",
    "schedules",
    "serialize",
]

# Few models use one of these: each is loaded when first used.
_LATE = {
    "Adadelta": "lamina.optimizers.adadelta",
    "Adafactor": "lamina.optimizers.adafactor",
    "Adagrad": "lamina.optimizers.adagrad",
    "Adamax": "lamina.optimizers.adamax",
    "Ftrl": "lamina.optimizers.ftrl",
    "Lamb": "lamina.optimizers.lamb",
    "LBFGS": "lamina.optimizers.lbfgs",
    "Lion": "lamina.optimizers.lion",
    "LossScaleOptimizer": "lamina.optimizers.loss_scale",
    "Muon": "lamina.optimizers.muon",
    "Nadam": "lamina.optimizers.nadam",
    "ScheduleFreeAdamW": "lamina.optimizers.schedule_free_adamw",
}
for _name, _module in _LATE.items():
    OPTIMIZERS.register_lazy(_module, _name, _name.lower())
OPTIMIZERS.register_lazy("lamina.optimizers.schedule_free_adamw", "schedule_free_adamw")
__getattr__ = late_names(__name__, _LATE)


def __dir__() -> list[str]:
    return sorted(__all__)
