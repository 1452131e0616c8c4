"""What every metric is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

import lamina._core as _core
from lamina._names import auto_name, snake_case
from lamina._typing import Array, Config
from lamina.config import floatx, standardize_dtype
from lamina.registry import Registry

METRICS = Registry("metric", "metrics")

Self = TypeVar("Self", bound="Metric")
Class = TypeVar("Class", bound="type")


def register(*aliases: str) -> Callable[[Class], Class]:
    """Decorates a metric: it is known by its class's name, that name in snake case, and aliases."""

    def add(cls: Class) -> Class:
        METRICS.register(snake_case(cls.__name__), *aliases)(cls)
        return cls

    return add


class Metric:
    """The base of all metrics, also of custom ones.

    A custom metric makes its state with `add_weight` in its constructor and defines
    `update_state(self, y_true, y_pred, sample_weight=None)` and `result(self)`. A model that
    reports it runs on the tape.

    `update_state` adds a batch, `result` tells, `reset_state` starts again. In a compiled model
    the core keeps the state, and `result` and `variables` read it there: after `fit` or
    `evaluate` they tell what was reported last. `update_state` and `reset_state` end that.

    Args:
        dtype: The type that predictions are compared and computed in; sums are kept in double.
        name: The key in logs.
    """

    #: What it is to the layers that have it as an attribute.
    _tracked_as = "metric"

    #: How a compiled model's state of this metric is read: its result, and its variables.
    _model: tuple[Callable[[], Any], Callable[[], list[Array]]] | None = None

    def __init__(self, dtype: Any = None, name: str | None = None) -> None:
        self.name = name if name is not None else auto_name(type(self).__name__)
        self._dtype = floatx() if dtype is None else standardize_dtype(dtype)
        self._own: list[Any] = []

    def is_native(self) -> bool:
        """Whether the core can compute it in a model."""
        return (
            METRICS.is_builtin(type(self)) and type(self).specification is not Metric.specification
        )

    def add_variable(
        self,
        shape: Any = (),
        initializer: Any = "zeros",
        dtype: Any = None,
        aggregation: str = "sum",
        name: str | None = None,
    ) -> Any:
        """A variable of the state of a custom metric; `reset_state` makes it zero.

        Args:
            shape: Its shape.
            initializer: Its first value.
            dtype: By default the metric's.
            aggregation: Accepted for compatibility.
            name: Its name.
        """
        from lamina import _checks, initializers
        from lamina.variable import Variable

        label = name or f"variable_{len(self._own)}"
        variable = Variable.deferred(
            initializers.get(initializer),
            tuple(e for e in _checks.extents(type(self).__name__, "shape", shape) if e is not None),
            self._dtype if dtype is None else standardize_dtype(dtype),
            label,
            f"{self.name}/{label}",
            False,
        )
        self._own.append(variable)
        return variable

    def add_weight(
        self, shape: Any = (), initializer: Any = None, dtype: Any = None, name: str | None = None
    ) -> Any:
        """The same as `add_variable`."""
        return self.add_variable(shape, initializer or "zeros", dtype, name=name)

    def _set_numbers(self, numbers: list[float]) -> None:
        """Goes on from the numbers of all variables."""
        at = 0
        for variable in self._own:
            part = np.asarray(numbers[at : at + variable.size])
            variable.assign(part.reshape(variable.shape))
            at += variable.size

    @property
    def dtype(self) -> str:
        """The type that predictions are compared and computed in."""
        return self._dtype

    @property
    def variables(self) -> list[Any]:
        """The state."""
        return list(self._own)

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Adds a batch."""
        raise NotImplementedError(
            f"Metrics must implement `update_state`. Received: {type(self).__name__}"
        )

    def result(self) -> Any:
        """The value over all batches since the last reset."""
        raise NotImplementedError(
            f"Metrics must implement `result`. Received: {type(self).__name__}"
        )

    def reset_state(self) -> None:
        """Forgets all batches: every variable of a custom metric becomes zero."""
        for variable in self._own:
            variable.assign(np.zeros(variable.shape, variable.dtype))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """`update_state`, then `result`."""
        self.update_state(*args, **kwargs)
        return self.result()

    def specification(self) -> _core.Metric:
        """What the core needs to compute it; NotImplementedError where it cannot."""
        raise NotImplementedError(
            "A model reports built-in metrics of targets and predictions; custom metrics, "
            f"Mean and Sum can be used on their own. Received: {type(self).__name__}"
        )

    def takes_labels(self) -> bool:
        """Whether targets are integer labels rather than rows like the predictions."""
        return self.specification().takes_labels

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {"name": self.name, "dtype": self._dtype}

    @classmethod
    def from_config(cls: type[Self], config: Config) -> Self:
        """The metric that `get_config` described."""
        return cls(**config)

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "_model"}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"
