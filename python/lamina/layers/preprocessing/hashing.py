"""Categories as the number of a bin that a hash gives, without a vocabulary."""

from __future__ import annotations

from typing import Any

import numpy as np

import lamina._core as _core
from lamina import _checks
from lamina._checks import unknown_name
from lamina._typing import Array, Config, Shape
from lamina.config import floatx
from lamina.graph.keras_tensor import any_symbolic
from lamina.layers.layer import LAYERS
from lamina.layers.preprocessing.encoding import encode, shape_of_encoded
from lamina.layers.preprocessing.preprocessing_layer import (
    PreprocessingLayer,
    as_integers,
    as_strings,
    data_array,
    is_text,
)

_INTEGERS = ("int32", "int64")
#: What the hash of a crossing begins with.
_CROSSING_KEY = 0xDECAFCAFFE


def checked_salt(where: str, salt: Any) -> list[int] | None:
    """A key of two words, from one number or two.

    Raises:
        ValueError: For anything else.
    """
    if salt is None:
        return None
    if isinstance(salt, (list, tuple)) and len(salt) == 2:
        words = salt
    elif isinstance(salt, (int, np.integer)) and not isinstance(salt, bool):
        words = (salt, salt)
    else:
        raise ValueError(
            f"{where}: `salt` must be an integer or a pair of integers. Received: salt={salt!r}"
        )
    return [_checks.integer(where, "salt", word, low=0, high=2**64 - 1) for word in words]


def bins_of(array: Array, count: int, salt: list[int] | None) -> Array:
    """The bins of strings, or of integers as decimal text."""
    key = None if salt is None else (salt[0], salt[1])
    if is_text(array):
        hashes = _core.hash_strings(array.ravel().tolist(), key)
    else:
        hashes = _core.hash_integers(np.ascontiguousarray(array.ravel(), "int64"), key)
    bins = np.asarray(hashes) % np.uint64(count)
    return bins.astype("int64").reshape(array.shape)


class _Binned(PreprocessingLayer):
    """A layer that gives numbers of bins, or vectors of them."""

    def __init__(
        self, num_bins: Any, output_mode: str, modes: tuple[str, ...], sparse: bool, options: Any
    ) -> None:
        where = type(self).__name__
        _checks.require_default(where, sparse=sparse)
        if output_mode not in modes:
            raise unknown_name(f"`output_mode` of {where}", output_mode, modes)
        self.output_mode = output_mode
        self.num_bins = _checks.integer(
            where, "num_bins", num_bins, low=1, high=_checks.MOST_ELEMENTS
        )
        given = options.pop("dtype", None)
        self._result = ("int64" if output_mode == "int" else floatx()) if given is None else given
        if output_mode == "int" and self._result not in _INTEGERS:
            raise ValueError(
                f"{where}: `dtype` must be 'int32' or 'int64' with output_mode='int'. "
                f"Received: dtype={given!r}"
            )
        super().__init__(dtype=None if self._result in _INTEGERS else self._result, **options)

    def _output_dtype(self) -> str:
        return str(self._result)

    def _transformed_shape(self, shape: Shape) -> Shape:
        if self.output_mode == "int":
            return shape
        return shape_of_encoded(shape, self.num_bins, self.output_mode)

    def _encoded(self, bins: Array) -> Array:
        if self.output_mode == "int":
            return bins.astype(self._result)
        return encode(bins, self.num_bins, self.output_mode, None, self._result)

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {
            **super().get_config(),
            "dtype": self._result,
            "num_bins": self.num_bins,
            "output_mode": self.output_mode,
            "sparse": False,
        }


@LAYERS.register()
class Hashing(_Binned):
    """Strings or integers as numbers of bins, by the hash functions that Keras takes.

    FarmHash's 64-bit fingerprint, or with a salt SipHash-2-4; integers are hashed as decimal text,
    floating-point numbers as the integers that they are cut to.

    Args:
        num_bins: How many bins there are, with that of `mask_value`.
        mask_value: The value of bin 0, which no other then gets.
        salt: An integer, or two: the key of SipHash.
        output_mode: "int", or as for `CategoryEncoding`.
        sparse: Not supported: False only.
        **options: `name`, `dtype` (for "int" 'int64' or 'int32').

    Example:
        >>> lamina.layers.Hashing(num_bins=3)([["A"], ["B"], ["C"], ["D"], ["E"]]).ravel()
        array([1, 0, 1, 1, 2])
    """

    def __init__(
        self,
        num_bins: int,
        mask_value: Any = None,
        salt: Any = None,
        output_mode: str = "int",
        sparse: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(
            num_bins, output_mode, ("int", "one_hot", "multi_hot", "count"), sparse, options
        )
        if mask_value is not None and not isinstance(mask_value, (str, int, float)):
            raise TypeError(
                "Hashing: `mask_value` must be a string or a number. "
                f"Received: mask_value={mask_value!r}"
            )
        self.mask_value = mask_value
        self.salt = checked_salt("Hashing", salt)

    def _transform(self, data: Array) -> Array:
        masked = None
        count = self.num_bins
        if self.mask_value is not None and count > 1:
            if is_text(data) != isinstance(self.mask_value, str):
                raise TypeError(
                    "Hashing: `mask_value` must have the type of the data. "
                    f"Received: mask_value={self.mask_value!r}"
                )
            values = np.array(as_strings(data), object) if is_text(data) else data.ravel()
            masked = (values == self.mask_value).reshape(data.shape)
            count -= 1
        numbers = data if is_text(data) else data.astype("int64")
        bins = bins_of(numbers, count, self.salt)
        if masked is not None:
            bins = np.where(masked, 0, bins + 1)
        return self._encoded(bins)

    def get_config(self) -> Config:
        """The arguments of the constructor, as plain data."""
        return {**super().get_config(), "mask_value": self.mask_value, "salt": self.salt}


@LAYERS.register()
class HashedCrossing(_Binned):
    """Two or more features together as the number of a bin.

    It is called on a list of arrays, so it is no part of a `Sequential`.

    Args:
        num_bins: How many bins there are.
        output_mode: "int" or "one_hot".
        sparse: Not supported: False only.
        name: Its name.
        dtype: For "int" 'int64' or 'int32', else the type of vectors.
        **options: `trainable`, for compatibility.

    Example:
        >>> cross = lamina.layers.HashedCrossing(num_bins=5)
        >>> cross((["A", "B", "A", "B", "A"], [101, 101, 101, 102, 102]))
        array([1, 4, 1, 1, 3])
    """

    def __init__(
        self,
        num_bins: int,
        output_mode: str = "int",
        sparse: bool = False,
        name: str | None = None,
        dtype: Any = None,
        **options: Any,
    ) -> None:
        merged = {**options, "name": name, "dtype": dtype}
        super().__init__(num_bins, output_mode, ("int", "one_hot"), sparse, merged)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The output's shape for those of the features."""
        known = tuple(1 if extent is None else int(extent) for extent in input_shape[0])
        return (*input_shape[0][:1], *self._transformed_shape(known)[1:])

    def _shape_after(self, shape: Shape) -> Shape:
        raise ValueError(
            "HashedCrossing takes several features: call it on them ahead of the model. "
            f"Received: layer '{self.name}' in a Sequential"
        )

    def __call__(  # type: ignore[override]
        self, inputs: Any, training: bool | None = False
    ) -> Array:
        """The bins of features: a list of at least two arrays of shape (n,), (n, 1) or ()."""
        if any_symbolic(inputs):
            return self.symbolic_call(inputs)  # type: ignore[no-any-return]
        if not isinstance(inputs, (list, tuple)) or len(inputs) < 2:
            raise ValueError(
                "HashedCrossing: a list of at least two features is needed. "
                f"Received: inputs={inputs!r}"
            )
        arrays = [data_array(feature, "inputs") for feature in inputs]
        shapes = [array.shape for array in arrays]
        if (
            any(s != shapes[0] for s in shapes)
            or len(shapes[0]) > 2
            or shapes[0][1:]
            not in (
                (),
                (1,),
            )
        ):
            raise ValueError(
                "HashedCrossing: all features must have the same shape: (n,), (n, 1) or (). "
                f"Received: shapes {shapes}"
            )
        result = np.full(arrays[0].size, _CROSSING_KEY, "uint64")
        for array in arrays:
            if is_text(array):
                hashes = np.asarray(_core.hash_strings(array.ravel().tolist()))
            else:
                if array.dtype.kind == "f":
                    raise TypeError(
                        "HashedCrossing: features must be strings or integers. "
                        f"Received: an array of dtype {array.dtype}"
                    )
                integers = as_integers(array, "HashedCrossing")
                hashes = np.ascontiguousarray(integers.ravel()).view("uint64")
            result = np.asarray(_core.combine_hashes(result, hashes))
        bins = (result % np.uint64(self.num_bins)).astype("int64").reshape(shapes[0])
        return self._encoded(bins)
