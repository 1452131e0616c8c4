"""Flatten."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lamina._core as _core
from lamina._checks import unknown_name
from lamina._typing import Config, Shape
from lamina.layers.layer import LAYERS, Layer, LayerOptions

if TYPE_CHECKING:
    from typing import Unpack


@LAYERS.register()
class Flatten(Layer):
    """Makes each sample one row of numbers, in C order.

    Args:
        data_format: "channels_last" or None; the other order is not supported yet.
        **options: See `Layer`.

    Example:
        >>> lamina.layers.Flatten()(np.zeros((5, 28, 28))).shape
        (5, 784)
    """

    def __init__(self, data_format: str | None = None, **options: Unpack[LayerOptions]) -> None:
        if data_format not in (None, "channels_last", "channels_first"):
            raise unknown_name("`data_format`", data_format, ("channels_last",))
        if data_format == "channels_first":
            raise NotImplementedError(
                "Flatten: only data_format='channels_last' is supported. "
                "Received: data_format='channels_first'"
            )
        self.data_format = "channels_last"
        super().__init__(**options)

    def _shape_after(self, shape: Shape) -> Shape:
        count = 1
        for extent in shape:
            count *= extent
        return (count,)

    def _append_to(self, network: _core.Network) -> None:
        network.add_flatten()

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {**super().get_config(), "data_format": self.data_format}
