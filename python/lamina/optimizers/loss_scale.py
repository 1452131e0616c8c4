"""Dynamic loss scaling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lamina._core as _core
from lamina import _checks
from lamina._typing import Config
from lamina.optimizers.optimizer import OPTIMIZERS, Optimizer, Placed
from lamina.registry import serialize_keras_object
from lamina.variable import Variable

if TYPE_CHECKING:
    from lamina.optimizers.state import OptimizerState


@OPTIMIZERS.register("lossscaleoptimizer")
class LossScaleOptimizer(Optimizer):
    """Multiplies the loss by a number that it adapts, and skips steps that overflow.

    The loss is multiplied by the scale before gradients are computed, and the gradients are
    divided by it before the inner optimizer's step. A step with a gradient that is not finite is
    skipped (it does not count as an iteration) and halves the scale; after
    `dynamic_growth_steps` good steps since the last change the scale doubles.

    It exists for float16, whose gradients underflow. In lamina's float32 and float64 a scale that
    is a power of two changes no bit of a training without overflow, so what remains of use is
    that steps with infinite or NaN gradients are left out.

    Args:
        inner_optimizer: The optimizer that makes the steps; its own `loss_scale_factor` is set
            to None. Other settings belong there.
        initial_scale: The first scale; above 0.
        dynamic_growth_steps: After how many good steps the scale doubles; at least 1.
        name: Its name.

    Raises:
        TypeError: If `inner_optimizer` is no optimizer.
        ValueError: If a number is out of range.
    """

    def __init__(
        self,
        inner_optimizer: Any,
        initial_scale: float = 2.0**15,
        dynamic_growth_steps: int = 2000,
        name: str | None = None,
    ) -> None:
        where = "LossScaleOptimizer"
        if isinstance(inner_optimizer, dict):
            inner_optimizer = OPTIMIZERS.create(inner_optimizer)
        if not isinstance(inner_optimizer, Optimizer) or inner_optimizer.full_batch:
            raise TypeError(
                f"{where}: `inner_optimizer` must be an optimizer that works on batches. "
                f"Received: inner_optimizer={inner_optimizer!r}"
            )
        if isinstance(inner_optimizer, LossScaleOptimizer):
            raise TypeError(f"{where}: the loss is scaled already. Received: {inner_optimizer!r}")
        self.inner_optimizer: Optimizer = inner_optimizer
        self.initial_scale = _checks.number(
            where, "initial_scale", initial_scale, low=0.0, open_low=True, open_high=True
        )
        self.dynamic_growth_steps = _checks.integer(
            where, "dynamic_growth_steps", dynamic_growth_steps, low=1
        )
        super().__init__(0.0, name=name)
        inner_optimizer.loss_scale_factor = None

    def specification(self, weights: Placed = ()) -> _core.Optimizer:
        """What the core needs to compute it."""
        rule = self.inner_optimizer.specification(weights)
        rule.dynamic_scale = self.initial_scale
        rule.dynamic_growth_steps = self.dynamic_growth_steps
        return rule

    @property
    def dynamic_scale(self) -> float:
        """The scale of the coming step."""
        variable = self._state.get("dynamic_scale")
        return self.initial_scale if variable is None else float(variable)

    @property
    def learning_rate(self) -> Any:
        """The inner optimizer's learning rate."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self.inner_optimizer.learning_rate = value

    @property
    def iterations(self) -> int:
        """How many updates of the weights the inner optimizer has made."""
        return self.inner_optimizer.iterations

    @iterations.setter
    def iterations(self, value: int) -> None:
        self.inner_optimizer.iterations = value

    def _take(self, state: OptimizerState, standalone: bool = False) -> OptimizerState:
        self._slot_order = self.inner_optimizer._slot_order
        self.inner_optimizer._take(state, standalone)
        return super()._take(state, standalone)

    def release(self) -> None:
        """Leaves its store."""
        self.inner_optimizer.release()
        super().release()
        self._learning_rate = 0.0

    @property
    def has_python_schedule(self) -> bool:
        """As the inner optimizer."""
        return self.inner_optimizer.has_python_schedule

    def finalize_variable_values(self, var_list: Any = None) -> None:
        """See `Optimizer.finalize_variable_values`."""
        self.inner_optimizer.finalize_variable_values(var_list)

    def _is_excluded(self, weight: Variable) -> bool:
        return self.inner_optimizer._is_excluded(weight)

    def exclude_from_weight_decay(self, var_list: Any = None, var_names: Any = None) -> None:
        """See `Optimizer.exclude_from_weight_decay`."""
        self.inner_optimizer.exclude_from_weight_decay(var_list, var_names)

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {
            "name": self.name,
            "inner_optimizer": serialize_keras_object(self.inner_optimizer),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }
