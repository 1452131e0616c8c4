"""What layers that prepare data have in common."""

from __future__ import annotations

from typing import Any

import numpy as np

import lamina._core as _core
from lamina._arrays import real_array
from lamina._typing import Array, Config, Shape
from lamina.graph.keras_tensor import any_symbolic
from lamina.layers import symbolic
from lamina.layers.layer import Layer


class PreprocessingLayer(Layer):
    """A layer for data as they come: strings and integers too.

    It is called on arrays, or stands in front of the other layers of a `Sequential`, whose `fit`,
    `evaluate` and `predict` then take such data.

    Args:
        name: Its name; by default from its class.
        dtype: The type of floating-point results.
        trainable: Accepted for compatibility: there is nothing to train.
    """

    #: Python computes it before a plan.
    _prepares_data = True

    def __init__(self, name: str | None = None, dtype: Any = None, trainable: bool = True) -> None:
        super().__init__(name=name, dtype=dtype, trainable=trainable)

    # What a layer class defines.

    def _transform(self, data: Array) -> Array:
        """The output for an array of `data_array`."""
        raise NotImplementedError

    def _transformed_shape(self, shape: Shape) -> Shape:
        """The output's shape for an array's."""
        return shape

    def __call__(  # type: ignore[override]
        self, inputs: Any, training: bool | None = False
    ) -> Array:
        """The layer's output for an array; a symbolic tensor for a symbolic one."""
        if any_symbolic(inputs):
            return self.symbolic_call(inputs)  # type: ignore[no-any-return]
        return self._transform(data_array(inputs, "inputs"))

    # Its part in a model.

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """The output for symbolic inputs, without recording a call."""
        return symbolic.data_spec(self, args)

    def _output_dtype(self) -> str:
        """The type of the output's elements."""
        return "int64" if getattr(self, "output_mode", None) == "int" else self._dtype

    def _shape_after(self, shape: Shape) -> Shape:
        output = self._transformed_shape((1, *shape))
        if output[:1] != (1,) or len(output) < len(shape):
            raise ValueError(
                f"Layer '{self.name}' needs samples with at least one axis in a model. "
                f"Received: samples of shape {shape}"
            )
        return output[1:]

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The output's shape for an input's."""
        known = tuple(1 if extent is None else int(extent) for extent in input_shape)
        output = self._transformed_shape(known)
        return (input_shape[0], *output[1:]) if known and output else output

    def _plan_into(self, network: _core.Network) -> None:
        raise ValueError(
            f"{type(self).__name__} prepares data and is no part of a network: put it in front of "
            f"all other layers of a Sequential. Received: layer '{self.name}'"
        )

    def _leaves(self) -> list[Layer]:
        return []

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {"name": self.name, "dtype": self._dtype}

    @classmethod
    def from_config(cls, config: Config) -> Any:
        """The layer that `get_config` described."""
        return cls(**{key: value for key, value in config.items() if key != "trainable"})


def data_array(value: Any, name: str) -> Array:
    """`value` as an array of real numbers, or of strings as Python objects or NumPy has them.

    Raises:
        TypeError: For complex numbers, dates and objects that are no strings.
        ValueError: For None and for ragged lists.
    """
    array = value
    if not isinstance(array, np.ndarray) and callable(getattr(array, "to_numpy", None)):
        array = array.to_numpy()
    if isinstance(array, (str, bytes, list, tuple)):
        try:
            array = np.asarray(array)
        except (ValueError, TypeError) as error:
            raise ValueError(f"`{name}` cannot be made an array: {error}") from None
    kind = getattr(getattr(array, "dtype", None), "kind", None)
    if not isinstance(array, np.ndarray) or kind not in ("U", "S", "O", "T"):
        return real_array(array, name)
    if kind in ("O", "T"):
        items = array.ravel().tolist()
        if not all(isinstance(item, (str, bytes)) for item in items):
            if all(isinstance(item, (int, np.integer)) for item in items):
                return np.asarray(array, "int64")
            wrong = next(item for item in items if not isinstance(item, (str, bytes)))
            raise TypeError(
                f"`{name}` must hold numbers, or strings only. Received: {wrong!r} among its "
                "elements"
            )
        return np.asarray(array, object)
    return array


def is_text(array: Array) -> bool:
    """Whether an array of `data_array` holds strings."""
    return array.dtype.kind in ("U", "S", "O")


def as_strings(array: Array) -> list[str]:
    """The elements of an array of strings; bytes are UTF-8.

    Raises:
        ValueError: For bytes that are not UTF-8.
    """
    items = array.ravel().tolist()
    try:
        return [item.decode("utf-8") if isinstance(item, bytes) else item for item in items]
    except UnicodeDecodeError as error:
        raise ValueError(f"Strings must be UTF-8: {error}") from None


def as_integers(array: Array, where: str) -> Array:
    """The elements as int64.

    Raises:
        TypeError: For strings.
        ValueError: For numbers that are not whole.
    """
    if is_text(array):
        raise TypeError(f"{where}: integers are needed. Received: strings")
    integers = array.astype("int64")
    if array.dtype.kind == "f" and not np.array_equal(integers, array):
        raise ValueError(f"{where}: integers are needed. Received: numbers that are not whole")
    return integers
