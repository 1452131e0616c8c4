"""Dense layers over any axes, by an einsum equation."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import lamina._core as _core
from lamina import _checks, activations, constraints, initializers, regularizers
from lamina._typing import Config, Shape
from lamina.activations.resolve import specification
from lamina.initializers.variance_scaling import VarianceScaling
from lamina.layers.layer import LAYERS, Layer, PlainOptions
from lamina.variable import Variable

if TYPE_CHECKING:
    from typing import Unpack

_FORMS = (
    r"([a-zA-Z]+),([a-zA-Z]+)->([a-zA-Z]+)",
    r"\.\.\.([a-zA-Z]+),([a-zA-Z]+)->\.\.\.([a-zA-Z]+)",
    r"([a-zA-Z]{2,})\.\.\.,([a-zA-Z]+)->([a-zA-Z]+)\.\.\.",
)
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


class _Plan(NamedTuple):
    """An equation with a label for each axis of a sample, and the shapes that follow from it."""

    input: str
    kernel: str
    output: str
    kernel_shape: Shape
    bias_shape: Shape | None
    output_shape: Shape
    input_axes: tuple[int, ...]
    output_axes: tuple[int, ...]


@LAYERS.register()
class EinsumDense(Layer):
    """`activation(einsum(equation, x, kernel) + bias)`.

    The first axis of input and output is the batch. Labels that input, kernel and output share
    stand for products side by side; each label of the input must be in the kernel or the output.

    Args:
        equation: Such as "abc,cd->abd", "...x,xy->...y" or "ab...,bc->ac...".
        output_shape: The shape of the output without the batch and without axes of an ellipsis;
            None for extents that the input has.
        activation: A name or function of `lamina.activations`; None for none.
        bias_axes: The labels of the output's axes along which the bias differs; None for none.
        kernel_initializer, bias_initializer: First values: see `lamina.initializers`.
        kernel_regularizer, bias_regularizer: See `lamina.regularizers`.
        kernel_constraint, bias_constraint: See `lamina.constraints`.
        lora_rank, lora_alpha, gptq_unpacked_column_size, quantization_config: Not supported:
            None only.
        **options: See `Layer`.

    Raises:
        ValueError: For equations of another form; when it is built, for equations that are no
            product of the input with a kernel, and shapes that do not fit.

    Example:
        >>> layer = lamina.layers.EinsumDense("abc,cd->abd", output_shape=(None, 64), bias_axes="d")
        >>> layer(np.zeros((2, 5, 3))).shape
        (2, 5, 64)
    """

    def __init__(
        self,
        equation: str,
        output_shape: Any,
        activation: Any = None,
        bias_axes: str | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        lora_rank: Any = None,
        lora_alpha: Any = None,
        gptq_unpacked_column_size: Any = None,
        quantization_config: Any = None,
        activity_regularizer: Any = None,
        **options: Unpack[PlainOptions],
    ) -> None:
        where = "EinsumDense"
        _checks.require_default(
            where,
            lora_rank=lora_rank,
            lora_alpha=lora_alpha,
            gptq_unpacked_column_size=gptq_unpacked_column_size,
            quantization_config=quantization_config,
        )
        if not isinstance(equation, str):
            raise TypeError(f"{where}: `equation` must be a string. Received: {equation!r}")
        found = [re.fullmatch(form, equation.replace(" ", "")) for form in _FORMS]
        if not any(found):
            raise ValueError(
                f"{where}: equations have the form '[X],[Y]->[Z]', '...[X],[Y]->...[Z]' or "
                f"'[X]...,[Y]->[Z]...'. Received: equation={equation!r}"
            )
        self.equation = equation
        self._elided = next(form for form, match in enumerate(found) if match)
        match = found[self._elided]
        assert match is not None
        self._labels = match.groups()
        given = (output_shape,) if isinstance(output_shape, int) else tuple(output_shape)
        self.partial_output_shape: tuple[int | None, ...] = tuple(
            None
            if extent is None
            else _checks.integer(where, "output_shape", extent, low=1, high=_checks.MOST_ELEMENTS)
            for extent in given
        )
        if bias_axes is not None and not isinstance(bias_axes, str):
            raise TypeError(f"{where}: `bias_axes` must be a string. Received: {bias_axes!r}")
        self.bias_axes = bias_axes or None
        for label in self.bias_axes or "":
            if label not in self._labels[2][0 if self._elided else 1 :]:
                raise ValueError(
                    f"{where}: `bias_axes` must be axes of the output, and not the batch's. "
                    f"Received: bias_axes={bias_axes!r} for equation={equation!r}"
                )
        self.activation = activations.get(activation)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        super().__init__(activity_regularizer=activity_regularizer, **options)

    @property
    def kernel(self) -> Variable | None:
        """The weights; None before building."""
        return self._variables.get("kernel")

    @property
    def bias(self) -> Variable | None:
        """The bias; None without one and before building."""
        return self._variables.get("bias")

    def _plan(self, shape: Shape) -> _Plan:
        """The equation for samples of `shape`."""
        where = f"Layer '{self.name}'"
        x, kernel, y = self._labels
        free = [c for c in _LETTERS if c not in x + kernel + y]
        elided = len(shape) + 1 - len(x)
        if elided < 0 or (elided > 0 and self._elided == 0) or elided > len(free):
            raise ValueError(
                f"{where}: the equation {self.equation!r} does not have the axes of its input. "
                f"Received: samples of shape {shape}"
            )
        dots = "".join(free[:elided])
        if self._elided == 1:
            x, y = dots + x, dots + y
        elif self._elided == 2:
            x, y = x + dots, y + dots
        if x[0] != y[:1] or x[0] in kernel:
            raise ValueError(
                f"{where}: the first axis of input and output is the batch, which the kernel does "
                f"not have. Received: equation={self.equation!r}"
            )
        extents = dict(zip(x[1:], shape, strict=True))
        rest = [extents[c] for c in dots if c in extents]
        if self._elided == 1:
            outputs = [*rest, *self.partial_output_shape]
        else:
            outputs = [*self.partial_output_shape, *rest]
        if len(outputs) != len(y) - 1:
            raise ValueError(
                f"{where}: `output_shape` must name {len(y) - 1 - len(rest)} extents for "
                f"{self.equation!r}. Received: output_shape={self.partial_output_shape}"
            )
        for label, extent in zip(y[1:], outputs, strict=True):
            if extent is None and label not in extents:
                raise ValueError(
                    f"{where}: the extent of output axis '{label}' must be given. "
                    f"Received: output_shape={self.partial_output_shape}"
                )
            known = extents.setdefault(label, extent or 0)
            if extent is not None and extent != known:
                raise ValueError(
                    f"{where}: input and output must have the same extent along '{label}'. "
                    f"Received: {known} and {extent}"
                )
        unknown = [label for label in kernel if label not in extents]
        if unknown:
            raise ValueError(
                f"{where}: each label of the kernel must be in the input or the output. "
                f"Received: '{unknown[0]}' in equation={self.equation!r}"
            )
        kernel_shape = tuple(extents[label] for label in kernel)
        bias = None
        if self.bias_axes is not None:
            first = min(y.index(label) for label in self.bias_axes)
            bias = tuple(extents[c] if c in self.bias_axes else 1 for c in y[first:])
        output = tuple(extents[label] for label in y[1:])
        _checks.extents(where, "kernel", kernel_shape)
        _checks.extents(where, "output_shape", output)
        return _Plan(
            x[1:],
            kernel,
            y[1:],
            kernel_shape,
            bias,
            output,
            tuple(i for i, label in enumerate(kernel) if label not in y),
            tuple(i for i, label in enumerate(kernel) if label in y),
        )

    def _added_to(self, network: _core.Network, plan: _Plan, activation: Any) -> None:
        network.add_einsum_dense(
            plan.input,
            plan.kernel,
            plan.output,
            list(plan.kernel_shape),
            list(plan.bias_shape or ()),
            specification(activation),
        )

    def _shape_after(self, shape: Shape) -> Shape:
        plan = self._plan(shape)
        trial = _core.Network(shape, self._dtype, "cpu", 0)  # raises for what is no product
        self._added_to(trial, plan, activations.linear)
        return plan.output_shape

    def _create_variables(self, shape: Shape) -> list[Variable]:
        plan = self._plan(shape)
        initializer: Any = self.kernel_initializer
        if isinstance(initializer, VarianceScaling):
            initializer = _with_axes(initializer, plan)
        variables = [
            self._weight(
                "kernel",
                plan.kernel_shape,
                initializer,
                self.kernel_regularizer,
                self.kernel_constraint,
            )
        ]
        if plan.bias_shape is not None:
            variables.append(
                self._weight(
                    "bias",
                    plan.bias_shape,
                    self.bias_initializer,
                    self.bias_regularizer,
                    self.bias_constraint,
                )
            )
        return variables

    def _append_to(self, network: _core.Network) -> None:
        assert self._input_shape is not None
        self._added_to(network, self._plan(self._input_shape), self.activation)

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {
            **super().get_config(),
            "output_shape": list(self.partial_output_shape),
            "equation": self.equation,
            "activation": activations.serialize(self.activation),
            "bias_axes": self.bias_axes,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
        }


def _with_axes(initializer: VarianceScaling, plan: _Plan) -> Any:
    """The initializer with the inputs and outputs of an equation's kernel."""

    def draw(shape: Shape, dtype: Any = None) -> Any:
        inputs = outputs = 1
        for axis in plan.input_axes:
            inputs *= shape[axis]
        for axis in plan.output_axes:
            outputs *= shape[axis]
        return initializer((inputs, outputs), dtype).reshape(shape)

    return draw
