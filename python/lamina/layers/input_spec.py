"""What the inputs of a custom layer must be like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lamina import _checks
from lamina.config import standardize_dtype


class InputSpec:
    """Rank, extents and type of an input: what `layer.input_spec` is set to.

    Args:
        dtype: The type, or None for any.
        shape: The whole shape with the batch in front; None stands for any extent.
        ndim: The number of axes, the batch's among them.
        max_ndim: The most axes.
        min_ndim: The fewest.
        axes: Extents by axis, such as `{-1: 3}`; None stands for any.
        allow_last_axis_squeeze: Whether a last axis of 1 may be missing or too much.
        name: The key in a dictionary of inputs.
        optional: Whether the input may be None.

    Raises:
        ValueError: If an extent or a number of axes is negative, or an axis is not among `ndim`.

    Example:
        >>> layer = lamina.layers.Layer()
        >>> layer.input_spec = lamina.layers.InputSpec(ndim=2, axes={-1: 3})
    """

    def __init__(
        self,
        dtype: Any = None,
        shape: Any = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: Mapping[int, int | None] | None = None,
        allow_last_axis_squeeze: bool = False,
        name: str | None = None,
        optional: bool = False,
    ) -> None:
        self.dtype = None if dtype is None else standardize_dtype(dtype)
        self.shape = None
        if shape is not None:
            self.shape = tuple(_extent("shape", extent) for extent in shape)
            ndim = len(self.shape)
        self.ndim = _extent("ndim", ndim)
        self.max_ndim = _extent("max_ndim", max_ndim)
        self.min_ndim = _extent("min_ndim", min_ndim)
        self.axes = {int(axis): _extent("axes", extent) for axis, extent in (axes or {}).items()}
        most = self.ndim if self.ndim is not None else self.max_ndim
        for axis in self.axes:
            if most is not None and not -most <= axis < most:
                raise ValueError(
                    f"[InputSpec] `axes` must be within {most} axes. Received: axes={self.axes}"
                )
        self.allow_last_axis_squeeze = allow_last_axis_squeeze
        self.name = name
        self.optional = optional

    def __repr__(self) -> str:
        said = {
            key: value
            for key, value in vars(self).items()
            if value is not None and value is not False and value != {}
        }
        return f"InputSpec({', '.join(f'{key}={value!r}' for key, value in said.items())})"

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return dict(vars(self))

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> InputSpec:
        """The specification with these arguments."""
        return cls(**config)

    def check(self, value: Any, where: str) -> None:
        """Raises a ValueError if an input is not like this.

        Args:
            value: An array or tensor, or None.
            where: What it is the input of, for the message.
        """
        if value is None:
            if self.optional:
                return
            raise ValueError(f"{where}: an input is missing. Received: None; needed: {self!r}")
        shape = tuple(value.shape)
        wrong = self._wrong(shape, str(value.dtype))
        if wrong and self.allow_last_axis_squeeze and self.shape is not None:
            if shape[-1:] == (1,):
                wrong = self._wrong(shape[:-1], str(value.dtype))
            elif self.shape[-1:] == (1,):
                wrong = self._wrong((*shape, 1), str(value.dtype))
        if wrong:
            raise ValueError(
                f"{where}: input is incompatible with `input_spec`: {wrong}. "
                f"Received: an input of shape {shape}, {value.dtype}; needed: {self!r}"
            )

    def _wrong(self, shape: tuple[int, ...], dtype: str) -> str:
        rank = len(shape)
        if self.ndim is not None and rank != self.ndim:
            return f"it must have {self.ndim} axes"
        if self.max_ndim is not None and rank > self.max_ndim:
            return f"it must have at most {self.max_ndim} axes"
        if self.min_ndim is not None and rank < self.min_ndim:
            return f"it must have at least {self.min_ndim} axes"
        if self.dtype is not None and dtype != self.dtype:
            return f"it must be of type {self.dtype}"
        for axis, extent in {**self.axes, **dict(enumerate(self.shape or ()))}.items():
            if extent is None:
                continue
            if not -rank <= axis < rank or shape[axis] != extent:
                return f"axis {axis} must have the extent {extent}"
        return ""


def _extent(name: str, value: Any) -> int | None:
    return None if value is None else _checks.integer("InputSpec", name, value, low=0)


def check_inputs(specifications: Any, inputs: Any, where: str) -> None:
    """Raises a ValueError if inputs are not as one specification or several say.

    Args:
        specifications: An `InputSpec`, or a list or dictionary of them.
        inputs: What the layer is called with.
        where: The layer, for the message.
    """
    if isinstance(specifications, InputSpec):
        many = isinstance(inputs, (list, tuple, dict))
        values = list(inputs.values() if isinstance(inputs, dict) else inputs) if many else [inputs]
        if many and specifications.name is not None and isinstance(inputs, dict):
            values = [inputs.get(specifications.name)]
        if len(values) != 1:
            raise ValueError(f"{where}: expected 1 input. Received: {len(values)} inputs")
        specifications.check(values[0], where)
        return
    if isinstance(specifications, dict):
        if not isinstance(inputs, dict):
            raise ValueError(
                f"{where}: expected a dictionary of inputs with {sorted(specifications)}. "
                f"Received: {type(inputs).__name__}"
            )
        for key, specification in specifications.items():
            specification.check(inputs.get(key), f"{where}, input '{key}'")
        return
    if isinstance(inputs, dict):
        inputs = [inputs.get(one.name) for one in specifications]
    values = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
    if len(values) != len(specifications):
        raise ValueError(
            f"{where}: expected {len(specifications)} inputs. Received: {len(values)} inputs"
        )
    for index, (specification, value) in enumerate(zip(specifications, values, strict=True)):
        specification.check(value, f"{where}, input {index}")
