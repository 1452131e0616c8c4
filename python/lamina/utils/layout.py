"""Where the boxes of a diagram lie: in layers, with few crossings and short arrows.

Each box lies one layer behind the last box that it takes from. Arrows over several layers bend
around what lies between. A model inside of a model is laid out on its own and then is one box.
Arrows that would close a circle, which shared layers make, go backwards; those from a box to itself
are left out.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

from lamina.utils.diagram import Box, Diagram

#: Sizes in points.
LINE, LETTER, PADDING, GAP, BETWEEN = 15.0, 6.4, 8.0, 32.0, 18.0
_SWEEPS = 8

Point = tuple[float, float]


class Placed(NamedTuple):
    """A box with its place: the left and upper corner, and its extents."""

    box: Box
    x: float
    y: float
    width: float
    height: float
    inside: Layout | None


class Layout(NamedTuple):
    """Placed boxes, and arrows as points on their way; all from the left and upper corner."""

    name: str
    boxes: list[Placed]
    arrows: list[list[Point]]
    width: float
    height: float
    down: bool


def lay_out(diagram: Diagram, down: bool) -> Layout:
    """Places the boxes of a diagram.

    Args:
        diagram: What to draw.
        down: Whether layers follow each other from top to bottom, else from left to right.
    """
    inside = [lay_out(box.inside, down) if box.inside else None for box in diagram.boxes]
    sizes = [_size(box, layout) for box, layout in zip(diagram.boxes, inside, strict=True)]
    if not down:
        sizes = [(height, width) for width, height in sizes]
    grid = _Grid(diagram, sizes)
    centers, tops = grid.across(), grid.along()
    left = min(c - w / 2 for c, w in zip(centers, grid.widths, strict=True))
    right = max(c + w / 2 for c, w in zip(centers, grid.widths, strict=True))
    length = max(t + h for t, h in zip(tops, grid.heights, strict=True))

    def point(across: float, along: float) -> Point:
        return (across - left, along) if down else (along, across - left)

    boxes = []
    for place, box in enumerate(diagram.boxes):
        width, height = sizes[place]
        x, y = point(centers[place] - width / 2, tops[place])
        size = (width, height) if down else (height, width)
        boxes.append(Placed(box, x, y, *size, inside[place]))
    # Arrows are straight along layers and bend in the gaps between them.
    starts, ends = grid.row_edges(tops)
    arrows = []
    for number, chain in enumerate(grid.chains):
        source, target = chain[0], chain[-1]
        points = [point(centers[source], tops[source] + grid.heights[source])]
        points.append(point(centers[source], ends[grid.layer[source]]))
        for place in chain[1:-1]:
            row = grid.layer[place]
            points += [point(centers[place], starts[row]), point(centers[place], ends[row])]
        points.append(point(centers[target], starts[grid.layer[target]]))
        points.append(point(centers[target], tops[target]))
        arrows.append(points[::-1] if number >= grid.forward else points)
    extents = (right - left, length) if down else (length, right - left)
    return Layout(diagram.name, boxes, arrows, *extents, down)


def _size(box: Box, inside: Layout | None) -> Point:
    width = LETTER * max(len(line) for line in box.lines) + 2 * PADDING
    height = LINE * len(box.lines) + PADDING
    if inside is None:
        return max(width, 60.0), height
    return max(width, inside.width + 2 * PADDING), height + inside.height + 2 * PADDING


class _Grid:
    """Boxes, and bends of long arrows, in layers."""

    def __init__(self, diagram: Diagram, sizes: list[Point]) -> None:
        self.widths = [width for width, _ in sizes]
        self.heights = [height for _, height in sizes]
        forward, backward = _without_circles(len(sizes), diagram.arrows)
        self.layer = _layers(len(sizes), forward + backward)
        #: The places that each arrow goes through, from the top on.
        self.chains = [self._chain(*arrow) for arrow in forward + backward]
        #: How many of them are arrows from the top on; the others go backwards.
        self.forward = len(forward)
        count = len(self.widths)
        self.before: list[list[int]] = [[] for _ in range(count)]
        self.behind: list[list[int]] = [[] for _ in range(count)]
        for chain in self.chains:
            for first, second in pairwise(chain):
                self.behind[first].append(second)
                self.before[second].append(first)
        self.rows: list[list[int]] = [[] for _ in range(max(self.layer) + 1)]
        for place in range(count):
            self.rows[self.layer[place]].append(place)
        self._reduce_crossings()

    def _chain(self, source: int, target: int) -> list[int]:
        bends = []
        for layer in range(self.layer[source] + 1, self.layer[target]):
            bends.append(len(self.layer))
            self.layer.append(layer)
            self.widths.append(0.0)
            self.heights.append(0.0)
        return [source, *bends, target]

    def _reduce_crossings(self) -> None:
        """Orders each layer by the mean place of neighbours, up and down in turn."""
        best, fewest = [list(row) for row in self.rows], self._crossings()
        for sweep in range(_SWEEPS):
            downwards = sweep % 2 == 0
            rows = self.rows if downwards else self.rows[::-1]
            neighbours = self.before if downwards else self.behind
            for row in rows[1:]:
                where = {p: i for line in self.rows for i, p in enumerate(line)}
                mean = {
                    p: sum(where[n] for n in neighbours[p]) / len(neighbours[p])
                    if neighbours[p]
                    else float(where[p])
                    for p in row
                }
                row.sort(key=lambda p: mean[p])
            crossings = self._crossings()
            if crossings < fewest:
                best, fewest = [list(row) for row in self.rows], crossings
        self.rows = best

    def _crossings(self) -> int:
        where = {p: i for line in self.rows for i, p in enumerate(line)}
        total = 0
        for row in self.rows:
            ends = [(where[p], where[n]) for p in row for n in self.behind[p]]
            total += sum(
                (a[0] - b[0]) * (a[1] - b[1]) < 0 for i, a in enumerate(ends) for b in ends[:i]
            )
        return total

    def across(self) -> list[float]:
        """The centers across the layers: near those of neighbours, without overlaps."""
        centers = [0.0] * len(self.widths)
        for row in self.rows:
            self._settle(row, [0.0] * len(row), centers)
        for sweep in range(_SWEEPS):
            downwards = sweep % 2 == 0
            for row in self.rows if downwards else self.rows[::-1]:
                near = self.before if downwards else self.behind
                wanted = []
                for place in row:
                    others = near[place] or (self.before[place] + self.behind[place])
                    found = [centers[other] for other in others]
                    wanted.append(sum(found) / len(found) if found else centers[place])
                self._settle(row, wanted, centers)
        return centers

    def _settle(self, row: list[int], wanted: list[float], centers: list[float]) -> None:
        """The nearest centers in this order that keep their distances: an isotonic regression."""
        offsets, total = [], 0.0
        for index, place in enumerate(row):
            if index:
                total += (self.widths[row[index - 1]] + self.widths[place]) / 2 + BETWEEN
            offsets.append(total)
        blocks: list[list[float]] = []  # the mean and the number of members
        for target, offset in zip(wanted, offsets, strict=True):
            blocks.append([target - offset, 1.0])
            while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
                mean, count = blocks.pop()
                last = blocks[-1]
                last[0] = (last[0] * last[1] + mean * count) / (last[1] + count)
                last[1] += count
        means = [mean for mean, count in blocks for _ in range(int(count))]
        for place, mean, offset in zip(row, means, offsets, strict=True):
            centers[place] = mean + offset

    def along(self) -> list[float]:
        """Where boxes begin along the layers: centered in theirs."""
        tops, start = [0.0] * len(self.heights), 0.0
        for row in self.rows:
            extent = max(self.heights[place] for place in row)
            for place in row:
                tops[place] = start + (extent - self.heights[place]) / 2
            start += extent + GAP
        return tops

    def row_edges(self, tops: list[float]) -> tuple[list[float], list[float]]:
        """Where each layer begins and ends."""
        starts = [min(tops[place] for place in row) for row in self.rows]
        ends = [max(tops[place] + self.heights[place] for place in row) for row in self.rows]
        return starts, ends


def _without_circles(
    count: int, arrows: list[tuple[int, int]]
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """The arrows that close no circle with those before them, and the others turned round."""
    forward: list[tuple[int, int]] = []
    backward: list[tuple[int, int]] = []
    behind: list[list[int]] = [[] for _ in range(count)]
    for source, target in arrows:
        if source == target:
            continue
        reached, waiting = {target}, [target]
        while waiting:
            for other in behind[waiting.pop()]:
                if other not in reached:
                    reached.add(other)
                    waiting.append(other)
        if source in reached:
            backward.append((target, source))
        else:
            forward.append((source, target))
            behind[source].append(target)
    return forward, backward


def _layers(count: int, arrows: list[tuple[int, int]]) -> list[int]:
    """The longest way to each box; boxes without arrows into them lie just before their first."""
    layer = [0] * count
    changed = True
    while changed:  # without circles, at most as often as there are layers
        changed = False
        for source, target in arrows:
            if layer[target] <= layer[source]:
                layer[target], changed = layer[source] + 1, True
    targets = {target for _, target in arrows}
    for place in range(count):
        following = [layer[target] for source, target in arrows if source == place]
        if place not in targets and following:
            layer[place] = min(following) - 1
    return layer
