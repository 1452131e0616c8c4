"""Layers that apply an activation function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lamina._core as _core
from lamina import _checks, activations
from lamina._typing import Config, Shape
from lamina.activations import specification as spec
from lamina.activations.resolve import specification
from lamina.layers.axes import sample_axis
from lamina.layers.layer import LAYERS, Layer, LayerOptions

if TYPE_CHECKING:
    from typing import Unpack


@LAYERS.register()
class Activation(Layer):
    """An activation function as a layer.

    Args:
        activation: A name or function of `lamina.activations`.
        **options: See `Layer`.

    Example:
        >>> lamina.layers.Activation("relu")(np.array([[-1.0, 2.0]], "float32"))
        array([[0., 2.]], dtype=float32)
    """

    def __init__(self, activation: Any, **options: Unpack[LayerOptions]) -> None:
        self.activation = activations.get(activation)
        super().__init__(**options)

    def _append_to(self, network: _core.Network) -> None:
        network.add_activation(specification(self.activation))

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {**super().get_config(), "activation": activations.serialize(self.activation)}


class _Parametric(Layer):
    """A layer whose function has parameters; it may itself be a layer's `activation=`."""

    def activation_specification(self) -> _core.Activation:
        """What the core needs to compute it."""
        raise NotImplementedError

    def _append_to(self, network: _core.Network) -> None:
        network.add_activation(self.activation_specification())


@LAYERS.register()
class ReLU(_Parametric):
    """max(x, 0), with a slope below a threshold and a maximum.

    Args:
        max_value: The largest value; None for no limit.
        negative_slope: The slope below the threshold, at least 0.
        threshold: At least 0.
        **options: See `Layer`.
    """

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **options: Unpack[LayerOptions],
    ) -> None:
        self._specification = spec.relu("ReLU", negative_slope, max_value, threshold)
        self.max_value = max_value
        self.negative_slope = negative_slope
        self.threshold = threshold
        super().__init__(**options)

    def activation_specification(self) -> _core.Activation:
        """What the core needs to compute it."""
        return self._specification

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {
            **super().get_config(),
            "max_value": None if self.max_value is None else float(self.max_value),
            "negative_slope": float(self.negative_slope),
            "threshold": float(self.threshold),
        }


@LAYERS.register()
class LeakyReLU(_Parametric):
    """x where it is positive, negative_slope * x elsewhere.

    Args:
        negative_slope: The slope below zero.
        **options: See `Layer`.
    """

    def __init__(self, negative_slope: float = 0.3, **options: Unpack[LayerOptions]) -> None:
        self._specification = spec.leaky_relu("LeakyReLU", negative_slope)
        self.negative_slope = negative_slope
        super().__init__(**options)

    def activation_specification(self) -> _core.Activation:
        """What the core needs to compute it."""
        return self._specification

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {**super().get_config(), "negative_slope": float(self.negative_slope)}


@LAYERS.register()
class ELU(_Parametric):
    """x where it is positive, alpha * (exp(x) - 1) elsewhere.

    Args:
        alpha: The negative limit.
        **options: See `Layer`.
    """

    def __init__(self, alpha: float = 1.0, **options: Unpack[LayerOptions]) -> None:
        self._specification = spec.elu("ELU", alpha)
        self.alpha = alpha
        super().__init__(**options)

    def activation_specification(self) -> _core.Activation:
        """What the core needs to compute it."""
        return self._specification

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {**super().get_config(), "alpha": float(self.alpha)}


@LAYERS.register()
class Softmax(_Parametric):
    """exp(x) over its sum along an axis.

    Args:
        axis: The axis, counted with the batch in front.
        **options: See `Layer`.
    """

    def __init__(self, axis: Any = -1, **options: Unpack[LayerOptions]) -> None:
        if isinstance(axis, (list, tuple)):
            if len(axis) != 1:
                raise NotImplementedError(f"Softmax: one axis is supported. Received: axis={axis}")
            axis = axis[0]
        self.axis = _checks.integer("Softmax", "axis", axis, low=-64, high=63)
        super().__init__(**options)

    def _shape_after(self, shape: Shape) -> Shape:
        sample_axis(f"Layer '{self.name}'", self.axis, shape)
        return shape

    def _append_to(self, network: _core.Network) -> None:
        assert self._input_shape is not None
        axis = sample_axis(self.name, self.axis, self._input_shape)
        network.add_row_activation(self.activation_specification(), axis)

    def activation_specification(self) -> _core.Activation:
        """What the core needs to compute it."""
        return spec.plain("softmax")

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {**super().get_config(), "axis": self.axis}
