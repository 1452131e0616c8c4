"""Prints one SHA-256 over all losses, their gradients, and all metrics: the same everywhere."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

import lamina
from lamina import _core, losses, metrics

Array = np.ndarray[Any, Any]
SHAPES = ((1, 1), (70, 1), (5, 3), (66, 17), (3, 40), (2, 4100), (9000, 6))

LOSSES = [
    losses.MeanSquaredError(),
    losses.MeanAbsoluteError(),
    losses.MeanAbsolutePercentageError(),
    losses.MeanSquaredLogarithmicError(),
    losses.Huber(0.3),
    losses.LogCosh(),
    losses.Quantile(0.7),
    losses.CosineSimilarity(),
    losses.BinaryCrossentropy(label_smoothing=0.1),
    losses.BinaryCrossentropy(from_logits=True),
    losses.BinaryFocalCrossentropy(True, 0.3, 1.5, label_smoothing=0.1),
    losses.BinaryFocalCrossentropy(from_logits=True),
    losses.CategoricalCrossentropy(),
    losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.2),
    losses.CategoricalFocalCrossentropy(),
    losses.CategoricalFocalCrossentropy(gamma=0.7, from_logits=True),
    losses.SparseCategoricalCrossentropy(),
    losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=0),
    losses.KLDivergence(),
    losses.Poisson(),
    losses.Hinge(),
    losses.SquaredHinge(),
    losses.CategoricalHinge(),
    losses.Dice(),
    losses.Dice(axis=-1),
    losses.Tversky(0.3, 0.8),
    losses.Tversky(0.3, 0.8, axis=-1),
]


def metric_objects(columns: int) -> list[metrics.Metric]:
    """Every metric of targets like the predictions."""
    return [
        metrics.Accuracy(),
        metrics.BinaryAccuracy(threshold=0.4),
        metrics.CategoricalAccuracy(),
        metrics.TopKCategoricalAccuracy(2),
        metrics.Precision([0.2, 0.5]),
        metrics.Recall(top_k=1),
        metrics.TruePositives(),
        metrics.FalseNegatives([0.1, 0.9]),
        metrics.SensitivityAtSpecificity(0.5),
        metrics.PrecisionAtRecall(0.5, 30),
        metrics.AUC(),
        metrics.AUC(curve="PR"),
        metrics.AUC(curve="PRGAIN", thresholds=[0.2, 0.3]),
        metrics.AUC(multi_label=True, from_logits=True),
        metrics.F1Score("macro"),
        metrics.FBetaScore(beta=2.0, threshold=0.4),
        metrics.RootMeanSquaredError(),
        metrics.LogCoshError(),
        metrics.CosineSimilarity(),
        metrics.R2Score("variance_weighted_average"),
        metrics.KLDivergence(),
        metrics.Hinge(),
        metrics.PearsonCorrelation(),
        metrics.ConcordanceCorrelation(),
        metrics.BinaryIoU(),
        metrics.OneHotMeanIoU(columns),
    ]


def draw(shape: tuple[int, ...], stream: int, dtype: str) -> Array:
    return np.asarray(_core.random_uniform(shape, 0.02, 0.98, 11, stream, dtype))


def target_of(loss: Any, uniform: Array) -> Array:
    if isinstance(loss, losses.SparseCategoricalCrossentropy):
        classes = uniform.shape[-1]
        return np.minimum((uniform[:, 0] * classes).astype(np.int64), classes - 1)
    return uniform


def main() -> None:
    digest = hashlib.sha256()
    for dtype in ("float32", "float64"):
        for place, shape in enumerate(SHAPES):
            prediction, uniform = draw(shape, 2 * place, dtype), draw(shape, 2 * place + 1, dtype)
            for loss in LOSSES:
                target = target_of(loss, uniform)
                for compute in (_core.loss_values, _core.loss_gradient):
                    digest.update(compute(loss.specification(), target, prediction).tobytes())
        x, uniform = draw((700, 5), 50, dtype), draw((700, 3), 51, dtype)
        weights = draw((700,), 52, dtype)
        weights[::7] *= 3
        for place, loss in enumerate(LOSSES):
            labels = isinstance(loss, losses.SparseCategoricalCrossentropy)
            target = target_of(loss, uniform)
            if not labels:
                target = np.where(uniform > 0.5, 1.0, 0.0) if place % 2 else uniform.copy()
                target[3, 1] = np.nan
            weighted = [] if labels else metric_objects(3)
            plain = [metrics.MeanIoU(3, sparse_y_pred=False)] if labels else metric_objects(3)
            lamina.utils.set_random_seed(3)
            lamina.config.set_floatx(dtype)
            model = lamina.Sequential(
                [
                    lamina.Input((5,)),
                    lamina.layers.Dense(4, activation="tanh"),
                    lamina.layers.Dense(3, activation="sigmoid"),
                ]
            )
            reduction = ("sum_over_batch_size", "mean_with_sample_weight")[place % 2]
            trained = type(loss)(**{**loss.get_config(), "reduction": reduction})
            model.compile(
                lamina.optimizers.SGD(0.05),
                trained,
                loss_weights=0.5,
                metrics=plain,
                weighted_metrics=weighted,
                missing_targets="ignore",
            )
            history = model.fit(
                x, target, batch_size=150, epochs=2, verbose=0, sample_weight=weights
            )
            for name in sorted(history.history):
                values = np.asarray(history.history[name], dtype=np.float64)
                # The sign of NaN is outside of the contract.
                digest.update(np.where(np.isnan(values), 7.0, values).tobytes())
            for weight in model.get_weights():
                digest.update(weight.tobytes())
    print(digest.hexdigest())


if __name__ == "__main__":
    main()
