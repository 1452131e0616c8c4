"""Pictures of models."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from lamina._checks import unknown_name

_LINE, _PAD, _GAP = 0.22, 0.12, 0.35  # inches


def plot_model(
    model: Any,
    to_file: Any = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
) -> Any:
    """Draws a model as a chain of boxes, one for each layer; needs matplotlib but for ".dot".

    Args:
        model: A model.
        to_file: Where to: ".png", ".pdf", ".svg", or ".dot" for Graphviz. None writes nothing.
        show_shapes: Show the shapes that go in and out.
        show_dtype: Show the type that a layer computes in.
        show_layer_names: Show the layers' names.
        rankdir: "TB" from top to bottom, "LR" from left to right.
        expand_nested: Draw the layers of models inside the model.
        dpi: Dots an inch.
        show_layer_activations: Show activation functions.
        show_trainable: Show whether training changes a layer.
        splines: How Graphviz draws the arrows of a ".dot" file, such as "ortho" or "curved".

    Returns:
        The matplotlib figure, which notebooks draw; for ".dot" the text.

    Raises:
        ImportError: Without matplotlib.
        ValueError: For a model that is not built, or an unknown direction.
    """
    if rankdir not in ("TB", "LR"):
        raise unknown_name("`rankdir`", rankdir, ("TB", "LR"))
    if not model.built:
        raise ValueError(
            "plot_model: the model has not been built yet: its shapes are not known. "
            f"Received: model '{model.name}'"
        )
    boxes: list[list[str]] = [["Input", *_input_lines(model, show_shapes, show_dtype)]]
    if getattr(model, "_graph", None) is not None:
        raise NotImplementedError(
            "plot_model: graphs of layers cannot be drawn yet; `summary` says how layers are "
            f"connected. Received: model '{model.name}'"
        )
    for layer in _layers(model, expand_nested):
        kind = type(layer).__name__
        lines = [f"{layer.name} ({kind})" if show_layer_names else kind]
        if show_layer_activations and getattr(layer, "activation", None) is not None:
            lines.append(f"activation: {_name(layer.activation)}")
        if show_shapes:
            lines.append(f"{_shape(layer, 'input')} → {_shape(layer, 'output')}")
        if show_dtype:
            lines.append(f"dtype: {layer.dtype}")
        if show_trainable:
            lines.append("trainable" if getattr(layer, "trainable", True) else "not trainable")
        boxes.append(lines)
    path = None if to_file is None else os.fspath(to_file)
    if path is not None and path.endswith(".dot"):
        text = _dot(boxes, rankdir, splines)
        Path(path).write_text(text, encoding="utf-8")
        return text
    figure = _draw(boxes, rankdir)
    if path is not None:
        figure.savefig(path, dpi=dpi)
    return figure


def _layers(model: Any, nested: bool) -> list[Any]:
    found = []
    for layer in model.layers:
        inner = getattr(layer, "layers", None)
        found.extend(_layers(layer, nested) if nested and inner else [layer])
    return found


def _input_lines(model: Any, shapes: bool, dtype: bool) -> list[str]:
    lines = [str(model.input_shape)] if shapes else []
    return [*lines, f"dtype: {model.dtype}"] if dtype else lines


def _name(activation: Any) -> str:
    return str(getattr(activation, "__name__", None) or getattr(activation, "name", activation))


def _shape(layer: Any, side: str) -> str:
    shape = getattr(layer, f"{side}_shape", None)
    if shape is None:
        sample = getattr(layer, f"_{side}", None)
        shape = "?" if sample is None else (None, *sample)
    return str(shape)


def _dot(boxes: list[list[str]], rankdir: str, splines: str) -> str:
    lines = [
        "digraph model {",
        f"  rankdir={rankdir};",
        f"  splines={splines};",
        "  node [shape=box];",
    ]
    for place, box in enumerate(boxes):
        text = "\\n".join(line.replace("\\", "\\\\").replace('"', '\\"') for line in box)
        lines.append(f'  n{place} [label="{text}"];')
    lines += [f"  n{place} -> n{place + 1};" for place in range(len(boxes) - 1)]
    return "\n".join([*lines, "}"]) + "\n"


def _draw(boxes: list[list[str]], rankdir: str) -> Any:
    from matplotlib import figure as figures

    width = max(1.4, 0.085 * max(len(line) for box in boxes for line in box) + 2 * _PAD)
    heights = [_LINE * len(box) + 2 * _PAD for box in boxes]
    down = rankdir == "TB"
    count = len(boxes)
    total = (
        (width, sum(heights) + _GAP * (count - 1))
        if down
        else (width * count + _GAP * (count - 1), max(heights))
    )
    figure: Any = figures.Figure(figsize=(total[0] + 2 * _PAD, total[1] + 2 * _PAD))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(-_PAD, total[0] + _PAD)
    axes.set_ylim(-_PAD, total[1] + _PAD)
    axes.set_axis_off()
    left, top = 0.0, total[1]
    for place, (box, height) in enumerate(zip(boxes, heights, strict=True)):
        bottom = top - height if down else (total[1] - height) / 2
        style = {"facecolor": "#eef3fb", "edgecolor": "#3b5b92", "linewidth": 1.0}
        axes.add_patch(_rectangle(left, bottom, width, height, style))
        for row, line in enumerate(box):
            y = bottom + height - _PAD - _LINE * (row + 0.5)
            weight = "bold" if row == 0 else "normal"
            axes.text(
                left + width / 2, y, line, ha="center", va="center", fontsize=8, fontweight=weight
            )
        if place + 1 < count:
            start = (left + width / 2, bottom) if down else (left + width, total[1] / 2)
            step = (0.0, -_GAP) if down else (_GAP, 0.0)
            axes.annotate(
                "",
                xy=(start[0] + step[0], start[1] + step[1]),
                xytext=start,
                arrowprops={"arrowstyle": "-|>", "color": "#3b5b92"},
            )
        if down:
            top -= height + _GAP
        else:
            left += width + _GAP
    return figure


def _rectangle(left: float, bottom: float, width: float, height: float, style: Any) -> Any:
    from matplotlib.patches import FancyBboxPatch

    return FancyBboxPatch(
        (left, bottom), width, height, boxstyle="round,pad=0,rounding_size=0.06", **style
    )
