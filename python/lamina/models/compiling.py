"""The part of a model that `compile` and the checks of data are."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from lamina import _checks, _core
from lamina._typing import Array, Config, Shape
from lamina.layers.layer import Layer
from lamina.models.compiled import Compiled
from lamina.models.data import Samples, fit_inputs, input_array, make_samples
from lamina.optimizers.optimizer import Optimizer

if TYPE_CHECKING:
    from lamina.callbacks.history import History
    from lamina.variable import Variable


class Compilable:
    """A model that can be compiled; `Stack` defines what it is made of."""

    _layers: list[Layer]
    _network: _core.Network | None
    _epochs_seen: int
    _steps_seen: int

    def __init__(self) -> None:
        self._compiled: Compiled | None = None
        self._placed: list[tuple[int, Variable]] = []
        self.stop_training = False
        self.history: History | None = None

    # What Sequential defines.

    def _plan(self) -> _core.Network:
        raise NotImplementedError

    def _build_for(self, sample: Shape) -> None:
        raise NotImplementedError

    def _shapes_for(self, x: Array) -> tuple[Shape, Shape]:
        raise NotImplementedError

    def _output_after(self, count: int) -> Shape:
        raise NotImplementedError

    def _sample(self) -> Shape:
        raise NotImplementedError

    def _is_small(self) -> bool:
        raise NotImplementedError

    # Compiling.

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Says how to train: the loss, the optimizer and what to report.

        Args:
            optimizer: A name or object of `lamina.optimizers`. (Keras' default, "rmsprop", is
                not there yet.) An optimizer that the model already uses keeps its state.
            loss: A name, object or function of `lamina.losses`.
            loss_weights: Not supported: None only.
            metrics: A list of names, objects or functions of `lamina.metrics`; "accuracy" is
                the form that fits the loss and the output.
            weighted_metrics: Not supported yet: None only. (Metrics ignore sample weights.)
            run_eagerly: Not supported yet: False only.
            steps_per_execution: Not supported: 1 only. An epoch is one call already.
            jit_compile: Any value: everything is compiled ahead of time.
            auto_scale_loss: Any value: it concerns float16, which lamina does not compute in.

        Raises:
            ValueError: For unknown names and combinations that do not fit.
            NotImplementedError: For what is not supported yet.
            TypeError: For objects of the wrong kind. The model is unchanged in all cases.
        """
        _checks.require_default(
            "compile",
            loss_weights=loss_weights,
            weighted_metrics=weighted_metrics or None,
            run_eagerly=run_eagerly,
            steps_per_execution=None if steps_per_execution == 1 else steps_per_execution,
        )
        compiled = Compiled(optimizer, loss, metrics)
        old = self._compiled.optimizer if self._compiled is not None else None
        new = compiled.optimizer
        owner = new.owner() if new.owner is not None else None
        if owner is not None and owner is not self:
            raise ValueError(
                "compile: this optimizer trains another model. Give each model its own. "
                f"Received: optimizer '{new.name}'"
            )
        network = self._network
        if network is not None and compiled.loss is not None:
            state = {v.path: v.numpy() for v in new.variables} if new is old else {}
            steps = new.iterations if new is old else 0
            trained = [(place, variable) for place, variable in self._placed if variable.trainable]
            compiled.apply(network, self._output_after(len(self._layers)), trained)
            for variable in new.variables:
                if variable.path in state:
                    variable.assign(state[variable.path])
            network.iterations = steps
        elif network is None and compiled.loss is not None and self._is_small():
            before, self._compiled = self._compiled, compiled
            try:
                self._plan()
            except BaseException:
                self._compiled = before
                raise
        if old is not None and old is not new:
            old.release()
        new.owner = weakref.ref(self)
        self._compiled = compiled

    @property
    def compiled(self) -> bool:
        """Whether `compile` was called."""
        return self._compiled is not None

    @property
    def optimizer(self) -> Optimizer | None:
        """The optimizer, or None before `compile`."""
        return self._compiled.optimizer if self._compiled is not None else None

    @property
    def loss(self) -> Any:
        """The loss, or None before `compile`."""
        return self._compiled.loss if self._compiled is not None else None

    @property
    def metrics_names(self) -> list[str]:
        """The names of what `evaluate` returns."""
        return list(self._compiled.names) if self._compiled is not None else []

    def get_compile_config(self) -> Config | None:
        """The arguments of `compile` as plain data, or None before it."""
        return self._compiled.get_config() if self._compiled is not None else None

    def compile_from_config(self, config: Any) -> None:
        """Compiles with what `get_compile_config` returned.

        Raises:
            ValueError: If the configuration is malformed.
        """
        known = {"optimizer", "loss", "metrics"}
        if not isinstance(config, dict) or not known <= set(config):
            raise ValueError(
                "compile_from_config: a dictionary with 'optimizer', 'loss' and 'metrics' is "
                f"needed. Received: {config!r}"
            )
        self.compile(config["optimizer"], config["loss"], metrics=config["metrics"])

    def _require_free(self, what: str) -> None:
        raise NotImplementedError

    def _require_compiled(self, method: str) -> Compiled:
        self._require_free("train and evaluate")
        if self._compiled is None:
            raise RuntimeError(
                f"You must call `compile()` before using the model: {method} needs a loss and an "
                "optimizer."
            )
        if self._compiled.loss is None:
            raise ValueError("No loss to compute. Provide a `loss` argument in `compile()`.")
        return self._compiled

    # Data.

    def _inputs(self, x: Any) -> tuple[Array, Shape, Shape]:
        """Checked inputs, and the shapes of a sample and its prediction."""
        array = input_array(x)
        sample, output = self._shapes_for(array)
        return fit_inputs(array, sample), sample, output

    def _prepare(
        self, compiled: Compiled, x: Any, y: Any, sample_weight: Any, class_weight: Any = None
    ) -> tuple[Samples, Shape, Shape]:
        inputs, sample, output = self._inputs(x)
        if not output:
            raise ValueError(
                "The model's output needs at least one axis to be trained. "
                "Received: predictions of shape ()"
            )
        samples = make_samples(inputs, y, sample_weight, class_weight, output, compiled.labels)
        return samples, sample, output

    def _ready(self, sample: Shape) -> _core.Network:
        network = self._network
        if network is None:
            self._build_for(sample)
            network = self._plan()
        return network
