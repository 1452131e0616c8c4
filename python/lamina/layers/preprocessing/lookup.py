"""Tokens as integers by a vocabulary, and back."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from lamina import _checks
from lamina._checks import unknown_name
from lamina._typing import Array, Config, Shape
from lamina.config import floatx
from lamina.layers.preprocessing.encoding import encode, shape_of_encoded
from lamina.layers.preprocessing.hashing import checked_salt
from lamina.layers.preprocessing.preprocessing_layer import (
    PreprocessingLayer,
    as_integers,
    data_array,
)
from lamina.layers.preprocessing.vocabulary import TokenCounts, batches_of, mean, repeated

_MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")


class Lookup(PreprocessingLayer):
    """What `StringLookup` and `IntegerLookup` have in common.

    Index 0 is the mask token's, if there is one and the output is integers; then come the
    indices of tokens out of the vocabulary, then the vocabulary.
    """

    def __init__(
        self,
        max_tokens: int | None,
        num_oov_indices: int,
        mask_token: Any,
        oov_token: Any,
        vocabulary: Any,
        idf_weights: Any,
        invert: bool,
        output_mode: str,
        sparse: bool,
        pad_to_max_tokens: bool,
        oov_method: str,
        salt: Any,
        name: str | None,
        options: dict[str, Any],
    ) -> None:
        where = type(self).__name__
        _checks.require_default(where, sparse=sparse)
        size = options.pop("vocabulary_size", None)
        options.pop("has_input_vocabulary", None)
        options.pop("dtype", None)  # a file's: the types of tokens and outputs are fixed
        trainable = options.pop("trainable", True)
        if options:
            raise TypeError(f"{where}: unknown arguments. Received: {sorted(options)}")
        super().__init__(name=name, trainable=trainable)
        self.max_tokens = (
            None
            if max_tokens is None
            else _checks.integer(where, "max_tokens", max_tokens, low=2, high=_checks.MOST_ELEMENTS)
        )
        self.num_oov_indices = _checks.integer(
            where, "num_oov_indices", num_oov_indices, low=0, high=_checks.MOST_ELEMENTS
        )
        self.pad_to_max_tokens = _checks.boolean(where, "pad_to_max_tokens", pad_to_max_tokens)
        if self.pad_to_max_tokens and self.max_tokens is None:
            raise ValueError(
                f"{where}: pad_to_max_tokens=True needs `max_tokens`. Received: max_tokens=None"
            )
        output_mode = {"binary": "multi_hot", "tf-idf": "tf_idf"}.get(output_mode, output_mode)
        if output_mode not in _MODES:
            raise unknown_name(f"`output_mode` of {where}", output_mode, _MODES)
        self.output_mode = output_mode
        self.invert = _checks.boolean(where, "invert", invert)
        if self.invert and output_mode != "int":
            raise ValueError(
                f"{where}: output_mode must be 'int' with invert=True. "
                f"Received: output_mode={output_mode!r}"
            )
        if oov_method not in ("floormod", "farmhash"):
            raise unknown_name(f"`oov_method` of {where}", oov_method, ("floormod", "farmhash"))
        self.oov_method = oov_method
        self.salt = checked_salt(where, salt)
        self.mask_token = None if mask_token is None else self._token(mask_token, "mask_token")
        self.oov_token = None if oov_token is None else self._token(oov_token, "oov_token")
        if idf_weights is not None and output_mode != "tf_idf":
            raise ValueError(
                f"{where}: `idf_weights` are for output_mode='tf_idf' only. "
                f"Received: output_mode={output_mode!r}"
            )
        self._tokens: list[Any] | None = None
        self._places: dict[Any, int] = {}
        self._idf: Array | None = None
        self._frozen_size = (
            None
            if size is None
            else _checks.integer(where, "vocabulary_size", size, low=0, high=_checks.MOST_ELEMENTS)
        )
        #: Whether the vocabulary was given, and so is part of the configuration.
        self._given = vocabulary is not None
        self._given_file = isinstance(vocabulary, (str, os.PathLike))
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)
        elif idf_weights is not None:
            raise ValueError(
                f"{where}: `idf_weights` need a `vocabulary`. Received: vocabulary=None"
            )

    # What the two classes define.

    def _token(self, value: Any, name: str) -> Any:
        """A given token as the vocabulary has it."""
        raise NotImplementedError

    def _elements(self, data: Array) -> list[Any]:
        """The tokens of an array, as the vocabulary has them."""
        raise NotImplementedError

    def _out_of_vocabulary(self, data: Array) -> Array:
        """Which of the indices out of the vocabulary each element would take."""
        raise NotImplementedError

    # The vocabulary.

    @property
    def _oov_start(self) -> int:
        return 1 if self.mask_token is not None and self.output_mode == "int" else 0

    @property
    def _token_start(self) -> int:
        return self._oov_start + self.num_oov_indices

    @property
    def _special(self) -> list[Any]:
        return [self.mask_token] * self._oov_start + [self.oov_token] * self.num_oov_indices

    def vocabulary_size(self) -> int:
        """How many indices there are, with those of the mask and of unknown tokens."""
        return self._token_start + len(self._tokens or ())

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """The tokens in the order of their indices.

        Args:
            include_special_tokens: Whether the mask and the tokens that stand for those out of
                the vocabulary are in front, so that a token's place is its index.
        """
        return (self._special if include_special_tokens else []) + list(self._tokens or ())

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Sets the vocabulary.

        Args:
            vocabulary: A list or array of tokens, with or without the special ones in front; or
                the name of a text file with a token in each line.
            idf_weights: For "tf_idf": a weight for each token of `vocabulary`.

        Raises:
            OSError: If the file cannot be read.
            ValueError: For tokens that are there twice or have another meaning, too many tokens,
                and missing weights; nothing has changed then.
        """
        where = f"Layer '{self.name}'"
        if (self.output_mode == "tf_idf") != (idf_weights is not None):
            raise ValueError(
                f"{where}: `idf_weights` are needed for output_mode='tf_idf', and for it only. "
                f"Received: output_mode={self.output_mode!r} and idf_weights={idf_weights!r}"
            )
        if isinstance(vocabulary, (str, os.PathLike)):
            if self.output_mode == "tf_idf":
                raise ValueError(
                    f"{where}: a vocabulary with weights must be a list, not a file. "
                    f"Received: vocabulary={str(vocabulary)!r}"
                )
            from pathlib import Path  # only where a file is read

            text = Path(vocabulary).read_text(encoding="utf-8")
            given = self._parsed(text.splitlines())
            tokens = given
        else:
            array = data_array(vocabulary, "vocabulary")
            if array.ndim != 1 or array.size == 0:
                raise ValueError(
                    f"{where}: a vocabulary is a list of tokens, and not empty. "
                    f"Received: an array of shape {array.shape}"
                )
            given = self._elements(array)
            special = self._special
            found = len(special) > 0 and given[: len(special)] == special
            tokens = given[len(special) :] if found else given
        twice = repeated(tokens)
        if twice:
            raise ValueError(
                f"{where}: tokens of a vocabulary must be different. Received twice: {twice[:10]}"
            )
        reserved = {
            "mask": self.mask_token,
            "out-of-vocabulary": self.oov_token if self.invert else None,
        }
        for what, token in reserved.items():
            if token is not None and token in tokens:
                raise ValueError(
                    f"{where}: the {what} token may be in a vocabulary only as part of the special "
                    f"tokens in front, {self._special}. Received: {token!r} at index "
                    f"{given.index(token)}"
                )
        size = self._token_start + len(tokens)
        if self.max_tokens is not None and size > self.max_tokens:
            raise ValueError(
                f"{where}: the vocabulary is larger than max_tokens={self.max_tokens}. "
                f"Received: {size} tokens with the special ones"
            )
        weights = (
            None if idf_weights is None else self._weights(idf_weights, len(given), len(tokens))
        )
        self._require_size(size)
        self._take(tokens, weights)

    def _weights(self, idf_weights: Any, given: int, tokens: int) -> Array:
        weights = data_array(idf_weights, "idf_weights").astype("float64")
        if weights.shape != (given,):
            raise ValueError(
                f"Layer '{self.name}': `idf_weights` must hold a number for each token of the "
                f"vocabulary. Received: shape {weights.shape} for {given} tokens"
            )
        if given != tokens:  # the special tokens are among them
            return weights
        return np.concatenate([np.full(self._token_start, mean(weights)), weights])

    def _take(self, tokens: list[Any], weights: Array | None) -> None:
        self._tokens = tokens
        start = self._token_start
        self._places = {token: start + place for place, token in enumerate(tokens)}
        self._frozen_size = self.vocabulary_size()
        if weights is not None:
            missing = self._depth() - len(weights)
            self._idf = np.concatenate([weights, np.zeros(missing)]).astype(floatx())

    def _require_size(self, size: int) -> None:
        depends = self.output_mode != "int" and not self.pad_to_max_tokens
        if self._parents() and self.built and depends and size != self._frozen_size:
            raise RuntimeError(
                f"Layer '{self.name}': the size of the vocabulary is part of the model's shape and "
                f"cannot change any more. Received: {size} tokens in place of {self._frozen_size}"
            )

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Learns the vocabulary: the tokens of the data, the most frequent first.

        Args:
            data: An array or list of tokens or of samples of tokens, or a source of batches.
            steps: For sources of batches: how many to take.

        Raises:
            ValueError: If the vocabulary was given to the constructor.
        """
        if self._given:
            raise ValueError(
                f"Layer '{self.name}': the vocabulary was given: there is nothing to adapt."
            )
        counts = TokenCounts(self.output_mode == "tf_idf")
        for batch in batches_of(data, steps):
            array = data_array(batch, "data")
            counts.add(self._elements(array), array.shape)
        if not counts.tokens:
            return
        most = None if self.max_tokens is None else max(self.max_tokens - self._token_start, 0)
        tokens = counts.most_common({self.mask_token, self.oov_token} - {None}, most)
        self._require_size(self._token_start + len(tokens))
        weights = None
        if self.output_mode == "tf_idf":
            learned = counts.inverse_frequencies(tokens).astype(floatx()).astype("float64")
            front = mean(learned) if len(learned) else 0.0
            weights = np.concatenate([np.full(self._token_start, front), learned])
        self._take(tokens, weights)

    def reset_state(self) -> None:
        """Kept for compatibility: `adapt` starts afresh each time."""

    # The layer.

    def _depth(self) -> int:
        if self.pad_to_max_tokens and self.max_tokens is not None:
            return self.max_tokens
        if self._frozen_size is None:
            raise RuntimeError(
                f"Layer '{self.name}': output_mode={self.output_mode!r} needs a vocabulary: call "
                "`adapt` with data, or give a `vocabulary`."
            )
        return self._frozen_size

    def _output_dtype(self) -> str:
        return "int64" if self.invert else super()._output_dtype()

    def _transformed_shape(self, shape: Shape) -> Shape:
        if self.output_mode == "int":
            return shape
        return shape_of_encoded(shape, self._depth(), self.output_mode)

    def _transform(self, data: Array) -> Array:
        if self.invert:
            return self._inverted(data)
        depth = None if self.output_mode == "int" else self._depth()
        masked = 0 if depth is None else depth
        places = self._places
        elements = self._elements(data)
        found = np.array([places.get(token, -1) for token in elements], "int64")
        if self.mask_token is not None:
            masks = np.array([token == self.mask_token for token in elements], bool)
            found[masks] = masked
        outside = found == -1
        if outside.any():
            if self.num_oov_indices == 0:
                missing = [token for token, out in zip(elements, outside, strict=True) if out]
                raise ValueError(
                    f"Layer '{self.name}': num_oov_indices=0, so all tokens must be in the "
                    f"vocabulary. Received: {missing[:10]}"
                )
            rest = data.reshape(-1)[outside]
            choice = 0 if self.num_oov_indices == 1 else self._out_of_vocabulary(rest)
            found[outside] = self._oov_start + choice
        found = found.reshape(data.shape)
        if depth is None:
            return found
        if self.output_mode != "tf_idf":
            return encode(found, depth, self.output_mode, None, "int64")
        counts = encode(found, depth, "count", None, floatx())
        assert self._idf is not None
        return counts * self._idf

    def _inverted(self, data: Array) -> Array:
        indices = as_integers(data, f"Layer '{self.name}'")
        vocabulary = self.get_vocabulary()
        if self.oov_token is None:
            raise ValueError(
                f"Layer '{self.name}': invert=True needs an `oov_token`. Received: oov_token=None"
            )
        count, start = len(vocabulary), self._token_start
        tokens = [
            vocabulary[i] if start <= i < count or (i == 0 and self._oov_start) else self.oov_token
            for i in indices.ravel().tolist()
        ]
        kind = "int64" if isinstance(self.oov_token, int) else None
        return np.array(tokens or [self.oov_token], kind)[: indices.size].reshape(data.shape)

    # Files.

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data; not a vocabulary that was learned."""
        listed = self._given and not self._given_file
        weights = None if self._idf is None or not listed else self._idf[: self._frozen_size]
        config = super().get_config()
        del config["dtype"]
        return {
            **config,
            "invert": self.invert,
            "max_tokens": self.max_tokens,
            "num_oov_indices": self.num_oov_indices,
            "oov_token": self.oov_token,
            "mask_token": self.mask_token,
            "output_mode": self.output_mode,
            "sparse": False,
            "pad_to_max_tokens": self.pad_to_max_tokens,
            "idf_weights": None if weights is None else [float(w) for w in weights],
            "vocabulary": self.get_vocabulary() if listed else None,
            "vocabulary_size": self._frozen_size,
            "oov_method": self.oov_method,
            "salt": self.salt,
        }

    @classmethod
    def from_config(cls, config: Config) -> Any:
        """The layer that `get_config` described.

        Raises:
            ValueError: If the vocabulary is the name of a file: a configuration opens none.
        """
        if isinstance(config.get("vocabulary"), str):
            raise ValueError(
                f"{cls.__name__}: a configuration cannot name a file to read. "
                f"Received: vocabulary={config['vocabulary']!r}"
            )
        return cls(**config)

    def _vocabulary_asset(self) -> str | None:
        """Keras' `vocabulary.txt`; None where the configuration has it or nothing was learned."""
        if (self._given and not self._given_file) or self._tokens is None:
            return None
        return "\n".join(str(token) for token in self.get_vocabulary())

    def _load_vocabulary_asset(self, text: str, idf_weights: Any = None) -> None:
        """Takes the vocabulary of `vocabulary.txt`, for "tf_idf" with its weights."""
        lines = text.splitlines()
        while lines and lines[-1] == "":
            lines.pop()
        tokens = self._parsed(lines)
        if not tokens:
            raise ValueError(f"Layer '{self.name}': the vocabulary in the file is empty.")
        given, self._frozen_size = self._frozen_size, None
        try:
            self.set_vocabulary(tokens, idf_weights)
        finally:
            if self._frozen_size is None:
                self._frozen_size = given

    def _state_asset(self) -> Config | None:
        """Everything that was learned, as plain data; None where the configuration has it."""
        if (self._given and not self._given_file) or self._tokens is None:
            return None
        weights = None if self._idf is None else [float(w) for w in self._idf]
        return {"tokens": list(self._tokens), "idf_weights": weights}

    def _load_state_asset(self, state: Any) -> None:
        """Takes what `_state_asset` gave.

        Raises:
            ValueError: If it does not fit the layer.
        """
        tokens = state.get("tokens") if isinstance(state, dict) else None
        weights = state.get("idf_weights") if isinstance(state, dict) else None
        if not isinstance(tokens, list) or not all(self._is_token(token) for token in tokens):
            raise ValueError(
                f"Layer '{self.name}': the file's vocabulary must be a list of tokens."
            )
        size = self._token_start + len(tokens)
        if repeated(tokens) or (self._frozen_size is not None and size != self._frozen_size):
            raise ValueError(
                f"Layer '{self.name}': the file's vocabulary must hold {self._frozen_size} "
                f"different tokens with the special ones. Received: {size}"
            )
        if (self.output_mode == "tf_idf") != (weights is not None):
            raise ValueError(f"Layer '{self.name}': the file's weights do not fit the layer.")
        array = None
        if weights is not None:
            array = data_array(weights, "idf_weights").astype("float64")
            if array.shape != (self._depth(),):
                raise ValueError(
                    f"Layer '{self.name}': the file must have {self._depth()} weights. "
                    f"Received: shape {array.shape}"
                )
        self._take(tokens, array)

    @property
    def _needs_asset(self) -> bool:
        """Whether a configuration of it says that tokens were learned, and does not hold them."""
        return not (self._given and not self._given_file) and bool(self._frozen_size)

    def _parsed(self, lines: list[str]) -> list[Any]:
        """Lines of a text file as tokens."""
        raise NotImplementedError

    def _is_token(self, value: Any) -> bool:
        raise NotImplementedError
