"""What can watch and steer training."""

from lamina.callbacks.backup import BackupAndRestore
from lamina.callbacks.callback import Callback
from lamina.callbacks.callback_list import CallbackList
from lamina.callbacks.csv_logger import CSVLogger
from lamina.callbacks.early_stopping import EarlyStopping, StopOnTolerance
from lamina.callbacks.history import History
from lamina.callbacks.lambda_callback import LambdaCallback
from lamina.callbacks.learning_rates import LearningRateScheduler, ReduceLROnPlateau
from lamina.callbacks.model_checkpoint import ModelCheckpoint
from lamina.callbacks.monitor import MonitorCallback
from lamina.callbacks.progress import ProgbarLogger
from lamina.callbacks.pruning import Pruning, TrialPrunedError
from lamina.callbacks.remote_monitor import RemoteMonitor
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
    "TensorBoard",
    "TerminateOnNaN",
    "TrialPrunedError",
]
