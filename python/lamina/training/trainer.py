"""What trains a model: its settings, its engine, and where a training is."""

from __future__ import annotations

import weakref
from _thread import RLock  # threading takes a millisecond to load
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina import _checks, config
from lamina._device import placement
from lamina._typing import Array, Shape
from lamina.execution.engine import Counters, Engine
from lamina.execution.planned import PlannedEngine
from lamina.execution.trainable import STEPS, Trainable
from lamina.optimizers.optimizer import Optimizer
from lamina.random import draw_seed
from lamina.training.compile_config import CompileConfig
from lamina.training.preparation import prepare

if TYPE_CHECKING:
    from lamina.callbacks.history import History
    from lamina.training.fit_state import FitState

#: Steps that take targets as they are, and need no loss.
_FREE_STEPS = ("train_step", "test_step", "compute_loss", "compute_metrics")
#: Models of so many weights are planned when they are compiled.
_SMALL = 2**16


class Trainer:
    """Compiles and trains one model, evaluates it and predicts with it.

    Args:
        model: The model; it owns the trainer.

    Attributes:
        config: What `compile` was given; None before it.
        engine: What runs batches; None until it is needed, and when the model has changed.
        counters: What random numbers depend on.
        fit_state: Where the training that runs is; None outside of one.
        history: What the last training gave.
        device: Where the model is computed.
        precision: How products of layers are rounded.
    """

    def __init__(self, model: Trainable) -> None:
        self._model = weakref.ref(model)
        self.lock = RLock()
        self.counters = Counters(draw_seed(None))
        self.config: CompileConfig | None = None
        self.engine: Engine | None = None
        self.fit_state: FitState | None = None
        self.history: History | None = None
        self.device, self.precision = "cpu", "strict"
        #: Whether it was said that a loss does not fit its output.
        self._has_warned = False

    @property
    def model(self) -> Trainable:
        """The model."""
        model = self._model()
        if model is None:
            raise RuntimeError("The model of this trainer is gone.")
        return model

    # The engine.

    def ready(self) -> Engine:
        """The engine, compiled if the model is.

        Raises:
            ValueError: If the model is not built.
        """
        engine = self.engine
        if engine is not None:
            return engine
        with self.lock:
            if self.engine is not None:
                return self.engine
            model = self.model
            if not model._has_shapes():
                raise ValueError(
                    f"Model '{model.name}' has not been built yet: its input shape is not known. "
                    "Put an `Input` in front, call `build()`, or call the model on data."
                )
            engine = self._new_engine(model)
            if self.config is not None:
                self._compile(engine, self.config)
            self.engine = engine
            if engine.is_planned:
                self.counters.bind(engine.network)
            self._bind_fast_calls(model, engine)
            return engine

    def ready_for(self, samples: list[Shape]) -> Engine:
        """The engine, after building the model for samples of these shapes."""
        if self.engine is None:
            model = self.model
            if not model._has_shapes():
                model._build_for(samples)
        return self.ready()

    def needs_tape(self, compiled: CompileConfig | None) -> bool:
        """Whether custom parts make the steps run on the tape."""
        model = self.model
        return (
            (compiled is not None and compiled.needs_tape)
            or model._custom_steps(*STEPS)
            or (compiled is not None and not compiled.has_losses())
            or not model._can_plan()
        )

    def _new_engine(self, model: Trainable) -> Engine:
        if not self.needs_tape(self.config):
            return PlannedEngine(model, self.counters, self.device, self.precision)
        from lamina.execution.eager import EagerEngine

        return EagerEngine(model, self.counters, model._can_plan())

    def _compile(self, engine: Engine, compiled: CompileConfig) -> None:
        model = self.model
        if compiled.outputs is None:
            compiled.split(len(model._output_shapes()), model.output_names)
        if compiled.has_objective and not compiled.loss_is_inferred:
            engine.compile(compiled.objective(model._output_shapes()))

    def compile_engine(self) -> None:
        """Compiles the engine, if there is one, with settings that have changed."""
        if self.engine is not None:
            self._compile(self.engine, self.compiled_config())
            self._bind_fast_calls(self.model, self.engine)
        self._warn_of_losses(stacklevel=6)

    def _warn_of_losses(self, stacklevel: int) -> None:
        """Warns once of crossentropies that do not fit the layer before them."""
        config = self.config
        if self._has_warned or config is None or not config.crossentropies():
            return
        from lamina.training.logits import warn_of_misfits

        chains = self.model._output_chains()
        self._has_warned = warn_of_misfits(config, chains, stacklevel + 1)

    def _bind_fast_calls(self, model: Trainable, engine: Engine) -> None:
        plain = model._takes_inputs_as_they_are()
        model._fast_predict = engine.fast_predict if plain else None
        trains = self.config is not None and self.config.has_objective
        model._fast_train = None
        if trains:
            model._fast_train = engine.fast_train if plain else model._fast_step(engine)

    def release_engine(self) -> None:
        """The model has changed; variables stay in the old network until there is a new one."""
        if self.engine is not None:
            self.counters.release()
            self.engine = None
            model = self.model
            model._fast_predict = model._fast_train = model._fast_call = None

    def trainable_changed(self) -> None:
        """Layers were frozen or thawed."""
        if self.engine is not None:
            self.engine.set_trainable()
            if self.config is not None:
                self.config.optimizer.mark_trainable()

    # Compiling.

    def compiled_config(self, method: str = "training") -> CompileConfig:
        """The settings of a compiled model.

        Raises:
            RuntimeError: If it is not compiled.
            ValueError: If there is nothing to train for.
        """
        compiled = self.config
        if compiled is None:
            raise RuntimeError(
                f"You must call `compile()` before using the model: {method} needs a loss and an "
                "optimizer."
            )
        if not compiled.has_objective and not compiled.loss_is_inferred:
            raise ValueError("No loss to compute. Provide a `loss` argument in `compile()`.")
        return compiled

    def compile(
        self,
        optimizer: Any,
        loss: Any,
        loss_weights: Any,
        metrics: Any,
        weighted_metrics: Any,
        run_eagerly: Any,
        steps_per_execution: Any,
        jit_compile: Any,
        auto_scale_loss: Any,
        missing_targets: str,
        device: Any,
        precision: str | None,
    ) -> None:
        """Takes the arguments of `Model.compile`; the model is unchanged when this raises."""
        model = self.model
        eagerly = _checks.boolean("compile", "run_eagerly", run_eagerly)
        steps = _checks.integer("compile", "steps_per_execution", steps_per_execution, low=1)
        if jit_compile not in (True, False, "auto"):
            raise ValueError(
                "compile: `jit_compile` must be True, False or 'auto'. "
                f"Received: jit_compile={jit_compile!r}"
            )
        _checks.boolean("compile", "auto_scale_loss", auto_scale_loss)
        compiled = CompileConfig(
            optimizer,
            loss,
            metrics,
            loss_weights,
            weighted_metrics,
            missing_targets,
            model._output_count(),
            model.output_names,
        )
        compiled.steps_per_execution, compiled.run_eagerly = steps, eagerly
        compiled.suit(model._custom_steps(*_FREE_STEPS), model._adds_losses())
        before = self.device, self.precision
        place = placement("compile", device, precision, self.device, model.dtype)
        on_tape = self.needs_tape(compiled)
        if on_tape and place[0] != "cpu":
            raise NotImplementedError(
                "compile: this model runs on the tape, which computes on the CPU so far. "
                f"Received: device={place[0]!r}"
            )
        self._require_free(compiled.optimizer)
        old = self.config.optimizer if self.config is not None else None
        metrics_before = self.engine.metrics if self.engine is not None else None
        self._change_to(compiled, old, place, before, on_tape)
        new = compiled.optimizer
        if old is not None and old is not new:
            old.release()
        new.owner = weakref.ref(model)
        if metrics_before is not None:
            engine = self.engine
            metrics_before.release([] if engine is None else engine.metrics.objects()[1:])
        self.config = compiled
        if self.engine is not None:
            self._bind_fast_calls(model, self.engine)
        self._warn_of_losses(stacklevel=3)

    def _require_free(self, optimizer: Optimizer) -> None:
        owner = optimizer.owner() if optimizer.owner is not None else None
        if owner is not None and owner is not self._model():
            raise ValueError(
                "compile: this optimizer trains another model. Give each model its own. "
                f"Received: optimizer '{optimizer.name}'"
            )

    def _change_to(
        self,
        compiled: CompileConfig,
        old: Optimizer | None,
        place: tuple[str, str],
        before: tuple[str, str],
        on_tape: bool,
    ) -> None:
        """Gives the engine new settings, or makes the engine of a small model."""
        model, new, engine = self.model, compiled.optimizer, self.engine
        keeps = engine is not None and compiled.has_objective and new is old
        state = {v.path: v.numpy() for v in new.variables} if keeps else {}
        steps = new._iterations if keeps else 0
        if engine is not None and (place != before or on_tape is engine.is_planned):
            self.release_engine()  # weights move with the next engine
            engine = None
        self.device, self.precision = place
        if not compiled.has_objective:
            return
        if engine is not None:
            self._compile(engine, compiled)
            _restore(engine, new, state, steps)
        elif keeps or self._is_small(model):
            config_before, self.config = self.config, compiled
            try:
                engine = self.ready()
                if keeps:
                    _restore(engine, new, state, steps)
            except BaseException:
                self.config = config_before
                self.device, self.precision = before
                raise

    def _is_small(self, model: Trainable) -> bool:
        """Whether planning takes next to no time, and so need not wait for the first batch."""
        return model._has_shapes() and sum(variable.size for variable in model.weights) <= _SMALL

    # Batches.

    def train_on_batch(
        self, x: Any, y: Any, sample_weight: Any, class_weight: Any, return_dict: bool
    ) -> Any:
        """One step on one batch; see `Model.train_on_batch`."""
        self.compiled_config("train_on_batch")
        samples, inputs = prepare(self, x, y, sample_weight, class_weight)
        engine = self.engine
        if engine is None:
            engine = self.ready_for(inputs.samples)
        watched = config.check_finite()
        if watched:
            engine.watch = True
        try:
            means = engine.train_batch(samples, True)
        except FloatingPointError:
            from lamina.training.diagnosis import report_nonfinite

            raise FloatingPointError(
                "train_on_batch: the loss is not finite. "
                f"{report_nonfinite(self.model, engine, samples)}"
            ) from None
        finally:
            if watched:
                engine.watch = False
        return engine.metrics.result(means, return_dict)

    def test_on_batch(self, x: Any, y: Any, sample_weight: Any, return_dict: bool) -> Any:
        """Loss and metrics on one batch; see `Model.test_on_batch`."""
        self.compiled_config("test_on_batch")
        samples, inputs = prepare(self, x, y, sample_weight)
        engine = self.ready_for(inputs.samples)
        return engine.metrics.result(engine.test_batch(samples, True), return_dict)

    def reset_metrics(self) -> None:
        """Starts the means of loss and metrics again."""
        if self.engine is not None:
            self.engine.metrics.reset()

    def metrics_result(self) -> dict[str, Any]:
        """Loss and metrics so far, by name."""
        engine = self.engine
        if engine is None or self.config is None or not self.config.has_objective:
            return {}
        return engine.metrics.logs(engine.metrics.numbers())

    def predict_arrays(self, x: Any, training: bool) -> Any:
        """The outputs for one call on arrays."""
        inputs = self.model._prepare_inputs(x, "x")
        engine = self.ready_for(inputs.samples)
        if training:
            return engine.call_training(inputs.arrays)
        return engine.predict(inputs.arrays, max(1, inputs.arrays[0].shape[0]), None)


def _restore(engine: Engine, optimizer: Optimizer, state: dict[str, Array], steps: int) -> None:
    """Gives an optimizer that stays the state that it had."""
    for variable in optimizer.variables:
        if variable.path in state:
            variable.assign(np.asarray(state[variable.path]))
    engine.iterations = steps
