"""A line for each layer, loss, metric and optimizer that there is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

ROWS, WIDTH, CLASSES = 256, 256, 10


class Part(NamedTuple):
    """What is measured of a class.

    Attributes:
        arguments: For its constructor.
        kind: What it works on: for layers the shape that goes in ("row", "rows" for two axes,
            "indices"), else the targets ("values", "binary", "classes", "labels").
    """

    arguments: dict[str, Any]
    kind: str


#: By the name of the class, with a comma and a word behind it for a second way to use one.
LAYERS: dict[str, Part] = {
    "Dense": Part({"units": WIDTH}, "row"),
    "EinsumDense": Part({"equation": "ab,bc->ac", "output_shape": WIDTH}, "row"),
    "SpectralNormalization": Part({"layer": "Dense"}, "row"),
    "Residual": Part({"layers": "Dense"}, "row"),
    "Embedding": Part({"input_dim": 1000, "output_dim": 16}, "indices"),
    "Activation": Part({"activation": "gelu"}, "row"),
    "ReLU": Part({}, "row"),
    "LeakyReLU": Part({}, "row"),
    "PReLU": Part({}, "row"),
    "ELU": Part({}, "row"),
    "Softmax": Part({}, "row"),
    "Dropout": Part({"rate": 0.2}, "row"),
    "AlphaDropout": Part({"rate": 0.2}, "row"),
    "GaussianDropout": Part({"rate": 0.2}, "row"),
    "GaussianNoise": Part({"stddev": 0.1}, "row"),
    "SpatialDropout1D": Part({"rate": 0.2}, "rows"),
    "ActivityRegularization": Part({"l2": 1e-3}, "row"),
    "BatchNormalization": Part({}, "row"),
    "BatchNormalization, renorm": Part({"renorm": True}, "row"),
    "LayerNormalization": Part({}, "row"),
    "RMSNormalization": Part({}, "row"),
    "GroupNormalization": Part({}, "row"),
    "UnitNormalization": Part({}, "row"),
    "Flatten": Part({}, "rows"),
    "Reshape": Part({"target_shape": (16, WIDTH // 16)}, "row"),
    "Permute": Part({"dims": (2, 1)}, "rows"),
    "RepeatVector": Part({"n": 4}, "row"),
    "Identity": Part({}, "row"),
    "Rescaling": Part({"scale": 0.5}, "row"),
    "Normalization": Part({"mean": 0.5, "variance": 2.0}, "row"),
}

#: Layers that have no step of their own: they are called on data, or are no layer at all.
NOT_IN_STEPS = frozenset(
    {
        *("Layer", "InputLayer", "Wrapper", "Masking", "Lambda"),
        *("CategoryEncoding", "Discretization", "IntegerLookup", "StringLookup"),
        *("Hashing", "HashedCrossing"),
        # They take several inputs: what joins graphs is in the section of graphs.
        *("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Dot"),
    }
)

LOSSES: dict[str, Part] = {
    "MeanSquaredError": Part({}, "values"),
    "MeanAbsoluteError": Part({}, "values"),
    "MeanAbsolutePercentageError": Part({}, "values"),
    "MeanSquaredLogarithmicError": Part({}, "values"),
    "Huber": Part({}, "values"),
    "LogCosh": Part({}, "values"),
    "Quantile": Part({}, "values"),
    "Poisson": Part({}, "values"),
    "CosineSimilarity": Part({}, "values"),
    "KLDivergence": Part({}, "classes"),
    "Hinge": Part({}, "binary"),
    "SquaredHinge": Part({}, "binary"),
    "CategoricalHinge": Part({}, "classes"),
    "BinaryCrossentropy": Part({}, "binary"),
    "BinaryFocalCrossentropy": Part({}, "binary"),
    "CategoricalCrossentropy": Part({}, "classes"),
    "CategoricalFocalCrossentropy": Part({}, "classes"),
    "SparseCategoricalCrossentropy": Part({}, "labels"),
    "CategoricalGeneralizedCrossEntropy": Part({}, "labels"),
    "Circle": Part({}, "labels"),
    "Dice": Part({}, "binary"),
    "Tversky": Part({}, "binary"),
}

METRICS: dict[str, Part] = {
    "Accuracy": Part({}, "binary"),
    "BinaryAccuracy": Part({}, "binary"),
    "CategoricalAccuracy": Part({}, "classes"),
    "SparseCategoricalAccuracy": Part({}, "labels"),
    "TopKCategoricalAccuracy": Part({"k": 3}, "classes"),
    "SparseTopKCategoricalAccuracy": Part({"k": 3}, "labels"),
    "Precision": Part({}, "binary"),
    "Recall": Part({}, "binary"),
    "F1Score": Part({}, "classes"),
    "FBetaScore": Part({}, "classes"),
    "AUC": Part({}, "binary"),
    "TruePositives": Part({}, "binary"),
    "TrueNegatives": Part({}, "binary"),
    "FalsePositives": Part({}, "binary"),
    "FalseNegatives": Part({}, "binary"),
    "PrecisionAtRecall": Part({"recall": 0.5}, "binary"),
    "RecallAtPrecision": Part({"precision": 0.5}, "binary"),
    "SensitivityAtSpecificity": Part({"specificity": 0.5}, "binary"),
    "SpecificityAtSensitivity": Part({"sensitivity": 0.5}, "binary"),
    "MeanSquaredError": Part({}, "values"),
    "RootMeanSquaredError": Part({}, "values"),
    "MeanAbsoluteError": Part({}, "values"),
    "MeanAbsolutePercentageError": Part({}, "values"),
    "MeanSquaredLogarithmicError": Part({}, "values"),
    "LogCoshError": Part({}, "values"),
    "CosineSimilarity": Part({}, "values"),
    "R2Score": Part({}, "values"),
    "PearsonCorrelation": Part({}, "values"),
    "ConcordanceCorrelation": Part({}, "values"),
    "BinaryCrossentropy": Part({}, "binary"),
    "CategoricalCrossentropy": Part({}, "classes"),
    "SparseCategoricalCrossentropy": Part({}, "labels"),
    "KLDivergence": Part({}, "classes"),
    "Poisson": Part({}, "values"),
    "Hinge": Part({}, "binary"),
    "SquaredHinge": Part({}, "binary"),
    "CategoricalHinge": Part({}, "classes"),
    "BinaryIoU": Part({}, "binary"),
    "OneHotIoU": Part({"num_classes": CLASSES, "target_class_ids": [0, 1]}, "classes"),
    "OneHotMeanIoU": Part({"num_classes": CLASSES}, "classes"),
}

#: Metrics that take values of their own, or predicted labels: no model has them in `compile`.
NOT_IN_MODELS = frozenset({"Metric", "Mean", "Sum", "MeanMetricWrapper", "IoU", "MeanIoU"})

OPTIMIZERS: dict[str, dict[str, Any]] = {
    "SGD": {},
    "RMSprop": {},
    "Adam": {},
    "AdamW": {},
    "Adadelta": {},
    "Adagrad": {},
    "Adamax": {},
    "Nadam": {},
    "Ftrl": {},
    "Lion": {},
    "Lamb": {},
    "Adafactor": {},
    "Muon": {},
    "ScheduleFreeAdamW": {},
    "LossScaleOptimizer": {"inner_optimizer": "Adam"},
    "LBFGS": {},
}


def _inside(library: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments with the layers and optimizers that they name."""
    made = dict(arguments)
    if "layer" in made:
        made["layer"] = library.layers.Dense(WIDTH)
    if "layers" in made:
        made["layers"] = [library.layers.Dense(WIDTH)]
    if "inner_optimizer" in made:
        made["inner_optimizer"] = library.optimizers.Adam()
    return made


def _targets(kind: str, columns: int) -> tuple[Any, int]:
    """Targets, and how many columns predictions of them have."""
    rng = np.random.default_rng(3)
    if kind == "labels":
        return rng.integers(0, CLASSES, ROWS), CLASSES
    if kind == "classes":
        return np.eye(CLASSES, dtype="float32")[rng.integers(0, CLASSES, ROWS)], CLASSES
    values = rng.random((ROWS, columns), dtype="float32")
    return (values > 0.5).astype("float32") if kind == "binary" else values, columns


def layer_step(library: Any, name: str) -> Callable[[], object]:
    """A training step of a Dense layer and this one behind it.

    Args:
        library: lamina.
        name: A key of `LAYERS`, or "" for the Dense layer alone.
    """
    part = LAYERS[name] if name else Part({}, "row")
    before: list[Any] = [library.Input((WIDTH,)), library.layers.Dense(WIDTH)]
    rng = np.random.default_rng(1)
    x: Any = rng.random((ROWS, WIDTH), dtype="float32")
    if part.kind == "rows":
        before.append(library.layers.Reshape((16, WIDTH // 16)))
    elif part.kind == "indices":
        before, x = [library.Input((16,))], rng.integers(0, 1000, (ROWS, 16))
    kind = name.partition(",")[0]
    measured = [getattr(library.layers, kind)(**_inside(library, part.arguments))] if name else []
    model = library.Sequential([*before, *measured])
    model.compile("sgd", "mse")
    y = np.zeros((ROWS, *model.output_shape[1:]), "float32")
    return lambda: model.train_on_batch(x, y)


def loss_step(library: Any, name: str) -> Callable[[], object]:
    """Nothing but a loss with its gradient, between parts of a model that cost next to nothing."""
    part = LOSSES[name]
    y, columns = _targets(part.kind, 16)
    layers = [library.Input((columns,)), library.layers.Activation("sigmoid")]
    model = library.Sequential([*layers, library.layers.PReLU()])
    model.compile("sgd", getattr(library.losses, name)(**part.arguments))
    x = np.random.default_rng(2).random((ROWS, columns), dtype="float32")
    return lambda: model.train_on_batch(x, y)


def metric_step(library: Any, name: str) -> Callable[[], object]:
    """An evaluation with this metric, and the same without it, of a model that costs nothing.

    Args:
        library: lamina.
        name: A key of `METRICS`, or "" for no metric.
    """
    part = METRICS[name] if name else Part({}, "values")
    y, columns = _targets(part.kind, 1 if part.kind == "binary" else 16)
    model = library.Sequential([library.Input((columns,)), library.layers.Activation("sigmoid")])
    losses = {"labels": "sparse_categorical_crossentropy", "classes": "categorical_crossentropy"}
    metrics = [getattr(library.metrics, name)(**part.arguments)] if name else []
    model.compile("sgd", losses.get(part.kind, "mse"), metrics=metrics)
    x = np.random.default_rng(2).random((ROWS, columns), dtype="float32")
    return lambda: model.test_on_batch(x, y)


def optimizer_step(library: Any, name: str) -> Callable[[], object]:
    """A step on one sample of a Dense layer with many weights: the update is most of it."""
    optimizer = getattr(library.optimizers, name)(**_inside(library, OPTIMIZERS[name]))
    model = library.Sequential([library.Input((WIDTH,)), library.layers.Dense(4 * WIDTH)])
    model.compile(optimizer, "mse")
    x, y = np.ones((1, WIDTH), "float32"), np.zeros((1, 4 * WIDTH), "float32")
    return lambda: model.train_on_batch(x, y)


def step(library: Any, section: str, name: str) -> Callable[[], object]:
    """What is timed for a line of a section."""
    make = {
        "layers": layer_step,
        "losses": loss_step,
        "metrics": metric_step,
        "optimizers": optimizer_step,
    }[section]
    return make(library, name)
