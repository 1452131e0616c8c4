"""From what users pass to samples: checked against the model once, before anything happens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lamina.data.adapters import unpack
from lamina.data.checks import make_samples, single_samples
from lamina.data.samples import Samples, Structure
from lamina.execution.trainable import PreparedInputs
from lamina.graph import tree
from lamina.training.context import TrainingContext


def prepare(
    trainer: TrainingContext,
    x: Any,
    y: Any,
    sample_weight: Any = None,
    class_weight: Any = None,
    prefix: str = "",
    known: PreparedInputs | None = None,
) -> tuple[Samples, PreparedInputs]:
    """Checked samples, and what is known of their inputs.

    Args:
        trainer: The trainer of a compiled model.
        x: As for `Model.fit`.
        y: As for `Model.fit`.
        sample_weight: As for `Model.fit`.
        class_weight: As for `Model.fit`.
        prefix: What messages put before the names: "validation_data: ".
        known: What is known of other inputs of the model, which these must be like.
    """
    model, config = trainer.model, trainer.config
    if config is None:
        raise RuntimeError("You must call `compile()` before using the model.")
    inputs = model._prepare_inputs(x, f"{prefix}x" if prefix else "x", known)
    shapes, outputs = inputs.outputs, config.outputs
    if outputs is None:
        config.split(len(shapes), model.output_names)
        outputs = config.outputs or []
    # Arrays are not looked at closely: that takes calls.
    named = (y is not None and not hasattr(y, "shape") and isinstance(y, Mapping)) or (
        sample_weight is not None
        and not hasattr(sample_weight, "shape")
        and isinstance(sample_weight, Mapping)
    )
    if len(shapes) == 1 and inputs.structure is None and not (config.custom_steps or named):
        output, shape = outputs[0], shapes[0]
        if not shape:
            raise _no_axis()
        if output.loss is None and config.loss_is_inferred and y is not None:
            _resolve_losses(trainer, [y], inputs)
        samples = single_samples(
            inputs.arrays, y, sample_weight, class_weight, shape, output.targets, prefix
        )
        return samples, inputs
    if config.custom_steps and not (len(shapes) == 1 and _is_single(y)):
        return _free(inputs, y, sample_weight, class_weight), inputs
    if not config.custom_steps and any(not shape for shape in shapes):
        raise _no_axis()
    if len(outputs) == 1 and not named:
        targets = None if y is None else [y]
        weights = None if sample_weight is None else [sample_weight]
    else:
        targets = None if y is None else model._flatten_targets(y, f"{prefix}y")
        weights = (
            None
            if sample_weight is None
            else model._flatten_weights(sample_weight, f"{prefix}sample_weight")
        )
    if targets is not None and config.loss_is_inferred:
        _resolve_losses(trainer, targets, inputs)
    samples = make_samples(
        inputs.arrays,
        targets,
        weights,
        class_weight,
        shapes,
        [output.targets for output in outputs],
        prefix,
        model.output_names,
    )
    if inputs.structure is not None or len(outputs) > 1:
        samples = samples._replace(structure=_structure(inputs, y, sample_weight, samples))
    return samples, inputs


class BatchPreparation:
    """Makes checked samples of the batches of a stream, which have the shapes of the first.

    Args:
        trainer: The trainer of a compiled model.
        class_weight: As for `Model.fit`.
        prefix: What messages put before the names.
    """

    def __init__(
        self, trainer: TrainingContext, class_weight: Any = None, prefix: str = ""
    ) -> None:
        self._trainer, self._class_weight, self._prefix = trainer, class_weight, prefix
        #: What is known of the inputs; None before the first batch.
        self.known: PreparedInputs | None = None

    def __call__(self, batch: Any) -> Samples:
        """The samples of a batch: (x, y), (x, y, sample_weight) or x."""
        if type(batch) is tuple and len(batch) == 2:
            x, y, weights = *batch, None
        else:
            x, y, weights = unpack(batch)
        samples, self.known = prepare(
            self._trainer, x, y, weights, self._class_weight, self._prefix, self.known
        )
        return samples


def _no_axis() -> ValueError:
    return ValueError(
        "The model's output needs at least one axis to be trained. "
        "Received: predictions of shape ()"
    )


def _is_single(y: Any) -> bool:
    """Whether targets are meant as one array."""
    if not isinstance(y, (dict, tuple, list)) or len(y) == 1:
        return True
    return not any(hasattr(part, "shape") for part in (y.values() if isinstance(y, dict) else y))


def _free(inputs: PreparedInputs, y: Any, sample_weight: Any, class_weight: Any) -> Samples:
    """Samples for custom steps, which take targets of any structure."""
    if class_weight is not None:
        raise ValueError(
            "`class_weight` is for models with one output; give `sample_weight` for each. "
            f"Received: class_weight={class_weight!r}"
        )
    rows = inputs.arrays[0].shape[0]
    found = []
    for name, value in (("y", y), ("sample_weight", sample_weight)):
        arrays = None if value is None else [_rows_of(part, rows, name) for part in _flat(value)]
        found.append(arrays)
    structure = Structure(0 if inputs.structure is None else inputs.structure, y, sample_weight)
    return Samples(inputs.arrays, found[0], found[1], structure)


def _flat(value: Any) -> list[Any]:
    leaves: list[Any] = tree.flatten(value)
    return leaves


def _rows_of(value: Any, rows: int, name: str) -> Any:
    from lamina._arrays import real_array

    array = real_array(value, name)
    if array.ndim == 0 or array.shape[0] != rows:
        received = "no axis" if array.ndim == 0 else f"{array.shape[0]} rows"
        raise ValueError(
            f"`x` and `{name}` must have the same number of samples. "
            f"Received: {rows} inputs and {received} in `{name}`"
        )
    return array


def _structure(inputs: PreparedInputs, y: Any, sample_weight: Any, samples: Samples) -> Structure:
    """How custom steps get the samples: inputs as given, targets as outputs are."""
    x = 0 if inputs.structure is None else inputs.structure
    if len(samples.y or []) == 1:
        return Structure(x, 0, 0)
    places = list(range(len(samples.y or [])))
    return Structure(x, places, places)


def _resolve_losses(trainer: TrainingContext, targets: list[Any], inputs: PreparedInputs) -> None:
    config = trainer.compiled_config()
    outputs = config.outputs or []
    resolved = []
    try:
        for output, target, shape in zip(outputs, targets, inputs.outputs, strict=True):
            if output.loss is None and output.loss_is_inferred and target is not None:
                output.resolve_loss(target, shape)
                resolved.append(output)
        config.update()
        trainer.compile_engine()
    except BaseException:
        for output in resolved:
            output.loss = None
        config.update()
        raise
