"""L-BFGS."""

from __future__ import annotations

from typing import Any

import lamina._core as _core
from lamina import _checks
from lamina._typing import Config
from lamina.optimizers.optimizer import OPTIMIZERS, Optimizer


@OPTIMIZERS.register("lbfgs")
class LBFGS(Optimizer):
    """Limited-memory BFGS on all samples at once: for small data, few epochs to a minimum.

    It is what scikit-learn's `MLPClassifier(solver="lbfgs")` does, as an optimizer: each epoch
    of `fit` takes all samples as one batch and makes one iteration (or
    `iterations_per_epoch`), each with a line search that satisfies the strong Wolfe conditions
    and so evaluates the loss a few times. `fit` ends early when it has `converged`. The loss and
    metrics of an epoch are those of its first point. With dropout all evaluations of an epoch
    share one mask.

    Everything about it is a function of the weights and samples: the same bits on every
    machine. In float32 rounding ends the descent earlier than in float64; use
    `dtype="float64"` layers for the last digits. Decay, clipping and averages of weights make
    no sense here and are no arguments.

    Args:
        learning_rate: The first step length that a line search tries; a finite number above 0,
            or a schedule.
        history: How many steps it remembers, at most 100.
        iterations_per_epoch: More than 1 saves one evaluation for each further iteration.
        max_evaluations: How often one line search may evaluate the loss.
        tolerance_gradient: Converged when no element of the gradient is larger.
        tolerance_change: Converged when the loss falls by less than this times itself (or 1).
        sufficient_decrease, curvature: The numbers of the Wolfe conditions,
            0 < sufficient_decrease < curvature < 1.
        name: Its name.

    Raises:
        ValueError: If a number is out of range.

    Example:
        >>> import numpy as np
        >>> model = lamina.Sequential([lamina.Input((3,)), lamina.layers.Dense(1)])
        >>> model.compile(lamina.optimizers.LBFGS(), "mse")
        >>> history = model.fit(np.eye(3), [1.0, 2.0, 3.0], epochs=50, verbose=0)
        >>> model.optimizer.converged
        True
    """

    full_batch = True

    def __init__(
        self,
        learning_rate: Any = 1.0,
        history: int = 10,
        iterations_per_epoch: int = 1,
        max_evaluations: int = 25,
        tolerance_gradient: float = 1e-5,
        tolerance_change: float = 1e-9,
        sufficient_decrease: float = 1e-4,
        curvature: float = 0.9,
        name: str | None = None,
    ) -> None:
        where = "LBFGS"
        self.history = _checks.integer(where, "history", history, low=1, high=100)
        self.iterations_per_epoch = _checks.integer(
            where, "iterations_per_epoch", iterations_per_epoch, low=1
        )
        self.max_evaluations = _checks.integer(where, "max_evaluations", max_evaluations, low=1)
        self.tolerance_gradient = _checks.number(
            where, "tolerance_gradient", tolerance_gradient, low=0.0, open_high=True
        )
        self.tolerance_change = _checks.number(
            where, "tolerance_change", tolerance_change, low=0.0, open_high=True
        )
        self.sufficient_decrease = _checks.number(
            where,
            "sufficient_decrease",
            sufficient_decrease,
            low=0.0,
            high=1.0,
            open_low=True,
            open_high=True,
        )
        self.curvature = _checks.number(
            where,
            "curvature",
            curvature,
            low=self.sufficient_decrease,
            high=1.0,
            open_low=True,
            open_high=True,
        )
        super().__init__(learning_rate, name=name)

    def _rule(self) -> _core.Optimizer:
        rule = _core.Optimizer("lbfgs", self._start_rate())
        rule.set_lbfgs(
            self.history,
            self.iterations_per_epoch,
            self.max_evaluations,
            self.sufficient_decrease,
            self.curvature,
            self.tolerance_gradient,
            self.tolerance_change,
        )
        return rule

    @property
    def converged(self) -> bool:
        """Whether the last iteration found nothing left to do."""
        return self._bound is not None and bool(self._bound.store.converged)

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        common = super().get_config()
        return {
            "name": common["name"],
            "learning_rate": common["learning_rate"],
            "history": self.history,
            "iterations_per_epoch": self.iterations_per_epoch,
            "max_evaluations": self.max_evaluations,
            "tolerance_gradient": self.tolerance_gradient,
            "tolerance_change": self.tolerance_change,
            "sufficient_decrease": self.sufficient_decrease,
            "curvature": self.curvature,
        }
