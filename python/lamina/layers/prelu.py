"""PReLU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lamina._core as _core
from lamina import _checks, constraints, initializers, regularizers
from lamina._typing import Config, Shape
from lamina.layers.layer import LAYERS, Layer, LayerOptions
from lamina.variable import Variable

if TYPE_CHECKING:
    from typing import Unpack


@LAYERS.register()
class PReLU(Layer):
    """x where it is positive, alpha * x elsewhere; alpha is learned.

    Args:
        alpha_initializer: First values: see `lamina.initializers`.
        alpha_regularizer: See `lamina.regularizers`.
        alpha_constraint: See `lamina.constraints`.
        shared_axes: The axes, counted from 1, along which alpha is the same; only the first
            ones (all but the last for one alpha a feature).
        **options: See `Layer`.

    Raises:
        NotImplementedError: When it is built, if other axes are shared.
    """

    def __init__(
        self,
        alpha_initializer: Any = "Zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: Any = None,
        **options: Unpack[LayerOptions],
    ) -> None:
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)
        if shared_axes is not None and not isinstance(shared_axes, (list, tuple)):
            shared_axes = [shared_axes]
        self.shared_axes: list[int] | None = None
        if shared_axes is not None:
            self.shared_axes = [
                _checks.integer("PReLU", "shared_axes", axis, low=1) for axis in shared_axes
            ]
        super().__init__(**options)

    @property
    def alpha(self) -> Variable | None:
        """The slopes; None before building."""
        return self._variables.get("alpha")

    def _shared(self, shape: Shape) -> int:
        """How many of the first axes share their alphas."""
        axes = set(self.shared_axes or ())
        if axes and max(axes) > len(shape):
            raise ValueError(
                f"Layer '{self.name}': samples of shape {shape} have no axis {max(axes)}. "
                f"Received: shared_axes={self.shared_axes}"
            )
        # Sharing along an axis of extent 1 makes no difference.
        axes |= {axis for axis in range(1, len(shape) + 1) if shape[axis - 1] == 1}
        count = 0
        while count + 1 in axes:
            count += 1
        if any(axis > count and shape[axis - 1] != 1 for axis in axes):
            raise NotImplementedError(
                f"Layer '{self.name}': only the first axes can be shared. "
                f"Received: shared_axes={self.shared_axes} for samples of shape {shape}"
            )
        return count

    def _shape_after(self, shape: Shape) -> Shape:
        self._shared(shape)
        return shape

    def _create_variables(self, shape: Shape) -> list[Variable]:
        count = self._shared(shape)
        return [
            self._weight(
                "alpha",
                (1,) * count + shape[count:],
                self.alpha_initializer,
                self.alpha_regularizer,
                self.alpha_constraint,
            )
        ]

    def _append_to(self, network: _core.Network) -> None:
        assert self._input_shape is not None
        network.add_prelu(self._shared(self._input_shape))

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {
            **super().get_config(),
            "alpha_initializer": initializers.serialize(self.alpha_initializer),
            "alpha_regularizer": regularizers.serialize(self.alpha_regularizer),
            "alpha_constraint": constraints.serialize(self.alpha_constraint),
            "shared_axes": self.shared_axes,
        }
