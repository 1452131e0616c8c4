"""Normalizations without a mean: by the root mean square, and to norm 1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lamina._core as _core
from lamina import _checks, initializers
from lamina._typing import Config, Shape
from lamina.layers.axes import checked_axes, reduced_axes
from lamina.layers.layer import LAYERS, Layer, LayerOptions
from lamina.variable import Variable

if TYPE_CHECKING:
    from typing import Unpack


@LAYERS.register()
class RMSNormalization(Layer):
    """`scale * x / sqrt(mean(x^2) + epsilon)` over some axes of each sample.

    Args:
        axis: An axis, or a list of axes, counted with the batch in front.
        epsilon: Keeps the division away from 0.
        **options: See `Layer`.
    """

    def __init__(
        self, axis: Any = -1, epsilon: float = 1e-6, **options: Unpack[LayerOptions]
    ) -> None:
        self.axis = checked_axes("RMSNormalization", axis)
        self.epsilon = _checks.number(
            "RMSNormalization", "epsilon", epsilon, low=0.0, open_high=True
        )
        super().__init__(**options)

    @property
    def scale(self) -> Variable | None:
        """The factors; None before building."""
        return self._variables.get("scale")

    def _shape_after(self, shape: Shape) -> Shape:
        reduced_axes(f"Layer '{self.name}'", self.axis, shape)
        return shape

    def _create_variables(self, shape: Shape) -> list[Variable]:
        axes, _ = reduced_axes(self.name, self.axis, shape)
        return [self._weight("scale", tuple(shape[axis] for axis in axes), initializers.Ones())]

    def _append_to(self, network: _core.Network) -> None:
        assert self._input_shape is not None
        axes, order = reduced_axes(self.name, self.axis, self._input_shape)
        network.add_row_normalization("rms", len(axes), self.epsilon, False, True, "scale", order)

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {**super().get_config(), "axis": self.axis, "epsilon": self.epsilon}


@LAYERS.register()
class UnitNormalization(Layer):
    """Scales each sample so that the sum of its squares along some axes is 1.

    Args:
        axis: An axis, or a list of axes, counted with the batch in front.
        **options: See `Layer`.

    Example:
        >>> lamina.layers.UnitNormalization()(np.array([[3.0, 4.0]])).round(6)
        array([[0.6, 0.8]], dtype=float32)
    """

    def __init__(self, axis: Any = -1, **options: Unpack[LayerOptions]) -> None:
        self.axis = checked_axes("UnitNormalization", axis)
        super().__init__(**options)

    def _shape_after(self, shape: Shape) -> Shape:
        reduced_axes(f"Layer '{self.name}'", self.axis, shape)
        return shape

    def _append_to(self, network: _core.Network) -> None:
        assert self._input_shape is not None
        axes, order = reduced_axes(self.name, self.axis, self._input_shape)
        network.add_row_normalization("unit", len(axes), 0.0, False, False, "gamma", order)

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {**super().get_config(), "axis": self.axis}
