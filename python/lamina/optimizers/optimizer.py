"""What every optimizer is: settings here, state in the network that it trains."""

from __future__ import annotations

import re
import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

import lamina._core as _core
from lamina import _checks
from lamina._lazy import LazyModule
from lamina._names import checked_name
from lamina._typing import Array, Config
from lamina.optimizers.schedules.schedule import SCHEDULES, LearningRateSchedule
from lamina.registry import (
    Registry,
    custom_object_scope,
    serialize_keras_object,
)
from lamina.variable import Variable

if TYPE_CHECKING:
    from lamina.optimizers import applying
else:
    applying = LazyModule("lamina.optimizers.applying")

OPTIMIZERS = Registry("optimizer", "optimizers")

Self = TypeVar("Self", bound="Optimizer")

#: The weights of a model with their places in its network.
Placed = Sequence[tuple[int, Variable]]

#: In which order `variables` lists the slots: all of one rank before those of the next.
_RANKS = {"average": 0, "gradient_accumulator": 1}


class Optimizer:
    """The base of all optimizers, also of optimizers of your own.

    One of your own defines `update_step(self, gradient, variable, learning_rate)`, and where it
    keeps state `build(self, variables)`, which makes it with `add_variable_from_reference`. A
    model that is trained with it runs on the tape.

    Args:
        learning_rate: A finite number of at least 0; a schedule of
            `lamina.optimizers.schedules`, which is asked with the number of steps taken; or a
            function without arguments that is asked before each step. Schedules of lamina's
            own run in the core. A schedule or function of your own is called once for each
            step, and gives the same bits.
        weight_decay: If given, each weight first becomes `w - w * weight_decay * rate`
            (decoupled, and for every optimizer); see `exclude_from_weight_decay`.
        clipnorm: The gradient of each weight is scaled down to at most this norm.
        clipvalue: Each element of the gradients is clipped to `[-clipvalue, clipvalue]`.
        global_clipnorm: All gradients together are scaled down to at most this norm. At most
            one of the three may be given; 0 is off.
        use_ema: Whether to keep a moving average of the weights:
            `average = ema_momentum * average + (1 - ema_momentum) * w` after each step. `fit`
            ends with the averages as weights.
        ema_momentum: A number from 0 to 1.
        ema_overwrite_frequency: Every so many steps the weights become their averages.
        loss_scale_factor: A number above 0: the loss is multiplied by it before gradients are
            computed, and they are divided by it. Reported losses are not scaled. It has a use
            in half precision only, which lamina does not compute in; powers of two change
            no bit unless something overflows.
        gradient_accumulation_steps: At least 2: weights are updated every so many steps, by
            the mean of the gradients since the last update.
        name: Its name.

    Raises:
        ValueError: If a number is out of range, or more than one kind of clipping is asked for.
    """

    #: Whether it trains on all samples at once instead of batches.
    full_batch = False
    #: Ranks of the rule's own slots where they are not listed weight by weight.
    _slot_ranks: dict[str, int] = {}  # noqa: RUF012

    def __init__(
        self,
        learning_rate: Any,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
    ) -> None:
        where = type(self).__name__
        self.name = checked_name(where, name, where)
        self.weight_decay = _amount(where, "weight_decay", weight_decay)
        self.clipnorm = _amount(where, "clipnorm", clipnorm)
        self.clipvalue = _amount(where, "clipvalue", clipvalue)
        self.global_clipnorm = _amount(where, "global_clipnorm", global_clipnorm)
        if sum(limit is not None for limit in (clipnorm, clipvalue, global_clipnorm)) > 1:
            raise ValueError(
                f"{where}: only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set. "
                f"Received: clipnorm={clipnorm}, clipvalue={clipvalue}, "
                f"global_clipnorm={global_clipnorm}"
            )
        self.use_ema = _checks.boolean(where, "use_ema", use_ema)
        self.ema_momentum = _checks.number(where, "ema_momentum", ema_momentum, low=0.0, high=1.0)
        self.ema_overwrite_frequency = (
            None
            if ema_overwrite_frequency is None
            else _checks.integer(where, "ema_overwrite_frequency", ema_overwrite_frequency, low=1)
        )
        self.loss_scale_factor = (
            None
            if loss_scale_factor is None
            else _checks.number(
                where,
                "loss_scale_factor",
                loss_scale_factor,
                low=0.0,
                open_low=True,
                open_high=True,
            )
        )
        self.gradient_accumulation_steps = (
            None
            if gradient_accumulation_steps is None
            else _checks.integer(
                where, "gradient_accumulation_steps", gradient_accumulation_steps, low=2
            )
        )
        #: The model that compiled it, if any.
        self.owner: weakref.ref[Any] | None = None
        self._network: _core.Network | None = None
        self._weights: list[tuple[int, Variable, str]] = []  # with the names in the model
        self._trained: set[int] = set()  # places of those that were ever trained
        self._ranked: dict[str, tuple[int, Variable]] | None = None
        self._excluded: list[Variable] = []
        self._excluded_paths: frozenset[str] = frozenset()  # from a file
        self._excluded_names: re.Pattern[str] | None = None
        self._learning_rate = self._checked_rate(learning_rate)
        self._home: applying.Home | None = None
        self._places: dict[int, int] | None = None
        #: Of an optimizer of the user's own: its variables, those that it trains, and its steps.
        self._own_variables: list[Variable] = []
        self._own_trained: list[Any] = []
        self._own_iterations = 0
        if not self.is_native():
            self._refuse_options()

    def is_native(self) -> bool:
        """Whether the core computes it, rather than an `update_step` of the user's own."""
        return type(self).update_step is Optimizer.update_step

    def _refuse_options(self) -> None:
        _checks.require_default(
            type(self).__name__,
            use_ema=self.use_ema,
            ema_overwrite_frequency=self.ema_overwrite_frequency,
            loss_scale_factor=self.loss_scale_factor,
            gradient_accumulation_steps=self.gradient_accumulation_steps,
        )

    # Gradients from a tape.

    def build(self, variables: Any) -> None:
        """Makes the state for variables: the first `apply` does it for those that it is given.

        Args:
            variables: All variables that will ever be trained with this optimizer.

        Raises:
            ValueError: For variables of different types, or none.
        """
        chosen = list(variables)
        if not self.is_native():
            return
        if self.built:
            return
        self._home = applying.Home(self, chosen)
        self.bind(self._home.network, self._home.placed)

    def apply_gradients(self, grads_and_vars: Any) -> int:
        """One step.

        Args:
            grads_and_vars: Pairs of a gradient (or None) and its variable, as
                `zip(gradients, variables)` gives them.

        Returns:
            The number of steps so far.

        Raises:
            ValueError: If no variable has a gradient, a shape does not fit, or a variable is new.

        Example:
            >>> w = lamina.Variable([1.0, 2.0])
            >>> optimizer = lamina.optimizers.SGD(learning_rate=0.5)
            >>> with lamina.GradientTape() as tape:
            ...     loss = lamina.ops.sum(w * w)
            >>> optimizer.apply_gradients(zip([tape.gradient(loss, w)], [w]))
            1
            >>> w.numpy()
            array([0., 0.], dtype=float32)
        """
        pairs = list(grads_and_vars)
        if self._quick_steps is not None and self._quick_steps(pairs) is not NotImplemented:
            return self.iterations
        self.apply([g for g, _ in pairs], [v for _, v in pairs])
        return self.iterations

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """One step.

        Args:
            grads: A gradient, or None, for each variable.
            trainable_variables: The variables; None means those that it was built for.

        Raises:
            ValueError: As `apply_gradients`.
        """
        if trainable_variables is None:
            if not self.built:
                raise ValueError(
                    f"{self.name}: `trainable_variables` is needed before the optimizer is built."
                )
            trainable_variables = self._built_for()
        all_variables = list(trainable_variables)
        gradients, variables = applying.pairs_of(self, grads, all_variables)
        if not self.built:
            self._build_for(all_variables)
        if self.is_native():
            applying.apply_native(self, gradients, variables)
            if self._quick_steps is None:
                self._quick_steps = applying.quick_steps(self)
        else:
            applying.apply_own(self, gradients, variables)

    def _build_for(self, variables: list[Any]) -> None:
        """Calls `build`, once, which may be the user's own."""
        if self.built:
            return
        self.build(variables)
        if not self.is_native() and not self._own_trained:
            self._own_trained = list(variables)

    def _built_for(self) -> list[Any]:
        """The variables that it trains, in their order."""
        if self._own_trained or self._home is not None:
            return self._own_trained or [v for _, v, _ in self._weights]
        return [v for _, v, _ in self._weights if v.trainable]

    def _places_by_id(self) -> dict[int, int]:
        if self._places is None:
            self._places = {id(variable): place for place, variable, _ in self._weights}
        return self._places

    def scale_loss(self, loss: Any) -> Any:
        """The loss times the factor by which `apply` divides the gradients."""
        factor = self.loss_scale_factor
        return loss if factor is None else loss * factor

    #: The core's step for gradients and variables that fit as they are, once it is known.
    _quick_steps: Any = None

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Changes one variable by its gradient: what an optimizer of your own defines.

        Args:
            gradient: A tensor.
            variable: The variable, to be assigned to.
            learning_rate: A number.
        """
        raise NotImplementedError(
            f"{type(self).__name__}: the core takes a step for all variables at once; call "
            "`apply`, or define `update_step` without calling this one."
        )

    def add_variable_from_reference(
        self, reference_variable: Any, name: str | None = None, initializer: Any = "zeros"
    ) -> Variable:
        """A variable of the optimizer's own state, with a variable's shape; for `build`."""
        label = name or "variable"
        path = f"{self.name}/{reference_variable.path}/{label}"
        variable = applying.zeros_like(reference_variable, label, path, initializer)
        self._own_variables.append(variable)
        return variable

    def add_variable(
        self,
        shape: Any = (),
        initializer: Any = "zeros",
        dtype: Any = None,
        name: str | None = None,
    ) -> Variable:
        """A variable of the optimizer's own state; for `build`."""
        from lamina import initializers
        from lamina.config import standardize_dtype

        label = name or "variable"
        variable = Variable.deferred(
            initializers.get(initializer),
            tuple(e for e in _checks.extents(type(self).__name__, "shape", shape) if e is not None),
            standardize_dtype(dtype),
            label,
            f"{self.name}/{label}",
            False,
        )
        self._own_variables.append(variable)
        return variable

    def _get_variable_index(self, variable: Any) -> int:
        """The number of a variable among those that it was built for."""
        for index, other in enumerate(self._built_for()):
            if other is variable:
                return index
        raise ValueError(f"{self.name}: a variable that the optimizer was not built for.")

    def assign(self, variable: Any, value: Any) -> None:
        """Sets a variable."""
        variable.assign(value)

    def assign_add(self, variable: Any, value: Any) -> None:
        """Adds to a variable."""
        variable.assign_add(value)

    def assign_sub(self, variable: Any, value: Any) -> None:
        """Subtracts from a variable."""
        variable.assign_sub(value)

    # The learning rate.

    def _checked_rate(self, value: Any) -> float | LearningRateSchedule | Callable[[], Any]:
        if isinstance(value, dict):
            value = SCHEDULES.create(value)
        if isinstance(value, LearningRateSchedule):
            return value
        if callable(value) and not isinstance(value, type):
            return value  # type: ignore[no-any-return]
        return self._number(value)

    def _number(self, value: Any) -> float:
        where = type(self).__name__
        return _checks.number(where, "learning_rate", value, low=0.0, open_high=True)

    @property
    def learning_rate(self) -> Any:
        """The learning rate of the coming step.

        A number may be replaced at any time by another, a schedule or a function; a schedule
        only by a schedule or a function.
        """
        if self._network is not None:
            return self._network.learning_rate
        rate = self._learning_rate
        if isinstance(rate, LearningRateSchedule):
            return self._number(rate(self._iterations))
        return self._number(rate()) if callable(rate) else rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        rate = self._checked_rate(value)
        if callable(self._learning_rate) and not callable(rate):
            raise TypeError(
                f"{type(self).__name__}: this optimizer's learning rate follows a schedule or "
                "function and cannot be set to a number; construct it with a number to set it "
                f"later. Received: learning_rate={value!r}"
            )
        self._learning_rate = rate
        if self._network is not None:
            self._network.follow(self._with_rate(self._rule()))

    @property
    def asks_python(self) -> bool:
        """Whether steps call a function of the user's for the learning rate."""
        rate = self._learning_rate
        if isinstance(rate, LearningRateSchedule):
            return rate.specification() is None
        return callable(rate)

    def _start_rate(self) -> float:
        """The number for the core: what it is, or 0 where a schedule decides."""
        return 0.0 if callable(self._learning_rate) else float(self._learning_rate)

    def _with_rate(self, rule: _core.Optimizer) -> _core.Optimizer:
        rate = self._learning_rate
        if isinstance(rate, LearningRateSchedule):
            specification = rate.specification()
            if specification is not None:
                rule.schedule = specification
            else:
                rule.set_rate_function(_asking(type(self).__name__, rate))
        elif callable(rate):
            function = rate
            rule.set_rate_function(_asking(type(self).__name__, lambda step: function()))
        return rule

    # What the core needs.

    def _rule(self) -> _core.Optimizer:
        """The rule with its own numbers."""
        raise NotImplementedError(
            f"Optimizer {type(self).__name__} must define "
            "`update_step(self, gradient, variable, learning_rate)`."
        )

    def _place(self, rule: _core.Optimizer, weights: Placed) -> None:
        """Tells the rule about single weights, where it treats them differently."""

    def specification(self, weights: Placed = ()) -> _core.Optimizer:
        """What the core needs to compute it.

        Args:
            weights: The model's variables with their places in the network.
        """
        rule = self._with_rate(self._rule())
        rule.weight_decay = self.weight_decay
        rule.without_decay = [place for place, weight in weights if self._is_excluded(weight)]
        rule.clipnorm = self.clipnorm
        rule.clipvalue = self.clipvalue
        rule.global_clipnorm = self.global_clipnorm
        rule.use_ema = self.use_ema
        rule.ema_momentum = self.ema_momentum
        rule.ema_overwrite_frequency = self.ema_overwrite_frequency or 0
        rule.loss_scale_factor = self.loss_scale_factor or 1.0
        rule.gradient_accumulation_steps = self.gradient_accumulation_steps or 1
        self._place(rule, weights)
        return rule

    # State.

    @property
    def iterations(self) -> int:
        """How many updates of the weights it has made.

        May be set while a model uses it: bias corrections and schedules go on from there.
        """
        return self._iterations // (self.gradient_accumulation_steps or 1)

    @iterations.setter
    def iterations(self, value: int) -> None:
        number = _checks.integer(type(self).__name__, "iterations", value, low=0, high=2**40)
        if not self.is_native():
            self._own_iterations = number
            return
        if self._network is None:
            raise RuntimeError(
                "`iterations` can be set once a model has been compiled and built with the "
                f"optimizer. Received: iterations={number}"
            )
        self._network.iterations = number * (self.gradient_accumulation_steps or 1)

    @property
    def _iterations(self) -> int:
        """How many steps it has taken, also those that only added up gradients."""
        if self._network is None:
            return self._own_iterations
        return self._network.iterations

    @property
    def built(self) -> bool:
        """Whether it has its state: a compiled model uses it, or `build` was called."""
        return self._network is not None or bool(self._own_trained)

    @built.setter
    def built(self, value: bool) -> None:
        """Accepted for compatibility."""

    @property
    def variables(self) -> list[Variable]:
        """Its state: Adam's momentum and velocity for each weight of the model, for example.

        In Keras' order, without the counter of iterations and the learning rate.
        """
        made = sorted(self._made().values(), key=lambda entry: entry[0])
        return [*(variable for _, variable in made), *self._own_variables]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Sets its state.

        Args:
            weights: An array for each of `variables`.

        Raises:
            ValueError: If there is no state yet, or for arrays that do not fit; nothing has changed
                then.
        """
        variables = self.variables
        if not self.built:
            raise ValueError(
                f"{type(self).__name__}.set_weights: there is no state before `build` or the first "
                "step."
            )
        arrays = [np.asarray(weight) for weight in weights]
        wanted = [tuple(variable.shape) for variable in variables]
        if [array.shape for array in arrays] != wanted:
            raise ValueError(
                f"{type(self).__name__}.set_weights: `weights` must be arrays of the shapes "
                f"{wanted}. Received: shapes {[array.shape for array in arrays]}"
            )
        for variable, array in zip(variables, arrays, strict=True):
            variable.assign(array)

    @property
    def converged(self) -> bool:
        """Whether there is nothing left to do; only `LBFGS` ever knows."""
        return False

    def bind(self, network: _core.Network, weights: list[tuple[int, Variable]]) -> None:
        """Takes `network`, just compiled with this optimizer, as the home of its state.

        Args:
            network: The network.
            weights: The model's variables with their places in the network; frozen ones, too.
        """
        self._network = network
        self._weights = [(place, weight, weight.path) for place, weight in weights]
        self._places = self._quick_steps = None
        self._trained = set()
        self.note_trained()

    def note_trained(self) -> None:
        """Layers were frozen or thawed: `variables` has what belongs to weights ever trained."""
        self._trained |= {place for place, weight, _ in self._weights if weight.trainable}
        self._ranked = None

    def note_saved(self, keys: Iterable[str]) -> None:
        """Weights whose state a file has were trained before it was written."""
        there = set(keys)
        slots = self._network.slot_names() if self._network is not None else []
        for place, _, path in self._weights:
            if any(f"{slot}/{path}" in there for slot in slots):
                self._trained.add(place)
        self._ranked = None

    def _made(self) -> dict[str, tuple[int, Variable]]:
        """Its variables by their names in files, with their ranks.

        Made when they are asked for: a model's first step should not wait for them.
        """
        network = self._network
        if network is None:
            return {}
        if self._ranked is not None:
            return self._ranked
        ranked: dict[str, tuple[int, Variable]] = {}
        for place, weight, path_of_weight in self._weights:
            if place not in self._trained:
                continue
            for slot, slot_name in enumerate(network.slot_names()):
                shape = network.slot_shape(slot, place)
                if shape is None:
                    continue
                path = f"{self.name}/{path_of_weight}/{slot_name}"
                variable = Variable.deferred(
                    _nothing, shape, weight.dtype, slot_name, path, trainable=False
                )
                variable.bind_source(_SlotValue(network, slot, place))
                rank = _RANKS.get(slot_name, self._slot_ranks.get(slot_name, 2))
                ranked[f"{slot_name}/{path_of_weight}"] = rank, variable
        for i, number_name in enumerate(network.optimizer_numbers()):
            path = f"{self.name}/{number_name}"
            variable = Variable.deferred(
                _nothing, (), "float64", number_name, path, trainable=False
            )
            variable.bind_source(_NumberValue(network, i))
            ranked[number_name] = 9, variable
        self._ranked = ranked
        return ranked

    @property
    def _state(self) -> dict[str, Variable]:
        """Its variables by their names in files."""
        state = {key: variable for key, (_, variable) in self._made().items()}
        prefix = f"{self.name}/"
        for variable in self._own_variables:
            state[variable.path.removeprefix(prefix)] = variable
        return state

    def release(self) -> None:
        """Leaves its network: another optimizer is in charge. The state stays behind."""
        if self._network is not None and not callable(self._learning_rate):
            self._learning_rate = self._network.learning_rate
        self.owner = None
        self._network = None
        self._home = None
        self._weights = []
        self._ranked = None
        self._places = self._quick_steps = None

    def finalize_variable_values(self, var_list: Any = None) -> None:
        """The weights become their moving averages, if `use_ema`; `fit` ends with this.

        Args:
            var_list: Accepted for compatibility: all weights that it trains are meant.
        """
        if self._network is not None and self.use_ema:
            self._network.adopt_average()

    def exclude_from_weight_decay(self, var_list: Any = None, var_names: Any = None) -> None:
        """Keeps some weights from being decayed. Call it before `compile`.

        It is saved with the model, but is no part of the configuration, as in Keras.

        Args:
            var_list: Variables to exclude.
            var_names: Regular expressions; a weight in whose name (such as "kernel" or "bias")
                one of them is found is excluded.

        Raises:
            ValueError: If the optimizer is in use already.

        Example:
            >>> optimizer = lamina.optimizers.AdamW()
            >>> optimizer.exclude_from_weight_decay(var_names=["bias"])
        """
        if self.built:
            raise ValueError(
                "`exclude_from_weight_decay()` can only be configured before the optimizer is "
                f"built. Received: optimizer '{self.name}', which a model uses"
            )
        self._excluded = list(var_list or ())
        self._excluded_paths = frozenset()
        names = [var_names] if isinstance(var_names, str) else list(var_names or ())
        self._excluded_names = re.compile("|".join(names)) if names else None

    def _is_excluded(self, weight: Variable) -> bool:
        if any(weight is other for other in self._excluded):
            return True
        if weight.path in self._excluded_paths:
            return True
        return self._excluded_names is not None and bool(self._excluded_names.search(weight.name))

    # Configuration.

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data, with the learning rate of now.

        Raises:
            ValueError: If the learning rate is a function, which cannot be saved.
        """
        rate = self._learning_rate
        return {
            "name": self.name,
            "learning_rate": serialize_keras_object(rate) if callable(rate) else self.learning_rate,
            "weight_decay": self.weight_decay,
            "clipnorm": self.clipnorm,
            "global_clipnorm": self.global_clipnorm,
            "clipvalue": self.clipvalue,
            "use_ema": self.use_ema,
            "ema_momentum": self.ema_momentum,
            "ema_overwrite_frequency": self.ema_overwrite_frequency,
            "loss_scale_factor": self.loss_scale_factor,
            "gradient_accumulation_steps": self.gradient_accumulation_steps,
        }

    @classmethod
    def from_config(
        cls: type[Self], config: Config, custom_objects: dict[str, Any] | None = None
    ) -> Self:
        """The optimizer that `get_config` described; `custom_objects` may name schedules."""
        with custom_object_scope(custom_objects):
            return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, learning_rate={self._learning_rate}>"


def _amount(where: str, name: str, value: Any) -> float | None:
    return None if value is None else _checks.number(where, name, value, low=0.0, open_high=True)


def _asking(where: str, function: Callable[[int], Any]) -> Callable[[int], float]:
    """A function of the step for the core, with what it returns checked."""

    def ask(step: int) -> float:
        return _checks.number(where, "learning_rate", function(step), low=0.0, open_high=True)

    return ask


def _nothing(shape: tuple[int, ...], dtype: str) -> Array:
    return np.zeros(shape, dtype)


class _SlotValue(NamedTuple):
    """The memory of one parameter's state of one kind."""

    network: _core.Network
    slot: int
    parameter: int

    def read(self) -> Array:
        """A copy of the value."""
        return self.network.get_slot(self.slot, self.parameter)

    def write(self, value: Array) -> None:
        """Sets the value."""
        self.network.set_slot(self.slot, self.parameter, value)


class _NumberValue(NamedTuple):
    """State that is one number."""

    network: _core.Network
    number: int

    def read(self) -> Array:
        """The value."""
        return np.array(self.network.get_optimizer_number(self.number), "float64")

    def write(self, value: Array) -> None:
        """Sets the value."""
        self.network.set_optimizer_number(self.number, float(value))
