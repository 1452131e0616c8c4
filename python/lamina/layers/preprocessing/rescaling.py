"""Rescaling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

import lamina._core as _core
from lamina._arrays import real_array
from lamina._typing import Array, Config, Shape
from lamina.layers.layer import LAYERS, Layer, LayerOptions

if TYPE_CHECKING:
    from typing import Unpack


def spread(where: str, name: str, value: Array, shape: Shape) -> list[float]:
    """`value`, broadcast to a sample's shape, as a flat list."""
    try:
        return [float(number) for number in np.broadcast_to(value, shape).ravel()]
    except ValueError:
        raise ValueError(
            f"{where}: `{name}` does not broadcast to samples of shape {shape}. "
            f"Received: {name} of shape {value.shape}"
        ) from None


def _plain(value: Array) -> Any:
    return float(value) if value.ndim == 0 else value.tolist()


@LAYERS.register()
class Rescaling(Layer):
    """`x * scale + offset`.

    Args:
        scale: A number, or an array that broadcasts to a sample.
        offset: Likewise.
        **options: See `Layer`.

    Example:
        >>> lamina.layers.Rescaling(1 / 4, offset=-1)(np.array([[0.0, 8.0]]))
        array([[-1.,  1.]], dtype=float32)
    """

    def __init__(self, scale: Any, offset: Any = 0.0, **options: Unpack[LayerOptions]) -> None:
        self._scale = real_array(scale, "scale").astype("float64")
        self._offset = real_array(offset, "offset").astype("float64")
        super().__init__(**options)

    @property
    def scale(self) -> Any:
        """The factor: a number or a list."""
        return _plain(self._scale)

    @property
    def offset(self) -> Any:
        """What is added: a number or a list."""
        return _plain(self._offset)

    def _shape_after(self, shape: Shape) -> Shape:
        where = f"Layer '{self.name}'"
        spread(where, "scale", self._scale, shape)
        spread(where, "offset", self._offset, shape)
        return shape

    def _append_to(self, network: _core.Network) -> None:
        assert self._input_shape is not None
        a = spread(self.name, "scale", self._scale, self._input_shape)
        b = spread(self.name, "offset", self._offset, self._input_shape)
        network.add_rescale(False, a, b)

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {**super().get_config(), "scale": self.scale, "offset": self.offset}
