"""The input of a model: the shape of its samples."""

from __future__ import annotations

from typing import Any

from lamina import _checks
from lamina._typing import BatchShape, Config, Shape
from lamina.layers.layer import LAYERS, Layer


@LAYERS.register()
class InputLayer(Layer):
    """Says what shape samples have; `Input` makes one.

    Args:
        shape: The shape of one sample, without the batch.
        batch_size: The batch size to show in `summary`; batches of any size are accepted.
        dtype: The type of the data, for information: whatever comes is converted.
        sparse, ragged, optional: False only.
        batch_shape: The shape with the batch, instead of `shape` and `batch_size`.
        input_tensor: Not supported: None only.
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
        input_tensor: None = None,
        optional: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        _checks.require_default("InputLayer", input_tensor=input_tensor)
        _checks.require_default("Input", sparse=sparse, ragged=ragged, optional=optional)
        if (shape is None) == (batch_shape is None):
            raise ValueError(
                "Input: give either `shape` or `batch_shape`. "
                f"Received: shape={shape}, batch_shape={batch_shape}"
            )
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
        self._data_type = "float32" if dtype is None else str(dtype)
        self._input_shape = self._output = self._samples

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
    tensor: None = None,
    optional: bool = False,
) -> InputLayer:
    """The first entry of a `Sequential` model: the shape of its samples.

    Args:
        shape: The shape of one sample: `(784,)` for rows of 784 numbers.
        batch_size: As for `InputLayer`, like all the others.
        dtype: The type of the data, for information.
        sparse: False only.
        ragged: False only.
        batch_shape: The shape with the batch in front, instead of `shape`.
        name: The layer's name.
        tensor: Not supported: None only.
        optional: False only.

    Returns:
        An `InputLayer`.

    Raises:
        ValueError: For extents that are unknown or not positive.

    Example:
        >>> model = lamina.Sequential([lamina.Input((4,)), lamina.layers.Dense(2)])
        >>> model.output_shape
        (None, 2)
    """
    _checks.require_default("Input", tensor=tensor)
    return InputLayer(
        shape, batch_size, dtype, sparse, ragged, batch_shape, optional=optional, name=name
    )
