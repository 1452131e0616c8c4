"""What every initializer is."""

from __future__ import annotations

from typing import Any, TypeVar

import lamina._core as _core
from lamina._typing import Array, Config, Shape
from lamina.random import SeedGenerator, draw_seed
from lamina.registry import Registry

INITIALIZERS = Registry("initializer", "initializers")

Self = TypeVar("Self", bound="Initializer")


class Initializer:
    """Gives an array of a shape: the base class, also of custom ones.

    Example:
        >>> class Halves(lamina.initializers.Initializer):
        ...     def __call__(self, shape, dtype=None):
        ...         return np.full(shape, 0.5, dtype)
    """

    def __call__(self, shape: Shape, dtype: Any = None) -> Array:
        """The array: of `shape`, of `dtype` or `lamina.config.floatx()`."""
        raise NotImplementedError(
            f"Initializer subclasses must implement `__call__`. Received: {type(self).__name__}"
        )

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {}

    @classmethod
    def from_config(cls: type[Self], config: Config) -> Self:
        """The initializer that `get_config` described."""
        return cls(**config)

    def clone(self: Self) -> Self:
        """Another one with the same configuration."""
        return type(self).from_config(self.get_config())


class RandomInitializer(Initializer):
    """An initializer with a seed.

    As in Keras, an integer seed gives the same values on every call; None draws one seed when
    the initializer is created, from the global generator; a `SeedGenerator` gives new values
    on every call.
    """

    def __init__(self, seed: int | SeedGenerator | dict[str, Any] | None = None) -> None:
        if isinstance(seed, dict):
            config = seed.get("config")
            seed = SeedGenerator.from_config(config if isinstance(config, dict) else {})
        self._given_seed = seed
        self.seed: int | SeedGenerator = (
            seed if isinstance(seed, SeedGenerator) else draw_seed(seed)
        )

    def _key(self) -> tuple[int, int]:
        """The seed and stream of this call's numbers."""
        return draw_seed(self.seed), _core.stream_id("initializer", 0, 0)

    def _seed_config(self) -> Any:
        if isinstance(self._given_seed, SeedGenerator):
            return {
                "class_name": "SeedGenerator",
                "config": self._given_seed.get_config(),
            }
        return self._given_seed
