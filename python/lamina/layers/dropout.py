"""Dropout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lamina import _checks, _core
from lamina._typing import Config
from lamina.layers.layer import LAYERS, Layer, LayerOptions
from lamina.random import SeedGenerator, draw_seed

if TYPE_CHECKING:
    from typing import Unpack


@LAYERS.register()
class Dropout(Layer):
    """In training, zeroes a share of its inputs and scales the others by 1 / (1 - rate).

    Which ones is a function of the seed, the layer's place, the number of training steps so
    far and the element, so a saved and loaded model goes on with the same masks.

    Args:
        rate: The share to drop, from 0 up to and without 1.
        noise_shape: Not supported yet: None only.
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
        _checks.require_default("Dropout", noise_shape=noise_shape)
        self.rate = _checks.number("Dropout", "rate", rate, low=0.0, high=1.0, open_high=True)
        if isinstance(seed, dict):
            seed = SeedGenerator.from_config(seed.get("config") or {})
        self._given_seed = seed if not isinstance(seed, SeedGenerator) else seed.state[0]
        #: The integer that the masks are a function of; a file keeps it.
        self.seed = draw_seed(seed)
        super().__init__(**options)

    def _append_to(self, network: _core.Network) -> None:
        network.add_dropout(self.rate, self.seed)

    def _require_inference(self, training: bool | None) -> None:
        if training and self.rate > 0.0:
            raise NotImplementedError(
                f"Layer '{self.name}': dropout outside of training is not supported yet. "
                "Received: training=True"
            )

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {
            **super().get_config(),
            "rate": self.rate,
            "seed": self._given_seed,
            "noise_shape": None,
        }
