"""What a model takes: names, shapes, types and structure of its inputs."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina import _eager
from lamina._tensor_functions import functions as _ops
from lamina.graph.inference import STAND_INS
from lamina.graph.keras_tensor import KerasTensor
from lamina.graph.tree import flatten, is_nest, map_structure, sorted_keys


class Signature:
    """The inputs of a model, and the check of what users pass for them.

    Args:
        structure: Symbolic tensors: one, or a nest of lists, tuples and dictionaries.
        where: What messages call the model.
    """

    def __init__(self, structure: Any, where: str = "The model") -> None:
        self.structure = structure
        self.where = where
        self.tensors: list[KerasTensor] = flatten(structure)
        #: The names by which dictionaries of data name inputs.
        self.names = [_name(tensor) for tensor in self.tensors]
        self.shapes = [tensor.shape for tensor in self.tensors]
        self.dtypes = [tensor.dtype for tensor in self.tensors]

    def flatten(self, inputs: Any) -> list[Any]:
        """One value for each input, in their order.

        A single input may come as itself, in a list of one or in a dictionary by its name; several
        as a nest of the same structure, lists and tuples being alike, or, for a flat structure, as
        a dictionary by name, which may have more entries.

        Raises:
            ValueError: If values are missing, or there are too many.
        """
        return self._values(self.structure, inputs, inputs)

    def _values(self, structure: Any, inputs: Any, everything: Any) -> list[Any]:
        if isinstance(structure, dict):
            return self._from_dictionary(structure, inputs, everything)
        if isinstance(structure, (list, tuple)):
            if isinstance(inputs, dict):
                if all(isinstance(item, KerasTensor) for item in structure):
                    return self._by_name(structure, inputs, everything)
                raise self._mismatch(everything)
            if not isinstance(inputs, (list, tuple)):
                if len(structure) == 1:
                    return self._values(structure[0], inputs, everything)
                raise self._mismatch(everything)
            if len(inputs) != len(structure):
                if len(structure) == 1 and isinstance(structure[0], KerasTensor):
                    return [_array(inputs)]  # rows of numbers
                raise self._mismatch(everything)
            pairs = zip(structure, inputs, strict=True)
            return [v for part, value in pairs for v in self._values(part, value, everything)]
        if isinstance(inputs, dict):
            return self._by_name([structure], inputs, everything)
        if isinstance(inputs, (list, tuple)):
            if len(inputs) == 1 and hasattr(inputs[0], "shape"):
                first = inputs[0]
                return [first if len(first.shape) == len(structure.shape) else _array(inputs)]
            return [_array(inputs)]
        return [inputs]

    def _from_dictionary(
        self, structure: dict[Any, Any], inputs: Any, everything: Any
    ) -> list[Any]:
        if isinstance(inputs, dict):
            missing = [key for key in structure if key not in inputs]
            if missing:
                raise ValueError(
                    f"{self.where} takes a dictionary of inputs. Missing: {missing}. "
                    f"Received: {describe(everything)}"
                )
            keys = sorted_keys(structure)
            return [v for k in keys for v in self._values(structure[k], inputs[k], everything)]
        keys = list(structure)
        if isinstance(inputs, (list, tuple)) and len(inputs) == len(keys):
            if keys != sorted_keys(structure):
                raise self._mismatch(everything)
            pairs = zip(keys, inputs, strict=True)
            return [v for k, x in pairs for v in self._values(structure[k], x, everything)]
        if len(keys) == 1 and not is_nest(inputs):
            return self._values(structure[keys[0]], inputs, everything)
        raise self._mismatch(everything)

    def _by_name(self, tensors: Any, inputs: dict[Any, Any], everything: Any) -> list[Any]:
        names = [tensor.name if tensor.name in inputs else _name(tensor) for tensor in tensors]
        missing = [name for name in names if name not in inputs]
        if missing:
            raise ValueError(
                f"{self.where} takes inputs named {names}. Missing: {missing}. "
                f"Received: {describe(everything)}"
            )
        return [inputs[name] for name in names]

    def _mismatch(self, inputs: Any) -> ValueError:
        expected = map_structure(_name, self.structure)
        return ValueError(
            "The structure of `inputs` doesn't match the expected structure. "
            f"Expected: {expected}. Received: inputs={describe(inputs)}"
        )

    def tensors_of(self, inputs: Any) -> list[Any]:
        """The same as tensors of the inputs' types; strings stay arrays.

        An axis of 1 at the end is added or left out where that makes the shapes fit.

        Raises:
            TypeError: For what holds no numbers where numbers are needed.
            ValueError: If structure or shapes do not fit.
        """
        values = self.flatten(inputs)
        return [self.tensor(i, value) for i, value in enumerate(values)]

    def tensor(self, index: int, value: Any) -> Any:
        """One input as `tensors_of` gives it."""
        name, shape, dtype = self.names[index], self.shapes[index], self.dtypes[index]
        if value is None:
            raise ValueError(
                f"The input '{name}' is not optional, but None was passed. Please provide a valid "
                "tensor."
            )
        if isinstance(value, KerasTensor):
            self.check_shape(index, value.shape)
            return value
        if dtype == "string":
            array = np.asarray(value)
            if array.ndim == len(shape) - 1 and shape[-1] == 1:
                array = array[..., None]
            self.check_shape(index, array.shape)
            return array
        tensor = _eager.typed_tensor(value, STAND_INS.get(dtype, dtype))
        rank = len(tensor.shape)
        if rank == len(shape) + 1 and tensor.shape[-1] == 1:
            tensor = _ops.squeeze_axes(tensor, -1)
        elif rank == len(shape) - 1 and shape[-1] == 1:
            tensor = _ops.expand_dims(tensor, -1)
        self.check_shape(index, tuple(tensor.shape))
        return tensor

    def check_shape(self, index: int, shape: Any) -> None:
        """ValueError if one input cannot have this shape; the batch may be of any size."""
        expected = self.shapes[index]
        fits = len(shape) == len(expected) and all(
            a is None or b is None or a == b
            for a, b in zip(shape[1:], expected[1:], strict=True)  # batches of any size
        )
        if not fits:
            raise ValueError(
                f"Invalid input shape for input '{self.names[index]}'. Expected shape {expected}, "
                f"but input has incompatible shape {tuple(shape)}"
            )


def _name(tensor: Any) -> str:
    operation = tensor._keras_history.operation
    name: str = tensor.name if operation is None else operation.name
    return name


def _array(rows: Any) -> Any:
    return np.asarray(rows)


def describe(inputs: Any) -> Any:
    """Shapes in the structure of inputs, for messages."""
    if isinstance(inputs, dict):
        return {key: describe(value) for key, value in inputs.items()}
    if isinstance(inputs, (list, tuple)) and any(
        hasattr(item, "shape") or is_nest(item) for item in inputs[:10]
    ):
        return [describe(item) for item in inputs[:10]]
    shape = getattr(inputs, "shape", None)
    return type(inputs).__name__ if shape is None else f"{type(inputs).__name__}{tuple(shape)}"
