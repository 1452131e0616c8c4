"""The table that `summary` prints."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from lamina.graph import tree
from lamina.variable import Variable

_POSITIONS = (0.45, 0.80, 1.0)
_POSITIONS_TRAINABLE = (0.38, 0.70, 0.88, 1.0)
_POSITIONS_GRAPH = (0.30, 0.56, 0.74, 1.0)


def render(
    model: Any,
    line_length: int | None,
    positions: Sequence[float] | None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Sequence[str] | None = None,
) -> str:
    """The summary of a model as text.

    Args:
        model: The model, built or not.
        line_length: The width of the table; by default what the terminal allows, at most 88.
        positions: Where the columns end, as shares of the width.
        expand_nested: Whether the layers of models and blocks inside are listed too.
        show_trainable: Whether there is a column that says what is trained.
        layer_range: Names, or patterns of them, of the first and the last layer to list.
    """
    header = ["Layer (type)", "Output Shape", "Param #"]
    graph = getattr(model, "_graph", None)
    function = None if graph is None or _is_chain(graph.function) else graph.function
    if function is not None:
        header.append("Connected to")
    if show_trainable:
        header.append("Train")
    rows = []
    listed = model.layers if graph is None else graph.function.operations
    for layer in _chosen(listed, layer_range):
        batch_size = getattr(model, "batch_size", None)
        rows.extend(_rows(layer, batch_size, expand_nested, show_trainable, 0, graph, function))
    if line_length is None:
        import shutil  # loads all kinds of compression

        most = (88 if function is None else 108) + 12 * (show_trainable and function is not None)
        line_length = min(most, max(40, shutil.get_terminal_size().columns - 4))
    standard: tuple[float, ...] = _POSITIONS_TRAINABLE if show_trainable else _POSITIONS
    if function is not None:
        standard = _POSITIONS_GRAPH
        if show_trainable:
            standard = (*(share * 0.9 for share in _POSITIONS_GRAPH), 1.0)
    shares = positions or standard
    places = [int(p * line_length) for p in shares]
    widths = [b - a - 3 for a, b in zip([1, *places], places, strict=False)]
    if min(widths) < 4 or len(widths) != len(header):
        raise ValueError(
            f"summary: the columns are too narrow, or not {len(header)}. "
            f"Received: line_length={line_length}, positions={tuple(shares)}"
        )
    right = 2 if function is not None else len(header) - 1
    lines = [f'Model: "{model.name}"', _rule(widths, "┏┳┓", "━"), _row(header, widths, "┃", right)]
    lines.append(_rule(widths, "┡╇┩", "━"))
    for index, row in enumerate(rows):
        if index:
            lines.append(_rule(widths, "├┼┤", "─"))
        lines.extend(_cells(row, widths, right))
    lines.append(_rule(widths, "└┴┘", "─"))
    weights = model.weights if model.built else []
    trained = [variable for variable in weights if variable.trainable]
    others = [variable for variable in weights if not variable.trainable]
    slots = model.optimizer.variables if model.optimizer is not None else []
    lines.append(f" Total params: {_count(weights + slots)}")
    lines.append(f" Trainable params: {_count(trained)}")
    lines.append(f" Non-trainable params: {_count(others)}")
    if slots:
        lines.append(f" Optimizer params: {_count(slots)}")
    lines.append(f" Driver: {model._driver()}")
    return "\n".join(lines)


def _chosen(layers: list[Any], layer_range: Sequence[str] | None) -> list[Any]:
    """The layers from the first that the first pattern fits to the last that the second fits."""
    if layer_range is None:
        return layers
    if (
        isinstance(layer_range, str)
        or len(layer_range) != 2
        or not all(isinstance(pattern, str) for pattern in layer_range)
    ):
        raise ValueError(
            "summary: `layer_range` must be two names of layers. "
            f"Received: layer_range={layer_range!r}"
        )
    first = [i for i, layer in enumerate(layers) if re.match(layer_range[0], layer.name)]
    last = [i for i, layer in enumerate(layers) if re.match(layer_range[1], layer.name)]
    if not first or not last:
        raise ValueError(
            "summary: `layer_range` must name layers of the model. "
            f"Received: layer_range={tuple(layer_range)}"
        )
    ends = sorted((first[0], last[-1]))
    return layers[ends[0] : ends[1] + 1]


def _is_chain(function: Any) -> bool:
    """Whether each call takes what the one before it gives, and each operation is called once."""
    calls = function.calls
    before = function.inputs
    for node in calls:
        if len(node.inputs) != 1 or node.inputs[0] not in before or len(before) != 1:
            return False
        before = node.outputs
    return len({id(node.operation) for node in calls}) == len(calls)


def _shape(layer: Any, batch_size: int | None, graph: Any) -> str:
    """The shapes of the outputs, of the last call if the layer is part of a graph."""
    nodes = graph.function.nodes_of(layer) if graph is not None else []
    if nodes:
        structure = tree.map_structure(
            lambda tensor: _Text(tensor.shape), nodes[-1].output_structure
        )
        return str(structure)
    if not layer.built:
        return "?"
    try:
        return str((batch_size, *layer.output_shape[1:]))
    except (AttributeError, TypeError):  # a custom layer or model of several outputs
        return "?"


class _Text:
    """A text that stands without quotes in the text of a list."""

    def __init__(self, value: object) -> None:
        self._text = str(value)

    def __repr__(self) -> str:
        return self._text


def _rows(
    layer: Any,
    batch_size: int | None,
    expand: bool,
    trainable: bool,
    depth: int,
    graph: Any = None,
    function: Any = None,
) -> list[list[str]]:
    parameters = "0"
    if hasattr(layer, "count_params"):
        parameters = f"{layer.count_params():,}" if layer.built else "0 (unbuilt)"
    indent = " " * (2 * depth - 1) + "└ " if depth else ""
    kind = "Functional" if getattr(layer, "_graph", None) else type(layer).__name__
    shape = _shape(layer, batch_size, graph)
    row = [f"{indent}{layer.name} ({kind})", shape, parameters]
    if function is not None:
        nodes = function.nodes_of(layer) if depth == 0 else []
        names = [name for node in nodes for name in function.connected_to(node)]
        row.append(", ".join(names) or "-")
    if trainable:
        has_weights = bool(getattr(layer, "weights", None))
        row.append("-" if not has_weights else "Y" if layer.trainable else "N")
    rows = [row]
    if expand:
        for inner in getattr(layer, "layers", ()):
            inner_graph = getattr(layer, "_graph", None)
            rows.extend(
                _rows(inner, batch_size, expand, trainable, depth + 1, inner_graph, function)
            )
    return rows


def _rule(widths: Sequence[int], corners: str, line: str) -> str:
    return corners[0] + corners[1].join(line * (w + 2) for w in widths) + corners[2]


def _row(cells: Sequence[str], widths: Sequence[int], edge: str, right: int) -> str:
    """One line; the column `right` is aligned to the right."""
    aligned = [
        f"{cell:>{width}}" if place == right else f"{cell:<{width}}"
        for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return f"{edge} " + f" {edge} ".join(aligned) + f" {edge}"


def _cells(row: Sequence[str], widths: Sequence[int], right: int) -> list[str]:
    """A row in as many lines as its longest cell needs."""
    pieces = [
        [cell[i : i + w] for i in range(0, max(len(cell), 1), w)]
        for cell, w in zip(row, widths, strict=True)
    ]
    height = max(len(piece) for piece in pieces)
    return [
        _row([piece[i] if i < len(piece) else "" for piece in pieces], widths, "│", right)
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
