"""Diagrams as text of Graphviz, as SVG, and as figures of matplotlib."""

from __future__ import annotations

from itertools import pairwise
from typing import Any
from xml.sax.saxutils import escape

from lamina.utils.diagram import Diagram
from lamina.utils.layout import LINE, PADDING, Layout, Placed, Point

_EDGE, _FILL, _GROUP, _TEXT = "#3b5b92", "#eef3fb", "#f8fafd", "#1b2a41"
_FONT = "Helvetica, Arial, sans-serif"
_MARGIN, _SIZE, _HEAD = 10.0, 11.0, 5.0


def dot_text(
    diagram: Diagram, rankdir: str, splines: str, dpi: int = 200, subgraph: bool = False
) -> str:
    """The diagram in the language of Graphviz."""
    head = [f'subgraph "cluster_{_quoted(diagram.name)}" {{'] if subgraph else ["digraph model {"]
    settings = [
        f"rankdir={rankdir};",
        f"splines={splines};",
        f"dpi={dpi};",
        'node [shape=box fontname="Helvetica"];',
    ]
    head += ["  " + line for line in ([] if subgraph else settings)]
    lines = _dot_lines(diagram, "n", "  ")
    return "\n".join([*head, *lines, "}"]) + "\n"


def _dot_lines(diagram: Diagram, prefix: str, indent: str) -> list[str]:
    lines = []
    for place, box in enumerate(diagram.boxes):
        text = "\\n".join(_quoted(line) for line in box.lines)
        if box.inside is None:
            lines.append(f'{indent}{prefix}{place} [label="{text}"];')
            continue
        lines += [
            f'{indent}subgraph "cluster_{prefix}{place}" {{',
            f'{indent}  label="{text}";',
            *_dot_lines(box.inside, f"{prefix}{place}_", indent + "  "),
            f"{indent}}}",
        ]
    for source, target in diagram.arrows:
        for first in _ends(diagram, source, prefix, False):
            for second in _ends(diagram, target, prefix, True):
                lines.append(f"{indent}{first} -> {second};")
    return lines


def _ends(diagram: Diagram, place: int, prefix: str, first: bool) -> list[str]:
    """The boxes where an arrow to or from a box ends: those inside of a model."""
    inside = diagram.boxes[place].inside
    if inside is None:
        return [f"{prefix}{place}"]
    targets = {target for _, target in inside.arrows}
    begins = [other for other in range(len(inside.boxes)) if other not in targets]
    found = []
    for other in begins if first else inside.outputs:
        found += _ends(inside, other, f"{prefix}{place}_", first)
    return found


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def svg_text(layout: Layout) -> str:
    """The layout as a picture in SVG."""
    width, height = layout.width + 2 * _MARGIN, layout.height + 2 * _MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.1f}" height="{height:.1f}" '
        f'viewBox="0 0 {width:.1f} {height:.1f}" font-family="{_FONT}" font-size="{_SIZE}">',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        *_svg_lines(layout, _MARGIN, _MARGIN),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _svg_lines(layout: Layout, x: float, y: float) -> list[str]:
    lines = []
    for points in layout.arrows:
        curve, head = _curve([(a + x, b + y) for a, b in points], layout.down)
        path = "M {:.1f} {:.1f}".format(*curve[0])
        for place in range(1, len(curve), 3):
            path += " C " + ", ".join("{:.1f} {:.1f}".format(*p) for p in curve[place : place + 3])
        corners = " ".join("{:.1f},{:.1f}".format(*corner) for corner in head)
        lines += [
            f'<path d="{path}" fill="none" stroke="{_EDGE}"/>',
            f'<polygon points="{corners}" fill="{_EDGE}"/>',
        ]
    for placed in layout.boxes:
        fill = _FILL if placed.inside is None else _GROUP
        lines.append(
            f'<rect x="{placed.x + x:.1f}" y="{placed.y + y:.1f}" width="{placed.width:.1f}" '
            f'height="{placed.height:.1f}" rx="4" fill="{fill}" stroke="{_EDGE}"/>'
        )
        for row, (text, (across, along)) in enumerate(_texts(placed)):
            weight = ' font-weight="bold"' if row == 0 else ""
            lines.append(
                f'<text x="{across + x:.1f}" y="{along + y:.1f}" text-anchor="middle" '
                f'dominant-baseline="central" fill="{_TEXT}"{weight}>{escape(text)}</text>'
            )
        if placed.inside is not None:
            corner = _inner_corner(placed)
            lines += _svg_lines(placed.inside, corner[0] + x, corner[1] + y)
    return lines


def _texts(placed: Placed) -> list[tuple[str, Point]]:
    """The lines of a box with their centers."""
    middle, top = placed.x + placed.width / 2, placed.y + PADDING / 2
    return [(line, (middle, top + LINE * (row + 0.5))) for row, line in enumerate(placed.box.lines)]


def _inner_corner(placed: Placed) -> Point:
    """Where the layout of a model inside begins."""
    inside = placed.inside
    width = inside.width if inside is not None else 0.0
    top = placed.y + LINE * len(placed.box.lines) + PADDING + PADDING
    return placed.x + (placed.width - width) / 2, top


def _curve(points: list[Point], down: bool) -> tuple[list[Point], list[Point]]:
    """Control points of a cubic spline through points, and the corners of the arrow's head."""
    tip, axis = points[-1], 1 if down else 0
    size = _HEAD if tip[axis] >= points[0][axis] else -_HEAD  # else an arrow backwards
    if down:
        end = (tip[0], tip[1] - size)
        head = [tip, (tip[0] - _HEAD / 2, end[1]), (tip[0] + _HEAD / 2, end[1])]
    else:
        end = (tip[0] - size, tip[1])
        head = [tip, (end[0], tip[1] - _HEAD / 2), (end[0], tip[1] + _HEAD / 2)]
    stops = [*points[:-1], end]
    curve = [stops[0]]
    for (a, b), (c, d) in pairwise(stops):
        half = (d - b) / 2 if down else (c - a) / 2
        curve += [(a, b + half), (c, d - half)] if down else [(a + half, b), (c - half, d)]
        curve.append((c, d))
    return curve, head


def figure(layout: Layout) -> Any:
    """The layout as a figure of matplotlib.

    Raises:
        ImportError: Without matplotlib.
    """
    from matplotlib import figure as figures

    width, height = layout.width + 2 * _MARGIN, layout.height + 2 * _MARGIN
    result: Any = figures.Figure(figsize=(width / 72, height / 72))
    axes = result.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.set_axis_off()
    _draw(axes, layout, _MARGIN, _MARGIN)
    return result


def _draw(axes: Any, layout: Layout, x: float, y: float) -> None:
    from matplotlib.patches import FancyBboxPatch, PathPatch, Polygon
    from matplotlib.path import Path

    for points in layout.arrows:
        curve, head = _curve([(a + x, b + y) for a, b in points], layout.down)
        codes = [Path.MOVETO, *[Path.CURVE4] * (len(curve) - 1)]
        axes.add_patch(PathPatch(Path(curve, codes), fill=False, edgecolor=_EDGE, linewidth=1.0))
        axes.add_patch(Polygon(head, closed=True, color=_EDGE))
    for placed in layout.boxes:
        axes.add_patch(
            FancyBboxPatch(
                (placed.x + x, placed.y + y),
                placed.width,
                placed.height,
                boxstyle="round,pad=0,rounding_size=4",
                facecolor=_FILL if placed.inside is None else _GROUP,
                edgecolor=_EDGE,
                linewidth=1.0,
            )
        )
        for row, (text, (across, along)) in enumerate(_texts(placed)):
            weight = "bold" if row == 0 else "normal"
            axes.text(
                across + x,
                along + y,
                text,
                ha="center",
                va="center",
                fontsize=_SIZE * 0.85,
                fontweight=weight,
                color=_TEXT,
            )
        if placed.inside is not None:
            corner = _inner_corner(placed)
            _draw(axes, placed.inside, corner[0] + x, corner[1] + y)
