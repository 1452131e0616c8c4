"""From what users pass in `metrics=[...]` to the metrics."""

from __future__ import annotations

from typing import Any

from lamina import losses
from lamina._checks import unknown_name
from lamina._typing import Shape
from lamina.metrics import accuracy, correlation, probabilistic, regression
from lamina.metrics.accuracy import (
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
)
from lamina.metrics.metric import METRICS, Metric
from lamina.metrics.reduction import MeanMetricWrapper
from lamina.registry import (
    custom_object,
    custom_object_scope,
    is_function,
    serialize_function,
    serialize_keras_object,
)

#: The names whose meaning depends on the shapes of targets and predictions.
ACCURACY_NAMES = ("accuracy", "acc")
CROSSENTROPY_NAMES = ("crossentropy", "ce")
LATE_NAMES = (*ACCURACY_NAMES, *CROSSENTROPY_NAMES)

#: Functions and the metric that is their mean.
_FUNCTIONS: dict[Any, type[Metric]] = {
    accuracy.binary_accuracy: accuracy.BinaryAccuracy,
    accuracy.categorical_accuracy: accuracy.CategoricalAccuracy,
    accuracy.sparse_categorical_accuracy: accuracy.SparseCategoricalAccuracy,
    accuracy.top_k_categorical_accuracy: accuracy.TopKCategoricalAccuracy,
    accuracy.sparse_top_k_categorical_accuracy: accuracy.SparseTopKCategoricalAccuracy,
    correlation.pearson_correlation: correlation.PearsonCorrelation,
    correlation.concordance_correlation: correlation.ConcordanceCorrelation,
    losses.mean_squared_error: regression.MeanSquaredError,
    losses.mean_absolute_error: regression.MeanAbsoluteError,
    losses.mean_absolute_percentage_error: regression.MeanAbsolutePercentageError,
    losses.mean_squared_logarithmic_error: regression.MeanSquaredLogarithmicError,
    losses.log_cosh: regression.LogCoshError,
    losses.binary_crossentropy: probabilistic.BinaryCrossentropy,
    losses.categorical_crossentropy: probabilistic.CategoricalCrossentropy,
    losses.sparse_categorical_crossentropy: probabilistic.SparseCategoricalCrossentropy,
    losses.kl_divergence: probabilistic.KLDivergence,
    losses.poisson: probabilistic.Poisson,
    losses.hinge: probabilistic.Hinge,
    losses.squared_hinge: probabilistic.SquaredHinge,
    losses.categorical_hinge: probabilistic.CategoricalHinge,
}


def get(identifier: Any) -> Metric:
    """The metric that `identifier` names.

    Args:
        identifier: A name, a configuration, a metric or its class, or a function of
            (y_true, y_pred): of this module, or a custom one, whose mean is the metric.

    Raises:
        ValueError: For an unknown name; "accuracy" means something in `compile` only.
        TypeError: For anything else.
    """
    if isinstance(identifier, Metric):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, Metric):
        return identifier()
    if isinstance(identifier, str) and is_function(custom_object(identifier)):
        identifier = custom_object(identifier)
    if isinstance(identifier, str):
        try:
            METRICS.find(identifier)
        except ValueError:
            names = [*METRICS.names(), *LATE_NAMES]
            raise unknown_name("metric", identifier, names) from None
        metric = METRICS.create({"class_name": identifier})
        metric.name = identifier
        assert isinstance(metric, Metric)
        return metric
    if isinstance(identifier, dict):
        created = METRICS.create(identifier)
        if not isinstance(created, Metric):
            raise ValueError(f"A metric is needed. Received: {created!r}")
        return created
    if callable(identifier):
        known = _FUNCTIONS.get(identifier) if is_hashable(identifier) else None
        if known is not None:
            return known(name=identifier.__name__)
        name = getattr(identifier, "__name__", None) or getattr(identifier, "name", None)
        return MeanMetricWrapper(identifier, name=name)
    raise TypeError(
        f"A metric is a name, an object or a function of lamina.metrics. Received: {identifier!r}"
    )


def is_hashable(value: Any) -> bool:
    """Whether it can be looked up."""
    return type(value).__hash__ is not None


def metric_for(name: str, output: Shape, labels: bool) -> Metric:
    """What "accuracy" and "crossentropy" mean, as Keras has it: by the shapes of what they compare.

    Args:
        name: The key in logs: "accuracy", "acc", "crossentropy" or "ce".
        output: The shape of one prediction.
        labels: Whether targets are integer labels.
    """
    if name.lower() in CROSSENTROPY_NAMES:
        if labels:
            return probabilistic.SparseCategoricalCrossentropy(name=name)
        if output and output[-1] == 1:
            return probabilistic.BinaryCrossentropy(name=name)
        return probabilistic.CategoricalCrossentropy(name=name)
    if labels:
        return SparseCategoricalAccuracy(name=name)
    if output and output[-1] == 1:
        return BinaryAccuracy(name=name)
    return CategoricalAccuracy(name=name)


def serialize(metric: Metric) -> Any:
    """A metric as plain data."""
    if type(metric) is MeanMetricWrapper and not metric._fn_kwargs:
        return serialize_function(metric._fn)
    return serialize_keras_object(metric)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Metric:
    """The metric of what `serialize` returned."""
    with custom_object_scope(custom_objects):
        return get(config)
