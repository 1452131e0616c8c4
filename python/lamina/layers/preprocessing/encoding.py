"""Numbers as categories and categories as numbers, on arrays ahead of a model."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina import _checks
from lamina._arrays import real_array
from lamina._checks import unknown_name
from lamina._typing import Array, Config, Shape
from lamina.graph.keras_tensor import any_symbolic
from lamina.layers.layer import LAYERS
from lamina.layers.preprocessing.preprocessing_layer import PreprocessingLayer
from lamina.layers.preprocessing.vocabulary import batches_of

_MODES = ("multi_hot", "one_hot", "count")


def encode(indices: Array, depth: int, mode: str, weights: Array | None, dtype: str) -> Array:
    """Indices below `depth` as rows of zeros and ones, or of counts; `depth` leaves none."""
    if mode == "one_hot":
        if indices.ndim > 1 and indices.shape[-1] == 1:
            indices = indices[..., 0]
        result = np.zeros((*indices.shape, depth + 1), dtype)
        np.put_along_axis(result, indices[..., None], 1, axis=-1)
        return np.ascontiguousarray(result[..., :depth])
    rows = indices.reshape(1, -1) if indices.ndim == 0 else indices.reshape(-1, indices.shape[-1])
    result = np.zeros((rows.shape[0], depth + 1), dtype)
    places = np.arange(rows.shape[0])[:, None]
    if mode == "multi_hot":
        result[places, rows] = 1
    else:
        given = np.ones(rows.shape) if weights is None else weights.reshape(rows.shape)
        for column in range(rows.shape[1]):  # one after the other, so that the order is fixed
            result[places[:, 0], rows[:, column]] += given[:, column].astype(dtype)
    return np.ascontiguousarray(result[:, :depth]).reshape(*indices.shape[:-1], depth)


def shape_of_encoded(shape: Shape, depth: int, mode: str) -> Shape:
    """The shape of what `encode` makes of an array of `shape`."""
    if mode == "one_hot":
        return (*(shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape), depth)
    return (*shape[:-1], depth)


@LAYERS.register()
class CategoryEncoding(PreprocessingLayer):
    """Integer categories as vectors.

    Args:
        num_tokens: How many categories there are: the integers from 0 on.
        output_mode: "one_hot" (a vector for each integer; a last axis of 1 is left out),
            "multi_hot" (ones for all of a sample's integers) or "count" (how often each is there).
        sparse: Not supported: False only.
        **options: `name` and `dtype`.

    Raises:
        ValueError: When called, for integers that are no category.

    Example:
        >>> lamina.layers.CategoryEncoding(4)(np.array([[0, 2], [3, 3]]))
        array([[1., 0., 1., 0.],
               [0., 0., 0., 1.]], dtype=float32)
    """

    def __init__(
        self,
        num_tokens: int | None = None,
        output_mode: str = "multi_hot",
        sparse: bool = False,
        **options: Any,
    ) -> None:
        _checks.require_default("CategoryEncoding", sparse=sparse)
        super().__init__(**options)
        self.num_tokens = _checks.integer(
            "CategoryEncoding", "num_tokens", num_tokens, low=1, high=_checks.MOST_ELEMENTS
        )
        if output_mode not in _MODES:
            raise unknown_name("`output_mode` of CategoryEncoding", output_mode, _MODES)
        self.output_mode = output_mode

    def _transformed_shape(self, shape: Shape) -> Shape:
        return shape_of_encoded(shape, self.num_tokens, self.output_mode)

    def _transform(self, data: Array) -> Array:
        return self(data)

    def __call__(  # type: ignore[override]
        self, inputs: Any, count_weights: Any = None, training: bool | None = False
    ) -> Array:
        """The vectors of integers.

        Args:
            inputs: Integers.
            count_weights: For "count": how much each of them counts.
            training: Makes no difference.
        """
        if any_symbolic(inputs, count_weights):
            options = {} if count_weights is None else {"count_weights": count_weights}
            return self.symbolic_call(inputs, **options)  # type: ignore[no-any-return]
        array = real_array(inputs, "inputs")
        if count_weights is not None and self.output_mode != "count":
            raise ValueError(
                "CategoryEncoding: `count_weights` is for output_mode='count' only. "
                f"Received: output_mode={self.output_mode!r}"
            )
        indices = array.astype("int64")
        if array.size and (
            not np.array_equal(indices, array)
            or indices.min() < 0
            or indices.max() >= self.num_tokens
        ):
            raise ValueError(
                f"CategoryEncoding: categories are integers from 0 to {self.num_tokens - 1}. "
                f"Received: values from {array.min()} to {array.max()}"
            )
        weights = None
        if count_weights is not None:
            weights = real_array(count_weights, "count_weights")
            if weights.shape != array.shape:
                raise ValueError(
                    "CategoryEncoding: `count_weights` must have the shape of the inputs, "
                    f"{array.shape}. Received: {weights.shape}"
                )
        return encode(indices, self.num_tokens, self.output_mode, weights, self._dtype)

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {
            **super().get_config(),
            "num_tokens": self.num_tokens,
            "output_mode": self.output_mode,
        }


@LAYERS.register()
class Discretization(PreprocessingLayer):
    """Numbers as the index of the bin that they are in.

    Bin i holds boundaries[i - 1] <= x < boundaries[i].

    Args:
        bin_boundaries: The boundaries in ascending order.
        num_bins: How many bins `adapt` makes, each with about as much of the data; instead of
            `bin_boundaries`.
        epsilon: Accepted for compatibility: `adapt` takes exact quantiles.
        output_mode: "int", or as for `CategoryEncoding`.
        sparse: Not supported: False only.
        dtype: The type of vectors.
        name: Its name.

    Example:
        >>> lamina.layers.Discretization([0.0, 1.0])(np.array([[-1.0, 0.0, 5.0]]))
        array([[0, 1, 2]])
    """

    def __init__(
        self,
        bin_boundaries: Any = None,
        num_bins: int | None = None,
        epsilon: float = 0.01,
        output_mode: str = "int",
        sparse: bool = False,
        dtype: Any = None,
        name: str | None = None,
    ) -> None:
        where = "Discretization"
        _checks.require_default(where, sparse=sparse)
        super().__init__(name, None if dtype in ("int32", "int64") else dtype)
        if (bin_boundaries is None) == (num_bins is None):
            raise ValueError(
                f"{where}: give either `bin_boundaries` or `num_bins`. "
                f"Received: bin_boundaries={bin_boundaries}, num_bins={num_bins}"
            )
        if output_mode not in ("int", *_MODES):
            raise unknown_name(f"`output_mode` of {where}", output_mode, ("int", *_MODES))
        self.output_mode = output_mode
        self.epsilon = _checks.number(where, "epsilon", epsilon, low=0.0)
        self.num_bins = None if num_bins is None else _checks.integer(
            where, "num_bins", num_bins, low=1
        )  # fmt: skip
        self.bin_boundaries: list[float] | None = None
        if bin_boundaries is not None:
            array = real_array(bin_boundaries, "bin_boundaries").astype("float64")
            if array.ndim != 1 or np.isnan(array).any() or (np.diff(array) < 0).any():
                raise ValueError(
                    f"{where}: `bin_boundaries` must be a list of numbers in ascending order. "
                    f"Received: bin_boundaries={bin_boundaries}"
                )
            self.bin_boundaries = [float(value) for value in array]

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Takes boundaries that cut the data into `num_bins` parts of about the same size.

        Args:
            data: An array or list of numbers, or a source of batches, which must fit in memory.
            steps: For sources of batches: how many to take.

        Raises:
            ValueError: If boundaries were given, there is no data, or it holds NaN; for `steps`
                with an array.
        """
        if self.num_bins is None:
            raise ValueError("Discretization: `bin_boundaries` were given: nothing to adapt.")
        parts = [
            real_array(batch, "data").ravel().astype("float64") for batch in batches_of(data, steps)
        ]
        values = np.sort(np.concatenate(parts)) if parts else np.empty(0)
        if values.size == 0 or np.isnan(values).any():
            raise ValueError("Discretization: adapt needs data without NaN.")
        cuts = [values.size * i // self.num_bins for i in range(1, self.num_bins)]
        self.bin_boundaries = [float(values[cut]) for cut in cuts]

    def _transformed_shape(self, shape: Shape) -> Shape:
        if self.output_mode == "int":
            return shape
        if self.bin_boundaries is None and self.num_bins is None:
            raise RuntimeError("Discretization: call `adapt` with data first.")
        known = self.bin_boundaries
        depth = len(known) + 1 if known is not None else self.num_bins
        assert depth is not None
        return shape_of_encoded(shape, depth, self.output_mode)

    def _transform(self, data: Array) -> Array:
        if self.bin_boundaries is None:
            raise RuntimeError("Discretization: call `adapt` with data first.")
        array = real_array(data, "inputs")
        bins = np.searchsorted(np.asarray(self.bin_boundaries), array, side="right")
        if self.output_mode == "int":
            return np.asarray(bins, "int64")
        depth = len(self.bin_boundaries) + 1
        return encode(np.asarray(bins), depth, self.output_mode, None, self._dtype)

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data, with the boundaries of `adapt`."""
        adapted = self.bin_boundaries is not None
        return {
            **super().get_config(),
            "bin_boundaries": self.bin_boundaries,
            "num_bins": None if adapted else self.num_bins,
            "epsilon": self.epsilon,
            "output_mode": self.output_mode,
        }
