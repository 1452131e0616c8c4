"""Models: layers that can be compiled, trained, evaluated and saved."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from lamina import _checks, config
from lamina._checks import unknown_name
from lamina._lazy import LazyModule
from lamina._names import auto_name
from lamina._typing import Array, Config, Shape
from lamina.execution.trainable import STEPS, PreparedInputs
from lamina.graph import tree
from lamina.graph.keras_tensor import any_symbolic
from lamina.layers import call_context
from lamina.layers.input_layer import InputLayer
from lamina.layers.layer import LAYERS, Layer
from lamina.layers.weights import set_weights
from lamina.metrics.metric import Metric
from lamina.models import custom_model
from lamina.models.output_chains import chain_to
from lamina.optimizers.optimizer import Optimizer
from lamina.registry import custom_object_scope, serialize_keras_object
from lamina.training import evaluation, fitting, prediction
from lamina.training.trainer import Trainer
from lamina.variable import Variable

if TYPE_CHECKING:
    from lamina.callbacks.history import History
    from lamina.models import call_plan, functional, summary
    from lamina.saving import model_file
    from lamina.training import default_steps
else:
    default_steps = LazyModule("lamina.training.default_steps")
    call_plan = LazyModule("lamina.models.call_plan")
    functional = LazyModule("lamina.models.functional")
    model_file = LazyModule("lamina.saving.model_file")
    summary = LazyModule("lamina.models.summary")

Logs = dict[str, Any]


@LAYERS.register("Functional")
class Model(Layer):
    """A layer that can be compiled and trained.

    `Model(inputs, outputs)` is what lies between symbolic tensors: `Input`s, and what layers and
    functions of `lamina.ops` called on them gave. Both are tensors, or lists, tuples and
    dictionaries of them, and so are the model's inputs and outputs. A layer that is called several
    times has one set of weights; a model may be called as a layer.

    A subclass makes its layers in the constructor, as attributes or in lists and dictionaries of
    them, and says in `call` how they are called. It takes one input, or several in a list or
    dictionary, and may give several outputs in the same way. Its steps run on a tape.

    Args:
        inputs: The symbolic inputs; with `outputs` only.
        outputs: The symbolic outputs.
        name: The model's name; by default from its class.
        trainable: Whether training changes the weights.
        dtype: The type that inputs are converted to; by default `lamina.config.floatx()`.

    Raises:
        TypeError: For inputs or outputs that are no symbolic tensors.
        ValueError: If one of `inputs` and `outputs` is given alone, outputs are not connected to
            the inputs, or two layers have one name.

    Example:
        >>> age, text = lamina.Input((1,)), lamina.Input((8,))
        >>> both = lamina.layers.concatenate([age, lamina.layers.Dense(4, "relu")(text)])
        >>> model = lamina.Model([age, text], lamina.layers.Dense(1)(both))
        >>> model.predict([np.ones((2, 1)), np.ones((2, 8))], verbose=0).shape
        (2, 1)
        >>> class Net(lamina.Model):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.hidden = lamina.layers.Dense(8, activation="relu")
        ...         self.dropout = lamina.layers.Dropout(0.1)
        ...         self.head = lamina.layers.Dense(1)
        ...     def call(self, inputs, training=False):
        ...         return self.head(self.dropout(self.hidden(inputs), training=training))
        >>> model = Net()
        >>> model.compile("adam", "mse")
        >>> x, y = np.ones((32, 4), "float32"), np.ones((32, 1), "float32")
        >>> _ = model.fit(x, y, epochs=2, verbose=0)
        >>> model.predict(x, verbose=0).shape
        (32, 1)
    """

    #: Outputs for an array that fits as it is, or None: set while the engine has such a way.
    _fast_predict: Callable[[Any], Any] | None = None
    #: One step on arrays that fit as they are, or None; likewise.
    _fast_train: Callable[[Any, Any], Any] | None = None
    #: The core's call on tensors, where a call is nothing else.
    _fast_call: Any = None
    #: What is known of inputs and outputs of a model with a custom `call`, once it was called.
    _traced: Any = None
    #: Whether a call finds that out now.
    _tracing = False

    #: What a model that is a graph of layers knows of itself.
    _graph: Any = None

    def __init__(
        self,
        inputs: Any = None,
        outputs: Any = None,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        if (inputs is None) != (outputs is None):
            raise ValueError(
                f"{type(self).__name__}: `inputs` and `outputs` are given together or not at all. "
                f"Received: inputs={inputs!r}, outputs={outputs!r}"
            )
        if name is None and inputs is not None and type(self) is Model:
            name = auto_name("Functional")
        super().__init__(name=name, dtype=dtype, trainable=trainable)
        #: Set it in a callback to end a training.
        self.stop_training = False
        self._call_losses: list[Any] = []
        self._trainer = Trainer(self)
        if inputs is not None:
            self._set_graph(functional.Graph(inputs, outputs, self.name))

    def _set_graph(self, graph: Any) -> None:
        """The model is a graph of layers from now on."""
        self._graph, self._traced, self._built = graph, graph.traced, True
        if graph.dtype is not None:
            self._dtype = graph.dtype
        for layer in graph.layers:
            layer._tracker.add_parent(self)
        self._name_weights()
        if not self._trainable:
            self._freeze(True)

    # Calling.

    def __call__(
        self,
        inputs: Any,
        *args: Any,
        training: bool | None = None,
        mask: Any = None,
        **options: Any,
    ) -> Any:
        """The model's outputs: the quickest way to predict a few rows.

        Args:
            inputs: An array or tensor with one row for each sample, or a list or dictionary of
                them for a model with several inputs.
            *args: Further arguments of a custom `call`; for others `training`.
            training: Whether to act as in training: dropout drops, and BatchNormalization takes
                the batch's statistics and moves its averages. None: as a layer around it does.
            mask: Not supported: None only.
            **options: Further arguments of a custom `call`.

        Returns:
            As `predict`; tensors for tensors, and while a tape records.
        """
        fast = self._fast_predict
        if fast is not None and not training and mask is None and not args:
            result = fast(inputs)  # None: the longer way is to be taken
            if result is not None:
                return result
        if mask is not None:
            raise _checks.unsupported(f"{type(self).__name__}.__call__", "mask", mask)
        fast = self._fast_call
        if fast is not None and not args and call_context.plain():
            result = fast(inputs, training)
            if result is not NotImplemented:
                return result
        if any_symbolic(inputs, args, options):
            if training is not None:
                options["training"] = training
            return self.symbolic_call(inputs, *args, **options)
        return self._call_on_values(inputs, args, training, options)

    def compute_output_spec(
        self, inputs: Any, training: bool | None = None, mask: Any = None, **options: Any
    ) -> Any:
        """The outputs for symbolic inputs, which build the model, without recording a call.

        Args:
            inputs: Symbolic tensors.
            training: As for a call.
            mask: Not supported: None only.
            **options: Further arguments of a custom `call`.
        """
        if mask is not None:
            raise _checks.unsupported(f"{type(self).__name__}.compute_output_spec", "mask", mask)
        if self._graph is not None and type(self).call is Model.call:
            return functional.output_spec(self._graph, inputs)
        return super().compute_output_spec(inputs, training=training, **options)

    def _call_on_values(
        self, inputs: Any, args: tuple[Any, ...], training: bool | None, options: dict[str, Any]
    ) -> Any:
        """Calls the graph of layers, or a custom `call`."""
        if self._graph is not None and type(self).call is Model.call:
            if args:
                (training,) = args
            return functional.call_model(self, self._graph, inputs, training)
        return custom_model.call_model(self, inputs, args, training, options)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """The outputs for tensors: what a subclass defines.

        Args:
            inputs: A tensor, or a list or dictionary of tensors.
            training: Whether it is called as in training.

        Raises:
            NotImplementedError: If a subclass does not define it.
        """
        if self._graph is not None:
            return functional.call_graph(self._graph, inputs)
        raise NotImplementedError(
            f"Model {type(self).__name__} does not have a `call()` method implemented."
        )

    def build(self, input_shape: Any) -> None:
        """Makes the weights by a call on zeros; a subclass may make weights of its own here.

        Args:
            input_shape: The shape with the batch in front: `(None, 4)`; for a model with several
                inputs a list or dictionary of shapes.

        Raises:
            ValueError: If it cannot be called on zeros of such a shape.
        """
        if not self._tracing and type(self).build is Model.build:
            custom_model.trace_shapes(self, input_shape)

    # Training.

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
        self._trainer.compile(
            optimizer,
            loss,
            loss_weights,
            metrics,
            weighted_metrics,
            run_eagerly,
            steps_per_execution,
            jit_compile,
            auto_scale_loss,
            missing_targets,
            device,
            precision,
        )

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
        validation_shuffle: bool = False,
    ) -> History:
        """Trains for some epochs.

        Over arrays an epoch is one call into the core, with the GIL released, unless a callback
        has hooks for batches. Arrays are read where they lie, whatever their strides; integers
        are converted batch by batch. Ctrl-C stops at once with KeyboardInterrupt; the model is
        then as after its last whole step.

        Args:
            x: The inputs: an array (or list, pandas or polars frame) with one row for each
                sample. Or a source of batches (x, y) or (x, y, sample_weight): a
                `lamina.data.Dataset`, a `PyDataset`, a generator, a PyTorch DataLoader or
                anything else that can be iterated.
            y: The targets: like the predictions, or integer labels for the sparse loss. A last
                axis of 1 may be left out; nothing else is broadcast.
            batch_size: Samples a step; None means 32, and all of them for `LBFGS`. The last
                batch may be smaller and is averaged over its true size. Sources of batches
                have their own.
            epochs: The epoch to train up to.
            verbose: 0 silent, 1 a bar, 2 a line for each epoch, "auto" 1 on a terminal, else 2.
            callbacks: A list of `lamina.callbacks.Callback`.
            validation_split: The share of samples, from the end and before any shuffling, to
                validate on instead of training. Arrays only. A warning tells when a class is
                missing from one side.
            validation_data: Samples to validate on: (x, y) or (x, y, sample_weight), or a source
                of batches.
            shuffle: Whether each epoch takes the samples in a new random order: a function of
                the model's seed and of how many epochs it has seen. Of a `PyDataset` the batches
                are shuffled; other sources decide for themselves.
            class_weight: Weights of classes: a dictionary of integers to numbers.
            sample_weight: One weight for each sample, or for each position of all axes of its
                prediction but the last.
            initial_epoch: The epoch to start from.
            steps_per_epoch: How many batches make an epoch; None for all. The next epoch goes on
                where this one stopped.
            validation_steps: How many batches to validate on; None means all.
            validation_batch_size: The batch size of validation; None means `batch_size`.
            validation_freq: Validate every so many epochs, or after the epochs of a list
                (the first is 1).
            validation_shuffle: Take the rows of `validation_split` at random, by the model's
                seed, rather than from the end.

        Returns:
            A `History`: `history.history["loss"]` has one number for each epoch.

        Raises:
            RuntimeError: If the model is not compiled.
            TypeError: For arrays that do not hold real numbers.
            ValueError: For shapes and lengths that do not fit, no samples at all, NaN among
                the targets, and labels that are no class. Nothing has changed then, but by
                earlier batches of a source.
            FloatingPointError: With `lamina.config.set_check_finite(True)`, for a loss that is
                not finite.
        """
        return fitting.fit(
            self._trainer,
            x,
            y,
            batch_size,
            epochs,
            verbose,
            callbacks,
            validation_split,
            validation_data,
            shuffle,
            class_weight,
            sample_weight,
            initial_epoch,
            steps_per_epoch,
            validation_steps,
            validation_batch_size,
            validation_freq,
            validation_shuffle,
        )

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Loss and metrics on samples, without training.

        Args:
            x: As for `fit`.
            y: As for `fit`.
            batch_size: As for `fit`.
            sample_weight: As for `fit`.
            verbose: As for `fit`; "auto" is silent but on a terminal.
            steps: How many batches to take; None means all.
            callbacks: A list of callbacks; their `on_test_*` hooks are called.
            return_dict: Return a dictionary.

        Returns:
            The loss; with metrics a list of loss and metrics; or a dictionary of them.

        Raises:
            As `fit`.
        """
        return evaluation.evaluate(
            self._trainer,
            x,
            y,
            batch_size,
            verbose,
            sample_weight,
            steps,
            callbacks,
            return_dict,
        )

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """The model's outputs. A row's output does not depend on the other rows.

        Args:
            x: An array with one row for each sample.
            batch_size: Counts only together with `steps`; None means 32.
            verbose: As for `evaluate`.
            steps: How many batches to take; None means all.
            callbacks: A list of callbacks; their `on_predict_*` hooks are called.

        Returns:
            An array of the model's dtype, one row for each sample.

        Raises:
            TypeError: For arrays that do not hold real numbers.
            ValueError: For shapes that do not fit and no samples at all.
        """
        fast = self._fast_predict
        if fast is not None and steps is None and callbacks is None:
            result = prediction.fast(fast, x, batch_size, verbose)
            if result is not None:
                return result
        return prediction.predict(self._trainer, x, batch_size, verbose, steps, callbacks)

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """One step on one batch.

        Loss and metrics are those of this batch, before the step, as in Keras.

        Args:
            x: As for `fit`.
            y: As for `fit`.
            sample_weight: As for `fit`.
            class_weight: As for `fit`.
            return_dict: Return a dictionary.

        Returns:
            The loss; with metrics a list of loss and metrics; or a dictionary of them.

        Raises:
            As `fit`.
        """
        fast = self._fast_train
        if fast is not None and sample_weight is None and class_weight is None:
            result = fast(x, y) if not config.check_finite() else None
            if isinstance(result, float):  # None: the longer way is to be taken
                return {"loss": result} if return_dict else result
            if result is not None:
                return self._trainer.ready().metrics.result(result, return_dict)
        return self._trainer.train_on_batch(x, y, sample_weight, class_weight, return_dict)

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Loss and metrics on one batch.

        Arguments, results and errors as for `train_on_batch`.
        """
        return self._trainer.test_on_batch(x, y, sample_weight, return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """The model's outputs, with nothing around the call; as `predict`."""
        return self(x)

    def reset_metrics(self) -> None:
        """Starts the means of loss and metrics again."""
        self._trainer.reset_metrics()

    def get_metrics_result(self) -> Logs:
        """Loss and metrics of the last epoch, evaluation or batch, by name."""
        return self._trainer.metrics_result()

    # Steps, for subclasses to override: their models run on the tape.

    def train_step(self, data: Any) -> dict[str, Any]:
        """One training step.

        Args:
            data: Tensors: x, (x, y) or (x, y, sample_weight).

        Returns:
            The numbers to show, by name.

        Example:
            >>> class Mine(lamina.Sequential):
            ...     def train_step(self, data):
            ...         x, y = data
            ...         with lamina.GradientTape() as tape:
            ...             y_pred = self(x, training=True)
            ...             loss = self.compute_loss(y=y, y_pred=y_pred)
            ...         gradients = tape.gradient(loss, self.trainable_variables)
            ...         self.optimizer.apply(gradients, self.trainable_variables)
            ...         return {"loss": loss}
        """
        return default_steps.train_step(self, data)

    def test_step(self, data: Any) -> dict[str, Any]:
        """One step of an evaluation; as `train_step`."""
        return default_steps.test_step(self, data)

    def predict_step(self, data: Any) -> Any:
        """The outputs for a tensor of inputs, or for the first of a tuple."""
        return default_steps.predict_step(self, data)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The loss of a batch: the compiled one and what layers and penalties add.

        Args:
            x: The inputs.
            y: The targets.
            y_pred: The predictions.
            sample_weight: Weights of the samples, if any.
            training: Whether it is for training.

        Returns:
            A tensor without axes.

        Raises:
            ValueError: If nothing adds to the loss.
        """
        return default_steps.compute_loss(self, y, y_pred, sample_weight)

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        """Adds a batch to the compiled metrics.

        Args:
            x: The inputs.
            y: The targets.
            y_pred: The predictions.
            sample_weight: Weights of the samples, if any.

        Returns:
            Loss and metrics so far, by name.
        """
        return default_steps.compute_metrics(self, y, y_pred, sample_weight)

    # What it was compiled with.

    @property
    def device(self) -> str:
        """Where the model is computed: "cpu" or "cuda"; `compile` chooses it."""
        return self._trainer.device

    @property
    def precision(self) -> str:
        """How products of layers are rounded: "strict", "tf32" or "bf16"; `compile` chooses it."""
        return self._trainer.precision

    @property
    def compiled(self) -> bool:
        """Whether `compile` was called."""
        return self._trainer.config is not None

    @property
    def optimizer(self) -> Optimizer | None:
        """The optimizer, or None before `compile`."""
        compiled = self._trainer.config
        return compiled.optimizer if compiled is not None else None

    @property
    def loss(self) -> Any:
        """The loss, or None before `compile`."""
        compiled = self._trainer.config
        return compiled.loss if compiled is not None else None

    @property
    def metrics_names(self) -> list[str]:
        """The names of what `evaluate` returns."""
        compiled = self._trainer.config
        if compiled is None:
            return []
        return [*compiled.names, *(metric.name for metric in self._reported(self._held_metrics()))]

    @property
    def metrics(self) -> list[Metric]:
        """The mean of the loss, and the metrics: what the last epoch, evaluation or batch gave.

        Before the model is compiled and built, those that it and its layers hold.
        """
        engine, compiled = self._trainer.engine, self._trainer.config
        if engine is None or compiled is None or not compiled.has_objective:
            return self._reported(self._held_metrics())
        return [*engine.metrics.objects(), *self._reported(self._held_metrics())]

    def get_compile_config(self) -> Config | None:
        """The arguments of `compile` as plain data, or None before it."""
        compiled = self._trainer.config
        return compiled.get_config() if compiled is not None else None

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
        names = ("loss_weights", "weighted_metrics", "run_eagerly", "steps_per_execution")
        more = {n: config[n] for n in (*names, "missing_targets") if n in config}
        self.compile(config["optimizer"], config["loss"], metrics=config["metrics"], **more)

    # Structure.

    @property
    def history(self) -> History | None:
        """The `History` of the last training."""
        return self._trainer.history

    @history.setter
    def history(self, value: History | None) -> None:
        self._trainer.history = value

    @property
    def layers(self) -> list[Any]:
        """The layers that it holds; of a graph, with its inputs, in Keras' order."""
        return list(self._children() if self._graph is None else self._graph.layers)

    @layers.setter
    def layers(self, value: Any) -> None:
        raise AttributeError(
            "`Model.layers` attribute is reserved and should not be used. Please use another name. "
            f"Received: {value!r}"
        )

    def _children(self) -> list[Any]:
        held = super()._children()
        if self._graph is None:
            return held
        inside = [layer for layer in self._graph.layers if not isinstance(layer, InputLayer)]
        known = {id(layer) for layer in inside}
        return [*inside, *(layer for layer in held if id(layer) not in known)]

    def _leaves(self) -> list[Any]:
        if self._graph is None or type(self).call is not Model.call:
            return super()._leaves()
        leaves = [leaf for child in self._children() for leaf in child._leaves()]
        return list({id(leaf): leaf for leaf in leaves}.values())

    @property
    def inputs(self) -> list[Any]:
        """The symbolic inputs as a list; AttributeError where there are none."""
        return list(self._require_graph("inputs").function.inputs)

    @property
    def outputs(self) -> list[Any]:
        """The symbolic outputs as a list; AttributeError where there are none."""
        return list(self._require_graph("outputs").function.outputs)

    @property
    def input(self) -> Any:
        """The symbolic inputs in their structure; AttributeError where there are none."""
        return self._require_graph("input").function.input_structure

    @property
    def output(self) -> Any:
        """The symbolic outputs in their structure; AttributeError where there are none."""
        return self._require_graph("output").function.output_structure

    @property
    def input_names(self) -> list[str]:
        """The names of the inputs; AttributeError where there are none."""
        return list(self._require_graph("input_names").signature.names)

    @property
    def input_shape(self) -> Any:
        """The shape of the input, or a list of them, with None for the batch."""
        shapes = [tensor.shape for tensor in self._require_graph("input_shape").function.inputs]
        return shapes[0] if len(shapes) == 1 else shapes

    @property
    def output_shape(self) -> Any:
        """The shape of the output, or a list of them, with None for the batch."""
        shapes = [tensor.shape for tensor in self._require_graph("output_shape").function.outputs]
        return shapes[0] if len(shapes) == 1 else shapes

    @property
    def operations(self) -> list[Any]:
        """Layers and functions of a graph, in Keras' order; AttributeError where it is none."""
        return list(self._require_graph("operations").function.operations)

    @property
    def _function(self) -> Any:
        """The graph of what it computes, where that is given; a custom `call` counts, too."""
        return self._graph.function if self._graph and type(self).call is Model.call else None

    def _require_graph(self, what: str) -> Any:
        if self._graph is None:
            raise AttributeError(
                f"Model '{self.name}' is no graph of layers, so it has no `{what}`."
            )
        return self._graph

    @property
    def _file_class_name(self) -> str | None:
        """What files call the class, where it is not its name."""
        return "Functional" if self._graph is not None and type(self) is Model else None

    @property
    def _node_offset(self) -> int:  # type: ignore[override]
        return 1 if self._graph is not None and not self._native else 0

    def get_config(self) -> Config:
        """The arguments of the constructor, or the graph of layers, as plain data."""
        if self._graph is not None and type(self).__init__ is Model.__init__:
            return functional.graph_config(self, self._graph)
        return super().get_config()

    @classmethod
    def from_config(cls, config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
        """The model that `get_config` described, with freshly drawn weights.

        Raises:
            ValueError: If the configuration is malformed or names what is not registered.
        """
        with custom_object_scope(custom_objects):
            if isinstance(config, dict) and "input_layers" in config:
                return functional.model_from_config(cls, config)
            return cls(**config)

    @property
    def weights(self) -> list[Variable]:
        """All variables, its own and then layer by layer."""
        self._name_weights()
        found = {id(v): v for leaf in self._leaves() for v in leaf._variables.values()}
        return list(found.values())

    def get_build_config(self) -> Config | None:
        """The shapes of the inputs, with the batch in front; None before the first call."""
        traced = self._traced
        return None if traced is None else {"input_shape": traced.input_shapes()}

    def build_from_config(self, config: Config) -> None:
        """Builds for what `get_build_config` returned."""
        if self._traced is None and config:
            custom_model.trace_shapes(self, config["input_shape"])

    @property
    def losses(self) -> list[Any]:
        """What the last call adds to the loss, and the penalties on weights, as tensors.

        Frozen weights have no penalties.
        """
        found = list(self._call_losses)
        leaves = {id(leaf): leaf for leaf in self._leaves()}.values()
        for leaf in leaves:
            found.extend(leaf._losses)
        weights = {id(v): v for leaf in leaves for v in leaf._variables.values()}
        for variable in weights.values():
            if variable.regularizer is not None and variable.trainable:
                found.append(variable.regularizer(variable))
        return found

    @property
    def output_names(self) -> list[str] | None:
        """The names of the outputs; None where they have none, or before the first call."""
        return self._traced.names if self._traced is not None else None

    @property
    def input_dtype(self) -> str:
        """The type that inputs are converted to."""
        return self.dtype

    @property
    def jit_compile(self) -> bool:
        """True: the kernels were compiled when lamina was built."""
        return True

    def get_layer(self, name: str | None = None, index: int | None = None) -> Any:
        """A layer by its name or its place.

        Raises:
            ValueError: If there is none, or neither or both are given.
        """
        if (name is None) == (index is None):
            raise ValueError(
                "get_layer: provide either a layer name or a layer index. "
                f"Received: index={index}, name={name}"
            )
        layers = self.layers
        if index is not None:
            count = len(layers)
            place = _checks.integer("get_layer", "index", index, low=-(2**31))
            if not -count <= place < count:
                raise ValueError(
                    f"get_layer: model '{self.name}' has {count} layers. Received: index={index}"
                )
            return layers[place]
        for layer in layers:
            if layer.name == name:
                return layer
        raise unknown_name(f"layer of '{self.name}'", name, [layer.name for layer in layers])

    def get_weights(self) -> list[Array]:
        """Copies of all weights, layer by layer, kernel before bias."""
        return [variable.numpy() for variable in self.weights]

    def set_weights(self, weights: Any) -> None:
        """Sets all weights.

        Args:
            weights: One array for each of `weights`.

        Raises:
            TypeError: If it is not a list of arrays of real numbers.
            ValueError: If number or shapes differ; nothing has changed then.
        """
        set_weights(self.weights, weights, f"Model '{self.name}'")

    def count_params(self) -> int:
        """The number of all elements of the weights; ValueError before building."""
        self._require_built("count_params")
        return sum(variable.size for variable in self.weights)

    def summary(
        self,
        line_length: int | None = None,
        positions: Sequence[float] | None = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Sequence[str] | None = None,
    ) -> None:
        """Prints a table of the layers.

        Args:
            line_length: The width of the table.
            positions: Where the columns end, as shares of the width.
            print_fn: What to call with the text instead of `print`.
            expand_nested: Whether to list the layers of models and blocks inside too.
            show_trainable: Whether to say which layers are trained.
            layer_range: Names of the first and the last layer to list, or patterns of them.

        Raises:
            ValueError: If columns are too narrow, or `layer_range` names no layers.
        """
        text = summary.render(
            self, line_length, positions, expand_nested, show_trainable, layer_range
        )
        (print_fn or print)(text)

    # Files.

    def to_json(self, **options: Any) -> str:
        """The configuration as JSON; `options` go to `json.dumps`."""
        import json

        return json.dumps(serialize_keras_object(self), **options)

    def save(self, filepath: Any, overwrite: bool = True, zipped: bool | None = None) -> None:
        """Writes the whole model into one file, in one step.

        Layers, weights, what `compile` was given, the optimizer's state and all counters that
        random numbers depend on: `lamina.saving.load_model` gives a model that goes on
        training with the same bits.

        Args:
            filepath: The file: a safetensors file, or with a name that ends in ".keras" an
                archive that Keras 3 loads too (needs the extra `keras`).
            overwrite: Whether a file that is there may be replaced.
            zipped: None or True: folders are not supported.

        Raises:
            FileExistsError: If it is there and may not be replaced.
            ImportError: If h5py is needed and not installed.
            OSError: If it cannot be written; a file that was there is as it was.
            ValueError: If a ".keras" file cannot hold the model, because Keras lacks a class.

        Example:
            >>> model.save("model.safetensors")
            >>> model.save("model.keras")
        """
        model_file.save_model(self, filepath, overwrite, zipped)

    def save_weights(
        self, filepath: Any, overwrite: bool = True, max_shard_size: Any = None
    ) -> None:
        """Writes the weights alone; arguments as for `save`.

        A name that ends in ".weights.h5" gives a file that Keras 3 loads too, with the
        optimizer's state beside the weights, as Keras has it; others give safetensors.

        Args:
            filepath: The file.
            overwrite: Whether a file that is there may be replaced.
            max_shard_size: If given, how many GiB each of several files may hold; the name must
                end in ".weights.json" then, which lists the `.weights.h5` files beside it.
        """
        model_file.save_weights(self, filepath, overwrite, max_shard_size)

    def load_weights(
        self, filepath: Any, skip_mismatch: bool = False, by_name: bool = False
    ) -> None:
        """Sets all weights from a file of lamina or Keras: weights alone, or a whole model.

        Args:
            filepath: The file: safetensors, ".weights.h5", ".keras", or legacy ".h5".
            skip_mismatch: Leave layers as they are whose weights do not fit, with a warning that
                lists them, in place of an error.
            by_name: Find layers by their names, not by their order: legacy ".h5" files only.

        Raises:
            FileFormatError: If the file is damaged, or does not hold exactly these weights: the
                message lists the differences. The model is unchanged then.
        """
        model_file.load_weights(self, filepath, skip_mismatch, by_name)

    def export(
        self, filepath: Any, format: str = "onnx", verbose: Any = None, input_signature: Any = None
    ) -> None:
        """Writes the model in a format of others, for inference.

        Args:
            filepath: The file.
            format: "onnx": what ONNX Runtime and many others run. Inputs are called as the
                model's input layers, a single output "output", several as the model's; any
                number of samples.
                "c": one C99 file with the weights and a function for one sample, whose arguments
                are the inputs and then the outputs. Dense networks with relu and its like give
                lamina's own bits there; tanh, exp and others are the C library's and differ in
                the last places.
            verbose: Accepted for compatibility; nothing is printed.
            input_signature: Not supported: None only; the shapes are the model's.

        Raises:
            NotImplementedError: For layers and functions that the format cannot have yet, what
                Python code computes besides, and formats that only Keras has.
            OSError: If the file cannot be written; one that was there is as it was.
            ValueError: If the model is not built, or the format is unknown.

        Example:
            >>> model.export("model.onnx", format="onnx")
            >>> model.export("model.c", format="c")
        """
        from lamina.export import export_model

        _checks.require_default("export", input_signature=input_signature)
        export_model(self, model_file.path_of(filepath), format)

    def __reduce__(self) -> tuple[Any, ...]:
        from lamina.saving.custom_objects import custom_objects

        return model_file.restore, (*model_file.capture(self), custom_objects(self))

    # What engines and trainers need: see `lamina.execution.trainable.Trainable`.

    #: Which of the methods that make steps a subclass overrides.
    _overrides: frozenset[str] = frozenset()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls._overrides = frozenset(n for n in STEPS if getattr(cls, n) is not getattr(Model, n))

    def _custom_steps(self, *names: str) -> bool:
        return bool(self._overrides) and not self._overrides.isdisjoint(names)

    def _driver(self) -> str:
        """What runs the steps, and why, for people."""
        leaves = [leaf for leaf in self._leaves() if leaf is not self]
        # Merging layers are in plans of graphs, by a rule of their own.
        custom = [
            leaf.name
            for leaf in leaves
            if not leaf._is_planned() and type(leaf)._lower is Layer._lower
        ]
        steps = [name for name in STEPS if self._custom_steps(name)]
        compiled = self._trainer.config
        partition = self._partition()
        if partition is not None and partition.reason is not None:
            return f"tape ({partition.reason})"
        if self._graph is None and not custom and not self._can_plan() and not steps:
            plan = self._call_plan
            return f"tape ({'custom call' if plan is None else plan.reason})"
        partition = self._partition()
        if custom and partition is None:
            return f"tape (custom layers: {', '.join(custom)})"
        if steps:
            return f"tape (custom steps: {', '.join(steps)})"
        if compiled is not None and compiled.run_eagerly:
            return "tape (run_eagerly=True)"
        if compiled is not None and compiled.needs_tape:
            return f"tape (custom parts: {', '.join(compiled.custom_parts())})"
        return "plan"

    def _has_shapes(self) -> bool:
        """Whether the shapes of inputs, weights and outputs are known."""
        return self._traced is not None

    def _takes_inputs_as_they_are(self) -> bool:
        if self._graph is None:
            partition = self._partition()
            return partition is None or (
                functional.is_plain(partition)
                and not tree.is_nest(partition.function.output_structure)
            )
        return functional.is_plain(self._partition())

    def _partition(self) -> Any:
        """What of it runs in the core's plan; None where that is not known."""
        if self._graph is not None and type(self).call is Model.call:
            return self._graph.partition(self.dtype)
        plan = self._call_plan
        return None if plan is None or plan.reason is not None else plan.partition

    def _find_call_plan(self) -> Any:
        """What of a custom `call` runs in the plan; None before the first call."""
        if self._call_plan is None and self._graph is None and self._traced is not None:
            object.__setattr__(self, "_call_plan", call_plan.CallPlan(self))
        return self._call_plan

    def _call_changed(self) -> None:
        """`call` is to be traced anew."""
        if self._call_plan is not None:
            object.__setattr__(self, "_call_plan", None)
            self._trainer.release_engine()

    def _attribute_set(self, name: str) -> None:
        if name not in _internal_names():
            self._call_changed()

    def _can_plan(self) -> bool:
        if self._graph is None:
            self._find_call_plan()
        partition = self._partition()
        if partition is None or partition.reason is not None:
            return False
        return not (partition.before and self._custom_steps(*STEPS))

    def _fast_step(self, engine: Any) -> Any:
        if not engine.is_planned or self._graph is None or self._partition().before:
            return None
        from lamina.models.nested_step import nested_step

        return nested_step(self._graph, engine.try_train_on_lists)

    def _plan_into(self, network: Any) -> list[Any]:
        """Adds its calls to a plan; the layer that each layer of the plan is, or None."""
        partition = self._partition()
        if partition is None:
            return list(super()._plan_into(network))
        layers: list[Any] = partition.lower(network)
        return layers

    def _lower(self, builder: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self._graph is None:
            self._find_call_plan()
        partition = self._partition()
        if partition is None:
            return super()._lower(builder, args, kwargs)
        if self._graph is None:
            return builder.run(partition.function, tree.flatten(args[0]))
        return builder.run(self._graph.function, self._graph.signature.flatten(args[0]))

    def _adds_losses(self) -> bool:
        return not self._can_plan()

    def _output_chains(self) -> list[Iterable[Any]]:
        """For each output the layers and functions that give it, the last first."""
        function = self._function
        return [] if function is None else [chain_to(tensor) for tensor in function.outputs]

    def _output_count(self) -> int | None:
        return len(self._traced.outputs) if self._traced is not None else None

    def _input_shapes(self) -> list[Shape]:
        if self._can_plan():
            shapes: list[Shape] = self._partition().input_shapes()
            return shapes
        return list(self._traced.samples)

    def _output_shapes(self) -> list[Shape]:
        return list(self._traced.outputs)

    def _name_weights(self) -> None:
        """Gives the weights their names in this model: shared ones may have others elsewhere."""
        for variable in self._variables.values():
            variable.path = variable.name
        for child in self._children():
            child._set_prefix("")

    def _set_prefix(self, prefix: str) -> None:
        self._prefix = prefix
        inside = f"{prefix}{self.name}/" if prefix or self._parents() else ""
        for variable in self._variables.values():
            variable.path = f"{inside}{variable.name}"
        for child in self._children():
            child._set_prefix(inside)

    def _prepare_inputs(
        self, x: Any, name: str, known: PreparedInputs | None = None
    ) -> PreparedInputs:
        if self._graph is not None:
            inputs = functional.prepare_inputs(self._graph, x, name)
            return functional.plan_inputs(self, inputs) if self._can_plan() else inputs
        return custom_model.prepare_inputs(self, x, name)

    def _build_for(self, samples: list[Shape]) -> None:
        custom_model.trace_shapes(self, [(None, *shape) for shape in samples])

    def _pack_inputs(self, arrays: list[Any]) -> Any:
        return custom_model.pack_inputs(self, arrays)

    def _pack_outputs(self, outputs: list[Any]) -> Any:
        partition = self._partition()
        if partition is None:
            return outputs[0]
        if self._graph is None:
            return tree.pack(partition.function.output_structure, outputs)
        return functional.pack_outputs(partition, outputs)

    def _flatten_targets(self, y: Any, argument: str) -> list[Any]:
        return custom_model.flatten_like_outputs(self, y, argument, False)

    def _flatten_weights(self, weights: Any, argument: str = "sample_weight") -> list[Any]:
        return custom_model.flatten_like_outputs(self, weights, argument, True)

    def _input_tensors(self, arrays: list[Any]) -> list[Any]:
        from lamina import _eager

        if self._can_plan():
            return [_eager.typed_tensor(array, self.dtype) for array in arrays]
        if self._graph is not None:
            return functional.input_tensors(self._graph, arrays)
        return [_eager.floating_tensor(array, self.dtype) for array in arrays]

    def _forward(self, inputs: list[Any], training: bool) -> Any:
        if self._graph is not None and type(self).call is Model.call:
            return functional.call_model(self, self._graph, self._pack_inputs(inputs), training)
        return custom_model.run_call(self, self._pack_inputs(inputs), (), training, {})

    def _each_output(self, arrays: list[Array]) -> list[tuple[Any, Array]]:
        """Layers with their outputs, where one follows the other."""
        return []

    def _held_metrics(self) -> list[Any]:
        """The metrics that it and the layers in it hold."""
        found = list(self._tracker.parts(self, "metric"))
        for child in self._children():
            found.extend(child._held_metrics())
        return list({id(metric): metric for metric in found}.values())

    def _reported(self, held: list[Any]) -> list[Any]:
        """Those of the metrics that it holds that are reported beside the compiled ones."""
        if not self._overrides or not held:
            return held
        mine = {id(metric) for metric in self._tracker.parts(self, "metric")}
        return [m for m in held if id(m) not in mine]  # its steps say what they report

    def _metrics_of_parts(self) -> tuple[list[Any], list[Any]]:
        """The metrics to reset, and those that are reported beside the compiled ones."""
        held = self._held_metrics()
        shown = self._reported(held)
        if type(self).metrics is not Model.metrics:
            held = [*held, *self.metrics]
        return held, shown

    def _plan_changed(self) -> None:
        super()._plan_changed()
        if self._graph is not None:
            self._graph.plan_changed()
        self._call_changed()
        self._trainer.release_engine()

    def _trainable_changed(self) -> None:
        super()._trainable_changed()
        self._trainer.trainable_changed()

    def _losses_added(self) -> None:
        """A layer has losses that the next call has to clear."""
        self._fast_call = None
        super()._losses_added()

    def _clear_losses(self) -> None:
        self._call_losses = []
        super()._clear_losses()

    def _require_built(self, what: str) -> None:
        if not self.built:
            raise ValueError(
                f"Weights for model '{self.name}' have not yet been created, so it has no "
                f"`{what}`. Weights are created when the model is first called on inputs or "
                "`build()` is called with an `input_shape`."
            )


@cache
def _internal_names() -> frozenset[str]:
    """The attributes that every model has: no `call` depends on them."""
    return frozenset((*dir(Model), *vars(Model())))
