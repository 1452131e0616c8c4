"""Kernels of largest singular value 1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lamina._core as _core
from lamina import _checks, initializers
from lamina._typing import Config, Shape
from lamina.layers.dense import Dense
from lamina.layers.einsum_dense import EinsumDense
from lamina.layers.embedding import Embedding
from lamina.layers.layer import LAYERS, Layer, LayerOptions
from lamina.layers.resolve import deserialize, serialize
from lamina.variable import Variable

if TYPE_CHECKING:
    from typing import Unpack


@LAYERS.register()
class SpectralNormalization(Layer):
    """Divides a layer's kernel by its largest singular value in each training step.

    The value is estimated by power iterations on the kernel, seen as a matrix with its last
    extent as columns, that go on from step to step in `vector_u`, which is state and not
    trained. The divided kernel replaces the kernel, and the optimizer's step starts from it; for
    the gradient the divisor is a constant. Predictions take the kernel as it is. A frozen layer
    keeps its kernel.

    Args:
        layer: A layer with a kernel or a table: `Dense`, `EinsumDense` or `Embedding`.
        power_iterations: How many iterations a step takes.
        **options: See `Layer`; `dtype` is that of the layer.

    Raises:
        ValueError: For other layers, and those that belong to a model.

    Example:
        >>> layer = lamina.layers.SpectralNormalization(lamina.layers.Dense(2))
        >>> layer(np.ones((1, 3)), training=True).shape
        (1, 2)
    """

    _moves_weights = True

    _fixes_shapes = True

    def __init__(
        self, layer: Any, power_iterations: int = 1, **options: Unpack[LayerOptions]
    ) -> None:
        where = "SpectralNormalization"
        if not isinstance(layer, (Dense, EinsumDense, Embedding)):
            raise ValueError(
                f"{where}: `layer` must be a Dense, EinsumDense or Embedding layer, which has a "
                f"kernel or a table. Received: layer={layer!r}"
            )
        parents = layer._parents()
        if parents:
            raise ValueError(
                f"Layer '{layer.name}' belongs to '{parents[-1].name}', and layers cannot be "
                "shared. "
                f"Received: layer '{layer.name}'"
            )
        self.power_iterations = _checks.integer(
            where, "power_iterations", power_iterations, low=1, high=2**31
        )
        if options.get("dtype") is None:
            options["dtype"] = layer.dtype
        super().__init__(**options)
        if self.dtype != layer.dtype:
            raise ValueError(
                f"{where}: `dtype` must be that of the layer, {layer.dtype}. "
                f"Received: dtype={self.dtype}"
            )
        self.layer: Layer = layer
        layer._tracker.add_parent(self)
        self._set_prefix("")
        if not self._trainable:
            self._freeze(True)

    @property
    def vector_u(self) -> Variable | None:
        """The estimate of the kernel's left singular vector; None before building."""
        return self._variables.get("vector_u")

    @property
    def _saved_again(self) -> list[Variable]:
        """What files of Keras have here and in the layer inside: the kernel."""
        return self.weights[:1] if self.built else []

    def _set_prefix(self, prefix: str) -> None:
        super()._set_prefix(prefix)
        self.layer._set_prefix(f"{prefix}{self.name}/")  # its variables are among this one's

    def _freeze(self, frozen: bool) -> None:
        self.layer._freeze(frozen)
        super()._freeze(frozen)

    def _shape_after(self, shape: Shape) -> Shape:
        return self.layer._shape_after(shape)

    def _create_variables(self, shape: Shape) -> list[Variable]:
        self.layer._build(shape)
        inner = self.layer.weights
        u = self._weight(
            "vector_u",
            (1, inner[0].shape[-1]),
            initializers.TruncatedNormal(stddev=0.02),
            trainable=False,
        )
        return [inner[0], u, *inner[1:]]  # in the order of Keras

    def _is_planned(self) -> bool:
        return super()._is_planned() and self.layer._is_planned()

    def _unbuild(self) -> None:
        super()._unbuild()
        self.layer._unbuild()

    def _append_to(self, network: _core.Network) -> None:
        network.normalize_next_kernel(self.power_iterations)
        self.layer._plan_into(network)

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {
            **super().get_config(),
            "layer": serialize(self.layer),
            "power_iterations": self.power_iterations,
        }

    @classmethod
    def from_config(cls, config: Config) -> SpectralNormalization:
        """The layer that `get_config` described."""
        rest = {key: value for key, value in config.items() if key != "layer"}
        inner = config.get("layer")
        return cls(inner if isinstance(inner, Layer) else deserialize(inner), **rest)
