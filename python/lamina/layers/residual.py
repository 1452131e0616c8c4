"""Residual blocks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import lamina._core as _core
from lamina import _checks
from lamina._typing import Config, Shape
from lamina.layers.dense import Dense
from lamina.layers.layer import LAYERS, Layer, LayerOptions
from lamina.layers.preprocessing.preprocessing_layer import PreprocessingLayer
from lamina.layers.resolve import deserialize, serialize
from lamina.variable import Variable

if TYPE_CHECKING:
    from typing import Unpack


@LAYERS.register()
class Residual(Layer):
    """Adds its input to what its layers make of it: `x + layers(x)`. Beyond Keras.

    Where the layers change the width, the input goes through a Dense layer without a bias
    first: `projection(x) + layers(x)`.

    Args:
        layers: The layers, one after the other.
        projection: Whether there may be a projection; False makes a change of width an error.
        **options: See `Layer`; `dtype` is that of the layers.

    Raises:
        ValueError: When it is built, if the layers' output cannot be added to the input.

    Example:
        >>> block = lamina.layers.Residual([lamina.layers.Dense(4, kernel_initializer="zeros")])
        >>> block(np.ones((1, 4)))
        array([[1., 1., 1., 1.]], dtype=float32)
    """

    _fixes_shapes = True

    def __init__(
        self, layers: Iterable[Any], projection: bool = True, **options: Unpack[LayerOptions]
    ) -> None:
        inner: list[Any] = list(layers) if hasattr(layers, "__iter__") else []
        if not inner or not all(
            hasattr(layer, "_plan_into") and not isinstance(layer, PreprocessingLayer)
            for layer in inner
        ):
            raise TypeError(f"Residual: `layers` must be a list of layers. Received: {layers!r}")
        if len({layer.dtype for layer in inner}) > 1:
            raise ValueError(
                "Residual: all layers must have the same dtype. "
                f"Received: {[layer.dtype for layer in inner]}"
            )
        if len({layer.name for layer in inner}) != len(inner):
            raise ValueError(
                "Residual: layers must have different names. "
                f"Received: {[layer.name for layer in inner]}"
            )
        for layer in inner:
            if getattr(layer, "_preprocessing", None):
                raise ValueError(
                    "Residual: a model that begins with a layer that prepares data must come "
                    f"before all layers of a network. Received: model '{layer.name}'"
                )
        self.projects = _checks.boolean("Residual", "projection", projection)
        self.projection: Dense | None = None
        if options.get("dtype") is None:
            options["dtype"] = inner[0].dtype
        super().__init__(**options)
        if self.dtype != inner[0].dtype:
            raise ValueError(
                f"Residual: `dtype` must be that of the layers, {inner[0].dtype}. "
                f"Received: dtype={self.dtype}"
            )
        self._layers = inner
        for layer in inner:
            layer._tracker.add_parent(self)
        self._set_prefix("")
        if not self._trainable:
            self._freeze(True)

    @property
    def layers(self) -> list[Any]:
        """The layers, and behind them the projection if there is one."""
        return [*self._layers, *([self.projection] if self.projection is not None else [])]

    @property
    def weights(self) -> list[Variable]:
        """The variables of its layers."""
        return [variable for leaf in self._leaves() for variable in leaf.weights]

    def _leaves(self) -> list[Layer]:
        return [leaf for layer in self.layers for leaf in layer._leaves()]

    def _set_prefix(self, prefix: str) -> None:
        self._prefix = prefix
        for layer in self.layers:
            layer._set_prefix(f"{prefix}{self.name}/")

    def _freeze(self, frozen: bool) -> None:
        self._trainable = not frozen
        for layer in self.layers:
            layer._freeze(frozen)

    def _shape_after(self, shape: Shape) -> Shape:
        output = shape
        for layer in self._layers:
            output = layer._shape_after(output)
        fits = output == shape or (
            self.projects and len(shape) > 0 and output[:-1] == shape[:-1] and len(output) > 0
        )
        if not fits:
            raise ValueError(
                f"Layer '{self.name}': what the layers give must have the shape of the input, "
                f"{shape}" + (", but for the last axis" if self.projects else "") + ". "
                f"Received: samples of shape {output}"
            )
        return output

    def _build(self, shape: Shape) -> None:
        if self._input_shape == shape:
            return
        if self._input_shape is not None:
            raise ValueError(
                f"Layer '{self.name}' was built for samples of shape {self._input_shape}. "
                f"Received: samples of shape {shape}"
            )
        output = self._shape_after(shape)
        inside = shape
        for layer in self._layers:
            layer._build(inside)
            inside = layer._shape_after(inside)
        if output != shape:
            self.projection = Dense(output[-1], use_bias=False, name="projection", dtype=self.dtype)
            self.projection._tracker.add_parent(self)
            self.projection._build(shape)
            self._set_prefix(self._prefix)
            if not self._trainable:
                self.projection._freeze(True)
        self._input_shape, self._output = shape, output

    def _unbuild(self) -> None:
        super()._unbuild()
        self.projection = None
        for layer in self._layers:
            layer._unbuild()

    def _append_to(self, network: _core.Network) -> None:
        x = network.value
        for layer in self._layers:
            layer._plan_into(network)
        body = network.value
        network.seek(x)
        if self.projection is not None:
            self.projection._plan_into(network)
        network.add_merge("add", [body, network.value])

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {
            **super().get_config(),
            "layers": [serialize(layer) for layer in self._layers],
            "projection": self.projects,
        }

    @classmethod
    def from_config(cls, config: Config) -> Residual:
        """The layer that `get_config` described."""
        inner = config.get("layers")
        if not isinstance(inner, list):
            raise ValueError(f"Residual: `layers` must be a list. Received: {inner!r}")
        rest = {key: value for key, value in config.items() if key not in ("layers", "trainable")}
        block = cls([deserialize(layer) for layer in inner], **rest)
        block._trainable = bool(config.get("trainable", True))
        return block
