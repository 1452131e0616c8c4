"""Helpers around training."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from lamina.config import standardize_dtype
from lamina.data.py_dataset import PyDataset
from lamina.registry import (
    CustomObjectScope,
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
    serialize_keras_object,
)
from lamina.utils.dataset_utils import split_dataset, timeseries_dataset_from_array
from lamina.utils.naming import clear_session
from lamina.utils.numerical import normalize, to_categorical
from lamina.utils.progbar import Progbar
from lamina.utils.seeds import set_random_seed
from lamina.utils.sequences import (
    pack_x_y_sample_weight,
    pad_sequences,
    unpack_x_y_sample_weight,
)

if TYPE_CHECKING:
    from lamina.utils.learning_rate_range import LearningRateRange, find_learning_rate
    from lamina.utils.plotting import model_to_dot, plot_model

#: lamina's own name for it.
register_serializable = register_keras_serializable

__all__ = [
    "CustomObjectScope",
    "LearningRateRange",
    "Progbar",
    "PyDataset",
    "clear_session",
    "custom_object_scope",
    "deserialize_keras_object",
    "find_learning_rate",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "model_to_dot",
    "normalize",
    "pack_x_y_sample_weight",
    "pad_sequences",
    "plot_model",
    "register_keras_serializable",
    "register_serializable",
    "serialize_keras_object",
    "set_random_seed",
    "split_dataset",
    "standardize_dtype",
    "timeseries_dataset_from_array",
    "to_categorical",
    "unpack_x_y_sample_weight",
]

# Loaded when first used.
_LATE = {
    "LearningRateRange": "learning_rate_range",
    "find_learning_rate": "learning_rate_range",
    "model_to_dot": "plotting",
    "plot_model": "plotting",
}


def __getattr__(name: str) -> Any:
    if name in _LATE:
        return getattr(importlib.import_module(f"{__name__}.{_LATE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
