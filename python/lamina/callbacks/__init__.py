"""What can watch and steer training."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from lamina.callbacks.callback import Callback
from lamina.callbacks.callback_list import CallbackList
from lamina.callbacks.history import History
from lamina.callbacks.lambda_callback import LambdaCallback
from lamina.callbacks.progress import ProgbarLogger

if TYPE_CHECKING:
    from lamina.callbacks.backup import BackupAndRestore
    from lamina.callbacks.csv_logger import CSVLogger
    from lamina.callbacks.early_stopping import EarlyStopping, StopOnTolerance
    from lamina.callbacks.learning_rates import LearningRateScheduler, ReduceLROnPlateau
    from lamina.callbacks.model_checkpoint import ModelCheckpoint
    from lamina.callbacks.monitor import MonitorCallback
    from lamina.callbacks.pruning import Pruning, TrialPrunedError
    from lamina.callbacks.remote_monitor import RemoteMonitor
    from lamina.callbacks.swap_ema_weights import SwapEMAWeights
    from lamina.callbacks.tensorboard import TensorBoard
    from lamina.callbacks.terminate_on_nan import TerminateOnNaN

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "MonitorCallback",
    "ProgbarLogger",
    "Pruning",
    "ReduceLROnPlateau",
    "RemoteMonitor",
    "StopOnTolerance",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
    "TrialPrunedError",
]

# Loaded when first used: some of them import half of the standard library.
_LATE = {
    "BackupAndRestore": "backup",
    "CSVLogger": "csv_logger",
    "EarlyStopping": "early_stopping",
    "LearningRateScheduler": "learning_rates",
    "ModelCheckpoint": "model_checkpoint",
    "MonitorCallback": "monitor",
    "Pruning": "pruning",
    "ReduceLROnPlateau": "learning_rates",
    "RemoteMonitor": "remote_monitor",
    "StopOnTolerance": "early_stopping",
    "SwapEMAWeights": "swap_ema_weights",
    "TensorBoard": "tensorboard",
    "TerminateOnNaN": "terminate_on_nan",
    "TrialPrunedError": "pruning",
}


def __getattr__(name: str) -> Any:
    if name in _LATE:
        return getattr(importlib.import_module(f"{__name__}.{_LATE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
