"""Axes as Keras counts them, with the batch in front, as axes of a sample."""

from __future__ import annotations

from typing import Any

from lamina import _checks
from lamina._typing import Shape


def checked_axes(where: str, axis: Any) -> int | list[int]:
    """An axis or a list of axes as `axis=` takes them.

    Raises:
        TypeError: For anything else.
    """
    if isinstance(axis, (list, tuple)):
        return [_checks.integer(where, "axis", a, low=-64, high=63) for a in axis]
    return _checks.integer(where, "axis", axis, low=-64, high=63)


def sample_axis(where: str, axis: int, shape: Shape) -> int:
    """The axis of a sample; ValueError for the batch's and for one that is not there."""
    rank = len(shape) + 1
    if not -rank <= axis < rank:
        raise ValueError(
            f"{where}: axis {axis} is out of bounds for samples of shape {shape}. "
            f"Received: axis={axis}"
        )
    place = axis % rank - 1
    if place < 0:
        raise ValueError(f"{where}: the axis of the batch cannot be taken. Received: axis={axis}")
    return place


def reduced_axes(where: str, axis: int | list[int], shape: Shape) -> tuple[list[int], list[int]]:
    """The axes of a sample that `axis` names, ascending, and the order that puts them last.

    The order is empty where they are the last ones already.
    """
    axes = sorted(
        {sample_axis(where, a, shape) for a in ([axis] if isinstance(axis, int) else axis)}
    )
    if not axes:
        raise ValueError(f"{where}: at least one axis is needed. Received: axis={axis}")
    order = [place for place in range(len(shape)) if place not in axes] + axes
    return axes, [] if order == list(range(len(shape))) else order
