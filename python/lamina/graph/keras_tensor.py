"""Symbolic tensors: a shape and a type, without numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from lamina._names import auto_name
from lamina._typing import BatchShape

_NO_VALUE = (
    "A KerasTensor is symbolic: it is a placeholder for a shape and a dtype, and does not have any "
    "actual numerical value. "
)


class KerasHistory(NamedTuple):
    """Which call made a symbolic tensor: Keras' name for it."""

    operation: Any
    node_index: int
    tensor_index: int


class KerasTensor:
    """A tensor that is not computed yet: what `Input` and calls of layers on it return.

    Functions of `lamina.ops`, operators, indexing and layers take it and return symbolic tensors;
    `lamina.Model(inputs, outputs)` makes a model of what lies between two of them.

    Args:
        shape: The extents; None for one that is not known, such as the batch in front.
        dtype: The name of the element type; "string" for text.
        name: Its name.

    Raises:
        ValueError: For an extent that is negative.

    Example:
        >>> x = lamina.Input((4,))
        >>> (2.0 * x + 1.0).shape
        (None, 4)
    """

    __slots__ = ("__weakref__", "_dtype", "_keras_history", "_node", "_shape", "name")

    #: NumPy leaves operators between an array and this object to this class.
    __array_ufunc__ = None

    def __init__(self, shape: Any, dtype: Any = "float32", name: str | None = None) -> None:
        self._shape = _checked_shape(shape)
        self._dtype = str(dtype)
        self.name = auto_name("KerasTensor") if name is None else name
        self._keras_history = KerasHistory(None, 0, 0)
        #: The call that made it: the `node_index`-th of the operation.
        self._node: Any = None

    @property
    def shape(self) -> BatchShape:
        """The extents, None where not known."""
        return self._shape

    @property
    def dtype(self) -> str:
        """The name of the element type."""
        return self._dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self._shape)

    @property
    def sparse(self) -> bool:
        """False: tensors are dense."""
        return False

    @property
    def ragged(self) -> bool:
        """False: all rows have the same length."""
        return False

    def reshape(self, *newshape: Any) -> Any:
        """The elements in another shape, given as one tuple or as integers."""
        return _ops().reshape(self, newshape[0] if len(newshape) == 1 else newshape)

    def squeeze(self, axis: Any = None) -> Any:
        """Without axes of extent 1: those given, or all."""
        return _ops().squeeze(self, axis)

    def astype(self, dtype: Any) -> Any:
        """The same numbers as another type."""
        return _ops().cast(self, dtype)

    @property
    def T(self) -> Any:  # noqa: N802 - NumPy's name
        """The axes in reverse order."""
        return _ops().transpose(self)

    def __getitem__(self, key: Any) -> Any:
        return _ops().get_item(self, key)

    def __len__(self) -> int:
        if not self._shape:
            raise TypeError("len() of a KerasTensor without axes")
        if self._shape[0] is None:
            raise TypeError(f"{_NO_VALUE}The extent of its first axis is not known. {self!r}")
        return self._shape[0]

    def __iter__(self) -> Any:
        raise NotImplementedError("Iterating over a symbolic KerasTensor is not supported.")

    def __contains__(self, value: Any) -> bool:
        raise TypeError(f"{_NO_VALUE}You cannot look for a value in it.")

    def __bool__(self) -> bool:
        raise TypeError("A symbolic KerasTensor cannot be used as a boolean.")

    def __int__(self) -> int:
        raise ValueError(f"{_NO_VALUE}You cannot convert it to an int.")

    def __index__(self) -> int:
        raise TypeError(f"{_NO_VALUE}You cannot use it as an index.")

    def __float__(self) -> float:
        raise ValueError(f"{_NO_VALUE}You cannot convert it to a float.")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise ValueError(f"{_NO_VALUE}You cannot convert it to a NumPy array.")

    def numpy(self) -> Any:
        """Not possible: there are no numbers."""
        raise ValueError(f"{_NO_VALUE}You cannot convert it to a NumPy array.")

    def __neg__(self) -> Any:
        return _ops().negative(self)

    def __pos__(self) -> Any:
        return _ops().positive(self)

    def __abs__(self) -> Any:
        return _ops().absolute(self)

    def __invert__(self) -> Any:
        return _ops().logical_not(self) if self._dtype == "bool" else _ops().bitwise_not(self)

    def __round__(self, ndigits: int | None = None) -> Any:
        return _ops().round(self, 0 if ndigits is None else ndigits)

    def __ne__(self, other: object) -> Any:
        return _ops().not_equal(self, other)

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other  # as in Keras, so that it can be found in lists and dictionaries

    def __copy__(self) -> KerasTensor:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> KerasTensor:
        return self

    def __reduce__(self) -> Any:
        return KerasTensor, (self._shape, self._dtype, self.name)

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self._shape}, dtype={self._dtype}, name={self.name}>"


def _ops() -> Any:
    from lamina import ops

    return ops


def _checked_shape(shape: Any) -> BatchShape:
    extents: list[int | None] = []
    for extent in (shape,) if isinstance(shape, int) else tuple(shape):
        if extent is not None and (isinstance(extent, bool) or extent != int(extent) or extent < 0):
            raise ValueError(
                "KerasTensor: the extents of `shape` must be integers that are not negative, or "
                f"None. Received: shape={shape}"
            )
        extents.append(None if extent is None else int(extent))
    return tuple(extents)


def _operator(function: str, *, swapped: bool = False) -> Callable[[KerasTensor, Any], Any]:
    def forward(self: KerasTensor, other: Any) -> Any:
        return getattr(_ops(), function)(self, other)

    def backward(self: KerasTensor, other: Any) -> Any:
        return getattr(_ops(), function)(other, self)

    return backward if swapped else forward


def _logical(kind: str, *, swapped: bool = False) -> Callable[[KerasTensor, Any], Any]:
    def method(self: KerasTensor, other: Any) -> Any:
        family = "logical" if self.dtype == "bool" else "bitwise"
        pair = (other, self) if swapped else (self, other)
        return getattr(_ops(), f"{family}_{kind}")(*pair)

    return method


for _name, _function in {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "true_divide",
    "floordiv": "floor_divide",
    "mod": "mod",
    "pow": "power",
    "matmul": "matmul",
}.items():
    setattr(KerasTensor, f"__{_name}__", _operator(_function))
    setattr(KerasTensor, f"__r{_name}__", _operator(_function, swapped=True))
for _name in ("and", "or", "xor"):
    setattr(KerasTensor, f"__{_name}__", _logical(_name))
    setattr(KerasTensor, f"__r{_name}__", _logical(_name, swapped=True))
for _name, _function in {
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
}.items():
    setattr(KerasTensor, f"__{_name}__", _operator(_function))


def is_keras_tensor(value: Any) -> bool:
    """Whether it is a symbolic tensor."""
    return isinstance(value, KerasTensor)


def any_symbolic(*nests: Any) -> bool:
    """Whether there is a symbolic tensor among arguments."""
    for nest in nests:
        if isinstance(nest, KerasTensor):
            return True
        if isinstance(nest, dict):
            nest = list(nest.values())
        if isinstance(nest, (list, tuple)) and not _is_data(nest) and any_symbolic(*nest):
            return True
    return False


def _is_data(nest: Any) -> bool:
    """Whether it is a long list of numbers or strings, which holds no tensors."""
    return len(nest) > _LONGEST and isinstance(nest[0], (bool, int, float, str, bytes))


_LONGEST = 64
