"""`lamina.Variable`: values that layers learn, optimizers keep and tapes follow."""

from __future__ import annotations

import copy
import operator
import weakref
from _thread import RLock  # threading takes a millisecond to load
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np

import lamina._core as _core
from lamina._arrays import real_array
from lamina._names import auto_name
from lamina._typing import Array, Shape
from lamina.config import floatx, standardize_dtype
from lamina.tensor import Tensor

#: Held while a variable moves: two models that share it may be planned in two threads.
_MOVING = RLock()

_read = _core.Variable.__lamina_tensor__


class StoreSlot(NamedTuple):
    """Where a value is: a parameter of a store (or of a network) that `owner` has."""

    store: Any
    parameter: int
    owner: weakref.ref[Any]


class Source(Protocol):
    """Memory of the core that is no parameter, such as an optimizer's state."""

    def read(self) -> Array:
        """A copy of the value."""

    def write(self, value: Array) -> None:
        """Sets the value."""


class Variable(_core.Variable):
    """A tensor whose value can be set.

    Functions and operators take it as the tensor that it holds, and it has the methods of a
    tensor. Trainable variables of floating type are watched by the tapes that record when they
    are read. The variable of a layer has its value in the memory of the models that the layer is
    part of; several models share one value.

    `variable += value` and the other operators in place are errors, as in TensorFlow: they could
    mean a new tensor as well as an assignment.

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
        >>> w.sum()
        <Tensor shape=(), dtype=float32: 4.>
    """

    #: What it is to the layers that have it as an attribute.
    _tracked_as = "variable"

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
        label = name if name is not None else auto_name("variable")
        self._set_up(None, value.shape, value.dtype, label, None, bool(trainable), None, None)
        self.hold(value)
        self._held = True

    @classmethod
    def deferred(
        cls,
        initializer: Callable[[Shape, str], Array],
        shape: Shape,
        dtype: str,
        name: str,
        path: str | None = None,
        trainable: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
    ) -> Variable:
        """A variable whose first value is made when it is needed.

        Args:
            initializer: Gives the first value: called with (shape, dtype).
            shape: The shape.
            dtype: The element type.
            name: The name within its layer, such as "kernel".
            path: The name within the model.
            trainable: Whether training changes it; otherwise it is state, such as an average.
            regularizer: What the loss contains of it, if anything.
            constraint: What is true of it after each step, if anything.
        """
        self = cls.__new__(cls)
        self._set_up(initializer, shape, dtype, name, path, trainable, regularizer, constraint)
        return self

    def _set_up(
        self,
        initializer: Any,
        shape: Shape,
        dtype: Any,
        name: str,
        path: str | None,
        trainable: bool,
        regularizer: Any,
        constraint: Any,
    ) -> None:
        _core.Variable.__init__(self)
        self.name = name
        self.path = path if path is not None else name
        self.trainable = trainable
        #: Whether it is state that a layer keeps, which no optimizer ever trains.
        self.is_state = not trainable
        self.regularizer = regularizer
        self.constraint = constraint
        #: Called after an assignment, where a plan has a copy of the value.
        self.on_change: Callable[[], None] | None = None
        self._shape = tuple(shape)
        self._dtype = dtype
        self._initializer = initializer
        self._slots: list[StoreSlot] = []  # all of them have one value
        self._source: Source | None = None
        #: Whether the tensor of the base class is the value, here or in a store.
        self._held = False

    @property
    def shape(self) -> Shape:
        """The extents, which never change."""
        return self._shape

    @property
    def dtype(self) -> Any:
        """The element type."""
        return self._dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self._shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        count = 1
        for extent in self._shape:
            count *= extent
        return count

    # Reading it.

    def handle(self) -> Variable:
        """The same object, with a tensor that is its value."""
        if self._held:
            return self
        if self._slots:
            slot = self._slots[-1]
            slot.store.lend_parameter(slot.parameter, self)
        elif self._source is not None:  # may have changed since: it is read again each time
            self.hold(_core.convert(self._source.read()))
            return self
        else:
            self.hold(_core.convert(self.current()))
            self._initializer = None
        self._held = True
        return self

    def __lamina_tensor__(self) -> Any:
        return _read(self if self._held else self.handle())

    def peek(self) -> Any:
        """The value as a tensor, without being watched."""
        return _core.Variable.peek(self.handle())

    def snapshot(self) -> Any:
        """The value as a tensor, which no assignment changes."""
        return _core.Variable.snapshot(self.handle())

    @property
    def value(self) -> Any:
        """The value as a tensor, which no assignment changes."""
        return self.snapshot()

    def read_value(self) -> Any:
        """The value as a tensor, as `value`."""
        return self.snapshot()

    def numpy(self) -> Array:
        """A copy of the value."""
        if self._slots or self._source is not None:
            return np.asarray(self.current())
        return np.array(self.peek())

    def current(self) -> Array:
        """The value without a copy where that can be, not to be changed.

        A first value is not kept.
        """
        if self._slots:
            slot = self._slots[-1]
            return np.asarray(slot.store.get_parameter(slot.parameter))
        if self._source is not None:
            return self._source.read()
        if self._held:
            return np.asarray(_core.Variable.peek(self))
        return self.checked(self._initializer(self._shape, self._dtype), copy=True)

    # Setting it.

    def assign(self, value: Any) -> Variable:
        """Sets the value.

        Args:
            value: Numbers, an array or tensor of this variable's shape; converted to its dtype.

        Returns:
            The variable itself.

        Raises:
            TypeError: If `value` does not hold real numbers.
            ValueError: If the shape differs; nothing has changed then.
        """
        array = self.checked(value)
        changed = self.on_change is not None and not np.array_equal(array, self.current())
        if self._slots:
            slot = self._slots[-1]
            slot.store.set_parameter(slot.parameter, array)
        elif self._source is not None:
            self._source.write(array)
        elif self._held:
            self.store(value if type(value) is Tensor else _core.convert(array))
        else:
            self.hold(_core.convert(array))
            self._initializer = None
            self._held = True
        if changed and self.on_change is not None:
            self.on_change()
        return self

    def assign_add(self, value: Any) -> Variable:
        """Adds to the value; as `assign`."""
        return self._assign_sum(value, False)

    def assign_sub(self, value: Any) -> Variable:
        """Subtracts from the value; as `assign`."""
        return self._assign_sum(value, True)

    def _assign_sum(self, value: Any, negative: bool) -> Variable:
        if self._held and not self._slots and self.on_change is None:
            self.store_sum(value, negative)
            return self
        before = self.peek()
        return self.assign(before - value if negative else before + value)

    def checked(self, value: Any, copy: bool = False) -> Array:
        """`value` as an array that can be assigned."""
        array = real_array(value, self.path)
        if array.shape != self._shape:
            raise ValueError(
                f"The shape of the target variable and the shape of the value must match: "
                f"'{self.path}' has shape {self._shape}. Received: value.shape={array.shape}"
            )
        return array.astype(self._dtype, order="C", copy=copy)

    # Where it is.

    def bind_source(self, source: Source) -> None:
        """From now on the value is in other memory of the core, which is read at each use."""
        self._source = source
        self._initializer = None
        self._held = False

    def bind(self, store: Any, index: int, owner: Any) -> None:
        """From now on the value is in a store, too.

        Args:
            store: The store, or a network that has one.
            index: The parameter of the store.
            owner: The model whose store it is; it replaces the one that it had before.
        """
        with _MOVING:
            store.set_parameter(index, self.current())
            others = [slot for slot in self._slots if slot.owner() not in (None, owner)]
            if others:
                store.share_parameter(index, others[-1].store, others[-1].parameter)
            self._slots = [*others, StoreSlot(store, index, weakref.ref(owner))]
            self._initializer = None
            self._move_tensor()

    def unbind(self, owner: Any) -> None:
        """The value is not in the store of `owner` any more; without others it is here."""
        with _MOVING:
            if not self._slots:
                return
            value = self.current()
            self._slots = [slot for slot in self._slots if slot.owner() not in (None, owner)]
            if self._slots:
                self._move_tensor()
            else:
                self.hold(_core.convert(np.array(value)))
                self._held = True

    def _move_tensor(self) -> None:
        """The value is elsewhere: so is the tensor, which calls on tapes may know already."""
        if self._held:
            self._held = False
            self.handle()

    def stores(self) -> list[Any]:
        """The stores that it is in, the most recent first."""
        return [slot.store for slot in reversed(self._slots)]

    def index_in(self, store: Any) -> int | None:
        """Which parameter of a store it is; None if it is not there."""
        for slot in self._slots:
            if slot.store is store:
                return slot.parameter
        return None

    # As Python and NumPy take it.

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        if copy is False:
            raise ValueError("[Variable] an array of a variable is a copy. Received: copy=False")
        value = self.numpy()
        return value if dtype is None else value.astype(dtype, copy=False)

    def __len__(self) -> int:
        if not self._shape:
            raise TypeError("len() of a variable without axes")
        return self._shape[0]

    def __iter__(self) -> Iterator[Any]:
        value = self.__lamina_tensor__()
        return (value[i] for i in range(len(value)))

    def __getitem__(self, index: Any) -> Any:
        return self.__lamina_tensor__()[index]

    def __contains__(self, item: Any) -> bool:
        return item in self.peek()

    def __float__(self) -> float:
        return float(self.peek())

    def __int__(self) -> int:
        return int(self.peek())

    def __complex__(self) -> complex:
        return complex(self.peek())

    def __index__(self) -> int:
        return operator.index(self.peek())

    def __bool__(self) -> bool:
        return bool(self.peek())

    def __format__(self, specification: str) -> str:
        return format(self.peek(), specification)

    def __hash__(self) -> int:
        return id(self)

    # Copies have a value of their own.

    def __copy__(self) -> Variable:
        return _restore(Variable, *self._state())

    def __deepcopy__(self, memo: dict[int, Any]) -> Variable:
        value, state = self._state()
        return _restore(type(self), value, copy.deepcopy(state, memo))

    def __reduce__(self) -> Any:
        return _restore, (type(self), *self._state())

    def _state(self) -> tuple[Array, dict[str, Any]]:
        names = ("name", "path", "trainable", "is_state", "regularizer", "constraint")
        return self.numpy(), {name: getattr(self, name) for name in names}

    def __repr__(self) -> str:
        value = np.array2string(np.asarray(self.current()), separator=", ", threshold=20)
        return f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}, value={value}>"


def _restore(cls: type[Variable], value: Array, state: dict[str, Any]) -> Variable:
    variable = cls.__new__(cls)
    tensor = _core.convert(value)
    variable._set_up(None, tensor.shape, tensor.dtype, "", None, True, None, None)
    variable.hold(tensor)
    variable._held = True
    for name, setting in state.items():
        setattr(variable, name, setting)
    return variable


# Operators and methods of tensors.


def _forward(name: str) -> Callable[..., Any]:
    function = getattr(operator, name)

    def binary(self: Variable, other: Any) -> Any:
        return function(_read(self if self._held else self.handle()), other)

    return binary


def _backward(name: str) -> Callable[..., Any]:
    function = getattr(operator, name)

    def reflected(self: Variable, other: Any) -> Any:
        return function(other, _read(self if self._held else self.handle()))

    return reflected


def _alone(name: str) -> Callable[..., Any]:
    function = getattr(operator, name)

    def unary(self: Variable) -> Any:
        return function(_read(self if self._held else self.handle()))

    return unary


def _refused(symbol: str, method: str) -> Callable[..., Any]:
    def in_place(self: Variable, other: Any) -> Any:
        raise RuntimeError(
            f"`variable {symbol}= value` is not supported for a Variable: use "
            f"`variable.{method}` to change the variable, or `variable = variable {symbol} value` "
            f"to get a new tensor. Received: variable '{self.path}'"
        )

    return in_place


def _method(name: str) -> Callable[..., Any]:
    def method(self: Variable, *arguments: Any, **keywords: Any) -> Any:
        return getattr(self.__lamina_tensor__(), name)(*arguments, **keywords)

    method.__name__ = name
    method.__doc__ = f"`lamina.Tensor.{name}` of the value."
    return method


def _property(name: str) -> property:
    def get(self: Variable) -> Any:
        return getattr(self.__lamina_tensor__(), name)

    return property(get, doc=f"`lamina.Tensor.{name}` of the value.")


_BOTH = {
    "add": "+",
    "sub": "-",
    "mul": "*",
    "truediv": "/",
    "floordiv": "//",
    "mod": "%",
    "pow": "**",
    "matmul": "@",
    "and": "&",
    "or": "|",
    "xor": "^",
    "lshift": "<<",
    "rshift": ">>",
}
_ASSIGNS = {"add": "assign_add(value)", "sub": "assign_sub(value)"}
for _name, _symbol in _BOTH.items():
    _spelled = _name + "_" if _name in ("and", "or") else _name
    setattr(Variable, f"__{_name}__", _forward(_spelled))
    setattr(Variable, f"__r{_name}__", _backward(_spelled))
    _assigned = _ASSIGNS.get(_name, f"assign(variable {_symbol} value)")
    setattr(Variable, f"__i{_name}__", _refused(_symbol, _assigned))
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(Variable, f"__{_name}__", _forward(_name))
for _name in ("neg", "pos", "abs", "invert"):
    setattr(Variable, f"__{_name}__", _alone(_name))
for _name in dir(Tensor):
    if hasattr(Variable, _name) or (_name.startswith("_") and "dlpack" not in _name):
        continue
    _make = _method if callable(getattr(Tensor, _name)) else _property
    setattr(Variable, _name, _make(_name))
