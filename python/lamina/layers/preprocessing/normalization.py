"""Normalization by statistics of the data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

import lamina._core as _core
from lamina import _checks, initializers
from lamina._arrays import real_array
from lamina._typing import Array, Config, Shape
from lamina.layers.axes import checked_axes
from lamina.layers.layer import LAYERS, Layer, LayerOptions
from lamina.layers.preprocessing.rescaling import spread
from lamina.variable import Variable

if TYPE_CHECKING:
    from typing import Unpack

_LEAST_DEVIATION = 1e-7


@LAYERS.register()
class Normalization(Layer):
    """`(x - mean) / sqrt(variance)`, with the mean and variance of the data.

    Give both, or call `adapt` with the data before the layer is used. In a model it is part of
    the plan, and its mean and variance are saved with the weights.

    Args:
        axis: The axes, with the batch in front, whose entries have a mean and variance of
            their own; None for one mean and variance of everything.
        mean: A number, or an array for the axes.
        variance: Likewise.
        invert: Whether to do the opposite: `mean + x * sqrt(variance)`.
        **options: See `Layer`.

    Raises:
        ValueError: If one of mean and variance is given without the other, or shapes differ.

    Example:
        >>> layer = lamina.layers.Normalization()
        >>> layer.adapt(np.array([[1.0, 10.0], [3.0, 30.0]]))
        >>> layer(np.array([[1.0, 30.0]]))
        array([[-1.,  1.]], dtype=float32)
    """

    def __init__(
        self,
        axis: Any = -1,
        mean: Any = None,
        variance: Any = None,
        invert: bool = False,
        **options: Unpack[LayerOptions],
    ) -> None:
        checked = () if axis is None else checked_axes("Normalization", axis)
        self.axis: tuple[int, ...] = (checked,) if isinstance(checked, int) else tuple(checked)
        self.invert = _checks.boolean("Normalization", "invert", invert)
        if (mean is None) != (variance is None):
            raise ValueError(
                "Normalization: `mean` and `variance` must both be given, or neither. "
                f"Received: mean={mean} and variance={variance}"
            )
        self._given: tuple[Array, Array] | None = None
        if mean is not None:
            given = tuple(
                real_array(value, name).astype("float64")
                for name, value in (("mean", mean), ("variance", variance))
            )
            self._given = (given[0], given[1])
            if self._given[0].shape != self._given[1].shape:
                raise ValueError(
                    "Normalization: `mean` and `variance` must have the same shape. Received: "
                    f"shapes {self._given[0].shape} and {self._given[1].shape}"
                )
        super().__init__(**options)

    def _kept(self, rank: int) -> list[int]:
        """The axes of a sample that are kept apart."""
        for axis in self.axis:
            if not -rank <= axis < rank:
                raise ValueError(
                    f"Layer '{self.name}': all axes must be in [-{rank}, {rank}). "
                    f"Received: axis={self.axis}"
                )
        axes = sorted({axis % rank for axis in self.axis})
        if axes and axes[0] == 0:
            raise ValueError(
                f"Layer '{self.name}': the axis of the batch has no statistics of its own. "
                f"Received: axis={self.axis}"
            )
        return [axis - 1 for axis in axes]

    def _shape_after(self, shape: Shape) -> Shape:
        kept = self._kept(len(shape) + 1)
        if self._given is not None:
            for name, value in zip(("mean", "variance"), self._given, strict=True):
                spread(f"Layer '{self.name}'", name, value, tuple(shape[a] for a in kept))
        return shape

    def _create_variables(self, shape: Shape) -> list[Variable]:
        if self._given is not None:
            return []
        sizes = tuple(shape[axis] for axis in self._kept(len(shape) + 1))
        variables = []
        for name, first in (("mean", initializers.Zeros()), ("variance", initializers.Ones())):
            variable = self._weight(name, sizes, first, trainable=False)
            variable.on_change = self._plan_changed
            variables.append(variable)
        # Keras keeps a count that nothing reads; its place is kept so that weights fit.
        variables.append(self._weight("count", (), initializers.Zeros(), trainable=False))
        return variables

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for name in ("mean", "variance"):
            if name in self._variables:
                self._variables[name].on_change = self._plan_changed

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Takes mean and variance of the data.

        Args:
            data: An array with one row for each sample.
            batch_size: Not needed for arrays: None only.
            steps: Likewise.

        Raises:
            ValueError: If mean and variance were given to the constructor, or the shape differs
                from that the layer was built for.
        """
        _checks.require_default("Normalization.adapt", batch_size=batch_size, steps=steps)
        if self._given is not None:
            raise ValueError(
                "Normalization: `mean` and `variance` were given, so there is nothing to adapt."
            )
        array = real_array(data, "data")
        if array.ndim == 0 or array.size == 0:
            raise ValueError(f"adapt: data is needed. Received: data.shape={array.shape}")
        self._build(array.shape[1:])
        kept = self._kept(array.ndim)
        moved = np.moveaxis(array, [a + 1 for a in kept], range(1, len(kept) + 1))
        shape = tuple(array.shape[a + 1] for a in kept)
        count = 1
        for extent in shape:
            count *= extent
        # Groups as columns: the core's sums, in float64.
        others = array.size // array.shape[0] // count
        rows = moved.reshape(array.shape[0], count, others)
        matrix = np.ascontiguousarray(rows.transpose(0, 2, 1), "float64").reshape(-1, count)
        mean, variance = _core.column_moments(matrix)
        self._variables["mean"].assign(np.asarray(mean).reshape(shape))
        self._variables["variance"].assign(np.asarray(variance).reshape(shape))

    def _statistics(self) -> tuple[Array, Array]:
        """Mean and deviation with the axes of a sample."""
        assert self._input_shape is not None
        shape = self._input_shape
        kept = self._kept(len(shape) + 1)
        if self._given is not None:
            mean, variance = self._given
        else:
            mean = self._variables["mean"].numpy()
            variance = self._variables["variance"].numpy()
        sizes = tuple(shape[axis] for axis in kept)
        full = tuple(shape[a] if a in kept else 1 for a in range(len(shape)))
        # Rounded to the layer's type first, as the weights are; square roots are exact enough.
        mean, variance = (
            np.broadcast_to(value, sizes).reshape(full).astype(self._dtype)
            for value in (mean, variance)
        )
        deviation = np.maximum(np.sqrt(variance), np.asarray(_LEAST_DEVIATION, self._dtype))
        return mean, deviation

    @property
    def mean(self) -> Array:
        """The mean, shaped to broadcast to a batch; AttributeError before building."""
        self._require_built()
        return self._statistics()[0][None]

    @property
    def variance(self) -> Array:
        """The variance, shaped to broadcast to a batch; AttributeError before building."""
        self._require_built()
        return np.square(self._statistics()[1])[None]

    def _require_built(self) -> None:
        if self._input_shape is None:
            raise AttributeError(
                f"Layer '{self.name}' is not built yet: call `adapt` or `build` first."
            )

    def _append_to(self, network: _core.Network) -> None:
        assert self._input_shape is not None
        mean, deviation = self._statistics()
        a = spread(self.name, "mean", mean, self._input_shape)
        b = spread(self.name, "variance", deviation, self._input_shape)
        if self.invert:
            network.add_rescale(False, b, a)
        else:
            network.add_rescale(True, a, b)

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data; not what `adapt` found."""
        mean, variance = (None, None) if self._given is None else self._given
        return {
            **super().get_config(),
            "axis": list(self.axis) if self.axis else None,
            "invert": self.invert,
            "mean": None if mean is None else mean.tolist(),
            "variance": None if variance is None else variance.tolist(),
        }
