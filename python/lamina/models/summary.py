"""The table that `summary` prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lamina.variable import Variable

if TYPE_CHECKING:
    from lamina.models.sequential import Sequential

_POSITIONS = (0.45, 0.80, 1.0)


def render(model: Sequential, line_length: int | None, positions: Sequence[float] | None) -> str:
    """The summary of a model as text.

    Args:
        model: The model, built or not.
        line_length: The width of the table; by default what the terminal allows, at most 88.
        positions: Where the columns end, as shares of the width.
    """
    header = ("Layer (type)", "Output Shape", "Param #")
    rows = []
    for layer in model.layers:
        shape = str((model.batch_size, *layer.output_shape[1:])) if layer.built else "?"
        parameters = f"{layer.count_params():,}" if layer.built else "0 (unbuilt)"
        rows.append((f"{layer.name} ({type(layer).__name__})", shape, parameters))
    if line_length is None:
        import shutil  # loads all kinds of compression

        line_length = min(88, max(40, shutil.get_terminal_size().columns - 4))
    places = [int(p * line_length) for p in (positions or _POSITIONS)]
    widths = [b - a - 3 for a, b in zip([1, *places], places, strict=False)]
    if min(widths) < 4:
        raise ValueError(
            "summary: the columns are too narrow. "
            f"Received: line_length={line_length}, positions={tuple(positions or _POSITIONS)}"
        )
    lines = [f'Model: "{model.name}"', _rule(widths, "┏┳┓", "━"), _row(header, widths, "┃")]
    lines.append(_rule(widths, "┡╇┩", "━"))
    for index, row in enumerate(rows):
        if index:
            lines.append(_rule(widths, "├┼┤", "─"))
        lines.extend(_cells(row, widths))
    lines.append(_rule(widths, "└┴┘", "─"))
    weights = model.weights if model.built else []
    slots = model.optimizer.variables if model.optimizer is not None else []
    lines.append(f" Total params: {_count(weights + slots)}")
    lines.append(f" Trainable params: {_count(weights)}")
    lines.append(f" Non-trainable params: {_count([])}")
    if slots:
        lines.append(f" Optimizer params: {_count(slots)}")
    return "\n".join(lines)


def _rule(widths: Sequence[int], corners: str, line: str) -> str:
    return corners[0] + corners[1].join(line * (w + 2) for w in widths) + corners[2]


def _row(cells: Sequence[str], widths: Sequence[int], edge: str) -> str:
    left = [f"{cell:<{w}}" for cell, w in zip(cells[:-1], widths[:-1], strict=True)]
    return f"{edge} " + f" {edge} ".join([*left, f"{cells[-1]:>{widths[-1]}}"]) + f" {edge}"


def _cells(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    """A row in as many lines as its longest cell needs."""
    pieces = [
        [cell[i : i + w] for i in range(0, max(len(cell), 1), w)]
        for cell, w in zip(row, widths, strict=True)
    ]
    height = max(len(piece) for piece in pieces)
    return [
        _row([piece[i] if i < len(piece) else "" for piece in pieces], widths, "│")
        for i in range(height)
    ]


def _count(variables: Sequence[Variable]) -> str:
    elements = sum(v.size for v in variables)
    size = float(sum(v.size * (4 if v.dtype == "float32" else 8) for v in variables))
    units = ("B", "KB", "MB", "GB", "TB", "PB")
    unit = 0
    while size >= 1024 and unit + 1 < len(units):
        size /= 1024
        unit += 1
    return f"{elements:,} ({size:.2f} {units[unit]})"
