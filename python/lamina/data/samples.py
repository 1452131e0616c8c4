"""Samples for training, and inputs as arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from lamina._arrays import real_array
from lamina._typing import Array, Shape


class Structure(NamedTuple):
    """How a batch is nested where a step gets it: each part is a nest with any values in it."""

    x: Any
    y: Any = None
    weights: Any = None


class Samples(NamedTuple):
    """Inputs, targets and maybe weights: views of the user's arrays, never copies.

    Attributes:
        x: The inputs, in the order of the model's.
        y: Targets for each output, None where it has none; None where there are none at all.
        weights: Weights for each output, None where it has none; None where there are none at all.
        structure: How they are nested for custom steps; None for single arrays.
    """

    x: list[Array]
    y: list[Any] | None
    weights: list[Array | None] | None
    structure: Structure | None = None

    @property
    def rows(self) -> int:
        """How many samples there are."""
        return int(self.x[0].shape[0])

    def _each(self, take: Callable[[Any], Any]) -> Samples:
        def of(arrays: Any) -> Any:
            return arrays and [None if array is None else take(array) for array in arrays]

        return Samples(of(self.x), of(self.y), of(self.weights), self.structure)

    def select(self, rows: Array) -> Samples:
        """Copies of some samples, in the order of `rows`."""
        return self._each(lambda array: array[rows])

    def part(self, first: int, last: int) -> Samples:
        """The samples from `first` up to and without `last`."""
        return self._each(lambda array: array[first:last])


def input_array(x: Any, name: str = "x") -> Array:
    """`x` as an array with at least one sample."""
    if isinstance(x, (Iterator, Mapping)) or hasattr(x, "as_numpy_iterator"):
        raise TypeError(
            f"`{name}` must be one array here, not a generator, data set or dictionary. "
            f"Received: {type(x).__name__}"
        )
    array = real_array(x, name)
    if array.ndim == 0:
        raise ValueError(f"`{name}` must have one row for each sample. Received: {name}.shape=()")
    if array.shape[0] == 0:
        raise ValueError(
            f"`{name}` must hold at least one sample. Received: {name}.shape={array.shape}"
        )
    return array


def only_input(x: Any, wanted: str | None, name: str = "x") -> Any:
    """What is meant by a dictionary of named inputs, or a list of one array.

    Args:
        x: What the user passed.
        wanted: The name of the model's input, if it has one.
        name: What messages call it.

    Raises:
        ValueError: If a dictionary does not have the model's input.
    """
    if isinstance(x, Mapping):
        if wanted is None or wanted not in x:
            needed = "has no named input" if wanted is None else f"has the input '{wanted}'"
            raise ValueError(
                f"`{name}`: a dictionary must hold the model's input by its name, and the model "
                f"{needed}. Received: a dictionary with keys {sorted(map(str, x))}"
            )
        return x[wanted]
    if type(x) in (list, tuple) and len(x) == 1 and getattr(x[0], "ndim", 0) > 1:
        return x[0]
    return x


def fit_inputs(x: Array, sample: Shape, name: str = "x") -> Array:
    """A view of `x` as rows of shape `sample`; a last axis of 1 may be missing or too many.

    Raises:
        ValueError: If the shape does not fit.
    """
    if x.shape[1:] == sample:
        return x
    if sample and sample[-1] == 1 and x.shape[1:] == sample[:-1]:
        return x[..., None]
    if x.ndim > 1 and x.shape[1:] == (*sample, 1):
        return x[..., 0]
    wanted = ", ".join(["n", *map(str, sample)]) + ("," if not sample else "")
    hint = ""
    if x.shape == sample:
        hint = f" For one sample give {name}[None]."
    raise ValueError(
        f"`{name}` must have shape ({wanted}): the model takes samples of shape {sample}.{hint} "
        f"Received: {name}.shape={x.shape}"
    )
