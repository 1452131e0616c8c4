"""What runs a model's batches: the protocol of engines, and the counters of random numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import lamina._core as _core
from lamina._typing import Array
from lamina.data.samples import Samples

if TYPE_CHECKING:
    from lamina.execution.metric_set import MetricSet, Values
    from lamina.execution.objective import Objective
    from lamina.variable import Variable

Poll = Callable[[int, list[float]], None]

#: Calls outside of a training name their random numbers from here on.
FIRST_CALL = 2**39


class Counters:
    """What a model's random numbers depend on: its seed, and what it has done so far.

    While a plan trains the model, the plan counts, and this reads and writes there.

    Args:
        seed: The seed of shuffles and of layers that have none.

    Attributes:
        epochs: How many epochs were trained: chooses the next shuffle.
        steps: How many steps were trained: chooses the next dropout masks.
        calls: How many calls as in training there were outside of steps.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._network: _core.Network | None = None
        self._epochs = self._steps = self._calls = 0

    def bind(self, network: _core.Network) -> None:
        """From now on a plan's network counts."""
        network.epochs_seen, network.steps_seen = self._epochs, self._steps
        network.calls_seen = self._calls
        self._network = network

    def release(self) -> None:
        """The plan is given up; counting goes on from where it was."""
        if self._network is not None:
            self._epochs, self._steps = self.epochs, self.steps
            self._calls = self.calls
            self._network = None

    @property
    def epochs(self) -> int:
        """How many epochs were trained."""
        return self._epochs if self._network is None else self._network.epochs_seen

    @epochs.setter
    def epochs(self, value: int) -> None:
        if self._network is None:
            self._epochs = value
        else:
            self._network.epochs_seen = value

    @property
    def steps(self) -> int:
        """How many steps were trained."""
        return self._steps if self._network is None else self._network.steps_seen

    @steps.setter
    def steps(self, value: int) -> None:
        if self._network is None:
            self._steps = value
        else:
            self._network.steps_seen = value

    @property
    def calls(self) -> int:
        """How many calls as in training there were outside of steps."""
        return self._calls if self._network is None else self._network.calls_seen

    @calls.setter
    def calls(self, value: int) -> None:
        if self._network is None:
            self._calls = value
        else:
            self._network.calls_seen = value

    def next_call(self, training: bool) -> int:
        """The step that names the random numbers of a call outside of a model's steps."""
        step = FIRST_CALL + self.calls
        if training:
            self.calls += 1
        return step


class Engine(Protocol):
    """Runs the batches of one model.

    Attributes:
        network: The parameters, their penalties and constraints, and the optimizer's state.
        placed: The variables with their places in `network`.
        counters: The model's counters.
        metrics: Loss and metrics since the last reset; empty before `compile`.
        watch: Whether a training step whose loss is not finite is a FloatingPointError.
        batches_done: How many batches the last training or evaluation finished.
        is_planned: Whether steps run as a plan, without Python within an epoch.
        device: Where it computes.
        fast_predict: Outputs for an array that fits as it is, or None where `predict` is to be
            called; None where there is no such way.
        fast_train: One step on arrays that fit as they are: the loss, with metrics a list; None
            where `train_batch` is to be called.
        fast_call: The core's call on tensors, once it is known that a call is nothing else.
        call_losses: What the last call on a tape adds to the loss.
    """

    network: _core.Network
    placed: list[tuple[int, Variable]]
    counters: Counters
    metrics: MetricSet
    watch: bool
    is_planned: bool
    device: str
    fast_predict: Callable[[Any], Array | None] | None
    fast_train: Callable[[Any, Any], Any] | None
    fast_call: Any
    call_losses: list[Any]

    @property
    def batches_done(self) -> int: ...  # noqa: D102

    @property
    def iterations(self) -> int: ...  # noqa: D102

    @iterations.setter
    def iterations(self, value: int) -> None: ...

    def compile(self, objective: Objective) -> None:
        """Takes losses, metrics and the optimizer; unchanged when this raises."""

    def set_trainable(self) -> None:
        """Layers were frozen or thawed."""

    def train_epoch(
        self, samples: Samples, size: int, shuffle: bool, poll: Poll | None
    ) -> Values | list[float]:
        """One pass over samples; loss and metrics so far."""

    def train_batch(self, samples: Samples, fresh: bool = False) -> Values | list[float]:
        """One step; loss and metrics so far, or with `fresh` of this batch."""

    def evaluate(self, samples: Samples, size: int, poll: Poll | None) -> Values | list[float]:
        """Loss and metrics with these samples more."""

    def test_batch(self, samples: Samples, fresh: bool = False) -> Values | list[float]:
        """Loss and metrics with a batch more."""

    def predict(self, inputs: list[Array], size: int, poll: Poll | None) -> Any:
        """The outputs for rows of arrays: an array, or a structure of arrays."""

    def call_training(self, inputs: list[Array]) -> Any:
        """The outputs as in training."""

    def call(self, inputs: list[Any], training: bool) -> Any:
        """The outputs as tensors for tensors."""
