"""What every optimizer is: settings here, state in the network that it trains."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

import lamina._core as _core
from lamina import _checks
from lamina._lazy import LazyModule
from lamina._names import checked_name
from lamina._typing import Config
from lamina.optimizers import learning_rate as _rates
from lamina.optimizers.exclusion import DecayExclusion
from lamina.registry import (
    Registry,
    custom_object_scope,
    serialize_keras_object,
)
from lamina.variable import Variable

if TYPE_CHECKING:
    from lamina.optimizers import apply as _apply
    from lamina.optimizers import state as _states
else:
    _apply = LazyModule("lamina.optimizers.apply")
    _states = LazyModule("lamina.optimizers.state")

OPTIMIZERS = Registry("optimizer", "optimizers")

Self = TypeVar("Self", bound="Optimizer")

#: The weights of a model with their indices in its store.
Placed = Sequence[tuple[int, Variable]]


class _KnownWords:
    """Refuses arguments that have another name here.

    It is a base of its own so that `inspect.signature` finds the constructor's arguments.
    """

    def __new__(cls, *args: Any, **options: Any) -> Any:
        if options:
            _checks.require_known_words(cls, options)
        return super().__new__(cls)


class Optimizer(_KnownWords):
    """The base of all optimizers, also of custom ones.

    A custom optimizer defines `update_step(self, gradient, variable, learning_rate)`, and where it
    keeps state `build(self, variables)`, which makes it with `add_variable_from_reference`. A
    model that is trained with it runs on the tape.

    Args:
        learning_rate: A finite number of at least 0; a schedule of
            `lamina.optimizers.schedules`, a function of the number of steps taken; or a
            function without arguments that is called before each step. Built-in schedules run
            in the core. A custom schedule or function is called once for each step, and gives
            the same bits.
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
        ValueError: If a number is out of range, or more than one kind of clipping is given.
    """

    #: Whether it trains on all samples at once instead of batches.
    full_batch = False
    #: Where `variables` lists the rule's own slots, if not weight by weight.
    _slot_order: dict[str, int] = {}  # noqa: RUF012

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
        self._bound: _states.OptimizerState | None = None
        self._is_standalone = False
        self._exclusion = DecayExclusion()
        self._learning_rate = _rates.checked_rate(where, learning_rate)
        #: Of a custom optimizer: its variables, those that it trains, and its steps.
        self._custom_variables: list[Variable] = []
        self._custom_trained: list[Any] = []
        self._custom_iterations = 0
        if not self.is_native():
            self._refuse_options()

    def is_native(self) -> bool:
        """Whether the core computes it, rather than a custom `update_step`."""
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
        self._take(_states.OptimizerState.of_variables(self, chosen), standalone=True)

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
        gradients, variables = _apply.pairs_of(self, grads, all_variables)
        if not self.built:
            self._build_for(all_variables)
        if not self.is_native():
            _apply.apply_custom(self, gradients, variables)
            return
        state = self._bound
        assert state is not None
        if not state.is_current():
            state = self._take(state.moved(self), standalone=True)
        _apply.apply_native(self, state, gradients, variables)
        if self._quick_steps is None and type(self).apply is Optimizer.apply:
            self._quick_steps = _apply.quick_steps(state)

    def _build_for(self, variables: list[Any]) -> None:
        """Calls `build`, once, which may be a custom one."""
        if self.built:
            return
        self.build(variables)
        if not self.is_native() and not self._custom_trained:
            self._custom_trained = list(variables)

    def _built_for(self) -> list[Any]:
        """The variables that it trains, in their order."""
        if self._custom_trained or self._bound is None:
            return self._custom_trained
        return [v for _, v, _ in self._bound.weights if self._is_standalone or v.trainable]

    def scale_loss(self, loss: Any) -> Any:
        """The loss times the factor by which `apply` divides the gradients."""
        factor = self.loss_scale_factor
        return loss if factor is None else loss * factor

    #: The core's step for gradients and variables that fit as they are, once it is known.
    _quick_steps: Any = None

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Changes one variable by its gradient: what a custom optimizer defines.

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
        """A variable of a custom optimizer's state, with a variable's shape; for `build`."""
        label = name or "variable"
        path = f"{self.name}/{reference_variable.path}/{label}"
        variable = _apply.zeros_like(reference_variable, label, path, initializer)
        self._custom_variables.append(variable)
        return variable

    def add_variable(
        self,
        shape: Any = (),
        initializer: Any = "zeros",
        dtype: Any = None,
        name: str | None = None,
    ) -> Variable:
        """A variable of a custom optimizer's state; for `build`."""
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
        self._custom_variables.append(variable)
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

    @property
    def learning_rate(self) -> Any:
        """The learning rate of the coming step.

        A number may be replaced at any time by another, a schedule or a function; a schedule
        only by a schedule or a function.
        """
        if self._bound is not None:
            return self._bound.store.learning_rate
        return _rates.rate_at(type(self).__name__, self._learning_rate, self._iterations)

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        rate = _rates.checked_rate(type(self).__name__, value)
        if callable(self._learning_rate) and not callable(rate):
            raise TypeError(
                f"{type(self).__name__}: this optimizer's learning rate follows a schedule or "
                "function and cannot be set to a number; construct it with a number to set it "
                f"later. Received: learning_rate={value!r}"
            )
        self._learning_rate = rate
        if self._bound is not None:
            self._bound.store.follow(self._with_rate(self._rule()))

    @property
    def has_python_schedule(self) -> bool:
        """Whether steps call a function of Python for the learning rate."""
        return _rates.has_python_schedule(self._learning_rate)

    def _start_rate(self) -> float:
        """The number for the core: what it is, or 0 where a schedule decides."""
        return 0.0 if callable(self._learning_rate) else float(self._learning_rate)

    def _with_rate(self, rule: _core.Optimizer) -> _core.Optimizer:
        return _rates.with_rate(type(self).__name__, rule, self._learning_rate)

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
            weights: The model's variables with their indices in the store.
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
            self._custom_iterations = number
            return
        if self._bound is None:
            raise RuntimeError(
                "`iterations` can be set once a model has been compiled and built with the "
                f"optimizer. Received: iterations={number}"
            )
        self._bound.store.iterations = number * (self.gradient_accumulation_steps or 1)

    @property
    def _iterations(self) -> int:
        """How many steps it has taken, also those that only added up gradients."""
        if self._bound is None:
            return self._custom_iterations
        return int(self._bound.store.iterations)

    @property
    def built(self) -> bool:
        """Whether it has its state: a compiled model uses it, or `build` was called."""
        return self._bound is not None or bool(self._custom_trained)

    @built.setter
    def built(self, value: bool) -> None:
        """Accepted for compatibility."""

    @property
    def variables(self) -> list[Variable]:
        """Its state: Adam's momentum and velocity for each weight of the model, for example.

        In Keras' order, without the counter of iterations and the learning rate.
        """
        slots = sorted(self._slot_variables().values(), key=lambda entry: entry[0])
        return [*(variable for _, variable in slots), *self._custom_variables]

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

    def bind(self, store: Any, weights: list[tuple[int, Variable]]) -> None:
        """Takes a store, just compiled with this optimizer, as the place of its state.

        Args:
            store: The store, or the network that has one.
            weights: The model's variables with their indices there; frozen ones, too.
        """
        self._take(_states.OptimizerState(store, weights))

    def _take(
        self, state: _states.OptimizerState, standalone: bool = False
    ) -> _states.OptimizerState:
        self._bound, self._is_standalone, self._quick_steps = state, standalone, None
        return state

    @property
    def _store(self) -> Any:
        """The store, or the network, that its state is in; None before there is any."""
        return None if self._bound is None else self._bound.store

    def mark_trainable(self) -> None:
        """Layers were frozen or thawed: `variables` has what belongs to weights ever trained."""
        if self._bound is not None:
            self._bound.mark_trainable()

    def mark_loaded(self, keys: Iterable[str]) -> None:
        """Weights whose state a file has were trained before it was written."""
        if self._bound is not None:
            self._bound.mark_loaded(keys)

    def _slot_variables(self) -> dict[str, tuple[int, Variable]]:
        """The variables of its state in a store by their names in files, with their order."""
        return {} if self._bound is None else self._bound.variables(self.name, self._slot_order)

    @property
    def _state(self) -> dict[str, Variable]:
        """Its variables by their names in files."""
        state = {key: variable for key, (_, variable) in self._slot_variables().items()}
        prefix = f"{self.name}/"
        for variable in self._custom_variables:
            state[variable.path.removeprefix(prefix)] = variable
        return state

    def release(self) -> None:
        """Leaves its store: another optimizer is in charge. The state stays behind."""
        if self._bound is not None and not callable(self._learning_rate):
            self._learning_rate = self._bound.store.learning_rate
        self.owner = self._bound = self._quick_steps = None
        self._is_standalone = False

    def finalize_variable_values(self, var_list: Any = None) -> None:
        """The weights become their moving averages, if `use_ema`; `fit` ends with this.

        Args:
            var_list: Accepted for compatibility: all weights that it trains are meant.
        """
        if self._bound is not None and self.use_ema:
            self._bound.store.adopt_average()

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
        self._exclusion.set(var_list, var_names)

    def _is_excluded(self, weight: Variable) -> bool:
        return self._exclusion.excludes(weight)

    # Copies.

    def __getstate__(self) -> dict[str, Any]:
        """Its settings; with the state, if no model uses it."""
        state = dict(vars(self))
        bound = state.pop("_bound")
        for name in ("owner", "_quick_steps"):
            state.pop(name, None)
        if bound is not None and not callable(self._learning_rate):
            state["_learning_rate"] = bound.store.learning_rate
        if self.owner is not None:
            state.update(_custom_variables=[], _custom_trained=[], _custom_iterations=0)
        elif bound is not None and self._is_standalone:
            state["_kept"] = bound.capture(self)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        kept = state.pop("_kept", None)
        self.__dict__.update(state, owner=None, _bound=None, _is_standalone=False)
        if kept is not None:
            self._take(_states.OptimizerState.restored(self, kept), standalone=True)

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
