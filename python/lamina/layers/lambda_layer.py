"""Functions as layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lamina import _checks
from lamina._typing import BatchShape, Config
from lamina.layers import call_spec, calling
from lamina.layers.layer import LAYERS, Layer, LayerOptions
from lamina.registry import deserialize_function, serialize_function

if TYPE_CHECKING:
    from typing import Unpack


@LAYERS.register()
class Lambda(Layer):
    """A function of a tensor as a layer; a model with it runs on the tape.

    A file holds the function's name, never its code: a function with a name is found again in
    `custom_objects` or among what `register_keras_serializable` knows, a lambda cannot be saved.

    Args:
        function: A function of a tensor (and maybe `training`), made of functions of `lamina.ops`.
        output_shape: The shape of an output sample, or a function of the input's shape with the
            batch; None finds it by calling the function on zeros.
        mask: Not supported: None only.
        arguments: Further arguments of the function, by name.
        **options: See `Layer`.

    Example:
        >>> double = lamina.layers.Lambda(lambda x: 2.0 * x)
        >>> double(np.ones((1, 2)))
        array([[2., 2.]], dtype=float32)
    """

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Any = None,
        mask: Any = None,
        arguments: dict[str, Any] | None = None,
        **options: Unpack[LayerOptions],
    ) -> None:
        _checks.require_default("Lambda", mask=mask)
        super().__init__(**options)
        function = deserialize_function(function)
        if arguments is not None and not isinstance(arguments, dict):
            raise TypeError(
                "Lambda: `arguments` must be a dictionary of names to values. "
                f"Received: arguments={arguments!r}"
            )
        self.function = function
        self.arguments = dict(arguments or {})
        self._given_shape = output_shape

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """The function's output."""
        options = dict(self.arguments)
        if call_spec.function_takes(self.function, "training"):
            options["training"] = training
        return self.function(inputs, **options)

    def compute_output_shape(self, input_shape: Any) -> BatchShape:
        """The output's shape for an input's, both with the batch in front."""
        given = self._given_shape
        if callable(given):
            return tuple(given(input_shape))
        full = _checks.extents("Lambda", "input_shape", input_shape, batch=True)
        sample = tuple(extent for extent in full[1:] if extent is not None)
        if given is not None:
            return (full[0], *_checks.extents("Lambda", "output_shape", given))
        return (full[0], *calling.traced_shape(self, sample))

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data: the function by its name."""
        if callable(self._given_shape):
            raise ValueError("Lambda: an `output_shape` that is a function cannot be saved.")
        config = {
            **super().get_config(),
            "function": serialize_function(self.function),
            "arguments": self.arguments,
        }
        if self._given_shape is not None:
            config["output_shape"] = list(self._given_shape)
        return config
