"""A graph as boxes, frames and curves on a plane."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from common.architecture.graph import INPUT, Graph
from server_app.show.operations import operation_words, shape_words
from server_app.show.parts import INPUT_NAME, Part, parameters_of, parts_of
from server_app.show.positions import Positions, positions_of
from server_app.show.ranks import Band, bands_of, ranks_of

LETTER = 6.8
"""Pixels of one letter at most, in the mean over a line, at a font size of 12."""
_HEIGHT, _LEAST = 38.0, 84.0
_BETWEEN, _BESIDE = 18.0, 22.0
"""Pixels between ranks, and between neighbours of a rank."""
_INSIDE, _LABEL = 12.0, 20.0
"""Pixels between a frame and its boxes, and for its label."""


@dataclass(frozen=True)
class Box:
    """A node, by the middle of its box; sizes are pixels.

    ``role`` is ``input``, ``weights`` (it has some), ``join`` (it brings inputs together) or ``plain``.
    """

    name: str
    role: str
    lines: tuple[str, str]
    told: str
    x: float
    y: float
    width: float
    height: float = _HEIGHT


@dataclass(frozen=True)
class Frame:
    """What surrounds the boxes of a part, by its upper left corner."""

    name: str
    label: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Curve:
    """An edge: straight through each rank that it passes, and bent between ranks; ``path`` is that of an SVG."""

    source: str
    target: str
    path: str


@dataclass(frozen=True)
class Drawing:
    """All of it, from (`left`, 0) to (`right`, `height`)."""

    boxes: tuple[Box, ...]
    frames: tuple[Frame, ...]
    curves: tuple[Curve, ...]
    left: float
    right: float
    height: float


def drawing_of(graph: Graph) -> Drawing:
    """Lay a graph out from top to bottom; the same graph always gives the same drawing."""
    parts = parts_of(graph)
    bands = bands_of(parts)
    ranks = ranks_of(graph, bands)
    lines = _lines(graph, parts)
    widths = {index: max(_LEAST, LETTER * max(map(len, pair)) + 16) for index, pair in lines.items()}
    positions = positions_of(graph, ranks, widths, _BESIDE)
    rows, height = _rows(bands, ranks)
    boxes = {
        index: _box(graph, index, lines[index], positions.nodes[index], rows[rank], widths[index])
        for index, rank in ranks.items()
    }
    frames = tuple(_frame(band.part, [boxes[index] for index in band.nodes]) for band in bands if band.part)
    curves = tuple(_curves(boxes, positions, ranks, rows))
    left = min([0.0, *(frame.x for frame in frames)])
    right = max([positions.width, *(frame.x + frame.width for frame in frames)])
    return Drawing(tuple(boxes[index] for index in sorted(boxes)), frames, curves, left, right, height)


def _lines(graph: Graph, parts: Sequence[Part]) -> dict[int, tuple[str, str]]:
    """Return what stands in each box; a part without a frame has its name there."""
    lines = {INPUT: (INPUT_NAME, shape_words(graph.input_shape))}
    for part in parts:
        for index in part.nodes:
            node = graph.nodes[index]
            shape = shape_words(node.output_shape)
            lines[index] = (operation_words(node.operation), shape if len(part.nodes) > 1 else f"{part.name} · {shape}")
    return lines


def _rows(bands: Sequence[Band], ranks: Mapping[int, int]) -> tuple[dict[int, float], float]:
    """Return the middle of each rank, and the height of all."""
    rows: dict[int, float] = {}
    end = 0.0
    for band in bands:
        framed = band.part is not None
        end += _INSIDE + _LABEL if framed else 0.0
        for rank in sorted({ranks[index] for index in band.nodes}):
            rows[rank] = end + _HEIGHT / 2
            end += _HEIGHT + _BETWEEN
        end += _INSIDE if framed else 0.0
    return rows, end - _BETWEEN


def _box(graph: Graph, index: int, lines: tuple[str, str], x: float, y: float, width: float) -> Box:
    if index == INPUT:
        return Box(INPUT_NAME, INPUT_NAME, lines, INPUT_NAME, x, y, width)
    node = graph.nodes[index]
    parameters, macs = parameters_of(graph, node), node.operation.macs(*graph.entering(node))
    role = "weights" if parameters else "join" if node.operation.arity is None else "plain"
    return Box(node.name, role, lines, f"{node.name}: {parameters:,} parameters, {macs:,} MACs", x, y, width)


def _frame(part: Part, boxes: Sequence[Box]) -> Frame:
    label = f"{part.name} · {part.parameters:,} parameters · {part.macs:,} MACs"
    left = min(box.x - box.width / 2 for box in boxes) - _INSIDE
    right = max(box.x + box.width / 2 for box in boxes) + _INSIDE
    top = min(box.y for box in boxes) - _HEIGHT / 2 - _INSIDE - _LABEL
    bottom = max(box.y for box in boxes) + _HEIGHT / 2 + _INSIDE
    width = max(right - left, LETTER * len(label) + 2 * _INSIDE)
    return Frame(part.name, label, (left + right - width) / 2, top, width, bottom - top)


def _curves(
    boxes: Mapping[int, Box], positions: Positions, ranks: Mapping[int, int], rows: Mapping[int, float]
) -> Iterator[Curve]:
    for (source, target), bends in positions.bends.items():
        start, end = boxes[source], boxes[target]
        points = [(start.x, start.y + _HEIGHT / 2)]
        for rank, bend in enumerate(bends, ranks[source] + 1):
            points += [(bend, rows[rank] - _HEIGHT / 2), (bend, rows[rank] + _HEIGHT / 2)]
        points.append((end.x, end.y - _HEIGHT / 2))
        yield Curve(start.name, end.name, _path(points))


def _path(points: Sequence[tuple[float, float]]) -> str:
    """Return lines where two points stand above each other, and curves that begin and end vertically elsewhere."""
    words = [f"M{points[0][0]:.1f},{points[0][1]:.1f}"]
    for (x, y), (to_x, to_y) in pairwise(points):
        middle = (y + to_y) / 2
        if x == to_x:
            words.append(f"V{to_y:.1f}")
        else:
            words.append(f"C{x:.1f},{middle:.1f} {to_x:.1f},{middle:.1f} {to_x:.1f},{to_y:.1f}")
    return " ".join(words)
