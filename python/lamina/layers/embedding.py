"""Embedding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

import lamina._core as _core
from lamina import _checks, constraints, initializers, regularizers
from lamina._typing import Config, Shape
from lamina.layers.layer import LAYERS, Layer
from lamina.variable import Variable

if TYPE_CHECKING:
    from typing import Unpack


class EmbeddingOptions(TypedDict, total=False):
    """Those of `Layer` but for `input_dim`, which means another thing here."""

    name: str | None
    dtype: Any
    trainable: bool
    activity_regularizer: Any
    input_shape: Any
    batch_input_shape: Any


@LAYERS.register()
class Embedding(Layer):
    """Rows of a learned table, chosen by whole numbers.

    Indices travel in the layer's dtype, so float32 tables have at most 2**24 rows. An index
    outside of the table is a ValueError before anything has changed.

    Args:
        input_dim: How many rows the table has: the largest index + 1.
        output_dim: How long a row is.
        embeddings_initializer: First values: see `lamina.initializers`.
        embeddings_regularizer: See `lamina.regularizers`.
        embeddings_constraint: See `lamina.constraints`.
        mask_zero: Not supported: False only.
        weights: First values as an array of shape (input_dim, output_dim), or a list of it.
        lora_rank, lora_alpha, quantization_config: Not supported: None only.
        **options: See `Layer`.

    Example:
        >>> layer = lamina.layers.Embedding(4, 2)
        >>> layer(np.array([[0, 3, 3]])).shape
        (1, 3, 2)
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        lora_rank: Any = None,
        lora_alpha: Any = None,
        quantization_config: Any = None,
        **options: Unpack[EmbeddingOptions],
    ) -> None:
        _checks.require_default(
            "Embedding",
            mask_zero=mask_zero,
            lora_rank=lora_rank,
            lora_alpha=lora_alpha,
            quantization_config=quantization_config,
        )
        self.input_dim = _checks.integer(
            "Embedding", "input_dim", input_dim, low=1, high=_checks.MOST_ELEMENTS
        )
        self.output_dim = _checks.integer(
            "Embedding", "output_dim", output_dim, low=1, high=_checks.MOST_ELEMENTS
        )
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self._first = weights[0] if isinstance(weights, (list, tuple)) else weights
        super().__init__(**options)
        if self.dtype == "float32" and self.input_dim > 2**24:
            raise ValueError(
                "Embedding: float32 counts to 2**24; use dtype='float64' for a larger table. "
                f"Received: input_dim={self.input_dim}"
            )

    @property
    def embeddings(self) -> Variable | None:
        """The table; None before building."""
        return self._variables.get("embeddings")

    def _shape_after(self, shape: Shape) -> Shape:
        output = (*shape, self.output_dim)
        _checks.extents(f"Layer '{self.name}'", "output_shape", output)
        return output

    def _create_variables(self, shape: Shape) -> list[Variable]:
        table = self._weight(
            "embeddings",
            (self.input_dim, self.output_dim),
            self.embeddings_initializer,
            self.embeddings_regularizer,
            self.embeddings_constraint,
        )
        if self._first is not None:
            table.assign(self._first)
        return [table]

    def _append_to(self, network: _core.Network) -> None:
        network.add_embedding(self.input_dim, self.output_dim)

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data; not `weights`."""
        return {
            **super().get_config(),
            "input_dim": self.input_dim,
            "output_dim": self.output_dim,
            "embeddings_initializer": initializers.serialize(self.embeddings_initializer),
            "embeddings_regularizer": regularizers.serialize(self.embeddings_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "embeddings_constraint": constraints.serialize(self.embeddings_constraint),
            "mask_zero": False,
        }
