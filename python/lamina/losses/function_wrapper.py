"""Functions as losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina._typing import Config
from lamina.losses.loss import Loss


class LossFunctionWrapper(Loss):
    """A function of targets and predictions as a loss.

    Args:
        fn: A function of (y_true, y_pred) that gives a value for each row, or one number.
        reduction, name, dtype: See `Loss`.
        **kwargs: Further arguments of `fn`.
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        if not callable(fn):
            raise TypeError(f"LossFunctionWrapper: `fn` must be a function. Received: fn={fn!r}")
        super().__init__(name or getattr(fn, "__name__", None), reduction, dtype)
        self.fn = fn
        self._fn_kwargs = kwargs

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The function's values."""
        return self.fn(y_true, y_pred, **self._fn_kwargs)

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data: the function by its name."""
        from lamina.registry import serialize_function

        return {
            **super().get_config(),
            "fn": serialize_function(self.fn),
            **self._fn_kwargs,
        }

    @classmethod
    def from_config(cls, config: Config) -> LossFunctionWrapper:
        """The loss that `get_config` described; its function must be known by its name."""
        from lamina.registry import deserialize_function

        return cls(**{**config, "fn": deserialize_function(config.get("fn"))})
