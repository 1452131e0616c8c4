"""Dropout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lamina._core as _core
from lamina._typing import Config, Shape
from lamina.layers.layer import LAYERS, LayerOptions
from lamina.layers.noise import RandomLayer, checked_noise_shape, checked_rate, noise_for

if TYPE_CHECKING:
    from typing import Unpack


@LAYERS.register()
class Dropout(RandomLayer):
    """In training, zeroes a share of its inputs and scales the others by 1 / (1 - rate).

    Which ones is a function of the seed, the layer's place, the number of training steps so
    far and the element, so a saved and loaded model goes on with the same masks.

    Args:
        rate: The share to drop, from 0 up to and without 1.
        noise_shape: The shape of the mask, with the batch in front; None stands for the
            input's extent, and an extent of 1 shares the mask along its axis.
        seed: An integer or `SeedGenerator`; None takes one from the global generator.
        **options: See `Layer`.

    Raises:
        ValueError: If `rate` is out of range.
    """

    def __init__(
        self,
        rate: float,
        noise_shape: Any = None,
        seed: Any = None,
        **options: Unpack[LayerOptions],
    ) -> None:
        self.rate = checked_rate("Dropout", rate)
        self.noise_shape = checked_noise_shape("Dropout", noise_shape)
        super().__init__(seed, options)

    def _noise(self, shape: Shape) -> list[int] | None:
        """The mask's shape for samples of `shape`; None for one number for each element."""
        if self.noise_shape is None:
            return None
        return noise_for(f"Layer '{self.name}'", self.noise_shape, shape)

    def _shape_after(self, shape: Shape) -> Shape:
        self._noise(shape)
        return shape

    def _append_to(self, network: _core.Network) -> None:
        assert self._input_shape is not None
        noise = self._noise(self._input_shape)
        if noise is None:
            network.add_dropout(self.rate, self.seed)
        else:
            network.add_masked_dropout(self.rate, noise, self.seed)

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {
            **super().get_config(),
            "rate": self.rate,
            "seed": self._given_seed,
            "noise_shape": self.noise_shape,
        }


@LAYERS.register()
class SpatialDropout1D(Dropout):
    """Dropout of whole channels of samples of shape (steps, channels).

    Args:
        rate: The share of channels to drop, from 0 up to and without 1.
        seed: As for `Dropout`.
        name, dtype, **options: See `Layer`.
    """

    def __init__(
        self,
        rate: float,
        seed: Any = None,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(rate, None, seed, **options)

    def _noise(self, shape: Shape) -> list[int] | None:
        if len(shape) != 2:
            raise ValueError(
                f"Layer '{self.name}' takes samples of shape (steps, channels). "
                f"Received: samples of shape {shape}"
            )
        return [-1, 1, shape[1]]

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        config = super().get_config()
        del config["noise_shape"]
        return config
