"""What users pass as arrays, as NumPy arrays that the core reads without a copy."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina._typing import Array

# What the core reads without a conversion.
NATIVE = frozenset(
    np.dtype(kind)
    for kind in (
        np.bool_,
        np.int8,
        np.uint8,
        np.int16,
        np.uint16,
        np.int32,
        np.uint32,
        np.int64,
        np.uint64,
        np.float32,
        np.float64,
    )
)


def real_array(value: Any, name: str) -> Array:
    """`value` as an array of real numbers in native byte order.

    NumPy arrays of booleans, integers, float32 and float64 pass as they are, whatever their
    strides. float16 is converted to float32, long double to float64, foreign byte order to
    native. Lists, and objects with `to_numpy()` (pandas, polars) or `__array__`, are converted
    by NumPy.

    Args:
        value: What the user passed.
        name: What messages call it.

    Raises:
        TypeError: For object, complex, string and date arrays, and what is no array at all.
        ValueError: For None and for ragged lists.
    """
    if type(value) is np.ndarray and value.dtype in NATIVE:
        return value
    if value is None:
        raise ValueError(f"`{name}` is missing: an array is needed. Received: {name}=None")
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(
            f"`{name}` must not be a masked array: fill its missing values first. "
            f"Received: {type(value).__name__} of shape {value.shape}"
        )
    if not isinstance(value, np.ndarray) and callable(getattr(value, "to_numpy", None)):
        value = _table(value)
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise type(error)(
            f"`{name}` cannot be made an array: {error}. Received: {type(value).__name__}"
        ) from None
    dtype = array.dtype
    if dtype.kind == "f":
        if dtype.itemsize < 4:
            return array.astype(np.float32)
        if dtype.itemsize > 8:
            return array.astype(np.float64)
    if dtype.kind not in "biuf":
        way = f"convert it, for example with {name}.astype('float32')"
        if dtype.kind in "US" or (array.size and isinstance(array.flat[0], str)):
            way = (
                f"np.unique({name}, return_inverse=True) or the layers StringLookup and "
                "IntegerLookup number what are names"
            )
        raise TypeError(
            f"`{name}` must hold real numbers (booleans, integers or floats); {way}. Received: "
            + (
                f"an array of dtype {dtype}"
                if isinstance(value, (np.ndarray, list, tuple))
                else f"an object of type {type(value).__name__}"
            )
        )
    if not dtype.isnative:
        array = array.astype(dtype.newbyteorder("="))
    return array


def _table(value: Any) -> Any:
    """A frame or series as NumPy has it; numeric columns of different types as float64."""
    array = value.to_numpy()
    if getattr(getattr(array, "dtype", None), "kind", None) != "O":
        return array
    # pandas gives objects for booleans beside numbers, and for its own nullable types.
    dtypes: Any = getattr(value, "dtypes", None)
    listed = list(dtypes) if hasattr(dtypes, "__len__") else [dtypes]
    kinds = [getattr(dtype, "kind", "O") for dtype in listed]
    if kinds and all(kind in "biuf" for kind in kinds):
        return value.to_numpy(dtype="float64", na_value=float("nan"))
    return array


def floating_array(value: Any, name: str, dtype: str | None, default: str) -> Array:
    """`value` as an array of `dtype`; without one, floats stay and the rest take `default`."""
    array = real_array(value, name)
    if dtype is None:
        dtype = array.dtype.name if array.dtype.kind == "f" else default
    return array.astype(dtype, copy=False)
