"""Layers that join several inputs along an axis: side by side, or by products and sums."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import lamina._core as _core
from lamina import _checks
from lamina._lazy import LazyModule
from lamina._typing import BatchShape, Config, Shape
from lamina.graph.builder import NotInPlanError
from lamina.layers.layer import LAYERS, Layer, PlainOptions
from lamina.layers.merging import masks_of, merged_values

if TYPE_CHECKING:
    from typing import Unpack

    from lamina import ops
else:
    ops = LazyModule("lamina.ops")


@LAYERS.register()
class Concatenate(Layer):
    """Its inputs side by side.

    Called on a list of at least one tensor; their shapes are the same but for `axis`.

    Args:
        axis: The axis along which they are put, with the batch as axis 0.
        **options: See `Layer`.

    Example:
        >>> lamina.layers.Concatenate()([np.zeros((1, 2)), np.ones((1, 3))])
        array([[0., 0., 1., 1., 1.]], dtype=float32)
    """

    supports_masking = True

    def __init__(self, axis: int = -1, **options: Unpack[PlainOptions]) -> None:
        super().__init__(**options)
        self.axis = _checks.integer("Concatenate", "axis", axis, low=-64, high=63)

    def build(self, input_shape: Any) -> None:
        """Checks the shapes; there is nothing to make.

        Raises:
            ValueError: If it is no list of shapes, or they differ elsewhere than at `axis`.
        """
        self.compute_output_shape(input_shape)

    def call(self, inputs: Any) -> Any:  # type: ignore[override]
        """The inputs side by side."""
        self.compute_output_shape([tuple(x.shape) for x in _list(type(self), inputs)])
        return ops.concatenate(inputs, axis=self.axis)

    def compute_output_shape(self, input_shape: Any) -> BatchShape:
        """The output's shape for those of the inputs, all with the batch in front."""
        shapes = _shapes(type(self), input_shape)
        rank = len(shapes[0])
        if not -rank <= self.axis < rank:
            raise ValueError(
                f"Layer '{self.name}': `axis` must be in [-{rank}, {rank}). "
                f"Received: axis={self.axis} for input_shape={input_shape}"
            )
        axis = self.axis % rank
        output: list[int | None] = list(shapes[0])
        for shape in shapes[1:]:
            known = [
                place != axis and a is not None and b is not None and a != b
                for place, (a, b) in enumerate(zip(output, shape, strict=False))
            ]
            if len(shape) != rank or any(known):
                raise ValueError(
                    "A `Concatenate` layer requires inputs with matching shapes except for the "
                    f"concatenation axis. Received: input_shape={input_shape}"
                )
            first, second = output[axis], shape[axis]
            output = [b if a is None else a for a, b in zip(output, shape, strict=True)]
            output[axis] = None if first is None or second is None else first + second
        return tuple(output)

    def _lower(self, builder: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        values = merged_values(self, args)
        axis = self.axis % (len(values[0].sample) + 1)
        if axis == 0:
            raise NotInPlanError(f"{self.name} joins batches")
        return builder.merge("concatenate", values, axis - 1)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Where an output is not masked: the masks side by side, one value for each last axis.

        Args:
            inputs: A list of tensors.
            mask: A list of masks, one for each; None for an input without, which is not masked.

        Returns:
            A tensor of truth values; None if no input has a mask.

        Raises:
            ValueError: If these are no lists of the same length.
        """
        if mask is None:
            return None
        masks = masks_of(inputs, mask)
        if all(each is None for each in masks):
            return None
        whole = []
        for x, given in zip(inputs, masks, strict=True):
            if given is None:
                whole.append(ops.ones_like(x, dtype="bool"))
            elif len(given.shape) < len(x.shape):
                row = ops.expand_dims(given, axis=-1)
                whole.append(ops.logical_or(row, ops.zeros_like(x, dtype="bool")))
            else:
                whole.append(given)
        return ops.any(ops.concatenate(whole, axis=self.axis), axis=-1)

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {**super().get_config(), "axis": self.axis}


@LAYERS.register()
class Dot(Layer):
    """The sum of products of two inputs along an axis of each, sample by sample.

    Args:
        axes: The axis of both, or a pair: that of the first input and that of the second, with
            the batch, which it cannot be, as axis 0.
        normalize: Whether the vectors along the axes are scaled to length 1 first, which gives
            the cosine between them.
        **options: See `Layer`.

    Inputs of shape (batch, n) give (batch, 1). In general the output has the axes of the first
    input, then those of the second, without the batch of the second and without `axes`.

    Raises:
        TypeError, ValueError: For what are no axes.

    Example:
        >>> lamina.layers.Dot(axes=1)([np.ones((1, 3)), np.full((1, 3), 2.0)])
        array([[6.]], dtype=float32)
    """

    supports_masking = True

    def __init__(self, axes: Any, normalize: bool = False, **options: Unpack[PlainOptions]) -> None:
        super().__init__(**options)
        if not isinstance(axes, int):
            if not isinstance(axes, (list, tuple)):
                raise TypeError(
                    "Invalid type for argument `axes`: it should be a list or an int. "
                    f"Received: axes={axes!r}"
                )
            if len(axes) != 2:
                raise ValueError(
                    "Invalid format for argument `axes`: it should contain two elements. "
                    f"Received: axes={axes}"
                )
            if not all(isinstance(axis, int) for axis in axes):
                raise ValueError(
                    "Invalid format for argument `axes`: list elements should be integers. "
                    f"Received: axes={axes}"
                )
        self.axes = axes if isinstance(axes, int) else tuple(axes)
        self.normalize = _checks.boolean("Dot", "normalize", normalize)

    def build(self, input_shape: Any) -> None:
        """Checks the shapes; there is nothing to make.

        Raises:
            ValueError: If these are no two shapes, or the axes do not fit them or each other.
        """
        self.compute_output_shape(input_shape)

    def call(self, inputs: Any) -> Any:  # type: ignore[override]
        """The sums of products."""
        x1, x2 = _list(type(self), inputs)
        first, second = self._axes(tuple(x1.shape), tuple(x2.shape))
        self.compute_output_shape([tuple(x1.shape), tuple(x2.shape)])
        axes = first - 1, second - 1
        product = _product(x1.shape[1:], x2.shape[1:], axes, self.normalize, self.dtype)
        (output,), _, _ = product([x1, x2], False, 0)
        return output

    def compute_output_shape(self, input_shape: Any) -> BatchShape:
        """The output's shape for those of the two inputs, all with the batch in front."""
        shapes = _shapes(type(self), input_shape)
        if len(shapes) != 2:
            raise ValueError(
                "A `Dot` layer should be called on a list of 2 inputs. "
                f"Received: input_shape={input_shape}"
            )
        x1, x2 = shapes
        first, second = self._axes(x1, x2)
        if x1[0] is not None and x2[0] is not None and x1[0] != x2[0]:
            raise ValueError(
                "Cannot merge tensors with different batch sizes. "
                f"Received tensors with shapes {input_shape}"
            )
        if x1[first] != x2[second]:
            raise ValueError(
                f"Incompatible input shapes: axis values {x1[first]} (at axis {first}) != "
                f"{x2[second]} (at axis {second}). Full input shapes: {x1}, {x2}"
            )
        batch = x2[0] if x1[0] is None else x1[0]
        rest = (
            *(extent for axis, extent in enumerate(x1) if axis not in (0, first)),
            *(extent for axis, extent in enumerate(x2) if axis not in (0, second)),
        )
        return (batch, *(rest or (1,)))

    def _axes(self, x1: BatchShape, x2: BatchShape) -> tuple[int, int]:
        """The two axes, counted from the batch."""
        given = (self.axes, self.axes) if isinstance(self.axes, int) else self.axes
        axes = []
        for axis, shape in zip(given, (x1, x2), strict=True):
            rank = len(shape)
            if rank < 2 or not -rank <= axis < rank or axis % rank == 0:
                raise ValueError(
                    f"Layer '{self.name}': `axes` must name an axis of each input that is not the "
                    f"batch. Received: axes={self.axes} for inputs of shapes {x1} and {x2}"
                )
            axes.append(axis % rank)
        return axes[0], axes[1]

    def _lower(self, builder: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        x1, x2 = merged_values(self, args)
        first, second = self._axes(x1.shape, x2.shape)
        return builder.dot(x1, x2, (first - 1, second - 1), self.normalize)

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        """None: sums of products are not masked."""

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        axes = self.axes if isinstance(self.axes, int) else list(self.axes)
        return {**super().get_config(), "axes": axes, "normalize": self.normalize}


@lru_cache(maxsize=64)
def _product(
    first: Shape, second: Shape, axes: tuple[int, int], normalize: bool, dtype: str
) -> _core.Layers:
    """What a plan has for `Dot`, as a call on tensors."""
    network = _core.Network(first, dtype, "cpu", 0)
    network.add_dot((0, network.add_input(second)), axes, normalize)
    return _core.Layers(network, [])


def _list(cls: type, inputs: Any) -> Any:
    wanted = "2 inputs" if cls is Dot else "inputs"
    if not isinstance(inputs, (list, tuple)) or (cls is Dot and len(inputs) != 2):
        raise ValueError(
            f"A `{cls.__name__}` layer should be called on a list of {wanted}. "
            f"Received: inputs={inputs!r}"
        )
    return inputs


def _shapes(cls: type, input_shape: Any) -> list[BatchShape]:
    if (
        not isinstance(input_shape, (list, tuple))
        or not input_shape
        or not all(isinstance(shape, (list, tuple)) for shape in input_shape)
    ):
        raise ValueError(
            f"A `{cls.__name__}` layer should be called on a list of at least 1 input. "
            f"Received: input_shape={input_shape}"
        )
    return [tuple(shape) for shape in input_shape]


def concatenate(inputs: Any, axis: int = -1, **options: Any) -> Any:
    """Inputs side by side: `Concatenate(axis, **options)(inputs)`.

    Args:
        inputs: A list of tensors.
        axis: The axis along which they are put.
        **options: See `Layer`.
    """
    return Concatenate(axis=axis, **options)(inputs)


def dot(inputs: Any, axes: Any = -1, **options: Any) -> Any:
    """Sums of products of two inputs: `Dot(axes, **options)(inputs)`.

    Args:
        inputs: A list of two tensors.
        axes: An axis, or one of each input.
        **options: `normalize`, and see `Layer`.
    """
    return Dot(axes=axes, **options)(inputs)
