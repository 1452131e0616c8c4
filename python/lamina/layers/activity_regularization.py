"""A penalty on what passes through."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lamina._core as _core
from lamina import regularizers
from lamina._typing import Config
from lamina.layers.layer import LAYERS, Layer, PlainOptions

if TYPE_CHECKING:
    from typing import Unpack


@LAYERS.register()
class ActivityRegularization(Layer):
    """Leaves its input as it is and adds (l1 * sum(|x|) + l2 * sum(x^2)) / batch to the loss.

    Args:
        l1: A finite number of at least 0.
        l2: Likewise.
        **options: See `Layer`.
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **options: Unpack[PlainOptions]) -> None:
        penalty = regularizers.L1L2(l1=l1, l2=l2)
        self.l1, self.l2 = penalty.l1, penalty.l2
        super().__init__(activity_regularizer=penalty, **options)

    def _append_to(self, network: _core.Network) -> None:
        network.add_identity()

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        config = super().get_config()
        del config["activity_regularizer"]
        return {**config, "l1": self.l1, "l2": self.l2}
