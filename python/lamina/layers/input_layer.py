"""The input of a model: the shape of its samples."""

from __future__ import annotations

from typing import Any

from lamina import _checks
from lamina._checks import unknown_name
from lamina._typing import BatchShape, Config, Shape
from lamina.config import floatx
from lamina.graph.keras_tensor import KerasTensor
from lamina.graph.node import Node
from lamina.layers.layer import LAYERS, Layer


@LAYERS.register()
class InputLayer(Layer):
    """Says what shape samples have; `Input` makes one and returns its symbolic tensor, `output`.

    Args:
        shape: The shape of one sample, without the batch.
        batch_size: The batch size to show in `summary`; batches of any size are accepted.
        dtype: The type of the data: "float32" by default, "string" for text, "int32" and the like.
        sparse, ragged, optional: False only.
        batch_shape: The shape with the batch, instead of `shape` and `batch_size`.
        input_tensor: A symbolic tensor that the layer gives, instead of a new one.
        name: The layer's name.
    """

    def __init__(
        self,
        shape: Any = None,
        batch_size: int | None = None,
        dtype: Any = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: Any = None,
        input_tensor: Any = None,
        optional: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        for argument, value in (("sparse", sparse), ("ragged", ragged)):
            if value and input_tensor is not None:
                raise ValueError(
                    "When providing the `input_tensor` argument, you cannot provide an "
                    f"incompatible `{argument}` argument. Received: {input_tensor!r}"
                )
            if value:
                raise ValueError(
                    f"Input: `{argument}=True` is not supported: tensors are dense. "
                    f"Received: {argument}={value!r}"
                )
        _checks.require_default("Input", optional=optional)
        self.sparse = self.ragged = self.optional = False
        if input_tensor is not None:
            _check_tensor(input_tensor, shape, batch_size, batch_shape, dtype)
            shape, batch_size, batch_shape = None, None, input_tensor.shape
            dtype = input_tensor.dtype
        received = f"Received: shape={shape}, batch_size={batch_size}, batch_shape={batch_shape}"
        for given, extents in (("shape", shape), ("batch_size", batch_size)):
            if extents is not None and batch_shape is not None:
                raise ValueError(
                    f"Input: you cannot pass both `{given}` and `batch_shape`. {received}"
                )
        if shape is None and batch_shape is None:
            raise ValueError(f"Input: you must pass a `shape` argument. {received}")
        if batch_shape is not None:
            if not isinstance(batch_shape, (tuple, list)) or not batch_shape:
                raise ValueError(
                    "Input: `batch_shape` is a tuple with the batch size or None in front. "
                    f"Received: batch_shape={batch_shape!r}"
                )
            batch_size, shape = batch_shape[0], tuple(batch_shape[1:])
        self._samples: Shape = tuple(
            extent for extent in _checks.extents("Input", "shape", shape) if extent is not None
        )
        self.batch_size: int | None = None
        if batch_size is not None:
            self.batch_size = _checks.integer("Input", "batch_size", batch_size, low=1)
        self._data_type = floatx() if dtype is None else data_type(dtype)
        self._input_shape = self._output = self._samples
        if input_tensor is None:
            input_tensor = KerasTensor(self.batch_shape, self._data_type, name)
        Node(self, (), {}, input_tensor)

    def call(self) -> None:  # type: ignore[override]
        """Nothing: an input is not called."""

    @property
    def batch_shape(self) -> BatchShape:
        """The shape with the batch size, or None for it, in front."""
        return (self.batch_size, *self._samples)

    @property
    def shape(self) -> BatchShape:
        """The same as `batch_shape`, as Keras' `Input` has it."""
        return self.batch_shape

    @property
    def dtype(self) -> str:
        """The type of the data as the user named it."""
        return self._data_type

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {
            "batch_shape": list(self.batch_shape),
            "dtype": self._data_type,
            "sparse": False,
            "ragged": False,
            "name": self.name,
            "optional": False,
        }


def Input(  # noqa: N802 - Keras' name
    shape: Any = None,
    batch_size: int | None = None,
    dtype: Any = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: Any = None,
    name: str | None = None,
    tensor: Any = None,
    optional: bool = False,
) -> KerasTensor:
    """A symbolic tensor: the input of a model.

    Layers and functions of `lamina.ops` called on it give symbolic tensors, and
    `lamina.Model(inputs, outputs)` makes a model of them. As the first entry of a `Sequential` it
    says what shape its samples have.

    Args:
        shape: The shape of one sample: `(784,)` for rows of 784 numbers.
        batch_size: The batch size, if it is known.
        dtype: The type of the data: `lamina.config.floatx()` by default; "string", "int32" and the
            like for what preprocessing layers take.
        sparse: False only.
        ragged: False only.
        batch_shape: The shape with the batch in front, instead of `shape`.
        name: The name of the input, by which dictionaries of data name it.
        tensor: A symbolic tensor to use as the input, instead of a new one.
        optional: False only.

    Returns:
        A symbolic tensor of shape `(batch_size, *shape)`.

    Raises:
        ValueError: For extents that are unknown or not positive, and for an unknown `dtype`.

    Example:
        >>> x = lamina.Input((4,))
        >>> lamina.layers.Dense(2)(x).shape
        (None, 2)
        >>> model = lamina.Sequential([lamina.Input((4,)), lamina.layers.Dense(2)])
        >>> model.output_shape
        (None, 2)
    """
    layer = InputLayer(
        shape,
        batch_size,
        dtype,
        sparse,
        ragged,
        batch_shape,
        input_tensor=tensor,
        optional=optional,
        name=name,
    )
    output: KerasTensor = layer.output
    return output


def data_type(dtype: Any) -> str:
    """The name of a type that data may have.

    Raises:
        ValueError: If there is no such type.
    """
    name = getattr(dtype, "name", None) or getattr(dtype, "__name__", None) or str(dtype)
    name = {"str": "string", "int": "int64", "float": floatx()}.get(name, name)
    if name not in _DATA_TYPES:
        raise unknown_name("dtype of an Input", name, _DATA_TYPES)
    return name


_DATA_TYPES = (
    *("bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"),
    *("float16", "bfloat16", "float32", "float64", "string"),
)


def _check_tensor(
    tensor: Any, shape: Any, batch_size: int | None, batch_shape: Any, dtype: Any
) -> None:
    """ValueError for arguments that do not fit the tensor that is to be the input."""
    if not isinstance(tensor, KerasTensor):
        raise ValueError(
            "Argument `input_tensor` must be a KerasTensor. Received invalid type: "
            f"input_tensor={tensor!r} (of type {type(tensor).__name__})"
        )
    wrong = {
        "batch_size": batch_size is not None and tensor.shape[:1] != (batch_size,),
        "shape": shape is not None and tensor.shape[1:] != tuple(shape),
        "batch_shape": batch_shape is not None and tensor.shape != tuple(batch_shape),
        "dtype": dtype is not None and tensor.dtype != data_type(dtype),
    }
    for argument, differs in wrong.items():
        if differs:
            raise ValueError(
                "When providing the `input_tensor` argument, you cannot provide an incompatible "
                f"`{argument}` argument. Received: {tensor!r}"
            )
