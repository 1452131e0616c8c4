"""What every metric is."""

from __future__ import annotations

from typing import Any, TypeVar

from lamina import _core
from lamina._names import auto_name
from lamina._typing import Config
from lamina.config import floatx, standardize_dtype
from lamina.saving.serialization import Family

METRICS = Family("metric", "metrics")

Self = TypeVar("Self", bound="Metric")


class Metric:
    """The base of all metrics.

    `update_state` adds a batch, `result` tells, `reset_state` starts again. In a compiled model
    the core keeps the sums instead.

    Args:
        dtype: Kept for compatibility; sums are kept in double, exactly.
        name: The key in logs.
    """

    def __init__(self, dtype: Any = None, name: str | None = None) -> None:
        self.name = name if name is not None else auto_name(type(self).__name__)
        self._dtype = floatx() if dtype is None else standardize_dtype(dtype)

    @property
    def dtype(self) -> str:
        """The type of the result."""
        return self._dtype

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Adds a batch."""
        raise NotImplementedError(
            f"Metrics must implement `update_state`. Received: {type(self).__name__}"
        )

    def result(self) -> float:
        """The value over all batches since the last reset."""
        raise NotImplementedError(
            f"Metrics must implement `result`. Received: {type(self).__name__}"
        )

    def reset_state(self) -> None:
        """Forgets all batches."""
        raise NotImplementedError(
            f"Metrics must implement `reset_state`. Received: {type(self).__name__}"
        )

    def __call__(self, *args: Any, **kwargs: Any) -> float:
        """`update_state`, then `result`."""
        self.update_state(*args, **kwargs)
        return self.result()

    def specification(self) -> _core.Metric:
        """What the core needs to compute it; NotImplementedError where it cannot."""
        raise NotImplementedError(
            "A model can report these metrics: accuracy in its three forms, mean squared, root "
            "mean squared and mean absolute error; others can be used on their own. "
            f"Received: {type(self).__name__}"
        )

    def takes_labels(self) -> bool:
        """Whether targets are integer labels rather than rows like the predictions."""
        return False

    def from_mean(self, mean: float) -> float:
        """The metric's value from the mean that the core keeps."""
        return mean

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {"name": self.name, "dtype": self._dtype}

    @classmethod
    def from_config(cls: type[Self], config: Config) -> Self:
        """The metric that `get_config` described."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"
