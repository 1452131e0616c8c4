"""What `train_step`, `test_step`, `predict_step` and what they call do unless overridden."""

from __future__ import annotations

from typing import Any

from lamina import _eager
from lamina.autograd.gradient_tape import GradientTape
from lamina.execution import custom_steps
from lamina.execution.eager import EagerEngine
from lamina.graph import tree


def engine_of(model: Any, what: str) -> EagerEngine:
    """The engine of a model that runs on the tape."""
    engine = model._trainer.ready()
    if not isinstance(engine, EagerEngine):
        raise RuntimeError(
            f"`{what}` is for models that run on the tape: subclass the model and override a "
            "step, or compile with run_eagerly=True."
        )
    return engine


def train_step(model: Any, data: Any) -> dict[str, Any]:
    """Loss, gradients, an update, metrics."""
    engine = engine_of(model, "train_step")
    x, y, weights = custom_steps.unpack(data)
    optimizer = model.optimizer
    with GradientTape() as tape:
        y_pred = model(x, training=True)
        loss = model.compute_loss(x, y, y_pred, weights, True)
        engine.track_loss(_eager.number(loss), _rows(y_pred))
        scaled = loss if optimizer is None else optimizer.scale_loss(loss)
    if optimizer is not None:
        variables = model.trainable_variables
        optimizer.apply(tape.gradient(scaled, variables), variables)
        custom_steps.constrain(variables)
    logs: dict[str, Any] = model.compute_metrics(x, y, y_pred, weights)
    return logs


def test_step(model: Any, data: Any) -> dict[str, Any]:
    """Loss and metrics."""
    engine = engine_of(model, "test_step")
    x, y, weights = custom_steps.unpack(data)
    y_pred = model(x, training=False)
    loss = model.compute_loss(x, y, y_pred, weights, False)
    engine.track_loss(_eager.number(loss), _rows(y_pred))
    logs: dict[str, Any] = model.compute_metrics(x, y, y_pred, weights)
    return logs


def predict_step(model: Any, data: Any) -> Any:
    """The outputs."""
    return model(custom_steps.unpack(data)[0], training=False)


def compute_loss(model: Any, y: Any, y_pred: Any, weights: Any) -> Any:
    """The sum of the outputs' losses and of what layers and penalties add.

    Raises:
        ValueError: If nothing adds to the loss.
    """
    terms = []
    config = model._trainer.config
    if config is not None and y is not None:
        predictions = tree.flatten(y_pred)
        if config.outputs is None:
            config.split(len(predictions), model.output_names)
        engine = model._trainer.engine
        parts = _losses(model, config.outputs or [], y, predictions, weights)
        if isinstance(engine, EagerEngine):
            engine.note_parts([_eager.number(loss) for loss, _ in parts])
        terms = [loss if weight == 1.0 else loss * weight for loss, weight in parts]
    terms.extend(model.losses)
    if not terms:
        raise ValueError(
            "No loss to compute. Provide a `loss` argument in `compile()`, call `add_loss` in "
            "a layer, or override `compute_loss`."
        )
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def _losses(
    model: Any, outputs: list[Any], y: Any, predictions: list[Any], weights: Any
) -> list[tuple[Any, float]]:
    """The loss of each output that has one, and its weight."""
    if all(output.loss is None for output in outputs):
        return []
    single = len(outputs) == 1
    targets = [y] if single else model._flatten_targets(y, "y")
    each = [weights] * len(outputs)
    if weights is not None and not single:
        each = model._flatten_weights(weights)
    return [
        (output.loss(target, prediction, weight), output.weight)
        for output, target, prediction, weight in zip(
            outputs, targets, predictions, each, strict=True
        )
        if output.loss is not None
    ]


def compute_metrics(model: Any, y: Any, y_pred: Any, weights: Any) -> dict[str, Any]:
    """Adds a batch to the compiled metrics, and gives all of them by name."""
    engine = engine_of(model, "compute_metrics")
    engine.update_metrics(y, y_pred, weights)
    return engine.results()


def _rows(y_pred: Any) -> int:
    return int(tree.flatten(y_pred)[0].shape[0])
