"""What every optimizer is: settings here, state in the network that it trains."""

from __future__ import annotations

import weakref
from typing import Any, TypedDict, TypeVar

import numpy as np

from lamina import _checks, _core
from lamina._names import checked_name
from lamina._typing import Array, Config
from lamina.saving.serialization import Family
from lamina.variable import Variable

OPTIMIZERS = Family("optimizer", "optimizers")

Self = TypeVar("Self", bound="Optimizer")


class OptimizerOptions(TypedDict, total=False):
    """Arguments that every optimizer takes; only `name` is supported yet."""

    weight_decay: None
    clipnorm: None
    clipvalue: None
    global_clipnorm: None
    use_ema: bool
    ema_momentum: float
    ema_overwrite_frequency: None
    loss_scale_factor: None
    gradient_accumulation_steps: None
    name: str | None


class Optimizer:
    """The base of all optimizers.

    Args:
        learning_rate: A finite number of at least 0; schedules are not supported yet.
        weight_decay, clipnorm, clipvalue, global_clipnorm, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps: Not supported yet: None only.
        use_ema: Not supported yet: False only.
        ema_momentum: Without `use_ema` it means nothing.
        name: Its name.
    """

    def __init__(
        self,
        learning_rate: float,
        weight_decay: None = None,
        clipnorm: None = None,
        clipvalue: None = None,
        global_clipnorm: None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: None = None,
        loss_scale_factor: None = None,
        gradient_accumulation_steps: None = None,
        name: str | None = None,
    ) -> None:
        where = type(self).__name__
        _checks.require_default(
            where,
            weight_decay=weight_decay,
            clipnorm=clipnorm,
            clipvalue=clipvalue,
            global_clipnorm=global_clipnorm,
            use_ema=use_ema,
            ema_overwrite_frequency=ema_overwrite_frequency,
            loss_scale_factor=loss_scale_factor,
            gradient_accumulation_steps=gradient_accumulation_steps,
        )
        self.name = checked_name(where, name, where)
        #: The model that compiled it, if any.
        self.owner: weakref.ref[Any] | None = None
        self._network: _core.Network | None = None
        self._weights: list[tuple[int, Variable]] = []
        self._variables: list[Variable] = []
        self._learning_rate = self._checked_rate(learning_rate)

    def _checked_rate(self, value: Any) -> float:
        where = type(self).__name__
        if callable(value):
            raise NotImplementedError(
                f"{where}: learning rates that are schedules or functions are not supported yet; "
                "set `learning_rate` between epochs instead. "
                f"Received: learning_rate={value!r}"
            )
        return _checks.number(where, "learning_rate", value, low=0.0, open_high=True)

    def specification(self) -> _core.Optimizer:
        """What the core needs to compute it."""
        raise NotImplementedError(
            f"Optimizers of your own are not supported yet. Received: {type(self).__name__}"
        )

    @property
    def learning_rate(self) -> float:
        """The learning rate, which may be set at any time."""
        return self._learning_rate if self._network is None else self._network.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        rate = self._checked_rate(value)
        if self._network is not None:
            self._network.learning_rate = rate
        self._learning_rate = rate

    @property
    def iterations(self) -> int:
        """How many steps it has taken."""
        return 0 if self._network is None else self._network.iterations

    @property
    def built(self) -> bool:
        """Whether a compiled model uses it."""
        return self._network is not None

    @property
    def variables(self) -> list[Variable]:
        """Its state, for each weight of the model: Adam's momentum and velocity, for example."""
        if self._network is not None and not self._variables:
            self._variables = self._slot_variables(self._network)
        return list(self._variables)

    def bind(self, network: _core.Network, weights: list[tuple[int, Variable]]) -> None:
        """Takes `network`, just compiled with this optimizer, as the home of its state.

        Args:
            network: The network.
            weights: The model's variables with their places in the network.
        """
        self._network = network
        self._weights = weights
        self._variables = []  # made when they are asked for: a model's first step should not wait

    def _slot_variables(self, network: _core.Network) -> list[Variable]:
        variables = []
        for place, weight in self._weights:
            for slot, slot_name in enumerate(network.slot_names()):
                variable = Variable(
                    _nothing,
                    weight.shape,
                    weight.dtype,
                    slot_name,
                    f"{self.name}/{weight.path}/{slot_name}",
                    trainable=False,
                )
                _attach_slot(variable, network, slot, place)
                variables.append(variable)
        return variables

    def release(self) -> None:
        """Leaves its network: another optimizer is in charge. The state stays behind."""
        if self._network is not None:
            self._learning_rate = self._network.learning_rate
        self.owner = None
        self._network = None
        self._weights = []
        self._variables = []

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data, with the learning rate of now."""
        return {"name": self.name, "learning_rate": self.learning_rate}

    @classmethod
    def from_config(cls: type[Self], config: Config) -> Self:
        """The optimizer that `get_config` described."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, learning_rate={self.learning_rate}>"


def _nothing(shape: tuple[int, ...], dtype: str) -> Array:
    return np.zeros(shape, dtype)


def _attach_slot(variable: Variable, network: _core.Network, slot: int, place: int) -> None:
    def read() -> Array:
        return network.get_slot(slot, place)

    def write(value: Array) -> None:
        network.set_slot(slot, place, value)

    variable.attach(read, write)
