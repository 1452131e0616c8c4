"""The dense layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lamina._core as _core
from lamina import _checks, activations, constraints, initializers, regularizers
from lamina._typing import Config, Shape
from lamina.activations.resolve import specification
from lamina.layers.layer import LAYERS, Layer, PlainOptions
from lamina.variable import Variable

if TYPE_CHECKING:
    from typing import Unpack


@LAYERS.register()
class Dense(Layer):
    """`activation(x @ kernel + bias)`, over the last axis of the input.

    Args:
        units: The number of outputs.
        activation: A name or function of `lamina.activations`; None for none.
        use_bias: Whether to add a bias.
        kernel_initializer, bias_initializer: First values: see `lamina.initializers`.
        kernel_regularizer, bias_regularizer: What the loss contains of them: see
            `lamina.regularizers`.
        activity_regularizer: What the loss contains of the output.
        kernel_constraint, bias_constraint: What holds for them after each step: see
            `lamina.constraints`.
        lora_rank, lora_alpha, quantization_config: Not supported: None only.
        **options: `name`, `dtype`, `trainable`, `input_shape`: see `Layer`.

    Raises:
        ValueError: If `units` is not positive, or an unknown name is given.

    Example:
        >>> layer = lamina.layers.Dense(3, activation="relu")
        >>> layer(np.zeros((2, 5))).shape
        (2, 3)
    """

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        lora_rank: Any = None,
        lora_alpha: Any = None,
        quantization_config: Any = None,
        **options: Unpack[PlainOptions],
    ) -> None:
        _checks.require_default(
            "Dense",
            lora_rank=lora_rank,
            lora_alpha=lora_alpha,
            quantization_config=quantization_config,
        )
        self.units = _checks.integer("Dense", "units", units, low=1, high=_checks.MOST_ELEMENTS)
        self.activation = activations.get(activation)
        self.use_bias = _checks.boolean("Dense", "use_bias", use_bias)
        self.kernel_initializer = initializers.get(
            "glorot_uniform" if kernel_initializer is None else kernel_initializer
        )
        self.bias_initializer = initializers.get(
            "zeros" if bias_initializer is None else bias_initializer
        )
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        super().__init__(activity_regularizer=activity_regularizer, **options)

    @property
    def kernel(self) -> Variable:
        """The weights of shape (inputs, units); AttributeError before building."""
        return self._variable("kernel")

    @property
    def bias(self) -> Variable | None:
        """The bias of shape (units,), or None without one; AttributeError before building."""
        return self._variable("bias") if self.use_bias else None

    def _variable(self, name: str) -> Variable:
        if name not in self._variables:
            raise AttributeError(
                f"Layer '{self.name}' has no `{name}` yet: it is not built, because the shape of "
                "its input is not known. Call `build` or put an `Input` before it."
            )
        return self._variables[name]

    def _shape_after(self, shape: Shape) -> Shape:
        if not shape:
            raise ValueError(
                f"Layer '{self.name}' needs samples with at least one axis: data of shape "
                "(n, features). Received: samples of shape ()"
            )
        if shape[-1] * self.units > _checks.MOST_ELEMENTS:
            raise ValueError(
                f"The kernel of layer '{self.name}' would have more elements than memory can "
                f"hold. Received: {shape[-1]} inputs and units={self.units}"
            )
        output = (*shape[:-1], self.units)
        _checks.extents(f"Layer '{self.name}'", "output_shape", output)
        return output

    def _create_variables(self, shape: Shape) -> list[Variable]:
        kernel = self._weight(
            "kernel",
            (shape[-1], self.units),
            self.kernel_initializer,
            self.kernel_regularizer,
            self.kernel_constraint,
        )
        if not self.use_bias:
            return [kernel]
        bias = self._weight(
            "bias",
            (self.units,),
            self.bias_initializer,
            self.bias_regularizer,
            self.bias_constraint,
        )
        return [kernel, bias]

    def _append_to(self, network: _core.Network) -> None:
        network.add_dense(self.units, self.use_bias, specification(self.activation))

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {
            **super().get_config(),
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
        }
