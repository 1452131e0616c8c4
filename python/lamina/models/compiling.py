"""The part of a model that `compile` and the checks of data are."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import lamina._core as _core
from lamina import _checks
from lamina._device import placement
from lamina._typing import Array, Config, Shape
from lamina.data.checks import make_samples
from lamina.data.samples import Samples, fit_inputs, input_array, only_input
from lamina.layers.input_layer import InputLayer
from lamina.layers.layer import Layer
from lamina.layers.preprocessing.data_layer import DataLayer, data_array
from lamina.metrics.metric import Metric
from lamina.optimizers.optimizer import Optimizer
from lamina.training.compile_config import CompileConfig

if TYPE_CHECKING:
    from lamina.callbacks.history import History
    from lamina.training.fit_state import FitState
    from lamina.variable import Variable


class Compilable:
    """A model that can be compiled; `Stack` defines what it is made of."""

    _layers: list[Layer]
    _input: InputLayer | None
    _network: _core.Network | None
    _epochs_seen: int
    _steps_seen: int
    _seed: int
    _device: str = "cpu"
    _precision: str = "strict"

    def __init__(self) -> None:
        self._compiled: CompileConfig | None = None
        self._placed: list[tuple[int, Variable]] = []
        #: The layers of its own that prepare data, and with them those of a model at its front.
        self._own_front: list[DataLayer] = []
        self._front: list[DataLayer] = []
        self.stop_training = False
        self.history: History | None = None
        self._fit_state: FitState | None = None

    # What Sequential defines.

    @property
    def dtype(self) -> str:
        """The type that the model computes in."""
        raise NotImplementedError

    @property
    def built(self) -> bool:
        """Whether the shapes of all weights are known."""
        raise NotImplementedError

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

    def _prepared(self, array: Array) -> Array:
        raise NotImplementedError

    def _is_small(self) -> bool:
        raise NotImplementedError

    def _forget_network(self) -> None:
        raise NotImplementedError

    def _needs_tape(self, compiled: CompileConfig | None) -> bool:
        raise NotImplementedError

    def _trains_itself(self) -> bool:
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
        missing_targets: str = "error",
        device: Any = None,
        precision: str | None = None,
    ) -> None:
        """Says how to train: the loss, the optimizer and what to report.

        Args:
            optimizer: A name or object of `lamina.optimizers`. An optimizer that the model already
                uses keeps its state.
            loss: A name, object or function of `lamina.losses`; "crossentropy" is the one that fits
                the output and the first targets.
            loss_weights: A number that the loss is multiplied by (or a list of one).
            metrics: A list of names, objects or functions of `lamina.metrics`; "accuracy" is
                the form that fits the loss and the output, and so is "crossentropy". These ignore
                weights.
            weighted_metrics: The same, but weighted by `sample_weight` or `class_weight`.
            run_eagerly: Whether to run the steps on the tape, where Python can look at every
                value, also of a model that could run as a plan; with the same bits.
            steps_per_execution: After how many batches callbacks with hooks for batches are
                called. Without such callbacks an epoch is one call into the core anyway.
            jit_compile: Any of True, False and "auto": the kernels were compiled when lamina was
                built, so there is nothing that it could switch on or off.
            auto_scale_loss: True or False: it concerns float16, which lamina does not compute in.
            missing_targets: What NaN among the targets is: "error", or with "ignore" a target that
                is not known. It counts neither in the loss nor in metrics: means are over the
                targets that are there. (lamina's own.)
            device: Where the model is computed from now on: "cpu" or "cuda". None: the device of
                the scope (`with lamina.device("cuda")`), or where it was, which is the CPU at
                first. The results are the same bits. (lamina's own.)
            precision: "strict", or on "cuda" also "tf32" or "bf16": the matrix products of layers
                then run on tensor cores, by NVIDIA's cuBLASLt, rounded as docs/cuda.md says; the
                results are no longer the CPU's bits. None: that of the scope where the scope
                chooses the device, else "strict". (lamina's own.)

        Raises:
            ValueError: For unknown names and combinations that do not fit.
            NotImplementedError: For what is not supported yet.
            RuntimeError: If the device or what its precision needs cannot be used here.
            TypeError: For objects of the wrong kind. The model is unchanged in all cases.
        """
        eagerly = _checks.boolean("compile", "run_eagerly", run_eagerly)
        steps = _checks.integer("compile", "steps_per_execution", steps_per_execution, low=1)
        if jit_compile not in (True, False, "auto"):
            raise ValueError(
                "compile: `jit_compile` must be True, False or 'auto'. "
                f"Received: jit_compile={jit_compile!r}"
            )
        _checks.boolean("compile", "auto_scale_loss", auto_scale_loss)
        compiled = CompileConfig(
            optimizer, loss, metrics, loss_weights, weighted_metrics, missing_targets
        )
        compiled.steps_per_execution = steps
        compiled.run_eagerly = eagerly
        compiled.own_steps = self._trains_itself()
        before_now = self._device, self._precision
        place = placement("compile", device, precision, self._device, self.dtype)
        on_tape = self._needs_tape(compiled)
        if on_tape and place[0] != "cpu":
            raise NotImplementedError(
                "compile: this model runs on the tape, which computes on the CPU so far. "
                f"Received: device={place[0]!r}"
            )
        old = self._compiled.optimizer if self._compiled is not None else None
        new = compiled.optimizer
        owner = new.owner() if new.owner is not None else None
        if owner is not None and owner is not self:
            raise ValueError(
                "compile: this optimizer trains another model. Give each model its own. "
                f"Received: optimizer '{new.name}'"
            )
        network = self._network
        keeps = network is not None and compiled.has_objective and new is old
        state = {v.path: v.numpy() for v in new.variables} if keeps else {}
        steps = new._iterations if keeps else 0
        if network is not None and (place != before_now or on_tape != isinstance_of_tape(network)):
            self._forget_network()  # weights move with the next plan
            network = None
        self._device, self._precision = place
        if network is not None and compiled.has_objective:
            trainable = trainable_of(self._placed)
            compiled.apply(network, self._output_after(len(self._layers)), trainable)
            _restore(network, new, state, steps)
        elif network is None and compiled.has_objective and (keeps or self._is_small()):
            before, self._compiled = self._compiled, compiled
            try:
                network = self._plan()
                if keeps:
                    _restore(network, new, state, steps)
            except BaseException:
                self._compiled = before
                self._device, self._precision = before_now
                raise
        if old is not None and old is not new:
            old.release()
        new.owner = weakref.ref(self)
        if self._compiled is not None:
            self._compiled.release_metrics(compiled)
        self._compiled = compiled

    @property
    def device(self) -> str:
        """Where the model is computed: "cpu" or "cuda"; `compile` chooses it."""
        return self._device

    @property
    def precision(self) -> str:
        """How products of layers are rounded: "strict", "tf32" or "bf16"; `compile` chooses it."""
        return self._precision

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
        if self._compiled is None:
            return []
        return [*self._compiled.names, *(metric.name for metric in self._layer_metrics())]

    @property
    def metrics(self) -> list[Metric]:
        """The mean of the loss, and the metrics: what the last epoch, evaluation or batch gave.

        Before the model is compiled and built, those that layers of your own have.
        """
        compiled = self._compiled.objects(self._network) if self._compiled is not None else []
        return [*compiled, *self._layer_metrics()]

    def _layer_metrics(self) -> list[Any]:
        """The metrics that layers of the user's own have as attributes."""
        return [metric for layer in self._layers for metric in layer._held_metrics()]

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
        self.compile(
            config["optimizer"],
            config["loss"],
            loss_weights=config.get("loss_weights"),
            metrics=config["metrics"],
            weighted_metrics=config.get("weighted_metrics"),
            run_eagerly=config.get("run_eagerly", False),
            steps_per_execution=config.get("steps_per_execution", 1),
            missing_targets=config.get("missing_targets", "error"),
        )

    def _require_compiled(self, method: str) -> CompileConfig:
        if self._compiled is None:
            raise RuntimeError(
                f"You must call `compile()` before using the model: {method} needs a loss and an "
                "optimizer."
            )
        if not self._compiled.has_objective and not self._compiled.loss_is_inferred:
            raise ValueError("No loss to compute. Provide a `loss` argument in `compile()`.")
        return self._compiled

    # Data.

    def _only_input(self, x: Any, name: str = "x") -> Any:
        wanted = self._input.name if self._input is not None else None
        return only_input(x, wanted, name)

    def _inputs(
        self, x: Any, prefix: str = "", shapes: tuple[Shape, Shape] | None = None
    ) -> tuple[Array, Shape, Shape]:
        """Checked inputs, and the shapes of a sample and its prediction."""
        x = self._only_input(x, f"{prefix}x")
        if self._front:
            return self._front_inputs(x, f"{prefix}x", shapes)
        array = input_array(x, f"{prefix}x")
        sample, output = self._shapes_for(array) if shapes is None else shapes
        return fit_inputs(array, sample, f"{prefix}x"), sample, output

    def _front_inputs(
        self, x: Any, name: str, shapes: tuple[Shape, Shape] | None
    ) -> tuple[Array, Shape, Shape]:
        """As `_inputs`, of data that the layers in front prepare first."""
        array = data_array(x, name)
        if array.ndim == 0 or array.shape[0] == 0:
            raise ValueError(
                f"`{name}` must hold at least one sample. Received: {name}.shape={array.shape}"
            )
        if shapes is None:
            shapes = self._shapes_for(array)
            self._build_for(shapes[0])
        return self._prepared(fit_inputs(array, shapes[0], name)), *shapes

    def _prepare(
        self,
        compiled: CompileConfig,
        x: Any,
        y: Any,
        sample_weight: Any,
        class_weight: Any = None,
        prefix: str = "",
        shapes: tuple[Shape, Shape] | None = None,
    ) -> tuple[Samples, Shape, Shape]:
        inputs, sample, output = self._inputs(x, prefix, shapes)
        if not output and not compiled.own_steps:
            raise ValueError(
                "The model's output needs at least one axis to be trained. "
                "Received: predictions of shape ()"
            )
        if compiled.loss is None and compiled.loss_is_inferred and y is not None:
            self._resolve_loss(compiled, y, output)
        samples = make_samples(
            inputs, y, sample_weight, class_weight, output, compiled.targets, prefix
        )
        return samples, sample, output

    def _resolve_loss(self, compiled: CompileConfig, y: Any, output: Shape) -> None:
        compiled.resolve_loss(y, output)
        if self._network is not None:
            try:
                compiled.apply(self._network, output, trainable_of(self._placed))
            except BaseException:
                compiled.loss = None
                raise

    def _ready(self, sample: Shape) -> _core.Network:
        network = self._network
        if network is None:
            self._build_for(sample)
            network = self._plan()
        return network


def trainable_of(placed: list[tuple[int, Variable]]) -> list[tuple[int, Variable]]:
    """Those that an optimizer can train: also frozen ones, which may be thawed later."""
    return [(place, variable) for place, variable in placed if not variable.is_state]


def _restore(
    network: _core.Network, optimizer: Optimizer, state: dict[str, Array], steps: int
) -> None:
    """Gives an optimizer that stays the state that it had."""
    for variable in optimizer.variables:
        if variable.path in state:
            variable.assign(state[variable.path])
    network.iterations = steps


def isinstance_of_tape(network: Any) -> bool:
    """Whether a network runs its steps on the tape."""
    return not isinstance(network, _core.Network)
