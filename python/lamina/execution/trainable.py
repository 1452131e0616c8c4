"""What engines and trainers need to know of a model."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

import lamina._core as _core
from lamina._typing import Array, Shape
from lamina.variable import Variable

#: Methods that make a model's steps run on the tape where a subclass overrides them.
STEPS = ("train_step", "test_step", "predict_step", "compute_loss", "compute_metrics")


class PreparedInputs(NamedTuple):
    """Inputs, checked and in the order of the model's, as the network takes them.

    Attributes:
        arrays: The inputs.
        samples: The shapes of their samples before any preprocessing.
        outputs: The shapes of predictions for them.
        structure: How they are nested; None for a single array.
    """

    arrays: list[Array]
    samples: list[Shape]
    outputs: list[Shape]
    structure: Any = None


class Trainable(Protocol):
    """A model, to those that train it.

    Attributes:
        name: Its name.
        stop_training: Set by callbacks: training is to end.
        history: The `History` of the last training.
    """

    name: str
    stop_training: bool
    history: Any
    _fast_predict: Any
    _fast_train: Any
    _fast_call: Any

    @property
    def dtype(self) -> str:
        """The type that it computes in."""

    @property
    def built(self) -> bool:
        """Whether it has its weights."""

    @property
    def weights(self) -> list[Variable]:
        """All variables."""

    @property
    def output_names(self) -> list[str] | None:
        """The names of the outputs; None where they have none."""

    # Structure.

    def _has_shapes(self) -> bool:
        """Whether the shapes of inputs, weights and outputs are known."""

    def _takes_inputs_as_they_are(self) -> bool:
        """Whether an array that fits may go to the engine without preparation."""

    def _adds_losses(self) -> bool:
        """Whether layers may give the loss by `add_loss`."""

    def _output_count(self) -> int | None:
        """How many outputs there are; None if that is not known yet."""

    def _output_chains(self) -> list[Iterable[Any]]:
        """For each output the layers and functions that give it, the last first.

        A chain ends where several values are joined; there are none where that is not known.
        """

    def _leaves(self) -> list[Any]:
        """The layers that compute, in their order in a plan."""

    def _fast_step(self, engine: Any) -> Any:
        """One step on nests of arrays that fit as they are; None where there is no such call."""

    def _can_plan(self) -> bool:
        """Whether the core can compute all of it as one plan."""

    def _plan_into(self, network: _core.Network) -> list[Any]:
        """Adds its layers to a plan; the layer that each layer there is, None for operations."""

    def _input_shapes(self) -> list[Shape]:
        """The shapes of samples as the network takes them."""

    def _output_shapes(self) -> list[Shape]:
        """The shapes of predictions."""

    def _name_weights(self) -> None:
        """Gives the weights their names in this model."""

    # Data.

    def _prepare_inputs(
        self, x: Any, name: str, known: PreparedInputs | None = None
    ) -> PreparedInputs:
        """Checked inputs, like those that are `known`."""

    def _build_for(self, samples: Any) -> None:
        """Builds it for samples of these shapes."""

    def _flatten_targets(self, y: Any, argument: str) -> list[Any]:
        """Targets or weights, one for each output; None where there are none."""

    def _flatten_weights(self, weights: Any, argument: str = "sample_weight") -> list[Any]:
        """Weights of samples, one for each output; None where there are none."""

    def _pack_inputs(self, arrays: list[Any]) -> Any:
        """Inputs as a `predict_step` gets them."""

    def _pack_outputs(self, outputs: list[Any]) -> Any:
        """Outputs of a plan as the model returns them."""

    def _each_output(self, arrays: list[Array]) -> list[tuple[Any, Array]]:
        """Layers with their outputs, where one follows the other."""

    # Computing.

    def _input_tensors(self, arrays: list[Array]) -> list[Any]:
        """Inputs as tensors."""

    def _forward(self, inputs: list[Any], training: bool) -> Any:
        """The outputs for tensors, layer by layer."""

    def _custom_steps(self, *names: str) -> bool:
        """Whether a subclass overrides one of these methods."""

    def _metrics_of_parts(self) -> tuple[list[Any], list[Any]]:
        """The metrics that it and its layers hold, and those that are reported with its own."""

    def train_step(self, data: Any) -> dict[str, Any]:
        """One training step."""

    def test_step(self, data: Any) -> dict[str, Any]:
        """One step of an evaluation."""

    def predict_step(self, data: Any) -> Any:
        """One step of a prediction."""
