"""From what users pass in `metrics=[...]` to the metrics."""

from __future__ import annotations

from typing import Any

from lamina._checks import unknown_name
from lamina._typing import Shape
from lamina.losses import regression as loss_functions
from lamina.metrics import accuracy
from lamina.metrics.accuracy import (
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
)
from lamina.metrics.metric import METRICS, Metric
from lamina.saving.serialization import custom_object_scope, serialize_keras_object

#: The names whose meaning depends on the shapes of targets and predictions.
ACCURACY_NAMES = ("accuracy", "acc")

_FUNCTIONS = {
    loss_functions.mean_squared_error: "mean_squared_error",
    loss_functions.mean_absolute_error: "mean_absolute_error",
    accuracy.binary_accuracy: "binary_accuracy",
    accuracy.categorical_accuracy: "categorical_accuracy",
    accuracy.sparse_categorical_accuracy: "sparse_categorical_accuracy",
}


def get(identifier: Any) -> Metric:
    """The metric that `identifier` names.

    Args:
        identifier: A name, a configuration, a metric or its class, or a function of this module.

    Raises:
        ValueError: For an unknown name; "accuracy" means something in `compile` only.
        NotImplementedError: For a function of the caller's own.
        TypeError: For anything else.
    """
    if isinstance(identifier, Metric):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, Metric):
        return identifier()
    if isinstance(identifier, str):
        try:
            metric = METRICS.create({"class_name": identifier})
        except ValueError:
            names = [*METRICS._classes, *METRICS._aliases, *ACCURACY_NAMES]
            raise unknown_name("metric", identifier, names) from None
        metric.name = identifier
        assert isinstance(metric, Metric)
        return metric
    if isinstance(identifier, dict):
        created = METRICS.create(identifier)
        if not isinstance(created, Metric):
            raise ValueError(f"A metric is needed. Received: {created!r}")
        return created
    if callable(identifier):
        if identifier in _FUNCTIONS:
            return get(_FUNCTIONS[identifier])
        raise NotImplementedError(
            "Metric functions of your own are not supported in `compile` yet: wrap them in "
            f"lamina.metrics.MeanMetricWrapper and use them on their own. Received: {identifier!r}"
        )
    raise TypeError(
        f"A metric is a name, an object or a function of lamina.metrics. Received: {identifier!r}"
    )


def accuracy_for(name: str, output: Shape, labels: bool) -> Metric:
    """What "accuracy" means, as Keras has it: by the shapes of targets and predictions.

    Args:
        name: The key in logs: "accuracy" or "acc".
        output: The shape of one prediction.
        labels: Whether targets are integer labels.
    """
    if labels:
        return SparseCategoricalAccuracy(name=name)
    if output and output[-1] == 1:
        return BinaryAccuracy(name=name)
    return CategoricalAccuracy(name=name)


def serialize(metric: Metric) -> Any:
    """A metric as plain data."""
    return serialize_keras_object(metric)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Metric:
    """The metric of what `serialize` returned."""
    with custom_object_scope(custom_objects):
        return get(config)
