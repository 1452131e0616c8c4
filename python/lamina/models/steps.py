"""The steps of a model that runs on the tape, for subclasses to override."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lamina.models.compiling import Compilable

if TYPE_CHECKING:
    from lamina.models.tape_network import TapeNetwork

#: What makes a model run on the tape when a subclass has one of its own.
STEPS = ("train_step", "test_step", "predict_step", "compute_loss", "compute_metrics")


class Steps(Compilable):
    """What `fit`, `evaluate` and `predict` do with a batch, where that is not the plan's.

    Overriding any of these methods in a subclass makes its models run on the tape.
    """

    @classmethod
    def _has_own(cls, *methods: str) -> bool:
        """Whether a subclass of the user's has one of these methods of its own."""
        return any(getattr(cls, name) is not getattr(Steps, name) for name in methods)

    def _tape_network(self, what: str) -> TapeNetwork:
        from lamina.models.tape_network import TapeNetwork

        network: Any = self._plan()
        if not isinstance(network, TapeNetwork):
            raise RuntimeError(
                f"`{what}` is for models that run on the tape: subclass the model and override a "
                "step, or compile with run_eagerly=True."
            )
        return network

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
        from lamina import _eager
        from lamina.autograd.gradient_tape import GradientTape
        from lamina.models.tape_network import constrain_own, unpacked

        network = self._tape_network("train_step")
        x, y, weights = unpacked(data)
        with GradientTape() as tape:
            y_pred = self(x, training=True)  # type: ignore[operator]
            loss = self.compute_loss(x, y, y_pred, weights, True)
            network.track_loss(_eager.number(loss), int(y_pred.shape[0]))
            scaled = loss if self.optimizer is None else self.optimizer.scale_loss(loss)
        if self.optimizer is not None:
            variables = self.trainable_variables  # type: ignore[attr-defined]
            self.optimizer.apply(tape.gradient(scaled, variables), variables)
            constrain_own(variables)
        return self.compute_metrics(x, y, y_pred, weights)

    def test_step(self, data: Any) -> dict[str, Any]:
        """One step of an evaluation; as `train_step`."""
        from lamina import _eager
        from lamina.models.tape_network import unpacked

        network = self._tape_network("test_step")
        x, y, weights = unpacked(data)
        y_pred = self(x, training=False)  # type: ignore[operator]
        loss = self.compute_loss(x, y, y_pred, weights, False)
        network.track_loss(_eager.number(loss), int(y_pred.shape[0]))
        return self.compute_metrics(x, y, y_pred, weights)

    def predict_step(self, data: Any) -> Any:
        """The answers for a tensor of inputs, or for the first of a tuple."""
        from lamina.models.tape_network import unpacked

        return self(unpacked(data)[0], training=False)  # type: ignore[operator]

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
            y_pred: The answers.
            sample_weight: Weights of the samples, if any.
            training: Whether it is for training.

        Returns:
            A tensor without axes.

        Raises:
            ValueError: If nothing adds to the loss.
        """
        compiled = self._compiled
        terms = []
        if compiled is not None and compiled.loss is not None and y is not None:
            loss = compiled.loss(y, y_pred, sample_weight)
            terms.append(loss if compiled.loss_weight == 1.0 else loss * compiled.loss_weight)
        terms.extend(self.losses)  # type: ignore[attr-defined]
        if not terms:
            raise ValueError(
                "No loss to compute. Provide a `loss` argument in `compile()`, call `add_loss` in "
                "a layer, or override `compute_loss`."
            )
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        return total

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        """Adds a batch to the compiled metrics.

        Args:
            x: The inputs.
            y: The targets.
            y_pred: The answers.
            sample_weight: Weights of the samples, if any.

        Returns:
            Loss and metrics so far, by name.
        """
        network = self._tape_network("compute_metrics")
        network.update_metrics(y, y_pred, sample_weight)
        return network.results()

    def _own_metrics(self) -> list[Any]:
        """Metrics that are attributes of the user's model or layers, or in its `metrics`."""
        from lamina.metrics.metric import Metric

        found = [value for value in vars(self).values() if isinstance(value, Metric)]
        found.extend(self._layer_metrics())
        if type(self).metrics is not Compilable.metrics:
            found.extend(self.metrics)
        return found
