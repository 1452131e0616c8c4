"""The losses of probabilities and margins, as metrics."""

from __future__ import annotations

from typing import Any

from lamina import losses
from lamina._typing import Config
from lamina.metrics.metric import register
from lamina.metrics.reduction import LossMetric


@register("bce", "BCE")
class BinaryCrossentropy(LossMetric):
    """The mean binary crossentropy.

    Args:
        name: The key in logs.
        dtype: See `Metric`.
        from_logits: Whether predictions are logits.
        label_smoothing: See the loss.
    """

    def __init__(
        self,
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(
            losses.BinaryCrossentropy(from_logits=from_logits, label_smoothing=label_smoothing),
            name,
            dtype,
        )

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        config = super().get_config()
        del config["axis"]
        return config


@register()
class CategoricalCrossentropy(LossMetric):
    """The mean crossentropy of one-hot targets.

    Args:
        name: The key in logs.
        dtype: See `Metric`.
        from_logits: Whether predictions are logits.
        label_smoothing: See the loss.
        axis: The axis of the classes; in `compile` the last one.
    """

    def __init__(
        self,
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
    ) -> None:
        super().__init__(
            losses.CategoricalCrossentropy(
                from_logits=from_logits, label_smoothing=label_smoothing, axis=axis
            ),
            name,
            dtype,
        )


@register()
class SparseCategoricalCrossentropy(LossMetric):
    """The mean crossentropy of integer labels.

    Args:
        name: The key in logs.
        dtype: See `Metric`.
        from_logits: Whether predictions are logits.
        ignore_class: A label whose rows do not count.
        axis: The axis of the classes; in `compile` the last one.
    """

    def __init__(
        self,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        super().__init__(
            losses.SparseCategoricalCrossentropy(
                from_logits=from_logits, ignore_class=ignore_class, axis=axis
            ),
            name,
            dtype,
        )


@register("kld", "KLD")
class KLDivergence(LossMetric):
    """The mean Kullback-Leibler divergence.

    Args:
        name: The key in logs.
        dtype: See `Metric`.
    """

    def __init__(
        self,
        name: str | None = "kl_divergence",
        dtype: Any = None,
    ) -> None:
        super().__init__(losses.KLDivergence(), name, dtype)


@register()
class Poisson(LossMetric):
    """The mean Poisson loss.

    Args:
        name: The key in logs.
        dtype: See `Metric`.
    """

    def __init__(
        self,
        name: str | None = "poisson",
        dtype: Any = None,
    ) -> None:
        super().__init__(losses.Poisson(), name, dtype)


@register()
class Hinge(LossMetric):
    """The mean hinge loss.

    Args:
        name: The key in logs.
        dtype: See `Metric`.
    """

    def __init__(
        self,
        name: str | None = "hinge",
        dtype: Any = None,
    ) -> None:
        super().__init__(losses.Hinge(), name, dtype)


@register()
class SquaredHinge(LossMetric):
    """The mean squared hinge loss.

    Args:
        name: The key in logs.
        dtype: See `Metric`.
    """

    def __init__(
        self,
        name: str | None = "squared_hinge",
        dtype: Any = None,
    ) -> None:
        super().__init__(losses.SquaredHinge(), name, dtype)


@register()
class CategoricalHinge(LossMetric):
    """The mean categorical hinge loss.

    Args:
        name: The key in logs.
        dtype: See `Metric`.
    """

    def __init__(
        self,
        name: str | None = "categorical_hinge",
        dtype: Any = None,
    ) -> None:
        super().__init__(losses.CategoricalHinge(), name, dtype)
