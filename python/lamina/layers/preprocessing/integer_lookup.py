"""Integers as indices of a vocabulary, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina import _checks
from lamina._typing import Array, Config
from lamina.layers.layer import LAYERS
from lamina.layers.preprocessing.hashing import bins_of
from lamina.layers.preprocessing.lookup import Lookup
from lamina.layers.preprocessing.preprocessing_layer import as_integers


@LAYERS.register()
class IntegerLookup(Lookup):
    """Integers as indices of a vocabulary, or as vectors; with `invert` indices as integers.

    Args:
        max_tokens, num_oov_indices, mask_token, oov_token, vocabulary, idf_weights, invert,
            output_mode, sparse, pad_to_max_tokens, name: As for `StringLookup`, with integers for
            strings.
        vocabulary_dtype: "int64" only.
        oov_method: How one of several indices is chosen for an integer out of the vocabulary:
            "floormod" (the remainder) or "farmhash" (a hash of its decimal text).
        salt: For "farmhash": the key of SipHash, an integer or two.
        **options: What Keras' configurations hold.

    Example:
        >>> lamina.layers.IntegerLookup(vocabulary=[12, 36, 1138])([36, 7, 12])
        array([2, 0, 1])
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: int | None = None,
        oov_token: int = -1,
        vocabulary: Any = None,
        vocabulary_dtype: str = "int64",
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        salt: Any = None,
        name: str | None = None,
        **options: Any,
    ) -> None:
        if vocabulary_dtype != "int64":
            raise ValueError(
                "IntegerLookup: only vocabulary_dtype='int64' is supported. "
                f"Received: vocabulary_dtype={vocabulary_dtype!r}"
            )
        if salt is not None and oov_method != "farmhash":
            raise ValueError(
                "IntegerLookup: `salt` is for oov_method='farmhash' only. "
                f"Received: oov_method={oov_method!r}"
            )
        super().__init__(
            max_tokens,
            num_oov_indices,
            mask_token,
            oov_token,
            vocabulary,
            idf_weights,
            invert,
            output_mode,
            sparse,
            pad_to_max_tokens,
            oov_method,
            salt,
            name,
            options,
        )

    def _token(self, value: Any, name: str) -> Any:
        return _checks.integer("IntegerLookup", name, value, low=-(2**63))

    def _elements(self, data: Array) -> list[Any]:
        integers: list[Any] = as_integers(data, f"Layer '{self.name}'").ravel().tolist()
        return integers

    def _out_of_vocabulary(self, data: Array) -> Array:
        integers = data.astype("int64")
        if self.oov_method == "floormod":
            return np.asarray(np.mod(integers, self.num_oov_indices))
        return bins_of(integers, self.num_oov_indices, self.salt)

    def _parsed(self, lines: list[str]) -> list[Any]:
        try:
            return [int(line) for line in lines]
        except ValueError:
            raise ValueError(
                f"Layer '{self.name}': each line of a vocabulary must be an integer."
            ) from None

    def _is_token(self, value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool)

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data; not a vocabulary that was learned."""
        return {**super().get_config(), "vocabulary_dtype": "int64"}
