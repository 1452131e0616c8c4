"""Layers that disturb their input in training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lamina._core as _core
from lamina import _checks
from lamina._typing import Config, Shape
from lamina.layers.layer import LAYERS, Layer, LayerOptions
from lamina.random import SeedGenerator, draw_seed

if TYPE_CHECKING:
    from typing import Unpack


class RandomLayer(Layer):
    """A layer that draws random numbers in training.

    They are a function of the seed, the layer's place, the number of training steps so far
    and the element, so a saved and loaded model goes on with the same ones.
    """

    def __init__(self, seed: Any, options: LayerOptions) -> None:
        if isinstance(seed, dict):
            seed = SeedGenerator.from_config(seed.get("config") or {})
        self._given_seed = seed if not isinstance(seed, SeedGenerator) else seed.state[0]
        #: The integer that the random numbers are a function of; a file keeps it.
        self.seed = draw_seed(seed)
        super().__init__(**options)


def checked_rate(where: str, rate: Any) -> float:
    """A rate from 0 up to and without 1."""
    return _checks.number(where, "rate", rate, low=0.0, high=1.0, open_high=True)


def checked_noise_shape(where: str, noise_shape: Any) -> tuple[int | None, ...] | None:
    """`noise_shape`: None, or an extent or None for the batch and each axis of a sample."""
    if noise_shape is None:
        return None
    if not isinstance(noise_shape, (list, tuple)):
        raise ValueError(
            f"{where}: `noise_shape` must be a tuple of positive integers and None. "
            f"Received: noise_shape={noise_shape!r}"
        )
    return tuple(
        None if extent is None else _checks.integer(where, "noise_shape", extent, low=1)
        for extent in noise_shape
    )


def noise_for(where: str, noise_shape: tuple[int | None, ...], shape: Shape) -> list[int]:
    """What the core takes for `noise_shape`; ValueError unless it fits samples of `shape`."""
    fits = len(noise_shape) == len(shape) + 1 and noise_shape[0] in (None, 1)
    for extent, size in zip(noise_shape[1:], shape, strict=False):
        fits = fits and extent in (None, 1, size)
    if not fits:
        raise ValueError(
            f"{where}: each extent of `noise_shape` must be None, 1 or the input's own, and that "
            f"of the batch None or 1. Received: noise_shape={noise_shape} for samples of "
            f"shape {shape}"
        )
    return [-1 if extent is None else extent for extent in noise_shape]


@LAYERS.register()
class AlphaDropout(RandomLayer):
    """Dropout that keeps mean and variance of `selu`'s outputs: drops to its lower limit.

    Args:
        rate: The share to drop, from 0 up to and without 1.
        noise_shape: The shape of the mask, with the batch in front; extents of 1 share it.
        seed: An integer or `SeedGenerator`; None takes one from the global generator.
        **options: See `Layer`.
    """

    def __init__(
        self,
        rate: float,
        noise_shape: Any = None,
        seed: Any = None,
        **options: Unpack[LayerOptions],
    ) -> None:
        self.rate = checked_rate("AlphaDropout", rate)
        self.noise_shape = checked_noise_shape("AlphaDropout", noise_shape)
        super().__init__(seed, options)

    def _shape_after(self, shape: Shape) -> Shape:
        if self.noise_shape is not None:
            noise_for(f"Layer '{self.name}'", self.noise_shape, shape)
        return shape

    def _append_to(self, network: _core.Network) -> None:
        assert self._input_shape is not None
        if self.rate == 0.0:
            network.add_identity()
        elif self.noise_shape is None:
            network.add_alpha_dropout(self.rate, self.seed)
        else:
            noise = noise_for(self.name, self.noise_shape, self._input_shape)
            network.add_masked_dropout(self.rate, noise, self.seed, True)

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {
            **super().get_config(),
            "rate": self.rate,
            "seed": self._given_seed,
            "noise_shape": self.noise_shape,
        }


@LAYERS.register()
class GaussianNoise(RandomLayer):
    """In training, adds normal numbers of mean 0.

    Args:
        stddev: Their standard deviation.
        seed: As for `AlphaDropout`.
        **options: See `Layer`.
    """

    def __init__(self, stddev: float, seed: Any = None, **options: Unpack[LayerOptions]) -> None:
        self.stddev = _checks.number("GaussianNoise", "stddev", stddev, low=0.0, open_high=True)
        super().__init__(seed, options)

    def _append_to(self, network: _core.Network) -> None:
        if self.stddev == 0.0:
            network.add_identity()
        else:
            network.add_gaussian_noise(self.stddev, self.seed)

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {**super().get_config(), "stddev": self.stddev, "seed": self._given_seed}


@LAYERS.register()
class GaussianDropout(RandomLayer):
    """In training, multiplies by normal numbers of mean 1 and variance rate / (1 - rate).

    Args:
        rate: From 0 up to and without 1.
        seed: As for `AlphaDropout`.
        **options: See `Layer`.
    """

    def __init__(self, rate: float, seed: Any = None, **options: Unpack[LayerOptions]) -> None:
        self.rate = checked_rate("GaussianDropout", rate)
        super().__init__(seed, options)

    def _append_to(self, network: _core.Network) -> None:
        if self.rate == 0.0:
            network.add_identity()
        else:
            network.add_gaussian_dropout(self.rate, self.seed)

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {**super().get_config(), "rate": self.rate, "seed": self._given_seed}
