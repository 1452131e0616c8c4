"""The values that layers learn and optimizers keep."""

from __future__ import annotations

import weakref
from _thread import RLock  # threading takes a millisecond to load
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import lamina._core as _core
from lamina._arrays import real_array
from lamina._typing import Array, Shape
from lamina.autograd.variable import Variable as FreeVariable

#: Held while a variable moves: two models that share it may be planned in two threads.
_MOVING = RLock()


class _Home(NamedTuple):
    """Where a value lies: parameter `place` of a model's network."""

    network: _core.Network
    place: int
    model: weakref.ref[Any]


class Variable(FreeVariable):
    """A variable of a layer or optimizer: `lamina.Variable` with a place in a model.

    It holds its own value until its model plans its network; from then on the value lies in the
    network's memory, and this object reads and writes it there. The variable of a layer that
    several models share is one value in all of their networks. Functions and operators of tensors
    take it as a tensor, which a tape follows.

    Args:
        initializer: Gives the first value: called with (shape, dtype) when it is first needed.
        shape: The shape, which never changes.
        dtype: "float32" or "float64".
        name: The name within its layer, such as "kernel".
        path: The name within the model.
        trainable: Whether training changes it.
        regularizer: What the loss contains of it, if anything.
        constraint: What holds for it after each step, if anything.

    Example:
        >>> layer = lamina.layers.Dense(2)
        >>> layer.build((None, 3))
        >>> layer.kernel.shape
        (3, 2)
        >>> layer.bias.assign([1.0, -1.0]).numpy()
        array([ 1., -1.], dtype=float32)
    """

    def __init__(
        self,
        initializer: Callable[[Shape, str], Array],
        shape: Shape,
        dtype: str,
        name: str,
        path: str | None = None,
        trainable: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
    ) -> None:
        _core.Variable.__init__(self)  # the first value comes when it is needed
        self.name = name
        self.path = path if path is not None else name
        self._shape = tuple(shape)
        self.trainable = trainable
        #: Whether it is state that a layer keeps, which no optimizer ever trains.
        self.is_state = not trainable
        self.regularizer = regularizer
        self.constraint = constraint
        #: Called after an assignment, where a plan holds a copy of the value.
        self.on_change: Callable[[], None] | None = None
        self._dtype = dtype
        self._initializer = initializer
        self._value: Array | None = None
        self._homes: list[_Home] = []  # of a layer's variable; all of them have one value
        self._read: Callable[[], Array] | None = None
        self._write: Callable[[Array], None] | None = None
        #: Whether the tensor below is the value, here or in a network.
        self._held = False

    @property
    def shape(self) -> Shape:
        """The extents."""
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
    def size(self) -> int:
        """The number of elements."""
        count = 1
        for extent in self._shape:
            count *= extent
        return count

    def numpy(self) -> Array:
        """A copy of the value."""
        if self._homes or self._read is not None:
            return np.asarray(self.current())
        if self._held:
            return np.array(_core.Variable.peek(self))
        if self._value is None:
            self._value = self.checked(self._initializer(self._shape, self._dtype), copy=True)
        return self._value.copy()

    def current(self) -> Array:
        """The value itself where it lies here, not to be changed; a first value is not kept."""
        if self._homes:
            home = self._homes[-1]
            return home.network.get_parameter(home.place)
        if self._read is not None:
            return self._read()
        if self._held:
            return np.asarray(_core.Variable.peek(self))
        if self._value is not None:
            return self._value
        return self.checked(self._initializer(self._shape, self._dtype))

    # As a tensor.

    def handle(self) -> Variable:
        """The same object, with a tensor that is its value."""
        if not self._held:
            if self._homes:
                home = self._homes[-1]
                home.network.lend_parameter(home.place, self)
            else:
                _core.Variable.hold(self, _core.convert(self.numpy()))
                if self._read is None:
                    self._value = None
            self._held = self._read is None
        return self

    def __lamina_tensor__(self) -> Any:
        return _core.Variable.__lamina_tensor__(self.handle())

    def peek(self) -> Any:
        """The value as a tensor, without being watched."""
        return _core.Variable.peek(self.handle())

    def snapshot(self) -> Any:
        """The value as a tensor, which no assignment changes."""
        return _core.Variable.snapshot(self.handle())

    @property
    def value(self) -> Any:
        """The value as a tensor, which a tape follows."""
        return self.__lamina_tensor__()

    def read_value(self) -> Any:
        """The same as `value`."""
        return self.value

    # Setting it.

    def assign(self, value: Any) -> Variable:
        """Sets the value.

        Args:
            value: An array or tensor of this variable's shape; converted to its dtype.

        Returns:
            The variable itself.

        Raises:
            TypeError: If `value` does not hold real numbers.
            ValueError: If the shape differs; nothing has changed then.
        """
        array = self.checked(value, copy=self._write is None and not self._homes)
        changed = self.on_change is not None and not np.array_equal(array, self.current())
        if self._homes:
            home = self._homes[-1]
            home.network.set_parameter(home.place, array)
        elif self._write is not None:
            self._write(array)
        elif self._held:
            self.store(_core.convert(array))
        else:
            self._value = array
        if changed and self.on_change is not None:
            self.on_change()
        return self

    def assign_add(self, value: Any) -> Variable:
        """Adds to the value; as `assign`."""
        return self.assign(self.peek() + value)

    def assign_sub(self, value: Any) -> Variable:
        """Subtracts from the value; as `assign`."""
        return self.assign(self.peek() - value)

    def checked(self, value: Any, copy: bool = False) -> Array:
        """`value` as an array that can be assigned."""
        array = real_array(value, self.path)
        if array.shape != self._shape:
            raise ValueError(
                f"The shape of the target variable and the shape of the value must match: "
                f"'{self.path}' has shape {self._shape}. Received: value.shape={array.shape}"
            )
        return array.astype(self._dtype, order="C", copy=copy)

    def attach(self, read: Callable[[], Array], write: Callable[[Array], None]) -> None:
        """From now on the value lives elsewhere: that of an optimizer's state.

        Args:
            read: Gives a copy of the value.
            write: Sets it.
        """
        self._read, self._write = read, write
        self._value = None
        self._held = False

    def settle(self, network: _core.Network, place: int, model: Any) -> None:
        """From now on the value lives in a model's network, too.

        Args:
            network: The network, just planned.
            place: The parameter that is this variable.
            model: Whose network it is; it replaces that model's network of before.
        """
        with _MOVING:
            network.set_parameter(place, self.current())
            others = [home for home in self._homes if home.model() not in (None, model)]
            if others:
                network.share_parameter(place, others[-1].network, others[-1].place)
            self._homes = [*others, _Home(network, place, weakref.ref(model))]
            self._value = None
            self._move_tensor()

    def leave(self, model: Any) -> None:
        """The model does without this variable; the value is taken back if nobody else has it."""
        with _MOVING:
            value = self.current() if self._homes else None
            self._homes = [home for home in self._homes if home.model() not in (None, model)]
            if value is not None and not self._homes:
                self._value = np.array(value)
            if value is not None:
                self._move_tensor()

    def _move_tensor(self) -> None:
        """The value lies elsewhere: so does the tensor, which calls on tapes may know already."""
        if self._held:
            self._held = False
            self.handle()

    def networks(self) -> list[_core.Network]:
        """The networks that it lies in, the youngest first."""
        return [home.network for home in reversed(self._homes)]

    def place_in(self, network: Any) -> int | None:
        """Which parameter of a network it is; None if it does not lie there."""
        for home in self._homes:
            if home.network is network:
                return home.place
        return None

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        value = self.numpy()
        return value if dtype is None else value.astype(dtype)

    def __len__(self) -> int:
        if not self._shape:
            raise TypeError("len() of a variable without axes")
        return self._shape[0]

    def __float__(self) -> float:
        return float(self.numpy())

    def __int__(self) -> int:
        return int(self.numpy())

    def __repr__(self) -> str:
        return f"<Variable path={self.path}, shape={self._shape}, dtype={self._dtype}>"
