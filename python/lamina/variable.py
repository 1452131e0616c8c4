"""The values that layers learn and optimizers keep."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lamina import _core
from lamina._arrays import real_array
from lamina._typing import Array, Shape
from lamina.autograd.variable import Variable as FreeVariable


class Variable(FreeVariable):
    """A variable of a layer or optimizer: `lamina.Variable` with a place in a model.

    It holds its own value until its model plans its network; from then on the value lies in the
    network's memory, and this object reads and writes it there. Functions and operators of
    tensors take it as a tensor, which a tape follows.

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
        self._read: Callable[[], Array] | None = None
        self._write: Callable[[Array], None] | None = None
        self._view: Callable[[], Any] | None = None
        #: The network that it lies in, and its place there.
        self.network: Any = None
        self.place = 0
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
        if self._read is not None:
            return np.asarray(self._read())
        if self._held:
            return np.array(_core.Variable.peek(self))
        if self._value is None:
            self._value = self.checked(self._initializer(self._shape, self._dtype), copy=True)
        return self._value.copy()

    def current(self) -> Array:
        """The value itself where it lies here, not to be changed; a first value is not kept."""
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
            if self._view is not None:
                _core.Variable.move_to(self, self._view())
            else:
                _core.Variable.hold(self, _core.convert(self.numpy()))
                if self._read is None:
                    self._value = None
            self._held = self._view is not None or self._read is None
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
        array = self.checked(value, copy=self._write is None)
        changed = self.on_change is not None and not np.array_equal(array, self.current())
        if self._write is not None:
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

    def attach(
        self,
        read: Callable[[], Array],
        write: Callable[[Array], None],
        view: Callable[[], Any] | None = None,
    ) -> None:
        """From now on the value lives elsewhere.

        Args:
            read: Gives a copy of the value.
            write: Sets it.
            view: Gives a tensor of the memory where it lies, if there is one.
        """
        self._read, self._write, self._view = read, write, view
        self._value = None
        self._held = False

    def detach(self) -> None:
        """Takes the value back."""
        if self._read is not None:
            self._value = np.array(self._read())
            self._read = self._write = self._view = self.network = None
            self._held = False

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
