"""Layers that join several inputs element by element."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lamina._lazy import LazyModule
from lamina._typing import BatchShape
from lamina.graph.builder import NotInPlanError, Value, values_of
from lamina.layers.layer import LAYERS, Layer

if TYPE_CHECKING:
    from lamina import ops
else:
    ops = LazyModule("lamina.ops")


class Merge(Layer):
    """What layers that join a list of inputs have in common.

    Inputs of different ranks get axes of extent 1 behind the batch until their ranks agree; then
    they broadcast.
    """

    #: What the core's plan calls the operation.
    kind = ""
    supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Checks the shapes: there is nothing to make.

        Args:
            input_shape: A list of shapes with the batch in front.

        Raises:
            ValueError: If it is no list of shapes, or they do not broadcast.
        """
        self._merged_shape(input_shape)

    def call(self, inputs: Any) -> Any:  # type: ignore[override]
        """The inputs, joined."""
        if not isinstance(inputs, (list, tuple)):
            raise ValueError(
                "A merge layer should be called on a list of inputs. "
                f"Received: inputs={inputs!r} (not a list of tensors)"
            )
        self._merged_shape([tuple(x.shape) for x in inputs])
        return self._merge(self._aligned(list(inputs)))

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Where an output is not masked: where any of the inputs is not.

        Args:
            inputs: A list of tensors.
            mask: A list of masks, one for each; None for an input without.

        Returns:
            A tensor of truth values; None if an input has no mask.

        Raises:
            ValueError: If these are no lists of the same length.
        """
        if mask is None:
            return None
        masks = masks_of(inputs, mask)
        if any(each is None for each in masks):
            return None
        output = masks[0]
        for each in masks[1:]:
            output = ops.logical_or(output, each)
        return output

    def _aligned(self, inputs: list[Any]) -> list[Any]:
        """The inputs with as many axes each."""
        rank = max(len(x.shape) for x in inputs)
        return [
            x
            if len(x.shape) == rank
            else ops.expand_dims(x, list(range(1, 1 + rank - len(x.shape))))
            for x in inputs
        ]

    def _merge(self, inputs: list[Any]) -> Any:
        """The inputs of one rank, joined: what each of these layers defines."""
        raise NotImplementedError

    def _merged_shape(self, shapes: Any) -> BatchShape:
        """The shape of the output; ValueError for inputs that cannot be joined."""
        _check_list(shapes)
        sizes = {shape[0] for shape in shapes if shape} - {None}
        if len(sizes) > 1:
            raise ValueError(
                "Cannot merge tensors with different batch sizes. "
                f"Received tensors with shapes {list(shapes)}"
            )
        sample: tuple[int | None, ...] = tuple(shapes[0][1:])
        for shape in shapes[1:]:
            sample = _broadcast(sample, tuple(shape[1:]))
        return (sizes.pop() if sizes else None, *sample)

    def compute_output_shape(self, input_shape: Any) -> BatchShape:
        """The output's shape for those of the inputs, all with the batch in front."""
        return self._merged_shape(input_shape)

    def _lower(self, builder: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return builder.merge(self.kind, merged_values(self, args))


def merged_values(layer: Layer, args: tuple[Any, ...]) -> list[Value]:
    """The values that a layer joins.

    Raises:
        NotInPlanError: For custom layers, penalties and what is of another type.
    """
    if not LAYERS.is_builtin(type(layer)) or layer.activity_regularizer is not None:
        raise NotInPlanError(f"custom layers: {layer.name}")
    values = values_of(args)
    for value in values:
        if value.dtype != layer.dtype:
            raise NotInPlanError(f"{layer.name} joins values of {value.dtype}")
    return values


def masks_of(inputs: Any, mask: Any) -> list[Any]:
    """The masks of a list of inputs.

    Raises:
        ValueError: If these are no lists of the same length.
    """
    for name, value in (("mask", mask), ("inputs", inputs)):
        if not isinstance(value, (list, tuple)):
            raise ValueError(f"`{name}` should be a list. Received: {name}={value!r}")
    if len(mask) != len(inputs):
        raise ValueError(
            "The lists `inputs` and `mask` should have the same length. Received: inputs of "
            f"length {len(inputs)}, and mask of length {len(mask)}"
        )
    return list(mask)


def _check_list(shapes: Any) -> None:
    if (
        not isinstance(shapes, (list, tuple))
        or not shapes
        or not all(isinstance(shape, (list, tuple)) for shape in shapes)
    ):
        raise ValueError(
            "A merge layer should be called on a list of inputs. "
            f"Received: input_shape={shapes} (not a list of shapes)"
        )


def _broadcast(first: tuple[int | None, ...], second: tuple[int | None, ...]) -> Any:
    """The extents of samples that are joined; the axes of the shorter are the last ones."""
    longer, shorter = (first, second) if len(first) >= len(second) else (second, first)
    split = len(longer) - len(shorter)
    joined: list[int | None] = list(longer[:split])
    for a, b in zip(longer[split:], shorter, strict=True):
        if a is None or b is None:
            joined.append(None)
        elif a != b and 1 not in (a, b):
            raise ValueError(
                f"Inputs have incompatible shapes. Received shapes {longer} and {shorter}"
            )
        else:
            joined.append(b if a == 1 else a)
    return tuple(joined)


def _check_pair(cls: type, shapes: Any) -> None:
    if len(shapes) != 2:
        raise ValueError(
            f"A `{cls.__name__}` layer should be called on exactly 2 inputs. "
            f"Received: input_shape={list(shapes)}"
        )


@LAYERS.register()
class Add(Merge):
    """The sum of its inputs.

    Called on a list of at least one tensor, of shapes that broadcast.

    Args:
        **options: See `Layer`.

    Example:
        >>> lamina.layers.Add()([np.ones((1, 2)), np.ones((1, 2))])
        array([[2., 2.]], dtype=float32)
    """

    kind = "add"

    def _merge(self, inputs: list[Any]) -> Any:
        output = inputs[0]
        for x in inputs[1:]:
            output = ops.add(output, x)
        return output


@LAYERS.register()
class Subtract(Merge):
    """The first of two inputs without the second.

    Args:
        **options: See `Layer`.

    Example:
        >>> lamina.layers.Subtract()([np.ones((1, 2)), np.ones((1, 2))])
        array([[0., 0.]], dtype=float32)
    """

    kind = "subtract"

    def _merged_shape(self, shapes: Any) -> BatchShape:
        _check_list(shapes)
        _check_pair(Subtract, shapes)
        return super()._merged_shape(shapes)

    def _merge(self, inputs: list[Any]) -> Any:
        return ops.subtract(inputs[0], inputs[1])


@LAYERS.register()
class Multiply(Merge):
    """The product of its inputs, element by element.

    Args:
        **options: See `Layer`.

    Example:
        >>> lamina.layers.Multiply()([np.full((1, 2), 3.0), np.full((1, 2), 2.0)])
        array([[6., 6.]], dtype=float32)
    """

    kind = "multiply"

    def _merge(self, inputs: list[Any]) -> Any:
        output = inputs[0]
        for x in inputs[1:]:
            output = ops.multiply(output, x)
        return output


@LAYERS.register()
class Average(Merge):
    """The mean of its inputs, element by element.

    Args:
        **options: See `Layer`.

    Example:
        >>> lamina.layers.Average()([np.zeros((1, 2)), np.ones((1, 2))])
        array([[0.5, 0.5]], dtype=float32)
    """

    kind = "average"

    def _merge(self, inputs: list[Any]) -> Any:
        output = inputs[0]
        for x in inputs[1:]:
            output = ops.add(output, x)
        return ops.divide(output, len(inputs))


@LAYERS.register()
class Maximum(Merge):
    """The largest of its inputs, element by element.

    Args:
        **options: See `Layer`.

    Example:
        >>> lamina.layers.Maximum()([np.zeros((1, 2)), np.ones((1, 2))])
        array([[1., 1.]], dtype=float32)
    """

    kind = "maximum"

    def _merge(self, inputs: list[Any]) -> Any:
        output = inputs[0]
        for x in inputs[1:]:
            output = ops.maximum(output, x)
        return output


@LAYERS.register()
class Minimum(Merge):
    """The smallest of its inputs, element by element.

    Args:
        **options: See `Layer`.

    Example:
        >>> lamina.layers.Minimum()([np.zeros((1, 2)), np.ones((1, 2))])
        array([[0., 0.]], dtype=float32)
    """

    kind = "minimum"

    def _merge(self, inputs: list[Any]) -> Any:
        output = inputs[0]
        for x in inputs[1:]:
            output = ops.minimum(output, x)
        return output


def add(inputs: Any, **options: Any) -> Any:
    """The sum of inputs: `Add(**options)(inputs)`.

    Args:
        inputs: A list of tensors, whose shapes broadcast.
        **options: See `Layer`.
    """
    return Add(**options)(inputs)


def subtract(inputs: Any, **options: Any) -> Any:
    """The first of two inputs without the second: `Subtract(**options)(inputs)`."""
    return Subtract(**options)(inputs)


def multiply(inputs: Any, **options: Any) -> Any:
    """The product of inputs, element by element: `Multiply(**options)(inputs)`."""
    return Multiply(**options)(inputs)


def average(inputs: Any, **options: Any) -> Any:
    """The mean of inputs, element by element: `Average(**options)(inputs)`."""
    return Average(**options)(inputs)


def maximum(inputs: Any, **options: Any) -> Any:
    """The largest of inputs, element by element: `Maximum(**options)(inputs)`."""
    return Maximum(**options)(inputs)


def minimum(inputs: Any, **options: Any) -> Any:
    """The smallest of inputs, element by element: `Minimum(**options)(inputs)`."""
    return Minimum(**options)(inputs)
