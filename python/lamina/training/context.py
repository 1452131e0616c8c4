"""What the parts of a training need to know of the trainer."""

from __future__ import annotations

from typing import Any, Protocol

from lamina._typing import Shape
from lamina.execution.engine import Counters, Engine
from lamina.execution.trainable import Trainable
from lamina.training.compile_config import CompileConfig


class TrainingContext(Protocol):
    """The trainer of a model; see `lamina.training.trainer.Trainer`."""

    config: CompileConfig | None
    engine: Engine | None
    counters: Counters
    fit_state: Any
    history: Any

    @property
    def model(self) -> Trainable:
        """The model."""

    def compiled_config(self, method: str = "training") -> CompileConfig:
        """The settings of a compiled model."""

    def compile_engine(self) -> None:
        """Compiles the engine, if there is one, with settings that have changed."""

    def ready(self) -> Engine:
        """The engine."""

    def ready_for(self, samples: list[Shape]) -> Engine:
        """The engine, after building the model for samples of these shapes."""
