"""Checks of arguments, each with an error that says what came in and what is needed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

#: No array may have more elements than this (the core's own limit).
MOST_ELEMENTS = 2**47

#: Arguments of other libraries, and of old versions of Keras, with the names that they have here.
OTHER_WORDS = {
    "lr": ("learning_rate",),
    "p": ("rate",),
    "eps": ("epsilon",),
    "betas": ("beta_1", "beta_2"),
    "bias": ("use_bias",),
}


def unknown_name(kind: str, name: object, known: Iterable[str]) -> ValueError:
    """The error for a name that is not known, with the nearest one that is."""
    import difflib  # takes a millisecond to load, and is for errors only

    names = sorted(set(known))
    near = difflib.get_close_matches(str(name), names, n=1)
    if not near:
        lower = {n.lower(): n for n in reversed(names)}
        near = [lower[n] for n in difflib.get_close_matches(str(name).lower(), lower, n=1)]
    suggestion = f" Did you mean '{near[0]}'?" if near else ""
    return ValueError(
        f"Unknown {kind}.{suggestion} Known names: {', '.join(names)}. Received: {name!r}"
    )


def require_known_words(cls: type, options: dict[str, Any]) -> None:
    """TypeError for arguments of a constructor that have another name here.

    Args:
        cls: A built-in class, or one derived from it without a constructor.
        options: What the constructor is called with.
    """
    if OTHER_WORDS.keys().isdisjoint(options):
        return
    constructor: Any = cls.__init__  # type: ignore[misc]
    if not constructor.__module__.startswith("lamina."):
        return
    import inspect  # for errors only

    taken = inspect.signature(constructor).parameters
    for word, meant in OTHER_WORDS.items():
        if word in options and word not in taken and meant[0] in taken:
            names = " and ".join(f"`{name}`" for name in meant)
            raise TypeError(
                f"{cls.__name__}: use {names}. Received: {word}={options[word]!r}, which is the "
                "name in other libraries"
            )


def unsupported(where: str, argument: str, value: object) -> NotImplementedError:
    """The error for an argument that Keras has and lamina does not have yet."""
    return NotImplementedError(
        f"{where}: argument `{argument}` is not supported yet. Leave it at its default. "
        f"Received: {argument}={value!r}"
    )


def require_default(where: str, **arguments: Any) -> None:
    """Raises for each argument that is neither None nor False."""
    for argument, value in arguments.items():
        if value is not None and value is not False:
            raise unsupported(where, argument, value)


def integer(where: str, name: str, value: Any, *, low: int, high: int = 2**63 - 1) -> int:
    """`value` as an int in [low, high]; TypeError for what is no integer at all."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        if isinstance(value, (float, np.floating)) and not isinstance(value, bool):
            raise ValueError(
                f"{where}: `{name}` must be an integer of at least {low}. Received: {name}={value}"
            )
        raise TypeError(
            f"{where}: `{name}` must be an integer of at least {low}. "
            f"Received: {name}={value!r} (of type {type(value).__name__})"
        )
    number = int(value)
    if not low <= number <= high:
        limit = f"at least {low}" if number < low else f"at most {high}"
        raise ValueError(f"{where}: `{name}` must be {limit}. Received: {name}={number}")
    return number


def number(
    where: str,
    name: str,
    value: Any,
    *,
    low: float = float("-inf"),
    high: float = float("inf"),
    open_low: bool = False,
    open_high: bool = False,
) -> float:
    """`value` as a float within the bounds, which may be excluded; never NaN."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, (bool, np.bool_)) or not isinstance(
        value, (int, float, np.integer, np.floating)
    ):
        raise TypeError(
            f"{where}: `{name}` must be a number. "
            f"Received: {name}={value!r} (of type {type(value).__name__})"
        )
    try:
        result = float(value)
    except OverflowError:
        raise ValueError(f"{where}: `{name}` is too large. Received: {name}={value}") from None
    above = result > low if open_low else result >= low
    below = result < high if open_high else result <= high
    if not (above and below):
        left, right = "(" if open_low else "[", ")" if open_high else "]"
        raise ValueError(
            f"{where}: `{name}` must be a number in {left}{low}, {high}{right}. "
            f"Received: {name}={value}"
        )
    return result


def boolean(where: str, name: str, value: Any) -> bool:
    """`value` as a bool; TypeError for anything but True and False."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{where}: `{name}` must be True or False. Received: {name}={value!r}")
    return bool(value)


def seed_number(where: str, value: Any) -> int:
    """A seed: an integer that fits 64 bits; negative ones count from 2**64."""
    return integer(where, "seed", value, low=-(2**63), high=2**64 - 1) % 2**64


def extents(where: str, name: str, value: Any, *, batch: bool = False) -> tuple[int | None, ...]:
    """`value` as a tuple of positive extents; with `batch`, the first may be None."""
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        value = (value,)
    if not isinstance(value, (tuple, list)):
        raise TypeError(
            f"{where}: `{name}` must be a tuple of positive integers. Received: {name}={value!r}"
        )
    result: list[int | None] = []
    for axis, extent in enumerate(value):
        if extent is None:
            if batch and axis == 0:
                result.append(None)
                continue
            raise ValueError(
                f"{where}: every extent of `{name}` must be known. Received: {name}={tuple(value)}"
            )
        result.append(integer(where, name, extent, low=1, high=MOST_ELEMENTS))
    total = 1
    for size in result:
        total *= size or 1
        if total > MOST_ELEMENTS:
            raise ValueError(
                f"{where}: `{name}` has more elements than memory can hold. "
                f"Received: {name}={tuple(value)}"
            )
    return tuple(result)
