"""Values that training changes."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import lamina._core as _core
from lamina._names import auto_name
from lamina._typing import Array
from lamina.config import floatx, standardize_dtype


class Variable(_core.Variable):
    """A tensor whose value can be set.

    Functions and operators take it as the tensor that it holds. Trainable variables of floating
    type are watched by the tapes that record when they are read.

    Args:
        initializer: The first value: numbers, an array or a tensor; or a function
            `(shape, dtype)` of it.
        shape: The shape; needed with a function, checked otherwise.
        dtype: The element type; None for the value's own, `lamina.config.floatx()` for Python
            floats and functions.
        trainable: Whether tapes watch it and optimizers train it.
        name: A name; None for one that is made up.

    Raises:
        ValueError: If the value does not have `shape`, or a function is given no shape.

    Example:
        >>> w = lamina.Variable([1.0, 2.0])
        >>> _ = w.assign_add([0.5, 0.5])
        >>> w.numpy()
        array([1.5, 2.5], dtype=float32)
    """

    #: Beside an array, the variable's operators decide.
    __array_priority__ = 1000.0

    def __init__(
        self,
        initializer: Any,
        shape: tuple[int, ...] | list[int] | None = None,
        dtype: Any = None,
        trainable: bool = True,
        name: str | None = None,
    ) -> None:
        super().__init__()
        if callable(initializer) and not hasattr(initializer, "__lamina_tensor__"):
            if shape is None:
                raise ValueError(
                    "[Variable] a function as initializer needs a shape. Received: shape=None"
                )
            initializer = initializer(tuple(shape), dtype or floatx())
        value = _core.convert(initializer)
        if dtype is not None:
            value = _core.ops.cast(value, standardize_dtype(dtype))
        if shape is not None and tuple(value.shape) != tuple(shape):
            raise ValueError(
                f"[Variable] the value must have the shape {tuple(shape)}. "
                f"Received: value.shape={tuple(value.shape)}"
            )
        self.hold(value)
        self.trainable = bool(trainable)
        self.name = name if name is not None else auto_name("variable")
        self.path = self.name

    @property
    def shape(self) -> tuple[int, ...]:
        """The extents."""
        return tuple(self.peek().shape)

    @property
    def dtype(self) -> Any:
        """The element type."""
        return self.peek().dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return int(self.peek().ndim)

    @property
    def size(self) -> int:
        """The number of elements."""
        return int(self.peek().size)

    @property
    def value(self) -> Any:
        """The value as a tensor, which no assignment changes."""
        return self.snapshot()

    def read_value(self) -> Any:
        """The value as a tensor, as `value`."""
        return self.snapshot()

    def numpy(self) -> Array:
        """A copy of the value."""
        return np.array(self.peek())

    def assign(self, value: Any) -> Variable:
        """Sets the value.

        Args:
            value: Numbers of this variable's shape; converted to its dtype.

        Returns:
            The variable itself.

        Raises:
            ValueError: If the shape differs; nothing has changed then.
        """
        self.store(value)
        return self

    def assign_add(self, value: Any) -> Variable:
        """Adds to the value; as `assign`."""
        self.store_sum(value, False)
        return self

    def assign_sub(self, value: Any) -> Variable:
        """Subtracts from the value; as `assign`."""
        self.store_sum(value, True)
        return self

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        if copy is False:
            raise ValueError("[Variable] an array of a variable is a copy. Received: copy=False")
        return np.array(self.peek(), dtype=dtype)

    def __len__(self) -> int:
        return len(self.peek())

    def __iter__(self) -> Iterator[Any]:
        value = self.__lamina_tensor__()
        return (value[i] for i in range(len(value)))

    def __getitem__(self, index: Any) -> Any:
        return self.__lamina_tensor__()[index]

    def __float__(self) -> float:
        return float(self.peek())

    def __int__(self) -> int:
        return int(self.peek())

    def __index__(self) -> int:
        return operator.index(self.peek())

    def __bool__(self) -> bool:
        return bool(self.peek())

    def __hash__(self) -> int:
        return id(self)

    def __copy__(self) -> Variable:
        return self.__deepcopy__({})

    def __deepcopy__(self, memo: dict[int, Any]) -> Variable:
        return Variable(self.numpy(), trainable=self.trainable, name=self.name)

    def __reduce__(self) -> Any:
        return _restore, (self.numpy(), self.trainable, self.name)

    def __repr__(self) -> str:
        value = np.array2string(self.numpy(), separator=", ", threshold=20)
        return f"<Variable name={self.name}, shape={self.shape}, dtype={self.dtype}, value={value}>"


def _restore(value: Array, trainable: bool, name: str) -> Variable:
    return Variable(value, trainable=trainable, name=name)


def _forward(name: str) -> Callable[..., Any]:
    function = getattr(operator, name)

    def binary(self: Variable, other: Any) -> Any:
        return function(self.__lamina_tensor__(), other)

    return binary


def _backward(name: str) -> Callable[..., Any]:
    function = getattr(operator, name)

    def reflected(self: Variable, other: Any) -> Any:
        return function(other, self.__lamina_tensor__())

    return reflected


def _alone(name: str) -> Callable[..., Any]:
    function = getattr(operator, name)

    def unary(self: Variable) -> Any:
        return function(self.__lamina_tensor__())

    return unary


_BOTH = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor")
for _name in _BOTH:
    _spelled = _name + "_" if _name in ("and", "or") else _name
    setattr(Variable, f"__{_name}__", _forward(_spelled))
    setattr(Variable, f"__r{_name}__", _backward(_spelled))
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(Variable, f"__{_name}__", _forward(_name))
for _name in ("neg", "pos", "abs", "invert"):
    setattr(Variable, f"__{_name}__", _alone(_name))
