"""Strings as integers by a vocabulary, and back."""

from __future__ import annotations

from typing import Any

from lamina._typing import Array, Config
from lamina.layers.layer import LAYERS
from lamina.layers.preprocessing.hashing import bins_of
from lamina.layers.preprocessing.lookup import Lookup
from lamina.layers.preprocessing.preprocessing_layer import as_strings, is_text


@LAYERS.register()
class StringLookup(Lookup):
    """Strings as integers by a vocabulary, or as vectors; with `invert` integers as strings.

    Args:
        max_tokens: The largest size of the vocabulary, special tokens included; None for no limit.
        num_oov_indices: How many indices there are for strings out of the vocabulary; with 0 they
            are errors, with several a hash chooses.
        mask_token: A string that is index 0 where the output is integers, and leaves no mark in
            vectors.
        oov_token: What `invert` gives for indices out of the vocabulary.
        vocabulary: A list of strings, or the name of a text file with one in each line; None to
            `adapt` it.
        idf_weights: For "tf_idf": a weight for each string of `vocabulary`.
        invert: Whether integers become strings.
        output_mode: "int", "one_hot", "multi_hot", "count" or "tf_idf".
        pad_to_max_tokens: Whether vectors have `max_tokens` elements whatever the vocabulary.
        sparse: Not supported: False only.
        encoding: "utf-8" only.
        name: Its name.
        salt: The key of SipHash for strings out of the vocabulary: an integer or two.
        **options: `oov_method`, and what Keras' configurations hold.

    Example:
        >>> layer = lamina.layers.StringLookup(vocabulary=["a", "b"])
        >>> layer(["b", "z", "a"])
        array([2, 0, 1])
        >>> layer.get_vocabulary()
        ['[UNK]', 'a', 'b']
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: str | None = None,
        oov_token: str = "[UNK]",
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        sparse: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        salt: Any = None,
        **options: Any,
    ) -> None:
        if encoding not in ("utf-8", "utf8", "UTF-8"):
            raise NotImplementedError(
                f"StringLookup: only encoding='utf-8' is supported. Received: encoding={encoding!r}"
            )
        method = options.pop("oov_method", "floormod")
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
            method,
            salt,
            name,
            options,
        )

    def _token(self, value: Any, name: str) -> Any:
        if not isinstance(value, str):
            raise TypeError(f"StringLookup: `{name}` must be a string. Received: {name}={value!r}")
        return value

    def _output_dtype(self) -> str:
        return "string" if self.invert else super()._output_dtype()

    def _elements(self, data: Array) -> list[Any]:
        if not is_text(data):
            if data.size == 0:
                return []
            raise TypeError(
                f"Layer '{self.name}' takes strings. Received: an array of dtype {data.dtype}"
            )
        return as_strings(data)

    def _out_of_vocabulary(self, data: Array) -> Array:
        return bins_of(data, self.num_oov_indices, self.salt)

    def _parsed(self, lines: list[str]) -> list[Any]:
        return lines

    def _is_token(self, value: Any) -> bool:
        return isinstance(value, str)

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data; not a vocabulary that was learned."""
        return {**super().get_config(), "encoding": "utf-8"}
