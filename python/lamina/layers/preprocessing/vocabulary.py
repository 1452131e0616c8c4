"""Learning vocabularies: how often tokens are there, and in how many samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

import lamina._core as _core
from lamina._typing import Array
from lamina.data.dataset import Dataset


def batches_of(data: Any, steps: int | None) -> Iterator[Any]:
    """What `adapt` was given, batch by batch; an array or list is one batch of samples.

    Raises:
        ValueError: For `steps` with an array.
    """
    whole = isinstance(data, (list, tuple, np.ndarray, str)) or hasattr(data, "to_numpy")
    if whole or not isinstance(data, (Iterable, Dataset)):
        if steps is not None:
            raise ValueError(
                "adapt: `steps` is for sources of batches; arrays are taken whole. "
                f"Received: steps={steps}"
            )
        array = data.to_numpy() if hasattr(data, "to_numpy") else np.asarray(data)
        yield array[:, None] if array.ndim == 1 else array  # each element is a sample
        return
    for count, batch in enumerate(data):
        if steps is not None and count >= steps:
            return
        yield batch[0] if isinstance(batch, tuple) else batch


class TokenCounts:
    """Counts of tokens over batches."""

    def __init__(self, documents: bool) -> None:
        self.tokens: Counter[Any] = Counter()
        #: In how many samples each token is, where that is needed.
        self.documents: Counter[Any] | None = Counter() if documents else None
        self.samples = 0

    def add(self, tokens: list[Any], shape: tuple[int, ...]) -> None:
        """Adds a batch, given as the flat list of its tokens; without two axes it is one sample."""
        self.tokens.update(tokens)
        if self.documents is None:
            return
        samples = shape[0] if len(shape) > 1 else 1
        width = len(tokens) // samples if samples else 0
        for first in range(0, samples * width, max(width, 1)):
            self.documents.update(set(tokens[first : first + width]))
        self.samples += samples

    def most_common(self, without: set[Any], most: int | None) -> list[Any]:
        """The tokens by their counts, the greater token first where counts are equal."""
        found = [(count, token) for token, count in self.tokens.items() if token not in without]
        found.sort(reverse=True)
        return [token for _, token in found[:most]]

    def inverse_frequencies(self, tokens: list[Any]) -> Array:
        """log(1 + samples / (1 + samples with the token)) of each token."""
        assert self.documents is not None
        counts = np.array([self.documents[token] for token in tokens], "float64")
        ratio = float(self.samples) / (1.0 + counts)
        return np.asarray(_core.elementary("log", 1.0 + ratio))


def mean(values: Array) -> float:
    """The mean, in an order that does not depend on the machine."""
    column = np.ascontiguousarray(values, "float64").reshape(-1, 1)
    return float(np.asarray(_core.column_moments(column)[0])[0])


def repeated(tokens: list[Any]) -> list[Any]:
    """The tokens that are there more than once."""
    return [token for token, count in Counter(tokens).items() if count > 1]
