"""Layers that only change the shape of samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lamina._core as _core
from lamina import _checks
from lamina._typing import Config, Shape
from lamina.layers.layer import LAYERS, Layer, LayerOptions

if TYPE_CHECKING:
    from typing import Unpack


@LAYERS.register()
class Reshape(Layer):
    """Gives samples another shape with as many elements.

    Args:
        target_shape: The shape of a sample; one extent may be -1, which is then computed.
        **options: See `Layer`.

    Example:
        >>> lamina.layers.Reshape((-1, 2))(np.zeros((5, 6))).shape
        (5, 3, 2)
    """

    def __init__(self, target_shape: Any, **options: Unpack[LayerOptions]) -> None:
        if isinstance(target_shape, int):
            target_shape = (target_shape,)
        self.target_shape = tuple(
            _checks.integer("Reshape", "target_shape", extent, low=-1) for extent in target_shape
        )
        if self.target_shape.count(-1) > 1 or 0 in self.target_shape:
            raise ValueError(
                "Reshape: the extents of `target_shape` must be positive; one may be -1. "
                f"Received: target_shape={self.target_shape}"
            )
        super().__init__(**options)

    def _shape_after(self, shape: Shape) -> Shape:
        total = known = 1
        for extent in shape:
            total *= extent
        for extent in self.target_shape:
            known *= extent if extent != -1 else 1
        if -1 in self.target_shape and total % known == 0:
            result = tuple(total // known if e == -1 else e for e in self.target_shape)
        elif known == total and -1 not in self.target_shape:
            result = self.target_shape
        else:
            raise ValueError(
                f"Layer '{self.name}': the total size must not change. Received: samples of "
                f"shape {shape} and target_shape={self.target_shape}"
            )
        return result

    def _append_to(self, network: _core.Network) -> None:
        assert self._output is not None
        network.add_reshape(list(self._output))

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {**super().get_config(), "target_shape": list(self.target_shape)}


@LAYERS.register()
class Permute(Layer):
    """Puts the axes of samples in another order.

    Args:
        dims: The axes in their new order, the first counted as 1.
        **options: See `Layer`.

    Example:
        >>> lamina.layers.Permute((2, 1))(np.zeros((5, 3, 2))).shape
        (5, 2, 3)
    """

    def __init__(self, dims: Any, **options: Unpack[LayerOptions]) -> None:
        self.dims = tuple(_checks.integer("Permute", "dims", axis, low=1) for axis in dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(
                f"Permute: `dims` must hold each axis from 1 on once. Received: dims={self.dims}"
            )
        super().__init__(**options)

    def _shape_after(self, shape: Shape) -> Shape:
        if len(shape) != len(self.dims):
            raise ValueError(
                f"Layer '{self.name}' takes samples with {len(self.dims)} axes. "
                f"Received: samples of shape {shape}"
            )
        return tuple(shape[axis - 1] for axis in self.dims)

    def _append_to(self, network: _core.Network) -> None:
        network.add_permute([axis - 1 for axis in self.dims])

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {**super().get_config(), "dims": list(self.dims)}


@LAYERS.register()
class RepeatVector(Layer):
    """Repeats samples of shape (features,) to (n, features).

    Args:
        n: How often.
        **options: See `Layer`.
    """

    def __init__(self, n: int, **options: Unpack[LayerOptions]) -> None:
        self.n = _checks.integer("RepeatVector", "n", n, low=1)
        super().__init__(**options)

    def _shape_after(self, shape: Shape) -> Shape:
        if len(shape) != 1:
            raise ValueError(
                f"Layer '{self.name}' takes samples with one axis. "
                f"Received: samples of shape {shape}"
            )
        _checks.extents(f"Layer '{self.name}'", "output_shape", (self.n, *shape))
        return (self.n, *shape)

    def _append_to(self, network: _core.Network) -> None:
        network.add_repeat(self.n)

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {**super().get_config(), "n": self.n}


@LAYERS.register()
class Identity(Layer):
    """Leaves its input as it is."""

    def _append_to(self, network: _core.Network) -> None:
        network.add_identity()
