"""What can watch and steer training."""

from lamina.callbacks.callback import Callback, LambdaCallback
from lamina.callbacks.early_stopping import EarlyStopping
from lamina.callbacks.history import History
from lamina.callbacks.schedule import LearningRateScheduler, TerminateOnNaN
from lamina.callbacks.swap_ema_weights import SwapEMAWeights

__all__ = [
    "Callback",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "SwapEMAWeights",
    "TerminateOnNaN",
]
