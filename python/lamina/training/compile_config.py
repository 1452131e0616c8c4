"""What `compile` was given: losses, metrics and the optimizer, for each output."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lamina import _checks, losses, metrics, optimizers
from lamina._checks import unknown_name
from lamina._typing import Config, Shape
from lamina.execution.objective import Objective, OutputObjective, ReportedMetric
from lamina.metrics.resolve import CROSSENTROPY_NAMES, LATE_NAMES
from lamina.optimizers.optimizer import Optimizer
from lamina.training.output_config import OutputConfig


class CompileConfig:
    """The arguments of `compile`, resolved as far as they can be without the model's shapes.

    Args:
        optimizer, loss, metric_list, loss_weights, weighted_metrics, missing_targets: As for
            `Model.compile`.
        count: How many outputs the model has; None if that is not known yet.
        names: Their names; None where they have none.

    Raises:
        ValueError, TypeError, NotImplementedError: For what cannot train a model.
    """

    def __init__(
        self,
        optimizer: Any,
        loss: Any,
        metric_list: Any,
        loss_weights: Any = None,
        weighted_metrics: Any = None,
        missing_targets: str = "error",
        count: int | None = 1,
        names: list[str] | None = None,
    ) -> None:
        self.optimizer: Optimizer = optimizers.get(optimizer)
        if missing_targets not in ("error", "ignore"):
            raise unknown_name("`missing_targets`", missing_targets, ("error", "ignore"))
        self.missing_targets = missing_targets
        #: Whether the steps run on the tape although they could run as a plan.
        self.run_eagerly = False
        #: After how many batches callbacks with hooks for batches are called.
        self.steps_per_execution = 1
        #: Whether the model has custom steps, which need no loss and take any targets.
        self.custom_steps = False
        #: Whether layers may give the loss by `add_loss`.
        self.loss_is_optional = False
        self._loss = _mapped(loss, _loss_of, _is_loss)
        self._weights = _mapped(loss_weights, _weight_of, lambda value: False)
        self._metrics = _metric_lists("metrics", metric_list)
        self._weighted = _metric_lists("weighted_metrics", weighted_metrics)
        _require_different(
            [*_leaves(self._metrics), *_leaves(self._weighted)],
        )
        #: The settings of each output; None until it is known how many there are.
        self.outputs: list[OutputConfig] | None = None
        #: Whether there is anything to train for.
        self.has_objective = False
        #: Whether a loss is "crossentropy", and no targets were seen that say which.
        self.loss_is_inferred = False
        if count is not None:
            self.split(count, names)

    def split(self, count: int, names: list[str] | None) -> None:
        """Divides the arguments among the model's outputs.

        Args:
            count: How many outputs there are.
            names: Their names; None where they have none.

        Raises:
            ValueError: For lists of another length, and keys that are no output.
        """
        given = [
            _per_output("loss", self._loss, count, names, broadcast=True),
            _per_output("loss_weights", self._weights, count, names, broadcast=True),
            _metrics_per_output("metrics", self._metrics, count, names),
            _metrics_per_output("weighted_metrics", self._weighted, count, names),
        ]
        missing = self.missing_targets == "ignore"
        outputs = []
        for place, (loss, weight, plain, weighted) in enumerate(zip(*given, strict=True)):
            inferred = isinstance(loss, str)
            outputs.append(
                OutputConfig(
                    names[place] if names is not None else None,
                    None if inferred else loss,
                    inferred,
                    1.0 if weight is None else weight,
                    plain or [],
                    weighted or [],
                    missing,
                )
            )
            outputs[-1].custom_steps = self.custom_steps
        self._reported(outputs)  # raises for names that are taken
        self.outputs = outputs
        self.update()

    def suit(self, custom_steps: bool, adds_losses: bool) -> None:
        """Says what the model is like.

        Args:
            custom_steps: Whether its steps are the user's.
            adds_losses: Whether its layers may give the loss.
        """
        self.custom_steps, self.loss_is_optional = custom_steps, adds_losses
        for output in self.outputs or []:
            output.custom_steps = custom_steps
        self.update()

    def update(self) -> None:
        """A loss was found, or is not known any more."""
        outputs = self.outputs or []
        for output in outputs:
            output.update()
        self.has_objective = (
            self.custom_steps
            or self.loss_is_optional
            or any(output.loss is not None for output in outputs)
            or (self.outputs is None and self._loss is not None)
        )
        self.loss_is_inferred = any(o.loss_is_inferred and o.loss is None for o in outputs)

    # Names.

    def _reported(self, outputs: list[OutputConfig]) -> list[tuple[str, int, Any, bool]]:
        """The metrics in the order of reports: name, output, metric, whether it is weighted.

        A name that is there already gets a number, as Keras gives it.
        """
        entries = [(i, metric, False) for i, o in enumerate(outputs) for metric in o.unweighted]
        entries += [(i, metric, True) for i, o in enumerate(outputs) for metric in o.weighted]
        found: list[tuple[str, int, Any, bool]] = []
        counts: dict[str, int] = {}
        several = len(outputs) > 1
        for place, metric, weighted in entries:
            given = metric if isinstance(metric, str) else metric.name
            output = outputs[place].name if several else None
            prefix = "" if output is None else f"{output}_"
            name = f"{prefix}{given}"
            if name == "loss":
                raise ValueError("compile: no metric may be called 'loss'. Received: metric 'loss'")
            if name in counts and weighted:
                name = f"{prefix}weighted_{given}"
            if name in counts:
                counts[name] += 1
                name = f"{name}_{counts[name] - 1}"
            else:
                counts[name] = 1
            if any(name == other for other, *_ in found):
                raise ValueError(
                    "compile: metrics must have different names. "
                    f"Received: two metrics that are called '{name}'"
                )
            found.append((name, place, metric, weighted))
        return found

    def _loss_names(self, outputs: list[OutputConfig], taken: set[str]) -> list[str | None]:
        """The keys of the outputs' losses in logs; None where only the sum is reported."""
        with_loss = [o for o in outputs if o.loss is not None or o.loss_is_inferred]
        if len(with_loss) < 2:
            return [None] * len(outputs)
        names: list[str | None] = []
        for output in outputs:
            if output not in with_loss:
                names.append(None)
                continue
            owner = output.name
            if owner is None:
                owner = "crossentropy" if output.loss is None else output.loss.name
            name = f"{owner}_loss"
            number = 1
            while name in taken:
                name = f"{owner}_loss_{number}"
                number += 1
            taken.add(name)
            names.append(name)
        return names

    @property
    def names(self) -> list[str]:
        """The names of what `evaluate` returns, as far as they are known."""
        if self.outputs is None:
            return ["loss"]
        metric_names = [name for name, *_ in self._reported(self.outputs)]
        parts = [n for n in self._loss_names(self.outputs, set(metric_names)) if n is not None]
        return ["loss", *parts, *(sorted(metric_names) if parts else metric_names)]

    # What it means for a model.

    def objective(self, shapes: list[Shape]) -> Objective:
        """Losses and metrics for predictions of these shapes.

        Raises:
            NotImplementedError: If a loss or metric works along another axis than the last.
        """
        outputs = self.outputs or []
        reported = [
            ReportedMetric(name, outputs[i].resolved(metric, shapes[i]), i, weighted)
            for name, i, metric, weighted in self._reported(outputs)
        ]
        names = self._loss_names(outputs, {metric.name for metric in reported})
        parts = []
        for output, shape, name in zip(outputs, shapes, names, strict=True):
            if output.loss is not None and output.loss.is_native():
                output.loss.check_axis(shape)
            parts.append(OutputObjective(output.loss, output.weight, shape, name))
        return Objective(parts, reported, self.optimizer, self.missing_targets == "ignore")

    @property
    def loss(self) -> Any:
        """The loss; for several outputs as it was given."""
        if self.outputs is not None and len(self.outputs) == 1:
            return self.outputs[0].loss
        return self._loss

    @property
    def needs_tape(self) -> bool:
        """Whether a part is the user's, or steps are to run on the tape."""
        return self.run_eagerly or bool(self.custom_parts())

    def has_losses(self) -> bool:
        """Whether an output has a loss; else layers are to give it."""
        if self.outputs is None:
            return self._loss is not None
        return any(output.loss is not None or output.loss_is_inferred for output in self.outputs)

    def custom_parts(self) -> list[str]:
        """The names of the parts that the core does not compute."""
        parts: list[Any] = [self.optimizer, *self.parts()]
        return [part.name for part in parts if not part.is_native()]

    def parts(self) -> list[Any]:
        """All losses and metrics, but for names whose meaning depends on shapes."""
        if self.outputs is None:
            found = [*_leaves(self._loss), *_leaves(self._metrics), *_leaves(self._weighted)]
        else:
            found = []
            for output in self.outputs:
                found.extend([output.loss, *output.unweighted, *output.weighted])
        return [part for part in found if part is not None and not isinstance(part, str)]

    def crossentropies(self) -> list[Any]:
        """The losses that take probabilities or, with `from_logits`, logits."""
        given: list[Any] = [output.loss for output in self.outputs or []]
        return [loss for loss in given if hasattr(loss, "from_logits") and loss.is_native()]

    # As plain data.

    def get_config(self) -> Config:
        """The arguments of `compile`, as plain data."""
        single = self.outputs is not None and len(self.outputs) == 1
        if single and self.outputs is not None:
            (output,) = self.outputs
            inferred = "crossentropy" if output.loss_is_inferred else None
            loss = inferred if output.loss is None else output.loss
            weights: Any = None if output.weight == 1.0 else output.weight
            plain: Any = output.unweighted
            weighted: Any = output.weighted
        else:
            loss, weights = self._loss, self._weights
            plain, weighted = self._metrics, self._weighted
        config: Config = {
            "optimizer": optimizers.serialize(self.optimizer),
            "loss": _mapped(loss, _plain_loss, _is_loss),
            "metrics": _mapped([] if plain is None else plain, _plain_metric, _is_metric),
            "loss_weights": weights,
            "weighted_metrics": _mapped(
                [] if weighted is None else weighted, _plain_metric, _is_metric
            ),
            "missing_targets": self.missing_targets,
        }
        if self.run_eagerly:
            config["run_eagerly"] = True
        if self.steps_per_execution != 1:
            config["steps_per_execution"] = self.steps_per_execution
        return config


def _is_loss(value: Any) -> bool:
    return isinstance(value, Mapping) and "class_name" in value


_is_metric = _is_loss


def _mapped(value: Any, function: Any, is_leaf: Any) -> Any:
    """A nest of lists and dictionaries with a function applied to each leaf but None."""
    if value is None:
        return None
    if isinstance(value, (list, tuple)):
        return [_mapped(item, function, is_leaf) for item in value]
    if isinstance(value, Mapping) and not is_leaf(value):
        return {key: _mapped(item, function, is_leaf) for key, item in value.items()}
    return function(value)


def _leaves(value: Any) -> list[Any]:
    if value is None:
        return []
    if isinstance(value, (list, tuple)):
        return [leaf for item in value for leaf in _leaves(item)]
    if isinstance(value, Mapping):
        return [leaf for item in value.values() for leaf in _leaves(item)]
    return [value]


def _loss_of(value: Any) -> Any:
    """A loss; the name of a crossentropy that targets decide on stays a name."""
    if isinstance(value, str) and value.lower() in CROSSENTROPY_NAMES:
        return value
    loss = losses.get(value)
    if loss.is_native() or type(loss).call is losses.Loss.call:
        loss.specification()
    if loss.reduction in (None, "none"):
        raise NotImplementedError(
            "compile: a loss trains as one number; with reduction='none' it can be called. "
            f"Received: reduction={loss.reduction!r}"
        )
    return loss


def _plain_loss(value: Any) -> Any:
    return "crossentropy" if isinstance(value, str) else losses.serialize(value)


def _weight_of(value: Any) -> float:
    return _checks.number("compile", "loss_weights", value, low=0.0, open_high=True)


def _metric_of(value: Any) -> Any:
    """A metric; a name whose meaning depends on shapes stays a name."""
    if isinstance(value, str) and value.lower() in LATE_NAMES:
        return value
    return metrics.get(value)


def _plain_metric(value: Any) -> Any:
    return value if isinstance(value, str) else metrics.serialize(value)


def _metric_lists(argument: str, value: Any) -> Any:
    if value is not None and not isinstance(value, (list, tuple, Mapping)):
        raise ValueError(
            f"compile: `{argument}` must be a list of metrics. "
            f"Received: {argument}={value!r} of type {type(value).__name__}"
        )
    return _mapped(value, _metric_of, _is_metric)


def _require_different(found: list[Any]) -> None:
    for place, metric in enumerate(found):
        if not isinstance(metric, str) and any(metric is other for other in found[:place]):
            raise ValueError(
                "compile: a metric object can be given only once. "
                f"Received: metric '{metric.name}' twice"
            )


def _per_output(
    argument: str, value: Any, count: int, names: list[str] | None, broadcast: bool
) -> list[Any]:
    """An argument for each output."""
    if count == 1:
        return [_only(argument, value)]
    if isinstance(value, Mapping):
        return _by_name(argument, value, names)
    if isinstance(value, (list, tuple)):
        if len(value) != count:
            raise ValueError(
                f"compile: `{argument}` must have as many entries as the model has outputs, "
                f"{count}. Received: {argument} with {len(value)} entries"
            )
        return list(value)
    return [value if broadcast else None] * count


def _by_name(argument: str, value: Mapping[str, Any], names: list[str] | None) -> list[Any]:
    if names is None:
        raise ValueError(
            f"compile: `{argument}` can be a dictionary only where the model's outputs have names. "
            f"Received: a dictionary with keys {sorted(map(str, value))}"
        )
    for key in value:
        if key not in names:
            raise unknown_name(f"output in `{argument}`", key, names)
    return [value.get(name) for name in names]


def _metrics_per_output(
    argument: str, value: Any, count: int, names: list[str] | None
) -> list[list[Any]]:
    if value is None or (isinstance(value, (list, tuple)) and not value):
        return [[] for _ in range(count)]
    if count == 1:
        return [_leaves(value)]
    each = _per_output(argument, value, count, names, broadcast=False)
    return [_leaves(entry) for entry in each]


def _only(argument: str, value: Any) -> Any:
    """The one element of a list, tuple or dictionary, as models with one output take it."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if not isinstance(value, (list, tuple)):
        return value
    if len(value) != 1:
        raise ValueError(
            f"compile: `{argument}` must have one element, because the model has one output. "
            f"Received: {argument}={value!r}"
        )
    return value[0]
